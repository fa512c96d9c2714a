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
        row, weights = _row_numbers(masks), sample.weights
        total = np.bincount(row, weights, 2**n)
        fits = []
        for j, column in enumerate(values.T):
            fitted = cls()
            mean = np.bincount(row, weights * column, 2**n) / total
            fitted.series = Spectrum.from_values(mean, n)
            if sample.noise is not None:
                noise = np.bincount(row, np.square(weights) * sample.noise[:, j], 2**n)
                fitted._give_errors(noise / np.square(total))
            fitted.out_of_fold = column.copy()
            fits.append(fitted)
        return fits

    def _give_errors(self, noise: FloatArray) -> None:
        """Every coefficient is the mean of 2^n values, each with a sign: all have one error."""
        self.series = Spectrum.from_packed(
            self.series.packed,
            self.series.coefficients,
            self.series.n,
            standard_errors=np.full(len(self.series), np.sqrt(noise.sum()) / len(noise)),
        )
