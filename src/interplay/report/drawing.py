"""A picture in a report: the small copy, its regions as shapes, the words of its caption."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ADDRESS = re.compile(r"data:image/(?:png|jpeg);base64,[A-Za-z0-9+/]+={0,2}")
"""A picture that a page can hold: nothing else is put where an address goes."""
_LARGEST = 10_000


@dataclass(frozen=True)
class Drawing:
    """What is drawn of a subject of kind ``"image"``; made by :func:`drawing`.

    Attributes
    ----------
    address : str
        The copy of the picture as a ``data:`` address.
    width, height : int
        Its pixels.
    shapes : list of str
        For each region the path that encloses it, in those pixels.
    """

    address: str
    width: int
    height: int
    shapes: list[str]

    @property
    def pixelated(self) -> bool:
        """Whether it is so small that its pixels shall stay to be seen when it is shown large."""
        return max(self.width, self.height) <= 160


def drawing(subject: Mapping[str, Any], n: int) -> Drawing | None:
    """Return what is drawn of a subject of n features; None where its parts do not fit together.

    A run's file may come from anywhere: what is not a copy of a picture and shapes in it is not
    drawn.
    """
    address, size = subject.get("picture"), subject.get("picture_size")
    outlines, spans = subject.get("outlines"), subject.get("spans") or []
    if not isinstance(address, str) or not ADDRESS.fullmatch(address):
        return None
    if not isinstance(size, Sequence) or not _whole(size) or len(size) != 2 or 0 in size:
        return None
    if not isinstance(outlines, Sequence) or isinstance(outlines, str):
        return None
    if not isinstance(spans, Sequence):
        return None
    if len(outlines) + len(spans) != n:
        return None
    if spans and not isinstance(subject.get("caption"), str):
        return None
    for region in outlines:
        if not isinstance(region, Sequence) or not all(_whole(loop) for loop in region):
            return None
        if any(len(loop) % 2 or len(loop) < 6 for loop in region):
            return None
    return Drawing(address, size[0], size[1], [_path(region) for region in outlines])


def _whole(numbers: Any) -> bool:
    return isinstance(numbers, Sequence) and all(
        isinstance(one, int) and not isinstance(one, bool) and 0 <= one <= _LARGEST
        for one in numbers
    )


def _path(region: Sequence[Sequence[int]]) -> str:
    loops = []
    for loop in region:
        points = [f"{x} {y}" for x, y in zip(loop[::2], loop[1::2], strict=True)]
        loops.append(f"M{'L'.join(points)}Z")
    return "".join(loops)
