"""An UpSet plot: which features the strongest combinations are of, and how strong they are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from interplay.errors import BadInput, check_whole
from interplay.numbers import MINUS
from interplay.report.plots import effects
from interplay.report.plots.ring import among_few
from interplay.report.plots.style import (
    FAINT,
    INK,
    WIDTH,
    axis_words,
    frame,
    key,
    letters_of,
    read,
    row_height,
    signs,
    solid,
    spectrum_of,
)
from interplay.value_function import FloatArray


def upset(
    explanation: Any,
    *,
    ax: Any = None,
    width: float = WIDTH,
    top: int = 15,
    order: int | None = None,
    features: int = 20,
) -> Any:
    """Draw the strongest combinations as bars over a table of the features that they are of.

    Parameters
    ----------
    explanation : Explanation or mapping
        A run, or the content of its ``run.json``; the target that it shows is drawn.
    ax : matplotlib.axes.Axes, optional
        Its place is divided; it must be of a grid, as those of ``pyplot.subplots``. By default a
        figure of its own, ``width`` inches wide.
    width : float
        In inches.
    top : int
        So many combinations at most, the strongest.
    order : int, optional
        Largest set that is drawn, in features; by default all.
    features : int
        So many features at most: combinations that need more are passed over.

    Returns
    -------
    matplotlib.axes.Axes
        The one with a bar for each combination, its Banzhaf interaction, with the 90 % interval
        where errors are known. Its figure has two more: the table below, and the main effects of
        the features beside that. What lowers the target is hatched.

    Raises
    ------
    BadInput
        If no combination was found, ``ax`` cannot be divided, or an option cannot be used.
    MissingExtra
        If matplotlib is not installed.

    Examples
    --------
    >>> upset(ip.load("run.json"), top=8).figure.axes  # doctest: +SKIP
    """
    run = read(explanation)
    check_whole("top", top, 1)
    check_whole("features", features, 2)
    rows = among_few(effects.combinations(run, order), features, top)
    if not rows:
        raise BadInput(f"no combination is of {features} features or fewer: give more features")
    members = sorted({i for row in rows for i in row.features})
    spectrum = spectrum_of(run)
    alone = {row.features[0]: row for row in effects.rows(run, "BII", 1)}
    place = {feature: y for y, feature in enumerate(members)}
    tall = max(1.4, 7 * row_height(letters_of(width)))
    with frame(run, ax, width, rows=len(members), height=tall + 1.1) as on:
        spec = on.ax.get_subplotspec()
        if spec is None:
            raise BadInput("upset divides its Axes: give one of a grid, such as pyplot.subplots")
        figure = on.ax.figure
        heights = (0.1, tall, len(members) * on.row)
        grid = spec.subgridspec(3, 2, width_ratios=(1, 2.4), height_ratios=heights, hspace=0.02)
        head = figure.add_subplot(grid[0, :])
        head.set_axis_off()
        bars = on.ax
        bars.set_subplotspec(grid[1, 1])
        table = figure.add_subplot(grid[2, 1], sharex=bars)
        beside = figure.add_subplot(grid[2, 0], sharey=table)

        for x, row in enumerate(rows):
            bars.bar(x, row.value, width=0.72, **solid(row.value))
            if row.low is not None and row.high is not None and row.low < row.high:
                bars.plot([x, x], [row.low, row.high], color=INK, linewidth=1.1)
        bars.axhline(0, color=INK, linewidth=0.8)
        bars.spines["left"].set_visible(True)
        bars.spines["bottom"].set_visible(False)
        bars.tick_params(axis="x", bottom=False, labelbottom=False)

        for y in range(0, len(members), 2):
            table.axhspan(y - 0.5, y + 0.5, color=FAINT, alpha=0.35, linewidth=0)
        # of a column of the table, in points
        dot = min(0.55 * on.pen.size, 0.6 * 0.55 * on.room * 72 / len(rows))
        for x, row in enumerate(rows):
            at = [place[i] for i in row.features]
            rest = [y for y in range(len(members)) if y not in at]
            table.plot([x] * len(rest), rest, "o", color=FAINT, markersize=0.5 * dot)
            table.plot([x, x], [min(at), max(at)], color=INK, linewidth=1)
            table.plot([x] * len(at), at, "o", color=INK, markersize=dot)
        table.set_xlim(-0.6, len(rows) - 0.4)
        table.set_ylim(len(members) - 0.5, -0.5)
        table.set_axis_off()

        names = [effects.name(run, i) for i in members]
        for y, i in enumerate(members):
            value = float(spectrum.main_effects[i])
            beside.barh(y, value, height=0.6, **solid(value))
            one = alone.get(i)
            if one is not None and one.low is not None and one.high is not None:
                beside.plot([one.low, one.high], [y, y], color=INK, linewidth=0.9)
        beside.axvline(0, color=INK, linewidth=0.8)
        beside.set_yticks(
            range(len(members)),
            on.pen.fit_all(names, 0.24 * on.room),
        )
        beside.tick_params(axis="y", length=0)
        beside.set_xticks(*_ends(spectrum.main_effects[members]))
        beside.set_xlabel("main effect")
        beside.get_yticklabels()
        left = max(min(on.pen.width(name), 0.24 * on.room) for name in names)
        told = signs(run, [*(row.value for row in rows), *spectrum.main_effects[members]])
        key(on, run, told, title=f"Bars: {axis_words(on, run, 'BII')}", ax=head, left=left)
    return bars


def _ends(values: FloatArray) -> tuple[list[float], list[str]]:
    """Return two ticks, for which there is always room: 0, and a round number near the largest."""
    largest = float(values[np.abs(values).argmax()])
    if not largest:
        return [0.0], ["0"]
    step = 10.0 ** math.floor(math.log10(abs(largest)))
    tick = math.copysign(math.floor(abs(largest) / step) * step, largest)
    return [0.0, tick], ["0", f"{tick:.1g}".replace("-", MINUS)]
