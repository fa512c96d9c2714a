"""Recordings of real models: beside shapiq 1.8's figures on the same masks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from benchmarks.engine.data import LANGUAGE_MODELS, recording
from benchmarks.engine.ratios import Cell, Ratios, errors, mean_error
from benchmarks.engine.run import Part, Run
from benchmarks.ground.row import Row
from benchmarks.shapiq_1_8 import ORDER_1, PROXYSPEX
from benchmarks.table import markdown

SECTION = "recordings"
MINUTES = 1.2
QUARTERED = (800, 900, 1600, 1800)
COMPARED = ("parity-gp", "proxyspex", "lasso")
"""Methods whose curves stand beside the subject's; one seed."""


def cells(quick: bool = False) -> list[Cell]:
    return [(name, m) for name, by_m in ORDER_1.items() for m in by_m if not quick or m <= 450]


def measure(run: Run) -> None:
    # the small ones first: a quick run ends with some of every recording
    for name, m in run.in_time(sorted(cells(run.quick), key=lambda cell: cell[1])):
        data = recording(name).first(m)
        for seed in run.seeds:
            run.fit(SECTION, data, run.subject, seed)
        for method in COMPARED:
            if method in run.methods and method != run.subject and not run.quick:
                run.fit(SECTION, data, method, 0)


def figures(table: Mapping[str, Mapping[int, float]]) -> dict[Cell, float]:
    """Return 1 - R² of a table of R² by name and m."""
    return {(name, m): 1 - r2 for name, by_m in table.items() for m, r2 in by_m.items()}


def bars(ours: Mapping[Cell, Mapping[int, float]]) -> list[Row]:
    """Return the comparisons with shapiq's ProxySPEX and with order 1."""
    proxyspex, order_1 = figures(PROXYSPEX), figures(ORDER_1)
    language = {cell: e for cell, e in proxyspex.items() if cell[0] in LANGUAGE_MODELS}
    better = {cell: min(error, order_1[cell]) for cell, error in language.items()}
    games = {cell: e for cell, e in proxyspex.items() if cell[0] not in LANGUAGE_MODELS}
    few = {cell: e for cell, e in order_1.items() if cell[0] in LANGUAGE_MODELS and cell[1] <= 112}
    quarter = [((name, m // 4), (name, m)) for name, m in proxyspex if m in QUARTERED]
    of_language = [pair for pair in quarter if pair[0][0] in LANGUAGE_MODELS]
    rows = Ratios.of(ours, language).row(
        "1 - R² over shapiq 1.8 ProxySPEX's, language models, m >= 200",
        0.25,
        worst=0.8,
        planned=len(language),
    )
    rows += Ratios.of(ours, better).row(
        "... over the better of ProxySPEX's and order 1's in each cell",
        0.38,
        worst=0.85,
        planned=len(better),
    )
    rows += Ratios.of(ours, games).row(
        "1 - R² over shapiq 1.8 ProxySPEX's, recorded games, m >= 100",
        0.75,
        worst=1.05,
        planned=len(games),
    )
    rows += Ratios.of(ours, few).row(
        "1 - R² over order 1's, language models, m = 50 to 112", 0.85, worst=1.1, planned=len(few)
    )
    rows += Ratios.of(ours, proxyspex, of_language).row(
        "1 - R² at m/4 over ProxySPEX's at m, language models, m = 800 to 1,800",
        1.0,
        planned=len(of_language),
    )
    rows += Ratios.of(ours, proxyspex, quarter).row(
        "... the recorded games at m = 800 included", 1.0, planned=len(quarter)
    )
    return rows


def report(run: Run) -> Part:
    rows = run.results.of(SECTION)
    ours = errors(rows, run.subject)
    table = []
    for name, m in cells():
        if (name, m) not in ours:
            continue
        fits = [
            row
            for row in rows
            if row["method"] == run.subject
            and row["cell"] == f"{name} m={m}"
            and "error" not in row
        ]
        if not fits:
            table.append([name, "", m, "failed", *[""] * 7])
            continue
        first, r2 = fits[0], [fit["r2"] for fit in fits]
        peer = PROXYSPEX[name].get(m)
        ratio = "" if peer is None else f"{mean_error(ours[name, m]) / (1 - peer):.2f}"
        table.append(
            [
                name,
                first["n"],
                m,
                f"**{np.mean(r2):.4f}**",
                f"{np.ptp(r2):.4f}",
                f"{ORDER_1[name][m]:.3f}",
                "" if peer is None else f"{peer:.3f}",
                ratio,
                own_estimate(first),
                f"{np.mean([fit['shown'] for fit in fits]):.4f}",
                f"{np.median([fit['seconds'] for fit in fits]):.2f}",
            ]
        )
    header = ["recording", "n", "m", f"**{run.subject}** R²", "spread", "order 1"]
    header += ["shapiq 1.8 ProxySPEX", "ratio of 1 - R²", "own estimate (90 %)"]
    header += ["200 terms", "fit, s"]
    text = f"""## Recordings of real models

The first m masks of each recording; R² on its own test masks, which no fit saw; mean of the fit
seeds, "spread" is the largest minus the smallest of them. "Order 1" and ProxySPEX are constants,
measured once with shapiq 1.8.0 on the same masks (it needs Python 3.12). "Own estimate" is what
the fit of the first seed says of itself; "200 terms" is the R² of the spectrum that reports show.

![R² against calls](engine_r2.svg)

{markdown(header, table)}
"""
    return Part(bars(ours), text)


def own_estimate(row: Mapping[str, float | None]) -> str:
    """Return a fit's own faithfulness in words."""
    parts = ["-" if row[k] is None else f"{row[k]:.2f}" for k in ("own", "low", "high")]
    return f"{parts[0]} ({parts[1]} to {parts[2]})"
