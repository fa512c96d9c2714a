"""How well an explanation predicts: faithfulness on held-out masks, with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from interplay.errors import BadInput
from interplay.value_function import FloatArray

LEVEL = 0.9
"""Coverage of every interval that interplay shows."""

DO_NOT_TRUST, TRUST_IN_PART = 0.5, 0.8
"""A low end below the first says "do not trust"; one below the second, "in part"."""


@dataclass(frozen=True)
class Estimate:
    """A measured number with a 90 % interval, and the mask law that it speaks of.

    >>> Estimate(0.93, 0.91, 0.95, "uniform").verdict
    'trust'
    """

    value: float
    low: float
    high: float
    distribution: str

    @property
    def verdict(self) -> str:
        """``"trust"``, ``"trust in part"`` or ``"do not trust"``, by the low end."""
        if not self.low >= DO_NOT_TRUST:  # a NaN is not to be trusted either
            return "do not trust"
        return "trust in part" if self.low < TRUST_IN_PART else "trust"

    @property
    def sentence(self) -> str:
        """The first line of every output: how far to trust this, in words."""
        advice = {
            "trust": "Trust this explanation",
            "trust in part": "Trust this explanation in part",
            "do not trust": "Do not trust this explanation",
        }[self.verdict]
        if self.distribution == "exact":
            return f"{advice}: it is exact, every mask was evaluated."
        if not np.isfinite(self.value):
            return f"{advice}: there were too few masks to test it on."
        share = "none" if self.value <= 0 else f"{100 * self.value:.0f} %"
        return (
            f"{advice}: it predicts {share} of the variation on masks that it has not seen "
            f"(R² {self.value:.2f}, 90 % interval {self.low:.2f} to {self.high:.2f}, "
            f"{self.distribution} masks)."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able mapping, null for what is not finite: JSON knows no NaN."""
        return {
            "value": self.value if np.isfinite(self.value) else None,
            "low": self.low if np.isfinite(self.low) else None,
            "high": self.high,
            "level": LEVEL,
            "distribution": self.distribution,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Estimate:
        """Return what :meth:`to_dict` wrote."""
        value, low = content["value"], content["low"]
        return cls(
            float("nan") if value is None else float(value),
            float("-inf") if low is None else float(low),
            float(content["high"]),
            str(content["distribution"]),
        )


def r_squared(values: FloatArray, predicted: FloatArray) -> float:
    """Return the share of the variance of ``values`` that ``predicted`` explains.

    ``1 - ||values - predicted||² / ||values - mean||²``; 1 for a constant that is met exactly, and
    0 for one that is missed.

    >>> r_squared(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    1.0
    """
    if values.shape != predicted.shape:
        raise BadInput(f"values {values.shape} and predictions {predicted.shape} must be alike")
    error = float(np.square(values - predicted).sum())
    spread = float(np.square(values - values.mean()).sum())
    scale = float(np.square(values).sum())
    if spread <= 1e-24 * max(scale, 1e-300):  # a constant: nothing to explain
        return 1.0 if error <= 1e-24 * max(scale, 1e-300) else 0.0
    return 1.0 - error / spread


def faithfulness(
    values: FloatArray,
    predicted: FloatArray,
    rng: np.random.Generator,
    *,
    distribution: str = "uniform",
    draws: int = 2000,
) -> Estimate:
    """Return held-out R² with a 90 % bootstrap interval over the held-out rows.

    Parameters
    ----------
    values, predicted
        float ``(m,)``: the model's values, and the predictions of fits that have not seen them.
    rng
        source of the bootstrap draws.
    distribution
        name of the law that the masks were drawn from.

    Fewer than 5 rows give NaN with the widest interval: there is nothing to judge by.
    """
    m = len(values)
    if m < 5 and values.shape == predicted.shape:
        return Estimate(float("nan"), float("-inf"), 1.0, distribution)
    value = r_squared(values, predicted)
    error = np.square(values - predicted)
    weights = rng.multinomial(m, np.full(m, 1.0 / m), size=draws).astype(np.float64)
    # Per draw: residual sum of squares over spread, both under the drawn weights. Centred first,
    # or a large constant in the values would swallow the spread in rounding.
    centred = values - values.mean()
    spread = weights @ np.square(centred) / m - np.square(weights @ centred / m)
    floor = 1e-24 * max(float(np.square(values).mean()), 1e-300)
    usable = spread > floor
    if not usable.any():
        return Estimate(value, value, value, distribution)
    scores = 1.0 - (weights @ error / m)[usable] / spread[usable]
    low, high = np.quantile(scores, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(value, float(min(low, value)), float(max(high, value)), distribution)
