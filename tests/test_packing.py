"""Packed sets of features: round trips, order, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from interplay.errors import BadInput
from interplay.packing import (
    canonical_order,
    distinct,
    members,
    orders,
    pack,
    pack_members,
    pack_terms,
    term_tuples,
    unpack,
    words,
)

quick = settings(max_examples=100)
shapes = array_shapes(min_dims=2, max_dims=2, max_side=140)


@st.composite
def term_lists(draw: st.DrawFn) -> tuple[int, list[tuple[int, ...]]]:
    n = draw(st.sampled_from([1, 2, 7, 63, 64, 65, 128, 200]))
    term = st.frozensets(st.integers(0, n - 1), max_size=6).map(lambda t: tuple(sorted(t)))
    return n, draw(st.lists(term, max_size=30))


@given(masks=shapes.flatmap(lambda shape: arrays(np.bool_, shape)))
@quick
def test_unpack_undoes_pack(masks: np.ndarray):
    m, n = masks.shape
    packed = pack(masks)
    assert packed.dtype == np.uint64
    assert packed.shape == (m, words(n))
    assert np.array_equal(unpack(packed, n), masks)
    assert np.array_equal(orders(packed), masks.sum(axis=1))


def test_layout():
    """Feature i is bit i % 64 of word i // 64."""
    masks = np.zeros((3, 130), dtype=bool)
    masks[0, 0] = masks[1, 63] = masks[2, 129] = True
    assert pack(masks).tolist() == [[1, 0, 0], [2**63, 0, 0], [0, 0, 2]]


@given(case=term_lists())
@quick
def test_term_tuples_undoes_pack_terms(case: tuple[int, list[tuple[int, ...]]]):
    n, terms = case
    packed = pack_terms(terms, n)
    assert packed.shape == (len(terms), words(n))
    assert term_tuples(packed) == terms
    features, starts = members(packed)
    assert np.array_equal(pack_members(features, np.diff(starts), n), packed)
    dense = np.zeros((len(terms), n), dtype=bool)
    for row, term in enumerate(terms):
        dense[row, list(term)] = True
    assert np.array_equal(unpack(packed, n), dense)


@given(case=term_lists())
@quick
def test_canonical_order_is_by_size_then_lexicographic(case: tuple[int, list[tuple[int, ...]]]):
    n, terms = case
    packed = pack_terms(terms, n)
    expected = sorted(range(len(terms)), key=lambda row: (len(terms[row]), terms[row], row))
    assert canonical_order(packed).tolist() == expected
    by, starts = distinct(packed)
    assert [terms[by[a]] for a in starts] == sorted(set(terms), key=lambda t: (len(t), t))


def test_terms_in_any_order_and_of_numpy_integers():
    assert term_tuples(pack_terms([(5, 2), (np.int64(7),)], 8)) == [(2, 5), (7,)]


@pytest.mark.parametrize("term", [(3,), (-1,), (0, 2**80)])
def test_features_out_of_range(term: tuple[int, ...]):
    with pytest.raises(BadInput, match=r"not a set of features in 0 .. 2|must be integers"):
        pack_terms([(0,), (), term], 3)


def test_the_message_names_the_term():
    with pytest.raises(BadInput, match=r"term \(1, 9\) is not a set of features in 0 .. 2"):
        pack_terms([(), (0, 1), (1, 9), (2,)], 3)


def test_a_feature_twice():
    with pytest.raises(BadInput, match=r"term \(1, 1\) names a feature twice"):
        pack_terms([(0,), (1, 1)], 3)


@pytest.mark.parametrize("term", [(0.0,), (True,), ("a",)])
def test_features_are_integers(term: tuple[object, ...]):
    with pytest.raises(BadInput, match="features of a term must be integers; got dtype"):
        pack_terms([term], 3)  # type: ignore[list-item]


def test_terms_are_tuples():
    with pytest.raises(BadInput, match="terms must be tuples of feature indices"):
        pack_terms([3], 4)  # type: ignore[list-item]


@pytest.mark.parametrize("masks", [np.zeros(3, bool), np.zeros((2, 3)), np.zeros((2, 2, 2), bool)])
def test_pack_wants_boolean_rows(masks: np.ndarray):
    with pytest.raises(BadInput, match=r"masks must be bool \(m, n\); got"):
        pack(masks)
