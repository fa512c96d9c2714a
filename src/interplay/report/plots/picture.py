"""A picture, its regions shaded by what they do, and the pairs that act together."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interplay.errors import BadInput, check_whole
from interplay.report.plots import effects
from interplay.report.plots.style import WIDTH, axis_words, frame, key, read, shade, shades, stroke
from interplay.report.reading import Reading


def image(
    explanation: Any,
    *,
    ax: Any = None,
    width: float = WIDTH / 2,
    links: int = 5,
    index: str = "BII",
) -> Any:
    """Draw a picture with its regions shaded by their effects, and lines for the strongest pairs.

    Parameters
    ----------
    explanation : Explanation or mapping
        A run of an image, or the content of its ``run.json``; the target that it shows is drawn.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a figure of its own, ``width`` inches wide.
    width : float
        In inches.
    links : int
        So many pairs of regions at most; 0 for none. Their Banzhaf interactions are meant.
    index : str
        What the shades are: BII, the Banzhaf value of single features; or SV, ...

    Returns
    -------
    matplotlib.axes.Axes
        The picture in grey. Orange raises the target; blue, hatched or dashed, lowers it.

    Raises
    ------
    BadInput
        If the run is not of an image, or an option cannot be used.
    MissingExtra
        If matplotlib is not installed.

    Examples
    --------
    >>> image(ip.load("run.json"), links=0)  # doctest: +SKIP
    """
    run = read(explanation)
    check_whole("links", links, 0)
    if run.drawing is None:
        raise BadInput(
            "image draws a picture with its regions, and this run has none: for a text take text, "
            "for a network heads, for anything bar or network"
        )
    regions: Sequence[Sequence[Sequence[int]]] = run.subject["outlines"]
    values = effects.single(run, index)[: len(regions)]
    largest = float(np.abs(values).max(initial=0.0))
    wide, tall = run.drawing.width, run.drawing.height
    with frame(run, ax, width, height=width * tall / wide, rows=3.5) as on:
        smooth = "none" if run.drawing.pixelated else "antialiased"
        on.ax.imshow(
            _grey(run.drawing.address),
            cmap="gray",
            vmin=0,
            vmax=255,
            interpolation=smooth,
            extent=(0, wide, tall, 0),
        )
        for loops, value in zip(regions, values, strict=True):
            on.ax.add_patch(_region(loops, shade(float(value), largest)))
        _links(on.ax, run, [_middle(loops) for loops in regions], links)
        on.ax.set_xlim(0, wide)
        on.ax.set_ylim(tall, 0)
        on.ax.set_anchor("NW")
        on.ax.set_axis_off()
        words = axis_words(on, run, index, single=True)
        key(on, run, shades(values.tolist()), title=words, below=True)
    return on.ax


def _grey(address: str) -> NDArray[np.float64]:
    """Return the pixels in grey, half as strong, so that the colours are seen."""
    from PIL import Image

    content = base64.b64decode(address.partition(",")[2])
    pixels = np.asarray(Image.open(io.BytesIO(content)).convert("L"), dtype=np.float64)
    return 255 - 0.6 * (255 - pixels)


def _region(loops: Sequence[Sequence[int]], filled: dict[str, Any]) -> Any:
    """Return the area that loops of x and y enclose; a loop in another one is a hole."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    corners: list[tuple[int, int]] = []
    codes: list[Any] = []
    for loop in loops:
        points = list(zip(loop[::2], loop[1::2], strict=True))
        corners += [*points, points[0]]
        codes += [Path.MOVETO, *[Path.LINETO] * (len(points) - 1), Path.CLOSEPOLY]
    return PathPatch(Path(corners or [(0, 0)], codes or [Path.MOVETO]), **filled)


def _middle(loops: Sequence[Sequence[int]]) -> tuple[float, float]:
    """Return the middle of the longest loop."""
    longest = max(loops, key=len, default=[0, 0])
    return float(np.mean(longest[::2])), float(np.mean(longest[1::2]))


def _links(ax: Any, run: Reading, middles: Sequence[tuple[float, float]], most: int) -> None:
    from matplotlib.patheffects import withStroke

    pairs = [
        row
        for row in effects.rows(run, "BII", min(2, len(run.features)), least=2)
        if max(row.features) < len(middles)
    ][:most]
    strongest = max((abs(row.value) for row in pairs), default=1.0)
    for row in pairs:
        (x, y), (u, v) = (middles[i] for i in row.features)
        thick = 1.0 + 2.5 * abs(row.value) / strongest
        drawn = stroke(row.value) | {"linewidth": thick, "marker": "o", "markersize": thick + 2}
        ax.plot(
            [x, u],
            [y, v],
            path_effects=[withStroke(linewidth=thick + 1.6, foreground="white")],
            **drawn,
        )
