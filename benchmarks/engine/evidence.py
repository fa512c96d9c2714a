"""Whether the 90 % faithfulness interval holds this very surrogate's R² on masks not seen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from math import sqrt

import numpy as np

from benchmarks.engine.data import Data, game, recording
from benchmarks.engine.results import Measured
from benchmarks.engine.run import Part, Run
from benchmarks.ground.row import Row
from benchmarks.table import markdown

SECTION = "evidence"
MINUTES = 1.2
DRAWS = 20
CALLS = (100, 200, 400, 800)
GAMES = (
    "sentiment_02",
    "vit16_02",
    "resnet18_00",
    "datavaluation_bike_dt_02",
    "tabpfn_forestfires_00",
)
RECORDINGS = ("stories_heads_1", "baby_tokens_n128_1")
SET_ON = (
    "sentiment_04, sentiment_20, vit16_04, vit16_22, resnet18_04, resnet18_20, "
    "datavaluation_bike_dt_00, datavaluation_california_rf_00, datasetvaluation14_bike_dt_00, "
    "local_adult_gb_00, tabpfn_realestate_00, uncertainty_adult_00, featsel_bike_rf_00, "
    "baby_heads_1 and stories_tokens_n64_1"
)
"""What the constants of ``interplay.metrics`` and of error bars were set on; nothing of it here."""

BAR = (0.85, 0.95)
WIDTH, WIDTH_FROM = 0.10, 400


def cells(quick: bool) -> Iterator[tuple[Data, int]]:
    """Yield independent draws of masks: of games all other masks are the test."""
    for draw in range(DRAWS):
        for m in CALLS[:2] if quick else CALLS:
            for name in GAMES[:2] if quick else GAMES:
                yield game(name, m, seed=draw, tests=None), draw
            for name in RECORDINGS[:0] if quick else RECORDINGS:
                yield recording(name).drawn(m, draw), draw


def measure(run: Run) -> None:
    for data, draw in run.in_time(cells(run.quick)):
        run.fit(SECTION, data, run.subject, draw)


def covered(row: Measured) -> bool:
    """Tell whether the interval holds the R² on the test masks."""
    low = -np.inf if row["low"] is None else row["low"]
    return bool(low <= row["r2"] <= row["high"])


def width(row: Measured) -> float:
    return float("inf") if row["low"] is None else float(row["high"] - row["low"])


def summary(rows: list[Measured]) -> list[object]:
    held = [covered(row) for row in rows]
    share = float(np.mean(held))
    bias = np.mean([row["own"] - row["r2"] for row in rows if row["own"] is not None])
    above = np.mean([row["r2"] > row["high"] for row in rows])
    return [
        len(rows),
        f"{100 * share:.1f} ± {100 * sqrt(share * (1 - share) / len(rows)):.1f}",
        f"{100 * above:.1f}",
        f"{100 * (1 - share - above):.1f}",
        f"{np.median([width(row) for row in rows]):.3f}",
        f"{bias:+.3f}",
    ]


def report(run: Run) -> Part:
    every = [row for row in run.results.of(SECTION) if row["method"] == run.subject]
    rows = [row for row in every if "error" not in row]
    if not rows:
        return Part([], "")
    share = float(np.mean([covered(row) for row in rows]))
    bars = [
        Row(
            "90 % faithfulness interval holds the surrogate's R² on other masks",
            f"{100 * BAR[0]:g} to {100 * BAR[1]:g} %",
            f"{100 * share:.1f} % of {len(rows)} cells" + failures(every),
            BAR[0] <= share <= BAR[1] and len(rows) == len(every),
            {"cells": len(rows)},
        )
    ]
    if many := [row for row in rows if row["m"] >= WIDTH_FROM]:
        middle = float(np.median([width(row) for row in many]))
        bars.append(
            Row(
                f"... its median width at m >= {WIDTH_FROM}",
                f"<= {WIDTH:.2f}",
                f"{middle:.3f} ({len(many)} cells)",
                middle <= WIDTH,
            )
        )
    groupings: list[Callable[[Measured], str]] = [
        lambda row: "all",
        lambda row: f"m = {row['m']}",
        lambda row: row["name"],
        lambda row: f"{row['name']}, m = {row['m']}",
    ]
    table = []
    for group in groupings:
        parts: dict[str, list[Measured]] = defaultdict(list)
        for row in rows:
            parts[group(row)].append(row)
        table += [[name, *summary(part)] for name, part in parts.items()]
    header = ["cells", "count", "held, %", "R² above, %", "R² below, %", "median width"]
    text = f"""## Evidence

{DRAWS} independent draws of masks (seeds 0 to {DRAWS - 1}, the seed of the fit too) per game and m;
"held" is the share of draws in which the fit's own 90 % interval holds the R² of that very
surrogate on all other masks of the game (of recordings: on the recording's test masks). ± is one
standard error. The last column is what the estimate says too much on average. The constants of the
intervals, and those of the coefficients' error bars below, were set on other data: {SET_ON}.

{markdown([*header, "own estimate - R²"], table)}
"""
    return Part(bars, text)


def failures(rows: list[Measured]) -> str:
    failed = sum("error" in row for row in rows)
    return f"; {failed} fits failed" if failed else ""
