"""Bars: the strongest effects and interactions, each by itself."""

from __future__ import annotations

from typing import Any

from interplay.errors import check_whole
from interplay.indices import canonical_name
from interplay.numbers import Scale
from interplay.report.plots import effects
from interplay.report.plots.style import (
    INK,
    WIDTH,
    axis_words,
    frame,
    key,
    named_rows,
    numbers_beside,
    read,
    rest,
    signs,
    solid,
    whisker,
)


def bar(
    explanation: Any,
    *,
    ax: Any = None,
    width: float = WIDTH,
    top: int = 15,
    order: int | None = None,
    index: str = "BII",
) -> Any:
    """Draw the strongest effects and interactions as bars, longest first.

    Parameters
    ----------
    explanation : Explanation or mapping
        A run, or the content of its ``run.json``; the target that it shows is drawn.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a figure of its own, ``width`` inches wide.
    width : float
        In inches: 6.5 is the text of a page, 3.3 a column of a paper.
    top : int
        So many bars at most: those that carry most of the variance, as in the reports (of another
        index than BII: the largest).
    order : int, optional
        Largest set that is drawn, in features; by default all of BII, and an index's own.
    index : str
        Any of ``interplay.indices.INDICES`` but Fourier; influence, which has no sign, is grey.

    Returns
    -------
    matplotlib.axes.Axes
        A bar for each set of features, with its 90 % interval where errors are known. What lowers
        the target is hatched. The label of the axis says how many sets are not drawn.

    Raises
    ------
    BadInput
        If an option cannot be used.
    MissingExtra
        If matplotlib is not installed.

    Examples
    --------
    >>> bar(ip.load("run.json"), width=3.3).figure.savefig("bar.pdf")  # doctest: +SKIP
    """
    run, index = read(explanation), canonical_name(index)
    check_whole("top", top, 1)
    found = effects.rows(run, index, order)
    rows = sorted(found[:top], key=lambda row: -abs(row.value))
    scale = Scale.of(row.value for row in rows)
    with frame(run, ax, width, rows=max(len(rows), 1), height=0.9) as on:
        for place, row in enumerate(rows):
            filled = rest() if index == "influence" else solid(row.value)
            on.ax.barh(place, row.value, height=0.72, **filled)
            whisker(on, row.low, row.high, place)
        on.ax.axvline(0, color=INK, linewidth=0.8)
        left = named_rows(on, [row.numbered for row in rows])
        numbers_beside(on, [scale.signed(row.value) for row in rows])
        words = axis_words(on, run, index)
        if len(found) > len(rows):
            words += f"\n{len(rows):,} of {len(found):,} terms"
        on.ax.set_xlabel(words)
        signed = () if index == "influence" else (row.value for row in rows)
        key(on, run, signs(run, signed), left=left)
    return on.ax
