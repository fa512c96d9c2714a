"""Pairs of training examples: which repeat, and which reinforce each other."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import numpy as np

from interplay.errors import BadInput, check_whole
from interplay.report.examples import Example, Sheet
from interplay.report.plots.style import (
    INK,
    WIDTH,
    axis_words,
    frame,
    key,
    named_rows,
    read,
    signs,
    solid,
    whisker,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 22
"""Points that a picture is wide."""


def partners(explanation: Any, *, ax: Any = None, width: float = WIDTH, top: int = 8) -> Any:
    """Draw the strongest pairs of training examples: which repeat, which reinforce each other.

    Parameters
    ----------
    explanation : Explanation or mapping
        Of a training set, or the content of its ``run.json``; the target that it shows is drawn.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a figure of its own, ``width`` inches wide.
    width : float
        In inches.
    top : int
        So many pairs of each kind at most.

    Returns
    -------
    matplotlib.axes.Axes
        A bar for each pair, its Banzhaf interaction, with the 90 % interval; a dot where retraining
        has measured it. What lowers the target is hatched. With pictures where the run has them.

    Raises
    ------
    BadInput
        If the run is not of a training set, no pair was found, or an option cannot be used.
    MissingExtra
        If matplotlib is not installed.

    Examples
    --------
    >>> partners(ip.load("run.json")).figure.savefig("pairs.png")  # doctest: +SKIP
    """
    check_whole("top", top, 1)
    run = read(explanation)
    examples = run.examples
    if examples is None:
        raise BadInput(
            "partners draws pairs of training examples, and this run is not of any: "
            "network and upset draw combinations of any features"
        )
    rows = [(kind, one) for kind in examples.kinds for one in kind.pairs[:top]]
    if not rows:
        raise BadInput("no pair of training examples was found to repeat or to reinforce another")
    kinds = [kind.name for kind, _ in rows]
    # a row above each kind is for its heading
    places = [
        row + sorted(set(kinds[: row + 1]), key=kinds.index).index(kinds[row])
        for row in range(len(rows))
    ]
    tall = 1.0 if examples.sheet is None else 1.5  # rows of text
    with frame(run, ax, width, rows=tall * (places[-1] + 2), height=0.9) as on:
        for place, (_, one) in zip(places, rows, strict=True):
            on.ax.barh(place, one.pair.value, height=0.72, **solid(one.pair.value))
            whisker(on, one.pair.low, one.pair.high, place)
            if one.measured is not None:
                on.ax.plot(one.measured.value, place, "o", color=INK, markerfacecolor="white")
            if examples.sheet is not None:
                for side, feature in enumerate(reversed(one.pair.features)):
                    _picture(on.ax, examples.sheet, examples.features[feature], place, side)
        left = named_rows(on, [" × ".join(one.pair.names) for _, one in rows], 0.35, places)
        if examples.sheet is not None:
            on.ax.tick_params(axis="y", pad=2.4 * SIDE + 6)
        for kind in {kind.name: kind for kind, _ in rows}.values():
            on.ax.annotate(
                kind.heading,
                (1, places[kinds.index(kind.name)] - 1),
                xycoords=on.ax.get_yaxis_transform(),
                ha="right",
                va="center",
                fontweight="bold",
            )
        on.ax.axvline(0, color=INK, linewidth=0.8)
        on.ax.set_ylim(places[-1] + 0.6, -1.5)
        on.ax.set_xlabel(axis_words(on, run, "BII"))
        told = signs(run, (one.pair.value for _, one in rows))
        if any(one.measured is not None for _, one in rows):
            told.append((_dot(), "measured by retraining"))
        key(on, run, told, left=left)
    return on.ax


def _dot() -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], linestyle="none", marker="o", color=INK, markerfacecolor="white")


def _picture(ax: Any, sheet: Sheet, example: Example, place: int, side: int) -> None:
    """Put the picture of an example to the left of a row; ``side`` 0 is next to the axis."""
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    pixels = _tile(sheet, example)
    drawn = OffsetImage(
        pixels, zoom=SIDE / max(pixels.shape[:2]), cmap="gray", interpolation="none"
    )
    box = AnnotationBbox(
        drawn,
        (0, place),
        xybox=(-(0.6 + 1.15 * side) * SIDE, 0),
        xycoords=("axes fraction", "data"),
        boxcoords="offset points",
        frameon=False,
        pad=0,
    )
    ax.add_artist(box)


def _tile(sheet: Sheet, example: Example) -> NDArray[np.uint8]:
    from PIL import Image

    content = base64.b64decode(sheet.address.partition(",")[2])
    whole = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    x, y = example.place or (0, 0)
    return whole[y * sheet.height : (y + 1) * sheet.height, x * sheet.width : (x + 1) * sheet.width]
