"""Intervals over inputs, and the calls at which a curve of R² crosses a level."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, log
from typing import Any

import numpy as np

DRAWS = 2000
TAILS = (0.05, 0.95)


@dataclass(frozen=True)
class Interval:
    """A figure with a 90 % interval: what it would be with other inputs of the same kind.

    ``count`` is the number of inputs.
    """

    value: float
    low: float
    high: float
    count: int

    @classmethod
    def of(
        cls,
        values: Sequence[float],
        figure: Callable[[Any], float] = np.mean,
        seed: int = 0,
    ) -> Interval:
        """Return a figure of one number per input, with a bootstrap over the inputs.

        >>> Interval.of([1.0, 1.0, 1.0])
        Interval(value=1.0, low=1.0, high=1.0, count=3)
        """
        array = np.asarray(values, dtype=np.float64)
        rng = np.random.default_rng(seed)
        rows = rng.integers(len(array), size=(DRAWS, len(array)))
        low, high = np.quantile([figure(array[row]) for row in rows], TAILS)
        return cls(float(figure(array)), float(low), float(high), len(array))

    @classmethod
    def of_ratios(cls, ratios: Sequence[float]) -> Interval:
        """Return the geometric mean of positive ratios.

        >>> round(Interval.of_ratios([1.0, 4.0]).value, 9)
        2.0
        """
        return cls.of(np.log(ratios).tolist(), lambda logs: exp(float(np.mean(logs))))

    def said(self, digits: int = 2) -> str:
        """Return the figure and its interval in words.

        >>> Interval(0.5, 0.25, 1.0, 3).said()
        '0.50 (0.25 to 1.00)'
        """
        return f"{self.value:.{digits}f} ({self.low:.{digits}f} to {self.high:.{digits}f})"


def calls_at(curve: Mapping[int, float], level: float) -> float | None:
    """Return the calls at which R² first reaches a level; None where it cannot be told.

    Between two samples R² is a straight line in log calls. Nothing is told where the smallest
    sample is above the level already, or no sample reaches it.

    >>> round(calls_at({100: 0.5, 400: 0.9}, 0.7), 6)
    200.0
    >>> calls_at({100: 0.5, 400: 0.9}, 0.95) is calls_at({100: 0.5, 400: 0.9}, 0.4) is None
    True
    """
    sizes = sorted(curve)
    for before, after in pairwise(sizes):
        if curve[before] < level <= curve[after]:
            share = (level - curve[before]) / (curve[after] - curve[before])
            return exp(log(before) + share * (log(after) - log(before)))
        if curve[before] >= level:
            return None
    return None
