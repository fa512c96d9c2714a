"""Exact games of retraining, every subset known: what few retrains tell, beside data valuation.

Recorded games of 15 training points, or 10 and 14 chunks of data, each retrained on every subset.
Data Shapley by Monte Carlo (Ghorbani and Zou, 2019) and leave-one-out get as many retrains.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import interplay as ip
from benchmarks.engine.data import game_values, masks_of
from benchmarks.ground.row import Row
from benchmarks.shapley_peers import shapley_values
from benchmarks.table import assets, markdown
from interplay.masks import uniform
from interplay.metrics import r_squared
from interplay.spectrum import Spectrum
from interplay.value_function import FloatArray

PREFIXES = ("datavaluation", "datasetvaluation")
SHARES = {10: 256, 14: 1000, 15: 1000}
"""Retrains by the number of players."""
SEEDS = (0, 1)
METHODS = ("auto", "proxyspex", "lasso")
RIVALS = ("Data Shapley, Monte Carlo", "leave-one-out")


def rows(quick: bool = False) -> list[Row]:
    """Return a row for each family of games."""
    names = sorted(
        path.stem
        for path in (assets() / "games").glob("*.npz")
        if path.stem.split("_")[0].rstrip("0123456789") in PREFIXES
    )
    families: dict[str, list[dict[str, Any]]] = {}
    for name in names[:: 8 if quick else 1]:
        found = measured(name, SEEDS[: 1 if quick else 2])
        families.setdefault(_family(name), []).append(found)
        print(f"games: {name}: {found}", flush=True)
    return [_row(family, games) for family, games in families.items()]


def measured(name: str, seeds: Sequence[int]) -> dict[str, Any]:
    """Return R² on all masks and errors of Shapley values, means over seeds."""
    values = game_values(name)
    n = len(values).bit_length() - 1
    every = masks_of(range(1 << n), n)
    calls = SHARES[n]
    truth = shapley_values(Spectrum.from_values(values, n))
    scores: dict[str, list[float]] = {}
    for seed in seeds:
        ends = masks_of([(1 << n) - 1, 0], n)
        masks = np.concatenate([ends, uniform(n, calls - 2, np.random.default_rng(seed))])
        answers = values[masks @ (1 << np.arange(n))]
        for method in METHODS:
            fitted = ip.fit(masks, answers, method=method, seed=seed)
            r2 = r_squared(values, fitted.predict(every))
            scores.setdefault(f"R² {method}", []).append(r2)
            own = fitted.faithfulness
            if method == "auto":
                scores.setdefault("own R²", []).append(own.value)
                scores.setdefault("inside", []).append(float(own.low <= r2 <= own.high))
            error = _error(shapley_values(fitted.spectrum(None)), truth)
            scores.setdefault(f"Shapley {method}", []).append(error)
        scores.setdefault(f"Shapley {RIVALS[0]}", []).append(
            _error(monte_carlo(values, n, calls, seed), truth)
        )
        scores.setdefault(f"Shapley {RIVALS[1]}", []).append(
            _error(values[-1] - values[(1 << n) - 1 - (1 << np.arange(n))], truth)
        )
    return {"name": name, "n": n, "calls": calls} | {
        key: float(np.mean(held)) for key, held in scores.items()
    }


def monte_carlo(values: FloatArray, n: int, calls: int, seed: int) -> FloatArray:
    """Return Data Shapley from random orders, as many as the different retrains allow."""
    rng = np.random.default_rng([seed, 1])
    seen: set[int] = set()
    total, orders = np.zeros(n), 0
    while True:
        order = rng.permutation(n)
        path = np.concatenate([[0], np.cumsum(1 << order)])
        if len(seen | set(path.tolist())) > calls:
            return total / max(orders, 1)
        seen |= set(path.tolist())
        total[order] += np.diff(values[path])
        orders += 1


def _error(found: FloatArray, truth: FloatArray) -> float:
    return float(np.square(found - truth).sum() / np.square(truth).sum())


def _family(name: str) -> str:
    kind, data, model, *_ = name.split("_")
    return f"{kind} {model}, {data}"


def _row(family: str, games: Sequence[dict[str, Any]]) -> Row:
    def mean(key: str) -> float:
        return float(np.mean([one[key] for one in games]))

    return Row(
        f"{family}: {len(games)} games of {games[0]['n']}, {games[0]['calls']} retrains",
        "(R² on all subsets; squared error of Shapley values over their squares)",
        f"R² auto {mean('R² auto'):.3f}, LASSO {mean('R² lasso'):.3f}; Shapley error auto "
        f"{mean('Shapley auto'):.3f}, Monte Carlo {mean(f'Shapley {RIVALS[0]}'):.3f}",
        False,
        {"games": list(games)},
    )


def report(rows: Sequence[Row]) -> str:
    """Return the table of games."""
    table = []
    for row in rows:
        for one in row.detail["games"]:
            cells = [one["name"], one["calls"]]
            cells += [f"{one[f'R² {method}']:.3f}" for method in METHODS]
            cells += [f"{one['own R²']:.3f}"]
            cells += [f"{one[f'Shapley {method}']:.3f}" for method in (*METHODS, *RIVALS)]
            table.append(cells)
    inside = [one["inside"] for row in rows for one in row.detail["games"]]
    header = ["game", "retrains", *(f"R² {m}" for m in METHODS), "auto's own estimate"]
    header += [f"Shapley, {m}" for m in (*METHODS, *RIVALS)]
    return f"""## Exact games of retraining

Trees, forests and boosting, retrained on every subset of 15 training points (`datavaluation`) or of
10 and 14 chunks of a dataset (`datasetvaluation`), all recorded. Uniform subsets, means of seeds
{SEEDS[0]} and {SEEDS[-1]}; *R²* is over all subsets. *Shapley*: squared errors of all Shapley
values over the squares of the exact ones. Monte Carlo Data Shapley takes random orders until as
many different subsets are retrained; leave-one-out needs n + 1 only. Energy lies at high orders in
these games, and fits say so: auto's interval held the true R² in
{100 * float(np.mean(inside)):.0f} % of them. Shapley values weigh the smallest and the largest
subsets most, of which uniform ones have few: where nothing is sparse, Monte Carlo on its own
subsets is the better way to them.

{markdown(header, table)}"""
