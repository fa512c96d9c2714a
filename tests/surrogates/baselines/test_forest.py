"""Tree ensembles and their Walsh spectra: the same function on every mask."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeRegressor, ExtraTreeRegressor

import interplay as ip
from interplay.masks import all_masks
from interplay.surrogates.baselines import LightGbm, OwnTrees, Proxy, ProxyLearner, SklearnTrees
from interplay.surrogates.baselines.forest import Forest
from interplay.walsh import series


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def assert_same_function(proxy: Proxy, n: int) -> None:
    masks = all_masks(n)
    packed, coefficients = proxy.spectrum()
    predicted = proxy.predict(masks)
    assert series(masks, packed, coefficients) == pytest.approx(predicted, abs=1e-5)
    assert len(np.unique(packed, axis=0)) == len(packed)
    assert not packed[0].any()  # the constant comes first


def data(m: int, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    masks = draw.random((m, n)) < 0.5
    values = 3.0 + masks[:, 0] + (masks[:, 1] & masks[:, 2]) + draw.normal(size=m)
    return masks, values, draw.uniform(0.5, 1.5, m)


@pytest.mark.parametrize("n", [1, 2, 7, 10])
@pytest.mark.parametrize(
    "model",
    [
        DecisionTreeRegressor(),  # of any depth
        ExtraTreeRegressor(max_depth=6),
        RandomForestRegressor(20),
        ExtraTreesRegressor(15, max_depth=5),
        GradientBoostingRegressor(n_estimators=30, max_depth=4),
        GradientBoostingRegressor(n_estimators=30, init="zero", subsample=0.7),
    ],
    ids=str,
)
def test_scikit_learn(model: object, n: int) -> None:
    [proxy] = SklearnTrees(model).fit(*data(150, max(n, 3)), rng())
    assert_same_function(proxy, max(n, 3))
    masks = np.arange(40)[:, None] % 2 == 1
    [proxy] = SklearnTrees(model).fit(masks, np.arange(40.0), np.ones(40), rng())
    assert_same_function(proxy, 1)


@pytest.mark.parametrize("n", [3, 10])
def test_lightgbm_and_its_stages(n: int) -> None:
    pytest.importorskip("lightgbm")
    learner = LightGbm(depth=5, rate=0.1, trees=(1, 30, 200))
    masks, values, weights = data(300, n)
    stages = learner.fit(masks, values, weights, rng())
    assert [stage.trees for stage in stages] == [1, 30, 200]
    for stage in stages:
        assert_same_function(stage, n)
        [alone] = stage.learner.fit(masks, values, weights, rng())
        assert alone.predict(masks) == pytest.approx(stage.predict(masks), abs=1e-12)


def test_lightgbm_is_the_regressor_of_its_scikit_learn_interface() -> None:
    lightgbm = pytest.importorskip("lightgbm")
    masks, values, _ = data(200, 8)
    [proxy] = LightGbm(3, 0.1, (60,)).fit(masks, values, np.ones(200), rng())
    model = lightgbm.LGBMRegressor(
        max_depth=3, learning_rate=0.1, n_estimators=60, n_jobs=1, verbose=-1
    ).fit(masks.astype(float), values)
    expected = model.booster_.predict(masks.astype(float))
    assert proxy.predict(masks) == pytest.approx(expected, abs=1e-9)


def test_lightgbm_with_too_few_rows_to_split() -> None:
    pytest.importorskip("lightgbm")
    masks, values, _ = data(30, 6)  # 20 in every leaf
    [proxy] = LightGbm(3, 0.1, (50,)).fit(masks, values, np.ones(30), rng())
    packed, coefficients = proxy.spectrum()
    assert len(packed) == 1
    assert coefficients[0] == pytest.approx(values.mean(), abs=1e-5)


@pytest.mark.parametrize("n", [3, 10])
def test_our_own(n: int) -> None:
    [proxy] = OwnTrees().fit(*data(150, n), rng())
    assert_same_function(proxy, n)
    masks, values, _ = data(150, n)
    assert np.corrcoef(proxy.predict(masks), values)[0, 1] > 0.5


@pytest.mark.parametrize(
    "learner",
    [SklearnTrees(RandomForestRegressor(5)), OwnTrees(), LightGbm(3, 0.1, (20,))],
    ids=["sklearn", "own", "lightgbm"],
)
def test_same_random_numbers_same_proxy(learner: ProxyLearner) -> None:
    if isinstance(learner, LightGbm):
        pytest.importorskip("lightgbm")
    one, other = (learner.fit(*data(120, 8), rng())[0].spectrum() for _ in range(2))
    assert np.array_equal(one[0], other[0])
    assert np.array_equal(one[1], other[1])


@st.composite
def forests(draw: st.DrawFn) -> Forest:
    """Trees of any shape; features may be split again below themselves."""
    n = draw(st.integers(1, 6))
    feature: list[int] = []
    left: list[int] = []
    right: list[int] = []
    value: list[float] = []

    def grow(depth: int) -> int:
        node = len(feature)
        leaf = depth == 0 or draw(st.booleans())
        feature.append(-1 if leaf else draw(st.integers(0, n - 1)))
        left.append(0)
        right.append(0)
        value.append(draw(st.floats(-5, 5)) if leaf else 0.0)
        if not leaf:
            left[node] = grow(depth - 1)
            right[node] = grow(depth - 1)
        return node

    roots = [grow(draw(st.integers(0, 5))) for _ in range(draw(st.integers(0, 4)))]
    whole = [np.array(part, dtype=np.intp) for part in (feature, left, right)]
    return Forest(n, *whole, np.array(value), np.array(roots, dtype=np.intp), 1.5)


@given(forests())
@settings(max_examples=60)
def test_any_forest_is_its_series(forest: Forest) -> None:
    masks = all_masks(forest.n)
    packed, coefficients = forest.spectrum()
    assert series(masks, packed, coefficients) == pytest.approx(forest.predict(masks), abs=1e-9)


def test_many_trees_are_added_up_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    [proxy] = SklearnTrees(RandomForestRegressor(30)).fit(*data(100, 9), rng())
    packed, coefficients = proxy.spectrum()
    monkeypatch.setattr("interplay.surrogates.baselines.forest._AT_A_TIME", 200)
    again = proxy.spectrum()
    assert len(again[0]) == len(packed)
    masks = all_masks(9)
    assert series(masks, *again) == pytest.approx(series(masks, packed, coefficients))


def test_trees_that_are_too_deep_are_refused() -> None:
    n = 40  # inner nodes 0 ... 39 in a chain, a leaf on the left of each, one at the end
    inner, leaves = np.arange(n), np.zeros(n + 1, dtype=np.intp)
    forest = Forest(
        n,
        np.concatenate([inner, leaves - 1]),
        np.concatenate([inner + n, leaves]),
        np.concatenate([inner[1:], [2 * n], leaves]),
        np.arange(2.0 * n + 1),
        np.array([0]),
    )
    with pytest.raises(ip.BadInput, match=r"of these 1 trees has 1\.1e\+12 parts.*max_depth"):
        forest.spectrum()


@pytest.mark.parametrize(
    "model",
    [
        HistGradientBoostingRegressor(),
        GradientBoostingRegressor(init=DecisionTreeRegressor()),
    ],
)
def test_other_models_are_refused(model: object) -> None:
    with pytest.raises(ip.BadInput, match="the learner must be a DecisionTreeRegressor, Random"):
        SklearnTrees(model).fit(*data(60, 4), rng())
