"""R² against the length of the text and against calls, and the calls that equal R² takes.

Every method at every budget on the reviews of each octave of lengths; the peers that are installed
at four n log2 n calls, on the short ones.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from benchmarks.engine.llamas import decoded
from benchmarks.engine.peers import PEER_PYTHON, Peer, peers
from benchmarks.engine.results import Measured
from benchmarks.ground.row import Row
from benchmarks.inputs.octaves import OCTAVES
from benchmarks.papers.intervals import Interval, calls_at
from benchmarks.papers.reviews import SPEX, Review, drawn
from benchmarks.table import markdown

METHODS = ("auto", "proxyspex", "lasso")
GP, GP_WORDS = "parity-gp", 31
"""A member of ``auto``, which takes half of its time: on texts of up to so many words."""
PEER_ALPHA, PEER_WORDS, PEER_BITS = 4.0, 15, 4
PEER_SPEX = "spectralexplain SPEX"
LEVELS = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95)
COMPARED = ((SPEX, "auto"), (SPEX, "proxyspex"), ("proxyspex", "auto"), ("lasso", "auto"))
PAPER = {
    8: (0.950, 0.970, 0.984, 0.992),
    16: (0.835, 0.894, 0.924, 0.947),
    32: (0.640, 0.751, 0.825, 0.874),
    64: (0.423, 0.592, 0.706, 0.780),
    128: (0.273, 0.425, 0.564, 0.674),
    256: (0.158, 0.305, 0.466, 0.594),
    512: (0.157, 0.253, 0.406, 0.551),
}
"""The SPEX paper's mean R² at b = 3, 4, 5, 6: soft decoding, DistilBERT, 20 reviews an octave."""
PAPER_BITS = (3, 4, 5, 6)

Curve = list[tuple[int, float]]
"""Calls and R², by calls."""


def rows(quick: bool = False) -> list[Row]:
    """Return a row for each octave, and one for each pair of methods whose calls are compared."""
    found = peers(PEER_PYTHON, sys.executable)
    measured = [measure(review, {} if quick else found) for review in drawn(quick)]
    by_octave = [
        octave(low, high, mine)
        for low, high in OCTAVES
        if (mine := [one for one in measured if one["low"] == low])
    ]
    return [*by_octave, *(ratio(measured, *pair) for pair in COMPARED)]


def measure(review: Review, installed: dict[str, Peer]) -> dict[str, Any]:
    """Return the curves of all methods on one review."""
    methods = [*METHODS, *([GP] if review.n <= GP_WORDS else [])]
    curves: dict[str, Curve] = {
        method: _curve(review.fitted(method, calls) for calls in review.calls) for method in methods
    }
    curves[SPEX] = _curve(review.fitted(SPEX, bits) for bits in review.bits)
    known = {
        "index": review.index,
        "n": review.n,
        "low": review.low,
        "alphas": list(review.alphas),
        "bits": list(review.bits),
        "tests": len(review.samples["test"][0]),
        "curves": curves,
        "peers": _peers(review, installed),
    }
    best = {name: f"{curve[-1][1]:.3f}" for name, curve in curves.items()}
    print(f"review {review.index}, {review.n} words: {best}", flush=True)
    return known


def _curve(fits: Iterable[Measured]) -> Curve:
    return [(fit["calls"], fit["r2"]) for fit in fits]


def _peers(review: Review, installed: dict[str, Peer]) -> dict[str, dict[str, Any]]:
    """Return R², calls and seconds of the peers on a short review."""
    found: dict[str, dict[str, Any]] = {}
    if review.n > PEER_WORDS:
        return found
    if PEER_ALPHA in review.alphas:
        calls = review.calls[review.alphas.index(PEER_ALPHA)]
        for peer in installed.values():
            result = peer.result(review.data(calls))
            if result is not None:
                found[peer.label] = {"calls": calls, "r2": result["r2"]}
    spectral = installed.get("spectralexplain")
    if spectral is not None and spectral.python is not None and PEER_BITS in review.bits:
        masks, values = review.sample(SPEX, PEER_BITS)
        test, truth = review.samples["test"]

        def decode() -> Measured:
            packed = np.packbits(test, axis=1)
            result = decoded(
                spectral.python, review.code, PEER_BITS, masks, values,
                test_masks_packed=packed, test_values=truth,
            )  # fmt: skip
            return {"calls": len(masks), "r2": result["r2"], "seconds": result["seconds"]}

        cell = f"review {review.index}, b={PEER_BITS}"
        row = review.kept.row("peers", cell, f"{PEER_SPEX} {spectral.version}", 0, decode)
        if "error" not in row:
            found[PEER_SPEX] = {name: row[name] for name in ("calls", "r2")}
    return found


def at(curve: Sequence[tuple[int, float]], calls: int) -> float:
    """Return R² at a number of calls, a straight line in log calls between two samples.

    Below the smallest sample it is that sample's, above the largest the largest's.

    >>> at([(100, 0.5), (400, 0.9)], 200)
    0.7
    """
    sizes, r2 = zip(*curve, strict=True)
    return float(np.interp(np.log(calls), np.log(sizes), r2))


def octave(low: int, high: int, measured: Sequence[dict[str, Any]]) -> Row:
    """Return the row of one octave, at the largest budget of each review."""
    methods = [m for m in (*METHODS, GP, SPEX) if all(m in one["curves"] for one in measured)]
    r2 = {
        method: Interval.of(
            [at(one["curves"][method], one["curves"]["auto"][-1][0]) for one in measured]
        )
        for method in methods
    }
    calls = [one["curves"]["auto"][-1][0] for one in measured]
    alphas = sorted({one["alphas"][-1] for one in measured})
    others = [r2[method].value for method in ("proxyspex", "lasso", SPEX)]
    return Row(
        f"R², {low} to {high} words, {len(measured)} reviews, {min(calls):,} to {max(calls):,} "
        f"calls (alpha = {' or '.join(f'{alpha:g}' for alpha in alphas)})",
        "auto above proxyspex, spex and lasso",
        ", ".join(f"{method} {found.said(3)}" for method, found in r2.items()),
        r2["auto"].value > max(others),
        {"low": low, "high": high, "reviews": list(measured)},
    )


def ratio(measured: Sequence[dict[str, Any]], slower: str, faster: str) -> Row:
    """Return the row of calls(slower) / calls(faster) at equal R²."""
    by_review: dict[str, list[float]] = {}
    by_level: dict[float, list[float]] = {level: [] for level in LEVELS}
    never = 0
    for one in measured:
        here = []
        for level in LEVELS:
            told = [calls_at(dict(one["curves"][name]), level) for name in (slower, faster)]
            if told[0] and told[1]:
                here.append(told[0] / told[1])
                by_level[level].append(here[-1])
            elif told[1] and max(r2 for _, r2 in one["curves"][slower]) < level:
                never += 1
        if here:
            by_review[f"review {one['index']}, {one['n']} words"] = here
    means = [float(np.exp(np.mean(np.log(here)))) for here in by_review.values()]
    said = f"; in {never} more cells {slower} never gets there" if never else ""
    cells = sum(map(len, by_review.values()))
    return Row(
        f"calls({slower}) / calls({faster}) at equal R²",
        "(reported; ProxySPEX's authors say 10)"
        if (slower, faster) == (SPEX, "proxyspex")
        else "(reported)",
        f"{Interval.of_ratios(means).said(1)}, {len(means)} reviews, {cells} cells{said}"
        if means
        else f"no cell{said}",
        True,
        {
            "pair": [slower, faster],
            "by_review": by_review,
            "by_level": {f"{level:g}": ratios for level, ratios in by_level.items()},
            "never": never,
        },
    )


def report(rows: Sequence[Row]) -> str:
    """Return the tables by octave and budget, of ratios, and of SPEX beside its paper."""
    octaves = [row.detail for row in rows if "reviews" in row.detail]
    ratios = [row.detail for row in rows if "pair" in row.detail]
    names = [*METHODS, GP, SPEX]
    labels = sorted({label for o in octaves for one in o["reviews"] for label in one["peers"]})
    table = [
        [f"{o['low']} to {o['high']}", f"{alpha:g}", *_cells(o["reviews"], alpha, names, labels)]
        for o in octaves
        for alpha in sorted({alpha for one in o["reviews"] for alpha in one["alphas"]})
    ]
    levels = [
        [
            f"{level:g}",
            *(
                f"{Interval.of_ratios(r['by_level'][f'{level:g}']).said(1)} "
                f"of {len(r['by_level'][f'{level:g}'])}"
                if r["by_level"][f"{level:g}"]
                else ""
                for r in ratios
            ),
        ]
        for level in LEVELS
    ]
    return f"""## Faithfulness by length and by calls

Words of reviews are replaced by [MASK]; the value is the logit of "positive". Some of the SPEX
paper's 20 reviews an octave, evenly spread over its lengths. The budget is alpha n log2 n uniform
masks, the full and the empty one among them, as large as an hour of one core allows in all;
`{SPEX}` has coded designs of its own sizes, and its column is what a straight line in log calls
between two of them gives at the others' calls (below its smallest design, that design's R²). R² on
up to 1,000 (from 128 words on, 500) further masks that no method reads. `{GP}` is run up to
{GP_WORDS} words, peers up to {PEER_WORDS} words at alpha = {PEER_ALPHA:g}, on the same masks
(spectralexplain's SPEX at b = {PEER_BITS}, soft decoding and its regression). Brackets: 90 %
intervals, bootstrap over the reviews; of two they say next to nothing. Five an octave at one budget
each are in [inputs](inputs.md).

![R² against calls](papers_faithfulness.svg)

{markdown(["words", "alpha", "calls", "reviews", *names, *labels], table)}

### Calls for equal R²

Both curves are straight lines in log calls between two samples. A cell is a review and a level of
R²; it counts where both curves cross the level, so neither a smallest sample that is above it nor a
largest that is below it is taken for an answer. Geometric means over reviews.

![Calls for equal R²](papers_calls.svg)

{markdown(["R²", *(f"{a} / {b}" for a, b in (r["pair"] for r in ratios))], levels)}

### SPEX beside its paper

The paper's figure is the mean of 20 reviews with a fine-tuned DistilBERT; ours of some of them with
the demo classifier. Calls are the same function of n and b, up to what repeats in a design.

{markdown(["words", "b", "reviews", "paper, R²", "ours, R²"], _spex_table(octaves))}"""


def _cells(
    reviews: Sequence[dict[str, Any]], alpha: float, names: Sequence[str], labels: Sequence[str]
) -> list[object]:
    here = [one for one in reviews if alpha in one["alphas"]]
    calls = [one["curves"]["auto"][one["alphas"].index(alpha)][0] for one in here]
    cells: list[object] = [f"{min(calls):,} to {max(calls):,}", len(here)]
    for name in names:
        r2 = [
            at(one["curves"][name], m)
            for one, m in zip(here, calls, strict=True)
            if name in one["curves"]
        ]
        cells.append(Interval.of(r2).said(3) if len(r2) == len(here) else "")
    for label in labels:
        r2 = [
            one["peers"][label]["r2"]
            for one in here
            if label in one["peers"] and alpha == PEER_ALPHA
        ]
        cells.append(f"{Interval.of(r2).said(3)} of {len(r2)}" if r2 else "")
    return cells


def _spex_table(octaves: Sequence[dict[str, Any]]) -> list[list[object]]:
    table: list[list[object]] = []
    for o in octaves:
        for bits, paper in zip(PAPER_BITS, PAPER[o["low"]], strict=True):
            r2 = [
                one["curves"][SPEX][one["bits"].index(bits)][1]
                for one in o["reviews"]
                if bits in one["bits"]
            ]
            if r2:
                words = f"{o['low']} to {o['high']}"
                table.append([words, bits, len(r2), f"{paper:.3f}", Interval.of(r2).said(3)])
    return table
