"""The parts of a network: what each does, as a grid of layers, and which pairs act together."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np

from interplay.errors import BadInput, check_whole
from interplay.numbers import Scale, percent
from interplay.report.network import NetworkDrawing
from interplay.report.plots import effects
from interplay.report.plots.style import (
    DARKER,
    FAINT,
    LOWERS,
    RAISES,
    WIDTH,
    Frame,
    axis_words,
    frame,
    key,
    read,
    shade,
    shades,
)
from interplay.report.reading import Reading


def heads(explanation: Any, *, ax: Any = None, width: float = WIDTH, index: str = "BII") -> Any:
    """Draw the heads of a network as a grid, layers by heads, shaded by what each does.

    Parameters
    ----------
    explanation : Explanation or mapping
        A run of a network, or the content of its ``run.json``; the target that it shows is drawn.
        Its parts may be heads, MLPs, layers or units.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a figure of its own, ``width`` inches wide.
    width : float
        In inches.
    index : str
        What the shades are: BII, the Banzhaf value of single features; or SV, ...

    Returns
    -------
    matplotlib.axes.Axes
        Orange raises the target; blue, hatched, lowers it. The numbers are there where cells have
        room for them.

    Raises
    ------
    BadInput
        If the run is not of a network, or an option cannot be used.
    MissingExtra
        If matplotlib is not installed.

    Examples
    --------
    >>> heads(ip.load("run.json"), width=3.3).figure.savefig("heads.pdf")  # doctest: +SKIP
    """
    run, grid = _network(explanation, "heads")
    values = effects.single(run, index)
    largest, scale = float(np.abs(values).max(initial=0.0)), Scale.of(values.tolist())
    columns, rows = len(grid.columns), len(grid.layers)
    with frame(run, ax, width, rows=1.1 * rows + 5) as on:
        cell = (on.room - 0.7) / columns
        written = [scale.signed(value) for value in values]
        fits = max(map(on.pen.width, written)) < 0.9 * cell
        for one, value, words in zip(grid.cells, values, written, strict=True):
            x, y = one.column - 0.46, one.row - 0.46
            on.ax.add_patch(_box(x, y, 0.92, 0.92, facecolor="none", edgecolor=FAINT, lw=0.6))
            on.ax.add_patch(_box(x, y, 0.92, 0.92, **shade(float(value), largest)))
            if fits:
                on.ax.text(one.column, one.row, words, ha="center", va="center")
        on.ax.set_xlim(-0.5, columns - 0.5)
        on.ax.set_ylim(rows - 0.5, -0.5)
        _ticks(on, grid)
        key(
            on,
            run,
            shades(values.tolist()),
            title=axis_words(on, run, index, single=True),
            left=0.3,
        )
    return on.ax


def head_matrix(
    explanation: Any, *, ax: Any = None, width: float = 0.75 * WIDTH, top: int = 200
) -> Any:
    """Draw how the parts of a network act in pairs, as a table of all parts by all parts.

    Parameters
    ----------
    explanation : Explanation or mapping
        A run of a network, or the content of its ``run.json``; the target that it shows is drawn.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a figure of its own, ``width`` inches wide.
    width : float
        In inches.
    top : int
        So many pairs at most, the strongest.

    Returns
    -------
    matplotlib.axes.Axes
        A mark for each pair: an orange square where its Banzhaf interaction raises the target, a
        blue diamond where it lowers it. Areas grow with the interaction to the power 2/3. Pairs of
        one layer lie on the grey stairs, those of two layers below. The legend says how much of the
        variance parts of the network carry alone, with others of their layer, and across layers.

    Raises
    ------
    BadInput
        If the run is not of a network, no pair was found, or an option cannot be used.
    MissingExtra
        If matplotlib is not installed.

    Examples
    --------
    >>> head_matrix(ip.load("run.json"), top=50)  # doctest: +SKIP
    """
    check_whole("top", top, 1)
    run, grid = _network(explanation, "head_matrix")
    pairs = grid.picture.pairs[:top]
    if not pairs:
        raise BadInput("no pair of parts was found to act together: heads draws them one by one")
    n = len(grid.cells)
    largest, scale = max(abs(pair.value) for pair in pairs), Scale.of(p.value for p in pairs)
    with frame(run, ax, width, height=0.9 * width, rows=5) as on:
        for begin, end in pairwise([0, *grid.boundaries, n]):
            corner, side = begin - 0.5, end - begin
            on.ax.add_patch(_box(corner, corner, side, side, facecolor=FAINT, linewidth=0))
        for pair in pairs:
            x, y = sorted(pair.features)
            on.ax.add_patch(_mark(x, y, pair.value, largest))
        on.ax.set_xlim(-0.5, n - 0.5)
        on.ax.set_ylim(n - 0.5, -0.5)
        on.ax.set_aspect("equal", anchor="W")
        ends = dict(pairwise([0, *grid.boundaries, n]))
        for axis in (on.ax.xaxis, on.ax.yaxis):
            middles = [(begin + ends[begin] - 1) / 2 for begin, _ in grid.starts]
            axis.set_ticks(middles, [name for _, name in grid.starts])
        on.ax.tick_params(length=0)
        on.ax.spines["left"].set_visible(True)
        on.ax.set_xlabel("parts of the network, by layer")
        _pairs_key(on, run, grid, scale)
    return on.ax


def _pairs_key(on: Frame, run: Reading, grid: NetworkDrawing, scale: Scale) -> None:
    from matplotlib.lines import Line2D

    size = 0.8 * on.pen.size
    marks = {
        1: Line2D([], [], color=RAISES, marker="s", markersize=size, linestyle="none"),
        -1: Line2D([], [], color=LOWERS, marker="D", markersize=0.8 * size, linestyle="none"),
    }
    told = []
    for sign, word in ((1, "raises"), (-1, "lowers")):
        values = [pair.value for pair in grid.picture.pairs if pair.value * sign > 0]
        if values:
            most = scale.signed(max(values, key=abs))
            told.append((marks[sign], f"{word} {run.quantity}, up to {most}"))
    whole = grid.picture.whole
    parts = (("alone", whole.linear), ("in layers", whole.within), ("across", whole.across))
    shared = [f"{name} {percent(part)}" for name, part in parts]
    title = f"Variance: {', '.join(shared)}"
    if on.pen.width(title) > on.room:
        title = "Variance:\n" + "\n".join(shared)
    key(on, run, told, title=title)


def _box(x: float, y: float, width: float, height: float, **filled: Any) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x, y), width, height, **filled)


def _mark(x: int, y: int, value: float, largest: float) -> Any:
    """Return a square or a diamond, the larger the ``value``; the largest fills its cell."""
    from matplotlib.patches import Polygon

    half = 0.5 * max((abs(value) / largest) ** (1 / 3), 0.2)  # areas: power 2/3, as shades
    if value > 0:
        return _box(x - half, y - half, 2 * half, 2 * half, facecolor=RAISES, linewidth=0)
    corners = [(x, y - half), (x + half, y), (x, y + half), (x - half, y)]
    return Polygon(corners, facecolor=LOWERS, edgecolor=DARKER, linewidth=0.4)


def _network(explanation: Any, plot: str) -> tuple[Reading, NetworkDrawing]:
    run = read(explanation)
    if run.network is None:
        raise BadInput(
            f"{plot} draws the parts of a network, and this run is not of one: for a text take "
            "text, for an image image, for anything bar or network"
        )
    return run, run.network


def _ticks(on: Frame, grid: NetworkDrawing) -> None:
    """Name the rows and columns; of many columns not all."""
    names = grid.heads_of_columns
    wide = max(map(on.pen.width, names)) + 0.06
    step = max(1, math.ceil(wide * len(names) / max(on.room - 0.7, 0.5)))
    shown = range(0, len(names), step)
    on.ax.set_xticks(list(shown), [names[i] for i in shown])
    on.ax.set_yticks(range(len(grid.layers)), [grid.layer(i) for i in range(len(grid.layers))])
    on.ax.tick_params(length=0)
    on.ax.spines["bottom"].set_visible(False)
    kinds = {kind for kind, _ in grid.columns}
    on.ax.set_xlabel("head" if "head" in kinds else "")
    on.ax.set_ylabel("layer")
