"""Proxies grown by our own boosting: a bag of ensembles, each with rows held out to stop by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from interplay.packing import PackedArray, pack_terms
from interplay.surrogates.boosting import BoostingOptions, boost, merge
from interplay.surrogates.crossval import assign_folds
from interplay.surrogates.refit import pack_padded
from interplay.value_function import BoolArray, FloatArray
from interplay.walsh import series


@dataclass(frozen=True)
class OwnTrees:
    """The mean of boosted trees that each leave out a fifth of the rows, and stop by it."""

    options: BoostingOptions = field(default_factory=BoostingOptions)

    def fit(
        self,
        masks: BoolArray,
        targets: FloatArray,
        weights: FloatArray,
        rng: np.random.Generator,
    ) -> Sequence[OwnProxy]:
        n = masks.shape[1]
        folds = assign_folds(masks, rng)
        k = max(int(folds.max()) + 1, 1)
        train = (folds[:, None] != np.arange(k)).astype(np.float64)
        location = float(np.average(targets, weights=weights))
        spread = math.sqrt(float(np.average(np.square(targets - location), weights=weights)))
        spread = spread or 1.0
        scaled = np.repeat(((targets - location) / spread)[:, None], k, axis=1)
        (trees,) = boost(
            masks,
            scaled[None],
            train=train * weights[:, None],
            judge=(1.0 - train) * weights[:, None],
            groups=np.zeros(k, dtype=np.intp),
            rng=rng,
            options=self.options,
        )
        constants, terms, coefficients = zip(*(trees.spectrum(j, n) for j in range(k)), strict=True)
        members, merged = merge(np.concatenate(terms), np.concatenate(coefficients) / k, n)
        return [
            OwnProxy(
                self,
                np.concatenate([pack_terms([()], n), pack_padded(members, n)]),
                np.concatenate([[location + spread * float(np.mean(constants))], spread * merged]),
            )
        ]


@dataclass(frozen=True, eq=False)
class OwnProxy:
    """Boosted trees as the series that they are."""

    learner: OwnTrees
    packed: PackedArray
    coefficients: FloatArray

    def predict(self, masks: BoolArray) -> FloatArray:
        return series(masks, self.packed, self.coefficients)

    def spectrum(self) -> tuple[PackedArray, FloatArray]:
        return self.packed, self.coefficients
