"""Which 70 % of the examples to keep: ``ip.select`` beside its rivals, with planted duplicates.

Every method chooses by the targets (k-NN by the inputs), and is judged on a holdout that none has
seen. Settings of the search were fixed on other pairs of classes (horses and deer, ships and
airplanes).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import interplay as ip
from benchmarks.ground.row import Row
from benchmarks.table import markdown
from benchmarks.training_data import subjects
from interplay.actions.select import Selection
from interplay.intervals import of_mean
from interplay.lenses.training_data.together import together

COUNT, COPIES, TARGETS, KEEP, MASKS = 400, 40, 200, 0.7, 1000
CLASSES = ("cat", "dog")
SEEDS, LOSS_SEEDS = 20, 20
NAMES = {"auto": "auto", "order-1": "order 1", "random": "random", "k-nn": "k-NN"}


def rows(quick: bool = False) -> list[Row]:
    """Return a row for each set and value."""
    import torch

    torch.set_num_threads(1)
    found = []
    for value, copies, seeds in (
        ("margin", COPIES, SEEDS),
        ("margin", 0, SEEDS),
        ("loss", COPIES, LOSS_SEEDS),
    ):
        runs = [_run(value, copies, seed) for seed in range(2 if quick else seeds)]
        found.append(_judged(value, copies, runs))
        print(f"selection: {value}, {copies} copies: {found[-1].measured}", flush=True)
    return found


def _run(value: str, copies: int, seed: int) -> dict[str, Any]:
    train, tests, holdout = subjects.pair_of_classes(*CLASSES, COUNT - copies, TARGETS, seed)
    places, pairs = subjects.planted(COUNT, copies, seed)
    function = ip.training_data("ridge", train.take(places), tests, holdout=holdout, value=value)
    explanation = ip.explain(subjects.MeanOnly(function), budget=MASKS, seed=seed, store=None)
    assert explanation.evaluations is not None
    masks = explanation.evaluations.masks
    seen = together(masks, function(masks)[:, 1:], features=function.features)
    found = ip.select(explanation, function, keep=KEEP, seed=seed, repeats=seen)
    margins = ip.training_data("ridge", train.take(places), holdout)
    return {
        "test": {name: found.choices[name].test for name in NAMES} | {"all": found.before.test},
        "targets": {name: found.choices[name].train for name in NAMES},
        "accuracy": {name: _accuracy(margins, found, name) for name in NAMES if name != "random"},
        "both kept": {
            name: sum(set(pair) <= set(found.choices[name].kept) for pair in pairs)
            for name in NAMES
            if name != "random"
        },
        "sd of random": found.spread,
        "retrainings": found.best.tried,
        "said to repeat": sum(one.repeats is not None for one in found.reasons),
    }


def _accuracy(margins: Any, found: Selection, name: str) -> float:
    mask = np.zeros((1, COUNT), dtype=bool)
    mask[0, list(found.choices[name].kept)] = True
    return float((margins(mask)[0, 1:] > 0).mean())


def _paired(runs: list[dict[str, Any]], rival: str) -> tuple[float, float, float]:
    """Mean of auto less a rival over seeds, and its 90 % interval, by bootstrap over seeds."""
    apart = np.array([run["test"]["auto"] - run["test"][rival] for run in runs])
    return float(apart.mean()), *of_mean(apart, np.random.default_rng(5), draws=4000)


def _judged(value: str, copies: int, runs: list[dict[str, Any]]) -> Row:
    sign = -1 if value == "loss" else 1
    apart = {rival: _paired(runs, rival) for rival in list(NAMES)[1:]}
    above = (sign * np.array(apart["random"])).min() > 0
    below = sign * apart["order-1"][0] < 0
    told = ", ".join(
        f"{NAMES[rival]} {mean:+.3f} ({low:+.3f} to {high:+.3f})"
        for rival, (mean, low, high) in apart.items()
    )
    own = np.mean([run["test"]["auto"] for run in runs])
    whole = np.mean([run["test"]["all"] for run in runs])
    reported = copies == 0 or value == "loss"
    bar = "above random, one-sided 95 %; not below order 1"
    kind = f"with {copies} planted duplicates" if copies else "without planted duplicates"
    return Row(
        f"{100 * KEEP:.0f} % of {COUNT} examples {kind} kept, mean {value}, {len(runs)} seeds",
        f"({bar})" if reported else bar,
        f"holdout {own:.3f} (all examples {whole:.3f}); auto less {told}",
        bool(above and not below),
        {
            "value": value,
            "copies": copies,
            "apart": {rival: list(numbers) for rival, numbers in apart.items()},
            "runs": runs,
        },
    )


def report(rows: Sequence[Row]) -> str:
    """Return the table of means on the holdout."""
    table = []
    for row in rows:
        runs = row.detail["runs"]
        label = f"{row.detail['value']}, {row.detail['copies']} copies"
        for name in NAMES:
            cells = [label, NAMES[name]]
            cells += [
                f"{np.mean([run[key][name] for run in runs]):.3f}" for key in ("targets", "test")
            ]
            if name == "random":
                sd = np.mean([run["sd of random"] for run in runs])
                table.append([*cells, f"sd of sets {sd:.3f}", ""])
                continue
            accuracy = 100 * np.mean([run["accuracy"][name] for run in runs])
            both = np.mean([run["both kept"][name] for run in runs])
            table.append([*cells, f"{accuracy:.1f}", f"{both:.0f}" if row.detail["copies"] else ""])
    header = ["set", "method", "targets", "holdout", "accuracy on the holdout, %", "both kept"]
    return f"""## Selection at {100 * KEEP:.0f} %

CIFAR-10 {" and ".join(CLASSES)}, ridge regression on the 64 numbers of the ResNet-20; {TARGETS}
targets, 200 holdout examples. The explanation is that of the mean target from {MASKS:,} masks of
one half, `auto`. `auto` below is `ip.select` by default, four retrainings for each example;
order 1 keeps the largest effects of LASSO on the same masks; random is the mean of 20 sets; k-NN
drops one of the two nearest neighbours, again and again. Seeds vary training examples, duplicates,
targets, holdout and masks. *Both kept*: of the {COPIES} pairs of copies, how many stay whole. The
holdout is what a choice is judged by: a higher margin, a lower (squared) loss; accuracy is not what
was chosen for.

{markdown(header, table)}"""
