"""Hidden terms: what another surrogate leaves over, decoded.

Boosted trees and Gaussian processes find an interaction by its parts. A term of high order whose
subsets do nothing, they miss however many calls there are; a coded design tells it.
"""

from __future__ import annotations

from collections.abc import Callable
from math import comb
from typing import Final

import numpy as np
from scipy.special import ndtri

from interplay.packing import PackedArray, Term, pack_terms, term_tuples
from interplay.spectrum import Spectrum
from interplay.surrogates.boosting import Members
from interplay.surrogates.refit import pack_padded, parity_columns
from interplay.surrogates.sample import Sample
from interplay.surrogates.spex.bins import Layout
from interplay.surrogates.spex.peeling import peel
from interplay.value_function import FloatArray

FALSE: Final = 0.05
"""Chance that noise alone gives one term or more."""

NEGLIGIBLE: Final = 1e-5
"""Size of a coefficient, in standard deviations of the values, that only rounding gives."""


class Hidden:
    """Terms of a sparse series that the held-out predictions of another surrogate miss.

    Attributes
    ----------
    sets
        int32 ``(s, t)``: the terms found so far, rows of features padded on the left with -1.
    coefficients, errors
        float64 ``(s,)``: least squares, with standard errors.
    """

    def __init__(self, sample: Sample) -> None:
        assert sample.code is not None
        self.sample, self.code = sample, sample.code
        self.layout = Layout.of(self.code, sample.masks)
        self.sets = np.empty((0, self.code.t), dtype=np.int32)
        self.coefficients = self.errors = np.empty(0)
        sets = sum(comb(self.code.n, size) for size in range(1, self.code.t + 1))
        self.least = -float(ndtri(FALSE / (2 * sets)))
        """Standard errors that a coefficient must be from 0, whichever of all sets it is of."""

    def search(self, rest: FloatArray, other: Callable[[list[Term]], FloatArray]) -> bool:
        """Decode what another surrogate leaves of the values, ``(m,)``; tell if terms are new.

        Terms of earlier searches are in ``rest``, and are fitted to it again. ``other`` returns the
        coefficients that the other surrogate has: a term that only makes up for those is not kept.
        """
        before = {row.tobytes() for row in self.sets}
        self._fit(self.sets, rest)
        decoded = peel(self.code, self.layout.bins(rest - self.predict())).sets.astype(np.int32)
        fresh = [bool((row >= 0).any()) and row.tobytes() not in before for row in decoded]
        self._fit(np.concatenate([self.sets, decoded[np.array(fresh, dtype=np.bool_)]]), rest)
        negligible = NEGLIGIBLE * np.sqrt(self.sample.variance(rest))
        while True:
            own, size = self.coefficients, np.abs(self.coefficients)
            strong = size >= np.maximum(self.least * self.errors, negligible)
            strong &= np.abs(own + other(term_tuples(self.packed))) >= size / 2
            if strong.all():
                break
            self._fit(self.sets[strong], rest)
        return not before.issuperset(row.tobytes() for row in self.sets)

    def predict(self) -> FloatArray:
        """Return what the terms add to the values of the sample, ``(m,)``."""
        predicted: FloatArray = self._columns(self.sets) @ self.coefficients
        return predicted

    @property
    def packed(self) -> PackedArray:
        """The terms as packed rows."""
        return pack_padded(self.sets, self.code.n)

    def series(self) -> Spectrum:
        """Return the terms as a series, its constant 0."""
        n = self.code.n
        return Spectrum.from_packed(
            np.concatenate([pack_terms([()], n), self.packed]),
            np.append(0.0, self.coefficients),
            n,
            standard_errors=np.append(0.0, self.errors),
        )

    def _columns(self, sets: Members) -> FloatArray:
        return parity_columns(self.sample.masks, sets).astype(np.float64)

    def _fit(self, sets: Members, rest: FloatArray) -> None:
        """Fit terms to what is left of the values, by weighted least squares."""
        sample, m = self.sample, len(rest)
        root = np.sqrt(sample.weights)
        columns = self._columns(sets)
        mean = (sample.weights[:, None] * columns).sum(axis=0) / sample.weights.sum()
        columns = (columns - mean) * root[:, None]
        values = (rest - sample.mean(rest)) * root
        gram = columns.T @ columns
        gram[np.diag_indices_from(gram)] += 1e-9 * m
        inverse = np.linalg.inv(gram)
        self.sets, self.coefficients = sets, inverse @ (columns.T @ values)
        left = values - columns @ self.coefficients
        noise = sample.inflation * float(left @ left) / max(m - len(sets), 1)
        self.errors = np.sqrt(noise * np.diag(inverse))
