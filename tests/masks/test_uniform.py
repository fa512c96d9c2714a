"""Uniform masks: without replacement, sequential, and uniform."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interplay import masks
from interplay.errors import BadInput

SEEDS = st.integers(0, 2**32 - 1)


def draw(n: int, m: int, seed: int, exclude: object = ()) -> np.ndarray:
    return masks.uniform(n, m, np.random.default_rng(seed), exclude)  # type: ignore[arg-type]


@settings(max_examples=60)
@given(n=st.integers(1, 90), m=st.integers(0, 600), seed=SEEDS)
def test_rows_differ_and_are_neither_full_nor_empty(n: int, m: int, seed: int) -> None:
    rows = draw(n, m, seed)
    assert rows.dtype == np.bool_
    assert rows.shape == (min(m, 2**n - 2), n)
    assert len(np.unique(rows, axis=0)) == len(rows)
    assert not rows.all(axis=1).any()
    assert rows.any(axis=1).all()


@settings(max_examples=60)
@given(n=st.integers(1, 40), m=st.integers(0, 600), more=st.integers(0, 600), seed=SEEDS)
def test_a_larger_budget_begins_with_the_rows_of_a_smaller_one(
    n: int, m: int, more: int, seed: int
) -> None:
    small, large = draw(n, m, seed), draw(n, m + more, seed)
    np.testing.assert_array_equal(small, large[: len(small)])


@settings(max_examples=40)
@given(n=st.sampled_from([3, 9, 20, 21, 50]), seed=SEEDS, k=st.integers(1, 40))
def test_excluded_masks_are_not_drawn(n: int, seed: int, k: int) -> None:
    exclude = draw(n, k, seed)
    rows = draw(n, 300, seed, exclude)
    assert len(rows) == min(300, 2**n - 2 - len(exclude))
    both = np.concatenate([rows, exclude])
    assert len(np.unique(both, axis=0)) == len(both)
    # the rest keeps its order: excluding is striking out
    np.testing.assert_array_equal(rows, draw(n, 300 + len(exclude), seed)[len(exclude) :][:300])


def test_all_masks_come_when_more_are_asked_for() -> None:
    for n in (1, 2, 5, 10):
        rows = draw(n, 5000, 0)
        assert sorted(map(bytes, rows)) == sorted(map(bytes, masks.all_masks(n)[1:-1]))


@pytest.mark.parametrize("n", [10, 20, 21, 33])
def test_every_feature_and_pair_is_kept_as_often_as_chance_says(n: int) -> None:
    """Over 512 or 4,000 rows no mean of a sign or of a product leaves 5 standard errors."""
    rows = draw(n, 512 if n == 10 else 4000, 7)
    signs = 1.0 - 2.0 * rows
    gram = signs.T @ signs / len(rows)
    bound = 5 / np.sqrt(len(rows))
    assert np.abs(gram[np.triu_indices(n, 1)]).max() < bound
    assert np.abs(signs.mean(axis=0)).max() < bound


def test_seeds_give_different_rows_and_the_same_seed_the_same() -> None:
    for n in (12, 30):
        assert (draw(n, 50, 1) == draw(n, 50, 1)).all()
        assert (draw(n, 50, 1) != draw(n, 50, 2)).any()


def test_the_stream_of_a_seed_does_not_change() -> None:
    """Stored evaluations are found again only while a seed keeps giving the same masks."""
    assert np.packbits(draw(8, 4, 0), axis=1).tobytes().hex() == "9adaaf6c"
    assert np.packbits(draw(30, 2, 0), axis=1).tobytes().hex() == "5f82c2d8cfeb0fa0"


def test_bad_arguments() -> None:
    with pytest.raises(BadInput, match="n must be a whole number of at least 1; got 0"):
        draw(0, 5, 0)
    with pytest.raises(BadInput, match="m must be a whole number of at least 0; got -1"):
        draw(5, -1, 0)
    with pytest.raises(BadInput, match=r"exclude must have 5 columns.*got shape \(1, 4\)"):
        draw(5, 3, 0, np.ones((1, 4), dtype=bool))
    with pytest.raises(BadInput, match="exclude must be boolean"):
        draw(5, 3, 0, np.ones((1, 5)))
