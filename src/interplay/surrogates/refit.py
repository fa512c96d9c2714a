"""Adaptive ridge regression on ranked parities: how many terms, how strongly shrunk.

The candidates come in falling order of a weight w (their size in the model that proposed them), and
the penalty of a term grows as its weight falls: minimise

    sum_rows v (y - c - sum_j b_j chi_j)^2  +  penalty * sum_j (b_j / s_j)^2

over b and the free constant c, with v the weight of a row and s_j = (w_j / w_0)^gamma. One Cholesky
factor of the scaled Gram matrix serves every shorter list, because the factor of a leading block is
the leading block of the factor.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dtrtrs

from interplay.packing import PackedArray, pack_members
from interplay.surrogates.boosting import Members
from interplay.surrogates.crossval import errors_of_others
from interplay.surrogates.sample import Sample
from interplay.value_function import BoolArray, FloatArray
from interplay.walsh import parities

GAMMAS_AND_PENALTIES = [(1.0, p) for p in np.logspace(-2.5, 0.7, 5)] + [
    (0.5, p) for p in np.logspace(-0.5, 1.5, 3)
]
PARSIMONY = 0.005
"""The shortest list wins whose cross-validated error is within this share of the best ..."""
NEGLIGIBLE = 1e-4
"""... or within this share of the variance: a loss that nobody could see."""


@dataclass(frozen=True)
class Ranking:
    """Candidate terms without the constant, in falling order of ``weights`` (positive)."""

    members: Members
    weights: FloatArray

    @classmethod
    def of(cls, members: Members, coefficients: FloatArray, limit: int) -> Ranking:
        """Rank terms by |coefficient|, ties by their features, and keep the first ``limit``."""
        size = np.abs(coefficients)
        present = size > 0
        members, size = members[present], size[present]
        # round before comparing: sums in different order must not decide between equals
        rounded = np.round(size / max(size.max(initial=0.0), 1e-300), 9)
        order = np.lexsort((*members.T[::-1], -rounded))[:limit]
        return cls(members[order], size[order])

    def scale(self, gamma: float) -> FloatArray:
        scale: FloatArray = (self.weights / self.weights[0]) ** gamma
        return scale


@dataclass(frozen=True)
class Choice:
    """A setting of the refit, with the mean squared error that cross-validation gave it."""

    size: int
    gamma: float
    penalty: float
    error: float


@dataclass(frozen=True)
class Refit:
    """Coefficients with their posterior standard errors, on the scale of the target."""

    constant: float
    constant_error: float
    members: Members
    coefficients: FloatArray
    errors: FloatArray


def parity_columns(masks: BoolArray, members: Members) -> NDArray[np.float32]:
    """Return the parities (-1)^|S ∩ T| of the terms, ``(m, k)``.

    float32, because sums of ±1 are exact in it: the Gram matrix costs half and loses nothing.
    """
    packed = pack_padded(members, masks.shape[1])
    columns: NDArray[np.float32] = parities(masks, packed, dtype=np.float32)
    return columns


def pack_padded(members: Members, n: int) -> PackedArray:
    """Return padded rows of feature indices as packed terms."""
    real = members >= 0
    return pack_members(members[real].astype(np.intp), real.sum(axis=1), n)


def sizes(limit: int) -> list[int]:
    """Return the list lengths to try: powers of about 1.5 up to ``limit``.

    >>> sizes(10)
    [1, 2, 3, 5, 7, 10]
    """
    tried = {limit}
    size = 1.0
    while size < limit:
        tried.add(int(size))
        size *= 1.5
    return sorted(tried)


def choose(
    rankings: list[Ranking], sample: Sample, values: FloatArray
) -> tuple[Choice, FloatArray]:
    """Return the best setting by cross-validation, and held-out predictions ``(m,)``.

    ``rankings[k]`` was made without fold k. Its predictions for fold k are made with the setting
    that is best on the other folds; rows in no fold get NaN.
    """
    folds, weights = sample.folds, sample.weights
    limit = min(len(ranking.weights) for ranking in rankings)
    lengths = sizes(limit)
    predicted = np.full((len(lengths), len(GAMMAS_AND_PENALTIES), len(values)), np.nan)
    squared = np.zeros((len(rankings), len(lengths), len(GAMMAS_AND_PENALTIES)))
    for fold, ranking in enumerate(rankings):
        test = folds == fold
        columns = parity_columns(sample.masks, ranking.members[:limit])
        system = _System(columns[~test], values[~test], weights[~test])
        unseen = columns[test] - system.mean
        scaled = {
            gamma: system.scaled(ranking.scale(gamma)[:limit])
            for gamma in dict(GAMMAS_AND_PENALTIES)
        }
        for j, (gamma, penalty) in enumerate(GAMMAS_AND_PENALTIES):
            for i, coefficients in enumerate(scaled[gamma].solve(penalty, lengths)):
                predicted[i, j, test] = system.target_mean + (
                    unseen[:, : len(coefficients)] @ coefficients
                )
        squares = np.square(predicted[:, :, test] - values[test])
        squared[fold] = (squares * weights[test]).sum(axis=2)
    negligible = NEGLIGIBLE * sample.variance(values) * sample.tested
    out_of_fold = np.full(len(values), np.nan)
    for fold, others in enumerate(errors_of_others(squared)):
        out_of_fold[folds == fold] = predicted[*_best(others, negligible), folds == fold]
    total = squared.sum(axis=0)
    i, j = _best(total, negligible)
    gamma, penalty = GAMMAS_AND_PENALTIES[j]
    error = float(total[i, j] / sample.tested)
    return Choice(lengths[i], gamma, float(penalty), error), out_of_fold


def _best(errors: FloatArray, negligible: float) -> tuple[int, int]:
    """The shortest list (axis 0) that is as good as the best, and its best setting (axis 1)."""
    good = errors.min(axis=1) <= errors.min() * (1 + PARSIMONY) + negligible
    i = int(np.argmax(good))
    return i, int(errors[i].argmin())


def refit(ranking: Ranking, sample: Sample, values: FloatArray, choice: Choice) -> Refit:
    """Fit the first ``choice.size`` terms to all rows.

    The errors are those of the Gaussian posterior that the ridge penalty stands for, with the
    cross-validated error as noise; they take the list of terms as given.
    """
    k = min(choice.size, len(ranking.weights))
    members, scale = ranking.members[:k], ranking.scale(choice.gamma)[:k]
    system = _System(parity_columns(sample.masks, members), values, sample.weights)
    scaled = system.scaled(scale)
    (coefficients,) = scaled.solve(choice.penalty, [k])
    inverse, _ = dtrtrs(scaled.factor(choice.penalty), np.diag(scale), lower=True)
    noise = sample.inflation * choice.error
    errors = np.sqrt(noise) * np.sqrt(np.square(inverse).sum(axis=0))
    return Refit(
        constant=float(system.target_mean - system.mean @ coefficients),
        constant_error=float(np.sqrt(noise / len(values))),
        members=members,
        coefficients=coefficients,
        errors=errors,
    )


class _System:
    """Centred normal equations of one training set."""

    def __init__(
        self, columns: NDArray[np.float32], values: FloatArray, weights: FloatArray
    ) -> None:
        total = weights.sum()
        self.target_mean = (weights * values).sum() / total
        self.moment = (weights * (values - self.target_mean)) @ columns
        if (weights == 1.0).all():
            self.mean = columns.mean(axis=0, dtype=np.float64)
            products: FloatArray = (columns.T @ columns).astype(np.float64)
        else:  # no longer sums of whole numbers: float32 would not do
            weighted = weights[:, None] * columns
            self.mean = weighted.sum(axis=0) / total
            products = weighted.T @ columns.astype(np.float64)
        self.gram = products - total * np.outer(self.mean, self.mean)

    def scaled(self, scale: FloatArray) -> _Scaled:
        """Return the equations for coefficients in units of ``scale``."""
        return _Scaled(self.gram * np.outer(scale, scale), scale * self.moment, scale)


@dataclass(frozen=True)
class _Scaled:
    """Normal equations in units that make the penalty one number for all coefficients.

    LAPACK is called by its own names: there are thousands of calls, and scipy's checks cost as much
    as small solutions do.
    """

    gram: FloatArray
    moment: FloatArray
    scale: FloatArray

    def factor(self, penalty: float) -> FloatArray:
        """Return the lower Cholesky factor of the penalised Gram matrix."""
        matrix = self.gram.copy()
        matrix[np.diag_indices_from(matrix)] += penalty
        lower: FloatArray
        lower, failed = dpotrf(matrix, lower=True, clean=True, overwrite_a=True)
        if failed:
            raise np.linalg.LinAlgError(f"the Gram matrix is not positive definite ({failed})")
        return lower

    def solve(self, penalty: float, lengths: list[int]) -> Iterator[FloatArray]:
        """Yield the coefficients of the first ``size`` columns for every size in ``lengths``."""
        lower = self.factor(penalty)
        half, _ = dtrtrs(lower, self.moment, lower=True)
        for size in lengths:
            block = lower[:size, :size]
            if block.flags.f_contiguous:
                solution, _ = dtrtrs(block, half[:size], lower=True, trans=1)
            else:  # a part has to be copied; its transpose is copied faster
                solution, _ = dtrtrs(block.T, half[:size], lower=False)
            yield self.scale[:size] * solution
