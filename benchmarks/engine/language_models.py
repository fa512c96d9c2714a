"""Value functions of the two small language models in the assets: fresh recordings, any masks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from benchmarks.table import assets
from interplay.value_function import BoolArray, FloatArray

BATCH = 256


@dataclass(frozen=True)
class Subject:
    """One value function: a model, an opening, and what is ablated.

    ``what`` is "heads" (mean log-probability per token of the story that the model wrote from the
    opening, heads zeroed before the output projection) or "tokens" (log-probability of the
    ``following`` tokens, tokens before them replaced by <unk>).
    """

    name: str
    model: str
    opening: str
    what: str
    n: int
    following: int


SUBJECTS = (
    Subject("stories_heads_a", "stories260k", "One day, a boy named Tim", "heads", 40, 64),
    Subject("baby_heads_a", "babyllama", "One day, a boy named Tim", "heads", 40, 128),
    Subject("stories_tokens_a", "stories260k", "There was a big dog who", "tokens", 64, 16),
    Subject("stories_tokens_b", "stories260k", "The cat and the bird", "tokens", 96, 16),
    Subject("baby_tokens_a", "babyllama", "Sara had a red ball.", "tokens", 64, 24),
    Subject("baby_tokens_b", "babyllama", "The cat was sad.", "tokens", 128, 24),
    Subject("stories_heads_b", "stories260k", "Lily and Ben went to the park", "heads", 40, 64),
    Subject("baby_heads_b", "babyllama", "The sun was hot and", "heads", 40, 128),
)
"""None of these texts is in the recordings of the assets."""


@lru_cache(maxsize=2)
def _loaded(model: str) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(1)
    folder = assets() / "models" / model
    network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return AutoTokenizer.from_pretrained(folder), network.eval()


def value_function(subject: Subject) -> Callable[[BoolArray], FloatArray]:
    """Return ``masks (m, n) -> values (m,)`` of a subject."""
    import torch

    tokenizer, network = _loaded(subject.model)
    prompt = tokenizer(subject.opening, return_tensors="pt").input_ids
    length = 1 + subject.following + (subject.n if subject.what == "tokens" else 0)
    with torch.no_grad():
        ids = network.generate(
            prompt, max_length=length, min_length=length, do_sample=False, pad_token_id=2
        )[0]
    if len(ids) != length:
        raise ValueError(f"{subject.name}: the story has {len(ids)} tokens, not {length}")
    scored = slice(length - subject.following, length)

    def log_probabilities(rows: Any) -> Any:
        logits = network(rows).logits[:, scored.start - 1 : length - 1].float()
        each = logits.log_softmax(dim=-1).gather(2, rows[:, scored, None])
        return each[:, :, 0].sum(dim=1).double()

    def tokens(masks: BoolArray) -> Any:
        rows = ids.repeat(len(masks), 1)
        rows[:, 1 : 1 + subject.n][torch.from_numpy(~masks)] = 0
        return log_probabilities(rows)

    def heads(masks: BoolArray) -> Any:
        layers = network.model.layers
        kept = torch.from_numpy(masks.astype(np.float32)).reshape(len(masks), len(layers), -1)

        def hook(layer: int) -> Callable[[Any, Any], Any]:
            def cut(module: Any, given: Any) -> Any:
                (hidden,) = given
                parts = hidden.reshape(*hidden.shape[:2], kept.shape[2], -1)
                return ((parts * kept[:, layer, None, :, None]).reshape(hidden.shape),)

            return cut

        handles = [
            layer.self_attn.o_proj.register_forward_pre_hook(hook(i))
            for i, layer in enumerate(layers)
        ]
        try:
            return log_probabilities(ids.repeat(len(masks), 1)) / subject.following
        finally:
            for handle in handles:
                handle.remove()

    evaluate = heads if subject.what == "heads" else tokens

    def call(masks: BoolArray) -> FloatArray:
        with torch.no_grad():
            parts = [evaluate(masks[i : i + BATCH]) for i in range(0, len(masks), BATCH)]
        values: FloatArray = torch.cat(parts).numpy()
        return values

    return call
