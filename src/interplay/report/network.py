"""A network in a report: its layers and parts as a grid, how they act, which pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from interplay.lenses.components.energy import NetworkPicture, Pair, picture
from interplay.spectrum import Spectrum

KINDS = {"head": "H", "mlp": "MLP", "layer": "all", "unit": "unit"}
"""What the columns of the grid are called; heads have their numbers too."""
LISTED = 8
"""Pairs of a kind that are listed."""
MATRIX, DOTS = 400, 200
"""Parts of which a matrix of pairs is drawn at most, and pairs that it shows at most."""


@dataclass(frozen=True)
class Cell:
    """A part in the grid: the row and column that it stands in, and what is written there."""

    feature: int
    row: int
    column: int
    label: str


@dataclass(frozen=True)
class Dot:
    """A pair in the matrix, at row ``y`` and column ``x``, both ways round."""

    x: int
    y: int
    words: str
    raises: bool
    strength: float


@dataclass(frozen=True)
class NetworkDrawing:
    """What is drawn of a subject of kind ``"components"``; made by :func:`network_drawing`.

    Attributes
    ----------
    layers : list of int
        Rows of the grid; -1 for units whose layer is not known.
    columns : list of (str, int)
        Columns of the grid: the kind of part and its index.
    cells : list of Cell
        One for each feature, in order.
    picture : NetworkPicture
    """

    subject: Mapping[str, Any]
    layers: list[int]
    columns: list[tuple[str, int]]
    cells: list[Cell]
    picture: NetworkPicture

    @property
    def rows(self) -> list[tuple[str, list[Cell]]]:
        """Each layer's name and its parts."""
        return [
            (self.layer(row), [cell for cell in self.cells if cell.row == row])
            for row in range(len(self.layers))
        ]

    def layer(self, row: int) -> str:
        """The name of a row."""
        return f"L{self.layers[row]}" if self.layers[row] >= 0 else "–"

    @property
    def heads_of_columns(self) -> list[str]:
        """What stands above the columns."""
        return [str(i) if kind == "head" else KINDS[kind] for kind, i in self.columns]

    @property
    def energies(self) -> list[tuple[str, float, float, float, str, str]]:
        """Name, linear, within, across, those in words, and the interval of linear in words."""
        groups = [*self.picture.groups]
        if len(groups) > 1:
            groups.append(self.picture.whole)
        found = []
        for place, one in enumerate(groups):
            name = "all layers" if len(groups) > 1 and place == len(groups) - 1 else one.name
            words = " / ".join(f"{100 * x:.0f}" for x in (one.linear, one.within, one.across))
            between = ""
            if one.low is not None and one.high is not None and one.high - one.low >= 0.005:
                between = f"{100 * one.low:.0f} to {100 * one.high:.0f} %"
            found.append((name, one.linear, one.within, one.across, f"{words} %", between))
        return found

    @property
    def has_energy(self) -> bool:
        return self.picture.whole.share > 0

    @property
    def redundant(self) -> tuple[Pair, ...]:
        return self.picture.redundant[:LISTED]

    @property
    def synergistic(self) -> tuple[Pair, ...]:
        return self.picture.synergistic[:LISTED]

    @cached_property
    def matrix(self) -> list[Dot]:
        """The pairs of the matrix, each twice; none where there are too many parts to see any."""
        n = len(self.cells)
        if n > MATRIX or not self.picture.pairs:
            return []
        largest = abs(self.picture.pairs[0].value) or 1.0
        found = []
        for pair in self.picture.pairs[:DOTS]:
            strength = (abs(pair.value) / largest) ** (2 / 3)
            words = f"{pair.names[0]} × {pair.names[1]}: {pair.value:+.3g}, {pair.kind}"
            for x, y in (pair.features, pair.features[::-1]):
                found.append(Dot(x, y, words, pair.value > 0, max(round(strength, 2), 0.12)))
        return found

    @property
    def boundaries(self) -> list[int]:
        """Where a new layer begins among the features."""
        return [i for i in range(1, len(self.cells)) if self.cells[i].row != self.cells[i - 1].row]

    @property
    def starts(self) -> list[tuple[int, str]]:
        """Where layers begin among the features, and their names; of many layers not all."""
        found = [(i, self.layer(self.cells[i].row)) for i in (0, *self.boundaries)]
        return found[:: -(-len(found) // 12)]

    @property
    def configuration(self) -> list[tuple[str, Any]]:
        """What was set, as name and value."""
        subject = self.subject
        noun = str(subject.get("units") or "part")
        gives = {
            "zero": "zero",
            "mean": "their mean",
            "resample": "what they give on another prompt",
        }
        ablation = gives.get(str(subject.get("ablation")), subject.get("ablation"))
        scaled = ", the others scaled up" if subject.get("rescale") else ""
        prompts = None
        if subject.get("prompts") is not None:
            per_mask = subject.get("prompts_per_mask")
            prompts = f"{subject['prompts']} to fit on" + (
                f", {per_mask} drawn for each mask" if per_mask else ""
            )
            if subject.get("test_prompts") is not None:
                prompts += f", {subject['test_prompts']} to test on"
        return [
            ("task", subject.get("task")),
            ("prompts", prompts),
            (f"ablated {noun}s give", f"{ablation}{scaled}" if ablation else None),
        ]


def network_drawing(subject: Mapping[str, Any], spectrum: Spectrum | None) -> NetworkDrawing | None:
    """Return what is drawn of a network; None where the subject does not say where parts are."""
    parts = subject.get("parts")
    if not isinstance(parts, Sequence) or isinstance(parts, str) or not parts or spectrum is None:
        return None
    for part in parts:
        fits = isinstance(part, Sequence) and len(part) == 3 and part[0] in KINDS
        if not fits or not all(isinstance(one, int) and one >= -1 for one in part[1:]):
            return None
    if spectrum.n != len(parts):
        return None
    layers = sorted({part[1] for part in parts})
    order = list(KINDS)
    columns = sorted(
        {(part[0], part[2]) for part in parts}, key=lambda c: (order.index(c[0]), c[1])
    )
    cells = [
        Cell(i, layers.index(layer), columns.index((kind, index)), _label(kind, index))
        for i, (kind, layer, index) in enumerate(parts)
    ]
    return NetworkDrawing(
        subject, layers, columns, cells, picture(spectrum, [part[1] for part in parts])
    )


def _label(kind: str, index: int) -> str:
    return str(index) if kind in ("head", "unit") else KINDS[kind]
