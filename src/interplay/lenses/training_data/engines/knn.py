"""The k nearest kept neighbours, exact for every subset; their Shapley values in closed form."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from scipy.spatial.distance import cdist

from interplay.errors import BadInput, check_whole
from interplay.lenses.training_data.dataset import Dataset, IntArray
from interplay.lenses.training_data.engines.engine import Retrainer, Scale, Trainer
from interplay.value_function import BoolArray, FloatArray

HELD: Final = 1 << 22
"""Neighbours that are looked at together."""


class KNN(Trainer):
    """k nearest neighbours: the share of each class among them, or the mean of their numbers.

    Parameters
    ----------
    k : int
        How many, at most as many as are kept. Distances are Euclidean, of features as they are; of
        equal ones the example that comes first in the dataset is nearer.

    Notes
    -----
    The order of all examples by distance is found once for each test example. A subset's neighbours
    are the first k of that order that it keeps.

    Examples
    --------
    >>> data = Dataset.of((np.arange(4.0)[:, None], [0, 0, 1, 1]))
    >>> retrain = KNN(k=1).bind(data, data.take([2]))
    >>> kept = np.array([[True, True, True, True], [True, True, False, False]])
    >>> retrain(kept, np.zeros(2, dtype=np.int64)).tolist()
    [[[0.0, 1.0]], [[1.0, 0.0]]]
    """

    scale: Scale = "probabilities"
    regresses = True

    def __init__(self, k: int = 5) -> None:
        self.k = check_whole("k", k, 1)
        self.name = f"{k}-nearest neighbours"

    def identity(self) -> dict[str, Any]:
        return self.arguments()

    def arguments(self) -> dict[str, Any]:
        return {"trainer": "knn", "k": self.k}

    def bind(self, data: Dataset, tests: Dataset) -> Retrainer:
        return BoundKNN(self.k, data, tests)


class BoundKNN:
    """Nearest neighbours that know their examples; made by :meth:`KNN.bind`."""

    batch_size = 256

    def __init__(self, k: int, data: Dataset, tests: Dataset) -> None:
        self.k = k
        self.order = by_distance(data, tests)
        self.labels, self.outputs = data.labels, data.outputs
        self.classifies = data.classes is not None

    def __call__(self, kept: BoolArray, seeds: IntArray) -> FloatArray:
        m, (t, N) = len(kept), self.order.shape
        found = np.empty((m, t, self.outputs))
        mask, test = (one.ravel() for one in np.indices((m, t)))
        window = 2 * self.k
        while len(mask):  # (subset, test) by (subset, test): most find k of 4 k, some look further
            window = min(2 * window, N)
            step = max(1, HELD // window)
            missing = []
            for start in range(0, len(mask), step):
                rows = slice(start, start + step)
                nearest = self.order[test[rows], :window]
                here = kept[mask[rows, None], nearest]
                count = here.cumsum(axis=1, dtype=np.int32)
                found[mask[rows], test[rows]] = self._said(nearest, here & (count <= self.k))
                missing.append(start + np.flatnonzero(count[:, -1] < self.k))
            again = np.concatenate(missing) if window < N else np.array([], dtype=np.int64)
            mask, test = mask[again], test[again]
        return found

    def _said(self, nearest: IntArray, chosen: BoolArray) -> FloatArray:
        """Return what the chosen of the nearest ``(r, window)`` say on average, ``(r, c)``."""
        rows = len(nearest)
        row, place = np.nonzero(chosen)
        labels = self.labels[nearest[row, place]]
        if self.classifies:
            cells = row * self.outputs + labels.astype(np.int64)
            sums = np.bincount(cells, minlength=rows * self.outputs)
        else:
            sums = np.bincount(row, weights=labels, minlength=rows)
        some = np.bincount(row, minlength=rows)
        shares: FloatArray = sums.reshape(rows, -1) / np.maximum(some, 1)[:, None]
        return shares


def by_distance(data: Dataset, tests: Dataset) -> IntArray:
    """Return for each test example all examples, the nearest first: int64 ``(t, N)``."""
    # not by products: equal examples must be equally far, to the last bit
    apart = cdist(tests.features, data.features, "sqeuclidean")
    order: IntArray = np.argsort(apart, axis=1, kind="stable")
    return order


def knn_shapley(data: Dataset, tests: Dataset, *, k: int = 5) -> FloatArray:
    """Return the Shapley value of each training example for a k-NN classifier, in closed form.

    Parameters
    ----------
    data, tests : Dataset
        With classes: N examples and t test examples.
    k : int
        How many neighbours.

    Returns
    -------
    float64 (t, N)
        Of the game whose value is, for one test example, the number of the right ones among the
        nearest ``min(k, kept)`` neighbours over k. (:class:`KNN` divides by how many there are.)
        Their sum is the value with all examples kept.

    Raises
    ------
    BadInput
        If there are no classes.

    Notes
    -----
    Theorem 1 of Jia et al., *Efficient task-specific data valuation for nearest neighbor
    algorithms*, PVLDB 12 (2019), with N < k allowed.

    Examples
    --------
    >>> data = Dataset.of((np.array([[0.0], [1.0], [3.0]]), [0, 1, 0]))
    >>> knn_shapley(data, data.take([0]), k=1).round(3)
    array([[ 0.833, -0.167, 0.333]])
    """
    check_whole("k", k, 1)
    if data.classes is None or tests.classes is None:
        raise BadInput("the Shapley values of k-NN in closed form are for classes, not numbers")
    order = by_distance(data, tests)
    right: FloatArray = np.equal(data.labels[order], tests.labels[:, None]).astype(np.float64)
    N = len(data)
    place = np.arange(1, N)
    steps = (right[:, :-1] - right[:, 1:]) / k * np.minimum(k, place) / place
    farthest = right[:, -1:] * min(k, N) / (k * N)
    sorted_values = np.concatenate([steps, farthest], axis=1)[:, ::-1].cumsum(axis=1)[:, ::-1]
    found = np.empty_like(right)
    np.put_along_axis(found, order, sorted_values, axis=1)
    return found
