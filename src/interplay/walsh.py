"""Walsh functions of masks: parities, sums of them, and the transform of a complete game."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from interplay.errors import BadInput
from interplay.packing import WORD, PackedArray, members, words
from interplay.value_function import BoolArray, FloatArray, check_masks

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
    table lookup per 8 masks. At 1,000 features and terms of low order that is some 20 times faster
    than counting the bits of ``mask & term`` and several times faster than multiplying columns of
    signs; at 14 features all three are quick (docs/benchmarks/indices.md).

    >>> from interplay.packing import pack_terms
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

    Examples
    --------
    >>> from interplay.packing import pack_terms
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


def transform(values: FloatArray, axis: int = 0) -> FloatArray:
    """Return the Walsh coefficients of complete games, ``2 ** -n * sum_S f(S) (-1) ** |S & T|``.

    Parameters
    ----------
    values
        float64, of length ``2 ** n`` along the axis: bit i of a position there says whether feature
        i is in S.
    axis
        counted from 0; the others number the games.

    Returns
    -------
    float64 of the same shape, positions likewise for T. The fast transform: n passes over the
    values.

    Examples
    --------
    >>> transform(np.array([0.0, 1.0]))
    array([ 0.5, -0.5])
    """
    result = values.copy()
    size, within = int(values.shape[axis]), prod(values.shape[axis + 1 :])
    half = 1
    while half < size:
        pairs = result.reshape(-1, 2, half * within)
        kept = pairs[:, 1].copy()
        pairs[:, 1] = pairs[:, 0] - kept
        pairs[:, 0] += kept
        half *= 2
    return result / size
