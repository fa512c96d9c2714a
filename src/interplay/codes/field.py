"""Arithmetic in the finite fields GF(2^m), on whole arrays at a time."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

Elements = NDArray[np.intp]
"""Field elements: polynomials over GF(2) modulo the primitive one, as the bits of a number."""

PRIMITIVE: Final = {
    2: 0b111,
    3: 0b1011,
    4: 0b10011,
    5: 0b100101,
    6: 0b1000011,
    7: 0b10001001,
    8: 0b100011101,
    9: 0b1000010001,
    10: 0b10000001001,
    11: 0b100000000101,
    12: 0b1000001010011,
    13: 0b10000000011011,
    14: 0b100010001000011,
    15: 0b1000000000000011,
    16: 0b10001000000001011,
}
"""A primitive polynomial of each degree m, in bits: those that MATLAB and galois take for BCH
codes, so that masks can be compared with theirs."""


class Field:
    """GF(2^m), of 2^m elements; the powers of alpha are all but 0.

    Sums are exclusive or. Products add logarithms: that of 0 is so large that every sum with it
    falls where the table of powers is 0.

    >>> field = Field(3)
    >>> field.times(np.array([2, 5, 0]), np.array([4, 7, 6])).tolist()
    [3, 6, 0]
    """

    def __init__(self, m: int) -> None:
        if m not in PRIMITIVE:
            raise ValueError(f"m must be {min(PRIMITIVE)} to {max(PRIMITIVE)}; got {m}")
        self.m, self.units = m, 2**m - 1
        powers = np.zeros(4 * self.units + 1, dtype=np.intp)
        element = 1
        for exponent in range(2 * self.units):
            powers[exponent] = element
            element <<= 1
            if element > self.units:
                element ^= PRIMITIVE[m]
        self.powers = powers
        self.logs = np.full(2**m, 2 * self.units, dtype=np.intp)
        self.logs[powers[: self.units]] = np.arange(self.units)

    def alpha(self, exponents: Elements) -> Elements:
        """Return powers of alpha, of any exponents."""
        found: Elements = self.powers[exponents % self.units]
        return found

    def times(self, a: Elements, b: Elements) -> Elements:
        """Return products, element by element."""
        products: Elements = self.powers.take(self.logs.take(a) + self.logs.take(b))
        return products

    def squared(self, a: Elements) -> Elements:
        """Return squares."""
        return self.times(a, a)

    def over(self, a: Elements, b: Elements) -> Elements:
        """Return quotients; ``b`` must not be 0."""
        quotients: Elements = self.powers.take(self.logs.take(a) + (self.units - self.logs.take(b)))
        return quotients


@cache
def field(m: int) -> Field:
    """Return GF(2^m), made once."""
    return Field(m)
