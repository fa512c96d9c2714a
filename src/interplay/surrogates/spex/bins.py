"""Bins: the Walsh transforms of coded values, each a sum of few terms with telling signs.

For a group with the matrix M and the offset d, the transform over l of f(M l + d) is, in bin j,

    U_d(j) = sum over the terms T with M'T = j of F(T) (-1)^|T ∩ d|

so that the p + 1 values of a bin in which T is alone are F(T) times the parity bits of T, as signs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from interplay.codes import LEAST_BITS, MOST_BITS, MaskCode
from interplay.errors import BadInput
from interplay.value_function import BoolArray, FloatArray
from interplay.walsh import transform


@dataclass(frozen=True, eq=False)
class Layout:
    """Where the values of a coded design stand among the rows of a sample.

    Attributes
    ----------
    code
        what the masks are made of.
    bits
        b, the most for which the sample has every mask.
    rows
        int ``(C, 2^b, p + 1)``: the row of ``values`` that each mask has.
    group
        int ``(m,)``: which of the different masks of the sample a row has; the values of equal ones
        are averaged.
    """

    code: MaskCode
    bits: int
    rows: NDArray[np.intp]
    group: NDArray[np.intp]

    @classmethod
    def of(cls, code: MaskCode, masks: BoolArray) -> Self:
        """Find the masks of a design among those of a sample, bool ``(m, n)``.

        Raises
        ------
        BadInput
            the sample does not have all masks of the smallest design, b = 1.
        """
        # hashes are linear: that of M l + d is that of M l plus that of d, modulo 2
        words = np.random.default_rng(0).integers(0, 2**64, (2, code.n), dtype=np.uint64)
        first, second = (_hashed(masks, word) for word in words)
        known, place, group = np.unique(first, return_index=True, return_inverse=True)
        offsets = [_hashed(code.offsets, word) for word in words]
        lattices = [
            [_spanned(_hashed(matrix.T, word)) for matrix in code.matrices] for word in words
        ]
        found: list[NDArray[np.intp]] = []
        bits = LEAST_BITS - 1
        while bits < MOST_BITS:
            start = 0 if bits < LEAST_BITS else 2**bits
            numbers = slice(start, 2 ** (bits + 1))
            level = []
            for group_number in range(code.groups):
                wanted = lattices[0][group_number][numbers, None] ^ offsets[0]
                rows = np.searchsorted(known, wanted)
                rows[rows == len(known)] = 0
                also = lattices[1][group_number][numbers, None] ^ offsets[1]
                if not ((known[rows] == wanted) & (second[place[rows]] == also)).all():
                    break
                level.append(rows)
            if len(level) < code.groups:
                break
            found.append(np.stack(level))
            bits += 1
        if not found:
            raise BadInput(
                f"the sample has {len(known):,} different masks, but not all "
                f"{code.calls(LEAST_BITS):,} of the smallest coded design (b = {LEAST_BITS}): "
                "evaluate the masks of ip.design(kind='coded') in their order, all of one size"
            )
        return cls(code, bits, np.concatenate(found, axis=1), group)

    def bins(self, values: FloatArray) -> FloatArray:
        """Return the transforms of values ``(m,)``: float64 ``(C, 2^b, p + 1)``."""
        counts = np.bincount(self.group)
        means = np.bincount(self.group, values) / counts
        return transform(means[self.rows], axis=1)


def _hashed(masks: BoolArray, words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Exclusive or of one word for each feature that a mask keeps, ``(m,)``."""
    total = np.zeros(len(masks), dtype=np.uint64)
    for column, word in zip(masks.T, words, strict=True):
        total ^= np.where(column, word, np.uint64(0))
    return total


def _spanned(columns: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Exclusive or over the bits of l of one word each, for all l."""
    total = np.zeros(1, dtype=np.uint64)
    for word in columns:
        total = np.concatenate([total, total ^ word])
    return total
