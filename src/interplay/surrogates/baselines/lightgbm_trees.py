"""Proxies grown by LightGBM, its defaults untouched but for depth, number and rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interplay.errors import required
from interplay.packing import PackedArray
from interplay.surrogates.baselines.forest import Forest
from interplay.value_function import BoolArray, FloatArray


@dataclass(frozen=True)
class LightGbm:
    """Gradient boosting by LightGBM; needs the extra ``lightgbm``.

    ``depth`` levels of splits, ``rate`` shrinks each tree; ``trees`` are the numbers of them to
    choose from, ascending. One ensemble of the largest number serves all. One thread, and
    reproducible.
    """

    depth: int = 5
    rate: float = 0.1
    trees: tuple[int, ...] = (500, 1000, 5000)

    def check_installed(self) -> None:
        """Raise :class:`MissingExtra` where LightGBM is not there."""
        required("lightgbm", "lightgbm")

    def fit(
        self,
        masks: BoolArray,
        targets: FloatArray,
        weights: FloatArray,
        rng: np.random.Generator,
    ) -> Sequence[LightGbmProxy]:
        lightgbm = required("lightgbm", "lightgbm")
        options: dict[str, Any] = {
            "objective": "regression",
            "max_depth": self.depth,
            "learning_rate": self.rate,
            "seed": int(rng.integers(2**31)),
            "deterministic": True,
            "force_row_wise": True,  # the other way would be chosen by a race of the two
            "num_threads": 1,
            "verbosity": -1,
        }
        counts = None if (weights == 1.0).all() else weights
        data = lightgbm.Dataset(masks.astype(np.float64), targets, weight=counts, params=options)
        booster = lightgbm.train(options, data, num_boost_round=max(self.trees))
        n = masks.shape[1]
        return [LightGbmProxy(self.depth, self.rate, trees, booster, n) for trees in self.trees]


@dataclass(frozen=True, eq=False)
class LightGbmProxy:
    """The first ``trees`` trees of a booster."""

    depth: int
    rate: float
    trees: int
    booster: Any = field(repr=False)
    n: int

    @property
    def learner(self) -> LightGbm:
        return LightGbm(self.depth, self.rate, (self.trees,))

    def predict(self, masks: BoolArray) -> FloatArray:
        predicted: FloatArray = self.booster.predict(
            masks.astype(np.float64), num_iteration=self.trees, num_threads=1
        )
        return predicted

    def spectrum(self) -> tuple[PackedArray, FloatArray]:
        return read_trees(self.booster.model_to_string(num_iteration=self.trees), self.n).spectrum()


def read_trees(model: str, n: int) -> Forest:
    """Return the trees of LightGBM's text format.

    Inner nodes of a tree are numbered from 0, its leaves from -1 downwards. Columns of 0 and 1 have
    one threshold, in between.
    """
    feature: list[NDArray[np.intp]] = []
    left: list[NDArray[np.intp]] = []
    right: list[NDArray[np.intp]] = []
    value: list[FloatArray] = []
    roots: list[int] = []
    size = 0
    for block in model.split("\nTree=")[1:]:
        lines = block.split("\n\n", 1)[0].splitlines()
        entries = dict(line.split("=", 1) for line in lines if "=" in line)
        leaves = _numbers(entries["leaf_value"])
        inner = len(leaves) - 1
        splits = _numbers(entries.get("split_feature", "")).astype(np.intp)
        thresholds = _numbers(entries.get("threshold", ""))
        assert ((thresholds >= 0) & (thresholds < 1)).all()
        children = [_numbers(entries.get(f"{side}_child", "")) for side in ("left", "right")]
        for side, ends in zip((left, right), children, strict=True):
            node = ends.astype(np.intp)
            place = np.where(node >= 0, node, inner + ~node)
            side.append(np.concatenate([size + place, np.zeros(inner + 1, np.intp)]))
        feature.append(np.concatenate([splits, np.full(inner + 1, -1)]))
        value.append(np.concatenate([np.zeros(inner), leaves]))
        roots.append(size)
        size += 2 * inner + 1
    return Forest(
        n,
        np.concatenate(feature).astype(np.intp),
        np.concatenate(left),
        np.concatenate(right),
        np.concatenate(value),
        np.array(roots, dtype=np.intp),
    )


def _numbers(text: str) -> FloatArray:
    return np.array(text.split(), dtype=np.float64)
