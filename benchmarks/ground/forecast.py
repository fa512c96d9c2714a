"""Budgets measured: what is foretold, against what it then costs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

import interplay as ip
from benchmarks.ground.row import Row
from interplay.demo import model_path, short_review
from interplay.evaluate import Budget, Forecasted, Meter, evaluate
from interplay.masks import uniform


def foretold(function: Callable[..., Any], budget: str, seed: int) -> tuple[Any, ip.Explanation]:
    """Return the last forecast of a run, that after its first batch, and the run."""
    told: list[Any] = []

    def on_event(event: object) -> None:
        if isinstance(event, Forecasted):
            told.append(event.forecast)

    found = ip.explain(
        function, budget=budget, seed=seed, store=None, method="lasso", on_event=on_event
    )
    return told[-1], found


def rows(quick: bool = False) -> list[Row]:
    """Forecasts of the demo classifier, and how far a limit on seconds is overrun."""
    value = ip.text(short_review(), model=str(model_path()), target="logit:positive")
    batch = value.batch_size
    inside, seconds = 0, []
    runs = 3 if quick else 10
    for seed in range(runs):
        told, found = foretold(value, "600", seed)
        spent = found.cost.model_seconds
        share = (600 - batch) / 600  # the forecast speaks of what comes after the first batch
        inside += told.seconds[0] <= share * spent <= told.seconds[1]
        seconds.append(spent)
    over = []
    masks = uniform(40, 4000, np.random.default_rng(0))

    def slow(asked: np.ndarray) -> np.ndarray:
        time.sleep(0.002 * len(asked))
        return asked.sum(1)

    for limit in (0.5, 1.0):
        found = evaluate(slow, masks, meter=Meter(Budget(seconds=limit)))
        over.append(found.seconds / limit - 1)
    exact = [
        len(evaluate(lambda m: m.sum(1), masks, meter=Meter(Budget(calls=calls))).values) == calls
        for calls in (1, 63, 64, 65, 1000)
    ]
    return [
        Row(
            "seconds foretold after the first batch hold the measured ones",
            "told as a range",
            f"{inside} of {runs} runs of 600 calls ({np.median(seconds):.2f} s each)",
            inside >= 0.7 * runs,
        ),
        Row(
            "a limit of seconds is kept within one batch (64 calls of 2 ms)",
            "<= one batch",
            f"overrun {max(over) * 100:+.1f} % of the limit at most; calls exact: {all(exact)}",
            max(over) <= 0.128 / 0.5 and all(exact),
        ),
    ]
