"""The program as a mixed-integer linear one, for HiGHS.

Every term of two features or more gets a variable p in [0, 1], its parity, tied to x by the facets
of the parity polytope (Jeroslow 1975): ``p >= 1 - distance(x, v)`` for every v of odd size, ``p <=
distance(x, v)`` for every v of even size. Only the side that the sign of the coefficient pushes
against is needed. No formulation of a term by itself is tighter; that of Moebius monomials is
several times weaker (measured: docs/optimize.md). A robust objective needs both sides, and is cut
from outside: its norm is bounded below by the tangents at the masks found, until they meet.
"""

from __future__ import annotations

from itertools import combinations
from time import perf_counter
from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from interplay.optimize.problem import Problem
from interplay.packing import Term
from interplay.value_function import BoolArray, FloatArray

TOLERANCE = 1e-9
"""Relative gap below which a mask counts as optimal."""

_LARGEST = 6
"""Terms of more features are split: their parity is that of a part's parity and the others."""


class Program:
    """The rows and columns of a problem: x, then parities, then auxiliary ones, then the norm."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.columns = problem.n
        self._rows: list[tuple[list[int], list[float], float]] = []
        self.parities = [  # chi = 1 - 2 * column
            t[0] if len(t) == 1 else self._parity(t, c)
            for t, c in zip(problem.terms, problem.coefficients.tolist(), strict=True)
        ]
        self.norm = self.columns
        self.columns += problem.robust

    def _parity(self, term: Term, coefficient: float) -> int:
        both = self.problem.robust
        while len(term) > _LARGEST:
            term = (self._tie(term[: _LARGEST - 1], True, True), *term[_LARGEST - 1 :])
        return self._tie(term, coefficient > 0 or both, coefficient < 0 or both)

    def _tie(self, term: Term, from_below: bool, from_above: bool) -> int:
        column = self.columns
        self.columns += 1
        for size in range(len(term) + 1):
            if not (from_below if size % 2 else from_above):
                continue
            for inside in combinations(term, size):
                signs = [1.0 if i in inside else -1.0 for i in term]
                if size % 2:  # -p + sum inside - sum outside <= |v| - 1
                    self._rows.append(([column, *term], [-1.0, *signs], size - 1.0))
                else:  # p + sum inside - sum outside <= |v|
                    self._rows.append(([column, *term], [1.0, *signs], float(size)))
        return column

    def solve(self, mask: BoolArray, deadline: float) -> tuple[BoolArray, float]:
        """Return the best mask found, beginning with ``mask``, and the most that any can reach."""
        problem = self.problem
        best, best_value, bound = mask, float(problem.values(mask[None])[0]), np.inf
        while (seconds := deadline - perf_counter()) > 0:
            if problem.robust:
                self._touch(problem.signs(best[None])[0])
            result = self._milp(seconds)
            constant = problem.constant + float(problem.coefficients.sum())
            if result.mip_dual_bound is not None:
                bound = min(bound, constant - float(result.mip_dual_bound))
            if result.x is None:
                break
            found = result.x[: problem.n] > 0.5
            value = float(problem.values(found[None])[0])
            if value > best_value:
                best, best_value = found, value
            if not problem.robust or result.status != 0:
                break
            if bound - best_value <= TOLERANCE * max(1.0, abs(best_value)):
                break
            self._touch(problem.signs(found[None])[0])
        return best, bound

    def _touch(self, signs: FloatArray) -> None:
        """Add a tangent of the norm: u (offset + A chi) <= norm, with chi = 1 - 2 p."""
        problem = self.problem
        u = problem.direction(signs)
        along = u @ problem.spread
        right = -float(u @ problem.offset) - float(along.sum())
        self._rows.append(([*self.parities, self.norm], [*(-2 * along).tolist(), -1.0], right))

    def _milp(self, seconds: float) -> Any:
        problem = self.problem
        objective = np.zeros(self.columns)
        np.add.at(objective, self.parities, 2 * problem.coefficients)
        upper, whole = np.ones(self.columns), np.zeros(self.columns)
        whole[: problem.n] = 1
        if problem.robust:
            objective[self.norm], upper[self.norm] = 1.0, np.inf
        rows = [([*range(problem.n)], [1.0] * problem.n, np.inf), *self._rows]
        sizes = [len(columns) for columns, _, _ in rows]
        matrix = sparse.csr_array(
            (
                np.concatenate([values for _, values, _ in rows]),
                (np.repeat(np.arange(len(rows)), sizes), np.concatenate([c for c, _, _ in rows])),
            ),
            shape=(len(rows), self.columns),
        )
        least = np.full(len(rows), -np.inf)
        most = np.array([right for _, _, right in rows])
        least[0], most[0] = problem.low, problem.high
        return milp(
            objective,
            integrality=whole,
            bounds=Bounds(0, upper),
            constraints=LinearConstraint(matrix, least, most),
            options={"time_limit": seconds, "mip_rel_gap": TOLERANCE},
        )
