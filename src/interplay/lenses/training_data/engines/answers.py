"""What a classifier says in other shapes than one score for each class."""

from __future__ import annotations

import numpy as np

from interplay.value_function import BoolArray, FloatArray


def two_columns(logits: FloatArray) -> FloatArray:
    """Return scores of both classes ``(..., 2)`` of the second one's logits ``(...)``.

    Their difference is the logit; they add up to 0, as those of many classes do.

    >>> two_columns(np.array([3.0]))
    array([[-1.5,  1.5]])
    """
    return np.stack([-logits / 2, logits / 2], axis=-1)


def with_unseen(logits: FloatArray, seen: BoolArray, kept: int) -> FloatArray:
    """Give logits to the classes of which a training had no example.

    Parameters
    ----------
    logits : float64 (t, c)
        Those of unseen classes are not read.
    seen : bool (c,)
        At least one.
    kept : int
        How many examples there were.

    Returns
    -------
    float64 (t, c)
        An unseen class has the probability ``1 / (kept + c)``, Laplace's rule of succession. With
        nothing kept that is what a model says that has seen nothing.

    Examples
    --------
    >>> logits = with_unseen(np.zeros((1, 3)), np.array([True, True, False]), 7)
    >>> (np.exp(logits) / np.exp(logits).sum()).round(2)
    array([[0.45, 0.45, 0.1 ]])
    """
    if seen.all():
        return logits
    some = logits[:, seen]
    highest = some.max(axis=1, keepdims=True)
    sums = highest + np.log(np.exp(some - highest).sum(axis=1, keepdims=True))
    each = 1 / (kept + len(seen))
    found = np.array(logits, dtype=np.float64)
    found[:, ~seen] = sums + np.log(each / (1 - each * (~seen).sum()))
    return found
