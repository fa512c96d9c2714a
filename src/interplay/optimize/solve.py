"""The order of things: local search, relaxation, exact search, as far as the time goes."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import numpy as np

from interplay.optimize.integer import TOLERANCE, Program
from interplay.optimize.local import SEARCHES, Tabu
from interplay.optimize.problem import Problem
from interplay.optimize.relaxation import Relaxation, Slack
from interplay.optimize.tree import Tree, elimination_order, widest
from interplay.value_function import BoolArray, FloatArray

METHODS = ("auto", "milp", "local")

_QUICK_STEPS = 300
_LONG_STEPS = 4000
_ROUNDS = ((8, 64, 50_000), (12, 512, 2_000_000), (17, 4096, None))
"""Width of the mini-buckets, beam of the dive and partial masks of the search: each time more."""


@dataclass(frozen=True, eq=False)
class Solution:
    """The best mask found of the free features, its objective, the bound, and who found it."""

    mask: BoolArray
    value: float
    bound: float
    method: str


class _Best:
    """The best mask so far and the smallest bound so far."""

    def __init__(self, problem: Problem, mask: BoolArray) -> None:
        self.problem, self.mask, self.bound = problem, mask, np.inf
        self.value = float(problem.values(mask[None])[0])

    def offer(self, masks: BoolArray) -> float:
        values = self.problem.values(masks)
        best = int(np.argmax(values))
        if values[best] > self.value:
            self.mask, self.value = masks[best], float(values[best])
        return self.value

    def offer_core(self, core: BoolArray) -> float:
        """Take the most promising core masks; a robust objective may prefer any of them."""
        return self.offer(self.problem.complete(core if self.problem.robust else core[:1]))

    def limit(self, bound: float) -> None:
        self.bound = min(self.bound, bound)

    @property
    def tolerance(self) -> float:
        return TOLERANCE * max(1.0, abs(self.value))

    @property
    def proved(self) -> bool:
        return self.bound <= self.value + self.tolerance

    def solution(self, method: str) -> Solution:
        bound = self.value if self.proved else self.bound
        return Solution(self.mask, self.value, bound, method)


def solve(problem: Problem, method: str, seconds: float, seed: int) -> Solution:
    """Return the best mask that was found in time, and the most that any mask can reach."""
    deadline = perf_counter() + seconds
    rng = np.random.default_rng(seed)
    if problem.enumerable and (method == "auto" or not len(problem.core)):
        best = _Best(problem, problem.enumerate())
        best.limit(best.value)
        return best.solution("enumeration")
    tabu = Tabu(problem)
    starts = tabu.random(SEARCHES, rng)
    mask, _ = tabu.improve(starts, _QUICK_STEPS, rng, deadline)
    best = _Best(problem, mask)
    if method == "milp":
        best.limit(_trivial(problem))
        mask, bound = Program(problem).solve(best.mask, deadline)
        best.offer(mask[None])
        best.limit(bound)
        return best.solution("milp")
    slack = _relax(problem, best, deadline)
    if best.proved:
        return best.solution("relaxation")
    starts = np.concatenate([_rounded(problem, slack.point, SEARCHES // 2, rng), best.mask[None]])
    if method == "local":
        starts = np.concatenate([starts, tabu.random(SEARCHES // 2, rng)])
    mask, _ = tabu.improve(
        starts, _LONG_STEPS if method == "local" else _QUICK_STEPS, rng, deadline
    )
    best.offer(mask[None])
    if method == "local" or best.proved:
        return best.solution("local" if method == "local" else "relaxation")
    return _search(problem, slack, best, tabu, rng, deadline)


def _relax(problem: Problem, best: _Best, deadline: float) -> Slack:
    signs: FloatArray = problem.signs(best.mask[None])[0]
    slack = Relaxation(problem).solve(signs, deadline)
    best.limit(slack.bound)
    best.offer(_nearest(problem, slack.point)[None])
    return slack


def _search(
    problem: Problem,
    slack: Slack,
    best: _Best,
    tabu: Tabu,
    rng: np.random.Generator,
    deadline: float,
) -> Solution:
    depth = len(problem.core)
    scopes = [scope for scope, _ in slack.tables] + [scope for scope, _ in slack.loose]
    order, size = elimination_order(scopes, depth)
    for width, beam, nodes in _ROUNDS:
        tree = Tree(slack, order, min(width, size, widest(depth)), deadline)
        if not tree.complete:
            break
        best.limit(tree.bound)
        if best.proved:
            break
        before = best.value
        tree.search(best.value, best.tolerance, best.offer_core, deadline, beam=beam)
        if best.value > before:
            starts = np.concatenate([best.mask[None], _shaken(problem, best.mask, SEARCHES, rng)])
            mask, _ = tabu.improve(starts, _QUICK_STEPS, rng, deadline)
            best.offer(mask[None])
        searched = tree.search(
            best.value, best.tolerance, best.offer_core, deadline, max_nodes=nodes
        )
        best.limit(searched.bound)
        if best.proved or perf_counter() > deadline:
            break
    return best.solution("search")


def _trivial(problem: Problem) -> float:
    return problem.constant + float(np.abs(problem.coefficients).sum())


def _nearest(problem: Problem, point: FloatArray) -> BoolArray:
    """Return the mask within the bounds that is nearest to a point in [0, 1]^n."""
    count = int(np.clip((point > 0.5).sum(), problem.low, problem.high))
    mask = np.zeros(problem.n, dtype=np.bool_)
    mask[np.argsort(-point, kind="stable")[:count]] = True
    return mask


def _rounded(
    problem: Problem, point: FloatArray, count: int, rng: np.random.Generator
) -> BoolArray:
    noise = rng.uniform(-0.5, 0.5, (count, problem.n))
    return np.array([_nearest(problem, point + e) for e in noise])


def _shaken(problem: Problem, mask: BoolArray, count: int, rng: np.random.Generator) -> BoolArray:
    """Return masks near one: about a twentieth of the features drawn anew."""
    flips = rng.random((count, problem.n)) < 0.05
    points = np.where(flips, rng.random(flips.shape), mask)
    return np.array([_nearest(problem, point) for point in points])
