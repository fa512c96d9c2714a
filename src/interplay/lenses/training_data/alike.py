"""Which examples have the same effects on all targets: the evidence, from the effects alone."""

from __future__ import annotations

from typing import Final

import numpy as np

from interplay.value_function import FloatArray

RELATED: Final = (0.3, 0.5)
"""Correlations of the effects of examples that have something to do with each other, or nothing at
all: those of one class, for instance."""
ALIKE: Final = (0.8, 0.9, 0.95, 0.98, 0.99, 1.0)
"""Correlations of the effects of alike examples."""
CORRELATIONS: Final = (*RELATED, 0.7, *ALIKE)
SCALES: Final = np.exp(np.linspace(-6.0, 4.0, 41))
"""How strong an example may be, as a multiple of the mean variance of effects."""
FLOOR: Final = 1e-8
"""Of effects without noise: the variance of noise that they are taken to have, as a share."""


def alike(
    effects: FloatArray, noise: FloatArray, most: int | None = None
) -> tuple[FloatArray, FloatArray]:
    """Return how much speaks for two examples having the same effects, and how alike they are.

    Effects are vectors over targets, measured with noise, draws from one normal population, each
    with a strength of its own. Of two alike examples they are correlated (``ALIKE``); of others
    they are independent, or related at most (``RELATED``). The evidence is the logarithm of the
    ratio of the two likelihoods, each at its best correlation. An example of hardly any effect is
    like any other such one, and no evidence either way. (Of voices this is called probabilistic
    linear discriminant analysis: Ioffe 2006; Prince and Elder 2007.)

    Parameters
    ----------
    effects : float64 (n, q)
    noise : float64 (q, q)
        Covariance of the noise in them, the same for all.
    most : int, optional
        How many dimensions of the targets' space are looked at, those of most noise.

    Returns
    -------
    evidence : float64 (n, n)
        Natural logarithm of the ratio; symmetric, 0 in the diagonal.
    correlation : float64 (n, n)
        The likeliest of 0 and ``CORRELATIONS``; 1 in the diagonal.

    Examples
    --------
    >>> effects = np.random.default_rng(0).normal(size=(20, 30))
    >>> effects[7] = effects[3]
    >>> evidence, correlation = alike(effects, 0.01 * np.eye(30))
    >>> bool(evidence[3, 7] == evidence.max()), float(correlation[3, 7])
    (True, 1.0)
    """
    n = len(effects)
    found, correlation = np.zeros((n, n)), np.eye(n)
    seen = _whitened(effects, noise, most)
    if seen is None:
        return found, correlation
    numbers, signal = seen
    logs = np.log(np.multiply.outer(SCALES, signal) + 1).sum(axis=1)
    squares = np.square(numbers) @ (1 / (np.multiply.outer(SCALES, signal) + 1)).T
    apart = -0.5 * (logs + squares)  # (n, scales): log-likelihood of each example by itself
    scale, alone = SCALES[apart.argmax(axis=1)], apart.max(axis=1)
    for i in range(n - 1):
        rest = slice(i + 1, n)
        both, differ = (
            np.square(numbers[i] + sign * numbers[rest]) / 2 for sign in (1.0, -1.0)
        )  # of a pair's sum and difference, over the square root of 2: they are independent
        variance = np.multiply.outer(np.sqrt(scale[i] * scale[rest]), signal)
        best = other = alone[i] + alone[rest]  # of nothing in common
        like = np.full(n - i - 1, -np.inf)
        for rho in CORRELATIONS:
            up, down = variance * (1 + rho) + 1, variance * (1 - rho) + 1
            together = -0.5 * (np.log(up * down) + both / up + differ / down).sum(axis=1)
            correlation[i, rest][together > best] = rho
            best = np.maximum(best, together)
            if rho in RELATED:
                other = np.maximum(other, together)
            elif rho in ALIKE:
                like = np.maximum(like, together)
        found[i, rest] = like - other
    correlation = np.triu(correlation, 1)
    return found + found.T, correlation + correlation.T + np.eye(n)


def _whitened(
    effects: FloatArray, noise: FloatArray, most: int | None
) -> tuple[FloatArray, FloatArray] | None:
    """Effects where noise is white, of variance 1, and what varies beside it is uncorrelated.

    With the variance of each dimension beside the noise; None where there is nothing to see.
    """
    n, q = effects.shape
    size = float(np.square(effects).mean())
    if size == 0.0:
        return None
    values, axes = np.linalg.eigh(noise + FLOOR * size * np.eye(q))
    kept = values > 1e-10 * values[-1]
    if most is not None:
        kept[: max(q - most, 0)] = False
    white = effects @ (axes[:, kept] / np.sqrt(values[kept]))
    signal, turned = np.linalg.eigh(white.T @ white / n - np.eye(white.shape[1]))
    return white @ turned, np.maximum(signal, 0.0)
