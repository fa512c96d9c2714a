"""Ridge regression of all main effects, its penalty found without a fold of its own."""

from __future__ import annotations

import numpy as np

from interplay.value_function import FloatArray


class Ridge:
    """Ridge regression of weighted rows; one eigen-decomposition serves every target."""

    def __init__(self, signs: FloatArray, weights: FloatArray) -> None:
        m, n = signs.shape
        self.weights, self.root, self.tall = weights, np.sqrt(weights), n <= m
        self.mean = (weights[:, None] * signs).sum(axis=0) / weights.sum()
        self.centred = (signs - self.mean) * self.root[:, None]
        # X'X or XX', whichever is smaller: both have the eigenvalues that matter
        square, self.vectors = np.linalg.eigh(
            self.centred.T @ self.centred if self.tall else self.centred @ self.centred.T
        )
        self.square = np.maximum(square, 0.0)

    def fit(self, values: FloatArray) -> tuple[float, FloatArray]:
        """Return constant and slopes; the penalty is found by generalised cross-validation."""
        mean = float((self.weights * values).sum() / self.weights.sum())
        target = (values - mean) * self.root
        moment = self.vectors.T @ (self.centred.T @ target if self.tall else target)
        penalty = np.logspace(-2, 4, 25)[:, None]
        share = self.square / (self.square + penalty)
        explained = np.square(moment)
        if self.tall:
            explained = explained / np.maximum(self.square, 1e-9)
        residual = np.square(1 - share) @ explained + max(target @ target - explained.sum(), 0.0)
        freedom = np.maximum(len(values) - 1 - share.sum(axis=1), 1e-9)
        best = penalty[np.argmin(residual / np.square(freedom)), 0]
        solution = self.vectors @ (moment / (self.square + best))
        slopes = solution if self.tall else self.centred.T @ solution
        return mean - float(self.mean @ slopes), slopes
