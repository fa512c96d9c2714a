"""Any ensemble of binary trees over masks, and its exact Walsh spectrum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from interplay.errors import BadInput
from interplay.packing import PackedArray, pack_terms
from interplay.surrogates.boosting import Members, merge
from interplay.surrogates.refit import pack_padded
from interplay.value_function import BoolArray, FloatArray

MAX_PARTS: Final = 1 << 27
"""Most (node, set) pairs that a spectrum adds up: about a minute."""

_AT_A_TIME: Final = 1 << 21
"""Pairs that are held at once."""


@dataclass(frozen=True, eq=False)
class Forest:
    """A constant and a sum of trees, all nodes in flat arrays.

    ``feature`` int ``(nodes,)`` is -1 for a leaf; ``left`` (feature masked) and ``right`` (kept)
    int ``(nodes,)`` are nodes; ``value`` float64 ``(nodes,)`` counts at leaves; ``roots`` int
    ``(trees,)``.
    """

    n: int
    feature: NDArray[np.intp]
    left: NDArray[np.intp]
    right: NDArray[np.intp]
    value: FloatArray
    roots: NDArray[np.intp]
    constant: float = 0.0

    def predict(self, masks: BoolArray) -> FloatArray:
        """Return the constant and the sum of the leaves of masks bool ``(m, n)``."""
        total = np.full(len(masks), self.constant)
        rows = np.arange(len(masks))
        for root in self.roots.tolist():
            node = np.full(len(masks), root)
            while (inner := self.feature[node] >= 0).any():
                kept = masks[rows, self.feature[node]]  # feature -1 of a leaf reads any column
                node = np.where(inner, np.where(kept, self.right[node], self.left[node]), node)
            total += self.value[node]
        return total

    def spectrum(self) -> tuple[PackedArray, FloatArray]:
        """Return the exact Walsh series: packed terms, the constant first, and coefficients.

        Let the subtrees left and right of a node differ by 2Δ in their means over all masks, and
        let d features stand above it. The node adds ``Δ 2^-d ∏ sign_i`` to the term {its feature}
        ∪ S for every set S of those, sign_i being +1 where the path turned left, -1 where right:
        the recursion of Kushilevitz and Mansour (1993), summed in closed form.
        """
        constant, depth = self.constant, 0
        parts: list[tuple[Members, FloatArray]] = []
        for roots in self._batches():
            levels = self._levels(roots)
            means = self._means(levels)
            constant += float(means[0].sum())
            for level, below in zip(levels, means[1:], strict=False):
                parts += level.parts(below)
            depth = max(depth, len(levels))
            if sum(len(coefficients) for _, coefficients in parts) > _AT_A_TIME:
                parts = [self._merged(parts, depth)]
        members, coefficients = self._merged(parts, max(depth, 1))
        return (
            np.concatenate([pack_terms([()], self.n), pack_padded(members, self.n)]),
            np.concatenate([[constant], coefficients]),
        )

    def _merged(
        self, parts: list[tuple[Members, FloatArray]], width: int
    ) -> tuple[Members, FloatArray]:
        padded = [np.empty((0, width), np.int32)]
        padded += [
            np.pad(members, ((0, 0), (width - members.shape[1], 0)), constant_values=-1)
            for members, _ in parts
        ]
        members = np.sort(np.concatenate(padded), axis=1)
        coefficients = np.concatenate([np.empty(0), *(c for _, c in parts)])
        return merge(members, coefficients, self.n) if len(members) else (members, coefficients)

    def _batches(self) -> list[NDArray[np.intp]]:
        """Return roots in groups that fit in memory; raise where there are too many terms."""
        pairs = np.array([self._pairs(root) for root in self.roots], dtype=np.float64)
        if pairs.sum() > MAX_PARTS:
            raise BadInput(
                f"the Walsh spectrum of these {len(pairs)} trees has {pairs.sum():.3g} parts, more "
                f"than {MAX_PARTS:.3g}: a split at depth d has 2^d. Limit their depth (max_depth), "
                "or grow fewer"
            )
        if not len(pairs):
            return []
        group = (np.cumsum(pairs) // _AT_A_TIME).astype(np.intp)
        return np.split(self.roots, np.flatnonzero(np.diff(group)) + 1)

    def _pairs(self, root: int) -> float:
        """Return how many (node, set) pairs a tree has."""
        total, level, depth = 0.0, np.array([root]), 0
        while len(level := level[self.feature[level] >= 0]):
            total += len(level) * 2.0**depth
            level = np.concatenate([self.left[level], self.right[level]])
            depth += 1
        return total

    def _levels(self, roots: NDArray[np.intp]) -> list[_Level]:
        level = _Level(
            self._settled(roots, np.empty((len(roots), 0), np.int32), np.empty((len(roots), 0))),
            np.empty((len(roots), 0), np.int32),
            np.empty((len(roots), 0)),
            self.feature,
        )
        levels = [level]
        while level.inner.any():
            own = level.nodes[level.inner]
            path = np.column_stack([level.path[level.inner], self.feature[own]]).astype(np.int32)
            path = np.repeat(path, 2, axis=0)
            signs = np.repeat(level.signs[level.inner], 2, axis=0)
            signs = np.column_stack([signs, np.tile([1.0, -1.0], len(own))])
            nodes = np.stack([self.left[own], self.right[own]], axis=1).ravel()
            level = _Level(self._settled(nodes, path, signs), path, signs, self.feature)
            levels.append(level)
        return levels

    def _settled(
        self, nodes: NDArray[np.intp], path: Members, signs: FloatArray
    ) -> NDArray[np.intp]:
        """Step over splits of a feature that stands above: only one side can be reached."""
        while True:
            feature = self.feature[nodes]
            again = (path == feature[:, None]) & (feature >= 0)[:, None]
            if not again.any():
                return nodes
            side = (signs * again).sum(axis=1)
            nodes = np.where(
                side > 0, self.left[nodes], np.where(side < 0, self.right[nodes], nodes)
            )

    def _means(self, levels: list[_Level]) -> list[FloatArray]:
        """Return the mean over all masks of every subtree, level by level."""
        means = [self.value[levels[-1].nodes]]
        for level in reversed(levels[:-1]):
            mean = self.value[level.nodes]
            mean[level.inner] = (means[-1][0::2] + means[-1][1::2]) / 2
            means.append(mean)
        return means[::-1]


class _Level:
    """All nodes at one depth, with the features above them and which way the path turned."""

    def __init__(
        self,
        nodes: NDArray[np.intp],
        path: Members,
        signs: FloatArray,
        feature: NDArray[np.intp],
    ) -> None:
        self.nodes, self.path, self.signs = nodes, path, signs
        self.own = feature[nodes]
        self.inner = self.own >= 0

    def parts(self, below: FloatArray) -> list[tuple[Members, FloatArray]]:
        """Return terms, padded with -1, and what this level adds to them.

        ``below`` are the means of the children, left and right in turn.
        """
        depth = self.path.shape[1]
        share = (below[0::2] - below[1::2]) / 2 / 2.0**depth
        counts = share != 0
        own, share = self.own[self.inner][counts], share[counts]
        path, signs = self.path[self.inner][counts], self.signs[self.inner][counts]
        found = []
        for chosen in range(2**depth):
            bits = chosen >> np.arange(depth) & 1 == 1
            term = np.where(bits, path, np.int32(-1))
            value = share * np.where(bits, signs, 1.0).prod(axis=1)
            found.append((np.column_stack([own, term]).astype(np.int32), value))
        return found
