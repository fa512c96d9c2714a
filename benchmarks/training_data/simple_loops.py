"""What one would write in a few lines: a subset after the other, with numpy, scipy, scikit-learn.

They are the baselines of :mod:`benchmarks.training_data.closed_form`. Each returns the scores of
the test examples, ``(t, c)``, for one subset.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import scipy.linalg
from threadpoolctl import threadpool_limits

from interplay.lenses.training_data import Dataset
from interplay.value_function import BoolArray, FloatArray

One = Callable[[BoolArray], Any]


def loop(one: One, kept: BoolArray, threads: int) -> list[Any]:
    """Return ``one(row)`` for every row, so many side by side; BLAS has one thread in each.

    That is faster than a plain loop whose BLAS has the threads: systems are small for it.
    """
    with threadpool_limits(1):
        if threads == 1:
            return [one(row) for row in kept]
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(one, kept))


def ridge(data: Dataset, tests: Dataset, penalty: float, dtype: str) -> One:
    """Ridge regression with an intercept: the smaller Gram matrix, and Cholesky."""
    x, y, z = (one.astype(dtype) for one in (data.features, data.targets, tests.features))
    x, z = (np.hstack([one, np.ones((len(one), 1), dtype)]) for one in (x, z))
    total, moments = x.T @ x, x.T @ y
    ridge = np.append(np.full(data.features.shape[1], penalty, dtype), np.zeros(1, dtype))

    def one(row: BoolArray) -> FloatArray:
        left = 2 * row.sum() > len(row)
        some, labels = x[~row if left else row], y[~row if left else row]
        gram, right = some.T @ some, some.T @ labels
        if left:
            gram, right = total - gram, moments - right
        gram[np.diag_indices(len(gram))] += ridge
        solved: FloatArray = z @ scipy.linalg.solve(gram, right, assume_a="pos")
        return solved

    return one


def fitted(model: Any, data: Dataset, tests: Dataset, method: str) -> One:
    """An estimator of scikit-learn."""
    from sklearn.base import clone

    x, y, z = data.features, data.labels, tests.features

    def one(row: BoolArray) -> FloatArray:
        found: FloatArray = getattr(clone(model).fit(x[row], y[row]), method)(z)
        return found

    return one


def difference(ours: FloatArray, theirs: Sequence[FloatArray]) -> float:
    """Return the largest difference of scores, over the subsets that both have."""
    worst = 0.0
    for own, other in zip(ours, theirs, strict=False):
        if other.ndim == 1:  # numbers, or of two classes the margin
            own = own[:, -1] - (own[:, 0] if own.shape[1] > 1 else 0)
        worst = max(worst, float(np.abs(own - other).max()))
    return worst
