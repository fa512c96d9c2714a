"""``"lime"``: LIME's linear model, on the masks that are there."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from interplay.surrogates.baselines.kernels import lime_kernel
from interplay.surrogates.baselines.low_order import LowOrder
from interplay.value_function import BoolArray, FloatArray


class Lime(LowOrder):
    """Ridge regression of order 1 in which masks count by their nearness to the full one.

    LIME's kernel (see :func:`~interplay.surrogates.baselines.kernels.lime_kernel`) and its ridge
    penalty of 1 on coefficients of 0/1 features; those are -2 times the parities', so that it is 4
    here. Not taken over: its own law of masks (rows count by kernel times the weight that they are
    given), and its choice of 10 features.
    """

    method: ClassVar[str] = "lime"
    about: ClassVar[str] = (
        "LIME: single features only, fitted to masks near the full one; its coefficients are local "
        "slopes there, its evidence is that of all masks."
    )

    @classmethod
    def kernel(cls, masks: BoolArray) -> FloatArray:
        return lime_kernel(masks)

    @classmethod
    def penalties(cls, terms: int) -> FloatArray:
        return np.array([4.0])
