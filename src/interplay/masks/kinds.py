"""Kinds of designs: which masks each has, how many at least, and which are set aside."""

from __future__ import annotations

from itertools import chain, islice, takewhile
from typing import Final

import numpy as np

from interplay.codes import ERRORS, GROUPS, LEAST_BITS, MOST_BITS, MaskCode
from interplay.masks.coded import coded
from interplay.masks.laws import LAWS, small_game, uniform_stream
from interplay.masks.uniform import uniform
from interplay.packing import mask_keys, masks_of
from interplay.value_function import BoolArray

CODED: Final = ("coded", "mixed")

KINDS: Final = ("uniform", *LAWS, *CODED, "adaptive")

SET_ASIDE: Final = 50
"""Uniform masks that a design of another law sets aside for the evidence, before the tenth of the
rest."""

LEAST: Final = 12
"""Masks that a fit needs: 10 beside the full and the empty one."""


def adaptive_sizes(most: int) -> list[int]:
    """Return how many masks an adaptive design has at each fit, all but the last.

    >>> adaptive_sizes(400)
    [200, 266, 333]
    """
    start = max(LEAST, most // 2)
    return sorted({start, *(size for size in (2 * most // 3, 5 * most // 6) if size > start)})


def least(n: int, kind: str) -> int:
    """Return the fewest masks that a design may have, all 2^n aside.

    >>> least(64, "uniform"), least(64, "paired"), least(64, "coded")
    (12, 62, 196)
    """
    if kind in CODED:
        return _coded_size(_code_for(n), LEAST_BITS)
    return LEAST if kind in ("uniform", "adaptive") else LEAST + SET_ASIDE


def coded_sizes(n: int, most: int) -> list[int]:
    """Return the sizes of coded designs, ends and masks set aside included, up to ``most``.

    >>> coded_sizes(64, 5000)
    [196, 412, 882, 1842, 3762]
    """
    code = _code_for(n)
    sizes = (_coded_size(code, bits) for bits in range(LEAST_BITS, MOST_BITS + 1))
    return list(takewhile(lambda size: size <= most, sizes))


def coded_parts(n: int, bits: int = LEAST_BITS) -> str:
    """Say what a coded design is made up of.

    >>> coded_parts(64)
    '3 groups x 2^1 x 36 offsets = 216 coded masks, 144 of them different, the full and the empty
    mask, and 50 uniform ones set aside'
    """
    code = _code_for(n)
    aside = _coded_size(code, bits) - 2 - code.different(bits)
    return f"{code.sentence(bits)}, the full and the empty mask, and {aside} uniform ones set aside"


def _code_for(n: int) -> MaskCode:
    """A code whose matrices do not matter, to count with."""
    return MaskCode(np.zeros((GROUPS, n, MOST_BITS), dtype=np.bool_), min(ERRORS, n))


def _coded_size(code: MaskCode, bits: int) -> int:
    """How many masks a design has in all that has the coded ones of so many bits."""
    left = code.different(bits) - (10 * SET_ASIDE - SET_ASIDE)
    # 50 are set aside before, and one before each nine of those that are behind the 500th place
    aside = SET_ASIDE + max(0, -(-left // 9))
    return 2 + code.different(bits) + aside


def first_masks(
    n: int, kind: str, seed: int, size: int, code: MaskCode | None = None
) -> tuple[BoolArray, BoolArray]:
    """Return the first ``size`` masks of a design, and which of them are set aside."""
    ends = np.array([np.ones(n), np.zeros(n)], dtype=np.bool_)
    if kind in ("uniform", "complete", "adaptive"):
        drawn = uniform(n, max(size - 2, 0), np.random.default_rng(seed))
        masks = np.concatenate([ends, drawn])[:size]
        return masks, (np.arange(len(masks)) > 1) & (kind == "adaptive")
    rng, test_rng = np.random.default_rng(seed).spawn(2)
    tests, refused = uniform_stream(n, test_rng), set(mask_keys(ends))
    if code is None:
        stream = small_game(n, kind, rng) or LAWS[kind](n, rng)
    else:
        block = list(islice(coded(code), code.calls(code.bits)))
        refused.update(block)  # none of them may be set aside: the design would have a hole
        stream = chain(block, uniform_stream(n, rng) if kind == "mixed" else ())
    seen, rows, aside = set(mask_keys(ends)), mask_keys(ends), [False, False]
    size = min(size, 2**n)
    while len(rows) < size:
        wanted = _set_aside(len(rows) - 2)
        source = (r for r in tests if r not in refused) if wanted else stream
        row = next((r for r in source if r not in seen), None)
        if row is None:  # all masks of a small game, or of a code, are used up
            break
        seen.add(row)
        rows.append(row)
        aside.append(wanted)
    return masks_of(rows[:size], n), np.array(aside[:size], dtype=np.bool_)


def _set_aside(place: int) -> bool:
    """Whether the mask at a place behind the ends is one of the evidence."""
    return place < SET_ASIDE or (place >= 10 * SET_ASIDE and place % 10 == 0)
