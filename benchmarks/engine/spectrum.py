"""How much of the surrogate its 200 largest terms keep: what reports show, and what they cannot."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from benchmarks.engine import games, recordings
from benchmarks.engine.results import Measured
from benchmarks.engine.run import Part, Run
from benchmarks.ground.row import Row
from benchmarks.table import markdown

SECTION = "spectrum"
MINUTES = 0.1
FROM = 0.3
"""R² of the full surrogate from which on the share that is kept says something."""


def measure(run: Run) -> None:
    """Measure nothing of its own: the rows of recordings and games hold it."""
    recordings.measure(run)
    games.measure(run)


def kept(rows: Iterable[Measured], subject: str) -> dict[str, float]:
    """Return the 200-term spectrum's R² over the surrogate's, mean over seeds, by cell."""
    shares: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if row["method"] == subject and "error" not in row and row["r2"] >= FROM:
            shares[row["cell"]].append(row["shown"] / row["r2"])
    return {cell: float(np.mean(values)) for cell, values in shares.items()}


def report(run: Run) -> Part:
    recorded = run.results.of(recordings.SECTION)
    exact = [row for row in recorded if row["cell"].startswith("game_")]
    groups = {
        "language-model recordings": (
            [row for row in recorded if not row["cell"].startswith("game_")],
            0.99,
        ),
        "games (recorded ones included)": (exact + run.results.of(games.SECTION), 0.98),
    }
    bars, table = [], []
    for name, (rows, least) in groups.items():
        shares = kept(rows, run.subject)
        if not shares:
            continue
        worst = min(shares, key=lambda cell: shares[cell])
        mean = float(np.mean(list(shares.values())))
        below = sum(share < least for share in shares.values())
        bars.append(
            Row(
                f"R² of the 200-term spectrum over the surrogate's where that is >= {FROM}, {name}",
                f">= {100 * least:g} %",
                f"{100 * mean:.2f} % (mean of {len(shares)} cells, {below} of them below the bar; "
                f"least {100 * shares[worst]:.1f} %, {worst})",
                mean >= least,
                {"by_cell": shares},
            )
        )
        seconds = [row["spectrum_seconds"] for row in rows if "spectrum_seconds" in row]
        quantiles = np.quantile(list(shares.values()), [0.0, 0.05, 0.25, 0.5])
        table.append(
            [
                name,
                len(shares),
                f"{100 * mean:.2f}",
                *[f"{100 * q:.2f}" for q in quantiles],
                f"{np.median(seconds):.2f} (to {max(seconds):.2f})",
            ]
        )
    header = ["cells", "count", "mean, %", "least", "5th percentile", "quartile", "median"]
    text = f"""## What 200 terms keep

Share of the full surrogate's R² that its spectrum of 200 terms keeps, both on the test masks; mean
of the fit seeds. The bar is held by the mean over cells.

{markdown([*header, "spectrum, s"], table)}
"""
    return Part(bars, text)
