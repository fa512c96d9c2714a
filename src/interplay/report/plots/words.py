"""The words of a text, shaded by what they do."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from interplay.errors import BadInput, check_whole
from interplay.report.phrases import Piece
from interplay.report.plots import effects
from interplay.report.plots.letters import Pen
from interplay.report.plots.style import WIDTH, Frame, axis_words, frame, key, read, shade, shades

LEADING = 1.75
"""From one line to the next, in sizes of the letters."""
SMALLEST = 4.0
"""Points: below that nobody can read it, and the text is cut."""


@dataclass(frozen=True)
class Placed:
    """A word on its line, from ``x`` on, so many inches wide; ``feature`` None between features."""

    text: str
    feature: int | None
    line: int
    x: float
    width: float


def text(
    explanation: Any,
    *,
    ax: Any = None,
    width: float = WIDTH,
    lines: int = 50,
    index: str = "BII",
) -> Any:
    """Draw a text with its words (or sentences, or what was ablated) shaded by their effects.

    Parameters
    ----------
    explanation : Explanation or mapping
        A run of a text, or of an image with a caption whose words are features; or the content of
        its ``run.json``. The target that it shows is drawn.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a figure of its own, ``width`` inches wide and as high as the
        text. In Axes that are too small the letters shrink, down to 4 points. Lines are broken for
        the width that the Axes have now: of several plots in a figure draw this one last.
    width : float
        In inches.
    lines : int
        So many lines at most; the last one says how much was left out.
    index : str
        What the shades are: BII, the Banzhaf value of single features; or SV, ...

    Returns
    -------
    matplotlib.axes.Axes
        Orange raises the target; blue, hatched, lowers it. Depth grows with the effect to the power
        2/3, as in the HTML report, and the legend has numbers.

    Raises
    ------
    BadInput
        If the run is not of a text, or an option cannot be used.
    MissingExtra
        If matplotlib is not installed.

    Examples
    --------
    >>> text(ip.load("run.json"), index="SV").figure.savefig("text.pdf")  # doctest: +SKIP
    """
    run = read(explanation)
    check_whole("lines", lines, 1)
    pieces = run.pieces if run.kind == "text" else run.words
    if not pieces:
        raise BadInput(
            "text draws the words of a text, and this run has none: for an image take image, for "
            "a network heads, for anything bar or network"
        )
    values = effects.single(run, index)
    with frame(run, ax, width, height=2.0, texts=[piece.text for piece in pieces]) as on:
        from matplotlib.patches import Rectangle

        on.ax.set_axis_off()
        listed = [values[piece.feature] for piece in pieces if piece.feature is not None]
        words = axis_words(on, run, index, single=True)
        below = key(on, run, shades(listed), title=words, below=True)
        on, placed, room = _laid_out(on, pieces, lines, below)
        step = LEADING * on.pen.size / 72
        largest = max(map(abs, listed), default=0.0)
        right_to_left = _is_right_to_left(pieces)
        inches = _from_corner(on.ax)
        for word in placed:
            left = room - word.x - word.width if right_to_left else word.x
            # places are in inches, so that nothing moves when the Axes do, nor moves them
            held = {"transform": inches, "clip_on": False, "in_layout": False}
            if word.feature is not None and values[word.feature]:
                filled = shade(float(values[word.feature]), largest)
                corner = (left, -(word.line + 0.92) * step)
                on.ax.add_artist(
                    Rectangle(corner, word.width, 0.84 * step, zorder=0, **held, **filled)
                )
            if word.text.strip():
                on.ax.text(
                    left,
                    -(word.line + 0.5) * step,
                    on.pen.write(word.text),
                    fontsize=on.pen.size,
                    ha="left",
                    va="center_baseline",
                    **held,
                )
    return on.ax


def _laid_out(
    on: Frame, pieces: Sequence[Piece], most: int, below: float
) -> tuple[Frame, list[Placed], float]:
    """Find a size of letters and the places of all words; inches from the upper left corner.

    A figure of its own gets the height that is needed, with so many inches ``below`` the text.
    """
    if on.own:
        room = on.room - 0.2
        placed = _cut(on.pen, flow(on.pen, pieces, room), most, room)
        height = LEADING * on.pen.size / 72 * (placed[-1].line + 1)
        figure = on.ax.figure
        figure.set_figheight(height + below + 0.1)
    else:
        on.ax.figure.draw_without_rendering()  # so that the layout is known
        room, height = (size / on.ax.figure.dpi for size in on.ax.bbox.size)
        while True:
            most_here = max(1, int(height / (LEADING * on.pen.size / 72)))
            placed = flow(on.pen, pieces, room)
            if placed[-1].line < most_here or on.pen.size <= SMALLEST:
                break
            on = replace(on, pen=replace(on.pen, size=max(on.pen.size - 0.5, SMALLEST)))
        placed = _cut(on.pen, placed, min(most, most_here), room)
    return on, placed, room


def flow(pen: Pen, pieces: Sequence[Piece], room: float) -> list[Placed]:
    """Break a text into lines of so many inches; what is too long for a line is shortened."""
    placed: list[Placed] = []
    line, x = 0, 0.0
    widths: dict[str, float] = {}
    for piece in pieces:
        for token in re.findall(r"\n|[^\S\n]+|\S+", piece.text):
            if token == "\n":
                # empty lines are not drawn, nor one before the first word
                line, x = (line + 1, 0.0) if x else (line, x)
                continue
            if token.isspace():
                token, wide = " ", pen.space
            else:
                if token not in widths:
                    widths[token] = pen.width(token) if len(token) < 1000 else room + 1
                wide = widths[token]
            if wide > room:
                token = pen.fit(token, room).replace(r"\$", "$")
                wide = pen.width(token)
            if x + wide > room and x:
                line, x = line + 1, 0.0
            if token == " " and not x:
                continue
            placed.append(Placed(token, piece.feature, line, x, wide))
            x += wide
    return placed or [Placed("", None, 0, 0.0, 0.0)]


def _cut(pen: Pen, placed: list[Placed], most: int, room: float) -> list[Placed]:
    """Leave out what is below so many lines, and say how many words that is."""
    if placed[-1].line < most:
        return placed
    kept = [word for word in placed if word.line < most - 1]
    left = sum(1 for word in placed if word.line >= most - 1 and word.text.strip())
    told = f"… {left:,} more words are not drawn"
    return [*kept, Placed(told, None, most - 1, 0.0, min(pen.width(told), room))]


def _is_right_to_left(pieces: Sequence[Piece]) -> bool:
    """Whether the first letter that has a direction goes to the left."""
    for piece in pieces:
        for c in piece.text:
            direction = unicodedata.bidirectional(c)
            if direction in ("L", "R", "AL"):
                return direction != "L"
    return False


def _from_corner(ax: Any) -> Any:
    """Return the transform of inches from the upper left corner of Axes, upwards."""
    from matplotlib.transforms import ScaledTranslation

    return ax.figure.dpi_scale_trans + ScaledTranslation(0, 1, ax.transAxes)
