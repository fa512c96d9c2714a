"""Masks that have no value: recorded as such, counted, left out of the fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import interplay as ip
from interplay.errors import BackendError, BadInput
from interplay.evaluate import Store, evaluate
from interplay.evaluate.evaluation import noise_of_means
from interplay.value_function import BoolArray, Measured


class Diverging:
    """Has no value where feature 0 is kept without feature 1."""

    fingerprint = "diverging"
    targets = ("a", "b")
    features = tuple(f"x{i}" for i in range(8))

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, masks: BoolArray) -> Measured:
        self.calls += len(masks)
        values = np.stack([masks.sum(axis=1), 1.0 * masks[:, 2] - masks[:, 3]], axis=1)
        lost = masks[:, 0] & ~masks[:, 1]
        values[lost] = np.nan
        return Measured(values, noise_var=0.0 * values + 0.1, excluded=lost)


def test_excluded_rows_are_nan_and_are_not_asked_again(tmp_path: Path) -> None:
    masks = np.random.default_rng(0).random((30, 8)) < 0.5
    masks = np.unique(masks, axis=0)
    lost = masks[:, 0] & ~masks[:, 1]
    game = Diverging()
    with Store(tmp_path / "runs.db") as store:
        first = evaluate(game, masks, store=store)
        again = evaluate(game, masks, store=store)
        held, values, _ = store.recording("diverging")
    assert game.calls == len(masks) == again.reused
    for found in (first, again):
        np.testing.assert_array_equal(np.isnan(found.values).all(axis=1), lost)
        np.testing.assert_array_equal(np.isnan(found.values).any(axis=1), lost)
    assert len(held) == (~lost).sum()
    assert np.isfinite(values).all()


def test_the_fit_leaves_them_out_and_says_so() -> None:
    found = ip.explain(Diverging(), budget=200, store=None, method="lasso")
    assert found.evaluations is not None
    held = found.evaluations.masks
    assert not (held[:, 0] & ~held[:, 1]).any()
    lost = 200 - len(held)
    (told,) = (note for note in found.diagnostics() if "no value" in note)
    assert told.startswith(f"{lost} of 200 evaluations gave no value")
    assert found.target("b").top(1)[0].features in ((2,), (3,))


def test_replicates_take_the_mean_of_those_that_have_a_value() -> None:
    asked = []

    def game(masks: BoolArray) -> Measured:
        asked.append(len(masks))
        lost = np.zeros(len(masks), dtype=bool)
        lost[0] = len(asked) == 2
        return Measured(np.where(lost, np.nan, masks.sum(axis=1) + len(asked)), excluded=lost)

    masks = np.array([[True, True], [True, False], [False, False]])
    found = evaluate(game, masks, replicates=2)
    assert found.values[:, 0].tolist() == [3.0, 2.5, 1.5]
    assert found.noise_var is not None
    np.testing.assert_allclose(found.noise_var[:, 0], [0.5, 0.25, 0.25])  # means of 1, 2, 2 values


def test_reported_noise_of_a_mean_counts_the_replicates_that_have_a_value() -> None:
    values = np.array([[[1.0], [2.0]], [[np.nan], [2.5]], [[3.0], [3.0]]])  # (replicates, m, q)
    noise = np.full((3, 2, 1), 0.6)
    found = noise_of_means(values, noise)
    assert found is not None
    np.testing.assert_allclose(found[:, 0], [0.3, 0.2])
    both = noise_of_means(np.ones((1, 2, 2)), np.array([[[0.5, np.nan], [0.7, np.nan]]]))
    assert both is not None
    assert both.tolist() == [[0.5, 0.0], [0.7, 0.0]]


def test_nothing_left_to_fit_is_an_error() -> None:
    def game(masks: BoolArray) -> Measured:
        return Measured(np.full(len(masks), np.nan), excluded=np.ones(len(masks), dtype=bool))

    with pytest.raises(BackendError, match="20 of 20 evaluations gave no value, and too few"):
        ip.explain(game, 10, budget=20, store=None)


@pytest.mark.parametrize("excluded", [np.zeros(3), np.zeros(2, dtype=bool)])
def test_excluded_must_be_bool_one_per_mask(excluded: np.ndarray) -> None:
    def game(masks: BoolArray) -> Measured:
        return Measured(masks.sum(axis=1), excluded=excluded)

    with pytest.raises(BadInput, match=r"excluded of the value function must be bool of shape"):
        evaluate(game, np.array([[True, False], [True, True], [False, True]]))


def test_nan_without_being_excluded_is_still_refused() -> None:
    def game(masks: BoolArray) -> Measured:
        return Measured(np.where(masks[:, 0], np.nan, 1.0), excluded=masks[:, 1])

    with pytest.raises(BadInput, match="not finite for 1 of 3 masks"):
        evaluate(game, np.array([[True, False], [True, True], [False, True]]))
