"""The search for the parts to keep: within its trials, and as good as its best start at least."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from interplay.actions.subset.choose import rooms
from interplay.actions.subset.search import (
    Trials,
    best_first,
    eliminated,
    searched,
    without_each,
)

N = 8
RNG = np.random.default_rng(0)
SINGLE, PAIR = RNG.normal(0.3, 0.5, N), np.triu(RNG.normal(0, 0.5, (N, N)), 1)


def value(masks: np.ndarray) -> np.ndarray:
    kept = masks.astype(float)
    return kept @ SINGLE + np.einsum("mi,ij,mj->m", kept, PAIR, kept)


class Measured:
    """A measure that counts; of two columns the first is coarse where ``step`` is given."""

    def __init__(self, step: float = 0.0, most: int | None = None) -> None:
        self.step, self.most, self.asked = step, most, 0

    def __call__(self, masks: np.ndarray) -> np.ndarray | None:
        if self.most is not None and self.asked + len(masks) > self.most:
            return None
        self.asked += len(masks)
        fine = value(masks)
        coarse = np.floor(fine / self.step) * self.step if self.step else fine
        return np.stack([coarse, fine], axis=1)


def sets(size: int) -> np.ndarray:
    return np.array([np.isin(np.arange(N), one) for one in combinations(range(N), size)])


def test_columns_in_turn_and_rounding_errors_decide_nothing():
    values = np.array([[1.0, 0.0], [1.0 + 1e-15, -1.0], [1.0, 2.0], [0.5, 9.0]])
    assert best_first(values) == [2, 0, 1, 3]


def test_trials_are_counted_once_and_end():
    measure = Measured()
    trials = Trials(measure, 5)
    masks = sets(4)
    assert trials.values(masks[:2]).shape == trials.values(masks[[1, 0]]).shape == (2, 2)
    assert trials.count == measure.asked == 2
    assert len(trials.new(masks[:4])) == 2
    assert trials.values(masks[:9]) is None
    assert trials.values(masks[:5]) is not None
    assert trials.left == 0
    assert trials.values(masks[1:3]) is not None


def test_elimination_is_greedy_where_the_trials_allow():
    (room,) = rooms(3, N)
    mask = np.ones(N, dtype=bool)
    while mask.sum() > 3:
        near = without_each(mask)
        mask = near[value(near).argmax()]
    ranked, left = eliminated(room, Trials(Measured(), 100), 100)
    assert left.tolist() == mask.tolist()
    kept = np.argsort(value(~np.eye(N, dtype=bool)))[:3]
    assert set(np.flatnonzero(ranked)) == set(kept.tolist())
    # fewer trials: several at a time, at last as leaving one out ranks them
    trials = Trials(Measured(), 100)
    (alone, again) = eliminated(room, trials, N)
    assert trials.count == N
    assert alone.tolist() == again.tolist() == ranked.tolist()
    assert eliminated(room, Trials(Measured(), 100), N - 1) == []
    assert len(eliminated(room, Trials(Measured(most=N), 100), 100)) == 1  # the budget ends


def test_elimination_leaves_each_layer_its_share():
    (room,) = rooms(0.5, N, [0] * 4 + [1] * 4)
    for mask in eliminated(room, Trials(Measured(), 100), 100):
        assert mask[:4].sum() == mask[4:].sum() == 2
    part = room.thinned(np.arange(N) != 0, np.arange(N, 0, -1.0), 5)
    assert part.tolist() == [False, True, True, True, True, True, False, False]


@pytest.mark.parametrize("limit", [0, 1, 7, 20, 32])
def test_a_search_keeps_within_its_trials(limit):
    (room,) = rooms(4, N)
    measure = Measured()
    start = sets(4)[5]
    found, tried = searched([start], room, lambda masks: -value(masks), measure, limit)
    assert tried == measure.asked <= limit
    assert value(found[None]) >= value(start[None])
    assert found.sum() == 4


def test_a_search_that_may_try_everything_finds_what_no_swap_betters():
    (room,) = rooms(4, N)
    found, _ = searched([sets(4)[0]], room, value, Measured(), 500)
    assert value(found[None]) == pytest.approx(value(sets(4)).max())


def test_equal_values_are_told_apart_by_the_second_column():
    (room,) = rooms(4, N)
    measure = Measured(step=100.0)  # all sets have one of two values
    found, _ = searched([sets(4)[0]], room, value, measure, 500)
    best = measure(sets(4))[best_first(measure(sets(4)))[0]]
    assert measure(found[None])[0].tolist() == best.tolist()


@pytest.mark.parametrize("most", [0, 1, 9, 15])
def test_a_budget_that_ends_loses_nothing_that_was_found(most):
    (room,) = rooms(4, N)
    start = sets(4)[5]
    found, tried = searched([start], room, value, Measured(most=most), 32)
    assert tried <= most
    assert value(found[None]) >= value(start[None])
    if not most:
        assert found.tolist() == start.tolist()
