"""Proxies that are tree ensembles of scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from interplay.errors import BadInput
from interplay.packing import PackedArray
from interplay.surrogates.baselines.forest import Forest
from interplay.value_function import BoolArray, FloatArray


@dataclass(frozen=True)
class SklearnTrees:
    """A regressor of scikit-learn: decision tree, random forest, extra trees, gradient boosting.

    ``model`` is not fitted itself; copies are, seeded by the fit's own random numbers.

    >>> from sklearn.tree import DecisionTreeRegressor
    >>> from interplay.masks import all_masks
    >>> learner = SklearnTrees(DecisionTreeRegressor(max_depth=3))
    >>> masks = all_masks(3)
    >>> [proxy] = learner.fit(masks, masks[:, 0] * 2.0, np.ones(8), np.random.default_rng(0))
    >>> proxy.spectrum()[1]
    array([ 1., -1.])
    """

    model: Any

    def fit(
        self,
        masks: BoolArray,
        targets: FloatArray,
        weights: FloatArray,
        rng: np.random.Generator,
    ) -> Sequence[SklearnProxy]:
        from sklearn.base import clone

        model = clone(self.model)
        if "random_state" in model.get_params():
            model.set_params(random_state=int(rng.integers(2**31)))
        counts = None if (weights == 1.0).all() else weights
        model.fit(masks.astype(np.float32), targets, sample_weight=counts)
        return [SklearnProxy(self, model, forest_of(model, masks.shape[1]))]

    def __repr__(self) -> str:
        return repr(self.model)


@dataclass(frozen=True, eq=False)
class SklearnProxy:
    """A fitted ensemble, and its trees."""

    learner: SklearnTrees
    model: Any
    forest: Forest

    def predict(self, masks: BoolArray) -> FloatArray:
        predicted: FloatArray = self.model.predict(masks.astype(np.float32))
        return predicted

    def spectrum(self) -> tuple[PackedArray, FloatArray]:
        return self.forest.spectrum()


def forest_of(model: Any, n: int) -> Forest:
    """Return the trees of a fitted regressor, each with its share of the sum.

    Raises
    ------
    BadInput
        the model is no such regressor, or starts from another one (``init``).
    """
    from sklearn.ensemble import (
        ExtraTreesRegressor,
        GradientBoostingRegressor,
        RandomForestRegressor,
    )
    from sklearn.tree import DecisionTreeRegressor

    constant = 0.0
    if isinstance(model, DecisionTreeRegressor):  # ExtraTreeRegressor is one
        trees, share = [model.tree_], 1.0
    elif isinstance(model, RandomForestRegressor | ExtraTreesRegressor):
        trees = [tree.tree_ for tree in model.estimators_]
        share = 1.0 / len(trees)
    elif isinstance(model, GradientBoostingRegressor) and model.init in (None, "zero"):
        trees, share = [tree.tree_ for tree in model.estimators_[:, 0]], model.learning_rate
        row = np.zeros((1, n), np.float32)
        start = sum(float(tree.predict(row)[0, 0]) for tree in trees)
        constant = float(model.predict(row)[0]) - share * start
    else:
        raise BadInput(
            "the learner must be a DecisionTreeRegressor, RandomForestRegressor, "
            f"ExtraTreesRegressor or GradientBoostingRegressor (without init); got {model!r}. For "
            "other models write a class with fit(masks, targets, weights, rng)"
        )
    sizes = np.array([tree.node_count for tree in trees])
    roots = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    split = np.concatenate([tree.children_left >= 0 for tree in trees])
    feature = np.concatenate([tree.feature for tree in trees])
    return Forest(
        n,
        np.where(split, feature, -1).astype(np.intp),
        np.concatenate([tree.children_left + at for tree, at in zip(trees, roots, strict=True)]),
        np.concatenate([tree.children_right + at for tree, at in zip(trees, roots, strict=True)]),
        share * np.concatenate([tree.value[:, 0, 0] for tree in trees]),
        roots.astype(np.intp),
        constant,
    )
