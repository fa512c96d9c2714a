"""``"lasso"``: main effects only, with a cross-validated L1 penalty."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from interplay.packing import pack_terms
from interplay.surrogates.base import Regression, RegressionSurrogate
from interplay.surrogates.crossval import best_of_others
from interplay.surrogates.sample import Sample
from interplay.value_function import FloatArray

PENALTIES = 50


class Lasso(RegressionSurrogate):
    """L1-penalised regression of order 1 (ContextCite's estimator), penalty by cross-validation."""

    method: ClassVar[str] = "lasso"
    wide: ClassVar[bool] = True

    @classmethod
    def regress(
        cls, sample: Sample, targets: list[FloatArray], rng: np.random.Generator
    ) -> Iterator[Regression]:
        m, q = len(sample.masks), len(targets)
        signs, folds, weights = sample.signs, sample.folds, sample.weights
        whole = _Rows(signs, weights)
        penalties = [np.geomspace(1.0, 1e-3, PENALTIES) * whole.largest(y) for y in targets]
        predicted = np.full((q, m, PENALTIES), np.nan)
        errors = np.zeros((q, sample.k, PENALTIES))
        for fold in range(sample.k):
            test, columns = folds == fold, sample.columns(fold)
            train = _Rows(signs[~test][:, columns], weights[~test])
            for j, y in enumerate(targets):
                constants, slopes = train.path(y[~test], penalties[j])
                predicted[j, test] = constants + signs[test][:, columns] @ slopes
                squares = np.square(y[test, None] - predicted[j, test])
                errors[j, fold] = (squares * weights[test, None]).sum(axis=0)
        for j, y in enumerate(targets):
            out_of_fold = best_of_others(predicted[j], errors[j], folds)
            chosen = errors[j].sum(axis=0).argmin()
            constants, slopes = whole.path(y, penalties[j][: chosen + 1])
            constant, slope = constants[-1], slopes[:, -1]
            active = np.flatnonzero(slope)
            noise = sample.inflation * float(errors[j, :, chosen].sum() / sample.tested)
            yield Regression(
                pack_terms([(), *((int(i),) for i in active)], sample.n),
                np.concatenate([[constant], slope[active]]),
                _errors(signs[:, active], weights, noise),
                out_of_fold,
            )


class _Rows:
    """The rows of one training set, ready for any target."""

    def __init__(self, signs: FloatArray, weights: FloatArray) -> None:
        self.weights, self.root = weights, np.sqrt(weights)
        self.mean = (weights[:, None] * signs).sum(axis=0) / weights.sum()
        self.centred = np.asfortranarray((signs - self.mean) * self.root[:, None])
        self.gram = self.centred.T @ self.centred

    def centre(self, values: FloatArray) -> tuple[float, FloatArray]:
        """Return the mean, and the root of the weights times what is left without it."""
        mean = float((self.weights * values).sum() / self.weights.sum())
        return mean, (values - mean) * self.root

    def largest(self, values: FloatArray) -> float:
        """Return the smallest penalty under which every slope is zero."""
        rows = np.ascontiguousarray(self.centred)
        return float(np.abs(self.centre(values)[1] @ rows).max() / len(values))

    def path(self, values: FloatArray, penalties: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return constants ``(p,)`` and slopes ``(n, p)`` along falling penalties."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import lasso_path

        mean, centred = self.centre(values)
        with warnings.catch_warnings():
            # an inexact optimum is judged on held-out rows like any other
            warnings.simplefilter("ignore", ConvergenceWarning)
            _, slopes, _ = lasso_path(
                self.centred,
                centred,
                alphas=penalties,
                precompute=self.gram,
                max_iter=2000,
                check_input=False,  # it would be checked again for every penalty
            )
        return mean - self.mean @ slopes, slopes


def _errors(active: FloatArray, weights: FloatArray, noise: float) -> FloatArray:
    """Standard errors of constant and slopes by least squares on the selected features."""
    m, k = active.shape
    design = np.concatenate([np.ones((m, 1)), active], axis=1) * np.sqrt(weights)[:, None]
    # one unit of ridge keeps this finite where features outnumber rows
    covariance = np.linalg.inv(design.T @ design + np.eye(k + 1))
    errors: FloatArray = np.sqrt(noise * np.diag(covariance))
    return errors
