"""Every mask of a small game."""

from __future__ import annotations

from typing import Final

import numpy as np

from interplay.errors import BadInput
from interplay.value_function import BoolArray

MOST_FEATURES: Final = 20
"""Most features for which all masks are listed: 2^20 rows, 20 MB."""


def all_masks(n: int) -> BoolArray:
    """Return all masks of n features in canonical order.

    Row k keeps feature i exactly when bit i of k is 1: the first row is empty, the last is full.

    Parameters
    ----------
    n
        number of features, 1 to 20.

    Returns
    -------
    bool ``(2**n, n)``

    Raises
    ------
    BadInput
        n is outside 1 to 20.

    Examples
    --------
    >>> all_masks(2).astype(int)
    array([[0, 0],
           [1, 0],
           [0, 1],
           [1, 1]])
    """
    if not 1 <= n <= MOST_FEATURES:
        raise BadInput(
            f"n must be between 1 and {MOST_FEATURES} to list all 2^n masks; got {n}. "
            f"For more features draw some of them: masks.uniform(n, m, rng)"
        )
    return unpack_numbers(np.arange(2**n, dtype=np.int64), n)


def unpack_numbers(numbers: np.ndarray[tuple[int], np.dtype[np.int64]], n: int) -> BoolArray:
    """Return the masks with these canonical numbers, bool ``(m, n)``: bit i is feature i.

    >>> unpack_numbers(np.array([2]), 3)
    array([[False,  True, False]])
    """
    # the little-endian bytes of a number are its packed mask, whatever the machine's own order
    octets = numbers.astype("<i8").view(np.uint8).reshape(-1, 8)
    return np.unpackbits(octets, axis=1, count=n, bitorder="little").astype(np.bool_)
