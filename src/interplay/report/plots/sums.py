"""What adds up: from the value with nothing kept to the value with everything kept.

Of the indices that are *efficient* (SV, k-SII, STII, FSII, Moebius), the values of all sets but the
empty one add up to the series with every feature kept minus the series with none. What is not drawn
by name is one step of its own, so the picture adds up to the last digit, whatever is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from interplay.errors import BadInput, check_whole
from interplay.indices import canonical_name, weight
from interplay.intervals import Z_90
from interplay.numbers import Scale, count
from interplay.packing import term_tuples
from interplay.report.phrases import Row
from interplay.report.plots import effects
from interplay.report.plots.style import (
    INK,
    WIDTH,
    WORDS,
    Frame,
    frame,
    key,
    named_rows,
    numbers_beside,
    read,
    rest,
    signs,
    solid,
    spectrum_of,
    whisker,
)
from interplay.report.reading import Reading
from interplay.spectrum import Spectrum

EFFICIENT = ("SV", "k-SII", "STII", "FSII", "Moebius")
"""Indices whose values add up."""


@dataclass(frozen=True)
class Step:
    """One step of a sum: what it is of, how far it goes, and the 90 % interval of that."""

    name: str
    value: float
    low: float | None
    high: float | None
    named: bool = True


@dataclass(frozen=True)
class Sum:
    """``start`` plus all steps is ``end``: the series at the empty and at the full mask."""

    start: float
    end: float
    steps: list[Step]
    index: str

    @property
    def named(self) -> list[float]:
        """The values of the steps that have a name."""
        return [step.value for step in self.steps if step.named]


def sum_of(run: Reading, index: str, order: int | None, top: int | None = None) -> Sum:
    """Return the ``top`` largest steps of a run, or all, largest first, and one for all others.

    Raises
    ------
    BadInput
        if the values of the index do not add up
    """
    index = canonical_name(index)
    if index not in EFFICIENT:
        raise BadInput(
            f"the values of {index} do not add up to the value of the whole; "
            f"those of {', '.join(EFFICIENT)} do"
        )
    spectrum = spectrum_of(run)
    ends = np.array([[False], [True]]).repeat(spectrum.n, axis=1)
    start, end = spectrum.predict(ends).tolist()
    found = effects.rows(run, index, order)
    highest = spectrum.n if index == "Moebius" and order is None else order
    if highest is None:
        highest = 1 if index == "SV" else min(2, spectrum.n)
    # the last place is not wasted on a step for "1 other"
    shown = found if top is None or len(found) == top + 1 else found[:top]
    steps = [Step(row.numbered, row.value, row.low, row.high) for row in shown]
    left = len(found) - len(shown)
    if left:
        value = end - start - sum(step.value for step in steps)
        error = _error_of_rest(spectrum, shown, index, highest)
        low, high = (None, None) if error is None else (value - error, value + error)
        steps.append(Step(count(left, "other"), value, low, high, named=False))
    return Sum(start, end, steps, index)


def _error_of_rest(
    spectrum: Spectrum, shown: Sequence[Row], index: str, order: int
) -> float | None:
    """Return half the interval of the sum of all values that are not shown; None without errors.

    Each coefficient F(S) is worth (-1)^|S| - 1 in the sum of all, less its part in those shown.
    """
    if spectrum.standard_errors is None:
        return None
    named = [frozenset(row.features) for row in shown]
    variance = 0.0
    for term, error in zip(term_tuples(spectrum.packed), spectrum.standard_errors, strict=True):
        inside = [len(one) for one in named if one <= set(term)]
        worth = (-1) ** len(term) - 1 - sum(weight(index, len(term), t, order) for t in inside)
        variance += (worth * float(error)) ** 2
    return Z_90 * float(np.sqrt(variance))


def waterfall(
    explanation: Any,
    *,
    ax: Any = None,
    width: float = WIDTH,
    top: int = 10,
    order: int | None = None,
    index: str = "k-SII",
) -> Any:
    """Draw how effects and interactions add up to the value of the whole, one step a row.

    The first row is the series with no feature kept, the last the series with every feature kept,
    and the steps between them add up, for the values of the index do; what has no row of its own is
    the step "others". Diamonds are the model's own values, which the series comes near.

    Parameters
    ----------
    explanation : Explanation or mapping
        A run, or the content of its ``run.json``; the target that it shows is drawn.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a figure of its own, ``width`` inches wide.
    width : float
        In inches.
    top : int
        So many steps at most, the largest, before the others.
    order : int, optional
        Largest set of the index, in features: 2 by default, 1 of SV, all of Moebius.
    index : str
        One whose values add up: k-SII, SV, STII, FSII or Moebius.

    Returns
    -------
    matplotlib.axes.Axes
        Bars with 90 % intervals of the single steps where errors are known. What lowers the target
        is hatched.

    Raises
    ------
    BadInput
        If the values of the index do not add up, or an option cannot be used.
    MissingExtra
        If matplotlib is not installed.

    Examples
    --------
    >>> waterfall(ip.load("run.json"), index="SV")  # doctest: +SKIP
    """
    run = read(explanation)
    found = sum_of(run, index, order, check_whole("top", top, 1))
    scale = Scale.of([found.start, found.end, *(step.value for step in found.steps)])
    names = [nothing(run), *(step.name for step in found.steps), everything(run)]
    with frame(run, ax, width, rows=len(names), height=0.9, texts=names) as on:
        on.ax.use_sticky_edges = False  # bars would end where the Axes do
        at = found.start
        for place, step in enumerate(found.steps, 1):
            filled = solid(step.value) if step.named else rest()
            on.ax.barh(place, step.value, left=at, height=0.72, **filled)
            on.ax.plot([at, at], [place - 1, place + 0.36], color=INK, linewidth=0.6)
            if step.low is not None and step.high is not None:
                whisker(on, at + step.low, at + step.high, place)
            at += step.value
        last = len(names) - 1
        on.ax.plot([at, at], [last - 1, last], color=INK, linewidth=0.6)
        for place, value in ((0, found.start), (last, found.end)):
            on.ax.plot([value, value], [place - 0.36, place + 0.36], color=INK, linewidth=2)
        model = _model(on, run, 0, last)
        left = named_rows(on, names)
        steps = [scale.signed(step.value) for step in found.steps]
        numbers_beside(on, [scale.plain(found.start), *steps, scale.plain(found.end)])
        on.ax.set_xlabel(sum_axis(on, run, found.index))
        key(on, run, [*signs(run, found.named), *model], left=left)
    return on.ax


def nothing(run: Reading) -> str:
    return f"no {run.noun} kept"


def everything(run: Reading) -> str:
    return f"every {run.noun} kept"


def sum_axis(on: Frame, run: Reading, index: str) -> str:
    """What stands at the axis: the target itself, and by which index the steps are."""
    return f"{on.pen.fit(run.quantity, 0.5 * on.room)}\n(steps: {WORDS[index]}s)"


def _model(on: Frame, run: Reading, first: int, last: int) -> list[tuple[Any, str]]:
    """Draw the model's own values at both ends, where they are known; return their legend."""
    ends = ((first, "empty"), (last, "full"))
    values = [(place, run.found["values"].get(name)) for place, name in ends]
    known = [(float(value), place) for place, value in values if value is not None]
    if not known:
        return []
    (drawn,) = on.ax.plot(
        *zip(*known, strict=True),
        linestyle="none",
        marker="D",
        markersize=0.55 * on.pen.size,
        markerfacecolor="white",
        markeredgecolor=INK,
        zorder=4,
    )
    return [(drawn, "the model's own value")]
