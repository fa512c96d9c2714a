"""Weighted ridge regression on parities, with errors that trust neither equal noise nor full rank.

Minimise ``sum_rows w (y - c - x b)^2 + penalty * |b|^2``. A penalty of 0 gives least squares, the
solution of least norm where that is not unique.
"""

from __future__ import annotations

import numpy as np

from interplay.value_function import FloatArray

_BLOCK = 1 << 22
"""Entries of the matrix from values to coefficients that are held at once: 32 MB."""


class WeightedRidge:
    """The rows of one training set, ready for any target and any penalty.

    Parameters
    ----------
    columns
        float64 ``(m, t)``.
    weights
        float64 ``(m,)``, at least 0.
    centre
        float64 ``(t,)``: what is taken off every row, so that the constant is the prediction there
        (and is 0 in what is fitted). None for the weighted mean: the constant is fitted, and free.

    Notes
    -----
    One eigen-decomposition of X'X or XX', whichever is smaller, serves all targets and penalties.
    """

    def __init__(
        self, columns: FloatArray, weights: FloatArray, centre: FloatArray | None = None
    ) -> None:
        m, t = columns.shape
        self.weights, self.root, self.tall = weights, np.sqrt(weights), t <= m
        self.free = centre is None
        self.centre = weights @ columns / weights.sum() if centre is None else centre
        self.rows = (columns - self.centre) * self.root[:, None]
        square, vectors = np.linalg.eigh(
            self.rows.T @ self.rows if self.tall else self.rows @ self.rows.T
        )
        # directions that no row tells of: least squares leaves them at 0
        told = square > 10 * max(m, t) * np.finfo(np.float64).eps * square.max(initial=0.0)
        self.square, self.vectors = square[told], vectors[:, told]

    def solve(self, values: FloatArray, penalties: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return constants ``(p,)`` and slopes ``(t, p)``."""
        mean = float(self.weights @ values / self.weights.sum()) if self.free else 0.0
        target = (values - mean) * self.root
        moment = self.vectors.T @ (self.rows.T @ target if self.tall else target)
        solution = self.vectors @ (moment[:, None] / (self.square[:, None] + penalties))
        slopes = solution if self.tall else self.rows.T @ solution
        return mean - self.centre @ slopes, slopes

    def errors(
        self, penalty: float, spread: FloatArray, prior: float, freedom: FloatArray
    ) -> tuple[float, FloatArray]:
        """Return standard errors of constant and slopes ``(t,)``.

        Parameters
        ----------
        spread
            float ``(m,)``: squared deviation of every value from what is predicted for it. Each row
            brings its own (a sandwich): a model of low order misses by more on some masks than on
            others, and rows may count very unequally.
        prior, freedom
            variance of a slope before any row tells of it, and float ``(t,)``, the share of it that
            no condition settles. What the penalty takes away, and what no row tells of, is that
            uncertain. For equal spreads s and prior = s / penalty the two parts add up to the
            Gaussian posterior of the ridge.
        """
        m, t = self.rows.shape
        shrunk = np.square(penalty / (self.square + penalty))
        smoother = self.vectors / (self.square + penalty)
        variance, constant = np.empty(t), np.zeros(m)
        unknown = np.empty(t)
        step = max(1, _BLOCK // max(m, len(self.square), 1))
        for a in range(0, t, step):
            part = slice(a, a + step)
            if self.tall:
                directions = self.vectors[part]
                to_slopes = (smoother[part] @ self.vectors.T) @ self.rows.T
            else:
                directions = self.rows[:, part].T @ self.vectors / np.sqrt(self.square)
                to_slopes = (self.rows[:, part].T @ smoother) @ self.vectors.T
            to_slopes = to_slopes * self.root
            told = np.square(directions)
            untold = np.maximum(freedom[part] - told.sum(axis=1), 0.0)
            unknown[part] = untold + told @ shrunk
            variance[part] = np.square(to_slopes) @ spread
            constant -= self.centre[part] @ to_slopes
        if self.free:
            constant = constant + self.weights / self.weights.sum()
        unknown = prior * np.where(unknown > 1e-9, unknown, 0.0)  # less is rounding of a full rank
        of_constant = np.square(constant) @ spread + np.square(self.centre) @ unknown
        return float(np.sqrt(of_constant)), np.sqrt(variance + unknown)


def rows_that_count(weights: FloatArray) -> float:
    """Return how many equal rows tell as much as rows of these weights (Kish, 1965).

    >>> rows_that_count(np.array([1.0, 1.0, 1.0, 0.0]))
    3.0
    """
    squares = float(np.square(weights).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0
