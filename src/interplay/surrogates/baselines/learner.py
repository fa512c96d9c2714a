"""What ProxySPEX needs of the model that proposes the terms; any that has a Walsh spectrum will do.

To add one, write a class with ``fit`` and give it to :func:`interplay.surrogates.baselines.
published.proxyspex_published`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from interplay.packing import PackedArray
from interplay.value_function import BoolArray, FloatArray


class Proxy(Protocol):
    """A fitted model of the value function."""

    @property
    def learner(self) -> ProxyLearner:
        """What fits this proxy and no other; its ``repr`` says what it is."""

    def predict(self, masks: BoolArray) -> FloatArray:
        """Return predictions ``(m,)`` for masks bool ``(m, n)``."""

    def spectrum(self) -> tuple[PackedArray, FloatArray]:
        """Return packed terms, uint64 ``(t, words)``, and their Walsh coefficients ``(t,)``.

        The constant comes first, other terms once each, and their series is ``predict``.
        """


class ProxyLearner(Protocol):
    """A way to fit proxies."""

    def fit(
        self,
        masks: BoolArray,
        targets: FloatArray,
        weights: FloatArray,
        rng: np.random.Generator,
    ) -> Sequence[Proxy]:
        """Fit masks bool ``(m, n)`` and targets float ``(m,)`` of rows of these weights.

        Return one proxy, or several for cross-validation to choose from: always as many, in the
        same order (boosted trees after 500, 1000 and 5000 rounds, say, for the price of the last).
        """
