"""The networks that are measured, and tasks for them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

import interplay as ip
from benchmarks.components.vit import vit
from benchmarks.table import assets
from interplay.demo import language_model_path, model_path, questions
from interplay.lenses.components import Task
from interplay.value_function import BoolArray

TEMPERATURE = 0.8
OPENING = 16
"""Tokens of a text that are the prompt."""


def folder_of(name: str) -> Path:
    """Return the folder of a network."""
    made = {"facts": language_model_path, "sentiment": model_path, "vit": vit}
    return made[name]() if name in made else assets() / "models" / name


@lru_cache(maxsize=2)
def texts(name: str, count: int, tokens: int) -> list[list[int]]:
    """Return token ids of texts that a language model wrote itself, sampled, each from ``<s>``."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder_of(name)).eval()
    torch.manual_seed(0)
    start = torch.full((count, 1), int(model.config.bos_token_id))
    with torch.inference_mode():
        found = model.generate(
            start,
            attention_mask=torch.ones_like(start),
            do_sample=True,
            top_k=0,
            temperature=TEMPERATURE,
            min_new_tokens=tokens - 1,
            max_new_tokens=tokens - 1,
            pad_token_id=2,
        )
    ids: list[list[int]] = found.tolist()
    return ids


def written(name: str, count: int, tokens: int, opening: int = OPENING) -> Task:
    """Return the task of going on as the network did itself."""
    ids = texts(name, count, tokens)
    return Task.response([row[:opening] for row in ids], [row[opening:] for row in ids])


def facts_task(**options: Any) -> Task:
    """Return the embedded language model's questions, as ``interplay components`` asks them."""
    return Task.multiple_choice(str(questions()), score="token", template="{question}", **options)


def sentences(count: int) -> Task:
    """Return the first sentences of SST-2's development set, for the sentiment classifier."""
    lines = (assets() / "text" / "sst2_dev.tsv").read_text("utf-8").splitlines()[:count]
    rows = [line.rsplit("\t", 1) for line in lines]
    return Task.classification(
        [text for text, _ in rows], [("negative", "positive")[int(label)] for _, label in rows]
    )


def function_of(name: str, task: Task, parts: str = "heads", **options: Any) -> Any:
    """Return the value function over all prompts of a task."""
    return ip.components(str(folder_of(name)), task=task, parts=parts, **options).on("all")


def random_masks(n: int, m: int, seed: int = 0) -> BoolArray:
    """Return m uniform masks, at least one part of each kept and one gone."""
    masks = np.random.default_rng([seed, n]).random((m, n)) < 0.5
    masks[:, 0] = ~masks[:, 1:].any(axis=1) | (masks[:, 0] & ~masks.all(axis=1))
    return masks
