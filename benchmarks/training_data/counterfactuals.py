"""The 20 strongest pairs of an explanation, measured by retraining on random backgrounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import interplay as ip
from benchmarks.ground.row import Row
from benchmarks.table import markdown
from benchmarks.training_data import subjects
from interplay.actions.counterfactuals import counterfactuals
from interplay.lenses.training_data import Dataset

COUNT, TARGETS, MASKS = 200, 20, 3000
BACKGROUNDS, TOP, SEEDS = 50, 20, 2
SUBJECTS = ("cat and dog", "automobile and truck", "digits")


def rows(quick: bool = False) -> list[Row]:
    """Return a row for each subject."""
    import torch

    torch.set_num_threads(1)
    found = []
    for name in SUBJECTS[:1] if quick else SUBJECTS:
        runs = [one for seed in range(1 if quick else SEEDS) for one in _run(name, seed, quick)]
        found.append(_judged(name, runs))
        print(f"counterfactuals: {name}: {found[-1].measured}", flush=True)
    return found


def _data(name: str, seed: int) -> tuple[Dataset, Dataset]:
    if name == "digits":
        return subjects.digits(COUNT, TARGETS, seed)[:2]
    return subjects.pair_of_classes(*name.split(" and "), COUNT, TARGETS, seed)[:2]


def _run(name: str, seed: int, quick: bool) -> list[dict[str, Any]]:
    """What was measured for the mean over targets, and for one of them."""
    train, tests = _data(name, seed)
    mean = subjects.MeanOnly(ip.training_data("ridge", train, tests))
    one = ip.training_data("ridge", train, tests.take([0]))
    found = []
    for function in (mean, one):
        budget = 1000 if quick else MASKS
        explanation = ip.explain(function, budget=budget, seed=seed, store=None)
        told = counterfactuals(explanation, function, top=TOP, backgrounds=BACKGROUNDS, seed=seed)
        found.append(
            told.to_dict()
            | {
                "mean": function is mean,
                "r2": explanation.faithfulness.value,
                "fitted": explanation.finding.fitted,
            }
        )
    return found


def _judged(name: str, runs: list[dict[str, Any]]) -> Row:
    signs = [run["sign_agreement"] for run in runs]
    correlations = [run["correlation"] for run in runs]
    return Row(
        f"{TOP} strongest pairs of {COUNT} examples, {BACKGROUNDS} backgrounds, {name}, "
        f"{len(runs)} targets",
        "sign right in >= 80 %; correlation of measured and predicted >= .7",
        f"sign right in {100 * np.mean(signs):.0f} % ({100 * min(signs):.0f} to "
        f"{100 * max(signs):.0f}), correlation {np.mean(correlations):.2f} "
        f"({min(correlations):.2f} to {max(correlations):.2f})",
        bool(np.mean(signs) >= 0.8 and np.mean(correlations) >= 0.7),
        {"subject": name, "runs": [_short(run) for run in runs]},
    )


def _short(run: dict[str, Any]) -> dict[str, Any]:
    pairs = run["pairs"]
    full = np.array([pair["full"] for pair in pairs])
    predicted = np.array([pair["predicted"] for pair in pairs])
    measured = np.array([pair["measured"] for pair in pairs])
    return {
        "target": run["target"],
        "mean": run["mean"],
        "r2": run["r2"],
        "fitted": run["fitted"],
        "sign_agreement": run["sign_agreement"],
        "sign_interval": run["sign_interval"],
        "correlation": run["correlation"],
        "correlation_interval": run["correlation_interval"],
        "clear": int(sum(pair["low"] > 0 or pair["high"] < 0 for pair in pairs)),
        "slope": float((predicted @ measured) / (predicted @ predicted)),
        "full sign": float(np.mean(full * predicted > 0)),
        "full correlation": float(np.corrcoef(full, predicted)[0, 1]),
    }


def report(rows: Sequence[Row]) -> str:
    """Return a line for each target."""
    table = []
    for row in rows:
        for run in row.detail["runs"]:
            low, high = run["correlation_interval"]
            table.append(
                [
                    row.detail["subject"],
                    "mean" if run["mean"] else "one",
                    f"{run['r2']:.2f}",
                    f"{100 * run['sign_agreement']:.0f}",
                    f"{run['correlation']:.2f} ({low:.2f} to {high:.2f})",
                    f"{run['slope']:.2f}",
                    run["clear"],
                    f"{100 * run['full sign']:.0f}",
                    f"{run['full correlation']:.2f}",
                ]
            )
    header = [
        "data", "target", "R²", "sign right, %", "correlation (90 %)", "slope", "clear of 0",
        "sign at the full set, %", "correlation at the full set",
    ]  # fmt: skip
    return f"""## Counterfactuals of the strongest pairs

Ridge regression on {COUNT} examples, features of the ResNet-20 or pixels of digits; the mean
margin of {TARGETS} test examples, and the margin of one, {SEEDS} seeds; explanations from
{MASKS:,} masks, method `auto`. Each pair is retrained with both, with each, and with neither on
{BACKGROUNDS} random halves of the other examples, which no fit has seen. *Slope*: measured on
predicted, through zero. *Clear of 0*: pairs, of {TOP}, whose 90 % interval leaves zero out. The
full set is another background than those that the spectrum speaks of: it is reported.

{markdown(header, table)}"""
