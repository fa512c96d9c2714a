"""Surrogates of several targets of one value function."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from interplay.errors import unknown
from interplay.surrogates.base import Surrogate
from interplay.value_function import BoolArray, FloatArray


class Surrogates(Mapping[str, Surrogate]):
    """A surrogate for each target, in the order of the targets; what ``fit`` returns for several.

    >>> import interplay as ip
    >>> masks = np.random.default_rng(0).random((100, 5)) < 0.5
    >>> both = ip.fit(masks, np.stack([masks[:, 0], masks[:, 1]], axis=1), targets=["a", "b"])
    >>> both.targets, both.predict(masks).shape, both["a"].spectrum().top(1)[0].features
    (('a', 'b'), (100, 2), (0,))
    """

    def __init__(self, surrogates: Mapping[str, Surrogate]) -> None:
        self._surrogates = dict(surrogates)

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the q targets."""
        return tuple(self._surrogates)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the n features."""
        return next(iter(self._surrogates.values())).features

    def predict(self, masks: BoolArray) -> FloatArray:
        """Return the imitated values, float64 ``(m, q)``, of masks bool ``(m, n)``."""
        return np.stack([fitted.predict(masks) for fitted in self._surrogates.values()], axis=1)

    def __getitem__(self, target: str) -> Surrogate:
        if target not in self._surrogates:
            raise unknown("target", target, self._surrogates)
        return self._surrogates[target]

    def __contains__(self, target: object) -> bool:
        return target in self._surrogates

    def __iter__(self) -> Iterator[str]:
        return iter(self._surrogates)

    def __len__(self) -> int:
        return len(self._surrogates)
