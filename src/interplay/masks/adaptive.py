"""Adaptive masks: those whose values would tell most, given what is known so far."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from interplay.value_function import FloatArray

CANDIDATES: Final = 1024
"""Uniform masks to choose from, beside those that are chosen."""


def pick(covariance: FloatArray, noise: float, k: int) -> NDArray[np.intp]:
    """Choose masks one by one: each the one whose value is known least, given those before.

    Parameters
    ----------
    covariance
        float64 ``(a, a)``: what is not known of the values of masks.
    noise
        variance of a value about what can be known of it.
    k
        how many are chosen: all, at most.

    Returns
    -------
    int ``(k,)``, in the order of the choice.

    Notes
    -----
    All variances are then those given that value, whatever it will be: masks that would tell the
    same are not both chosen. (These are the pivots of a Cholesky factor.)

    Examples
    --------
    >>> twins = np.array([[2.0, 2.0, 0.0], [2.0, 2.0, 0.0], [0.0, 0.0, 1.0]])
    >>> pick(twins, 0.1, k=2).tolist()
    [0, 2]
    """
    left, chosen = covariance.diagonal().copy(), list[int]()
    columns = np.empty((min(k, len(left)), len(left)))
    open_ = np.ones(len(left), dtype=np.bool_)
    for i in range(len(columns)):
        best = int(np.where(open_, left, -np.inf).argmax())
        column = covariance[best] - columns[:i, best] @ columns[:i]
        columns[i] = column / np.sqrt(left[best] + noise)
        left -= np.square(columns[i])
        open_[best] = False
        chosen.append(best)
    return np.array(chosen, dtype=np.intp)
