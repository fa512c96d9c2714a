"""The exact spectrum of a small game, when every mask was evaluated."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from interplay.errors import BadInput
from interplay.spectrum import Spectrum
from interplay.surrogates.base import SparseSurrogate
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

    def fit(
        self,
        masks: BoolArray,
        values: FloatArray,
        *,
        folds: NDArray[np.intp],
        rng: np.random.Generator,
    ) -> Self:
        n = masks.shape[1]
        if not is_complete(masks):
            raise BadInput(
                f'method "exact" needs every one of the 2^{n} masks (n at most {MAX_FEATURES}); '
                f"got {len(np.unique(masks, axis=0))} different ones. "
                'Evaluate the others, or use method="auto"'
            )
        row = _row_numbers(masks)
        mean = np.bincount(row, values, 2**n) / np.bincount(row, minlength=2**n)
        self.series = Spectrum.from_values(mean, n)
        self.out_of_fold = values.copy()
        return self
