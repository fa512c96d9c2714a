"""Shapley values and interactions of the whole posterior, none of its 2^n terms left out.

With the coefficients' generating function over a set T,

    G_T(t) = sum_{S >= T} F(S) t^(|S| - |T|),

the Shapley interaction index sum_{S >= T, |S| - |T| even} (-2)^|T| F(S) / (|S| - |T| + 1) is
(-2)^|T| / 2 times the integral of G_T over [-1, 1], for the integral of t^k is 2 / (k + 1) for even
k and 0 for odd. On a product over features, G_T is one too,

    prod_i A_i prod_{i in T} R_i prod_{i not in T} (1 + t R_i),      R = B / A

and Gauss-Legendre nodes give the integral: exactly while the polynomial's degree, the number of
features, is below twice their number, and to rounding far beyond. Sources: Grabisch and Roubens
(1999) for the index; algebra as in :mod:`interplay.surrogates.parity_gp.product`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from interplay.errors import BadInput
from interplay.packing import Term
from interplay.surrogates.parity_gp.kernel import Kernel
from interplay.surrogates.parity_gp.product import ComplexArray, Waves
from interplay.value_function import FloatArray

NODES = 32

MOST_WORK = 2e12
"""Most multiplications for all pairs: some minutes."""


class Integrals:
    """Integrals over t for one set of rows.

    Parameters
    ----------
    waves
        the kernel's products.
    signs
        float64 ``(m, n)``.
    """

    def __init__(self, waves: Waves, signs: FloatArray) -> None:
        self.waves, self.signs = waves, signs
        self.times, self.shares = np.polynomial.legendre.leggauss(NODES)
        r = waves.ratios
        kept, masked = 1j * r.imag - r.real, 1j * r.imag + r.real  # R at z' = -1 and +1
        at = self.times[:, None, None]
        # log(1 + tR) and R / (1 + tR) take two values each: both are affine in z'
        logs = np.log(1 + at * masked), np.log(1 + at * kept)
        inner = masked / (1 + at * masked), kept / (1 + at * kept)
        self._even, self._odd = (logs[0] + logs[1]) / 2, (logs[0] - logs[1]) / 2
        self.flat, self.slope = (inner[0] + inner[1]) / 2, (inner[0] - inner[1]) / 2

    def products(self, empty: ComplexArray) -> ComplexArray:
        """Return shares times prod_i A_i (1 + tR_i): ``(t, q, m)``."""
        t, q, n = self._odd.shape
        turn = (self._odd.reshape(t * q, n) @ self.signs.T).reshape(t, q, -1)
        result: ComplexArray = (
            self.shares[:, None, None] * np.exp(turn + self._even.sum(axis=2)[..., None]) * empty
        )
        return result

    def of_features(self, products: ComplexArray) -> FloatArray:
        """Return the integrals of G_{i}, summed over nodes and rows: ``(n,)``."""
        t, q, m = products.shape
        by_feature = (products.reshape(t * q, m) @ self.signs).reshape(t, q, -1)
        total = products.sum(axis=2)[..., None]
        summed: FloatArray = (self.flat * total + self.slope * by_feature).real.sum(axis=(0, 1))
        return summed

    def of_pairs(self, products: ComplexArray) -> FloatArray:
        """Return the integrals of G_{i,k}, summed over nodes and rows: ``(n, n)``."""
        result = np.zeros((self.signs.shape[1],) * 2)
        for place in np.ndindex(products.shape[:2]):
            row, flat, slope = products[place], self.flat[place], self.slope[place]
            mixed = np.outer(flat, slope * (row @ self.signs))
            both = (self.signs.T * row) @ self.signs
            summed = row.sum() * np.outer(flat, flat) + mixed + mixed.T
            result += (summed + np.outer(slope, slope) * both).real
        return result

    def by_row(self, products: ComplexArray, term: Term) -> FloatArray:
        """Return the integral of G_T for every row, summed over nodes: ``(m,)``."""
        for i in term:
            products = products * (
                self.flat[..., i, None] + self.slope[..., i, None] * self.signs[:, i]
            )
        by_row: FloatArray = products.real.sum(axis=(0, 1))
        return by_row

    def prior(self, term: Term) -> float:
        """Return the prior variance of the integral of G_T."""
        constant, single, other, both = self.waves.covariances
        one, two = self.times[:, None, None, None], self.times[:, None, None]
        # for every pair of times: the product over the features outside of T, T's by their squares
        factors = constant + single * one + other * two + both * (one * two)
        outside = np.ones(constant.shape[1], dtype=np.bool_)
        outside[list(term)] = False
        product = factors[..., outside].prod(axis=-1) * both[:, list(term)].prod(axis=1)
        weights = np.outer(self.shares, self.shares)[..., None] * self.waves.shares
        return float((weights * product).real.sum())


def shapley_interactions(
    waves: Waves, signs: FloatArray, weighted: ComplexArray, order: int
) -> dict[Term, float]:
    """Return SV (order 1), or SII up to order 2, without the linear part.

    ``weighted`` is the empty set's product times alpha, ``(q, m)``.
    """
    m, n = signs.shape
    work = 4.0 * NODES * len(waves.nodes) * m * n * n
    if order > 2 or (order == 2 and work > MOST_WORK):
        raise BadInput(
            f"Shapley interactions of order {order} among {n} features and {m} masks are too many "
            "to integrate: take them from the spectrum, surrogate.spectrum().interactions(...)"
        )
    integrals = Integrals(waves, signs)
    products = integrals.products(weighted)
    values = -integrals.of_features(products)
    found: dict[Term, float] = {(i,): float(values[i]) for i in range(n)}
    if order == 2:
        pairs = 2 * integrals.of_pairs(products)
        found |= {pair: float(pairs[pair]) for pair in combinations(range(n), 2)}
    return found


def linear_variances(kernel: Kernel, terms: Sequence[Term]) -> FloatArray:
    """Return what the linear part adds to the prior variance of -2 F({i}): ``(t,)``."""
    shares = kernel.linear * kernel.linear_shares
    return np.array([4 * shares[term[0]] if len(term) == 1 else 0.0 for term in terms])
