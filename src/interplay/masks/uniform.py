"""Uniform masks without replacement: every feature is kept with probability 1/2."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from interplay.errors import check_whole
from interplay.masks.complete import MOST_FEATURES, unpack_numbers
from interplay.packing import mask_keys, masks_of
from interplay.value_function import BoolArray, check_masks

_CHUNK: Final = 256
"""Rows drawn at a time. Fixed, so that the stream of rows does not depend on how many are asked."""


def uniform(n: int, m: int, rng: np.random.Generator, exclude: ArrayLike = ()) -> BoolArray:
    """Draw m different masks uniformly, never the full and never the empty one.

    Sequential: the first k rows are the same for every budget ``m >= k`` under one seed, so a run
    that is repeated with a larger budget reuses all that it has paid for.

    Parameters
    ----------
    n
        number of features, at least 1.
    m
        number of masks wanted. Where fewer exist, all of them are returned.
    rng
        source of the draws.
    exclude
        bool ``(k, n)``: masks that must not be drawn, beside the full and the empty one.

    Returns
    -------
    bool ``(m, n)``, or with fewer rows where no more masks exist.

    Raises
    ------
    BadInput
        n < 1, m < 0, or ``exclude`` is not a mask array of width n.

    Examples
    --------
    >>> masks = uniform(10, 6, np.random.default_rng(0))
    >>> masks.shape
    (6, 10)
    >>> bool((masks[:3] == uniform(10, 3, np.random.default_rng(0))).all())
    True
    >>> len(uniform(2, 500, np.random.default_rng(0)))  # only {0} and {1} are left
    2
    """
    n, m = check_whole("n", n, 1), check_whole("m", m, 0)
    refused = np.array([np.zeros(n), np.ones(n)], dtype=np.bool_)
    if np.size(exclude):
        refused = np.concatenate([refused, check_masks(exclude, n=n, name="exclude")])
    # Small games are shuffled whole: rejection would crawl towards the last masks.
    draw = _from_permutation if n <= MOST_FEATURES else _by_rejection
    return draw(n, m, rng, refused)


def _from_permutation(n: int, m: int, rng: np.random.Generator, refused: BoolArray) -> BoolArray:
    order = rng.permutation(2**n)
    allowed = np.ones(2**n, dtype=np.bool_)
    allowed[refused @ (1 << np.arange(n))] = False
    return unpack_numbers(order[allowed[order]][:m], n)


def _by_rejection(n: int, m: int, rng: np.random.Generator, refused: BoolArray) -> BoolArray:
    width = -(-n // 8)
    padding = np.packbits(np.ones(n, dtype=np.bool_))
    seen = set(mask_keys(refused))
    m = min(m, 2**n - len(seen))
    rows: list[bytes] = []
    while len(rows) < m:
        octets = np.frombuffer(rng.bytes(_CHUNK * width), dtype=np.uint8).reshape(_CHUNK, width)
        chunk = (octets & padding).tobytes()
        for start in range(0, len(chunk), width):
            row = chunk[start : start + width]
            if row not in seen:
                seen.add(row)
                rows.append(row)
    return masks_of(rows[:m], n)
