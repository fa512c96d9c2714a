"""How two methods are compared: geometric means over cells of ratios of 1 - R²."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from benchmarks.engine.results import Measured
from benchmarks.ground.row import Row

FLOOR = 1e-6
"""A smaller 1 - R² counts as this: nobody sees the difference, and zero has no ratio."""

Cell = tuple[str, int]
"""Name of the data, and m."""


def errors(rows: Iterable[Measured], method: str) -> dict[Cell, dict[int, float]]:
    """Return 1 - R² of a method by cell and seed; infinite where its fit failed.

    >>> errors([{"cell": "a m=9", "method": "lasso", "seed": 0, "r2": 0.75}], "lasso")
    {('a', 9): {0: 0.25}}
    """
    found: dict[Cell, dict[int, float]] = {}
    for row in rows:
        if row["method"] == method:
            name, _, m = row["cell"].rpartition(" m=")
            by_seed = found.setdefault((name, int(m)), {})
            by_seed[row["seed"]] = inf if "error" in row else 1.0 - row["r2"]
    return found


def mean_error(by_seed: Mapping[int, float]) -> float:
    """Return the mean over seeds, at least FLOOR."""
    return max(sum(by_seed.values()) / len(by_seed), FLOOR)


def geometric_mean(values: Iterable[float]) -> float:
    """Return the geometric mean of positive numbers.

    >>> geometric_mean([1.0, 4.0])
    2.0
    """
    return float(np.exp(np.mean(np.log(np.fromiter(values, dtype=float)))))


@dataclass(frozen=True)
class Ratios:
    """Ours over theirs: by cell, and the geometric mean with every seed alone."""

    by_cell: Mapping[str, float]
    by_seed: Sequence[float]

    @property
    def mean(self) -> float:
        return geometric_mean(self.by_cell.values())

    @property
    def worst(self) -> tuple[str, float]:
        return max(self.by_cell.items(), key=lambda pair: pair[1])

    @classmethod
    def of(
        cls,
        ours: Mapping[Cell, Mapping[int, float]],
        theirs: Mapping[Cell, float],
        pairs: Iterable[tuple[Cell, Cell]] | None = None,
    ) -> Ratios:
        """Compare 1 - R² in the cells that both have, or in pairs of (our cell, their cell)."""
        if pairs is None:
            pairs = [(cell, cell) for cell in theirs]
        pairs = [(a, b) for a, b in pairs if a in ours and b in theirs]
        by_cell = {
            f"{a[0]} m={a[1]}": mean_error(ours[a]) / max(theirs[b], FLOOR) for a, b in pairs
        }
        seeds = sorted({seed for a, _ in pairs for seed in ours[a]})
        by_seed = [
            geometric_mean(
                max(ours[a][seed], FLOOR) / max(theirs[b], FLOOR)
                for a, b in pairs
                if seed in ours[a]
            )
            for seed in seeds
        ]
        return cls(by_cell, by_seed)

    def row(
        self, what: str, at_most: float, *, worst: float | None = None, planned: int | None = None
    ) -> list[Row]:
        """Return the comparison as a row of the table; none where there is no cell."""
        if not self.by_cell:
            return []
        cell, largest = self.worst
        bar = f"<= {at_most:g}" + ("" if worst is None else f", no cell > {worst:g}")
        count = str(len(self.by_cell))
        if planned is not None and planned > len(self.by_cell):
            count += f" of {planned}"
        measured = f"{self.mean:.3f} ({count} cells"
        if len(self.by_seed) > 1:
            measured += f"; seeds alone {min(self.by_seed):.3f} to {max(self.by_seed):.3f}"
        measured += f"); largest {largest:.2f}, {cell}"
        return [
            Row(
                what,
                bar,
                measured,
                bool(self.mean <= at_most and (worst is None or largest <= worst)),
                {"mean": self.mean, "by_cell": dict(self.by_cell), "by_seed": list(self.by_seed)},
            )
        ]
