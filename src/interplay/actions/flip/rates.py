"""How often a decision is made, with an interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from interplay.actions.flip.decision import Decision
from interplay.intervals import Z_90
from interplay.value_function import FloatArray


@dataclass(frozen=True)
class Rate:
    """How often the original decision was made: ``count`` times in ``total``.

    >>> rate = Rate(18, 20)
    >>> rate.value, round(rate.low, 2), round(rate.high, 2)
    (0.9, 0.74, 0.97)
    """

    count: int
    total: int

    @property
    def value(self) -> float:
        """The share; NaN of none."""
        return self.count / self.total if self.total else math.nan

    @property
    def low(self) -> float:
        """Lower end of Wilson's 90 % interval (Wilson 1927, JASA 22)."""
        return max(0.0, self._center - self._half) if self.count else 0.0

    @property
    def high(self) -> float:
        """Upper end of Wilson's 90 % interval."""
        return min(1.0, self._center + self._half) if self.count < self.total else 1.0

    @property
    def words(self) -> str:
        """The share with its interval."""
        if not self.total:
            return "unknown (no samples)"
        share = f"{100 * self.value:.0f} % ({self.count} of {self.total}"
        return share + (
            f"; 90 % interval {100 * self.low:.0f} to {100 * self.high:.0f} %)"
            if self.total > 1
            else ")"
        )

    def __add__(self, other: Rate) -> Rate:
        return Rate(self.count + other.count, self.total + other.total)

    def to_dict(self) -> dict[str, Any]:
        """Return count, total, share and interval as a JSON-able mapping."""
        share = self.value if self.total else None
        ends = {"low": self.low, "high": self.high} if self.total else {"low": None, "high": None}
        return {"count": self.count, "total": self.total, "value": share, **ends}

    @property
    def _center(self) -> float:
        return (self.count + Z_90**2 / 2) / (self.total + Z_90**2) if self.total else 0.5

    @property
    def _half(self) -> float:
        n, p = self.total, self.count / self.total if self.total else 0.5
        return Z_90 * math.sqrt(n * p * (1 - p) + Z_90**2 / 4) / (n + Z_90**2)


def rate_of(decision: Decision, samples: FloatArray) -> Rate:
    """Return how often samples ``(repeats, columns)`` are decided as the original was."""
    return Rate(int((~decision.flipped(samples)).sum()), len(samples))
