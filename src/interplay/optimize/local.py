"""Tabu search: good masks quickly, without a proof.

All searches run at once. A step flips one feature of each: the best one that was not flipped just
before, even if that makes things worse. The number of kept features may leave its bounds by one,
which turns two steps into a swap; only masks within the bounds count.
"""

from __future__ import annotations

from time import perf_counter

import numpy as np

from interplay.optimize.problem import Problem
from interplay.packing import IntArray
from interplay.value_function import BoolArray, FloatArray

SEARCHES = 12
_TENURE = (4, 14)
_ENTRIES = 1 << 20
_FORBIDDEN = 1e150  # a tabu feature moves only where no other can


class Tabu:
    """Tabu search over a problem; the tables of who is in which term are made once."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        k, n = len(problem.terms), problem.n
        owners: list[list[int]] = [[] for _ in range(n)]
        for j, t in enumerate(problem.terms):
            for i in t:
                owners[i].append(j)
        widest = max((len(o) for o in owners), default=0)
        largest = max((len(t) for t in problem.terms), default=0)
        # one more term, of coefficient 0, and one more feature fill the short rows
        self.owners: IntArray = np.full((n, max(widest, 1)), k, dtype=np.intp)
        self.members: IntArray = np.full((k + 1, max(largest, 1)), n, dtype=np.intp)
        for i, o in enumerate(owners):
            self.owners[i, : len(o)] = o
        for j, t in enumerate(problem.terms):
            self.members[j, : len(t)] = t

    def random(self, count: int, rng: np.random.Generator) -> BoolArray:
        """Return random masks within the bounds, each of another number of kept features."""
        problem = self.problem
        ranks = np.argsort(rng.random((count, problem.n)), axis=1)
        sizes = rng.integers(problem.low, problem.high + 1, count)
        masks: BoolArray = ranks < sizes[:, None]
        return masks

    def improve(
        self, starts: BoolArray, steps: int, rng: np.random.Generator, deadline: float
    ) -> tuple[BoolArray, float]:
        """Return the best mask found from the starts ``(m, n)``, and its value."""
        problem = self.problem
        values = problem.values(starts)
        mask, value = starts[int(np.argmax(values))], float(values.max())
        rounds = 4 if problem.robust else 1
        for _ in range(rounds if problem.terms else 0):
            # a robust objective is followed through the series that touches it at the best mask
            signs = problem.signs(mask[None])[0]
            _, coefficients = problem.linear(problem.direction(signs))
            found = self._run(starts, coefficients, steps // rounds, rng, deadline)
            values = problem.values(found)
            if values.max() > value:
                mask, value = found[int(np.argmax(values))], float(values.max())
        return mask, value

    def _run(
        self,
        starts: BoolArray,
        coefficients: FloatArray,
        steps: int,
        rng: np.random.Generator,
        deadline: float,
    ) -> BoolArray:
        problem = self.problem
        n, width = problem.n, self.owners.shape[1] * self.members.shape[1]
        starts = starts[: max(1, _ENTRIES // width)]
        m = len(starts)
        at, masks, best_masks = np.arange(m), starts.copy(), starts.copy()
        parts = np.zeros((m, len(coefficients) + 1))  # c_T chi_T
        parts[:, :-1] = problem.signs(masks) * coefficients
        gains = np.zeros((m, n + 1))
        for i in range(n):
            gains[:, i] = -2 * parts[:, self.owners[i]].sum(axis=1)
        value = parts.sum(axis=1)
        best = value.copy()
        kept = masks.sum(axis=1)
        tabu = np.zeros((m, n), dtype=np.intp)
        tenures = rng.integers(*_TENURE, (steps, m))
        base = (at * (n + 1))[:, None, None]
        for step in range(steps):
            if step % 64 == 0 and perf_counter() > deadline:
                break
            may = np.where(masks, (kept >= problem.low)[:, None], (kept <= problem.high)[:, None])
            free = np.where(tabu <= step, gains[:, :n], gains[:, :n] - _FORBIDDEN)
            g = np.where(may, free, -np.inf)
            i = g.argmax(axis=1)
            value += gains[at, i]
            rows = self.owners[i]
            old = parts[at[:, None], rows]
            parts[at[:, None], rows] = -old
            where = base + self.members[rows]
            change = np.repeat((4 * old).ravel(), self.members.shape[1])
            gains += np.bincount(where.ravel(), weights=change, minlength=gains.size).reshape(m, -1)
            kept += np.where(masks[at, i], -1, 1)
            masks[at, i] ^= True
            tabu[at, i] = step + tenures[step]
            better = (value > best) & (kept >= problem.low) & (kept <= problem.high)
            best[better] = value[better]
            best_masks[better] = masks[better]
        return best_masks
