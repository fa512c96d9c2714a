"""``"lasso"``: main effects only, with a cross-validated L1 penalty."""

from __future__ import annotations

import warnings
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from interplay.packing import pack_terms
from interplay.spectrum import Spectrum
from interplay.surrogates.base import SparseSurrogate
from interplay.surrogates.crossval import errors_of_others
from interplay.value_function import BoolArray, FloatArray

PENALTIES = 50


class Lasso(SparseSurrogate):
    """L1-penalised regression of order 1 (ContextCite's estimator), penalty by cross-validation."""

    method: ClassVar[str] = "lasso"

    def fit(
        self,
        masks: BoolArray,
        values: FloatArray,
        *,
        folds: NDArray[np.intp],
        rng: np.random.Generator,
    ) -> Self:
        n = masks.shape[1]
        location, spread = float(values.mean()), float(values.std())
        if spread <= 1e-12 * max(1.0, abs(location)) or folds.max() < 1:
            return self.fit_constant(values, n)
        signs: FloatArray = 1.0 - 2.0 * masks.astype(np.float64)
        scaled = (values - location) / spread
        penalties = np.geomspace(1.0, 1e-3, PENALTIES) * _largest(signs, scaled)
        predicted = np.full((len(values), PENALTIES), np.nan)
        errors = np.zeros((folds.max() + 1, PENALTIES))
        for fold in range(folds.max() + 1):
            test = folds == fold
            constants, slopes = _path(signs[~test], scaled[~test], penalties)
            predicted[test] = constants + signs[test] @ slopes
            errors[fold] = np.square(scaled[test, None] - predicted[test]).sum(axis=0)
        self.out_of_fold = np.full(len(values), np.nan)
        for fold, others in enumerate(errors_of_others(errors)):
            test = folds == fold
            self.out_of_fold[test] = location + spread * predicted[test, others.argmin()]
        chosen = errors.sum(axis=0).argmin()
        constants, slopes = _path(signs, scaled, penalties[: chosen + 1])
        constant, slope = constants[-1], slopes[:, -1]
        noise = float(errors[:, chosen].sum() / (folds >= 0).sum())
        active = np.flatnonzero(slope)
        self.series = Spectrum.from_packed(
            pack_terms([(), *((int(i),) for i in active)], n),
            np.concatenate([[location + spread * constant], spread * slope[active]]),
            n,
            standard_errors=spread * _errors(signs[:, active], noise),
        )
        return self


def _largest(signs: FloatArray, values: FloatArray) -> float:
    """The smallest penalty under which every slope is zero."""
    centred = values - values.mean()
    return float(np.abs(centred @ (signs - signs.mean(axis=0))).max() / len(values))


def _path(
    signs: FloatArray, values: FloatArray, penalties: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return constants ``(p,)`` and slopes ``(n, p)`` along falling penalties."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import lasso_path

    mean, target_mean = signs.mean(axis=0), values.mean()
    centred = np.asfortranarray(signs - mean)
    with warnings.catch_warnings():
        # an inexact optimum is judged on held-out rows like any other
        warnings.simplefilter("ignore", ConvergenceWarning)
        _, slopes, _ = lasso_path(
            centred,
            values - target_mean,
            alphas=penalties,
            precompute=centred.T @ centred,
            max_iter=2000,
        )
    return target_mean - mean @ slopes, slopes


def _errors(active: FloatArray, noise: float) -> FloatArray:
    """Standard errors of constant and slopes by least squares on the selected features."""
    m, k = active.shape
    design = np.concatenate([np.ones((m, 1)), active], axis=1)
    # one unit of ridge keeps this finite where features outnumber rows
    covariance = np.linalg.inv(design.T @ design + np.eye(k + 1))
    errors: FloatArray = np.sqrt(noise * np.diag(covariance))
    return errors
