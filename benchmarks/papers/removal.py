"""The r words whose removal changes the model most: chosen by the fitted spectrum, then tried.

Rem(r) = |f(1) - f(S*)| / |f(1)| with S* the optimum of the paper's integer program, which
``interplay.optimize`` proves; f is the model, not the surrogate.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.ground.row import Row
from benchmarks.papers.intervals import Interval
from benchmarks.papers.reviews import SPEX, Review, drawn
from benchmarks.table import markdown
from interplay import Spectrum
from interplay.optimize import Subset, top_removal
from interplay.value_function import FloatArray

METHODS = ("auto", "proxyspex", SPEX, "lasso")
REMOVED = range(1, 9)
SHOWN_TERMS = 200
SECONDS = 60.0
"""For one integer program."""
GROUPS = {"short (8 to 63 words)": (8, 63), "long (64 words and more)": (64, 10_000)}


def rows(quick: bool = False) -> list[Row]:
    """Return a row for the short reviews, and one for the long ones."""
    measured = [measure(review, quick) for review in drawn(quick)]
    return [
        row(name, mine)
        for name, (low, high) in GROUPS.items()
        if (mine := [one for one in measured if low <= one["n"] <= high])
    ]


def measure(review: Review, quick: bool = False) -> dict[str, Any]:
    """Return for each method the change of the model's value by number of removed words."""
    sizes = [r for r in REMOVED if r < review.n and (not quick or r in (1, 4))]
    began = time.perf_counter()
    chosen = {
        method: [chosen_by(review.largest(method)[1], r) for r in sizes] for method in METHODS
    }
    seconds = time.perf_counter() - began
    rng = np.random.default_rng(review.index)
    at_random = [random_removal(review.n, r, rng) for r in sizes]
    masks = np.array([subset.mask for found in chosen.values() for subset in found])
    values = review.evaluated(np.concatenate([masks, *at_random]))
    changes = np.abs(values - review.full)
    split = np.split(changes[: len(masks)], len(chosen))
    random = changes[len(masks) :].reshape(len(sizes), -1).mean(axis=1)
    print(f"removal: review {review.index}, {review.n} words, {seconds:.0f} s", flush=True)
    return {
        "index": review.index,
        "n": review.n,
        "full": review.full,
        "spread": float(np.std(review.samples["test"][1])),
        "sizes": sizes,
        "changes": {m: c.tolist() for m, c in zip(chosen, split, strict=True)}
        | {"random": random.tolist()},
        "proved": sum(subset.optimal for found in chosen.values() for subset in found),
    }


def chosen_by(spectrum: Spectrum, r: int) -> Subset:
    """Return the r features whose removal changes the largest terms' prediction most."""
    return top_removal(spectrum.truncate(SHOWN_TERMS + 1), r, time_limit=SECONDS)


def random_removal(n: int, r: int, rng: np.random.Generator, draws: int = 10) -> Any:
    """Return masks without r features drawn at random, bool ``(draws, n)``."""
    masks = np.ones((draws, n), dtype=np.bool_)
    for mask in masks:
        mask[rng.choice(n, r, replace=False)] = False
    return masks


def relative(one: dict[str, Any], method: str) -> FloatArray:
    """Return Rem(r) of one review, by r."""
    changes: FloatArray = np.array(one["changes"][method]) / abs(one["full"])
    return changes


def row(name: str, measured: Sequence[dict[str, Any]]) -> Row:
    """Return the row of one group of lengths: Rem(r), the mean over r, against other methods."""
    names = (*METHODS, "random")
    mean = {
        method: Interval.of([float(relative(one, method).mean()) for one in measured], np.median)
        for method in names
    }
    won = wins(measured, "auto", "lasso")
    proved = sum(one["proved"] for one in measured)
    asked = sum(len(one["sizes"]) for one in measured) * len(METHODS)
    return Row(
        f"removal of r = 1 to 8 words, {name}, {len(measured)} reviews",
        "auto changes the model more than lasso does",
        f"median Rem: {', '.join(f'{m} {found.said()}' for m, found in mean.items())}; auto over "
        f"lasso in {won[0]} of {won[0] + won[1]} choices that differ; {proved} of {asked} programs "
        f"proved optimal",
        won[0] > won[1],
        {"group": name, "reviews": list(measured)},
    )


def wins(measured: Sequence[dict[str, Any]], ours: str, theirs: str) -> tuple[int, int]:
    """Return in how many (review, r) one method changes the model more, and in how many less."""
    gaps = np.concatenate(
        [np.subtract(one["changes"][ours], one["changes"][theirs]) for one in measured]
    )
    differ = np.abs(gaps) > 1e-4  # values of one mask differ by this between batches
    return int((gaps[differ] > 0).sum()), int((gaps[differ] < 0).sum())


def report(rows: Sequence[Row]) -> str:
    """Return Rem by r, and changes in units of the spread of the values."""
    names = (*METHODS, "random")
    table, against = [], []
    for row in rows:
        reviews = row.detail["reviews"]
        for r in REMOVED:
            here = [one for one in reviews if r in one["sizes"]]
            if not here:
                continue
            at = [one["sizes"].index(r) for one in here]
            table.append(
                [
                    row.detail["group"],
                    r,
                    *(
                        Interval.of(
                            [relative(one, m)[i] for one, i in zip(here, at, strict=True)],
                            np.median,
                        ).said()
                        for m in names
                    ),
                    *(
                        Interval.of(
                            [
                                one["changes"][m][i] / one["spread"]
                                for one, i in zip(here, at, strict=True)
                            ]
                        ).said(1)
                        for m in ("auto", "lasso")
                    ),
                ]
            )
        for theirs in names[1:]:
            more, less = wins(reviews, "auto", theirs)
            against.append([row.detail["group"], theirs, more, less])
    header = ["reviews", "r", *(f"Rem, {m}" for m in names), "sd, auto", "sd, lasso"]
    return f"""## Removal

S* is the optimum of the paper's integer program on the {SHOWN_TERMS} largest terms of the largest
fit of "faithfulness", proved by `interplay.optimize`; then the model is asked: Rem(r) =
|f(1) - f(S*)| / |f(1)|. Medians over reviews, because f(1) is a logit that may be near 0; brackets
are 90 % intervals, bootstrap over reviews. "sd" is the mean change in standard deviations of the
model's values under uniform masks. "random" is the mean change of ten random choices of r words.

![Rem(r)](papers_removal.svg)

{markdown(header, table)}

In how many (review, r) `auto` changes the model more, or less, than:

{markdown(["reviews", "method", "more", "less"], against)}"""
