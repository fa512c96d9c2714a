"""Where the features of a picture are: a grid of patches, or superpixels; and their outlines."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interplay.errors import BadInput
from interplay.lenses.image.superpixels import superpixels
from interplay.models.hf_pictures import Picture

FORMS = ("patches:ROWSxCOLUMNS", "superpixels:COUNT", "either with +word for a caption's words")
Loop = list[int]
"""A closed outline: x, y, x, y, ... of its corners."""


@dataclass(frozen=True)
class Wanted:
    """Units as they were asked for: a grid (rows, columns), or about how many superpixels."""

    kind: str
    rows: int
    columns: int
    words: bool

    @property
    def count(self) -> int:
        return self.rows * self.columns


def parse_units(units: object) -> Wanted:
    """Return what ``units`` asks for.

    >>> parse_units("patches:6x8+word")
    Wanted(kind='patches', rows=6, columns=8, words=True)
    """
    if not isinstance(units, str):
        raise BadInput(f"units must be a string; got {type(units).__name__}")
    found = re.fullmatch(r"(?:patches:(\d+)[x×](\d+)|superpixels:(\d+))(\+word)?", units.strip())
    if found is None:
        raise BadInput(f"unknown units {units!r} of an image; valid: {', '.join(FORMS)}")
    rows, columns, count, words = found.groups()
    wanted = (
        Wanted("superpixels", int(count), 1, bool(words))
        if count
        else Wanted("patches", int(rows), int(columns), bool(words))
    )
    if wanted.count < (1 if words else 2):
        raise BadInput(
            f"units {units!r} leave nothing to compare: an image needs at least two regions, such "
            "as patches:4x4"
        )
    return wanted


@dataclass(frozen=True, eq=False)
class Regions:
    """A picture cut into regions.

    Attributes
    ----------
    labels : int64 (h, w)
        Which region each pixel belongs to, 0 ... n - 1.
    names : tuple of str
        The n regions.
    """

    labels: NDArray[np.int64]
    names: tuple[str, ...]


def cut(picture: Picture, wanted: Wanted) -> Regions:
    """Cut a picture into regions.

    Raises
    ------
    BadInput
        If the picture has fewer pixels than regions are asked for.
    """
    height, width = picture.shape[:2]
    if wanted.kind == "patches":
        if wanted.rows > height or wanted.columns > width:
            raise BadInput(
                f"an image of {width} x {height} pixels is too small for {wanted.rows} rows and "
                f"{wanted.columns} columns of patches; ask for fewer"
            )
        row = np.arange(height) * wanted.rows // height
        column = np.arange(width) * wanted.columns // width
        labels = row[:, None] * wanted.columns + column
        places = [(r + 1, c + 1) for r in range(wanted.rows) for c in range(wanted.columns)]
        return Regions(labels, tuple(f"row {r}, column {c}" for r, c in places))
    if wanted.count > height * width:
        raise BadInput(
            f"an image of {width} x {height} pixels is too small for {wanted.count} superpixels; "
            "ask for fewer"
        )
    labels = superpixels(picture, wanted.count)
    found = int(labels.max()) + 1
    if found < 2 and not wanted.words:
        raise BadInput(
            f"{wanted.count} superpixels of an image of {width} x {height} pixels come out as one; "
            "ask for more, or use patches"
        )
    return Regions(labels, tuple(f"region {i + 1}" for i in range(found)))


def outlines(regions: Regions, size: tuple[int, int]) -> list[list[Loop]]:
    """Return the outlines of each region in a copy of ``size`` (width, height), for reports.

    A region is what its loops enclose by the even-odd rule.
    """
    height, width = regions.labels.shape
    columns = np.arange(size[0] + 1) * width // size[0]
    rows = np.arange(size[1] + 1) * height // size[1]
    small = regions.labels[np.ix_(rows[:-1], columns[:-1])]
    return [_loops(small == i) for i in range(len(regions.names))]


def _loops(inside: NDArray[np.bool_]) -> list[Loop]:
    """Walk around what is inside, it lying on the right hand; corners only."""
    padded = np.pad(inside, 1)
    here = padded[1:-1, 1:-1]
    steps: dict[tuple[int, int], list[tuple[int, int]]] = {}

    def add(where: NDArray[np.bool_], start: tuple[int, int], end: tuple[int, int]) -> None:
        for y, x in np.argwhere(where).tolist():
            begin = (x + start[0], y + start[1])
            steps.setdefault(begin, []).append((x + end[0], y + end[1]))

    add(here & ~padded[:-2, 1:-1], (0, 0), (1, 0))
    add(here & ~padded[1:-1, 2:], (1, 0), (1, 1))
    add(here & ~padded[2:, 1:-1], (1, 1), (0, 1))
    add(here & ~padded[1:-1, :-2], (0, 1), (0, 0))
    loops = []
    while steps:
        point = start = min(steps)
        loop = [start]
        while True:
            ways = steps[point]
            point = ways.pop()
            if not ways:
                del steps[loop[-1]]
            if point == start:
                break
            loop.append(point)
        corners = [
            b
            for a, b, c in zip([loop[-1], *loop[:-1]], loop, [*loop[1:], loop[0]], strict=True)
            if (a[0] == b[0]) != (b[0] == c[0])
        ]
        loops.append([value for corner in corners for value in corner])
    return loops
