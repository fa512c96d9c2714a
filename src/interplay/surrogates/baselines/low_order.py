"""Regression on *all* sets of at most so many features: what most baselines are.

Parities of order up to k span the same functions as the products of features that the papers write
down, so that least squares gives the same function; here it comes as its Walsh series.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from interplay.errors import BadInput
from interplay.packing import PackedArray, pack_terms
from interplay.surrogates.base import Regression, RegressionSurrogate
from interplay.surrogates.baselines.ridge import WeightedRidge, rows_that_count
from interplay.surrogates.crossval import best_of_others
from interplay.surrogates.exact import MAX_FEATURES, is_complete
from interplay.surrogates.sample import Sample
from interplay.value_function import BoolArray, FloatArray
from interplay.walsh import parities

MAX_TERMS: Final = 20_000
MAX_BYTES: Final = 2 * 10**9

CROSS_VALIDATED: Final = np.logspace(-4, 2, 13)
"""Penalties to choose from, per term: at 1 the terms share the variance of the target equally."""


@dataclass(frozen=True, eq=False)
class Frame:
    """What is fitted by regression, and what is settled before it.

    Attributes
    ----------
    columns, centre
        see :class:`WeightedRidge`.
    constant, terms
        float64 ``(q,)`` and ``(q, t)``: coefficients that are settled, for every target.
    offset
        float64 ``(q, m)``: what they predict.
    freedom
        float64 ``(t,)``: the share of each coefficient that is not settled.
    """

    columns: FloatArray
    centre: FloatArray | None
    constant: FloatArray
    terms: FloatArray
    offset: FloatArray
    freedom: FloatArray


class LowOrder(RegressionSurrogate):
    """Weighted ridge regression on all terms of order at most ``order``.

    A subclass says how much a mask counts (``kernel``), which penalties there are to choose from
    (``penalties``), and what it is, in words (``about``).
    """

    order: ClassVar[int] = 1
    about: ClassVar[str]
    rows: int
    effective_rows: float
    complete: bool

    @classmethod
    def kernel(cls, masks: BoolArray) -> FloatArray:
        """Return the weight of every mask ``(m,)`` beside the one that its row has."""
        return np.ones(len(masks))

    @classmethod
    def penalties(cls, terms: int) -> FloatArray:
        """Return the penalties to choose from by cross-validation; one is not chosen."""
        return np.zeros(1) if cls.order == 1 else terms * CROSS_VALIDATED

    @classmethod
    def frame(cls, sample: Sample, packed: PackedArray, targets: list[FloatArray]) -> Frame:
        """Return what is to be fitted: here every coefficient, the constant included."""
        q, (m, t) = len(targets), (len(sample.masks), len(packed))
        columns = parities(sample.masks, packed)
        return Frame(columns, None, np.zeros(q), np.zeros((q, t)), np.zeros((q, m)), np.ones(t))

    @classmethod
    def check_run(cls, n: int, most: int) -> None:
        _check_size(cls.method, n, cls.order, 1)  # how many masks there will be is not known yet

    @classmethod
    def fit_targets(
        cls, sample: Sample, values: FloatArray, rng: np.random.Generator
    ) -> list[Self]:
        _check_size(cls.method, sample.n, cls.order, len(sample.masks))
        fits = super().fit_targets(sample, values, rng)
        effective = rows_that_count(sample.weights * cls.kernel(sample.masks))
        for fitted in fits:
            fitted.rows, fitted.effective_rows = len(sample.masks), effective
            fitted.complete = is_complete(sample.masks)
        return fits

    @classmethod
    def regress(
        cls, sample: Sample, targets: list[FloatArray], rng: np.random.Generator
    ) -> Iterator[Regression]:
        packed = low_order_terms(sample.n, cls.order)
        t = len(packed)
        frame = cls.frame(sample, packed, targets)
        weights = sample.weights * cls.kernel(sample.masks)
        # all masks leave nothing to be estimated: any penalty would be an error
        complete = is_complete(sample.masks)
        penalties = np.zeros(1) if complete else cls.penalties(t)
        left = [y - offset for y, offset in zip(targets, frame.offset, strict=True)]
        predicted, errors = _held_out(sample.folds, sample.k, frame, weights, left, penalties)
        whole = WeightedRidge(frame.columns, weights, frame.centre)
        for j, target in enumerate(left):
            out_of_fold = best_of_others(predicted[j], errors[j], sample.folds)
            chosen = int(errors[j].sum(axis=0).argmin())
            (constant,), slopes = whole.solve(target, penalties[[chosen]])
            spread = _spread(sample, target, out_of_fold, weights)
            prior = 1.0 / t  # of terms that share the variance of the target, which is 1
            if len(penalties) > 1:
                # that of the ridge; at small penalties it would say more than all there is
                prior = min(prior, float(np.average(spread, weights=weights)) / penalties[chosen])
            of_constant, of_slopes = whole.errors(
                float(penalties[chosen]), spread, prior, frame.freedom
            )
            yield Regression(
                np.concatenate([pack_terms([()], sample.n), packed]),
                np.concatenate([[frame.constant[j] + constant], frame.terms[j] + slopes[:, 0]]),
                np.concatenate([[of_constant], of_slopes]),
                frame.offset[j] + out_of_fold,
            )

    def diagnostics(self) -> list[str]:
        sentences = [*super().diagnostics(), self.about]
        if self.complete:
            return sentences
        if self.effective_rows < 0.5 * self.rows:
            sentences.append(
                f"Its weights differ so much that {self.rows} masks tell as much as "
                f"{self.effective_rows:.0f} equal ones would."
            )
        terms = sum(comb(self.series.n, s) for s in range(self.order + 1))
        if min(self.rows, self.effective_rows) < terms:
            sentences.append(
                f"There are {terms} coefficients, more than masks that count "
                f"({min(self.rows, self.effective_rows):.0f}): what the masks leave open is set "
                "as small as possible."
            )
        return sentences


def _held_out(
    folds: NDArray[np.intp],
    k: int,
    frame: Frame,
    weights: FloatArray,
    targets: list[FloatArray],
    penalties: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Return held-out predictions ``(q, m, p)`` and summed squared errors ``(q, k, p)``."""
    q, m, p = len(targets), len(folds), len(penalties)
    predicted, errors = np.full((q, m, p), np.nan), np.zeros((q, k, p))
    for fold in range(k):
        test = folds == fold
        train = WeightedRidge(frame.columns[~test], weights[~test], frame.centre)
        for j, y in enumerate(targets):
            constants, slopes = train.solve(y[~test], penalties)
            predicted[j, test] = constants + frame.columns[test] @ slopes
            squares = np.square(predicted[j, test] - y[test, None])
            errors[j, fold] = (squares * weights[test, None]).sum(axis=0)
    return predicted, errors


def _spread(
    sample: Sample, target: FloatArray, out_of_fold: FloatArray, weights: FloatArray
) -> FloatArray:
    """Return the squared held-out error of every row; their mean where a row was never tested.

    Masks are drawn without replacement from 2^n: the more of them are there, the less it matters
    which, and with all of them nothing is left to chance but noise.
    """
    squares = np.square(target - out_of_fold)
    tested = np.isfinite(squares)
    # never 0 / 0: a tested row is neither full nor empty, and every kernel counts it
    spread = np.where(tested, squares, np.average(squares[tested], weights=weights[tested]))
    if sample.n <= MAX_FEATURES and sample.noise is None:
        spread = spread * (1.0 - len(np.unique(sample.masks, axis=0)) / 2**sample.n)
    return spread


def low_order_terms(n: int, order: int) -> PackedArray:
    """Return all sets of 1 to ``order`` of n features as packed terms."""
    terms = [term for s in range(1, order + 1) for term in combinations(range(n), s)]
    return pack_terms(terms, n)


def _check_size(method: str, n: int, order: int, m: int) -> None:
    terms = sum(comb(n, s) for s in range(1, order + 1))
    smaller = min(m, terms)
    bytes_needed = 8 * (3 * m * terms + 5 * smaller**2)
    if terms <= MAX_TERMS and bytes_needed <= MAX_BYTES:
        return
    too_much = f"; with {m:,} masks that takes {bytes_needed / 1e9:.1f} GB" if m > 1 else ""
    raise BadInput(
        f'method "{method}" lists every set of at most {order} of n = {n} features, {terms:,} '
        f"terms{too_much}. At most {MAX_TERMS:,} terms and {MAX_BYTES / 1e9:.0f} GB are taken on: "
        f"use a lower order, fewer masks, or a method that "
        'looks for the terms that matter: "auto" or "proxyspex"'
    )
