"""Shortened BCH codes: few parity bits that tell a small set of many features.

A BCH code of length 2^m - 1 corrects up to t errors in words of k information and p <= m t parity
bits (Bose and Ray-Chaudhuri, 1960; Hocquenghem, 1959). Information bits beyond the n features are
always 0 and left out. Taking a set of at most t features for the information, its parity bits say
which set it is: with the information received as zeros, the set itself is the error.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from interplay.codes.field import PRIMITIVE, Elements, Field, field
from interplay.errors import BadInput

CELLS: Final = 4_000_000
"""Field elements held at a time while roots are searched."""

MOST_ERRORS: Final = 12
"""Largest t; of the sets that the papers speak of, hardly any has more than 5 features."""


@dataclass(frozen=True, eq=False)
class BCH:
    """The shortened BCH code for n features and sets of up to t of them; made by :func:`bch`.

    Attributes
    ----------
    n, t
        number of features, and most errors that are corrected.
    field
        GF(2^m), the smallest whose code has n information bits.
    parity
        bool ``(n, p)``: the parity bits of each single feature; those of a set are their sum
        modulo 2.

    Notes
    -----
    Feature i stands at the power p + i of the code polynomial, parity bit r at the power r.
    """

    n: int
    t: int
    field: Field
    parity: NDArray[np.bool_]

    @property
    def p(self) -> int:
        """Number of parity bits."""
        return int(self.parity.shape[1])

    @property
    def checks(self) -> Elements:
        """Syndromes of each parity bit alone, ``(p, t)``: column j is the power 2 j + 1."""
        places, odd = np.arange(self.p), 2 * np.arange(self.t) + 1
        return self.field.alpha(places[:, None] * odd)

    def parities_of(self, sets: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return the parity bits ``(w, p)`` of sets, rows of features ``(w, s)`` padded with -1."""
        padded = np.concatenate([self.parity, np.zeros((1, self.p), dtype=np.bool_)])
        bits: NDArray[np.bool_] = np.bitwise_xor.reduce(padded[sets], axis=1)
        return bits

    def decode(self, syndromes: Elements) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
        """Find the sets that explain syndromes with at most t errors, parity errors included.

        Parameters
        ----------
        syndromes
            ``(w, t)``: sums of rows of :attr:`checks` over the parity bits that are 1.

        Returns
        -------
        bool ``(w,)``, whether there is such a set, and int ``(w, t)``, its features in ascending
        order, padded with -1 on the left; a row of -1 is the empty set.
        """
        w = len(syndromes)
        found, sets = np.zeros(w, dtype=np.bool_), np.full((w, self.t), -1, dtype=np.intp)
        locators, degrees = _berlekamp_massey(self.field, syndromes)
        found[degrees == 0] = True
        for degree in range(1, self.t + 1):
            rows = np.flatnonzero(degrees == degree)
            # monic, and its roots are alpha to the places of the errors
            polynomials = locators[rows, : degree + 1]
            splitting = _splits(self.field, polynomials)
            rows, polynomials = rows[splitting], polynomials[splitting]
            block = max(1, CELLS // (self.p + self.n))
            for start in range(0, len(rows), block):
                part = slice(start, start + block)
                self._places(rows[part], polynomials[part], found, sets)
        return found, sets

    def _places(
        self,
        rows: NDArray[np.intp],
        polynomials: Elements,
        found: NDArray[np.bool_],
        sets: NDArray[np.intp],
    ) -> None:
        """Search the roots of polynomials that have all of them; note the sets they stand for."""
        degree = polynomials.shape[1] - 1
        points = self.field.alpha(np.arange(self.p + self.n))[None, :]
        values = np.broadcast_to(polynomials[:, :1], (len(rows), points.shape[1]))
        for power in range(1, degree + 1):  # Horner
            values = self.field.times(values, points) ^ polynomials[:, power : power + 1]
        row, place = np.nonzero(values == 0)
        # a root beyond the features would be an error in a bit that is always 0
        whole = np.bincount(row, minlength=len(rows)) == degree
        places = place[whole[row]].reshape(-1, degree)
        sets[rows[whole], -degree:] = np.maximum(places - self.p, -1)
        found[rows[whole]] = True


@cache
def bch(n: int, t: int = 5) -> BCH:
    """Return the shortest BCH code for sets of up to t of n features.

    Raises
    ------
    BadInput
        t is outside 1 to 12, or n is too large for any code of up to 2^16 - 1 bits.

    Examples
    --------
    >>> code = bch(64, 5)
    >>> code.p, code.field.m
    (35, 7)
    >>> bits = code.parities_of(np.array([[-1, -1, 3, 17, 60]]))
    >>> syndromes = np.bitwise_xor.reduce(code.checks * bits[0][:, None], axis=0)
    >>> code.decode(syndromes[None])[1].tolist()
    [[-1, -1, 3, 17, 60]]
    """
    if not 1 <= t <= MOST_ERRORS:
        raise BadInput(f"t, the most features of a set, must be 1 to {MOST_ERRORS}; got {t}")
    for m in PRIMITIVE:
        if 2**m - 1 < n:
            continue
        generator = _generator(field(m), t)
        p = generator.bit_length() - 1
        if 2**m - 1 - p >= n:
            return BCH(n, t, field(m), _remainders(generator, n))
    raise BadInput(f"no code for sets of {t} of {n} features: take fewer features")


def _generator(gf: Field, t: int) -> int:
    """The product of the minimal polynomials of alpha, alpha^3, ..., as the bits of a number."""
    generator, seen = 1, set()
    for power in range(1, 2 * t, 2):
        conjugates, e = [], power % gf.units
        while e not in conjugates:
            conjugates.append(e)
            e = 2 * e % gf.units
        if min(conjugates) in seen:
            continue
        seen.add(min(conjugates))
        minimal = np.array([1], dtype=np.intp)  # highest power first
        for e in conjugates:
            shifted = np.append(minimal, 0)
            shifted[1:] ^= gf.times(minimal, np.full(len(minimal), gf.powers[e]))
            minimal = shifted
        generator = _product(generator, int("".join(map(str, minimal.tolist())), 2))
    return generator


def _product(a: int, b: int) -> int:
    """Product of two polynomials over GF(2)."""
    total = 0
    while b:
        if b & 1:
            total ^= a
        a, b = a << 1, b >> 1
    return total


def _remainders(generator: int, n: int) -> NDArray[np.bool_]:
    """x^(p + i) modulo the generator for i = 0 ... n - 1, as bits ``(n, p)``."""
    p = generator.bit_length() - 1
    bits, remainder = np.empty((n, p), dtype=np.bool_), generator ^ (1 << p)
    for i in range(n):
        bits[i] = [remainder >> r & 1 for r in range(p)]
        remainder <<= 1
        if remainder >> p:
            remainder ^= generator
    return bits


def _berlekamp_massey(gf: Field, odd: Elements) -> tuple[Elements, NDArray[np.intp]]:
    """The shortest recurrences of binary syndromes (Massey, 1969), all words at once.

    Returns the coefficients ``(w, t + 1)`` of prod_i (1 + x alpha^place_i), lowest power first, and
    the degrees; a degree of -1 says that more than t errors would be needed.
    """
    w, t = odd.shape
    syndromes = np.zeros((w, 2 * t + 1), dtype=np.intp)
    syndromes[:, 1::2] = odd
    for j in range(1, t + 1):
        syndromes[:, 2 * j] = gf.squared(syndromes[:, j])
    # one power more than t: a length beyond t is found out, not lost
    locator, before = np.zeros((w, t + 2), dtype=np.intp), np.zeros((w, t + 2), dtype=np.intp)
    locator[:, 0] = before[:, 1] = 1
    length, last = np.zeros(w, dtype=np.intp), np.ones(w, dtype=np.intp)
    for r in range(t):
        wrong = np.zeros(w, dtype=np.intp)
        for i in range(min(2 * r, t + 1) + 1):
            wrong ^= gf.times(locator[:, i], syndromes[:, 2 * r + 1 - i])
        step = gf.over(wrong, last)
        following = locator ^ gf.times(step[:, None], before)
        longer = (wrong != 0) & (length <= r)
        before = np.where(longer[:, None], locator, before)
        before = np.concatenate([np.zeros((w, 2), dtype=np.intp), before[:, :-2]], axis=1)
        last = np.where(longer, wrong, last)
        length = np.where(longer, 2 * r + 1 - length, length)
        locator = following
    powers = np.where(locator != 0, np.arange(t + 2), 0).max(axis=1)
    return locator[:, : t + 1], np.where((powers == length) & (length <= t), length, -1)


def _splits(gf: Field, polynomials: Elements) -> NDArray[np.bool_]:
    """Whether monic polynomials ``(w, v + 1)``, highest power first, have v different roots.

    They do if they divide x^(2^m) - x: m squarings tell, where a search would try every element.
    """
    w, v = polynomials.shape[0], polynomials.shape[1] - 1
    if v == 1 or not w:
        return np.ones(w, dtype=np.bool_)
    low = polynomials[:, :0:-1]  # without the leading 1, lowest power first
    power = np.zeros((w, v), dtype=np.intp)
    power[:, 0] = 1
    even = [power]  # x^0, x^2, x^4, ... modulo the polynomial
    for exponent in range(1, 2 * v - 1):
        top = power[:, -1:]
        power = np.concatenate([np.zeros((w, 1), dtype=np.intp), power[:, :-1]], axis=1)
        power ^= gf.times(top, low)
        if exponent % 2 == 0:
            even.append(power)
    x = np.zeros((w, v), dtype=np.intp)
    x[:, 1] = 1
    result = x
    for _ in range(gf.m):
        squares = gf.squared(result)
        result = np.zeros((w, v), dtype=np.intp)
        for i, reduced in enumerate(even):
            result ^= gf.times(squares[:, i : i + 1], reduced)
    splitting: NDArray[np.bool_] = (result == x).all(axis=1)
    return splitting
