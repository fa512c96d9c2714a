"""How much a mask counts in LIME and in the least-squares forms of Shapley's values."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

from interplay.value_function import BoolArray, FloatArray

LIME_WIDTH = 0.25


def lime_kernel(masks: BoolArray) -> FloatArray:
    """Return LIME's weight of every mask: ``sqrt(exp(-d² / 0.25²))``.

    d is the cosine distance to the full mask, ``1 - sqrt(|S| / n)``, and 1 for the empty one. These
    are the defaults of LIME's explainers of images and of texts (there distance and width are both
    multiplied by 100); Ribeiro, Singh and Guestrin (2016), section 3.4.

    >>> lime_kernel(np.array([[True, True], [False, False]])).round(3)
    array([1., 0.])
    """
    distance = 1.0 - np.sqrt(masks.mean(axis=1))
    weights: FloatArray = np.sqrt(np.exp(-np.square(distance / LIME_WIDTH)))
    return weights


def shapley_kernel(masks: BoolArray) -> FloatArray:
    """Return Shapley's weight of every mask, up to a factor: ``1 / (C(n, s) s (n - s))``, s = |S|.

    0 for the full and the empty mask, whose weight is infinite: who uses this must meet their
    values exactly. Lundberg and Lee (2017), theorem 2. The largest is scaled to 1.

    >>> shapley_kernel(np.array([[True, False, False], [True, True, True]]))
    array([1., 0.])
    """
    n, size = masks.shape[1], masks.sum(axis=1)
    weights = np.zeros(len(masks))
    inner = (size > 0) & (size < n)
    if inner.any():
        s = size[inner]
        choose = gammaln(n + 1) - gammaln(s + 1) - gammaln(n - s + 1)
        logarithm = -choose - np.log(s) - np.log(n - s)
        weights[inner] = np.exp(logarithm - logarithm.max())
    return weights
