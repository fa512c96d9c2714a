"""GF(2^m): the axioms of a field, against multiplication of polynomials bit by bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interplay.codes.field import PRIMITIVE, Field, field


def product(a: int, b: int, m: int) -> int:
    total = 0
    for bit in range(m):
        if b >> bit & 1:
            total ^= a << bit
    for bit in range(2 * m, m - 1, -1):
        if total >> bit & 1:
            total ^= PRIMITIVE[m] << (bit - m)
    return total


@pytest.mark.parametrize("m", PRIMITIVE)
def test_alpha_generates_every_element_but_zero(m: int) -> None:
    powers = field(m).alpha(np.arange(2**m - 1))
    assert sorted(powers.tolist()) == list(range(1, 2**m))
    assert field(m).alpha(np.array([2**m - 1])).tolist() == [1]


@given(st.data(), st.integers(2, 11))
def test_products_are_those_of_polynomials(data: st.DataObject, m: int) -> None:
    element = st.integers(0, 2**m - 1)
    a, b = data.draw(element), data.draw(element)
    one, other = np.array([a]), np.array([b])
    assert field(m).times(one, other).tolist() == [product(a, b, m)]
    assert field(m).squared(one).tolist() == [product(a, a, m)]
    if b:
        quotient = field(m).over(one, other)
        assert field(m).times(quotient, other).tolist() == [a]


def test_there_is_no_field_without_a_polynomial() -> None:
    with pytest.raises(ValueError, match="m must be 2 to 16; got 17"):
        Field(17)
