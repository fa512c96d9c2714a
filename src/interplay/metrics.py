"""How well an explanation predicts: faithfulness on held-out masks, with its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from interplay.errors import BadInput
from interplay.intervals import LEVEL, TAILS, Z_90, bootstrap, of_mean
from interplay.numbers import MINUS
from interplay.value_function import FloatArray

WIDENING = 1.1
"""What the bootstrap's standard errors are multiplied by: resamples of some hundred rows hold too
few of the rare large errors."""

FIT_VARIANCE = 6.0
"""Variance of the log error from one fit to another, times the number of masks.

This, ``WIDENING`` and the exponents by which errors fall were set on exact games, so that intervals
cover the true R² of the surrogate at hand in nine cases of ten; docs/benchmarks/engine.md measures
them on other games."""

DO_NOT_TRUST, TRUST_IN_PART = 0.5, 0.8
"""A low end below the first says "do not trust"; one below the second, "in part"."""


@dataclass(frozen=True)
class Estimate:
    """A measured number with a 90 % interval, and the mask law that it speaks of.

    Attributes
    ----------
    value, low, high
        the estimate and the ends of its interval; NaN and minus infinity where there was too
        little to measure by.
    distribution
        law of the masks: ``"uniform"``, ``"exact"`` where all were evaluated, ...
    varied
        False where all values were the same, so that there was nothing to predict.

    Examples
    --------
    >>> Estimate(0.93, 0.91, 0.95, "uniform").verdict
    'trust'
    """

    value: float
    low: float
    high: float
    distribution: str
    varied: bool = True

    @property
    def verdict(self) -> str:
        """``"trust"``, ``"trust in part"`` or ``"do not trust"``, by the low end."""
        if not self.low >= DO_NOT_TRUST:  # a NaN is not to be trusted either
            return "do not trust"
        return "trust in part" if self.low < TRUST_IN_PART else "trust"

    @property
    def tells_nothing(self) -> bool:
        """Whether the interval reaches from none of the variation to all of it."""
        return self.low <= 0.0 and self.high >= 1.0

    @property
    def sentence(self) -> str:
        """The first line of every output: how far to trust this, in words."""
        advice = {
            "trust": "Trust this explanation",
            "trust in part": "Trust this explanation in part",
            "do not trust": "Do not trust this explanation",
        }[self.verdict]
        told = (f"{one:.2f}".replace("-", MINUS) for one in (self.value, self.low, self.high))
        interval = "R² {}, 90 % interval {} to {}".format(*told)
        if self.distribution == "exact" and self.low == 1.0:
            return f"{advice}: it is exact, every mask was evaluated."
        if self.distribution == "exact":
            return f"{advice}: every mask was evaluated, but the values are noisy ({interval})."
        if not np.isfinite(self.value):
            return f"{advice}: there were too few masks to test it on."
        if not self.varied:
            return f"There is nothing to explain: all {self.distribution} masks had the same value."
        share = "none" if self.value <= 0 else f"{100 * self.value:.0f} %"
        return (
            f"{advice}: it predicts {share} of the variation on masks that it has not seen "
            f"({interval}, {self.distribution} masks)."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able mapping, null for what is not finite: JSON knows no NaN."""
        content: dict[str, Any] = {
            "value": self.value if np.isfinite(self.value) else None,
            "low": self.low if np.isfinite(self.low) else None,
            "high": self.high,
            "level": LEVEL,
            "distribution": self.distribution,
        }
        return content if self.varied else {**content, "varied": False}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Estimate:
        """Return what :meth:`to_dict` wrote."""
        value, low = content["value"], content["low"]
        return cls(
            float("nan") if value is None else float(value),
            float("-inf") if low is None else float(low),
            float(content["high"]),
            str(content["distribution"]),
            bool(content.get("varied", True)),
        )


def variance(values: FloatArray, weights: FloatArray) -> float:
    """Return the weighted variance of values ``(m,)``."""
    total = weights.sum()
    mean = (weights * values).sum() / total
    return float((weights * np.square(values - mean)).sum() / total)


def r_squared(
    values: FloatArray,
    predicted: FloatArray,
    *,
    noise_var: FloatArray | None = None,
    weights: FloatArray | None = None,
) -> float:
    """Return the share of the variance of ``values`` that ``predicted`` explains.

    ``1 - ||values - predicted||² / ||values - mean||²``; 1 for a constant that is met exactly, and
    0 for one that is missed.

    Parameters
    ----------
    values, predicted
        float ``(m,)``.
    noise_var
        float ``(m,)``: variance of the noise in each value, which the prediction has not seen. It
        is taken off both parts of the fraction, so that the result speaks of the values without it
        (at most 1; 0 where nothing is left of the variance).
    weights
        float ``(m,)``: how much each row counts.

    Examples
    --------
    >>> r_squared(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    1.0
    """
    if values.shape != predicted.shape:
        raise BadInput(f"values {values.shape} and predictions {predicted.shape} must be alike")
    weights = np.ones(len(values)) if weights is None else weights
    error = float((weights * np.square(values - predicted)).sum())
    mean = (weights * values).sum() / weights.sum()
    spread = float((weights * np.square(values - mean)).sum())
    scale = float((weights * np.square(values)).sum())
    if spread <= 1e-24 * max(scale, 1e-300):  # a constant: nothing to explain
        return 1.0 if error <= 1e-24 * max(scale, 1e-300) else 0.0
    if noise_var is None:
        return 1.0 - error / spread
    noise = float((weights * noise_var).sum())
    return min(1.0 - (error - noise) / (spread - noise), 1.0) if spread > noise else 0.0


def faithfulness(
    values: FloatArray,
    predicted: FloatArray,
    rng: np.random.Generator | FloatArray,
    *,
    distribution: str = "uniform",
    noise_var: FloatArray | None = None,
    weights: FloatArray | None = None,
    gain: float = 0.0,
    other_fits: bool = False,
    draws: int = 2000,
) -> Estimate:
    """Return held-out R² with a 90 % interval.

    The standard error of the logarithm of the unexplained share comes from a bootstrap over the
    held-out rows, widened by ``WIDENING``; the interval is symmetric in that logarithm.

    Parameters
    ----------
    values, predicted
        float ``(m,)``: the model's values, and the predictions of fits that have not seen them.
    rng
        source of the bootstrap draws, or what :func:`bootstrap` returned, to be shared.
    distribution
        name of the law that the masks were drawn from.
    noise_var, weights
        float ``(m,)``: see :func:`r_squared`. Where the variance beside the noise cannot be told
        from zero, at the level of the interval, the value is 0 and the interval 0 to 1.
    gain
        by how much the logarithm of the error would fall if the held-out rows had been trained on
        too, for a fit that explains (nearly) all; one that explains a share gains that share of it.
    other_fits
        whether the predictions are those of other fits than the one that is judged, as in
        cross-validation: the interval then allows for the difference.
    draws
        how many resamples, where ``rng`` is to make them.

    Notes
    -----
    Fewer than 5 rows give NaN with the widest interval: there is nothing to judge by.
    """
    m = len(values)
    if m < 5 and values.shape == predicted.shape:
        return Estimate(float("nan"), float("-inf"), 1.0, distribution)
    value = r_squared(values, predicted, noise_var=noise_var, weights=weights)
    counts = bootstrap(m, rng, draws) if isinstance(rng, np.random.Generator) else rng
    weights = np.ones(m) if weights is None else weights
    noise = np.zeros(m) if noise_var is None else noise_var
    # Per draw: residual sum of squares over spread, both under the drawn weights. Centred first,
    # or a large constant in the values would swallow the spread in rounding.
    error = np.square(values - predicted) - noise
    centred = values - values.mean()
    total = counts @ weights
    spread = counts @ (weights * np.square(centred)) / total
    spread -= np.square(counts @ (weights * centred) / total)
    signal = spread - counts @ (weights * noise) / total
    if noise_var is not None and np.quantile(signal, TAILS[0]) <= 0 < spread.max():
        return Estimate(0.0, 0.0, 1.0, distribution)
    floor = 1e-24 * max(float(np.square(values).mean()), 1e-300)
    usable = spread > floor
    if not usable.any():
        return Estimate(value, value, value, distribution, varied=False)
    # the few draws that are nothing but noise count as hopeless, not as unheard
    signal = np.maximum(signal, 1e-3 * spread)[usable]
    unexplained = (counts @ (weights * error) / total)[usable] / signal
    share = 1.0 - value
    if share <= 0.0 or np.quantile(unexplained, TAILS[0]) <= 1e-12:  # (nearly) without error
        low, high = 1.0 - np.quantile(unexplained, TAILS[::-1])
        return Estimate(
            value, float(min(low, value)), float(min(max(high, value), 1.0)), distribution
        )
    logs = np.log(np.maximum(unexplained, 1e-3 * share))
    half = Z_90 * math.sqrt(WIDENING**2 * float(logs.var()) + other_fits * FIT_VARIANCE / m)
    share *= math.exp(-gain * max(value, 0.0))
    low, high = 1.0 - share * np.exp([half, -half])
    return Estimate(1.0 - share, float(low), float(high), distribution)


@dataclass(frozen=True)
class DatamodelingScore:
    """The linear datamodeling score (LDS): how well predictions order the values of masks.

    Attributes
    ----------
    value
        mean over targets of Spearman's rank correlation of predicted and measured values; NaN where
        no target varies.
    low, high
        90 % interval, by bootstrap over targets; of one target, of its correlation.
    each
        of every target; NaN of one that does not vary.
    """

    value: float
    low: float
    high: float
    each: tuple[float, ...]

    @classmethod
    def of(cls, each: Sequence[float], m: int) -> DatamodelingScore:
        """Return the score of rank correlations of targets, each over m masks.

        The interval of a single one is that of Bonett and Wright (2000): symmetric in its inverse
        hyperbolic tangent, with the variance ``(1 + r² / 2) / (m - 3)``.

        >>> DatamodelingScore.of([0.5, 0.7], 100).value
        0.6
        """
        known = np.array([one for one in each if np.isfinite(one)])
        if not len(known):
            return cls(float("nan"), float("-inf"), 1.0, tuple(each))
        value = float(known.mean())
        if len(known) > 1:
            low, high = of_mean(known, np.random.default_rng(0))
        else:
            half = Z_90 * math.sqrt((1 + value**2 / 2) / max(m - 3, 1))
            centre = math.atanh(min(max(value, -1 + 1e-12), 1 - 1e-12))
            low, high = math.tanh(centre - half), math.tanh(centre + half)
        return cls(value, float(min(low, value)), float(max(high, value)), tuple(each))

    @property
    def sentence(self) -> str:
        """What it says, in words.

        >>> DatamodelingScore.of([0.9, 0.8], 100).sentence
        'LDS 0.85 (90 % interval 0.80 to 0.90): the mean over 2 targets of the rank correlation of
        predicted and measured values, on masks that no prediction has seen.'
        """
        if not np.isfinite(self.value):
            return "LDS: there is none, for no target varies over the masks."
        count = sum(np.isfinite(one) for one in self.each)
        whose = f"the mean over {count} targets of the" if count > 1 else "the"
        return (
            f"LDS {self.value:.2f} (90 % interval {self.low:.2f} to {self.high:.2f}): {whose} rank "
            "correlation of predicted and measured values, on masks that no prediction has seen."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able mapping, null for what is not finite."""
        numbers = {"value": self.value, "low": self.low, "high": self.high}
        told: dict[str, Any] = {k: v if np.isfinite(v) else None for k, v in numbers.items()}
        return told | {
            "level": LEVEL,
            "each": [one if np.isfinite(one) else None for one in self.each],
        }


def rank_correlation(values: FloatArray, predicted: FloatArray) -> float:
    """Return Spearman's rank correlation of two arrays ``(m,)``.

    NaN where the values do not vary; 0 where only the predictions do not.

    >>> rank_correlation(np.array([1.0, 2.0, 9.0]), np.array([0.1, 0.2, 0.3]))
    1.0
    """
    if values.shape != predicted.shape:
        raise BadInput(f"values {values.shape} and predictions {predicted.shape} must be alike")
    if len(values) < 2 or not np.ptp(values):
        return float("nan")
    if not np.ptp(predicted):
        return 0.0
    both = np.corrcoef(_ranks(values), _ranks(predicted))
    return float(np.clip(both[0, 1], -1.0, 1.0))


def _ranks(values: FloatArray) -> FloatArray:
    """Ranks, those of equal values their mean; importing scipy.stats for them takes half a second.

    >>> _ranks(np.array([3.0, 1.0, 3.0]))
    array([2.5, 1. , 2.5])
    """
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    means: FloatArray = np.cumsum(counts) - (counts - 1) / 2.0
    return means[places]


def q_values(p: FloatArray, looked_at: int) -> FloatArray:
    """Return the share of chance finds among those that are at least as clear as each.

    The step-up rule of Benjamini and Hochberg (1995).

    Parameters
    ----------
    p
        float ``(k,)``: two-sided p values.
    looked_at
        how many there were to look at; those beyond k count with p = 1.

    Returns
    -------
    float64 ``(k,)``.

    Examples
    --------
    >>> q_values(np.array([0.5, 0.01, 0.02]), 4).round(3).tolist()
    [0.667, 0.04, 0.04]
    """
    order = np.argsort(p, kind="stable")
    steps = p[order] * (max(looked_at, len(p)) / np.arange(1, len(p) + 1))
    q = np.empty(len(p))
    q[order] = np.minimum(np.minimum.accumulate(steps[::-1])[::-1], 1.0)
    return q


def lds(values: FloatArray, predicted: FloatArray) -> DatamodelingScore:
    """Return the linear datamodeling score of predictions of subsets that they have not seen.

    Park, Georgiev, Ilyas, Leclerc and Madry, "TRAK" (2023), definition 2.3.

    Parameters
    ----------
    values, predicted
        float ``(m, q)``, or ``(m,)`` of one target: measured on m fresh masks, and predicted.

    Raises
    ------
    BadInput
        If the shapes differ.

    Examples
    --------
    >>> values = np.random.default_rng(0).normal(size=(50, 3))
    >>> round(lds(values, 2 * values + 1).value, 6)
    1.0
    """
    if values.shape != predicted.shape or values.ndim not in (1, 2):
        raise BadInput(f"values {values.shape} and predictions {predicted.shape} must be alike")
    m = len(values)
    columns = zip(values.reshape(m, -1).T, predicted.reshape(m, -1).T, strict=True)
    return DatamodelingScore.of([rank_correlation(*pair) for pair in columns], m)


def faithfulness_of_noisy_game(values: FloatArray, noise_var: FloatArray) -> Estimate:
    """Return how well noisy values of *all* masks tell the values without noise.

    ``1 - N / (V - N)``, V the variance of the values and N their mean noise; the 90 % interval is
    that of a normal approximation. "Predictions" are the values themselves, so that nothing is held
    out: the noise must be known.

    Parameters
    ----------
    values, noise_var
        float ``(m,)``: one value per mask, and the variance of its noise.
    """
    m, deviation = len(values), values - values.mean()
    noise = float(noise_var.mean())
    signal = float(np.square(deviation).mean()) - noise
    # standard errors of the noise that was really met, and of the signal
    met = math.sqrt(2 * float(np.square(noise_var).sum())) / m
    seen = 2 * math.sqrt(float((noise_var * np.square(deviation)).sum())) / m
    if signal <= Z_90 * seen:
        return Estimate(0.0, 0.0, 1.0, "exact")
    value = 1.0 - noise / signal
    width = Z_90 * math.hypot(met / signal, noise * seen / signal**2)
    return Estimate(value, value - width, min(value + width, 1.0), "exact")
