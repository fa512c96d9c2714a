"""Walsh coefficients of the parity-product kernel in closed form, coupled part included.

exp(-t^2 / 2) is the mean of cos(omega t) over normal omega: :class:`Waves` replaces it by a sum
over nodes. Each node makes the kernel a product over features, of a complex number for each sign:

    (1 + rho z z') / (1 + rho) * exp(i theta (z - z')) = A(z') + B(z') z,      theta = omega d_i

so that every coefficient is one too: over j the sum of alpha_j prod_{i in S} B_i prod_{i not in S}
A_i. The product of all A is a complex exponential of z'; the ratio B / A is i Im(r) + z' Re(r) with

    r = (rho + i (1 - rho^2) sin theta cos theta) / (cos^2 theta + rho^2 sin^2 theta)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from interplay.packing import IntArray, Term
from interplay.surrogates.parity_gp.kernel import Kernel
from interplay.value_function import FloatArray

ComplexArray = NDArray[np.complex128]

CUT = 6.0
"""Nodes reach to so many standard deviations: what is left out is below 1e-8."""


@dataclass(frozen=True, eq=False)
class Waves:
    """The product parts of a kernel as a sum over nodes, each a product over features.

    Attributes
    ----------
    kernel
        whose parts these are.
    nodes, shares
        omega and its weight, ``(q,)``; the first node is 0 and carries the uncoupled part too.
    """

    kernel: Kernel
    nodes: FloatArray
    shares: FloatArray

    @classmethod
    def of(cls, kernel: Kernel) -> Waves:
        """Return enough nodes for the largest difference of scores that two masks can have.

        The trapezoidal rule is exact, up to the cut, for differences below its period less the cut.
        """
        if not kernel.coupled or not kernel.direction.any():
            return cls(kernel, np.zeros(1), np.array([kernel.product]))
        widest = 2 * float(np.abs(kernel.direction).sum())
        step = 2 * np.pi / (widest + CUT)
        nodes = np.arange(int(np.ceil(CUT / step)) + 1, dtype=np.float64) * step
        shares: FloatArray = kernel.coupled * step * np.exp(-0.5 * nodes**2) / np.sqrt(2 * np.pi)
        shares[1:] *= 2  # omega and -omega
        shares[0] += kernel.product
        return cls(kernel, nodes, shares)

    @cached_property
    def ratios(self) -> ComplexArray:
        """r, ``(q, n)``."""
        theta, rho = np.outer(self.nodes, self.kernel.direction), self.kernel.correlations
        cos, sin = np.cos(theta), np.sin(theta)
        size = np.square(cos) + np.square(rho * sin)
        ratio = np.empty(theta.shape, np.complex128)
        ratio.real, ratio.imag = rho / size, (1 - np.square(rho)) * sin * cos / size
        return ratio

    def ratio(self, signs: FloatArray, feature: int) -> ComplexArray:
        """Return B / A of a feature: ``(q, m)``."""
        r = self.ratios[:, feature, None]
        ratio = np.empty((len(r), len(signs)), np.complex128)
        ratio.real, ratio.imag = r.real * signs[:, feature], r.imag
        return ratio

    def empty(self, signs: FloatArray) -> ComplexArray:
        """Return the product of all A, times the share of the node: ``(q, m)``."""
        theta, rho = np.outer(self.nodes, self.kernel.direction), self.kernel.correlations
        a = np.cos(theta) + 1j * rho * np.sin(theta)
        size = np.log(np.abs(a)).sum(axis=1) - np.log1p(rho).sum()
        turn = (np.angle(a) - theta) @ signs.T
        empty: ComplexArray = (self.shares * np.exp(size))[:, None] * np.exp(1j * turn)
        return empty

    def children(self, parents: ComplexArray, signs: FloatArray) -> FloatArray:
        """Return the sums over nodes and rows of parents ``(p, q, m)`` times B / A: ``(p, n)``.

        With rows weighted by alpha, these are the coefficients of the parent's set and one feature
        more, for every feature at once.
        """
        p, q, m = parents.shape
        total = parents.sum(axis=2).imag
        by_feature = (parents.real.reshape(p * q, m) @ signs).reshape(p, q, -1)
        r = self.ratios
        sums: FloatArray = (by_feature * r.real).sum(axis=1) - total @ r.imag
        return sums

    def prior(self, sets: Sequence[Term]) -> FloatArray:
        """Return the prior variance of coefficients, without the linear part and the constant."""
        same, ratio = self._shrinkage
        found: FloatArray = np.array(
            [(same * ratio[:, list(members)].prod(axis=1)).sum() for members in sets]
        )
        return found

    @cached_property
    def _shrinkage(self) -> tuple[FloatArray, FloatArray]:
        """Prior variance of the constant by node ``(q,)``, and its factor for a feature."""
        rho = self.kernel.correlations
        twice = np.cos(2 * np.outer(self.nodes, self.kernel.direction))
        outside = ((1 + rho) + (1 - rho) * twice) / (2 * (1 + rho))
        inside = ((1 + rho) - (1 - rho) * twice) / (2 * (1 + rho))
        return self.shares * outside.prod(axis=1), inside / outside

    @cached_property
    def covariances(self) -> tuple[ComplexArray, ComplexArray, ComplexArray, ComplexArray]:
        """Each feature's factor as c00 + c10 z + c01 z' + c11 z z': four of ``(q, n)``."""
        theta, rho = np.outer(self.nodes, self.kernel.direction), self.kernel.correlations
        cos, sin = np.cos(theta), np.sin(theta)
        mixed: ComplexArray = np.zeros(theta.shape, np.complex128)
        mixed.imag = (1 - rho) * sin * cos / (1 + rho)
        return (
            ((np.square(cos) + rho * np.square(sin)) / (1 + rho)).astype(np.complex128),
            mixed,
            -mixed,
            ((np.square(sin) + rho * np.square(cos)) / (1 + rho)).astype(np.complex128),
        )

    def superset_bounds(self, order: IntArray) -> SupersetBounds:
        """Return bounds on the prior variance of sets that are grown in this order of features."""
        same, ratio = self._shrinkage
        ratio = ratio[:, order]
        # what features from each place on can do at most, at least one of them being added
        most = np.ones((len(same), ratio.shape[1] + 1))
        most[:, :-1] = np.cumprod(np.maximum(ratio, 1.0)[:, ::-1], axis=1)[:, ::-1]
        one = np.zeros_like(most)
        one[:, :-1] = np.maximum.accumulate(ratio[:, ::-1], axis=1)[:, ::-1]
        return SupersetBounds(same, ratio, ratio * (most * np.minimum(one, 1.0))[:, 1:])


@dataclass(frozen=True, eq=False)
class SupersetBounds:
    """Bounds on prior variances; features are counted by their place in an order.

    Attributes
    ----------
    same
        ``(q,)``: prior variance of the constant by node.
    ratio, beyond
        ``(q, n)``: the factor for a feature, and for it together with later ones, at least one.
    """

    same: FloatArray
    ratio: FloatArray
    beyond: FloatArray

    def of(self, places: tuple[int, ...]) -> FloatArray:
        """Return for every i after these: the most of any set that has these, i, and later ones."""
        bound: FloatArray = (self.same * self.ratio[:, list(places)].prod(axis=1)) @ self.beyond
        return bound
