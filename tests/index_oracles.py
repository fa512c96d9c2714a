"""Interaction indices by brute force, from their definitions, for complete games of few features.

Nothing here uses a Walsh coefficient or a formula of ``interplay.indices``: Shapley-type indices
are averages of discrete derivatives, the faithful ones are least-squares fits, k-SII is aggregated
order by order, and the OR game is a solved linear system. ``values[k]`` is the game of the features
that are the bits of k.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, permutations
from math import comb, factorial

import numpy as np
from numpy.typing import NDArray
from scipy.special import bernoulli

Term = tuple[int, ...]
Floats = NDArray[np.float64]


def sets(n: int, lowest: int, highest: int) -> list[Term]:
    return [t for size in range(lowest, highest + 1) for t in combinations(range(n), size)]


def bits(term: Term) -> int:
    return sum(1 << i for i in term)


def sizes(n: int) -> NDArray[np.intp]:
    return np.array([k.bit_count() for k in range(2**n)])


def derivatives(values: Floats, term: Term, n: int) -> tuple[Floats, NDArray[np.intp]]:
    """The discrete derivative by ``term`` at every S of the other features, and every |S|.

    ``sum over L ⊆ T of (-1) ** (|T| - |L|) f(S ∪ L)``.
    """
    others = [i for i in range(n) if i not in term]
    backgrounds = [bits(s) for size in range(len(others) + 1) for s in combinations(others, size)]
    total = np.zeros(len(backgrounds))
    for part in sets(len(term), 0, len(term)):
        inside = bits(tuple(term[j] for j in part))
        sign = (-1) ** (len(term) - len(part))
        total += sign * values[np.array(backgrounds) | inside]
    return total, np.array([k.bit_count() for k in backgrounds])


def fourier(values: Floats, n: int, order: int) -> dict[Term, float]:
    every = np.arange(2**n)
    return {
        t: float(np.mean(values * (-1.0) ** np.bitwise_count(every & bits(t))))
        for t in sets(n, 0, order)
    }


def moebius(values: Floats, n: int, order: int) -> dict[Term, float]:
    return {t: float(derivatives(values, t, n)[0][0]) for t in sets(n, 0, order)}


def or_game(values: Floats, n: int, order: int) -> dict[Term, float]:
    every = np.arange(2**n)
    meets = ((every[:, None] & every[None, :]) != 0).astype(float)
    meets[:, 0] = 1.0  # the empty set counts always
    solved = np.linalg.solve(meets, values)
    return {t: float(solved[bits(t)]) for t in sets(n, 0, order)}


def shapley_by_permutations(values: Floats, n: int) -> Floats:
    total = np.zeros(n)
    for order in permutations(range(n)):
        before = 0
        for i in order:
            total[i] += values[before | 1 << i] - values[before]
            before |= 1 << i
    return total / factorial(n)


def shapley(values: Floats, n: int, order: int) -> dict[Term, float]:
    result = {(): float(values[0])}
    for i in range(n):
        gain, s = derivatives(values, (i,), n)
        weight = np.array([factorial(k) * factorial(n - 1 - k) / factorial(n) for k in s])
        result[(i,)] = float(weight @ gain)
    return result


def banzhaf(values: Floats, n: int, order: int) -> dict[Term, float]:
    """Banzhaf values and interactions: mean derivatives; the empty set's is the mean of f."""
    return {t: float(derivatives(values, t, n)[0].mean()) for t in sets(n, 0, order)}


def sii(values: Floats, n: int, order: int) -> dict[Term, float]:
    result = {(): float(values[0])}
    for t in sets(n, 1, order):
        gain, s = derivatives(values, t, n)
        top = factorial(n - len(t) + 1)
        weight = np.array([factorial(n - k - len(t)) * factorial(k) / top for k in s])
        result[t] = float(weight @ gain)
    return result


def k_sii(values: Floats, n: int, order: int) -> dict[Term, float]:
    """Aggregated order by order: the new order's SII, and what it takes from the lower ones."""
    plain = sii(values, n, order)
    numbers = bernoulli(order)  # B_1 = -1/2
    result: dict[Term, float] = {}
    for k in range(1, order + 1):
        for t in sets(n, 1, k - 1):
            others = [i for i in range(n) if i not in t]
            joined = combinations(others, k - len(t))
            extra = sum(plain[tuple(sorted(t + more))] for more in joined)
            result[t] += float(numbers[k - len(t)]) * extra
        for t in sets(n, k, k):
            result[t] = plain[t]
    return {(): float(values[0])} | result


def stii(values: Floats, n: int, order: int) -> dict[Term, float]:
    result = {t: float(derivatives(values, t, n)[0][0]) for t in sets(n, 0, order - 1)}
    for t in sets(n, order, order):
        gain, s = derivatives(values, t, n)
        weight = np.array([order / n / comb(n - 1, k) for k in s])
        result[t] = float(weight @ gain)
    return result


def _and_basis(n: int, terms: list[Term]) -> Floats:
    every = np.arange(2**n)
    return np.stack([(every & bits(t)) == bits(t) for t in terms], axis=1).astype(float)


def fbii(values: Floats, n: int, order: int) -> dict[Term, float]:
    """Least squares over all masks alike."""
    terms = sets(n, 0, order)
    solved = np.linalg.lstsq(_and_basis(n, terms), values, rcond=None)[0]
    return dict(zip(terms, solved.tolist(), strict=True))


def fsii(values: Floats, n: int, order: int) -> dict[Term, float]:
    """Least squares with Shapley's weights, exact at the empty and the full mask."""
    terms = sets(n, 0, order)
    basis = _and_basis(n, terms)
    size = sizes(n)
    inner = (size > 0) & (size < n)
    weight = np.array([(n - 1) / (comb(n, s) * s * (n - s)) for s in size[inner]])
    fixed, target = basis[[0, -1]], values[[0, -1]]
    particular = np.linalg.lstsq(fixed, target, rcond=None)[0]
    free = np.linalg.svd(fixed)[2][np.linalg.matrix_rank(fixed) :].T
    root = np.sqrt(weight)[:, None]
    rest = (values[inner] - basis[inner] @ particular) * root[:, 0]
    solved = particular + free @ np.linalg.lstsq(root * (basis[inner] @ free), rest, rcond=None)[0]
    return dict(zip(terms, solved.tolist(), strict=True))


def influence(values: Floats, n: int, order: int) -> dict[Term, float]:
    """The mean square of half the change that flipping a feature makes."""
    return {(i,): float(np.mean((derivatives(values, (i,), n)[0] / 2) ** 2)) for i in range(n)}


BRUTE_FORCE: dict[str, Callable[[Floats, int, int], dict[Term, float]]] = {
    "Fourier": fourier,
    "Moebius": moebius,
    "OR": or_game,
    "SV": shapley,
    "BV": banzhaf,
    "SII": sii,
    "k-SII": k_sii,
    "BII": banzhaf,
    "STII": stii,
    "FSII": fsii,
    "FBII": fbii,
    "influence": influence,
}
