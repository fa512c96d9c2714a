"""The axis that the rows of a table share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar


class Axis:
    """A scale from the smallest to the largest number, zero always on it, with room at both ends.

    >>> Axis([1.0, 3.0]).at(0.0), Axis([1.0, 3.0]).percent(99.0)
    ('4.5', '100.00%')
    """

    WIDTH: ClassVar[float] = 100.0

    def __init__(self, ends: Iterable[float]) -> None:
        known = [0.0, *ends]
        room = 0.05 * (max(known) - min(known)) or 1.0
        self.low, self.high = min(known) - room, max(known) + room

    def _place(self, value: float) -> float:
        place = self.WIDTH * (value - self.low) / (self.high - self.low)
        return min(max(place, 0.0), self.WIDTH)

    def at(self, value: float) -> str:
        """Return where a number stands, from 0 to ``WIDTH``; what is beyond stands at the edge."""
        return f"{self._place(value):.1f}"

    def percent(self, value: float) -> str:
        """Return the same as a share of the width, for a style sheet."""
        return f"{100 * self._place(value) / self.WIDTH:.2f}%"
