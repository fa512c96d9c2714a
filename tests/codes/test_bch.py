"""BCH codes: dimensions, and decoding against a search over all sets."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interplay.codes import BCH, bch
from interplay.errors import BadInput

PARITY_BITS = {
    5: {8: 20, 11: 20, 12: 27, 36: 27, 45: 35, 92: 35, 99: 40, 215: 40, 466: 45, 973: 50, 1992: 55},
    4: {8: 20, 31: 24, 36: 24, 45: 28, 99: 28, 223: 32, 475: 36},
    3: {11: 15, 31: 18, 106: 21, 231: 24, 993: 30},
    2: {11: 10, 36: 12, 113: 14, 239: 16},
}
"""Parity bits by t and n, of the published designs."""


@pytest.mark.parametrize("t", PARITY_BITS)
def test_the_number_of_parity_bits_is_the_published_one(t: int) -> None:
    assert {n: bch(n, t).p for n in PARITY_BITS[t]} == PARITY_BITS[t]


def received(code: BCH, sets: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """Syndromes of the parity bits of sets, some of them wrong."""
    bits = code.parities_of(sets) ^ wrong
    return np.bitwise_xor.reduce(np.where(bits[:, :, None], code.checks, 0), axis=1)


@settings(max_examples=40)
@given(n=st.integers(1, 300), t=st.integers(1, 6), seed=st.integers(0, 2**32 - 1))
def test_up_to_t_errors_in_features_and_parity_bits_are_told(n: int, t: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    code = bch(n, t)
    sets = np.full((50, t), -1)
    wrong = np.zeros((50, code.p), dtype=np.bool_)
    for row in range(50):
        size = int(rng.integers(0, min(t, n) + 1))
        sets[row, t - size :] = np.sort(rng.choice(n, size, replace=False))
        wrong[row, rng.choice(code.p, rng.integers(0, t - size + 1), replace=False)] = True
    told, found = code.decode(received(code, sets, wrong))
    assert told.all()
    np.testing.assert_array_equal(found, sets)


@pytest.mark.parametrize(("n", "t"), [(10, 2), (9, 3)])
def test_what_decodes_is_what_a_search_over_all_sets_and_errors_finds(n: int, t: int) -> None:
    code = bch(n, t)
    syndromes = {}
    places = [*range(n), *range(n, n + code.p)]
    for size in range(t + 1):
        for errors in combinations(places, size):
            chosen = [i for i in errors if i < n]
            row = np.array([[-1] * (t - len(chosen)) + chosen])
            wrong = np.zeros((1, code.p), dtype=np.bool_)
            wrong[0, [i - n for i in errors if i >= n]] = True
            syndromes[received(code, row, wrong)[0].tobytes()] = row[0].tolist()
    every = np.array(
        [
            [bits >> (j * code.field.m) & code.field.units for j in range(t)]
            for bits in np.random.default_rng(0).integers(0, 2 ** (code.field.m * t), 3000)
        ]
    )
    told, found = code.decode(every)
    for row, ok, features in zip(every, told, found, strict=True):
        expected = syndromes.get(row.tobytes())
        assert ok == (expected is not None)
        if ok:
            assert features.tolist() == expected


def test_no_words_decode_to_nothing() -> None:
    told, found = bch(20, 3).decode(np.empty((0, 3), dtype=np.intp))
    assert told.shape == (0,)
    assert found.shape == (0, 3)


@pytest.mark.parametrize(("n", "t", "message"), [(10, 0, "must be 1 to 12; got 0"), (10, 13, "13")])
def test_a_bad_t_is_refused(n: int, t: int, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        bch(n, t)


def test_too_many_features_are_refused() -> None:
    with pytest.raises(BadInput, match="no code for sets of 5 of 70000 features"):
        bch(70_000, 5)
