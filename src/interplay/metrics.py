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

NOTHING_BUT_NOISE = 0.95
"""Share of the noise in the variance of the values beyond which nothing is claimed."""

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
    noise_var: FloatArray | None = None,
    weights: FloatArray | None = None,
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
    noise_var
        float ``(m,)``, variance of the noise in each value. It is taken off both the error and the
        spread, so that the result speaks of the values without it:
        ``1 - (MSE - noise) / (variance - noise)``. Where hardly anything but noise is left, nothing
        is claimed: the value is 0.
    weights
        float ``(m,)``: how much each row matters.

    Fewer than 5 rows give NaN with the widest interval: there is nothing to judge by.
    """
    m = len(values)
    if m < 5 and values.shape == predicted.shape:
        return Estimate(float("nan"), float("-inf"), 1.0, distribution)
    value = r_squared(values, predicted)
    error = np.square(values - predicted)
    counts = rng.multinomial(m, np.full(m, 1.0 / m), size=draws).astype(np.float64)
    total: FloatArray | float = float(m)
    # Per draw: residual sum of squares over spread, both under the drawn weights. Centred first,
    # or a large constant in the values would swallow the spread in rounding.
    centred = values - values.mean()
    if weights is not None:
        counts *= weights
        total = counts.sum(axis=1)
    spread = counts @ np.square(centred) / total - np.square(counts @ centred / total)
    misses = counts @ error / total
    floor = 1e-24 * max(float(np.square(values).mean()), 1e-300)
    if noise_var is not None or weights is not None:
        ones = np.ones(m) if weights is None else weights
        mean = np.average(values, weights=ones)
        whole = float(np.average(np.square(values - mean), weights=ones))
        missed = float(np.average(error, weights=ones))
        if noise_var is not None:
            noise = float(np.average(noise_var, weights=ones))
            if whole - noise <= (1 - NOTHING_BUT_NOISE) * whole:
                return Estimate(0.0, 0.0, 1.0, distribution)
            whole, missed = whole - noise, missed - noise
            drawn = counts @ noise_var / total
            # a draw that is all noise tells nothing: it keeps a twentieth of its spread
            spread = np.maximum(spread - drawn, (1 - NOTHING_BUT_NOISE) * spread)
            misses = misses - drawn
        if whole > floor:
            value = min(1.0 - missed / whole, 1.0)
    usable = spread > floor
    if not usable.any():
        return Estimate(value, value, value, distribution)
    scores = np.minimum(1.0 - misses[usable] / spread[usable], 1.0)
    low, high = np.quantile(scores, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(value, float(min(low, value)), float(max(high, value)), distribution)
