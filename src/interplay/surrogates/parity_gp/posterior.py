"""The posterior of a parity-product Gaussian process: predictions, coefficients, largest terms."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Self

import numpy as np
from scipy.linalg.lapack import dtrtrs

from interplay.packing import IntArray, Term
from interplay.surrogates.base import strongest
from interplay.surrogates.parallel import single_threaded
from interplay.surrogates.parity_gp.kernel import ROWS_AT_A_TIME, Kernel
from interplay.surrogates.parity_gp.likelihood import fit_kernel
from interplay.surrogates.parity_gp.product import ComplexArray, Waves
from interplay.surrogates.parity_gp.shapley import (
    Integrals,
    linear_variances,
    shapley_interactions,
)
from interplay.surrogates.parity_gp.solve import factor, solve
from interplay.value_function import FloatArray

TUNING_ROWS = 384
"""Rows on which hyper-parameters are found; the posterior itself takes all."""

VARIANCE_ROWS = 4096
"""Most rows whose covariance is factored for error bars; see :meth:`Posterior.variances`."""

PARENTS_AT_A_TIME = 8
MOST_PARENTS = 256
"""Sets whose supersets by one feature are looked at in a search; see :meth:`Posterior.largest`."""

CELLS_AT_A_TIME = 1 << 24
"""Complex numbers that are held at once."""


@dataclass(frozen=True, eq=False)
class Posterior:
    """A Gaussian process given values of mean 0 and variance 1.

    Attributes
    ----------
    kernel
        the prior.
    signs, weights
        the rows, float64 ``(m, n)`` of +1 (masked) and -1 (kept), and ``(m,)``.
    alpha
        float64 ``(m,)``: the mean is the sum of alpha_j k(z, z_j).
    norm
        of the mean, in the kernel's own space.
    """

    kernel: Kernel
    signs: FloatArray
    weights: FloatArray
    alpha: FloatArray
    norm: float

    @classmethod
    def fit(cls, signs: FloatArray, values: FloatArray, weights: FloatArray, spread: float) -> Self:
        """Return the posterior given all rows; hyper-parameters come from some of them.

        ``spread`` says how far relevances may differ: see
        :mod:`interplay.surrogates.parity_gp.likelihood`.
        """
        some = np.arange(len(signs))
        if len(signs) > TUNING_ROWS:
            # fixed, not drawn: rows come in canonical order, which says nothing of their values
            some = np.sort(np.random.default_rng(0).permutation(len(signs))[:TUNING_ROWS])
        kernel = fit_kernel(signs[some], values[some], weights[some], spread)
        alpha = solve(kernel, signs, values, weights)
        # alpha' K alpha, as K alpha is what the noise leaves of the values
        square = float(alpha @ (values - kernel.noise / weights * alpha))
        return cls(kernel, signs, weights, alpha, float(np.sqrt(max(square, 0.0))))

    @property
    def n(self) -> int:
        """Number of features."""
        return self.kernel.n

    @single_threaded
    def predict(self, signs: FloatArray) -> FloatArray:
        """Return the posterior mean, ``(rows,)``, at signs ``(rows, n)``."""
        predicted = np.empty(len(signs))
        for start in range(0, len(signs), ROWS_AT_A_TIME):
            rows = slice(start, start + ROWS_AT_A_TIME)
            predicted[rows] = self.kernel(signs[rows], self.signs) @ self.alpha
        return predicted

    @single_threaded
    def covariance(self, signs: FloatArray) -> FloatArray:
        """Return the posterior covariance at signs ``(a, n)``: ``(a, a)``.

        Beyond ``VARIANCE_ROWS`` rows, that given some of them.
        """
        rows = np.arange(len(self.signs))
        if len(rows) > VARIANCE_ROWS:
            rows = np.linspace(0, len(rows) - 1, VARIANCE_ROWS).astype(np.intp)
        lower = factor(self.kernel, self.signs[rows], self.weights[rows])
        seen, _ = dtrtrs(lower, self.kernel(self.signs[rows], signs), lower=True)
        left: FloatArray = self.kernel(signs, signs) - seen.T @ seen
        return left

    @cached_property
    def _waves(self) -> Waves:
        return Waves.of(self.kernel)

    @cached_property
    def _empty(self) -> ComplexArray:
        """The empty set's product at every row, ``(q, m)``."""
        return self._waves.empty(self.signs)

    @cached_property
    def _singles(self) -> FloatArray:
        """What the linear part adds to the coefficient of every feature, ``(n,)``."""
        singles: FloatArray = (
            self.kernel.linear * self.kernel.linear_shares * (self.alpha @ self.signs)
        )
        return singles

    @single_threaded
    def coefficients(self, terms: Sequence[Term]) -> FloatArray:
        """Return F(S) of the posterior mean for any sets of features: float64 ``(t,)``."""
        found = np.empty(len(terms))
        by_parent = sorted(range(len(terms)), key=lambda place: terms[place])
        for parent, places in groupby(by_parent, key=lambda place: terms[place][:-1]):
            rows = list(places)
            if not terms[rows[0]]:
                constant = self.kernel.constant * self.alpha.sum()
                found[rows] = constant + (self._empty @ self.alpha).real.sum()
                rows = [place for place in rows if terms[place]]
            if rows:
                last = [terms[place][-1] for place in rows]
                found[rows] = self._children([parent])[0, last]
        return found

    def _children(self, parents: Sequence[Term]) -> FloatArray:
        """Return F(P and i), ``(parents, n)``, for every feature i; of no meaning for i in P."""
        weighted = self._empty * self.alpha
        stacked = np.stack([self._times(weighted, parent) for parent in parents])
        sums = self._waves.children(stacked, self.signs)
        for row, parent in enumerate(parents):
            if not parent:
                sums[row] += self._singles
        return sums

    def _times(
        self, start: ComplexArray, term: Term, signs: FloatArray | None = None
    ) -> ComplexArray:
        for feature in term:
            start = start * self._waves.ratio(self.signs if signs is None else signs, feature)
        return start

    @single_threaded
    def largest(self, count: int) -> tuple[list[Term], FloatArray, bool]:
        """Return the largest terms beside the constant, and whether none can be missing.

        Best-first search over sets. |F(T)| of the posterior mean is at most the root of T's prior
        variance times the norm of the mean in the kernel's own space; next come the supersets of
        the set for which that bound is largest. The search may end when the bound falls below the
        smallest of the terms that are kept. It also ends after a number of sets (where the prior
        is flat, the bound says little); then the last element is False.

        Returns
        -------
        terms, coefficients, complete
            at most ``count``, in falling order of size.
        """
        by_relevance = np.argsort(-self.kernel.relevances, kind="stable")
        bounds = self._waves.superset_bounds(by_relevance)
        found: dict[Term, float] = {}
        waiting: list[tuple[float, Term]] = [(-np.inf, ())]  # sets as ranks of relevance
        smallest, looked = 0.0, 0
        together = max(1, min(PARENTS_AT_A_TIME, CELLS_AT_A_TIME // self._empty.size))
        while waiting and looked < MOST_PARENTS:
            if len(found) >= count and -waiting[0][0] <= smallest:
                waiting.clear()
                break
            ranks = [heapq.heappop(waiting)[1] for _ in range(min(len(waiting), together))]
            looked += len(ranks)
            parents = [tuple(by_relevance[list(rank)].tolist()) for rank in ranks]
            sums = self._children(parents)[:, by_relevance]
            for rank, parent, children in zip(ranks, parents, sums.tolist(), strict=True):
                reach = self.norm * np.sqrt(bounds.of(rank))
                for last in range(rank[-1] + 1 if rank else 0, self.n):
                    found[tuple(sorted((*parent, int(by_relevance[last]))))] = children[last]
                    if reach[last] > smallest:
                        heapq.heappush(waiting, (-float(reach[last]), (*rank, last)))
            found = strongest(found, max(count, 1))
            if len(found) == count:
                smallest = min(map(abs, found.values()))
        return list(found), np.array(list(found.values())), not waiting

    @single_threaded
    def variances(self, terms: Sequence[Term]) -> FloatArray:
        """Return the posterior variance of F(S) for any sets: float64 ``(t,)``.

        prior - v' (K + noise)^-1 v, v the prior covariance of F(S) with the values. Beyond some
        thousand rows it is computed from a part of them, and the information, 1 / variance less
        1 / prior, is scaled up to all rows.
        """
        part, scale_up = self._part()
        signs, weights = self.signs[part], self.weights[part]
        lower = factor(self.kernel, signs, weights)
        empty, variances = self._waves.empty(signs), np.empty(len(terms))
        shares, single = self.kernel.linear_shares, self.kernel.linear
        for start in range(0, len(terms), ROWS_AT_A_TIME):
            block = terms[start : start + ROWS_AT_A_TIME]
            covariance = np.empty((len(signs), len(block)), order="F")
            prior = self._waves.prior(block)
            for place, term in enumerate(block):
                start_with = self._times(empty, term, signs)
                covariance[:, place] = start_with.real.sum(axis=0)
                if len(term) == 1:
                    covariance[:, place] += single * shares[term[0]] * signs[:, term[0]]
                    prior[place] += single * shares[term[0]]
                elif not term:
                    covariance[:, place] += self.kernel.constant
                    prior[place] += self.kernel.constant
            variances[start : start + len(block)] = _left(lower, covariance, prior, scale_up)
        return variances

    @single_threaded
    def shapley(self, order: int) -> dict[Term, float]:
        """Return SV (order 1), or SII up to order 2, of the whole posterior mean."""
        weighted = self._empty * self.alpha
        found = shapley_interactions(self._waves, self.signs, weighted, order)
        for i, single in enumerate(self._singles.tolist()):
            found[(i,)] -= 2 * single
        return found

    @single_threaded
    def shapley_variances(self, terms: Sequence[Term]) -> FloatArray:
        """Return the posterior variances of what :meth:`shapley` returns: ``(t,)``."""
        part, scale_up = self._part()
        signs, weights = self.signs[part], self.weights[part]
        integrals = Integrals(self._waves, signs)
        products = integrals.products(self._waves.empty(signs))
        linear = linear_variances(self.kernel, terms)
        covariance, prior = np.empty((len(signs), len(terms)), order="F"), np.empty(len(terms))
        for place, term in enumerate(terms):
            scale = (-2.0) ** len(term) / 2
            covariance[:, place] = scale * integrals.by_row(products, term)
            prior[place] = scale**2 * integrals.prior(term) + linear[place]
            if len(term) == 1:
                covariance[:, place] -= linear[place] / 2 * signs[:, term[0]]
        lower = factor(self.kernel, signs, weights)
        return _left(lower, covariance, prior, scale_up)

    def empty_variance(self) -> float:
        """Return the posterior variance of the mean at the empty mask."""
        part, scale_up = self._part()
        empty = np.ones((1, self.n))
        covariance = np.asfortranarray(self.kernel(self.signs[part], empty))
        lower = factor(self.kernel, self.signs[part], self.weights[part])
        return float(_left(lower, covariance, self.kernel(empty, empty)[0], scale_up)[0])

    def _part(self) -> tuple[IntArray, float]:
        """Rows for error bars, and by how much fewer they are than all."""
        m = len(self.signs)
        if m <= VARIANCE_ROWS:
            return np.arange(m), 1.0
        return np.linspace(0, m - 1, VARIANCE_ROWS).astype(np.intp), m / VARIANCE_ROWS


def _left(
    lower: FloatArray, covariance: FloatArray, prior: FloatArray, scale_up: float
) -> FloatArray:
    """Return variances given the rows; ``covariance`` ``(m, t)`` is used up."""
    half, _ = dtrtrs(lower, covariance, lower=True, overwrite_b=True)
    left: FloatArray = np.maximum(prior - np.square(half).sum(axis=0), 1e-12 * prior)
    if scale_up > 1:
        left = 1 / (1 / prior + scale_up * np.maximum(1 / left - 1 / prior, 0.0))
    return left
