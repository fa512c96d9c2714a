"""The linear relaxation, and what remains of the objective once its bound is taken off.

Every largest term, with the terms inside it, makes a *cluster*; the relaxation chooses for every
cluster a distribution over its 2 ** k states, such that clusters agree on every set of features
that they share (the local polytope over clusters; Sherali and Adams 1990, Wainwright and Jordan
2008, section 4). Its variables are moments y_R, R inside a cluster; a state's probability is linear
in them, and non-negative. That is tight for every cluster by itself, whatever the signs.

The dual solution rewrites the objective, exactly, as ``bound - slack``, the slack a sum of
non-negative tables over clusters: the smaller the slack of a mask the better it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from time import perf_counter

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from interplay.optimize.problem import Problem
from interplay.packing import Term
from interplay.value_function import FloatArray

MAX_CLUSTER = 7
"""Features of the largest cluster: a term of more is bounded by its coefficient only."""

_CUTS = 20
_CUT_TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False)
class Slack:
    """``linear objective(x) = bound - sum of slacks``, every slack >= 0.

    Features are places in ``problem.core``; the states of a scope are numbered with its first
    feature as the lowest bit.

    Attributes
    ----------
    bound
        the most that the objective can be.
    tables
        (scope, float ``(2 ** k,)``): clusters and single features.
    loose
        (scope, coefficient): terms above :data:`MAX_CLUSTER`, of slack |c| - c chi.
    counts
        float ``(|core| + 1,)``: slack of the number of kept core features; inf where infeasible.
    point
        the relaxation's choice, ``(n,)`` in [0, 1].
    """

    bound: float
    tables: list[tuple[Term, FloatArray]]
    loose: list[tuple[Term, float]]
    counts: FloatArray
    point: FloatArray


class Relaxation:
    """The relaxation of a problem."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.place = {int(i): j for j, i in enumerate(problem.core)}
        self.clusters = _clusters(problem)
        self._build()

    def _build(self) -> None:
        """Number the moments; express the terms and the clusters' states in them."""
        problem = self.problem
        n = problem.n
        column: dict[Term, int] = {(): 0} | {(i,): 1 + i for i in range(n)}
        cluster_columns = []
        for scope, _ in self.clusters:
            subsets = [tuple(scope[b] for b in bits) for bits in _subsets(len(scope))]
            cluster_columns.append([column.setdefault(t, len(column)) for t in subsets])
        self.loose = [j for j, t in enumerate(problem.terms) if len(t) > MAX_CLUSTER]
        for j in self.loose:  # a variable of its own between -1 and 1
            column[problem.terms[j]] = len(column)
        self.width = len(column)
        self.cluster_columns = [np.array(c, dtype=np.intp) for c in cluster_columns]
        rows, cols, data = [], [], []
        loose = set(self.loose)
        for j, t in enumerate(problem.terms):  # chi_T = sum over R inside T of (-2)^|R| y_R
            inside = [t] if j in loose else [tuple(t[b] for b in s) for s in _subsets(len(t))]
            rows += [j] * len(inside)
            cols += [column[s] for s in inside]
            data += [1.0] if j in loose else [(-2.0) ** len(s) for s in inside]
        shape = (len(problem.terms), self.width)
        self.moments = sparse.csr_array((data, (rows, cols)), shape=shape)
        blocks = []
        for cols_of in self.cluster_columns:  # -P(state) <= 0
            pattern = _states(int(np.log2(len(cols_of))))
            blocks.append((pattern.row, cols_of[pattern.col], -pattern.data, len(cols_of)))
        starts = np.concatenate([[0], np.cumsum([b[3] for b in blocks], dtype=np.intp)])
        self.row_starts = starts
        if not blocks:
            self.matrix = sparse.csr_array((0, self.width))
            return
        self.matrix = sparse.csr_array(
            (
                np.concatenate([b[2] for b in blocks]),
                (
                    np.concatenate([b[0] + a for b, a in zip(blocks, starts, strict=False)]),
                    np.concatenate([b[1] for b in blocks]),
                ),
            ),
            shape=(int(starts[-1]), self.width),
        )

    def solve(self, start: FloatArray, deadline: float) -> Slack:
        """Return the slack form at the best bound that was found by the deadline.

        Parameters
        ----------
        start
            chi of a good mask, ``(K,)``: where the norm of a robust objective is first touched.
        """
        problem = self.problem
        directions = [problem.direction(start)] if problem.robust else []
        best = np.inf
        point, dual = np.full(problem.n, 0.5), np.zeros(self.matrix.shape[0])
        mixed = directions[0] if directions else np.empty(0)
        for _ in range(_CUTS if problem.robust else 1):
            remaining = deadline - perf_counter()
            solution = self._linear_program(directions, remaining) if remaining > 0 else None
            if solution is None:
                break
            y, dual, weights, bound = solution
            point = np.clip(y[1 : 1 + problem.n], 0.0, 1.0)
            if problem.robust:
                mixed = np.asarray(weights @ np.array(directions))
                directions.append(problem.direction(self.moments @ y))
                if best - bound < _CUT_TOLERANCE * max(1.0, abs(bound)):
                    break
                best = bound
        return self._slack(mixed, dual, point)

    def _linear_program(
        self, directions: Sequence[FloatArray], seconds: float
    ) -> tuple[FloatArray, FloatArray, FloatArray, float] | None:
        """Return moments, cluster duals, weights of the cuts and the bound; None if cut short."""
        problem = self.problem
        robust = len(directions) > 0
        objective = np.append(self.moments.T @ problem.coefficients, [-1.0] if robust else [])
        bounds = np.tile([-np.inf, np.inf], (len(objective), 1))  # moments: implied by the states
        bounds[0] = 1.0
        bounds[1 : 1 + problem.n] = [0.0, 1.0]
        if self.loose:
            bounds[self.width - len(self.loose) : self.width] = [-1.0, 1.0]
        if robust:
            bounds[-1] = [0.0, np.inf]
        count = np.zeros(len(objective))
        count[1 : 1 + problem.n] = 1.0
        rows = [
            sparse.csr_array(
                (self.matrix.data, self.matrix.indices, self.matrix.indptr),
                shape=(self.matrix.shape[0], len(objective)),
            ),
            sparse.csr_array(np.array([count, -count])),
        ]
        right = [np.zeros(self.matrix.shape[0]), np.array([problem.high, -problem.low])]
        for u in directions:  # u (offset + A chi) - z <= 0
            cut = np.append(self.moments.T @ (u @ problem.spread), -1.0)
            rows.append(sparse.csr_array(cut[None]))
            right.append(np.array([-float(u @ problem.offset)]))
        result = linprog(
            -objective,
            A_ub=sparse.vstack(rows, format="csr"),
            b_ub=np.concatenate(right),
            bounds=bounds,
            method="highs",
            options={"time_limit": max(seconds, 0.01)},
        )
        if result.status != 0:
            return None
        duals = np.maximum(-result.ineqlin.marginals, 0.0)
        clusters = self.matrix.shape[0]
        weights = duals[clusters + 2 :]
        return result.x[: self.width], duals[:clusters], weights, problem.constant - result.fun

    def _slack(self, direction: FloatArray, dual: FloatArray, point: FloatArray) -> Slack:
        """Return the slack form; valid for any non-negative duals, best for the optimal ones."""
        problem = self.problem
        constant, coefficients = problem.linear(direction)
        core = len(problem.core)
        unary = np.zeros(core)
        tables: list[tuple[Term, FloatArray]] = []
        loose: list[tuple[Term, float]] = []
        for j, t in enumerate(problem.terms):
            if len(t) == 1:
                constant += coefficients[j]
                if t[0] in self.place:
                    unary[self.place[t[0]]] -= 2 * coefficients[j]
        for j in self.loose:
            constant += abs(coefficients[j])
            places = tuple(self.place[i] for i in problem.terms[j])
            loose.append((places, float(coefficients[j])))
        for (scope, inside), a in zip(self.clusters, self.row_starts.tolist(), strict=False):
            size = 2 ** len(scope)
            slack = dual[a : a + size]
            table = _table(scope, [(problem.terms[j], coefficients[j]) for j in inside])
            # table + slack is a constant and single features, up to the accuracy of the duals
            places = tuple(self.place[i] for i in scope)
            moments = _moebius(table + slack)
            constant += moments[0]
            unary[list(places)] += moments[1 << np.arange(len(scope))]
            moments[0] = moments[1 << np.arange(len(scope))] = 0.0
            rest = _from_moebius(moments)
            constant += rest.max()
            tables.append((places, slack + (rest.max() - rest)))
        completion = problem.completion[0]
        price = _best_price(unary, completion)
        gains = unary - price
        tables += [
            ((j,), np.array([max(g, 0.0), max(-g, 0.0)])) for j, g in enumerate(gains.tolist())
        ]
        counts = completion + price * np.arange(core + 1)
        top = counts.max()
        bound = constant + float(np.maximum(gains, 0.0).sum()) + float(top)
        return Slack(bound, tables, loose, top - counts, point)


def _best_price(unary: FloatArray, completion: FloatArray) -> float:
    """Return the price per kept feature at which the bound is smallest: it is convex in it."""
    feasible = np.flatnonzero(np.isfinite(completion))
    steps = -np.diff(completion[feasible])
    prices = np.unique(np.concatenate([[0.0], unary, steps]))
    ordered = np.sort(unary)
    above = np.concatenate([np.cumsum(ordered[::-1])[::-1], [0.0]])

    def bound(price: float) -> float:
        j = int(np.searchsorted(ordered, price))
        most = float((completion[feasible] + price * feasible).max())
        return float(above[j]) - price * (len(ordered) - j) + most

    low, high = 0, len(prices) - 1
    while high - low > 2:  # ternary search over the kinks
        a, b = low + (high - low) // 3, high - (high - low) // 3
        if bound(float(prices[a])) <= bound(float(prices[b])):
            high = b
        else:
            low = a
    around: list[float] = prices[low : high + 1].tolist()
    return min(around, key=bound)


def _clusters(problem: Problem) -> list[tuple[Term, list[int]]]:
    """Return the largest terms, and for each the numbers of the terms that it stands for."""
    fitting = [j for j, t in enumerate(problem.terms) if 2 <= len(t) <= MAX_CLUSTER]
    fitting.sort(key=lambda j: (-len(problem.terms[j]), problem.terms[j]))
    found: list[tuple[Term, list[int]]] = []
    by_feature: dict[int, list[tuple[frozenset[int], list[int]]]] = {}
    for j in fitting:
        term = problem.terms[j]
        members = frozenset(term)
        owner = next((own for s, own in by_feature.get(term[0], ()) if members <= s), None)
        if owner is not None:
            owner.append(j)
            continue
        own = [j]
        found.append((term, own))
        for i in term:
            by_feature.setdefault(i, []).append((members, own))
    return found


def _table(scope: Term, terms: Sequence[tuple[Term, float]]) -> FloatArray:
    """Return the sum of the terms for all states of a scope."""
    states = np.arange(2 ** len(scope))
    table = np.zeros(len(states))
    for term, coefficient in terms:
        inside = sum(1 << scope.index(i) for i in term)
        table += coefficient * (1 - 2 * (np.bitwise_count(states & inside) & 1).astype(np.float64))
    return table


@cache
def _subsets(k: int) -> list[tuple[int, ...]]:
    """Return the subsets of k places, in the order of their bits."""
    return [tuple(i for i in range(k) if bits >> i & 1) for bits in range(2**k)]


@cache
def _states(k: int) -> sparse.coo_array:
    """Return the states' probabilities as sums of the moments of k features: ``(2^k, 2^k)``."""
    bits = np.arange(2**k)
    inside = (bits[:, None] & bits) == bits[:, None]
    sign = 1 - 2 * (np.bitwise_count(bits[:, None] ^ bits) & 1).astype(np.float64)
    return sparse.coo_array(np.where(inside, sign, 0.0))


def _moebius(table: FloatArray) -> FloatArray:
    """Return m with table(S) = sum of m(R) over R inside S."""
    result = table.copy()
    half = 1
    while half < len(result):
        pairs = result.reshape(-1, 2, half)
        pairs[:, 1] -= pairs[:, 0]
        half *= 2
    return result


def _from_moebius(moments: FloatArray) -> FloatArray:
    result = moments.copy()
    half = 1
    while half < len(result):
        pairs = result.reshape(-1, 2, half)
        pairs[:, 1] += pairs[:, 0]
        half *= 2
    return result
