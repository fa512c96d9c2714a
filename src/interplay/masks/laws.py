"""Other laws than the uniform one: streams of masks that :mod:`interplay.masks.kinds` picks from.

A stream yields packed masks (``numpy.packbits`` of one mask) in the order of a law, repeats and
all. It is sequential: what it yields does not depend on how much of it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import numpy as np

from interplay.masks.complete import MOST_FEATURES, unpack_numbers
from interplay.packing import mask_keys

CHUNK: Final = 256
"""Masks drawn at a time. Fixed, so that the stream does not depend on how many are asked for."""

Law = Callable[[int, np.random.Generator], Iterator[bytes]]


def uniform_stream(n: int, rng: np.random.Generator) -> Iterator[bytes]:
    """Every feature is kept with probability 1/2."""
    while True:
        yield from mask_keys(rng.random((CHUNK, n)) < 0.5)


def paired(n: int, rng: np.random.Generator) -> Iterator[bytes]:
    """Uniform masks, each followed by its complement: even and odd parts of a game separate."""
    while True:
        half = rng.random((CHUNK // 2, n)) < 0.5
        yield from mask_keys(np.stack([half, ~half], axis=1).reshape(CHUNK, n))


def near_full(n: int, rng: np.random.Generator) -> Iterator[bytes]:
    """d features deleted, P(d) proportional to 1/d for d = 1 ... n-1; which, uniformly.

    Half of these masks delete about sqrt(n) features or fewer: this is the law for what small edits
    of a text do.
    """
    if n == 1:  # no mask lies between the full and the empty one
        return
    deletions = np.arange(1, n)
    law = (1 / deletions) / (1 / deletions).sum()
    while True:
        counts = rng.choice(deletions, CHUNK, p=law)
        ranks = rng.random((CHUNK, n)).argsort(axis=1).argsort(axis=1)
        yield from mask_keys(ranks >= counts[:, None])


LAWS: Final[Mapping[str, Law]] = {"paired": paired, "near_full": near_full}
"""Every law beside the uniform one, by the kind of design that it makes."""


def small_game(n: int, kind: str, rng: np.random.Generator) -> Iterator[bytes] | None:
    """Return all masks of a small game in the order of a law without replacement, or None.

    Drawing until every mask has come would crawl towards the last ones.
    """
    if n > min(MOST_FEATURES, 16):
        return None
    if kind == "adaptive":  # uniform
        numbers = rng.permutation(2**n)
    elif kind == "paired":
        half = rng.permutation(2 ** (n - 1))
        numbers = np.where(rng.random(len(half)) < 0.5, half, 2**n - 1 - half)
        numbers = np.stack([numbers, 2**n - 1 - numbers], axis=1).reshape(-1)
    else:
        deleted = n - unpack_numbers(np.arange(2**n, dtype=np.int64), n).sum(axis=1)
        weight = 1 / np.maximum(deleted, 1) / _choose(n)[deleted]
        # the order of exponential clocks is that of drawing without replacement
        numbers = np.argsort(rng.exponential(size=2**n) / weight)
    return iter(mask_keys(unpack_numbers(numbers.astype(np.int64), n)))


def _choose(n: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    binomials = np.ones(n + 1)
    for k in range(1, n + 1):
        binomials[k] = binomials[k - 1] * (n - k + 1) / k
    return binomials
