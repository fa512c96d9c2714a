"""Screening: of thousands of features, those and the pairs that may matter.

Masks are independent fair coins, so the coefficient of a term is, up to noise, the plain mean of
values times its parity: what ranks low there can be left out before any model is fitted (sure
independence screening; Fan and Lv, 2008). What is kept is found for every fold without its rows, so
that held-out errors stay honest: a model must not know features that its test rows have chosen.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from interplay.packing import PackedArray, unpack
from interplay.surrogates.memory import check_memory
from interplay.surrogates.parallel import in_parallel
from interplay.value_function import BoolArray, FloatArray

MANY_FEATURES: Final = 2_000
"""Features from which on there is a screening."""

MOST_KEPT: Final = 1_000
"""Features that are kept for their main effects at most, or a quarter of the number of rows ..."""

LEAST_KEPT: Final = 200
"""... and at least."""

UNLIKELY: Final = 2.0
"""Standard errors of a main effect that is kept; there may be fewer in ``LEAST_KEPT``."""

MOST_PAIRS: Final = 1_000
"""Pairs that are kept in the end at most, or a tenth of the number of rows."""

BY_CHANCE: Final = 200
"""Pairs that chance alone may keep, and as many among those of two kept features."""

CANDIDATES: Final = 20_000
"""Pairs that chance alone may propose, of either kind: they are looked at a second time."""

MOST_PRODUCTS: Final = 4e12
"""Multiplications that the search of pairs may take, a minute or less: some 35,000 masks of 10,000
features. Where it would take more, one of the two must be among the strongest features."""

OWN: Final = 2_000
"""Masks whose products take as long as what is done for each pair, whatever the number of masks."""

SURE: Final = 3.0
ROUNDS: Final = 2
"""What one fold's rows are sure of, in standard errors, is taken from its values before pairs are
looked for; so many times, for with each time the errors get smaller."""

COLUMNS: Final = 500
ROWS: Final = 4096
"""Columns, and rows, that are unpacked at a time."""

SUMS: Final = 5_000_000
"""Sums of pairs that are looked at together."""


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
    order = np.argsort(folds, kind="stable")
    bounds = np.searchsorted(folds[order], np.arange(-1, folds.max() + 2))
    rows = _Rows(Columns.of(packed[order], n), values[order], weights[order], bounds)
    effects = rows.main_effects
    ranks = np.argsort(-np.abs(effects), axis=1, kind="stable")
    most = int(np.clip(rows.m // 4, LEAST_KEPT, MOST_KEPT))
    counts = np.clip((np.abs(effects) > UNLIKELY).sum(axis=1), min(LEAST_KEPT, most), most)
    singles = [np.sort(ranks[fold, :count]) for fold, count in enumerate(counts.tolist())]
    partners = _partners(ranks, rows.m)
    candidates = _candidates(rows, partners, singles)
    kept = [_best(rows, *one) for one in zip(range(rows.k), singles, candidates, strict=True)]
    # a pair's features may be used alone as well
    used = [np.append(*one) for one in zip(singles, kept, strict=True)]
    features = np.unique(np.concatenate(used)).astype(np.intp)
    usable = np.array([np.isin(features, own) for own in used], dtype=np.bool_)
    pairs = tuple(np.searchsorted(features, of_fold).reshape(-1, 2) for of_fold in kept)
    return Kept(features, usable, pairs, _searched(len(partners), n))


@dataclass(frozen=True)
class Columns:
    """Masks by feature, a bit per mask: uint8 ``(n, m / 8)``."""

    bits: NDArray[np.uint8]
    m: int

    @classmethod
    def of(cls, packed: PackedArray, n: int) -> Self:
        m = len(packed)
        bits = np.empty((n, -(-m // 8)), dtype=np.uint8)
        for start in range(0, m, ROWS):
            part = np.packbits(unpack(packed[start : start + ROWS], n).T, axis=1)
            bits[:, start // 8 : start // 8 + part.shape[1]] = part
        return cls(bits, m)

    def signs(self, features: NDArray[np.intp] | slice) -> NDArray[np.float32]:
        """Return the features as +1 (masked) and -1 (kept), ``(features, m)``."""
        return self._signs(self.bits[features])

    def products(self, pairs: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the parities of pairs ``(p, 2)``, float32 ``(p, m)``."""
        one, other = pairs.T
        return self._signs(self.bits[one] ^ self.bits[other])

    def _signs(self, bits: NDArray[np.uint8]) -> NDArray[np.float32]:
        signs = np.unpackbits(bits, axis=1, count=self.m).astype(np.float32)
        signs *= -2
        signs += 1
        return signs


@dataclass(frozen=True, eq=False)
class _Rows:
    """All rows, those of one fold together: rows ``bounds[f + 1] .. bounds[f + 2]`` of fold f."""

    columns: Columns
    values: FloatArray
    weights: FloatArray
    bounds: NDArray[np.intp]

    @property
    def m(self) -> int:
        return len(self.values)

    @property
    def k(self) -> int:
        return len(self.bounds) - 2

    @property
    def parts(self) -> list[slice]:
        """The rows of no fold, of the first one, ..."""
        return [slice(start, end) for start, end in pairwise(self.bounds.tolist())]

    @cached_property
    def centred(self) -> FloatArray:
        """Values less the mean of their own fold: nothing of it gets into the sums of others."""
        centred = np.empty(self.m)
        for part in self.parts:
            total = max(float(self.weights[part].sum()), 1e-30)
            centred[part] = self.values[part] - (self.weights[part] @ self.values[part]) / total
        return centred

    def apart(self, values: FloatArray) -> NDArray[np.float32]:
        """Return weighted values in one column for every part, ``(m, k + 1)``."""
        columns = np.zeros((self.m, self.k + 1), dtype=np.float32)
        for i, part in enumerate(self.parts):
            columns[part, i] = self.weights[part] * values[part]
        return columns

    def spread(self, values: FloatArray) -> FloatArray:
        """Return the standard errors of sums over the rows without each fold, ``(k,)``."""
        squares = np.square(self.apart(values)).sum(axis=0, dtype=np.float64)
        spread: FloatArray = np.sqrt(squares.sum() - squares[1:])
        return spread

    def sums(self, values: FloatArray) -> FloatArray:
        """Return sums of weighted values times signs over each part's rows, ``(k + 1, n)``."""
        apart = self.apart(values)
        blocks = [self.columns.signs(block) @ apart for block in _blocks(len(self.columns.bits))]
        return np.concatenate(blocks).T.astype(np.float64)

    @cached_property
    def main_effects(self) -> FloatArray:
        """Main effects on the rows without each fold, in standard errors: ``(k, n)``."""
        own = self.sums(self.centred)
        effects: FloatArray = (own.sum(axis=0) - own[1:]) / self.spread(self.centred)[:, None]
        return effects

    @cached_property
    def without_sure_effects(self) -> FloatArray:
        """What the main effects that a fold's own rows are sure of leave of its values, ``(m,)``.

        They are noise where pairs are looked for. No row has a part in what others are left with
        but those of its own fold: so the sums over the other folds stay honest.
        """
        rest = self.centred
        sure: list[NDArray[np.intp]] = [np.empty(0, np.intp) for _ in self.parts]
        for _ in range(ROUNDS):
            own = self.sums(rest)
            errors = np.sqrt(np.square(self.apart(rest)).sum(axis=0, dtype=np.float64))
            rest = self.centred.copy()
            for i, part in enumerate(self.parts):
                size = np.abs(own[i])
                found = np.argsort(-size, kind="stable")[: (part.stop - part.start) // 8]
                found = found[size[found] > SURE * errors[i]]
                sure[i] = np.union1d(sure[i], found).astype(np.intp)
                if len(sure[i]):
                    rest[part] = self.without_main_effects(sure[i], np.arange(self.m)[part])
        return rest

    def without_main_effects(
        self, features: NDArray[np.intp], rows: NDArray[np.intp]
    ) -> FloatArray:
        """Return what a ridge regression on single features leaves of the values of rows."""
        root = np.sqrt(self.weights[rows]).astype(np.float32)
        signs = self.columns.signs(features)[:, rows] * root
        values = self.centred[rows] * root
        gram = (signs @ signs.T).astype(np.float64)
        # the penalty of coefficients that explain as much together as the noise does
        gram[np.diag_indices_from(gram)] += len(features)
        slopes = np.linalg.solve(gram, signs @ values)
        rest: FloatArray = (values - slopes.astype(np.float32) @ signs) / np.maximum(root, 1e-30)
        return rest


def _partners(ranks: NDArray[np.intp], m: int) -> NDArray[np.intp]:
    """Features of which one must be in a pair: all of them, if there is time for all pairs."""
    k, n = ranks.shape
    affordable = int(MOST_PRODUCTS / ((m + OWN) * n))
    if affordable >= n:
        return np.arange(n)
    # of every fold the same number, so that none has them by its own rows alone
    return np.unique(ranks[:, : max(1, affordable // k)])


def _searched(partners: int, n: int) -> int:
    """How many pairs have at least one of the partners."""
    return partners * n - partners * (partners + 1) // 2


def _limit(by_chance: float, of: int) -> float:
    """Standard errors that so many of ``of`` sums of mean zero exceed by chance."""
    return float(-ndtri(min(by_chance / max(of, 1), 0.5) / 2))


def _candidates(
    rows: _Rows, partners: NDArray[np.intp], singles: list[NDArray[np.intp]]
) -> list[NDArray[np.intp]]:
    """The candidates of each fold, int ``(p, 2)``: the largest sums over the other rows.

    Pairs of two features with main effects, of which there are few, may have smaller ones: most
    interactions are among them. All folds' sums come from one pass: those without a fold are the
    total less its own.
    """
    n, m, k = len(rows.columns.bits), rows.m, rows.k
    check_memory(
        4.0 * (m * (len(partners) + 4 * COLUMNS) + 2 * (k + 2) * SUMS),
        f"the screening of {n:,} features in {m:,} masks",
        "fit fewer masks",
    )
    weighed = np.empty((len(partners), m), dtype=np.float32)
    for block in _blocks(len(partners)):
        weighed[block] = rows.columns.signs(partners[block])
        weighed[block] *= (rows.weights * rows.without_sure_effects).astype(np.float32)
    spread = rows.spread(rows.without_sure_effects)
    high = _limit(CANDIDATES, _searched(len(partners), n)) * spread
    strong = np.zeros((k, n), dtype=np.bool_)
    for fold, features in enumerate(singles):
        strong[fold, features] = True
    low = spread * [_limit(CANDIDATES, _searched(len(some), len(some))) for some in singles]
    # partners first: each pair is in the block of the later of its two, with the earlier as a row
    places = np.concatenate([partners, np.setdiff1d(np.arange(n), partners)])

    def search(block: slice) -> list[tuple[NDArray[np.intp], NDArray[np.float32]]]:
        columns, count = places[block], min(block.stop, len(partners))
        other = rows.columns.signs(columns)
        own = [weighed[:count, part] @ other[:, part].T for part in rows.parts]
        total = np.add.reduce(own)
        total[np.arange(count)[:, None] >= np.arange(n)[block]] = np.nan
        found = []
        for fold in range(k):
            sums = np.abs(total - own[fold + 1])
            both = strong[fold, partners[:count], None] & strong[fold, columns]
            with np.errstate(invalid="ignore"):
                one, place = np.nonzero((sums > high[fold]) | (both & (sums > low[fold])))
            found.append((np.stack([partners[one], columns[place]], axis=1), sums[one, place]))
        return found

    at_a_time = int(np.clip(SUMS // len(partners), 1, COLUMNS))
    blocks = in_parallel(search, [(block,) for block in _blocks(n, at_a_time)], rows=m)
    candidates = []
    for fold in range(k):
        pairs = np.concatenate([block[fold][0] for block in blocks])
        size = np.concatenate([block[fold][1] for block in blocks])
        largest = np.argsort(-size, kind="stable")[: 4 * CANDIDATES]
        candidates.append(np.sort(pairs[largest], axis=1))
    return candidates


def _best(
    rows: _Rows, fold: int, singles: NDArray[np.intp], candidates: NDArray[np.intp]
) -> NDArray[np.intp]:
    """The candidates that go best with what all main effects leave over without a fold."""
    train = np.ones(rows.m, dtype=np.bool_)
    train[rows.parts[fold + 1]] = False
    where = np.flatnonzero(train)
    rest = np.zeros(rows.m, dtype=np.float32)
    rest[where] = rows.weights[where] * rows.without_main_effects(singles, where)
    size = np.empty(len(candidates))
    for block in _blocks(len(candidates)):
        size[block] = np.abs(rows.columns.products(candidates[block]) @ rest)
    size /= np.sqrt(np.square(rest).sum())
    n = len(rows.columns.bits)
    limits = np.where(
        np.isin(candidates, singles).all(axis=1),
        _limit(BY_CHANCE, _searched(len(singles), len(singles))),
        _limit(BY_CHANCE, _searched(n, n)),
    )
    # how far beyond its own kind's limit: the two kinds share the places that there are
    order = np.argsort(limits - size, kind="stable")[: min(max(rows.m // 10, 10), MOST_PAIRS)]
    kept: NDArray[np.intp] = candidates[order[size[order] > limits[order]]]
    return kept


def _blocks(count: int, size: int = COLUMNS) -> list[slice]:
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]
