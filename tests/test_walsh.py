"""Walsh functions against their definition."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interplay import walsh
from interplay.errors import BadInput
from interplay.packing import pack_terms, unpack
from interplay.walsh import parities, series, transform

quick = settings(max_examples=60)


def by_definition(masks: np.ndarray, terms: np.ndarray) -> np.ndarray:
    return 1 - 2 * ((masks.astype(int) @ terms.T.astype(int)) % 2)


def cases(rng: np.random.Generator, m: int, n: int, k: int, highest: int):
    terms = [tuple(rng.choice(n, rng.integers(0, highest + 1), replace=False)) for _ in range(k)]
    return rng.random((m, n)) < 0.5, pack_terms(terms, n)


@given(
    m=st.integers(0, 70), n=st.integers(1, 140), k=st.integers(0, 30), seed=st.integers(0, 2**32)
)
@quick
def test_parities(m: int, n: int, k: int, seed: int):
    masks, packed = cases(np.random.default_rng(seed), m, n, k, n)
    expected = by_definition(masks, unpack(packed, n))
    for dtype in (np.int8, np.float32, np.float64):
        found = parities(masks, packed, dtype)
        assert found.dtype == dtype
        assert found.shape == (m, k)
        assert np.array_equal(found, expected)
        assert found.flags.f_contiguous


@given(
    m=st.integers(0, 70), n=st.integers(1, 140), k=st.integers(0, 30), seed=st.integers(0, 2**32)
)
@quick
def test_series(m: int, n: int, k: int, seed: int):
    rng = np.random.default_rng(seed)
    masks, packed = cases(rng, m, n, k, n)
    coefficients = rng.normal(size=k)
    expected = by_definition(masks, unpack(packed, n)) @ coefficients
    np.testing.assert_allclose(series(masks, packed, coefficients), expected, atol=1e-12)


def test_blocks_do_not_change_values(monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(0)
    masks, packed = cases(rng, 1000, 80, 60, 5)
    coefficients = rng.normal(size=60)
    whole, signs = series(masks, packed, coefficients), parities(masks, packed)
    monkeypatch.setattr(walsh, "_BLOCK", 301)
    monkeypatch.setattr(walsh, "_PARITY_BITS", 6000)
    np.testing.assert_allclose(series(masks, packed, coefficients), whole, atol=1e-12)
    assert np.array_equal(parities(masks, packed), signs)


def test_series_takes_bounded_memory():
    """20,000 masks by 5,000 terms: the parities alone would be 800 MB."""
    rng = np.random.default_rng(0)
    masks, packed = cases(rng, 20_000, 100, 5000, 3)
    tracemalloc.start()
    series(masks, packed, np.ones(5000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 80e6


def test_parities_wants_terms_of_the_same_features():
    masks = np.ones((2, 65), dtype=bool)
    with pytest.raises(BadInput, match=r"packed terms for 65 features must have shape \(k, 2\)"):
        parities(masks, pack_terms([(0,)], 64))
    with pytest.raises(BadInput, match="a term names feature 66; the masks have 65 columns"):
        parities(masks, pack_terms([(66,)], 67))
    with pytest.raises(BadInput, match="masks must be boolean"):
        parities(np.ones((2, 3)), pack_terms([(0,)], 3))  # type: ignore[arg-type]


@given(n=st.integers(0, 8), seed=st.integers(0, 2**32))
@quick
def test_transform(n: int, seed: int):
    values = np.random.default_rng(seed).normal(size=2**n)
    every = np.arange(2**n)
    signs = (-1.0) ** np.bitwise_count(every[:, None] & every)
    np.testing.assert_allclose(transform(values), signs @ values / 2**n, atol=1e-13)
    np.testing.assert_allclose(transform(transform(values)) * 2**n, values, atol=1e-13)


@given(n=st.integers(0, 6), seed=st.integers(0, 2**32))
@quick
def test_transform_of_many_games(n: int, seed: int):
    games = np.random.default_rng(seed).normal(size=(3, 2**n, 2))
    found = transform(games, axis=1)
    for i, j in np.ndindex(3, 2):
        assert np.array_equal(found[i, :, j], transform(games[i, :, j]))
