"""Synergistic and redundant sets of training examples, and whether retraining says the same.

By the paper's definition the extremal Moebius term of an order is synergistic, that of the opposite
sign redundant; the signs of sets with an example of another class than the target's are flipped. A
Moebius term speaks of training on nothing but the set. What its sign says is checked where models
are trained: with the set's members among many other examples.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from interplay.intervals import LEVEL, bootstrap
from interplay.lenses.pairs import kind_of
from interplay.spectrum import Spectrum
from interplay.value_function import BoolArray, FloatArray

ORDERS = (2, 3)
Term = tuple[int, ...]


@dataclass(frozen=True)
class Asked:
    """A set of examples, and the sign that its measured interaction should have.

    ``sign`` is that of the Moebius term as it is, before the paper flips it for sets with an
    example of another class; ``kind`` is what the paper calls it.
    """

    features: Term
    sign: int
    kind: str


def corners(order: int) -> tuple[BoolArray, FloatArray]:
    """Return all subsets of a set, (2^r, r), and their signs in its interaction.

    >>> masks, signs = corners(2)
    >>> masks.astype(int).tolist(), signs.tolist()
    ([[0, 0], [0, 1], [1, 0], [1, 1]], [1.0, -1.0, -1.0, 1.0])
    """
    masks = np.array(list(product((False, True), repeat=order)))
    return masks, (-1.0) ** (order - masks.sum(axis=1))


def excess(values: FloatArray, order: int) -> FloatArray:
    """Return what removing a set at once takes beyond the sum of removing each member alone.

    ``values`` are those of :func:`corners`, ``(..., 2^r)``.

    >>> excess(np.array([0.0, 3.0, 3.0, 4.0]), 2)  # each is enough for most of it
    array(2.)
    """
    masks, _ = corners(order)
    whole = values[..., -1]
    alone = values[..., masks.sum(axis=1) == order - 1]
    gone: FloatArray = np.asarray(whole - values[..., 0] - (whole[..., None] - alone).sum(axis=-1))
    return gone


def measured(
    function: Any, sets: Sequence[Term], column: int, backgrounds: BoolArray, batch: int = 500
) -> list[dict[str, Any]]:
    """Retrain with all subsets of each set on backgrounds; the last one is everything else.

    Returns of each set its interaction and its excess (see :func:`excess`): the mean over all
    backgrounds but the last, with a 90 % interval, and that on the last.
    """
    if not sets:
        return []
    masks = []
    for one in sets:
        inside, _ = corners(len(one))
        own = np.repeat(backgrounds[:, None], len(inside), axis=1)
        own[:, :, list(one)] = inside
        masks.append(own.reshape(-1, backgrounds.shape[1]))
    every = np.concatenate(masks)
    values = np.concatenate(
        [function(every[i : i + batch])[:, column] for i in range(0, len(every), batch)]
    )
    counts = bootstrap(len(backgrounds) - 1, np.random.default_rng(7))
    counts = counts / counts.sum(axis=1, keepdims=True)
    found, start = [], 0
    for one, own in zip(sets, masks, strict=True):
        table = values[start : start + len(own)].reshape(len(backgrounds), -1)
        start += len(own)
        told: dict[str, Any] = {}
        for name, each in (
            ("interaction", table @ corners(len(one))[1]),
            ("excess", excess(table, len(one))),
        ):
            low, high = np.quantile(counts @ each[:-1], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
            told[name] = [float(each[:-1].mean()), float(low), float(high)]
            told[f"{name} at full"] = float(each[-1])
        found.append(told)
    return found


def asked(reading: dict[str, list[tuple[Term, float]]], own: Iterable[bool]) -> list[Asked]:
    """Return the sets of a reading by the paper, with the signs that they say.

    ``own`` tells of each feature whether it is of the target's class.
    """
    of = list(own)
    return [
        Asked(term, int(np.sign(value)) * (1 if all(of[i] for i in term) else -1), kind)
        for kind, sets in reading.items()
        for term, value in sets
    ]


def drawn(own: Sequence[bool], order: int, count: int, rng: np.random.Generator) -> list[Term]:
    """Return random sets, half of them of the target's class, half with another example."""
    inside, outside = np.flatnonzero(own), np.flatnonzero(np.logical_not(own))
    found = []
    for place in range(count):
        rest = [int(rng.choice(outside))] if place % 2 else []
        chosen = rng.choice(inside, order - len(rest), replace=False).tolist() + rest
        found.append(tuple(sorted(chosen)))
    return found


def rule(spectrum: Spectrum, pair: Term) -> str:
    """Return what a pair is by this package's rule: by Banzhaf values at random halves."""
    effects = spectrum.main_effects
    i, j = pair
    return kind_of(effects[i], effects[j], 4 * spectrum.terms.get(pair, 0.0))
