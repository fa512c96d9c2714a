"""Posterior weights alpha = (K + noise)^-1 y: by Cholesky factor, or by conjugate gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.linalg import LinAlgError
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.lapack import dpotrf, dpotrs

from interplay.errors import BadInput
from interplay.surrogates.parity_gp.kernel import ROWS_AT_A_TIME, Kernel
from interplay.value_function import FloatArray

CHOLESKY_ROWS = 8192
"""Most masks for which the whole factor is made; beyond, its cube is slower than steps."""

ROWS_HELD = 1024
"""Rows of the matrix in one block of the half that is held."""

LANDMARKS = 1024
"""Rows whose columns of K precondition the conjugate gradients (Nyström)."""

TOLERANCE, MOST_STEPS = 1e-4, 400
"""Where conjugate gradients stop: residual over values; and their most steps."""


def memory(m: int) -> float:
    """Return the bytes that solving for m rows takes."""
    return 8.5 * m * m if m <= CHOLESKY_ROWS else 2.0 * m * m + 24.0 * LANDMARKS * m


def solve(kernel: Kernel, signs: FloatArray, values: FloatArray, weights: FloatArray) -> FloatArray:
    """Return alpha, ``(m,)``."""
    if len(signs) <= CHOLESKY_ROWS:
        alpha: FloatArray = dpotrs(factor(kernel, signs, weights), values, lower=True)[0]
        return alpha
    return _by_steps(kernel, signs, values, weights)


def factor(kernel: Kernel, signs: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the lower Cholesky factor of K + noise / weights, ``(m, m)`` in Fortran order."""
    jitter = 0.0
    while jitter < 1e-3:
        covariance = kernel(signs, signs)
        covariance.flat[:: len(signs) + 1] += kernel.noise / weights + jitter
        # symmetric, so that the transposed view is the same matrix in Fortran order
        lower, failed = dpotrf(covariance.T, lower=True, clean=False, overwrite_a=True)
        if not failed:
            result: FloatArray = lower
            return result
        jitter = max(10 * jitter, 1e-9)
    raise BadInput("the kernel matrix is not positive definite: values or masks are degenerate")


@dataclass(frozen=True, eq=False)
class _Symmetric:
    """A symmetric matrix ``(m, m)`` in single precision, of which one half is held.

    Block k has rows ``k * ROWS_HELD`` onwards, and the columns from the same one on.
    """

    m: int
    blocks: list[NDArray[np.float32]]

    @classmethod
    def of(cls, kernel: Kernel, signs: FloatArray, root: FloatArray) -> Self:
        """Return the kernel's matrix, its rows and columns multiplied by ``root``."""
        m, blocks = len(signs), []
        for start in range(0, m, ROWS_HELD):
            block = np.empty((min(ROWS_HELD, m - start), m - start), np.float32)
            for first in range(0, len(block), ROWS_AT_A_TIME):
                rows = slice(start + first, min(start + first + ROWS_AT_A_TIME, start + len(block)))
                part = kernel(signs[rows], signs[start:]) * root[rows, None] * root[start:]
                block[first : first + ROWS_AT_A_TIME] = part
            blocks.append(block)
        return cls(m, blocks)

    def times(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the product with a vector ``(m,)``."""
        product = np.zeros(self.m, np.float32)
        start = 0
        for block in self.blocks:
            k = len(block)
            product[start : start + k] += block @ vector[start:]
            product[start + k :] += vector[start : start + k] @ block[:, k:]
            start += k
        return product


def _factor_of(core: FloatArray) -> tuple[FloatArray, bool]:
    """Return the Cholesky factor of a matrix that was summed up in single precision.

    Rounding may make it indefinite where few directions carry nearly all: then more is added to its
    diagonal. It preconditions; what is solved does not depend on it.
    """
    typical = float(np.trace(core)) / len(core)
    for jitter in (1e-6, 1e-5, 1e-4, 1e-3):
        raised = core.copy()
        raised.flat[:: len(core) + 1] += jitter * typical
        try:
            factored: tuple[FloatArray, bool] = cho_factor(raised, lower=True, overwrite_a=True)
            return factored
        except LinAlgError:
            continue
    return np.diag(np.sqrt(np.maximum(np.diag(core), 1e-300))), True  # then it only scales


def _by_steps(
    kernel: Kernel, signs: FloatArray, values: FloatArray, weights: FloatArray
) -> FloatArray:
    """Conjugate gradients on the matrix in single precision, rows scaled to equal noise."""
    m, root = len(signs), np.sqrt(weights)
    covariance = _Symmetric.of(kernel, signs, root)
    # rows are in canonical order: every so-many-th is as good a choice as a random one
    some = np.linspace(0, m - 1, LANDMARKS).astype(np.intp)
    thin = np.empty((m, LANDMARKS), np.float32)
    for start in range(0, m, ROWS_AT_A_TIME):
        rows = slice(start, start + ROWS_AT_A_TIME)
        thin[rows] = kernel(signs[rows], signs[some]) * root[rows, None] * root[some]
    core = thin[some].astype(np.float64) * kernel.noise + (thin.T @ thin).astype(np.float64)
    small = _factor_of(core)

    def precondition(residual: FloatArray) -> FloatArray:
        inside = cho_solve(small, (residual.astype(np.float32) @ thin).astype(np.float64))
        left: FloatArray = (residual - thin @ inside.astype(np.float32)) / kernel.noise
        return left

    def times(vector: FloatArray) -> FloatArray:
        image: FloatArray = covariance.times(vector.astype(np.float32)) + kernel.noise * vector
        return image

    solution, residual = np.zeros(m), values * root
    aim = TOLERANCE * float(np.linalg.norm(residual))
    preconditioned = precondition(residual)
    step, size = preconditioned, float(residual @ preconditioned)
    for _ in range(MOST_STEPS):
        if np.linalg.norm(residual) <= aim or size <= 0:
            break
        image = times(step)
        length = size / float(step @ image)
        solution += length * step
        residual = residual - length * image
        preconditioned = precondition(residual)
        size, last = float(residual @ preconditioned), size
        step = preconditioned + (size / last) * step
    return solution * root
