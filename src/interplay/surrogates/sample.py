"""What a fit knows of its rows: the masks, their folds, how much each counts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from interplay.value_function import BoolArray, FloatArray


@dataclass(frozen=True)
class Sample:
    """Masks bool ``(m, n)`` in canonical order, and their folds int ``(m,)``.

    ``folds`` is what :func:`interplay.surrogates.crossval.assign_folds` returns. ``weights``, float
    ``(m,)`` with mean 1, say how much a row counts; None where all count the same.
    """

    masks: BoolArray
    folds: NDArray[np.intp]
    weights: FloatArray | None = None

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
        """Order-1 parities ``(m, n)``: -1 where the feature is kept, +1 where it is not."""
        signs: FloatArray = 1.0 - 2.0 * self.masks.astype(np.float64)
        return signs

    @property
    def row_weights(self) -> FloatArray:
        """The weights, ones where all rows count the same."""
        return np.ones(len(self.masks)) if self.weights is None else self.weights

    def weigh(self, weights: FloatArray) -> Sample:
        """Return the same rows with other weights, scaled to mean 1."""
        return replace(self, weights=weights / weights.mean())

    def of(self, rows: BoolArray) -> FloatArray | None:
        """Return the weights of some rows."""
        return None if self.weights is None else self.weights[rows]
