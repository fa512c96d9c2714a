"""Whether the 90 % intervals of coefficients hold the true ones, on games that are known whole."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

import interplay as ip
from benchmarks.engine.data import Data, game, game_values
from benchmarks.engine.evidence import failures
from benchmarks.engine.results import Measured
from benchmarks.engine.run import Part, Run
from benchmarks.ground.row import Row
from benchmarks.table import markdown
from interplay.intervals import Z_90
from interplay.packing import term_tuples
from interplay.spectrum import Spectrum
from interplay.value_function import FloatArray

SECTION = "coefficients"
MINUTES = 0.7
DRAWS = 5
CALLS = (200, 400, 800)
GAMES = (
    "sentiment_02",
    "sentiment_16",
    "vit16_02",
    "vit16_20",
    "resnet18_00",
    "resnet18_14",
    "datavaluation_bike_dt_02",
    "datasetvaluation14_adult_dt_00",
    "local_bike_rf_00",
    "tabpfn_forestfires_00",
)
LARGEST = 20
BAR_LOW_ORDER, BAR_LARGEST, BAR_WIDTH = (0.80, 0.97), 0.80, 4.0

Term = tuple[int, ...]


def measure(run: Run) -> None:
    for draw in range(DRAWS):
        for name in GAMES[:: 4 if run.quick else 1]:
            for m in run.in_time(CALLS[:2] if run.quick else CALLS):
                run.fit(SECTION, game(name, m, seed=draw), run.subject, draw, figures)


def figures(data: Data, method: str, seed: int) -> Measured:
    """Return how often intervals hold the truth, and their width beside the errors."""
    truth = true_terms(data.name)
    surrogate = ip.fit(data.masks, data.values, method=method, seed=seed)
    return {
        "name": data.name,
        "family": data.family,
        "m": data.m,
        **judged(surrogate, truth, data.n),
    }


def true_terms(name: str) -> dict[Term, float]:
    """Return all Walsh coefficients of a game."""
    values = game_values(name)
    return Spectrum.from_values(values, n=len(values).bit_length() - 1).terms


def judged(surrogate: Any, truth: dict[Term, float], n: int) -> Measured:
    """Return the figures of all terms of order 1 and 2, and of the largest true ones."""
    groups = {
        "low": [term for order in (1, 2) for term in combinations(range(n), order)],
        "top": sorted((t for t in truth if t), key=lambda t: (-abs(truth[t]), t))[:LARGEST],
    }
    result: Measured = {}
    for group, terms in groups.items():
        values, errors = coefficients(surrogate, terms)
        missed = np.abs(values - np.array([truth.get(term, 0.0) for term in terms]))
        rounding = 1e-9 * max(map(abs, truth.values()))
        rmse = float(np.sqrt(np.square(missed).mean()))
        result[f"{group}_held"] = float((missed <= Z_90 * errors + rounding).mean())
        result[f"{group}_width"] = float(np.median(2 * Z_90 * errors))
        result[f"{group}_rmse"] = rmse
        result[f"{group}_unsaid"] = float((errors == 0).mean())
    return result


def coefficients(surrogate: Any, terms: Sequence[Term]) -> tuple[FloatArray, FloatArray]:
    """Return coefficients and standard errors of terms, of those too that no spectrum lists.

    A surrogate without ``coefficients`` says 0 of a term that it does not hold, and is certain.
    """
    if hasattr(surrogate, "coefficients"):
        values, errors = surrogate.coefficients(list(terms))
        return np.asarray(values, dtype=float), np.asarray(errors, dtype=float)
    spectrum = surrogate.spectrum(None)
    se = spectrum.standard_errors
    se = np.zeros(len(spectrum)) if se is None else se
    listed = zip(spectrum.coefficients.tolist(), se.tolist(), strict=True)
    held = dict(zip(term_tuples(spectrum.packed), listed, strict=True))
    pairs = np.array([held.get(term, (0.0, 0.0)) for term in terms])
    return pairs[:, 0], pairs[:, 1]


def report(run: Run) -> Part:
    every = [row for row in run.results.of(SECTION) if row["method"] == run.subject]
    rows = [row for row in every if "error" not in row]
    if not rows:
        return Part([], "")
    low = float(np.mean([row["low_held"] for row in rows]))
    top = float(np.mean([row["top_held"] for row in rows]))
    ratio = float(np.median([over(row, "low") for row in rows]))
    fits = f"{len(rows)} fits" + failures(every)
    whole = len(rows) == len(every)
    bars = [
        Row(
            "90 % intervals of coefficients hold the true ones: all terms of order <= 2",
            f"{100 * BAR_LOW_ORDER[0]:g} to {100 * BAR_LOW_ORDER[1]:g} %",
            f"{100 * low:.1f} % ({fits})",
            whole and BAR_LOW_ORDER[0] <= low <= BAR_LOW_ORDER[1],
        ),
        Row(
            f"... the {LARGEST} largest true terms, of any order",
            f">= {100 * BAR_LARGEST:g} %",
            f"{100 * top:.1f} %",
            whole and top >= BAR_LARGEST,
        ),
        Row(
            "... median width over the RMSE, terms of order <= 2",
            f"<= {BAR_WIDTH:g}",
            f"{ratio:.2f} (median over fits)",
            whole and ratio <= BAR_WIDTH,
        ),
    ]
    table = [["all", *summary(rows)]]
    for m in CALLS:
        if some := [row for row in rows if row["m"] == m]:
            table.append([f"m = {m}", *summary(some)])
    for name in GAMES:
        if some := [row for row in rows if row["name"] == name]:
            table.append([name, *summary(some)])
    header = ["fits", "count", "order <= 2 held, %", "without error bar, %", "width / RMSE"]
    header += [f"{LARGEST} largest held, %", "without error bar, %", "width / RMSE"]
    text = f"""## Error bars of coefficients

Exact games, whose Walsh coefficients are known; {DRAWS} draws of masks per game and m. A term that
has no error bar counts as certain. "Width / RMSE" is the median width of the 90 % intervals over
the root mean square of their errors, median over fits: 3.3 where both are normal and right.

{markdown(header, table)}
"""
    return Part(bars, text)


def over(row: Measured, group: str) -> float:
    """Median width over RMSE."""
    return float(row[f"{group}_width"] / max(row[f"{group}_rmse"], 1e-300))


def summary(rows: list[Measured]) -> list[object]:
    cells: list[object] = [len(rows)]
    for group in ("low", "top"):
        cells += [
            f"{100 * np.mean([row[f'{group}_held'] for row in rows]):.1f}",
            f"{100 * np.mean([row[f'{group}_unsaid'] for row in rows]):.1f}",
            f"{np.median([over(row, group) for row in rows]):.2f}",
        ]
    return cells
