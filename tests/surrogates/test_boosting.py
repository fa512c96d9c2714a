"""Boosted trees on masks: their spectrum is exact, their ensembles are independent."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interplay.masks import all_masks
from interplay.surrogates.boosting import BoostingOptions, Trees, boost, merge


def grow(
    masks: np.ndarray, target: np.ndarray, seed: int = 0, options: BoostingOptions | None = None
) -> Trees:
    """One ensemble that is judged on the rows it is grown on."""
    ones = np.ones((len(masks), 1))
    (trees,) = boost(
        masks,
        target[None, :, None],
        train=ones,
        judge=ones,
        groups=np.array([0]),
        rng=np.random.default_rng(seed),
        options=options or BoostingOptions(),
    )
    return trees


def predict(trees: Trees, masks: np.ndarray, ensemble: int = 0) -> np.ndarray:
    """Walk every row down every tree."""
    total = np.full(len(masks), trees.base[ensemble])
    depth = trees.leaves.shape[1].bit_length() - 1
    for tree in np.flatnonzero(trees.ensemble == ensemble):
        for i, row in enumerate(masks):
            node = 0
            for d in range(depth):
                feature = trees.features[tree, 2**d - 1 + node]
                node = 2 * node + int(feature >= 0 and row[feature])
            total[i] += trees.leaves[tree, node]
    return total


def series(trees: Trees, masks: np.ndarray) -> np.ndarray:
    """The value of the spectrum, from its definition."""
    constant, members, coefficients = trees.spectrum(0, masks.shape[1])
    total = np.full(len(masks), constant)
    for row, coefficient in zip(members, coefficients, strict=True):
        kept = masks[:, row[row >= 0]].sum(axis=1)
        total += coefficient * (-1.0) ** kept
    return total


@given(
    n=st.integers(1, 7),
    depth=st.integers(1, 5),
    m=st.integers(2, 60),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60)
def test_spectrum_is_the_trees(n: int, depth: int, m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    masks = rng.random((m, n)) < 0.5
    options = BoostingOptions(depth=depth, rounds=10, min_rows=1, feature_share=0.8)
    trees = grow(masks, rng.normal(size=m), seed, options)
    assert series(trees, masks) == pytest.approx(predict(trees, masks), abs=1e-9)


def test_terms_are_sets_without_repetition() -> None:
    rng = np.random.default_rng(0)
    masks = rng.random((300, 6)) < 0.5
    trees = grow(masks, rng.normal(size=300))
    _, members, _ = trees.spectrum(0, 6)
    sets = [tuple(row[row >= 0]) for row in members]
    assert all(list(s) == sorted(set(s)) for s in sets)
    assert len(set(sets)) == len(sets)
    assert max(map(len, sets)) <= BoostingOptions().depth


def test_learns_a_function_of_depth_four() -> None:
    masks = all_masks(8)
    target = masks[:, 0] * 2.0 + (masks[:, 1] & masks[:, 2]) - (masks[:, 3:7].all(axis=1)) * 3.0
    trees = grow(masks, target, options=BoostingOptions(rounds=300))
    error = np.square(series(trees, masks) - target).mean() / target.var()
    assert error < 0.05


def test_ensembles_do_not_see_each_other() -> None:
    rng = np.random.default_rng(1)
    masks = rng.random((120, 9)) < 0.5
    targets = rng.normal(size=(120, 3))
    weights = (rng.random((120, 3)) < 0.7).astype(float)

    def grow_columns(columns: list[int]) -> Trees:
        (trees,) = boost(
            masks,
            targets[None, :, columns],
            train=weights[:, columns],
            judge=1 - weights[:, columns],
            groups=np.array(columns),
            rng=np.random.default_rng(0),
            options=BoostingOptions(rounds=8, patience=8, feature_share=1.0),
        )
        return trees

    together = grow_columns([0, 1, 2])
    for j in range(3):
        alone = predict(grow_columns([j]), masks)
        assert alone == pytest.approx(predict(together, masks, j), abs=1e-4)


def test_rows_that_judge_an_ensemble_do_not_decide_its_rounds() -> None:
    rng = np.random.default_rng(4)
    masks = rng.random((150, 6)) < 0.5
    fold = np.arange(150) % 3
    train = (fold[:, None] != np.arange(3)).astype(float)
    clean = masks[:, 0] + 0.5 * (masks[:, 1] & masks[:, 2]) + rng.normal(scale=0.3, size=150)
    spoiled = np.where(fold == 0, rng.normal(scale=5.0, size=150), clean)

    def first(target: np.ndarray) -> np.ndarray:
        (trees,) = boost(
            masks,
            np.repeat(target[:, None], 3, axis=1)[None],
            train=train * (fold != 0)[:, None],  # so that only the judging differs
            judge=1 - train,
            groups=np.zeros(3, int),
            rng=np.random.default_rng(0),
            options=BoostingOptions(patience=200),
        )
        return predict(trees, masks, 0)

    assert (first(clean) == first(spoiled)).all()


def test_rows_without_weight_do_not_count() -> None:
    rng = np.random.default_rng(2)
    masks = rng.random((200, 5)) < 0.5
    target = masks[:, [0]] * 1.0
    spoiled = target.copy()
    spoiled[:50] = 1e3
    weights = np.ones((200, 1))
    weights[:50] = 0
    (trees,) = boost(
        masks,
        spoiled[None],
        train=weights,
        judge=weights,
        groups=np.array([0]),
        rng=np.random.default_rng(0),
        options=BoostingOptions(),
    )
    assert series(trees, masks[:50]) == pytest.approx(target[:50, 0], abs=0.05)


def test_stops_early_on_noise() -> None:
    rng = np.random.default_rng(3)
    masks = rng.random((200, 10)) < 0.5
    target = rng.normal(size=(200, 1))
    train = np.zeros((200, 1))
    train[:100] = 1
    (trees,) = boost(
        masks,
        target[None],
        train=train,
        judge=1 - train,
        groups=np.array([0]),
        rng=np.random.default_rng(0),
        options=BoostingOptions(),
    )
    assert len(trees.ensemble) < 40


@pytest.mark.parametrize("m", [60, 700])
def test_targets_grow_as_each_would_alone(m: int) -> None:
    """To the last bit, whatever stands beside them, and though they stop at different rounds."""
    rng = np.random.default_rng(5)
    masks = rng.random((m, 11)) < 0.5
    easy = masks[:, 0] + 2.0 * (masks[:, 1] & masks[:, 2])
    targets = np.stack([rng.normal(size=m), easy, np.sin(masks @ np.arange(11.0))])
    fold = np.arange(m) % 3
    train = (fold[:, None] != np.arange(3)).astype(float) * rng.uniform(0.5, 2.0, (m, 1))

    def grow_rows(rows: list[int]) -> list[Trees]:
        return boost(
            masks,
            np.repeat(targets[rows, :, None], 3, axis=2),
            train=train,
            judge=1.0 - (train > 0),
            groups=np.zeros(3, int),
            rng=np.random.default_rng(0),
            options=BoostingOptions(rounds=60, patience=6),
        )

    together = grow_rows([0, 1, 2])
    assert len({len(trees.ensemble) for trees in together}) == 3
    for row, trees in enumerate(together):
        (alone,) = grow_rows([row])
        for field in ("features", "leaves", "ensemble", "base"):
            assert (getattr(trees, field) == getattr(alone, field)).all()
    back = grow_rows([2, 1, 0])
    assert (back[0].leaves == together[2].leaves).all()


def test_merge_adds_equal_terms() -> None:
    members = np.array([[-1, 2], [0, 1], [-1, 2], [-1, 0]], np.int32)
    merged, coefficients = merge(members, np.array([1.0, 2.0, 3.0, 4.0]), 3)
    found = {tuple(row): value for row, value in zip(merged, coefficients, strict=True)}
    assert found == {(-1, 2): 4.0, (0, 1): 2.0, (-1, 0): 4.0}
