"""Faithfulness against calls."""

from __future__ import annotations

from typing import Any

from interplay.errors import BadInput
from interplay.metrics import DO_NOT_TRUST, TRUST_IN_PART
from interplay.report.plots.style import INK, QUIET, RAISES, REST, WIDTH, frame, read
from interplay.report.reading import Reading

LOWEST = -0.25
"""R² below that is drawn there: it is worse than no explanation, and how much does not matter."""


def convergence(explanation: Any, *, ax: Any = None, width: float = WIDTH / 2) -> Any:
    """Draw how faithfulness grew with the calls.

    Parameters
    ----------
    explanation : Explanation or mapping
        A run, or the content of its ``run.json``; the target that it shows is drawn. With points of
        ``Explanation.with_convergence``, or of an adaptive run, a line; of others the one point
        that they have.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a figure of its own, ``width`` inches wide.
    width : float
        In inches.

    Returns
    -------
    matplotlib.axes.Axes
        Held-out R² with 90 % intervals, calls on a logarithmic scale. Lines stand where the low end
        of the interval must be for a run to be trusted, and to be trusted in part.

    Raises
    ------
    BadInput
        If the faithfulness of the run was not measured.
    MissingExtra
        If matplotlib is not installed.

    Examples
    --------
    >>> convergence(ip.load("run.json").with_convergence())  # doctest: +SKIP
    """
    run = read(explanation)
    points = run.convergence or _last(run)
    if not points:
        raise BadInput(
            "the faithfulness of this run could not be measured, for too few masks could be set "
            "aside: give it a larger budget"
        )
    calls = [point[0] for point in points]
    with frame(run, ax, width, height=0.62 * width, rows=3) as on:
        for level, word in ((DO_NOT_TRUST, "trust in part"), (TRUST_IN_PART, "trust")):
            on.ax.axhline(level, color=REST, linewidth=0.8, linestyle=":")
            on.ax.annotate(
                word,
                (1, level),
                xycoords=on.ax.get_yaxis_transform(),
                xytext=(0, 1.5),
                textcoords="offset points",
                ha="right",
                va="bottom",
                color=QUIET,
            )
        for at, _, low, high in points:
            ends = [max(end, LOWEST) for end in (low, high)]
            on.ax.plot([at, at], ends, color=INK, linewidth=1.1)
        shown = [max(point[1], LOWEST) for point in points]
        on.ax.plot(calls, shown, color=RAISES, marker="o", markersize=0.55 * on.pen.size)
        on.ax.set_xscale("log")
        low, high = min(calls), max(calls)
        on.ax.set_xlim(low / 1.3, high * 1.3)
        on.ax.set_xticks(calls, [f"{one:,}" for one in calls])
        on.ax.minorticks_off()
        on.ax.set_ylim(min(0.0, *(max(point[2], LOWEST) for point in points), *shown) - 0.02, 1.02)
        on.ax.spines["left"].set_visible(True)
        on.ax.set_xlabel("calls of the model, logarithmic")
        on.ax.set_ylabel("R² on unseen masks")
    return on.ax


def _last(run: Reading) -> list[tuple[int, float, float, float]]:
    """The point of the run itself."""
    if run.faithfulness is None:
        return []
    cost = run.summary["cost"]
    return [(max(int(cost["calls"]) + int(cost["reused"]), 1), *run.faithfulness)]
