"""What coded masks are made of: matrices that sort terms into bins, offsets that tell them apart.

In each of C groups, the masks are M l + d modulo 2, for all l of b bits and p + 1 offsets d. The
Walsh transform over l sorts the terms of a function into 2^b bins: the term T falls into the bin
M'T. The offsets are the parity bits of a BCH code; how they change the sign of a bin tells which
term is in it. (Kang et al., ICML 2025.)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from interplay.codes.bch import BCH, bch
from interplay.value_function import BoolArray

GROUPS: Final = 3
ERRORS: Final = 5
"""The papers' C and t: no set of more than t features can be told from its parity bits."""

LEAST_BITS: Final = 1
MOST_BITS: Final = 12
"""Fewest and most b. The columns of M for the most are drawn at once, so that the masks for fewer
are among those for more."""


@dataclass(frozen=True, eq=False)
class MaskCode:
    """What coded masks are made of.

    Attributes
    ----------
    matrices
        bool ``(C, n, 12)``: M of each group; a design of b bits has its first b columns.
    t
        most features of a set that its parity bits tell.
    bits
        b of the design that was asked for; a sample may have the masks of a smaller or larger one.
    """

    matrices: NDArray[np.bool_]
    t: int
    bits: int = LEAST_BITS

    @classmethod
    def drawn(
        cls, n: int, rng: np.random.Generator, groups: int = GROUPS, t: int = ERRORS
    ) -> MaskCode:
        """Draw the matrices, of independent fair bits."""
        return cls(rng.random((groups, n, MOST_BITS)) < 0.5, min(t, n))

    @property
    def groups(self) -> int:
        """C, the number of groups."""
        return len(self.matrices)

    @property
    def n(self) -> int:
        """Number of features."""
        return int(self.matrices.shape[1])

    @cached_property
    def bch(self) -> BCH:
        """The code whose parity bits are the offsets."""
        return bch(self.n, self.t)

    @cached_property
    def offsets(self) -> BoolArray:
        """bool ``(p + 1, n)``: the empty mask, and the features that set each parity bit."""
        return np.concatenate([np.zeros((1, self.n), dtype=np.bool_), self.bch.parity.T])

    def calls(self, bits: int) -> int:
        """How many masks a design of b bits has, repeated ones counted: C 2^b (p + 1).

        >>> MaskCode.drawn(64, np.random.default_rng(0)).calls(8)
        27648
        """
        return self.groups * len(self.offsets) << bits

    def different(self, bits: int) -> int:
        """How many of those are different: the offsets stand in every group.

        Others repeat as seldom as random masks do, and are not counted on.
        """
        return self.calls(bits) - (self.groups - 1) * len(self.offsets)

    def sentence(self, bits: int) -> str:
        """How many masks a design has, and why.

        >>> MaskCode.drawn(64, np.random.default_rng(0)).sentence(4)
        '3 groups x 2^4 x 36 offsets = 1,728 coded masks, 1,656 of them different'
        """
        return (
            f"{self.groups} groups x 2^{bits} x {len(self.offsets)} offsets = "
            f"{self.calls(bits):,} coded masks, {self.different(bits):,} of them different"
        )

    def masks(self, group: int, numbers: NDArray[np.intp]) -> BoolArray:
        """Return M l + d for every number l and every offset d, bool ``(len(l), p + 1, n)``."""
        bits = (numbers[:, None] >> np.arange(MOST_BITS)) & 1
        columns = self.matrices[group].astype(np.intp)
        lattice = ((bits @ columns.T) & 1).astype(np.bool_)
        masks: BoolArray = lattice[:, None, :] ^ self.offsets
        return masks

    def bins(self, sets: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return M'T of sets as numbers ``(w, C)``: rows of features ``(w, s)`` padded with -1.

        The bin in a design of b bits is the number's lowest b bits.
        """
        weights = 1 << np.arange(MOST_BITS)
        hashes = np.append(self.matrices @ weights, np.zeros((self.groups, 1), np.intp), axis=1)
        found: NDArray[np.intp] = np.bitwise_xor.reduce(hashes.T[sets], axis=1)
        return found
