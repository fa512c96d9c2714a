"""Cross-validation folds over masks, shared by everything that a fit decides and reports.

One set of folds serves hyper-parameters, the choice between methods, and the evidence. So that the
evidence stays honest, whatever is predicted for a fold comes from models that were not trained on
it, with settings chosen by the errors on the *other* folds: see :func:`errors_of_others`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from interplay.value_function import BoolArray, FloatArray

FOLDS = 5


def assign_folds(
    masks: BoolArray, rng: np.random.Generator, k: int = FOLDS, *, judged: BoolArray | None = None
) -> NDArray[np.intp]:
    """Return the fold of every row, ``(m,)``: 0 .. k-1, or -1 for a row that is never tested.

    Equal masks share a fold, or a test row would have been seen. The full and the empty mask get
    -1 and are trained on in every fold: no other mask of a uniform sample is like them. Where
    ``judged``, bool ``(m,)``, is given, so do all rows that are not among those. With fewer than k
    masks to test there are fewer folds.
    """
    _, group = np.unique(masks, axis=0, return_inverse=True)
    kept = masks.sum(axis=1)
    tested = (kept > 0) & (kept < masks.shape[1])
    if judged is not None:
        tested &= judged
    return folds_of_groups(group.reshape(-1), tested, rng, k)


def folds_of_groups(
    group: NDArray[np.intp], tested: BoolArray, rng: np.random.Generator, k: int = FOLDS
) -> NDArray[np.intp]:
    """Return the fold of every row: rows of one group share it, those not to be tested get -1."""
    usual = np.unique(group[tested])
    fold_of_group = np.full(group.max() + 1, -1)
    fold_of_group[rng.permutation(usual)] = np.arange(len(usual)) % k
    folds: NDArray[np.intp] = fold_of_group[group]
    return folds


def best_of_others(
    predicted: FloatArray, errors: FloatArray, folds: NDArray[np.intp]
) -> FloatArray:
    """Return for every row what the setting predicts that is best on the folds it is not in.

    Parameters
    ----------
    predicted, errors, folds
        float ``(m, s)`` held-out predictions by setting, float ``(k, s)`` their summed errors by
        fold, int ``(m,)``. Rows in no fold get NaN.
    """
    found = np.full(len(folds), np.nan)
    for fold, others in enumerate(errors_of_others(errors)):
        test = folds == fold
        found[test] = predicted[test, others.argmin()]
    return found


def errors_of_others(errors: FloatArray) -> FloatArray:
    """Return for every fold (axis 0) the summed errors on all other folds, setting by setting.

    >>> errors_of_others(np.array([[1.0, 5.0], [2.0, 6.0], [3.0, 7.0]]))
    array([[ 5., 13.], [ 4., 12.], [ 3., 11.]])
    """
    others: FloatArray = errors.sum(axis=0) - errors
    return others
