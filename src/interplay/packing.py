"""Sets of features as rows of packed bits.

Feature ``i`` is bit ``i % 64`` of word ``i // 64``, in every array called ``packed``: uint64
``(rows, ceil(n / 64))``. Sorted tuples of feature indices are what people see.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interplay.errors import BadInput
from interplay.value_function import BoolArray

Term = tuple[int, ...]
PackedArray = NDArray[np.uint64]
IntArray = NDArray[np.intp]

WORD = 64

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

    Examples
    --------
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


def mask_keys(masks: BoolArray) -> list[bytes]:
    """Return each mask as bytes, to be looked up: ``numpy.packbits`` of it, as files hold it.

    >>> mask_keys(np.array([[True, False], [False, True]]))
    [b'\\x80', b'@']
    """
    packed = np.packbits(masks, axis=1)
    # void, not bytes: numpy strips the zeros at the end of those
    keys: list[bytes] = packed.view(f"V{packed.shape[1]}").ravel().tolist()
    return keys


def masks_of(keys: Sequence[bytes], n: int) -> BoolArray:
    """Return the masks of keys, bool ``(m, n)``: the inverse of :func:`mask_keys`.

    >>> masks_of([b"@"], 2).tolist()
    [[False, True]]
    """
    packed = np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(len(keys), -(-n // 8))
    return np.unpackbits(packed, axis=1, count=n).astype(np.bool_)


def among(masks: BoolArray, others: BoolArray) -> BoolArray:
    """Return whether each mask is one of ``others``, bool ``(m,)``.

    >>> among(np.array([[True, False], [False, True]]), np.array([[False, True]]))
    array([False,  True])
    """
    known = set(mask_keys(others))
    return np.array([key in known for key in mask_keys(masks)], dtype=np.bool_)


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

    Examples
    --------
    >>> pack_terms([(), (0, 2), (64,)], 65).tolist()
    [[0, 0], [5, 0], [0, 1]]
    """
    try:
        sizes = np.fromiter((len(term) for term in terms), dtype=np.intp, count=len(terms))
        flat: Any = np.array([i for term in terms for i in term])
    except (TypeError, ValueError) as error:
        raise BadInput(f"terms must be tuples of feature indices, as (3, 17): {error}") from None
    if not len(flat):
        return np.zeros((len(terms), words(n)), dtype=np.uint64)
    if not np.issubdtype(flat.dtype, np.integer):
        raise BadInput(f"features of a term must be integers; got dtype {flat.dtype}")
    outside = (flat < 0) | (flat >= n)
    if outside.any():
        row = int(np.searchsorted(np.cumsum(sizes), np.argmax(outside), side="right"))
        raise BadInput(f"term {tuple(terms[row])} is not a set of features in 0 .. {n - 1}")
    packed = pack_members(flat, sizes, n)
    repeated = orders(packed) != sizes
    if repeated.any():
        raise BadInput(f"term {tuple(terms[int(np.argmax(repeated))])} names a feature twice")
    return packed


def pack_members(features: IntArray, sizes: IntArray, n: int) -> PackedArray:
    """Return runs of features, of the given sizes, as one packed row each.

    >>> pack_members(np.array([0, 2, 1]), np.array([2, 0, 1]), 3).tolist()
    [[5], [0], [2]]
    """
    packed = np.zeros((len(sizes), words(n)), dtype=np.uint64)
    bits = np.left_shift(np.uint64(1), (features % WORD).astype(np.uint64))
    np.bitwise_or.at(packed, (np.repeat(np.arange(len(sizes)), sizes), features // WORD), bits)
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


def canonical_key(term: Term) -> tuple[int, Term]:
    """Return what tuples sort by into canonical order: :func:`canonical_order` of packed rows.

    >>> sorted([(1, 2), (2,), (0, 3), ()], key=canonical_key)
    [(), (2,), (0, 3), (1, 2)]
    """
    return len(term), term


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


def distinct(packed: PackedArray) -> tuple[IntArray, IntArray]:
    """Return the canonical order of the rows, and where each run of equal rows starts in it.

    >>> by, starts = distinct(pack_terms([(1,), (), (1,)], 2))
    >>> by.tolist(), starts.tolist()
    ([1, 0, 2], [0, 1])
    """
    by = canonical_order(packed)
    first = np.ones(len(packed), dtype=np.bool_)
    first[1:] = (packed[by[1:]] != packed[by[:-1]]).any(axis=1)
    return by, np.flatnonzero(first)
