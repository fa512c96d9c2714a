"""Intervals: the level of all that interplay shows, and what the bootstrap makes of draws."""

from __future__ import annotations

from statistics import NormalDist
from typing import Final

import numpy as np

from interplay.value_function import FloatArray

LEVEL: Final = 0.9
"""Coverage of every interval that interplay shows."""

TAILS: Final = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
"""The quantiles of draws between which that share of them lies."""

Z_90: Final = NormalDist().inv_cdf(0.95)
"""Half-width of a 90 % normal interval in standard errors."""


def bootstrap(m: int, rng: np.random.Generator, draws: int = 2000) -> FloatArray:
    """Return how often each of m rows occurs in each of so many resamples, ``(draws, m)``."""
    if m == 0:
        return np.zeros((draws, 0))
    return rng.multinomial(m, np.full(m, 1.0 / m), size=draws).astype(np.float64)


def middle(draws: FloatArray) -> tuple[float, float]:
    """Return the ends of the middle nine tenths of draws.

    >>> [round(end, 9) for end in middle(np.arange(101.0))]
    [5.0, 95.0]
    """
    low, high = np.quantile(draws, TAILS)
    return float(low), float(high)


def of_mean(values: FloatArray, rng: np.random.Generator, draws: int = 2000) -> tuple[float, float]:
    """Return the interval of the mean of values ``(m,)``, m at least 1, by bootstrap.

    >>> of_mean(np.array([1.0, 1.0, 1.0]), np.random.default_rng(0))
    (1.0, 1.0)
    """
    return middle(bootstrap(len(values), rng, draws) @ values / len(values))


def leaves_out_zero(low: float | None, high: float | None) -> bool:
    """Whether there is an interval, and zero is not in it.

    >>> leaves_out_zero(0.1, 0.3), leaves_out_zero(-0.1, 0.3), leaves_out_zero(None, None)
    (True, False, False)
    """
    return low is not None and high is not None and (low > 0 or high < 0)
