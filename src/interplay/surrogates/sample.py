"""What a fit knows of its rows: made once, shared by all targets, members and folds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from interplay.codes import MaskCode
from interplay.metrics import variance
from interplay.value_function import BoolArray, FloatArray


@dataclass(frozen=True, eq=False)
class Sample:
    """The rows that are trained on, in a canonical order.

    Attributes
    ----------
    masks
        bool ``(m, n)``.
    folds
        int ``(m,)``, of :func:`interplay.surrogates.crossval.assign_folds`; -1 is never tested.
    importance
        float64 ``(m,)`` with mean 1: how often a row stands for its like in the law of the masks.
    weights
        float64 ``(m,)`` with mean 1: importance times the precision of the value. This is what
        counts in all that is fitted, and in every choice between fits. The variance of a value
        about the surrogate is taken to be inverse to its precision.
    noise
        float64 ``(m, q)``: variance of the noise in each value of each target; None where there is
        no noise.
    code
        what the masks are made of, where they are those of a coded design.
    usable, pairs
        of masks whose features were screened, bool ``(k, n)``: which features models without each
        fold may use; and for every fold int ``(p, 2)``, pairs that may interact. None where all
        features are there.

    Notes
    -----
    Rows that count alike have weights of exactly 1.0, and multiplying by those changes no bit: so
    there is one piece of code for weighted and for plain rows.
    """

    masks: BoolArray
    folds: NDArray[np.intp]
    importance: FloatArray
    weights: FloatArray
    noise: FloatArray | None = None
    code: MaskCode | None = None
    usable: BoolArray | None = None
    pairs: tuple[NDArray[np.intp], ...] | None = None

    @classmethod
    def of(
        cls,
        masks: BoolArray,
        folds: NDArray[np.intp],
        importance: FloatArray | None = None,
        noise: FloatArray | None = None,
        code: MaskCode | None = None,
    ) -> Sample:
        """Return the sample in which every value is equally precise."""
        weights = np.ones(len(masks)) if importance is None else mean_one(importance)
        return cls(masks, folds, weights, weights, noise, code)

    def for_targets(self, columns: Sequence[int]) -> Sample:
        """Return the same rows for some of the targets."""
        if self.noise is None:
            return self
        return replace(self, noise=np.ascontiguousarray(self.noise[:, columns]))

    def for_misfit(self, misfit: float) -> Sample:
        """Return the sample of one target whose rows weigh importance / (misfit + noise)."""
        assert self.noise is not None
        noise = self.noise[:, 0]
        # a value without noise (nothing was drawn for it) that is also fitted exactly does not
        # count beyond all bounds
        variance = np.maximum(misfit + noise, 1e-6 * noise.max())
        return replace(self, weights=mean_one(self.importance / variance))

    @property
    def n(self) -> int:
        """Number of features."""
        return int(self.masks.shape[1])

    @property
    def k(self) -> int:
        """Number of folds."""
        return int(self.folds.max()) + 1

    @cached_property
    def signs(self) -> FloatArray:
        """Parities of single features ``(m, n)``: -1 where the feature is kept, +1 where not."""
        signs: FloatArray = 1.0 - 2.0 * self.masks.astype(np.float64)
        return signs

    def columns(self, fold: int) -> NDArray[np.intp] | slice:
        """Return the features that models without a fold may use: all, unless some were left out.

        A model that is tested on the fold must not know which features its rows have chosen.
        """
        return slice(None) if self.usable is None else np.flatnonzero(self.usable[fold])

    @property
    def lacking(self) -> float:
        """Share of the rows that a model without a fold is not trained on; 0 without folds."""
        return float((self.folds >= 0).mean()) / self.k if self.k > 1 else 0.0

    @property
    def tested(self) -> float:
        """Weight of all rows that are in a fold."""
        return float(self.weights[self.folds >= 0].sum())

    @property
    def inflation(self) -> float:
        """By how much unequal importance raises the variance of what is fitted (Kish, 1965)."""
        return float(np.square(self.importance).mean())

    def mean(self, values: FloatArray) -> float:
        """Weighted mean of values ``(m,)``."""
        return float((self.weights * values).sum() / self.weights.sum())

    def variance(self, values: FloatArray) -> float:
        """Weighted variance of values ``(m,)``."""
        return variance(values, self.weights)

    def standardised(self, values: FloatArray) -> tuple[float, float, FloatArray | None]:
        """Return mean, spread, and values ``(m,)`` of mean 0 and variance 1.

        None in place of the values where they do not vary, or there are too few masks to learn
        from: then the mean is all that there is to know.
        """
        location, spread = self.mean(values), math.sqrt(self.variance(values))
        if spread > 1e-12 * max(1.0, abs(location)) and self.k > 1:
            return location, spread, (values - location) / spread
        return location, spread, None

    def errors_by_fold(self, values: FloatArray, predicted: FloatArray) -> FloatArray:
        """Return the weighted squared errors of held-out predictions, summed: ``(k,)``."""
        tested = self.folds >= 0
        squares = self.weights[tested] * np.square(values - predicted)[tested]
        return np.bincount(self.folds[tested], squares, self.k).astype(np.float64)

    def held_out_error(self, values: FloatArray, predicted: FloatArray) -> float:
        """Return the weighted mean squared error of held-out predictions."""
        return float(self.errors_by_fold(values, predicted).sum() / self.tested)


def mean_one(weights: FloatArray) -> FloatArray:
    """Return weights scaled to mean 1; equal ones are exactly 1.

    >>> mean_one(np.array([1.0, 3.0])), mean_one(np.array([0.1, 0.1, 0.1]))
    (array([0.5, 1.5]), array([1., 1., 1.]))
    """
    if (weights == weights[:1]).all():
        return np.ones(len(weights))
    scaled: FloatArray = weights / weights.mean()
    return scaled
