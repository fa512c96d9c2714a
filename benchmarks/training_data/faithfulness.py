"""``auto`` against LASSO datamodels, on retrains that no fit has seen.

R² and the linear datamodeling score (rank correlation of predicted and measured values over
held-out subsets; Park et al., 2023) of each target, differences paired by target.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import spearmanr

import interplay as ip
from benchmarks.ground.row import Row
from benchmarks.table import markdown
from benchmarks.training_data.subjects import pair_of_classes
from interplay.intervals import of_mean
from interplay.lenses.training_data.engines import trainer_of
from interplay.masks import uniform
from interplay.metrics import r_squared

PAIRS = (("cat", "dog"), ("automobile", "truck"))
TRAINERS = ("logistic", "ridge")
EXAMPLES, MASKS, HELD_OUT = 200, 2000, 1000
TARGETS = 12
"""Single test examples, beside the mean over 60 of them."""
TESTS = 60
METHODS = ("auto", "lasso")


@dataclass(frozen=True)
class Score:
    """R² and rank correlation of one target, by method."""

    target: str
    r2: dict[str, float]
    lds: dict[str, float]


def rows(quick: bool = False) -> list[Row]:
    """Return a row for each pair of classes and each trainer."""
    found = []
    for trainer in TRAINERS:
        for pair in PAIRS:
            data, tests, _ = pair_of_classes(*pair, train=EXAMPLES, test=TESTS, seed=0)
            function = ip.training_data(trainer_of(trainer), data, tests)
            found.append(row_of(trainer, pair, measured(function, quick)))
            print(f"faithfulness: {found[-1].what}: {found[-1].measured}", flush=True)
    return found


def measured(function: Any, quick: bool) -> list[Score]:
    """Return the scores of the mean over all targets, and of the first single ones."""
    m, held = (200, 100) if quick else (MASKS, HELD_OUT)
    masks = uniform(EXAMPLES, m + held, np.random.default_rng(0))
    values = np.concatenate([function(masks[i : i + 250]) for i in range(0, len(masks), 250)])
    scores = []
    for j in range(3 if quick else TARGETS + 1):
        truth, r2, lds = values[m:, j], {}, {}
        for method in METHODS:
            fitted = ip.fit(masks[:m], values[:m, j], method=method)
            predicted = fitted.predict(masks[m:])
            r2[method] = r_squared(truth, predicted)
            lds[method] = float(spearmanr(truth, predicted).statistic)
        scores.append(Score(function.targets[j], r2, lds))
        print(f"faithfulness: {function.trainer.name} {scores[-1]}", flush=True)
    return scores


def row_of(trainer: str, pair: tuple[str, str], scores: Sequence[Score]) -> Row:
    """Return the row of a trainer and two classes."""
    told, detail = [], {}
    for kind in ("r2", "lds"):
        held = {m: np.array([getattr(one, kind)[m] for one in scores]) for m in METHODS}
        apart = held["auto"] - held["lasso"]
        low, high = of_mean(apart, np.random.default_rng(1))
        name = {"r2": "R²", "lds": "LDS"}[kind]
        told.append(
            f"{name} auto {held['auto'].mean():.3f}, LASSO {held['lasso'].mean():.3f}, difference "
            f"{apart.mean():+.4f} ({low:+.4f} to {high:+.4f})"
        )
        detail[kind] = {
            **{m: held[m].tolist() for m in METHODS},
            "difference": float(apart.mean()),
            "low": low,
            "high": high,
            "below": int((apart < 0).sum()),
        }
    return Row(
        f"{trainer}, {' / '.join(pair)}: {EXAMPLES} examples, {MASKS:,} retrains, "
        f"{len(scores)} targets",
        "auto's held-out R² and LDS not below LASSO's; higher on one pair at least",
        "; ".join(told),
        all(one["high"] >= 0 and one["difference"] >= 0 for one in detail.values()),
        {"trainer": trainer, "pair": list(pair), **detail},
    )


def table_of(rows: Sequence[Row]) -> str:
    """Return the table of both scores."""
    table: list[list[Any]] = []
    for row in rows:
        for kind, name in (("r2", "R²"), ("lds", "LDS")):
            one = row.detail[kind]
            table.append(
                [
                    row.detail["trainer"],
                    " / ".join(row.detail["pair"]),
                    name,
                    *(
                        f"{np.mean(one[m]):.3f} ({np.min(one[m]):.2f} to {np.max(one[m]):.2f})"
                        for m in METHODS
                    ),
                    f"{one['difference']:+.4f} ({one['low']:+.4f} to {one['high']:+.4f})",
                    f"{one['below']} of {len(one['auto'])}",
                ]
            )
    header = ["trainer", "classes", "score", "auto", "LASSO", "difference", "auto below on"]
    return markdown(header, table)


def report(rows: Sequence[Row]) -> str:
    """Return what stands below the table of all rows."""
    return f"""## Faithfulness on retrains that no fit has seen

{EXAMPLES} training pictures of two classes of CIFAR-10, as 64 numbers before the last layer of the
ResNet-20; {MASKS:,} retrains on random halves are fitted to, {HELD_OUT:,} others judge. Targets are
the margins of {TARGETS} test pictures, and the mean margin of {TESTS}. In brackets: the range over
targets, and of differences a 90 % interval (bootstrap over targets).

{table_of(rows)}"""
