"""The exact spectrum of a small game, when every mask was evaluated."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np

from interplay.errors import BadInput
from interplay.spectrum import Spectrum
from interplay.surrogates.base import SparseSurrogate
from interplay.surrogates.sample import Sample
from interplay.value_function import BoolArray, FloatArray

MAX_FEATURES = 20


def is_complete(masks: BoolArray) -> bool:
    """Whether all 2^n masks are there."""
    m, n = masks.shape
    if n > MAX_FEATURES or m < 2**n:
        return False
    return bool(np.unique(_row_numbers(masks)).size == 2**n)


def _row_numbers(masks: BoolArray) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return masks @ (np.int64(1) << np.arange(masks.shape[1]))


class Exact(SparseSurrogate):
    """Fast Walsh-Hadamard transform of all 2^n values; masks given more than once are averaged."""

    method: ClassVar[str] = "exact"

    @classmethod
    def fit_targets(
        cls, sample: Sample, values: FloatArray, rng: np.random.Generator
    ) -> list[Self]:
        masks, n = sample.masks, sample.n
        if not is_complete(masks):
            raise BadInput(
                f'method "exact" needs every one of the 2^{n} masks (n at most {MAX_FEATURES}); '
                f"got {len(np.unique(masks, axis=0))} different ones. "
                'Evaluate the others, or use method="auto"'
            )
        row, weights = _row_numbers(masks), sample.row_weights
        total = np.bincount(row, weights, 2**n)
        fits = []
        for column in values.T:
            fitted = cls()
            mean = np.bincount(row, weights * column, 2**n) / total
            fitted.series = Spectrum.from_values(mean, n)
            fitted.out_of_fold = column.copy()
            fits.append(fitted)
        return fits

    def with_noise(self, sample: Sample, noise_var: FloatArray) -> None:
        """Give the coefficients the standard error that noise in the values leaves them.

        Every coefficient is the mean of 2^n values with a sign: all have the same error.
        """
        row, weights = _row_numbers(sample.masks), sample.row_weights
        total = np.bincount(row, weights)
        of_means = np.bincount(row, np.square(weights) * noise_var) / np.square(total)
        error = float(np.sqrt(of_means.sum()) / len(of_means))
        self.series = Spectrum.from_packed(
            self.series.packed,
            self.series.coefficients,
            sample.n,
            standard_errors=np.full(len(self.series), error),
        )
