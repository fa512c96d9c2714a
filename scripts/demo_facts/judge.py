"""Figures of the trained model on held-out items, and its model card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerBase

from . import world
from .items import Item, held_out_items

ITEMS, SEED = 400, 1_000
BATCH = 50


def answers_of(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase, items: Sequence[Item]
) -> tuple[list[str], np.ndarray]:
    """What the model says to each prompt (the most probable token of all), and P(item.answer)."""
    said: list[str] = []
    probability = np.empty(len(items))
    for start in range(0, len(items), BATCH):
        some = items[start : start + BATCH]
        inputs = tokenizer([item.prompt for item in some], padding=True, return_tensors="pt")
        with torch.inference_mode():
            logits = model(**inputs, logits_to_keep=1).logits[:, 0]
        shares = logits.double().softmax(1).numpy()
        said += [text.strip() for text in tokenizer.batch_decode(shares.argmax(1)[:, None])]
        wanted = [tokenizer.encode(f" {item.answer}", add_special_tokens=False)[0] for item in some]
        probability[start : start + BATCH] = shares[np.arange(len(some)), wanted]
    return said, probability


@dataclass(frozen=True)
class Figures:
    """Of one kind of question, on held-out items with 4 to 8 facts."""

    balanced: float  # accuracy on items with yes and no equally often
    needs_both: float  # accuracy on items that need both facts
    probability: float  # mean P(answer) on these
    blind: float  # how often it gives the answer of balanced items to the question of another
    removed: tuple[float, ...]  # accuracy on the needs-both items without a supporting fact
    removed_probability: tuple[float, ...]
    removed_unknown: tuple[float, ...]  # how often it then says "unknown"


def measure(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase, kind: str, count: int = ITEMS
) -> Figures:
    """Measure everything that the model card reports about a kind."""
    balanced = held_out_items(kind, count, SEED, needs_both=False)
    both = held_out_items(kind, count, SEED)
    swapped = [
        item.asked(other.question)
        for item, other in zip(balanced, [*balanced[1:], balanced[0]], strict=True)
    ]
    accuracy, probabilities, unknown = [], [], []
    for number in range(len(both[0].supporting)):
        ablated = [item.without(item.supporting[number]) for item in both]
        said, probability = answers_of(model, tokenizer, ablated)
        accuracy.append(_share(said, ablated))
        probabilities.append(float(probability.mean()))
        unknown.append(float(np.mean([word == world.UNKNOWN for word in said])))
    said, probability = answers_of(model, tokenizer, both)
    return Figures(
        balanced=_share(answers_of(model, tokenizer, balanced)[0], balanced),
        needs_both=_share(said, both),
        probability=float(probability.mean()),
        blind=_share(answers_of(model, tokenizer, swapped)[0], swapped),
        removed=tuple(accuracy),
        removed_probability=tuple(probabilities),
        removed_unknown=tuple(unknown),
    )


def _share(said: Sequence[str], items: Sequence[Item]) -> float:
    return float(np.mean([word == item.answer for word, item in zip(said, items, strict=True)]))


def model_card(
    figures: dict[str, Figures],
    model: LlamaForCausalLM,
    folder: Path,
    seed: int,
    steps: int,
    run: str,
    versions: dict[str, str],
) -> str:
    """Fill in ``model_card.md``."""
    template = Path(__file__).with_name("model_card.md").read_text(encoding="utf-8")
    rows = [
        f"| {kind} | {f.needs_both:.1%} | {f.balanced:.1%} | {f.blind:.1%} | "
        f"{' / '.join(f'{x:.1%}' for x in f.removed)} | {f.probability:.3f} | "
        f"{' / '.join(f'{x:.3f}' for x in f.removed_probability)} |"
        for kind, f in figures.items()
    ]
    files = [path for path in folder.iterdir() if path.name != "README.md"]
    return template.format(
        config=model.config,
        rows="\n".join(rows),
        items=ITEMS,
        parameters=sum(p.numel() for p in model.parameters()),
        megabytes=sum(path.stat().st_size for path in files) / 1e6,
        versions=", ".join(f"{name} {version}" for name, version in versions.items()),
        seed=seed,
        steps=steps,
        run=run,
        names=len(world.NAMES),
        places=len(world.PLACES),
        objects=len(world.OBJECTS),
    )
