"""Coded masks: uniform ones in an order from which a sparse spectrum can be read off (SPEX)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from interplay.codes import LEAST_BITS, MOST_BITS, MaskCode
from interplay.packing import mask_keys

CHUNK: Final = 8
"""Numbers l whose masks are made at a time."""


def coded(code: MaskCode) -> Iterator[bytes]:
    """Yield the masks of the design of 1 bit, then those that 2 bits add, and so on to 12."""
    for bits in range(LEAST_BITS, MOST_BITS + 1):
        first = 0 if bits == LEAST_BITS else 2 ** (bits - 1)
        for start in range(first, 2**bits, CHUNK):
            numbers = np.arange(start, min(start + CHUNK, 2**bits))
            for group in range(code.groups):
                rows = code.masks(group, numbers).reshape(-1, code.n)
                yield from mask_keys(rows)
