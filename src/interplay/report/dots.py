"""Values as dots on one axis, a line each, with their intervals: drawn by ``dots.html``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Dot:
    """One line: a value, with what is written around it.

    Attributes
    ----------
    name, note : str
        What stands in front, and in small below it.
    words : str
        The value in words.
    low, high : float, optional
        Ends of its interval.
    origin : float, optional
        Where an arrow to the value begins.
    predicted : float, optional
        Drawn as a diamond beside the value.
    aside : str
        What stands at the end of the line: of a rival, how far the choice is from it.
    kind : str
        ``"chosen"`` filled, ``"rival"`` a ring, ``"faint"`` pale.
    """

    name: str
    value: float
    words: str
    low: float | None = None
    high: float | None = None
    origin: float | None = None
    predicted: float | None = None
    note: str = ""
    aside: str = ""
    kind: str = "chosen"

    @property
    def ends(self) -> list[float]:
        """Every number that is drawn."""
        numbers = (self.value, self.low, self.high, self.origin, self.predicted)
        return [number for number in numbers if number is not None]


@dataclass(frozen=True)
class Mark:
    """A value that all lines are compared with: a line through the drawing."""

    value: float
    words: str


@dataclass(frozen=True)
class Dots:
    """The drawing.

    Attributes
    ----------
    title : str
        What it shows, for those who do not see it.
    beyond : int
        Which side of the first mark is shaded: -1 what is below it, 1 above, 0 neither.
    axis : (float, float), optional
        Its ends, where they do not follow from what is drawn.
    """

    title: str
    rows: tuple[Dot, ...]
    marks: tuple[Mark, ...] = ()
    beyond: int = 0
    axis: tuple[float, float] | None = None

    @cached_property
    def reach(self) -> tuple[float, float]:
        """Lowest and highest value of the axis, with some room."""
        if self.axis is not None:
            return self.axis
        ends = [number for row in self.rows for number in row.ends]
        ends += [mark.value for mark in self.marks]
        low, high = min(ends, default=0.0), max(ends, default=0.0)
        # halves first: of numbers near the largest that there are the difference is none
        room = 0.12 * (high / 2 - low / 2) or abs(high) / 10 or 1.0
        return low - room, high + room

    def at(self, value: float) -> str:
        """Return where a value stands, in percent of the width.

        >>> Dots("", (), axis=(0.0, 4.0)).at(1.0)
        '25.00%'
        """
        low, high = self.reach
        share = (value / 2 - low / 2) / (high / 2 - low / 2)
        return f"{100 * min(max(share, 0.0), 1.0):.2f}%"

    def place(self, row: Dot) -> str:
        """Return the places of a line, for its style."""
        numbers = {
            "at": row.value,
            "low": row.low,
            "high": row.high,
            "from": row.origin,
            "predicted": row.predicted,
        }
        return ";".join(f"--{k}:{self.at(v)}" for k, v in numbers.items() if v is not None)
