"""Cross-validation folds over masks, and the held-out predictions that faithfulness rests on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from interplay.metrics import Estimate, faithfulness
from interplay.surrogates.base import Surrogate
from interplay.value_function import BoolArray, FloatArray

FOLDS = 5
"""Folds that faithfulness is measured on."""

TUNING_FOLDS = 5
"""Folds inside a fit, for its hyper-parameters and its bag."""


def assign_folds(masks: BoolArray, rng: np.random.Generator, k: int) -> NDArray[np.intp]:
    """Return the fold of every row, ``(m,)``: 0 .. k-1, or -1 for a row that is never tested.

    Equal masks share a fold, or a test row would have been seen. The full and the empty mask get
    -1 and are trained on in every fold: no other mask of a uniform sample is like them. With
    fewer than k other masks there are fewer folds.
    """
    _, group = np.unique(masks, axis=0, return_inverse=True)
    group = group.reshape(-1)
    kept = masks.sum(axis=1)
    usual = np.unique(group[(kept > 0) & (kept < masks.shape[1])])
    fold_of_group = np.full(group.max() + 1, -1)
    fold_of_group[rng.permutation(usual)] = np.arange(len(usual)) % k
    folds: NDArray[np.intp] = fold_of_group[group]
    return folds


def held_out(
    make: Callable[[], Surrogate], masks: BoolArray, values: FloatArray, rng: np.random.Generator
) -> Estimate:
    """Return the faithfulness of a method on uniform masks, by K-fold cross-validation.

    The whole method, hyper-parameters included, is fitted again without each fold.
    """
    folds = assign_folds(masks, rng, FOLDS)
    predicted = np.full(len(values), np.nan)
    for fold in range(folds.max() + 1):
        test = folds == fold
        if np.unique(masks[~test], axis=0).shape[0] < 2:
            continue
        surrogate = make().fit(masks[~test], values[~test], rng=rng)
        predicted[test] = surrogate.predict(masks[test])
    tested = np.isfinite(predicted)
    return faithfulness(values[tested], predicted[tested], rng)
