"""Folds: no test mask has been seen, the ends are never tested."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from interplay.surrogates.crossval import assign_folds, errors_of_others


@given(n=st.integers(1, 8), m=st.integers(1, 80), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=80)
def test_equal_masks_share_a_fold_and_the_ends_are_not_tested(n: int, m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    masks = rng.random((m, n)) < 0.5
    folds = assign_folds(masks, rng, 5)
    fold_of = {}
    for row, fold in zip(masks, folds, strict=True):
        assert fold_of.setdefault(row.tobytes(), fold) == fold
        assert (fold == -1) == (row.all() or not row.any())
    used = np.unique(folds[folds >= 0])
    assert len(used) == min(5, len({k for k, fold in fold_of.items() if fold >= 0}))
    assert (used == np.arange(len(used))).all()


def test_folds_are_even() -> None:
    masks = np.random.default_rng(0).random((503, 30)) < 0.5
    sizes = np.bincount(assign_folds(masks, np.random.default_rng(1), 5))
    assert sizes.max() - sizes.min() <= 1


def test_errors_of_others_leave_the_own_fold_out() -> None:
    errors = np.random.default_rng(0).random((4, 2, 3))
    for fold, others in enumerate(errors_of_others(errors)):
        assert np.allclose(others, np.delete(errors, fold, axis=0).sum(axis=0))
