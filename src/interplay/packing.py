"""Sets of features as rows of packed bits, and the parities of masks over them.

Feature ``i`` is bit ``i % 64`` of word ``i // 64``, in every array called ``packed``: uint64
``(rows, ceil(n / 64))``. Sorted tuples of feature indices are what people see.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from interplay.errors import BadInput
from interplay.value_function import BoolArray, FloatArray, check_masks

Term = tuple[int, ...]
PackedArray = NDArray[np.uint64]
IntArray = NDArray[np.intp]

WORD = 64

_BLOCK = 1 << 18
"""Entries of a parity block: small enough for the second-level cache of any machine we meet."""

_PARITY_BITS = 1 << 28
"""Parity bits that a series holds at once: 32 MB."""

# For every byte the eight signs that its bits stand for, as one 8-byte word: a single lookup
# turns eight parity bits into eight int8 signs.
_SIGNS = (
    1 - 2 * np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder="little")
).astype(np.int8)
_SIGN_WORDS = np.ascontiguousarray(_SIGNS).view(np.uint64).ravel()

_REVERSED = np.packbits(
    np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder="little"), axis=1
).ravel()


def words(n: int) -> int:
    """Return how many 64-bit words a set of n features takes.

    >>> words(64), words(65)
    (1, 2)
    """
    return -(-n // WORD)


def pack(masks: BoolArray) -> PackedArray:
    """Return the rows of ``masks`` as packed bits.

    Parameters
    ----------
    masks
        bool ``(m, n)``.

    Returns
    -------
    uint64 ``(m, ceil(n / 64))``; bits past n are zero.

    >>> pack(np.array([[True, False, True]])).tolist()
    [[5]]
    """
    array = np.asarray(masks)
    if array.ndim != 2 or array.dtype != np.bool_:
        raise BadInput(f"masks must be bool (m, n); got {array.dtype} {array.shape}")
    m, n = array.shape
    octets = np.zeros((m, 8 * words(n)), dtype=np.uint8)
    octets[:, : -(-n // 8)] = np.packbits(array, axis=1, bitorder="little")
    return octets.view("<u8").astype(np.uint64, copy=False)


def unpack(packed: PackedArray, n: int) -> BoolArray:
    """Return packed rows as bool ``(rows, n)``: the inverse of :func:`pack`.

    >>> unpack(np.array([[5]], dtype=np.uint64), 3).tolist()
    [[True, False, True]]
    """
    octets = np.ascontiguousarray(packed).astype("<u8", copy=False).view(np.uint8)
    return np.unpackbits(octets, axis=1, count=n, bitorder="little").view(np.bool_)


def pack_terms(terms: Sequence[Sequence[int]], n: int) -> PackedArray:
    """Return sets of feature indices as packed rows.

    Raises
    ------
    BadInput
        if an index is not an integer in ``0 .. n - 1``, or occurs twice in a set.

    >>> pack_terms([(), (0, 2), (64,)], 65).tolist()
    [[0, 0], [5, 0], [0, 1]]
    """
    packed = np.zeros((len(terms), words(n)), dtype=np.uint64)
    sizes = np.fromiter((len(term) for term in terms), dtype=np.intp, count=len(terms))
    flat: Any = np.array([i for term in terms for i in term])
    if not len(flat):
        return packed
    rows = np.repeat(np.arange(len(terms)), sizes)
    if not np.issubdtype(flat.dtype, np.integer):
        raise BadInput(f"features of a term must be integers; got dtype {flat.dtype}")
    outside = (flat < 0) | (flat >= n)
    if outside.any():
        row = rows[np.argmax(outside)]
        raise BadInput(f"term {tuple(terms[row])} is not a set of features in 0 .. {n - 1}")
    bits = np.left_shift(np.uint64(1), (flat % WORD).astype(np.uint64))
    np.bitwise_or.at(packed, (rows, flat // WORD), bits)
    repeated = orders(packed) != sizes
    if repeated.any():
        raise BadInput(f"term {tuple(terms[int(np.argmax(repeated))])} names a feature twice")
    return packed


def orders(packed: PackedArray) -> IntArray:
    """Return the number of features in every packed row, ``(rows,)``.

    >>> orders(pack_terms([(), (0, 2)], 3)).tolist()
    [0, 2]
    """
    counts: IntArray = np.bitwise_count(packed).sum(axis=1, dtype=np.intp)
    return counts


def members(packed: PackedArray) -> tuple[IntArray, IntArray]:
    """Return the features of all rows in one ascending run each, and where each run starts.

    Row r holds ``features[starts[r] : starts[r + 1]]``; the work is linear in the bits set.

    >>> features, starts = members(pack_terms([(3,), (), (0, 70)], 71))
    >>> features.tolist(), starts.tolist()
    ([3, 0, 70], [0, 1, 1, 3])
    """
    row, word = np.nonzero(packed)
    octets = packed[row, word].astype("<u8", copy=False).view(np.uint8).reshape(-1, 8)
    entry, bit = np.nonzero(np.unpackbits(octets, axis=1, bitorder="little"))
    starts = np.zeros(len(packed) + 1, dtype=np.intp)
    np.cumsum(orders(packed), out=starts[1:])
    return word[entry] * WORD + bit, starts


def term_tuples(packed: PackedArray) -> list[Term]:
    """Return packed rows as sorted tuples of feature indices.

    >>> term_tuples(np.array([[0], [5]], dtype=np.uint64))
    [(), (0, 2)]
    """
    features, starts = members(packed)
    flat, bounds = features.tolist(), starts.tolist()
    return [tuple(flat[a:b]) for a, b in pairwise(bounds)]


def canonical_order(packed: PackedArray) -> IntArray:
    """Return the stable sort of packed rows: by order, then as tuples, lexicographically.

    >>> rows = pack_terms([(1, 2), (2,), (0, 3), ()], 4)
    >>> canonical_order(rows).tolist()
    [3, 1, 2, 0]
    """
    # Of two sets of equal size the smaller tuple is the one that holds the lowest feature in which
    # they differ: with the bits of each row reversed, that is the larger number.
    octets = np.ascontiguousarray(packed).astype("<u8", copy=False).view(np.uint8)
    descending = ~_REVERSED[octets].view(">u8").astype(np.uint64)
    return np.lexsort((*descending.T[::-1], orders(packed)))


def parities(masks: BoolArray, packed: PackedArray, dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """Return the Walsh functions of ``masks``: ``(-1) ** |S & T|`` for every mask S and term T.

    Parameters
    ----------
    masks
        bool ``(m, n)``, True = feature kept.
    packed
        uint64 ``(k, ceil(n / 64))``, the terms; any order.
    dtype
        int8 (smallest, fastest), float32 or float64.

    Returns
    -------
    ``(m, k)`` of +1 and -1 in Fortran order: each term is one contiguous column.

    Notes
    -----
    Bits are packed along the masks, so that a term costs |T| exclusive-ors of m / 8 bytes and one
    table lookup per 8 masks. For terms of low order this is 5 to 60 times faster than counting the
    bits of ``mask & term``, and 5 times faster than multiplying columns of signs.

    >>> parities(np.array([[True, True], [True, False]]), pack_terms([(), (0,), (0, 1)], 2))
    array([[ 1., -1.,  1.],
           [ 1., -1., -1.]])
    """
    masks = check_masks(masks)
    if packed.ndim != 2 or packed.shape[1] != words(masks.shape[1]):
        raise BadInput(
            f"packed terms for {masks.shape[1]} features must have shape "
            f"(k, {words(masks.shape[1])}); got {packed.shape}"
        )
    bits = _parity_bits(masks, packed)
    m = len(masks)
    result = np.empty((len(packed), m), dtype=dtype)
    step = max(1, _BLOCK // max(m, 1))
    for a in range(0, len(packed), step):
        result[a : a + step] = _signs(bits[a : a + step], m)
    return result.T


def series(masks: BoolArray, packed: PackedArray, coefficients: FloatArray) -> FloatArray:
    """Return ``sum_T F(T) * (-1) ** |S & T|`` for every mask S.

    The same as ``parities(masks, packed) @ coefficients`` in bounded memory.

    Parameters
    ----------
    masks
        bool ``(m, n)``.
    packed, coefficients
        uint64 ``(k, ceil(n / 64))`` and float64 ``(k,)``.

    >>> series(np.array([[True, False]]), pack_terms([(), (0,)], 2), np.array([1.0, 0.25]))
    array([0.75])
    """
    total = np.zeros(len(masks))
    rows = min(max(_PARITY_BITS // max(len(packed), 1), WORD), 1 << 14)
    for i in range(0, len(masks), rows):
        block = masks[i : i + rows]
        bits = _parity_bits(block, packed)
        step = max(1, _BLOCK // len(block))
        for a in range(0, len(packed), step):
            signs = _signs(bits[a : a + step], len(block)).astype(np.float64)
            total[i : i + rows] += coefficients[a : a + step] @ signs
    return total


def _signs(bits: NDArray[np.uint8], m: int) -> NDArray[np.int8]:
    """Return the parities that are packed along m masks as int8 signs, ``(rows, m)``."""
    signs: NDArray[np.int8] = _SIGN_WORDS[bits].view(np.int8)[:, :m]
    return signs


def _parity_bits(masks: BoolArray, packed: PackedArray) -> NDArray[np.uint8]:
    """Return ``|S & T| mod 2`` as bits along the masks: uint8 ``(k, ceil(m / 8))``."""
    features, starts = members(packed)
    if len(features) and features.max() >= masks.shape[1]:
        raise BadInput(
            f"a term names feature {features.max()}; the masks have {masks.shape[1]} columns"
        )
    used, column = np.unique(features, return_inverse=True)
    kept = np.packbits(np.ascontiguousarray(masks[:, used].T), axis=1, bitorder="little")
    bits = np.zeros((len(packed), -(-len(masks) // 8)), dtype=np.uint8)
    sizes = np.diff(starts)
    for j in range(int(sizes.max(initial=0))):
        rows = np.flatnonzero(sizes > j)
        bits[rows] ^= kept[column[starts[rows] + j]]
    return bits
