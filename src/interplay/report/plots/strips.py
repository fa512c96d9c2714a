"""What raises the target against what lowers it: two strips that share an end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from interplay.errors import check_whole
from interplay.numbers import Scale, count
from interplay.report.plots.style import INK, WIDTH, Frame, frame, key, read, signs, solid
from interplay.report.plots.sums import Step, everything, nothing, sum_axis, sum_of

THICK, GAP = 1.5, 0.1
"""Height of a strip, and half of what is between two, in rows of text."""


@dataclass(frozen=True)
class Part:
    """A stretch of a strip, from ``begin`` on; ``value`` is its length, with a sign."""

    name: str
    begin: float
    value: float
    named: bool

    @property
    def middle(self) -> float:
        return self.begin + self.value / 2


def force(
    explanation: Any,
    *,
    ax: Any = None,
    width: float = WIDTH,
    top: int = 8,
    order: int | None = None,
    index: str = "k-SII",
) -> Any:
    """Draw what raises the target against what lowers it, as two strips that share an end.

    The upper strip goes to the right from the series with no feature kept, by everything that
    raises the target. From there the lower strip goes back, by everything that lowers it, to the
    series with every feature kept. What has no name of its own is the pale last part of its strip.

    Parameters
    ----------
    explanation : Explanation or mapping
        A run, or the content of its ``run.json``; the target that it shows is drawn.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a figure of its own, ``width`` inches wide.
    width : float
        In inches.
    top : int
        So many parts have a name at most, the largest of both strips.
    order, index
        What adds up: see :func:`waterfall`.

    Returns
    -------
    matplotlib.axes.Axes
        Two strips; what lowers the target is hatched. Errors are not drawn: waterfall shows them.

    Raises
    ------
    BadInput
        If the values of the index do not add up, or an option cannot be used.
    MissingExtra
        If matplotlib is not installed.

    Examples
    --------
    >>> force(ip.load("run.json"), top=5)  # doctest: +SKIP
    """
    run = read(explanation)
    check_whole("top", top, 1)
    found = sum_of(run, index, order)
    named = {id(step) for step in found.steps[:top]}
    raising = _strip([s for s in found.steps if s.value > 0], found.start, named)
    turn = raising[-1].begin + raising[-1].value if raising else found.start
    lowering = _strip([s for s in found.steps if s.value < 0], turn, named)
    scale = Scale.of([found.start, found.end, *found.named])
    with frame(run, ax, width, rows=2 * THICK, height=0.9) as on:
        for sign, parts in ((1, raising), (-1, lowering)):
            for part in parts:
                on.ax.barh(
                    sign * (GAP + THICK / 2),
                    part.value,
                    left=part.begin,
                    height=THICK,
                    alpha=1.0 if part.named else 0.5,
                    **{**solid(part.value), "linewidth": 0.8},
                )
        ends = [
            (1, found.start, f"{nothing(run)}\n{scale.plain(found.start)}"),
            (-1, found.end, f"{everything(run)}\n{scale.plain(found.end)}"),
        ]
        for sign, value, words in ends:
            at = sign * (GAP + THICK / 2)
            on.ax.plot([value] * 2, [sign * GAP / 2, sign * (THICK + 2 * GAP)], color=INK, lw=2)
            on.ax.annotate(
                words,
                (value, at),
                xytext=(-0.5 * on.pen.size, 0),
                textcoords="offset points",
                ha="right",
                va="center",
            )
        _label(on, raising, lowering, ends, scale)
        on.ax.plot([turn, turn], [-GAP - THICK, GAP + THICK], color=INK, linewidth=0.6)
        on.ax.set_yticks([])
        on.ax.set_xlabel(sum_axis(on, run, found.index))
        key(on, run, signs(run, found.named))
    return on.ax


def _strip(steps: Sequence[Step], start: float, named: set[int]) -> list[Part]:
    """Put steps end to end: those with a name, largest first, then all others as one."""
    parts, at = [], start
    for step in steps:
        if id(step) in named:
            parts.append(Part(step.name, at, step.value, named=True))
            at += step.value
    others = [step.value for step in steps if id(step) not in named]
    if others:
        parts.append(Part(count(len(others), "other"), at, sum(others), named=False))
    return parts


def _label(
    on: Frame,
    raising: list[Part],
    lowering: list[Part],
    ends: Sequence[tuple[int, float, str]],
    scale: Scale,
) -> None:
    """Write names above and below the strips, each on the lowest level that is free to its right.

    So no line from a part to its name crosses another name.
    """
    inches = on.room - 0.3  # of the Axes, which have nothing at their sides
    pad = 0.6 * on.pen.size / 72
    placed = [(1, part) for part in raising] + [(-1, part) for part in lowering]
    fitted = on.pen.fit_all([part.name for _, part in placed], 0.28 * on.room)
    names = [
        (sign, part.middle, f"{name} {scale.signed(part.value)}")
        for (sign, part), name in zip(placed, fitted, strict=True)
    ]
    reach = [x for part in (*raising, *lowering) for x in (part.begin, part.begin + part.value)]
    reach += [value for _, value, _ in ends]
    low, high = min(reach), max(reach)
    if low == high:
        low, high = low - 1.0, high + 1.0
    for _ in range(40):  # what is written takes up room that depends on the room there is
        unit = (high - low) / inches
        words = (on.pen.width(text) for _, _, text in names)
        right = [x + (w + pad) * unit for (_, x, _), w in zip(names, words, strict=True)]
        left = [v - (on.pen.width(text) + pad) * unit for _, v, text in ends]
        low, high = min(low, *left), max([high, *right])
    unit = (high - low) / inches
    levels = {1: 0, -1: 0}
    for sign in (1, -1):
        taken: list[tuple[float, int]] = []  # where names begin, and their levels
        for _, x, text in sorted((one for one in names if one[0] == sign), key=lambda n: -n[1]):
            until = x + (on.pen.width(text) + pad) * unit
            level = max((k + 1 for begin, k in taken if begin < until), default=0)
            taken.append((x, level))
            edge, y = GAP + THICK, GAP + THICK + 0.8 + level
            on.ax.plot([x, x], [sign * edge, sign * (y - 0.35)], color=INK, linewidth=0.6)
            on.ax.text(x, sign * y, text, ha="left", va="center")
            levels[sign] = max(levels[sign], level + 1)
    on.ax.set_xlim(low, high)
    on.ax.set_ylim(-(GAP + THICK + 0.5 + levels[-1]), GAP + THICK + 0.5 + levels[1])
    if on.own:
        figure = on.ax.figure
        figure.set_figheight(figure.get_figheight() + on.row * (1 + sum(levels.values())))
