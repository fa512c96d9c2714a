"""R² against the number of terms that are kept, relative to that of the whole surrogate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.ground.row import Row
from benchmarks.papers.intervals import Interval
from benchmarks.papers.reviews import SPEX, Review, drawn
from benchmarks.table import markdown
from interplay import Spectrum
from interplay.metrics import r_squared
from interplay.value_function import BoolArray, FloatArray

METHODS = ("auto", "proxyspex", SPEX, "lasso")
SIZES = (5, 10, 20, 50, 100, 200, 500, 1000)
PAPER_SIZE, BAR = 200, 0.95


def rows(quick: bool = False) -> list[Row]:
    """Return a row for each method."""
    reviews = drawn(quick)
    return [row(method, [measure(review, method) for review in reviews]) for method in METHODS]


def measure(review: Review, method: str) -> dict[str, Any]:
    """Return the relative R² by number of terms, for the largest fit to a review."""
    fit, spectrum = review.largest(method)
    test, truth = review.samples["test"]
    return {
        "index": review.index,
        "n": review.n,
        "low": review.low,
        "r2": fit["r2"],
        "relative": relative(spectrum, test, truth, fit["r2"]),
    }


def relative(spectrum: Spectrum, masks: BoolArray, truth: FloatArray, whole: float) -> list[float]:
    """Return the R² of the largest terms, SIZES of them beside the constant, over the whole's."""
    return [r_squared(truth, spectrum.truncate(size + 1).predict(masks)) / whole for size in SIZES]


def row(method: str, measured: Sequence[dict[str, Any]]) -> Row:
    """Return the row of one method: its relative R² with the paper's 200 terms."""
    place = SIZES.index(PAPER_SIZE)
    found = Interval.of([one["relative"][place] for one in measured])
    fewest = [
        next((k for k, share in zip(SIZES, one["relative"], strict=True) if share >= BAR), None)
        for one in measured
    ]
    reached = [k for k in fewest if k is not None]
    said = f"{BAR:g} of it takes a median {np.median(reached):.0f} terms" if reached else ""
    never = len(fewest) - len(reached)
    said += f"; never with {SIZES[-1]:,} terms or fewer on {never}" if never else ""
    return Row(
        f"R² of the {PAPER_SIZE} largest terms over the whole surrogate's: {method}",
        f"auto: >= {BAR:g}" if method == "auto" else "(reported)",
        f"{found.said(3)}, {found.count} reviews; {said}",
        found.value >= BAR,
        {"method": method, "reviews": list(measured)},
    )


def report(rows: Sequence[Row]) -> str:
    """Return the table by octave, method and number of terms."""
    table = []
    for row in rows:
        for low in sorted({one["low"] for one in row.detail["reviews"]}):
            here = [one for one in row.detail["reviews"] if one["low"] == low]
            shares = np.mean([one["relative"] for one in here], axis=0)
            table.append(
                [
                    row.detail["method"],
                    f"{low} to {2 * low - 1}",
                    len(here),
                    f"{np.mean([one['r2'] for one in here]):.3f}",
                    *(f"{share:.3f}" for share in shares),
                ]
            )
    return f"""## Sparsity

Relative faithfulness: R² of the largest terms of the spectrum, by |F|, over that of the whole
surrogate, on the same test masks; the fits to the largest samples of "faithfulness". Coefficients
are not fitted again. ProxySPEX's authors find that about 200 terms have all of it (of sentiment,
more).

![Relative R² against the number of terms](papers_sparsity.svg)

{markdown(["method", "words", "reviews", "R²", *(f"{size:,} terms" for size in SIZES)], table)}"""
