"""``auto`` against LASSO datamodels on texts: sentences, subjective or not, by their words."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

import interplay as ip
from benchmarks.ground.row import Row
from benchmarks.table import assets
from benchmarks.training_data.faithfulness import EXAMPLES, TESTS, measured, row_of, table_of
from interplay.lenses.training_data import Dataset
from interplay.lenses.training_data.engines.words import OnWords

CLASSES = ("objective", "subjective")


def rows(quick: bool = False) -> list[Row]:
    """Return the row of the sentences."""
    data, tests = sentences(EXAMPLES, TESTS, seed=0)
    function = ip.training_data(OnWords("logistic"), data, tests)
    return [row_of("logistic on words", CLASSES, measured(function, quick))]


def sentences(train: int, test: int, seed: int) -> tuple[Dataset, Dataset]:
    """Return sentences to train on and others to ask about, drawn at random."""
    path = assets() / "text" / "subjectivity.jsonl"
    held = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    drawn = np.random.default_rng([seed, 13]).choice(len(held), train + test, replace=False)
    texts = [held[i]["text"] for i in drawn]
    labels = np.array([int(held[i]["label"]) for i in drawn])
    return (
        Dataset.of((texts[:train], labels[:train]), classes=CLASSES),
        Dataset.of((texts[train:], labels[train:]), classes=CLASSES),
    )


def report(rows: Sequence[Row]) -> str:
    """Return what stands below the table of all rows."""
    return f"""## Texts

The same for {EXAMPLES} sentences of reviews and plots, weighed words (TF-IDF) and logistic
regression.

{table_of(rows)}"""
