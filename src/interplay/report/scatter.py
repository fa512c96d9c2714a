"""Effects in one run against effects in another: a picture in SVG, the same scale both ways."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from interplay.numbers import Scale, elide

SIZE, LEFT, BOTTOM = 360.0, 46.0, 34.0
"""Width and height of the drawing, and the room for what is written at its axes."""

LABELS = 7
"""Points that are named at most: the first of those that differ clearly."""

LETTER = 6.1
"""Mean width of a letter of the labels, a little too wide rather than too narrow."""


@dataclass(frozen=True)
class Point:
    """One effect in two runs; ``value`` is what the second has more, ``group`` if of several."""

    words: str
    first: float
    second: float
    value: float
    clear: bool
    group: bool


@dataclass(frozen=True)
class Placed:
    """A point in the drawing, with where its name stands; no name where there is no room."""

    point: Point
    x: float
    y: float
    label: str = ""
    label_x: float = 0.0
    label_y: float = 0.0
    anchor: str = "start"

    @property
    def kind(self) -> str:
        if not self.point.clear:
            return "unclear"
        return "raise" if self.point.value > 0 else "lower"


@dataclass(frozen=True)
class Scatter:
    """The drawing: points in the order of importance."""

    points: Sequence[Point]

    @cached_property
    def reach(self) -> tuple[float, float]:
        """Lowest and highest number on both axes; 0 is among them."""
        ends = [0.0, *(end for point in self.points for end in (point.first, point.second))]
        low, high = min(ends), max(ends)
        room = 0.07 * (high - low) or 1.0
        return low - room, high + room

    def x(self, value: float) -> float:
        low, high = self.reach
        return round(LEFT + (SIZE - LEFT - 8) * (value - low) / (high - low), 1)

    def y(self, value: float) -> float:
        low, high = self.reach
        return round(SIZE - BOTTOM - (SIZE - BOTTOM - 8) * (value - low) / (high - low), 1)

    @cached_property
    def ticks(self) -> list[tuple[float, str]]:
        """Round numbers along the axes, as numbers and in words."""
        low, high = self.reach
        step = 10 ** math.floor(math.log10((high - low) / 2))
        step *= next(m for m in (1, 2, 5, 10) if (high - low) / (m * step) <= 5)
        numbers = [k * step for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
        decimals = max(0, -math.floor(math.log10(step)))
        scale = Scale(max(map(abs, numbers)), decimals if decimals <= 4 else None)
        return [(number, scale.signed(number)) for number in numbers]

    @cached_property
    def placed(self) -> list[Placed]:
        """All points, the unimportant ones first so that the others lie on top."""
        taken: list[tuple[float, float, float, float]] = []
        found = [Placed(point, self.x(point.first), self.y(point.second)) for point in self.points]
        named = [self._named(one, taken) for one in found if one.point.clear][:LABELS]
        rest = [one for one in found if one.point.clear][LABELS:]
        return [one for one in found if not one.point.clear] + rest[::-1] + named[::-1]

    def _named(self, one: Placed, taken: list[tuple[float, float, float, float]]) -> Placed:
        """The point with its name beside it, where that covers no other name."""
        label = elide(one.point.words, 26)
        width = LETTER * len(label)
        for dx, dy, anchor in (
            (7, 4, "start"),
            (-7, 4, "end"),
            (5, -6, "start"),
            (-5, -6, "end"),
            (5, 14, "start"),
            (-5, 14, "end"),
        ):
            x, y = one.x + dx, one.y + dy
            left = x if anchor == "start" else x - width
            box = (left, y - 10, left + width, y + 3)
            inside = box[0] >= LEFT and box[2] <= SIZE and box[1] >= 0 and box[3] <= SIZE - BOTTOM
            if inside and not any(_meet(box, other) for other in taken):
                taken.append(box)
                return Placed(one.point, one.x, one.y, label, round(x, 1), round(y, 1), anchor)
        return one


def _meet(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
