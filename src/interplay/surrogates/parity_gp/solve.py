"""Posterior weights alpha = (K + noise)^-1 y: by Cholesky factor, or by conjugate gradients."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.lapack import dpotrf, dpotrs

from interplay.errors import BadInput
from interplay.surrogates.parity_gp.kernel import ROWS_AT_A_TIME, Kernel
from interplay.value_function import FloatArray

CHOLESKY_ROWS = 8192
"""Most masks for which the whole factor is made; beyond, its cube is slower than steps."""

LANDMARKS = 1024
"""Rows whose columns of K precondition the conjugate gradients (Nyström)."""

TOLERANCE, MOST_STEPS = 1e-4, 400
"""Where conjugate gradients stop: residual over values; and their most steps."""


def memory(m: int) -> float:
    """Return the bytes that solving for m rows takes."""
    return 8.5 * m * m if m <= CHOLESKY_ROWS else 4.0 * m * m + 12.0 * LANDMARKS * m


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


def _by_steps(
    kernel: Kernel, signs: FloatArray, values: FloatArray, weights: FloatArray
) -> FloatArray:
    """Conjugate gradients on the matrix in single precision, rows scaled to equal noise."""
    m, root = len(signs), np.sqrt(weights)
    covariance = np.empty((m, m), np.float32)
    for start in range(0, m, ROWS_AT_A_TIME):
        rows = slice(start, start + ROWS_AT_A_TIME)
        covariance[rows] = kernel(signs[rows], signs) * root[rows, None] * root
    # rows are in canonical order: every so-many-th is as good a choice as a random one
    some = np.linspace(0, m - 1, LANDMARKS).astype(np.intp)
    thin = np.ascontiguousarray(covariance[:, some])
    core = covariance[np.ix_(some, some)].astype(np.float64) * kernel.noise
    core += (thin.T @ thin).astype(np.float64)
    core.flat[:: LANDMARKS + 1] += 1e-6 * np.trace(core) / LANDMARKS
    small = cho_factor(core, lower=True, overwrite_a=True)

    def precondition(residual: FloatArray) -> FloatArray:
        inside = cho_solve(small, (residual.astype(np.float32) @ thin).astype(np.float64))
        left: FloatArray = (residual - thin @ inside.astype(np.float32)) / kernel.noise
        return left

    def times(vector: FloatArray) -> FloatArray:
        product: NDArray[np.float32] = covariance @ vector.astype(np.float32)
        image: FloatArray = product + kernel.noise * vector
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
