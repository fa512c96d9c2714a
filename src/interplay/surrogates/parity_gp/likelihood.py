"""Hyper-parameters of the parity-product kernel, by penalised marginal likelihood.

Two stages, both by L-BFGS with analytic gradients. The first finds the relevances: log lambda_i is
normal about a common level that is free, with a standard deviation that is given. Without that
prior, relevances over-fit wherever there are fewer than some 2 n masks; with it, features are as
different as the data can tell. The second finds how far the effects depend on the score of the
whole input (see :mod:`interplay.surrogates.parity_gp.kernel`): relevances stay as they are, for
freeing both at once, or every element of the direction, fits noise.

With alpha = K^-1 y, G = (alpha alpha' - K^-1) / 2 and W = G * P elementwise, the gradient of the
log likelihood for all log lambda_i together is -(sum(W) - diag(Z'WZ)) lambda_i / 2 times the
variance of the part: one product of O(m^2 n).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotri, dpotrs
from scipy.optimize import minimize

from interplay.surrogates.parity_gp.kernel import Kernel, products
from interplay.value_function import FloatArray

CONSTANT = 1.0
"""Prior variance of the constant, on the scale of the values: they are centred, it may move."""

RELEVANCE_STEPS, COUPLING_STEPS = 15, 8
"""Most steps of the optimiser: later ones find nothing that held-out rows can see."""

AMPLITUDE, NOISE, WIDTH = (-1.0, 2.0), (-3.0, 2.0), (np.log(0.7), 1.0)
"""Normal priors (mean, standard deviation) of log variances, log noise and log |d|."""

HOPELESS = 1e10
"""Loss where the matrix is not positive definite; infinity would break the line search."""

Objective = Callable[[FloatArray], tuple[float, FloatArray]]


def fit_kernel(signs: FloatArray, values: FloatArray, weights: FloatArray, spread: float) -> Kernel:
    """Return the kernel of largest penalised marginal likelihood.

    Parameters
    ----------
    signs, values, weights
        float64 ``(m, n)``, ``(m,)`` of mean 0 and variance 1, and ``(m,)``: the noise of a row is
        inverse to its weight. Cost is O(m^3) a step: give some hundred rows.
    spread
        prior standard deviation of log lambda about its common level.
    """
    return _couple(_relevances(signs, values, weights, spread), signs, values, weights)


def _relevances(
    signs: FloatArray, values: FloatArray, weights: FloatArray, spread: float
) -> Kernel:
    n = signs.shape[1]

    def objective(point: FloatArray) -> tuple[float, FloatArray]:
        logs, level = point[:n], point[n]
        linear, product, noise = np.exp(point[n + 1 :])
        relevances = np.exp(logs)
        log_product, part = products(signs, signs, relevances)
        straight = 1.0 + log_product * (2 / relevances.sum())
        covariance = linear * straight + product * part
        found = _likelihood(covariance, noise, values, weights)
        if found is None:
            return HOPELESS, np.zeros_like(point)
        loss, inner, leftover = found
        weighted = inner * part
        by_linear = (signs * (inner @ signs)).sum(axis=0)
        shares = relevances / relevances.sum()
        slope = np.empty_like(point)
        slope[:n] = (0.5 * product * relevances) * (
            weighted.sum() - (signs * (weighted @ signs)).sum(axis=0)
        ) - linear * shares * (by_linear - shares @ by_linear)
        slope[n + 1] = -linear * (shares @ by_linear)
        slope[n + 2] = -product * weighted.sum()
        slope[n + 3] = -noise * leftover
        off = (logs - level) / spread
        slope[:n] += off / spread
        slope[n] = -off.sum() / spread
        penalty, push = _prior(point[n + 1 :], [AMPLITUDE, AMPLITUDE, NOISE])
        slope[n + 1 :] += push
        return loss + 0.5 * float(off @ off) + penalty, slope

    start = np.concatenate(
        [np.full(n + 1, np.log(2.0 / n)), np.log([0.5, 0.5, 0.1])]  # levels: lambda adds up to 2
    )
    best = _minimum(objective, start, RELEVANCE_STEPS)
    linear, product, noise = np.exp(best[n + 1 :]).tolist()
    return Kernel(np.exp(best[:n]), np.zeros(n), CONSTANT, linear, product, 0.0, noise)


def _couple(kernel: Kernel, signs: FloatArray, values: FloatArray, weights: FloatArray) -> Kernel:
    log_product, part = products(signs, signs, kernel.relevances)
    straight = 1.0 + log_product * (2 / kernel.relevances.sum())
    solved = _solved(
        kernel.linear * straight + kernel.product * part, kernel.noise, values, weights
    )
    if solved is None:
        return kernel
    direction = main_effects(kernel, signs, solved[1])
    length = float(np.linalg.norm(direction))
    if length <= 1e-9:
        return kernel
    direction = direction / length
    scores = signs @ direction
    squared = np.square(scores[:, None] - scores)

    def objective(point: FloatArray) -> tuple[float, FloatArray]:
        linear, product, coupled, noise, width = np.exp(point)
        alike = np.exp(squared * (-0.5 * width**2))
        alike *= part
        covariance = linear * straight + product * part + coupled * alike
        found = _likelihood(covariance, noise, values, weights)
        if found is None:
            return HOPELESS, np.zeros_like(point)
        loss, inner, leftover = found
        by_alike = inner * alike
        slope = np.array(
            [
                -linear * np.vdot(inner, straight),
                -product * np.vdot(inner, part),
                -coupled * by_alike.sum(),
                -noise * leftover,
                coupled * width**2 * np.vdot(by_alike, squared),
            ]
        )
        penalty, push = _prior(point, [AMPLITUDE, AMPLITUDE, AMPLITUDE, NOISE, WIDTH])
        return loss + penalty, slope + push

    start = np.log([kernel.linear, kernel.product, 0.3, kernel.noise, np.exp(WIDTH[0])])
    best = _minimum(objective, start, COUPLING_STEPS)
    linear, product, coupled, noise, width = np.exp(best).tolist()
    return Kernel(kernel.relevances, width * direction, CONSTANT, linear, product, coupled, noise)


def main_effects(kernel: Kernel, signs: FloatArray, alpha: FloatArray) -> FloatArray:
    """Return F({i}) ``(n,)`` of the posterior mean of a kernel without a coupled part."""
    rho = kernel.correlations
    prior = kernel.product * rho * np.exp(-np.log1p(rho).sum()) + kernel.linear * (
        kernel.linear_shares
    )
    effects: FloatArray = prior * (alpha @ signs)
    return effects


def _solved(
    covariance: FloatArray, noise: float, values: FloatArray, weights: FloatArray
) -> tuple[FloatArray, FloatArray] | None:
    """Return the Cholesky factor with noise and constant, and alpha; ``covariance`` is used up.

    None where the matrix is not positive definite.
    """
    covariance += CONSTANT
    covariance.flat[:: len(values) + 1] += noise * (1.0 / weights)
    factor, failed = dpotrf(covariance.T, lower=True, overwrite_a=True)  # symmetric: .T is Fortran
    return None if failed else (factor, dpotrs(factor, values, lower=True)[0])


def _likelihood(
    covariance: FloatArray, noise: float, values: FloatArray, weights: FloatArray
) -> tuple[float, FloatArray, float] | None:
    """Return the negative log likelihood, G, and the sum of G over the diagonal by weight.

    ``covariance`` is used up. None where the matrix is not positive definite.
    """
    solved = _solved(covariance, noise, values, weights)
    if solved is None:
        return None
    factor, alpha = solved
    loss = 0.5 * float(values @ alpha) + float(np.log(np.diag(factor)).sum())
    inverse, failed = dpotri(factor, lower=True, overwrite_c=True)
    if failed:
        return None
    own = np.diag(inverse).copy()
    inverse = np.tril(inverse, -1)
    inverse += inverse.T
    gradient = np.outer(alpha, alpha)
    gradient -= inverse
    gradient.flat[:: len(values) + 1] -= own
    gradient *= 0.5
    return loss, gradient, float((np.diag(gradient) * (1.0 / weights)).sum())


def _prior(point: FloatArray, normals: list[tuple[float, float]]) -> tuple[float, FloatArray]:
    mean, sd = np.array(normals).T
    off = (point - mean) / sd
    return 0.5 * float(off @ off), off / sd


def _minimum(objective: Objective, start: FloatArray, steps: int) -> FloatArray:
    found = minimize(
        objective,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(-18.0, 9.0)] * len(start),  # logarithms: keeps exp finite on wild line searches
        options={"maxiter": steps, "maxcor": 20, "ftol": 1e-6},
    )
    best: FloatArray = found.x
    return best
