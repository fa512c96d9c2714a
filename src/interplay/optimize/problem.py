"""The 0/1 program that every question of this package comes down to.

    maximise  constant + sum_T c_T chi_T(x) - |offset + A chi(x)|    where  low <= |x| <= high

over masks x of the *free* features, with ``chi_T(x) = (-1) ** |x & T|``. The last part, a Euclidean
norm, is there in robust problems only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from interplay.packing import IntArray, Term, pack_terms
from interplay.value_function import BoolArray, FloatArray
from interplay.walsh import parities, transform

MAX_ENUMERATED = 20
"""Entangled features up to which all their masks are looked at (a million, a tenth of a second)."""

_ENTRIES = 1 << 24
"""Numbers that an enumeration or a block of evaluations holds at once."""


@dataclass(frozen=True, eq=False)
class Problem:
    """The program over n free features.

    Attributes
    ----------
    terms
        K different sets, none of them empty.
    coefficients
        float ``(K,)``.
    spread, offset
        float ``(r, K)`` and ``(r,)``: A and its constant part; r = 0 where nothing is robust.
    low, high
        bounds of the number of kept features, ``0 <= low <= high <= n``.
    """

    n: int
    terms: Sequence[Term]
    coefficients: FloatArray
    constant: float
    spread: FloatArray
    offset: FloatArray
    low: int
    high: int

    @classmethod
    def of(
        cls,
        n: int,
        terms: Sequence[Term],
        coefficients: FloatArray,
        spread: FloatArray,
        offset: FloatArray,
        low: int,
        high: int,
    ) -> Problem:
        """Return the program with equal terms added up, and without the ones that do nothing."""
        place: dict[Term, int] = {}
        column = np.array([place.setdefault(t, len(place)) for t in terms], dtype=np.intp)
        summed = np.bincount(column, weights=coefficients, minlength=len(place)).astype(np.float64)
        wide = np.zeros((len(place), len(spread)))
        np.add.at(wide, column, spread.T)
        constant = 0.0
        if () in place:
            constant = float(summed[place[()]])
            offset = offset + wide[place[()]]
        rows = [j for t, j in place.items() if t and (summed[j] != 0 or wide[j].any())]
        kept = list(place)
        return cls(
            n,
            [kept[j] for j in rows],
            summed[rows],
            constant,
            np.ascontiguousarray(wide[rows].T),
            offset,
            low,
            high,
        )

    @property
    def robust(self) -> bool:
        return bool(self.spread.any() or self.offset.any())

    @cached_property
    def core(self) -> IntArray:
        """The features that have to be decided together; the others can be sorted by weight."""
        least = 1 if self.robust else 2
        return np.array(
            sorted({i for t in self.terms if len(t) >= least for i in t}), dtype=np.intp
        )

    @cached_property
    def rest(self) -> IntArray:
        """The other features, those that raise the objective most first."""
        weights = self.weights
        others = np.setdiff1d(np.arange(self.n), self.core)
        return others[np.argsort(-weights[others], kind="stable")]

    @cached_property
    def weights(self) -> FloatArray:
        """What keeping a feature adds through its own term."""
        weights = np.zeros(self.n)
        for t, c in zip(self.terms, self.coefficients.tolist(), strict=True):
            if len(t) == 1:
                weights[t[0]] = -2 * c
        return weights

    @cached_property
    def completion(self) -> tuple[FloatArray, IntArray]:
        """For c = 0 .. |core| kept core features: the best the rest can add, and how many keep.

        -inf where no number of kept features of the rest meets ``low`` and ``high``.
        """
        gains = self.weights[self.rest]
        profile = np.concatenate([[0.0], np.cumsum(gains)])  # concave: gains descend
        c = np.arange(len(self.core) + 1)
        fewest = np.maximum(self.low - c, 0)
        most = np.minimum(self.high - c, len(gains))
        kept = np.clip(int((gains > 0).sum()), fewest, np.maximum(most, fewest))
        feasible = fewest <= most
        return np.where(feasible, profile[np.where(feasible, kept, 0)], -np.inf), kept

    def complete(self, core: BoolArray) -> BoolArray:
        """Return whole masks ``(m, n)`` of core masks ``(m, |core|)``, the rest chosen best."""
        masks = np.zeros((len(core), self.n), dtype=np.bool_)
        masks[:, self.core] = core
        kept = self.completion[1][core.sum(axis=1)]
        masks[:, self.rest] = np.arange(len(self.rest)) < kept[:, None]
        return masks

    def signs(self, masks: BoolArray) -> FloatArray:
        """Return chi: ``(m, K)``."""
        signs: FloatArray = parities(masks, pack_terms(self.terms, max(self.n, 1)))
        return signs

    def values(self, masks: BoolArray) -> FloatArray:
        """Return the objective at masks ``(m, n)``."""
        if not self.terms:
            return np.full(len(masks), self.constant - float(np.linalg.norm(self.offset)))
        step = max(1, _ENTRIES // len(self.terms))
        blocks = []
        for a in range(0, len(masks), step):
            signs = self.signs(masks[a : a + step])
            blocks.append(self.constant + signs @ self.coefficients - self._norms(signs))
        return np.concatenate(blocks) if blocks else np.empty(0)

    def _norms(self, signs: FloatArray) -> FloatArray | float:
        if not self.robust:
            return 0.0
        norms: FloatArray = np.linalg.norm(signs @ self.spread.T + self.offset, axis=1)
        return norms

    def direction(self, signs: FloatArray) -> FloatArray:
        """Return the unit vector u whose linear function touches the norm at these chi."""
        along: FloatArray = self.spread @ signs + self.offset
        length = float(np.linalg.norm(along))
        return along / length if length > 0 else along

    def linear(self, direction: FloatArray) -> tuple[float, FloatArray]:
        """Return the constant and coefficients of a series nowhere below the objective.

        By Cauchy and Schwarz, for every ``direction`` u with |u| <= 1.
        """
        if not self.robust:
            return self.constant, self.coefficients
        direction = direction / max(1.0, float(np.linalg.norm(direction)))
        return (
            self.constant - float(direction @ self.offset),
            self.coefficients - direction @ self.spread,
        )

    @property
    def enumerable(self) -> bool:
        """Whether all masks of the core can be looked at."""
        u = len(self.core)
        return u <= MAX_ENUMERATED and 2**u * (1 + len(self.spread) * self.robust) <= _ENTRIES

    def enumerate(self) -> BoolArray:
        """Return the best mask, ``(n,)``, found by looking at all masks of the core."""
        u = len(self.core)
        place = {int(i): j for j, i in enumerate(self.core)}
        rows, bits = [], []
        for row, t in enumerate(self.terms):
            if all(i in place for i in t):
                rows.append(row)
                bits.append(sum(1 << place[i] for i in t))
        total = self._all(u, bits, self.coefficients[rows])
        if self.robust:
            squares = np.zeros_like(total)
            for along, start in zip(self.spread[:, rows], self.offset.tolist(), strict=True):
                squares += np.square(self._all(u, bits, along) + start)
            total -= np.sqrt(squares)
        counts = np.bitwise_count(np.arange(2**u, dtype=np.uint32)).astype(np.intp)
        best = int(np.argmax(total + self.completion[0][counts]))
        core = (best >> np.arange(u) & 1).astype(np.bool_)
        masks = self.complete(core[None])
        mask: BoolArray = masks[0]
        return mask

    @staticmethod
    def _all(u: int, bits: list[int], coefficients: FloatArray) -> FloatArray:
        series: NDArray[np.float64] = np.zeros(2**u)
        series[bits] = coefficients
        return transform(series) * 2.0**u  # the transform is its own inverse, but for the scale
