"""Pictures for papers and notebooks, drawn by matplotlib: see docs/plots.md."""

from __future__ import annotations

from typing import Any

from interplay.errors import unknown
from interplay.report.plots.bars import bar
from interplay.report.plots.calls import convergence
from interplay.report.plots.network_parts import head_matrix, heads
from interplay.report.plots.pairs import partners
from interplay.report.plots.picture import image
from interplay.report.plots.ring import network
from interplay.report.plots.sets import upset
from interplay.report.plots.strips import force
from interplay.report.plots.sums import waterfall
from interplay.report.plots.words import text

__all__ = [
    "bar",
    "convergence",
    "force",
    "head_matrix",
    "heads",
    "image",
    "network",
    "partners",
    "plot",
    "text",
    "upset",
    "waterfall",
]

KINDS = {
    drawn.__name__: drawn
    for drawn in (
        bar,
        waterfall,
        force,
        network,
        upset,
        text,
        image,
        heads,
        head_matrix,
        convergence,
        partners,
    )
}


def plot(explanation: Any, kind: str = "bar", **options: Any) -> Any:
    """Draw one kind of plot, by its name: that of a function of this module, with its options.

    Raises
    ------
    BadInput
        If there is no such kind.
    """
    if kind not in KINDS:
        raise unknown("plot", kind, KINDS)
    return KINDS[kind](explanation, **options)
