"""Exact search: branch and bound over mini-buckets.

The features are put into an order in which few others stand between a feature and its partners.
Going backwards, the best slack that each feature still allows is worked out for all states of the
features before it (bucket elimination); where that table would be too large, it is split and each
part takes its own minimum (mini-buckets with matched minima; Dechter and Rish 2003, Ihler et al.
2012). Going forwards, thousands of partial masks are extended at once, one table lookup each, and
those whose slack is already too large to beat the best mask are dropped. When none is left, that
mask is proved optimal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from interplay.optimize.relaxation import Slack
from interplay.packing import Term
from interplay.value_function import BoolArray, FloatArray

_CHUNK = 1 << 15
_CANDIDATES = 8
_BYTES = 1 << 29

Found = Callable[[BoolArray], float]
"""Takes core masks ``(m, |core|)``, returns the value of the best mask known from now on."""


@dataclass(frozen=True)
class Searched:
    """What a search leaves: the most that an unseen mask can reach, and the states looked at."""

    bound: float
    nodes: int


class Tree:
    """Mini-buckets of at most ``width`` features besides their own, for one slack form."""

    def __init__(self, slack: Slack, order: Sequence[int], width: int, deadline: float) -> None:
        self.slack = slack
        self.order = np.array(order, dtype=np.intp)
        self.depth = len(order)
        position = np.empty(self.depth, dtype=np.intp)
        position[self.order] = np.arange(self.depth)
        self.increments: list[list[tuple[Term, FloatArray]]] = [[] for _ in order]
        self.loose: list[list[tuple[Term, float]]] = [[] for _ in order]
        self.least = 0.0
        for scope, c in slack.loose:
            *before, last = sorted(position[list(scope)].tolist())
            self.loose[last].append((tuple(before), c))
        buckets: list[list[tuple[Term, NDArray[np.float64]]]] = [[] for _ in order]
        for scope, table in slack.tables:
            places = position[list(scope)]
            by = np.argsort(places)
            k = len(scope)  # axis 0 of the reshaped table is the highest bit
            axes = table.reshape((2,) * k).transpose([k - 1 - int(j) for j in by])
            buckets[int(places.max())].append((tuple(places[by].tolist()), axes))
        self.complete = True
        for d in reversed(range(self.depth)):
            if perf_counter() > deadline:
                self.complete = False
                return
            self._eliminate(d, buckets, width)
        self.rooms = self._rooms()

    def _eliminate(
        self, d: int, buckets: list[list[tuple[Term, NDArray[np.float64]]]], width: int
    ) -> None:
        parts = [(scope, _sum(scope, tables)) for scope, tables in _split(buckets[d], width + 1)]
        if len(parts) > 1:
            minima = [table.reshape(-1, 2).min(axis=0) for _, table in parts]
            mean = np.mean(minima, axis=0)
            parts = [(s, t + (mean - m)) for (s, t), m in zip(parts, minima, strict=True)]
        for scope, table in parts:
            least = table.min(axis=-1)
            step = np.ascontiguousarray((table - least[..., None]).reshape(-1, 2))
            self.increments[d].append((scope[:-1], step))
            if len(scope) == 1:
                self.least += float(least)
            else:
                buckets[scope[-2]].append((scope[:-1], least))
        buckets[d] = []

    def _rooms(self) -> list[FloatArray]:
        """Return, for every depth, the least slack of the counts that c kept so far can reach."""
        rooms = [self.slack.counts]
        for _ in range(self.depth):
            after = rooms[-1].copy()
            after[:-1] = np.minimum(after[:-1], rooms[-1][1:])
            rooms.append(after)
        return rooms[::-1]

    @property
    def bound(self) -> float:
        """The most that any mask can reach."""
        return self.slack.bound - self.least - float(self.rooms[0][0])

    def search(
        self,
        best: float,
        tolerance: float,
        found: Found,
        deadline: float,
        *,
        beam: int | None = None,
        max_nodes: int | None = None,
    ) -> Searched:
        """Search for masks better than ``best`` by more than ``tolerance``.

        Parameters
        ----------
        found
            called with promising masks.
        beam
            look at the most promising this many at every depth only: a quick dive, proves nothing.
        max_nodes
            stop after that many partial masks.
        """
        room = self.slack.bound - best - tolerance
        nodes = 0
        dropped = np.inf  # least slack of what was let be
        # (depth, states of the features so far (depth, m), slacks (m,), kept (m,))
        stack = [(0, np.zeros((0, 1), np.uint8), np.array([self.least]), np.zeros(1, np.intp))]
        while stack:
            depth, states, slacks, kept = stack.pop()
            totals = slacks + self.rooms[depth][kept]
            alive = totals < room
            if not alive.all():
                states, slacks, kept = states[:, alive], slacks[alive], kept[alive]
                totals = totals[alive]
            m = len(slacks)
            if not m:
                continue
            if depth == self.depth:
                masks = np.empty((m, depth), dtype=np.bool_)
                masks[:, self.order] = states.T
                best = found(masks[np.argsort(totals)])
                room = self.slack.bound - best - tolerance
                continue
            if beam is not None and m > beam:
                first = np.argpartition(totals, beam)
                dropped = min(dropped, float(totals[first[beam]]))
                first = first[:beam]
                states, slacks, kept, m = states[:, first], slacks[first], kept[first], beam
            elif m > _CHUNK:
                by = np.argsort(-totals)
                for a in range(0, m, _CHUNK // 2):
                    part = by[a : a + _CHUNK // 2]
                    stack.append((depth, states[:, part], slacks[part], kept[part]))
                continue
            nodes += m
            if (max_nodes is not None and nodes > max_nodes) or perf_counter() > deadline:
                dropped = min(dropped, float(totals.min()))
                for d, _, s, c in stack:
                    dropped = min(dropped, float((s + self.rooms[d][c]).min()))
                break
            stack.append(self._extend(depth, states, slacks, kept, room))
        return Searched(max(best, self.slack.bound - dropped), nodes)

    def _extend(
        self,
        depth: int,
        states: NDArray[np.uint8],
        slacks: FloatArray,
        kept: NDArray[np.intp],
        room: float,
    ) -> tuple[int, NDArray[np.uint8], FloatArray, NDArray[np.intp]]:
        without, with_it = slacks.copy(), slacks.copy()
        for scope, table in self.increments[depth]:
            row = np.zeros(len(slacks), dtype=np.int32)
            for d in scope:
                row <<= 1
                row |= states[d]
            without += table[row, 0]
            with_it += table[row, 1]
        for scope, c in self.loose[depth]:
            odd = np.bitwise_xor.reduce(states[list(scope)], axis=0).astype(np.bool_)
            without += np.where(odd == (c > 0), 2 * abs(c), 0.0)
            with_it += np.where(odd == (c > 0), 0.0, 2 * abs(c))
        after = self.rooms[depth + 1]
        a = np.flatnonzero(without + after[kept] < room)
        b = np.flatnonzero(with_it + after[kept + 1] < room)
        extended = np.empty((depth + 1, len(a) + len(b)), dtype=np.uint8)
        np.take(states, a, axis=1, out=extended[:depth, : len(a)])
        np.take(states, b, axis=1, out=extended[:depth, len(a) :])
        extended[depth, : len(a)] = 0
        extended[depth, len(a) :] = 1
        return (
            depth + 1,
            extended,
            np.concatenate([without[a], with_it[b]]),
            np.concatenate([kept[a], kept[b] + 1]),
        )


def widest(depth: int) -> int:
    """Return the widest mini-buckets whose tables fit into memory, some two for every feature."""
    return int(np.log2(_BYTES / (32.0 * max(depth, 1))))


def elimination_order(scopes: Sequence[Term], count: int) -> tuple[list[int], int]:
    """Return an order of ``count`` features in which buckets stay small, and their largest size.

    Of the few features with the fewest neighbours, the one that ties the fewest new pairs together
    is eliminated first; the order returned is the reverse.
    """
    tied = np.zeros((count, count), dtype=np.bool_)
    for scope in scopes:
        tied[np.ix_(scope, scope)] = True
    np.fill_diagonal(tied, False)
    degree = tied.sum(axis=1).astype(np.float64)
    order, size = [], 0
    for _ in range(count):
        candidates = np.argsort(degree, kind="stable")[:_CANDIDATES]
        best, best_cost = -1, np.inf
        around = np.empty(0, dtype=np.intp)
        for v in candidates[np.isfinite(degree[candidates])].tolist():
            near = np.flatnonzero(tied[v])
            cost = len(near) * (len(near) - 1) - int(tied[np.ix_(near, near)].sum())
            if cost < best_cost:
                best, best_cost, around = v, cost, near
            if cost == 0:
                break
        order.append(best)
        size = max(size, len(around))
        tied[np.ix_(around, around)] = True
        tied[around, around] = False
        tied[best] = tied[:, best] = False
        degree[around] = tied[around].sum(axis=1)
        degree[best] = np.inf
    return order[::-1], size


def _split(
    tables: list[tuple[Term, NDArray[np.float64]]], size: int
) -> list[tuple[Term, list[tuple[Term, NDArray[np.float64]]]]]:
    """Return the tables in groups of at most ``size`` features together (or one table each)."""
    groups: list[tuple[set[int], list[tuple[Term, NDArray[np.float64]]]]] = []
    for scope, table in sorted(tables, key=lambda pair: -len(pair[0])):
        chosen, least = -1, size + 1
        for g, (members, _) in enumerate(groups):
            joined = len(members.union(scope))
            if joined <= size and joined - len(members) < least:
                chosen, least = g, joined - len(members)
        if chosen < 0:
            groups.append((set(scope), [(scope, table)]))
        else:
            groups[chosen][0].update(scope)
            groups[chosen][1].append((scope, table))
    return [(tuple(sorted(members)), inside) for members, inside in groups]


def _sum(scope: Term, tables: list[tuple[Term, NDArray[np.float64]]]) -> NDArray[np.float64]:
    total = np.zeros((2,) * len(scope))
    for inside, table in tables:
        total += table.reshape([2 if d in inside else 1 for d in scope])
    return total
