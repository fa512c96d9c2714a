"""A network: features on a ring, a line for each pair that acts together, a star for each group."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from interplay.errors import check_whole
from interplay.report.phrases import Row
from interplay.report.plots import effects
from interplay.report.plots.style import (
    HATCH,
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
    stroke,
)

NODES = 24
"""Features on the ring at most: as many as have room for their names."""


def network(
    explanation: Any,
    *,
    ax: Any = None,
    width: float = 0.8 * WIDTH,
    top: int = 20,
    order: int | None = None,
) -> Any:
    """Draw which features act together, as lines between them.

    Features stand on a ring in their own order, from the top down on the left and up again on the
    right. Their circles grow with their main effects, lines with the Banzhaf interaction of a pair;
    three features and more meet in a small square. What lowers the target is hatched or dashed.

    Parameters
    ----------
    explanation : Explanation or mapping
        A run, or the content of its ``run.json``; the target that it shows is drawn.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a figure of its own, ``width`` inches wide.
    width : float
        In inches.
    top : int
        So many combinations at most, the strongest that are among 24 features.
    order : int, optional
        Largest set that is drawn, in features; by default all.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    BadInput
        If no combination was found, or an option cannot be used.
    MissingExtra
        If matplotlib is not installed.

    Examples
    --------
    >>> network(ip.load("run.json"), order=2)  # doctest: +SKIP
    """
    run = read(explanation)
    check_whole("top", top, 1)
    rows = among_few(effects.combinations(run, order), NODES, top)
    nodes = sorted({i for row in rows for i in row.features})
    main = spectrum_of(run).main_effects
    most = float(np.abs(main[nodes]).max()) or 1.0
    strongest = max(abs(row.value) for row in rows)
    places = dict(zip(nodes, _ring(len(nodes)), strict=True))
    half = math.ceil(len(nodes) / 2)
    tall = max(0.6 * width, 1.1 * half * row_height(letters_of(width)))
    with frame(run, ax, width, rows=2.5, height=tall) as on:
        for row in reversed(rows):
            _link(on.ax, [places[i] for i in row.features], row, strongest)
        largest = 1.25 * on.pen.size
        names = on.pen.fit_all([effects.name(run, i) for i in nodes], 0.26 * on.room)
        for i, name in zip(nodes, names, strict=True):
            x, y = places[i]
            filled = solid(main[i])
            on.ax.scatter(
                [x],
                [y],
                s=(0.35 * largest + 0.65 * largest * math.sqrt(abs(main[i]) / most)) ** 2,
                facecolor=filled["facecolor"] if main[i] else "white",
                edgecolor="white" if main[i] else INK,
                hatch=2 * HATCH if main[i] < 0 else None,
                linewidth=0.8,
                zorder=3,
            )
            side = -1 if x < 0 else 1
            on.ax.annotate(
                name,
                (x, y),
                xytext=(side * 0.9 * largest, 0),
                textcoords="offset points",
                ha="right" if side < 0 else "left",
                va="center",
                annotation_clip=False,
            )
        on.ax.set_xlim(-1.1, 1.1)
        on.ax.set_ylim(-1.1, 1.1)
        on.ax.set_axis_off()
        told = signs(run, (row.value for row in rows), lines=True)
        left = max(on.pen.width(name) for name in names[:half])
        key(on, run, told, left=left, title=f"Lines: {axis_words(on, run, 'BII')}")
    return on.ax


def among_few(rows: list[Row], most: int, top: int) -> list[Row]:
    """Return the strongest combinations, ``top`` at most, that have ``most`` features in all."""
    nodes: set[int] = set()
    chosen: list[Row] = []
    for row in rows:
        if len(chosen) < top and len(nodes | set(row.features)) <= most:
            nodes |= set(row.features)
            chosen.append(row)
    return chosen


def _ring(count: int) -> list[tuple[float, float]]:
    """Return places from the top down on the left and up on the right, evenly apart in height.

    So the names beside them never lie on each other.
    """
    left = math.ceil(count / 2)
    found = []
    for k in range(count):
        rows, row = (left, k) if k < left else (count - left, count - 1 - k)
        y = 1 - (2 * row + 1) / rows
        x = math.sqrt(1 - (0.9 * y) ** 2)
        found.append((-x if k < left else x, y))
    return found


def _link(ax: Any, places: list[tuple[float, float]], row: Row, strongest: float) -> None:
    """Draw a pair as an arc that is bent towards the middle, more features as a star."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    drawn = stroke(row.value) | {"linewidth": 0.6 + 2.6 * abs(row.value) / strongest}
    centre = np.mean(places, axis=0)
    # neighbours' arcs stay near them, those of features that are far apart pass the middle
    apart = math.dist(places[0], places[-1]) / 2
    bend = centre * (0.85 - 0.4 * min(apart, 1.0))
    if row.order == 2:
        path = Path([places[0], tuple(bend), places[1]], [Path.MOVETO, Path.CURVE3, Path.CURVE3])
        ax.add_patch(PathPatch(path, facecolor="none", **_edge(drawn)))
        return
    for x, y in places:
        ax.plot([bend[0], x], [bend[1], y], **drawn)
    ax.plot(*bend, marker="s", markersize=5, color=drawn["color"], markeredgecolor="white")


def _edge(drawn: dict[str, Any]) -> dict[str, Any]:
    return {"edgecolor": drawn["color"]} | {k: drawn[k] for k in ("linestyle", "linewidth")}
