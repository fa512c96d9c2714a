"""``"lasso"``: main effects only, with a cross-validated L1 penalty."""

from __future__ import annotations

import warnings
from typing import ClassVar, Self

import numpy as np

from interplay.packing import pack_terms
from interplay.spectrum import Spectrum
from interplay.surrogates.base import SparseSurrogate
from interplay.surrogates.crossval import TUNING_FOLDS, assign_folds
from interplay.value_function import BoolArray, FloatArray


class Lasso(SparseSurrogate):
    """L1-penalised regression of order 1 (ContextCite's estimator), penalty by cross-validation."""

    method: ClassVar[str] = "lasso"

    def fit(self, masks: BoolArray, values: FloatArray, *, rng: np.random.Generator) -> Self:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LassoCV

        n = masks.shape[1]
        location, spread = float(values.mean()), float(values.std())
        folds = assign_folds(masks, rng, TUNING_FOLDS)
        if spread <= 1e-12 * max(1.0, abs(location)) or folds.max() < 1:
            self.series = Spectrum({(): location}, n, errors={(): 0.0})
            self.cross_validated_error = spread**2
            return self
        signs = 1.0 - 2.0 * masks
        scaled = (values - location) / spread
        splits = [
            (np.flatnonzero(folds != fold), np.flatnonzero(folds == fold))
            for fold in range(folds.max() + 1)
        ]
        model = LassoCV(alphas=50, cv=splits, precompute=True, tol=1e-4, max_iter=2000)
        with (
            warnings.catch_warnings()
        ):  # an inexact optimum is judged on held-out rows like any other
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(signs, scaled)
        chosen = int(np.argmin(np.abs(model.alphas_ - model.alpha_)))
        error = float(model.mse_path_[chosen].mean())
        active = np.flatnonzero(model.coef_)
        self.cross_validated_error = error * spread**2
        self.series = Spectrum.from_packed(
            pack_terms([(), *((int(i),) for i in active)], n),
            np.concatenate([[location + spread * model.intercept_], spread * model.coef_[active]]),
            n,
            standard_errors=spread * _errors(signs[:, active].astype(np.float64), error),
        )
        return self


def _errors(active: FloatArray, noise: float) -> FloatArray:
    """Standard errors of constant and slopes by least squares on the selected features."""
    m, k = active.shape
    design = np.concatenate([np.ones((m, 1)), active], axis=1)
    # one unit of ridge keeps this finite where features outnumber rows
    covariance = np.linalg.inv(design.T @ design + np.eye(k + 1))
    errors: FloatArray = np.sqrt(noise * np.diag(covariance))
    return errors
