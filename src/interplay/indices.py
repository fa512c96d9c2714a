"""Every interaction index as one table of weights over a Walsh spectrum.

An index that is linear in the game and treats features alike is, for every set T::

    I(T) = sum over S ⊇ T of  c(|S|, |T|, order) * F(S)

so the whole of an index is its table ``c`` (:func:`weight`), and the cost of all its values is the
number of small subsets of the terms that are there. Influence, a sum of squares, stands beside it.

Sources: Shapley (1953); Grabisch and Roubens (1999) for SII and BII; Sundararajan et al. (2020)
for STII; Bordt and von Luxburg (2023) for k-SII; Tsai et al. (2023) for FSII and FBII; Kang et al.
(2025) for their forms over a Fourier spectrum.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from itertools import chain, combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from interplay.errors import BadInput, check_whole, unknown
from interplay.packing import IntArray, PackedArray, Term, members
from interplay.value_function import FloatArray

INDICES: tuple[str, ...] = (
    "Fourier",
    "Moebius",
    "OR",
    "SV",
    "BV",
    "SII",
    "k-SII",
    "BII",
    "STII",
    "FSII",
    "FBII",
    "influence",
)
"""Every index, by the name that people choose it by; case does not matter."""

_OF_ALL_ORDERS = ("Fourier", "Moebius", "OR")
_OF_SINGLE_FEATURES = ("SV", "BV", "influence")
_SPELLINGS = {name.casefold(): name for name in INDICES} | {"möbius": "Moebius"}

MAX_SETS = 1 << 21
"""Most sets that a conversion returns: two million, some 500 MB of tuples."""

MAX_SUBSETS = 1 << 26
"""Most pairs T ⊆ S that a conversion adds up: about ten seconds."""

_BLOCK = 1 << 20
"""Pairs T ⊆ S that are held at once."""


def canonical_name(index: object) -> str:
    """Return the name of an index as :data:`INDICES` spells it; case does not matter.

    Raises
    ------
    BadInput
        if there is no such index; the message lists them.

    Examples
    --------
    >>> canonical_name("möbius"), canonical_name("K-SII")
    ('Moebius', 'k-SII')
    """
    if isinstance(index, str):
        name = _SPELLINGS.get(unicodedata.normalize("NFC", index).casefold())
        if name is not None:
            return name
    raise unknown("index", index, INDICES)


def resolve_order(index: str, order: int | None, n: int) -> int:
    """Return the highest order that is meant: the given one, checked, or the index's own.

    Without an order, Fourier, Moebius and OR have all n, SV, BV and influence have 1, and the
    others 2 (1 where there is but one feature).

    >>> resolve_order("SII", None, 10), resolve_order("Moebius", None, 10)
    (2, 10)
    """
    index = canonical_name(index)
    if order is None:
        natural = 1 if index in _OF_SINGLE_FEATURES else 2
        return n if index in _OF_ALL_ORDERS else min(natural, n)
    order = check_whole("order", order, 1)
    if order > n:
        raise BadInput(f"order {order} is above n = {n}: no set has more features than there are")
    if order > 1 and index in _OF_SINGLE_FEATURES:
        raise BadInput(
            f"{index} is an index of single features (order 1); got order {order}. "
            "For sets of features take SII, BII, FSII, ..."
        )
    return order


def weight(index: str, s: int, t: int, order: int) -> float:
    """Return ``c(s, t, order)``: what F(S) adds to I(T), T ⊆ S, for sizes s of S and t of T.

    Computed once in exact fractions.

    Parameters
    ----------
    index
        any of :data:`INDICES` but influence, which is not linear.
    s, t
        sizes of S and T; ``t <= s`` and ``t <= order``.
    order
        highest order of the index.

    Examples
    --------
    >>> weight("SV", 3, 1, 1), weight("SV", 2, 1, 1), weight("Moebius", 3, 2, 3)
    (-0.6666666666666666, 0.0, 4.0)
    """
    index = canonical_name(index)
    if index == "influence":
        raise BadInput("influence is a sum of squares: it has no linear weights")
    if not 0 <= t <= min(s, order):
        raise BadInput(f"weights need 0 <= t <= s and t <= order; got {s=}, {t=}, {order=}")
    return _float_weight(index, s, t, order)


@cache
def _float_weight(index: str, s: int, t: int, order: int) -> float:
    try:
        return float(_weight(index, s, t, order))
    except OverflowError:
        raise BadInput(f"{index} of a set of {t} features exceeds floating point") from None


def _weight(index: str, s: int, t: int, order: int) -> Fraction:
    scale = Fraction((-2) ** t)
    match index:
        case "Fourier":
            return Fraction(s == t)
        case "BV" | "BII":
            return scale * (s == t)
        case "FBII":  # the projection onto low orders under uniform masks is a truncation of F
            return scale * (s <= order)
        case _ if t == 0:  # f(empty): with no feature kept, every parity is +1
            return Fraction(1)
        case "Moebius":
            return scale
        case "OR":
            return scale if s % 2 else -scale
        case "SV" | "SII":
            return _sii(s, t)
        case "k-SII":
            highest = min(order, s)
            return sum(
                (
                    comb(s - t, r - t) * _bernoulli(r - t) * _sii(s, r)
                    for r in range(t, highest + 1)
                ),
                Fraction(0),
            )
        case _:
            return sum(
                (
                    (-2) ** r * comb(s - t, r - t) * _weight_of_moebius(index, r, t, order)
                    for r in range(t, s + 1)
                ),
                Fraction(0),
            )


def _sii(s: int, t: int) -> Fraction:
    return Fraction((-2) ** t, s - t + 1) if (s - t) % 2 == 0 else Fraction(0)


def _weight_of_moebius(index: str, r: int, t: int, order: int) -> Fraction:
    """Return what the Moebius coefficient of a set of r features adds to a subset of t of them."""
    if r <= order and (index == "FSII" or t < order):
        return Fraction(r == t)
    if index == "STII":
        return Fraction(t == order, comb(r, order))
    sign = -1 if (order - t) % 2 else 1
    part = Fraction(comb(r - 1, order), comb(r + order - 1, order + t))
    return sign * Fraction(t, order + t) * comb(order, t) * part


@cache
def _bernoulli(k: int) -> Fraction:
    """Return the Bernoulli number B_k, with B_1 = -1/2."""
    if k == 0:
        return Fraction(1)
    return -sum((comb(k + 1, j) * _bernoulli(j) for j in range(k)), Fraction(0)) / (k + 1)


def convert(
    packed: PackedArray,
    coefficients: FloatArray,
    standard_errors: FloatArray | None,
    index: str,
    order: int,
) -> tuple[list[Term], FloatArray, FloatArray | None]:
    """Return the values of an index over a spectrum.

    Parameters
    ----------
    packed, coefficients, standard_errors
        uint64 ``(k, words)`` without equal rows, float64 ``(k,)``, float64 ``(k,)`` or None.
    index, order
        name of the index, and the highest order of the sets wanted (see :func:`resolve_order`).

    Returns
    -------
    terms, values, errors
        sets in canonical order, their values, and their standard errors: exact for uncorrelated
        coefficients; for influence, a sum of squares, those of normal coefficients with the
        fitted means.

    Raises
    ------
    BadInput
        if the terms have too many subsets (:data:`MAX_SETS`, :data:`MAX_SUBSETS`): only in
        reach of Moebius, OR and orders far above 2.

    Examples
    --------
    >>> from interplay.packing import pack_terms
    >>> convert(pack_terms([(), (0, 1)], 2), np.array([1.0, 0.5]), None, "Moebius", 2)
    ([(), (0,), (1,), (0, 1)], array([ 1.5, -1. , -1. ,  2. ]), None)
    """
    index = canonical_name(index)
    variances = None if standard_errors is None else np.square(standard_errors)
    if index == "influence":
        return _influence(packed, coefficients, variances)
    subsets = _Subsets(packed)
    subsets.check(index, order)
    terms: list[Term] = []
    values: list[FloatArray] = []
    errors: list[FloatArray] = []
    for t in range(min(order, subsets.max_order) + 1):
        weights = {s: c for s in subsets.sizes if s >= t and (c := weight(index, s, t, order))}
        found, value, variance = subsets.add_up(t, weights, coefficients, variances)
        terms += found
        values.append(value)
        errors.append(np.sqrt(variance))
    flat = np.concatenate(values)
    return terms, flat, None if variances is None else np.concatenate(errors)


def _influence(
    packed: PackedArray, coefficients: FloatArray, variances: FloatArray | None
) -> tuple[list[Term], FloatArray, FloatArray | None]:
    features, starts = members(packed)
    used, column = np.unique(features, return_inverse=True)
    row = np.repeat(np.arange(len(packed)), np.diff(starts))
    squares = np.square(coefficients)
    sums = np.bincount(column, weights=squares[row], minlength=len(used))
    values = sums.astype(np.float64)  # bincount of nothing is an integer array
    errors = None
    if variances is not None:
        # var(X²) of a normal X; the plain delta method would call a coefficient of 0 exact
        spread = 4 * squares * variances + 2 * np.square(variances)
        errors = np.sqrt(np.bincount(column, weights=spread[row], minlength=len(used)))
    return [(i,) for i in used.tolist()], values, errors


class _Subsets:
    """The terms of a spectrum, grouped by size, and sums over their subsets.

    A subset of t features is coded as digits in base u, the number of features that occur,
    several digits to an int64: sorting the codes sorts the tuples.
    """

    def __init__(self, packed: PackedArray) -> None:
        features, starts = members(packed)
        self.used, rank = np.unique(features, return_inverse=True)
        counts = np.diff(starts)
        self.max_order = int(counts.max(initial=0))
        self.sizes: list[int] = np.unique(counts).tolist()
        self.rows = {s: np.flatnonzero(counts == s) for s in self.sizes}
        self.ranks = {s: rank[(starts[rows, None] + np.arange(s))] for s, rows in self.rows.items()}
        self.base = max(len(self.used), 1)
        self.digits = 1
        while self.digits < 63 and self.base ** (self.digits + 1) <= 2**63:
            self.digits += 1

    def check(self, index: str, order: int) -> None:
        """Raise if there are more subsets than a conversion can take."""
        u, pairs, largest = len(self.used), 0, 0
        for s in self.sizes:
            own = sum(comb(s, t) for t in range(min(s, order) + 1) if weight(index, s, t, order))
            pairs += len(self.rows[s]) * own
            largest = max(largest, own)
        # No more sets come out than pairs go in, nor than the features that occur have.
        sets = pairs
        if pairs > MAX_SETS:
            sets = min(pairs, sum(comb(u, t) for t in range(min(order, self.max_order) + 1)))
        if sets <= MAX_SETS and pairs <= MAX_SUBSETS:
            return
        raise BadInput(
            f"{index} of order {order} needs the subsets of all terms, {pairs:.3g} of them "
            f"(the largest term has {self.max_order} features); at most {MAX_SETS} sets and "
            f"{MAX_SUBSETS} subsets are computed. Ask for a lower order, or truncate the spectrum"
        )

    def add_up(
        self,
        t: int,
        weights: dict[int, float],
        coefficients: FloatArray,
        variances: FloatArray | None,
    ) -> tuple[list[Term], FloatArray, FloatArray]:
        """Return the sums over supersets of every subset of t features, and their variances."""
        codes: list[NDArray[np.int64]] = []
        sums: list[FloatArray] = []
        pending = 0
        for code, rows, c in self._blocks(t, weights):
            value = np.repeat(c * coefficients[rows], code.shape[1] // len(rows))
            spread = np.zeros_like(value)
            if variances is not None:
                spread = np.repeat(c**2 * variances[rows], code.shape[1] // len(rows))
            codes.append(code)
            sums.append(np.stack([value, spread]))
            pending += code.shape[1]
            if pending > _BLOCK:
                codes, sums = _merge(codes, sums)
                pending = 0
        if not codes:
            return [], np.empty(0), np.empty(0)
        [code], [summed] = _merge(codes, sums)
        return self._decode(code, t), summed[0], summed[1]

    def _blocks(
        self, t: int, weights: dict[int, float]
    ) -> Iterator[tuple[NDArray[np.int64], IntArray, float]]:
        for s, c in weights.items():
            width = comb(s, t)
            chosen = np.fromiter(
                chain.from_iterable(combinations(range(s), t)), dtype=np.intp, count=width * t
            ).reshape(width, t)
            step = max(1, _BLOCK // width)
            for a in range(0, len(self.rows[s]), step):
                rows = self.rows[s][a : a + step]
                yield self._encode(self.ranks[s][a : a + step], chosen), rows, c

    def _encode(self, ranks: IntArray, chosen: IntArray) -> NDArray[np.int64]:
        """Return the codes of the chosen positions of every row: ``(words, rows * width)``."""
        width, t = chosen.shape
        code = np.zeros((max(1, -(-t // self.digits)), len(ranks), width), dtype=np.int64)
        for j in range(t):
            word = code[j // self.digits]
            word *= self.base
            word += ranks[:, chosen[:, j]]
        return code.reshape(len(code), -1)

    def _decode(self, code: NDArray[np.int64], t: int) -> list[Term]:
        rest = code.copy()
        features = np.empty((code.shape[1], t), dtype=np.intp)
        for j in reversed(range(t)):
            word = rest[j // self.digits]
            features[:, j] = self.used[word % self.base]
            word //= self.base
        return list(map(tuple, features.tolist()))


def _merge(
    codes: list[NDArray[np.int64]], sums: list[FloatArray]
) -> tuple[list[NDArray[np.int64]], list[FloatArray]]:
    """Join blocks into one, in ascending order of the codes, equal codes added up."""
    code, summed = np.concatenate(codes, axis=1), np.concatenate(sums, axis=1)
    by = np.lexsort(code[::-1])
    code, summed = code[:, by], summed[:, by]
    first = np.ones(code.shape[1], dtype=np.bool_)
    first[1:] = (code[:, 1:] != code[:, :-1]).any(axis=0)
    starts = np.flatnonzero(first)
    return [code[:, starts]], [np.add.reduceat(summed, starts, axis=1)]
