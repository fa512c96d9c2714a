"""Where the time of a long run goes: 4,000 calls on a review of 950 to 1,000 words, two cores.

The model's own time is that of its forward passes, by hooks on the network; tokens are the time in
which masked texts become token ids; the fit is what ``ip.explain`` says; the rest is everything
else, from the splitting of the text to the finding, the store included. Loading the model is not
counted.
"""

from __future__ import annotations

import csv
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import interplay as ip
from benchmarks.ground.row import Row
from benchmarks.table import assets, markdown
from interplay.demo import model_path
from interplay.models.hf_classifier import HFClassifier

WORDS, QUICK_WORDS = (950, 1000), (30, 40)
CALLS, QUICK_CALLS = 4000, 200
BAR = 0.1


def rows(quick: bool = False) -> list[Row]:
    """Return one row: the share of the run that is not the model's."""
    import torch

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    spent = measure(review(*(QUICK_WORDS if quick else WORDS)), QUICK_CALLS if quick else CALLS)
    share = 1 - spent["model"] / spent["total"]
    parts = ", ".join(
        f"{100 * spent[name] / spent['total']:.1f} % {name}" for name in ("fit", "tokens", "rest")
    )
    return [
        Row(
            f"share of the time that is not the model's: {spent['words']} words, "
            f"{spent['calls']:,} calls, {spent['threads']} threads",
            f"<= {100 * BAR:.0f} %",
            f"{100 * share:.1f} % of {spent['total']:.0f} s ({parts})",
            share <= BAR,
            spent,
        )
    ]


def review(low: int, high: int) -> str:
    """Return the first review of so many words."""
    with (assets() / "text" / "long_reviews.csv").open(encoding="utf-8", newline="") as file:
        texts = [row["review"] for row in csv.DictReader(file)]
    return next(text for text in texts if low <= len(text.split()) <= high)


def measure(text: str, calls: int) -> dict[str, Any]:
    """Return the seconds of a whole run and of its parts."""
    import torch

    classifier = HFClassifier.load(model_path())
    model = Clock()
    classifier.model.register_forward_pre_hook(lambda *_: model.start())
    classifier.model.register_forward_hook(lambda *_: model.stop())
    tokens = Clock()
    began, processor = time.perf_counter(), time.process_time()
    function = ip.text(text, model=classifier, target="logit:positive")
    inner = function.ablation.queries

    def queries(masks: Any) -> Any:
        tokens.start()
        try:
            return inner(masks)
        finally:
            tokens.stop()

    with (
        tempfile.TemporaryDirectory() as folder,
        patch.object(function.ablation, "queries", queries),
    ):
        explanation = ip.explain(function, budget=calls, store=Path(folder) / "runs.db")
    total = time.perf_counter() - began
    fit = explanation.cost.fit_seconds
    return {
        "words": len(function.features),
        "calls": explanation.cost.calls,
        "threads": torch.get_num_threads(),
        "total": total,
        "model": model.seconds,
        "tokens": tokens.seconds,
        "fit": fit,
        "rest": total - model.seconds - tokens.seconds - fit,
        # of one core; twice the total, or nearly, where nothing else ran
        "processor": time.process_time() - processor,
        "r2": explanation.faithfulness.value,
    }


class Clock:
    """Sums the seconds between starts and stops."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._since = 0.0

    def start(self) -> None:
        self._since = time.perf_counter()

    def stop(self) -> None:
        self.seconds += time.perf_counter() - self._since


def report(rows: Sequence[Row]) -> str:
    """Return the split as a table."""
    (spent,) = (row.detail for row in rows)
    table = [
        [name, f"{spent[name]:.1f}", f"{100 * spent[name] / spent['total']:.1f} %"]
        for name in ("model", "fit", "tokens", "rest", "total")
    ]
    return f"""## A thousand words

`ip.explain(ip.text(review, ...), budget={spent["calls"]})` with a store, words as units, method
`auto` (R² {spent["r2"]:.2f} by its own estimate). "model" is the time in the network's forward
passes, "tokens" that in which masked texts become token ids, "rest" everything else. The model is
loaded before. {spent["processor"]:.0f} s of processor time in {spent["total"]:.0f} s.

{markdown(["part", "seconds", "share"], table)}"""
