"""Every registered method on a few recordings, at few and at many calls."""

from __future__ import annotations

import numpy as np

from benchmarks.engine.data import recording
from benchmarks.engine.results import Measured
from benchmarks.engine.run import Part, Run
from benchmarks.table import markdown

SECTION = "baselines"
MINUTES = 0.4
CELLS = (
    ("stories_heads_1", 100),
    ("stories_heads_1", 400),
    ("stories_heads_1", 1600),
    ("baby_tokens_n128_1", 225),
    ("baby_tokens_n128_1", 900),
    ("game_sentiment_00", 100),
    ("game_sentiment_00", 400),
    ("game_vit16_10", 100),
    ("game_vit16_10", 400),
)

NEED_ENDS = ("faith-shap-2", "faith-shap-3", "kernel-shap")
"""Methods that need the full and the empty mask: two of the m rows are those."""

NEEDS_ITS_OWN = "leave-one-out"
"""It needs all single deletions, which no uniform sample has."""


def measure(run: Run) -> None:
    for name, m in run.in_time(CELLS):
        if run.quick and m > 400:
            continue
        data = recording(name).first(m)
        for method in run.methods:
            if method != NEEDS_ITS_OWN:
                run.fit(SECTION, data.with_ends() if method in NEED_ENDS else data, method, 0)
        for peer in run.peers.values():
            peer.result(data)


def report(run: Run) -> Part:
    rows = {(row["method"], row["cell"]): row for row in run.results.of(SECTION)}
    shown = [(name, m) for name, m in CELLS if any(c == f"{name} m={m}" for _, c in rows)]
    cells = [f"{name} m={m}" for name, m in shown]
    if not cells:
        return Part([], "")
    table, failed = [], []
    for method in run.methods:
        mine = [rows.get((method, cell)) for cell in cells]
        if not any(mine):
            continue
        told = [score(row) for row in mine]
        seconds = [row["seconds"] for row in mine if row and "seconds" in row]
        table.append([method, *told, f"{np.median(seconds):.2f}" if seconds else ""])
        failed += [
            f"- {method}, {row['cell']}: {row['error']}" for row in mine if row and "error" in row
        ]
    for peer in run.peers.values():
        kept = [peer.kept_for(recording(name).first(m)) for name, m in shown]
        if any(kept):
            seconds = [result["seconds"] for result in kept if result]
            told = [score(result) for result in kept]
            table.append([peer.label, *told, f"{np.median(seconds):.2f}"])
    text = f"""## Every method

R² on the recordings' test masks, fit seed 0, the same first m masks for all, one thread; the last
column is the median time of these fits. {", ".join(NEED_ENDS)} need the full and the empty mask,
which take the place of two rows; {NEEDS_ITS_OWN} needs masks of its own and is not here.

{markdown(["method", *(cell.replace(" ", "<br>") for cell in cells), "fit, s"], table)}
"""
    return Part([], text + ("\n".join(["", *failed, ""]) if failed else ""))


def score(row: Measured | None) -> str:
    """Return R², or what became of it."""
    if row is None:
        return ""
    return "failed" if row.get("r2") is None else f"{row['r2']:.3f}"
