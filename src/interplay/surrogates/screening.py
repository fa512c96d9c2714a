"""Screening: of thousands of features, those and the pairs that may matter.

Masks are independent fair coins, so the coefficient of a term is, up to noise, the plain mean of
values times its parity: what ranks low there can be left out before any model is fitted (sure
independence screening; Fan and Lv, 2008). What is kept is found for every fold without its rows, so
that held-out errors stay honest: a model must not know features that its test rows have chosen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from interplay.packing import WORD, PackedArray, unpack
from interplay.surrogates.memory import check_memory
from interplay.surrogates.parallel import in_parallel
from interplay.value_function import BoolArray, FloatArray

MANY_FEATURES: Final = 2_000
"""Features from which on there is a screening."""

MOST_KEPT: Final = 1_000
LEAST_KEPT: Final = 200
"""Features that are kept for their main effects, a quarter of the number of rows between these."""

MOST_PAIRS: Final = 1_000
"""Pairs that are kept in the end, or a tenth of the number of rows ..."""

CANDIDATES: Final = 20_000
"""... out of so many that are looked at twice: the second time without the main effects."""

UNLIKELY: Final = 3.0
"""Standard errors below which a pair is not even a candidate."""

MOST_PRODUCTS: Final = 4e12
"""Multiplications that the search of all pairs may take, a minute or two: 20,000 masks of 10,000
features. Where it would take more, one of the two must be among the strongest features."""

COLUMNS: Final = 500
ROWS: Final = 4096
"""Columns, and rows, that are unpacked at a time."""


@dataclass(frozen=True, eq=False)
class Kept:
    """What one target's screening has kept.

    Attributes
    ----------
    features
        int ``(n',)``: those that any fold kept, ascending.
    usable
        bool ``(k, n')``: which of them the models without a fold may use.
    pairs
        for every fold int ``(p, 2)``: pairs of places in ``features``.
    searched
        int: how many pairs there were to choose from.
    """

    features: NDArray[np.intp]
    usable: BoolArray
    pairs: tuple[NDArray[np.intp], ...]
    searched: int


def screen(
    packed: PackedArray,
    n: int,
    values: FloatArray,
    weights: FloatArray,
    folds: NDArray[np.intp],
) -> Kept:
    """Keep, for every fold, the features and pairs of the largest effects on the other rows.

    Parameters
    ----------
    packed, n
        uint64 ``(m, words)``: the masks, and how many features they have.
    values, weights
        float64 ``(m,)``: of one target, and how much each row counts.
    folds
        int ``(m,)``: 0 to k - 1; rows of -1 are in no fold's test, and in every training set.
    """
    m, k = len(packed), int(folds.max()) + 1
    # a fold's rows are centred by themselves: nothing of theirs gets into the sums of the others
    counted = np.empty(m)
    for fold in range(-1, k):
        rows = folds == fold
        if rows.any():
            mean = (weights[rows] * values[rows]).sum() / weights[rows].sum()
            counted[rows] = weights[rows] * (values[rows] - mean)
    squares = np.array([np.square(counted[folds == fold]).sum() for fold in range(-1, k)])
    spread = np.sqrt(squares.sum() - squares[1:])
    effects = _main_effects(packed, n, counted, folds, k) / spread[:, None]
    ranks = np.argsort(-np.abs(effects), axis=1, kind="stable")
    most = int(np.clip(m // 4, LEAST_KEPT, MOST_KEPT))
    partners = _partners(effects, m)
    candidates = _pairs(packed, n, counted, folds, spread, partners)
    kept: list[tuple[NDArray[np.intp], NDArray[np.intp]]] = []
    for fold in range(k):
        singles = np.sort(ranks[fold, :most])
        train = folds != fold
        rest = _without_main_effects(packed, singles, counted, weights, train)
        pairs = _strongest_pairs(packed, candidates[fold], rest, train, max(m // 10, 10))
        kept.append((singles, pairs))
    features = np.unique(np.concatenate([np.append(a, b) for a, b in kept])).astype(np.intp)
    usable = np.array(
        [np.isin(features, np.append(singles, pairs)) for singles, pairs in kept], dtype=np.bool_
    )
    pairs_kept = tuple(np.searchsorted(features, pairs).reshape(-1, 2) for _, pairs in kept)
    count = len(partners)
    return Kept(features, usable, pairs_kept, count * n - count * (count + 1) // 2)


def columns_of(
    packed: PackedArray, features: NDArray[np.intp], rows: NDArray[np.intp] | slice = slice(None)
) -> BoolArray:
    """Return columns of packed masks, bool ``(rows, features)``.

    >>> from interplay.packing import pack
    >>> columns_of(pack(np.array([[True, False, True]])), np.array([2, 1]))
    array([[ True, False]])
    """
    words = packed[rows][:, features // WORD]
    words >>= (features % WORD).astype(np.uint64)
    words &= np.uint64(1)
    return words.astype(np.bool_)


def _signs(
    packed: PackedArray, features: NDArray[np.intp], rows: NDArray[np.intp] | slice = slice(None)
) -> NDArray[np.float32]:
    """Columns as +1 (masked) and -1 (kept), made a few rows at a time."""
    where = np.arange(len(packed))[rows]
    signs = np.empty((len(where), len(features)), dtype=np.float32)
    for start in range(0, len(where), ROWS):
        part = slice(start, start + ROWS)
        np.multiply(columns_of(packed, features, where[part]), np.float32(-2), out=signs[part])
        signs[part] += 1
    return signs


def _main_effects(
    packed: PackedArray, n: int, counted: FloatArray, folds: NDArray[np.intp], k: int
) -> FloatArray:
    """Sums of values times signs over the rows that are not in each fold: ``(k, n)``."""
    total, own = np.zeros(n), np.zeros((k, n))
    for start in range(0, len(packed), ROWS):
        rows = slice(start, start + ROWS)
        kept = unpack(packed[rows], n).astype(np.float32)
        member = (folds[rows, None] == np.arange(-1, k)).astype(np.float64)
        sums = (member * counted[rows, None]).sum(axis=0)[:, None] - 2 * (
            (member * counted[rows, None]).T.astype(np.float32) @ kept
        )
        total += sums.sum(axis=0)
        own += sums[1:]
    return total - own


def _partners(effects: FloatArray, m: int) -> NDArray[np.intp]:
    """Features of which one must be in a pair: all of them, if there is time for all pairs."""
    n = effects.shape[1]
    affordable = int(MOST_PRODUCTS / (m * n))
    if affordable >= n:
        return np.arange(n)
    ranks = np.argsort(-np.abs(effects), axis=1, kind="stable")
    # of every fold the same number, so that none has them by its own rows alone
    most = max(1, affordable // len(effects))
    return np.unique(ranks[:, :most])


def _pairs(
    packed: PackedArray,
    n: int,
    counted: FloatArray,
    folds: NDArray[np.intp],
    spread: FloatArray,
    partners: NDArray[np.intp],
) -> list[NDArray[np.intp]]:
    """The candidates of each fold, int ``(p, 2)``: the largest sums over the other rows.

    The sums of all folds come from one pass: those without a fold are the total less its own.
    """
    m, k = len(packed), len(spread)
    check_memory(
        4.0 * m * (len(partners) + 2 * COLUMNS) * 2,
        f"the screening of {n:,} features in {m:,} masks",
        "fit fewer masks",
    )
    order = np.argsort(folds, kind="stable")
    bounds = np.searchsorted(folds[order], np.arange(-1, k + 1))
    signs = _signs(packed, partners, order)
    weighed = signs * counted[order, None].astype(np.float32)
    del signs
    limits = UNLIKELY * spread

    def search(start: int) -> list[tuple[NDArray[np.intp], FloatArray]]:
        columns = np.arange(start, min(start + COLUMNS, n))
        other = _signs(packed, columns, order)
        # each pair once: with partners below a column, or above it if that is none itself
        own = np.array([weighed[a:b].T @ other[a:b] for a, b in pairwise(bounds)])
        total = own.sum(axis=0)
        twice = np.isin(columns, partners) & (partners[:, None] >= columns)
        found = []
        for fold in range(k):
            sums = np.abs(total - own[fold + 1])
            sums[twice] = 0.0
            one, place = np.nonzero(sums > limits[fold])
            pairs = np.stack([partners[one], columns[place]], axis=1)
            found.append((pairs, sums[one, place].astype(np.float64)))
        return found

    blocks = in_parallel(search, [(start,) for start in range(0, n, COLUMNS)], rows=m)
    candidates = []
    for fold in range(k):
        pairs = np.concatenate([block[fold][0] for block in blocks])
        size = np.concatenate([block[fold][1] for block in blocks])
        order_of_size = np.argsort(-size, kind="stable")[:CANDIDATES]
        candidates.append(np.sort(pairs[order_of_size], axis=1))
    return candidates


def _without_main_effects(
    packed: PackedArray,
    singles: NDArray[np.intp],
    counted: FloatArray,
    weights: FloatArray,
    train: BoolArray,
) -> FloatArray:
    """What a ridge regression on single features leaves of the values of the training rows."""
    rows = np.flatnonzero(train)
    columns = _signs(packed, singles, rows)
    root = np.sqrt(weights[rows]).astype(np.float32)
    columns *= root[:, None]
    values = counted[rows] / np.maximum(root, 1e-30)
    gram = (columns.T @ columns).astype(np.float64)
    # the penalty of coefficients that explain as much together as the noise does
    gram[np.diag_indices_from(gram)] += len(singles)
    slopes = np.linalg.solve(gram, columns.T @ values)
    rest: FloatArray = (values - columns @ slopes.astype(np.float32)) * root
    return rest


def _strongest_pairs(
    packed: PackedArray,
    candidates: NDArray[np.intp],
    rest: FloatArray,
    train: BoolArray,
    most: int,
) -> NDArray[np.intp]:
    """The candidates that go best with what main effects leave over, ``(p, 2)``."""
    rows = np.flatnonzero(train)
    sums = np.empty(len(candidates))
    single = rest.astype(np.float32)
    for part in _blocks(len(candidates)):
        one, other = (_signs(packed, candidates[part, side], rows) for side in (0, 1))
        one *= other
        sums[part] = single @ one
    size = np.abs(sums) / np.sqrt(np.square(rest).sum())
    order = np.argsort(-size, kind="stable")[: min(most, MOST_PAIRS)]
    kept: NDArray[np.intp] = candidates[order[size[order] > UNLIKELY]]
    return kept


def _blocks(count: int) -> Iterator[slice]:
    return (slice(start, start + COLUMNS) for start in range(0, count, COLUMNS))
