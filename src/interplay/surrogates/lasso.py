"""``"lasso"``: main effects only, with a cross-validated L1 penalty."""

from __future__ import annotations

import warnings
from typing import ClassVar, Self, TypeVar

import numpy as np

from interplay.packing import pack_terms
from interplay.spectrum import Spectrum
from interplay.surrogates.base import SparseSurrogate
from interplay.surrogates.crossval import errors_of_others
from interplay.surrogates.sample import Sample
from interplay.value_function import FloatArray

PENALTIES = 50

AnyLasso = TypeVar("AnyLasso", bound="Lasso")


class Lasso(SparseSurrogate):
    """L1-penalised regression of order 1 (ContextCite's estimator), penalty by cross-validation."""

    method: ClassVar[str] = "lasso"

    @classmethod
    def fit_targets(
        cls, sample: Sample, values: FloatArray, rng: np.random.Generator
    ) -> list[Self]:
        fits: list[Self | None] = [cls.constant(sample, column) for column in values.T]
        varied = [j for j, fitted in enumerate(fits) if fitted is None]
        if varied:
            scale = [(float(values[:, j].mean()), float(values[:, j].std())) for j in varied]
            scaled = [
                (values[:, j] - location) / spread
                for j, (location, spread) in zip(varied, scale, strict=True)
            ]
            for j, fitted in zip(varied, _fit(cls, sample, scaled, scale), strict=True):
                fits[j] = fitted
        return [fitted for fitted in fits if fitted is not None]


def _fit(
    cls: type[AnyLasso],
    sample: Sample,
    scaled: list[FloatArray],
    scale: list[tuple[float, float]],
) -> list[AnyLasso]:
    signs, folds, weights = sample.signs, sample.folds, sample.row_weights
    grids = [np.geomspace(1.0, 1e-3, PENALTIES) * _largest(signs, y, weights) for y in scaled]
    predicted = [np.full((len(folds), PENALTIES), np.nan) for _ in scaled]
    errors = [np.zeros((sample.k, PENALTIES)) for _ in scaled]
    for fold in range(sample.k):
        test = folds == fold
        design = _Design(signs[~test], sample.of(~test))
        for j, y in enumerate(scaled):
            constants, slopes = design.path(y[~test], grids[j])
            predicted[j][test] = constants + signs[test] @ slopes
            squared = np.square(y[test, None] - predicted[j][test])
            if sample.weights is not None:
                squared = squared * weights[test, None]
            errors[j][fold] = squared.sum(axis=0)
    whole = _Design(signs, sample.weights)
    fits = []
    for j, (y, (location, spread)) in enumerate(zip(scaled, scale, strict=True)):
        fitted = cls()
        fitted.out_of_fold = np.full(len(folds), np.nan)
        for fold, others in enumerate(errors_of_others(errors[j])):
            test = folds == fold
            fitted.out_of_fold[test] = location + spread * predicted[j][test, others.argmin()]
        chosen = errors[j].sum(axis=0).argmin()
        constants, slopes = whole.path(y, grids[j][: chosen + 1])
        constant, slope = constants[-1], slopes[:, -1]
        noise = float(errors[j][:, chosen].sum() / (folds >= 0).sum())
        active = np.flatnonzero(slope)
        fitted.series = Spectrum.from_packed(
            pack_terms([(), *((int(i),) for i in active)], sample.n),
            np.concatenate([[location + spread * constant], spread * slope[active]]),
            sample.n,
            standard_errors=spread * _errors(signs[:, active], noise, sample.weights),
        )
        fits.append(fitted)
    return fits


def _largest(signs: FloatArray, values: FloatArray, weights: FloatArray) -> float:
    """The smallest penalty under which every slope is zero."""
    centred = weights * (values - np.average(values, weights=weights))
    return float(np.abs(centred @ (signs - signs.mean(axis=0))).max() / len(values))


class _Design:
    """The rows of one training set, ready for any target."""

    def __init__(self, signs: FloatArray, weights: FloatArray | None) -> None:
        self.weights = weights
        self.mean = np.average(signs, axis=0, weights=weights)
        centred = signs - self.mean
        if weights is not None:
            centred *= np.sqrt(weights)[:, None]
        self.centred = np.asfortranarray(centred)
        self.gram = self.centred.T @ self.centred

    def path(self, values: FloatArray, penalties: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return constants ``(p,)`` and slopes ``(n, p)`` along falling penalties."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import lasso_path

        target_mean = np.average(values, weights=self.weights)
        target = values - target_mean
        if self.weights is not None:
            target = target * np.sqrt(self.weights)
        with warnings.catch_warnings():
            # an inexact optimum is judged on held-out rows like any other
            warnings.simplefilter("ignore", ConvergenceWarning)
            _, slopes, _ = lasso_path(
                self.centred, target, alphas=penalties, precompute=self.gram, max_iter=2000
            )
        return target_mean - self.mean @ slopes, slopes


def _errors(active: FloatArray, noise: float, weights: FloatArray | None) -> FloatArray:
    """Standard errors of constant and slopes by least squares on the selected features."""
    m, k = active.shape
    design = np.concatenate([np.ones((m, 1)), active], axis=1)
    weighted = design if weights is None else design * weights[:, None]
    # one unit of ridge keeps this finite where features outnumber rows
    covariance = np.linalg.inv(weighted.T @ design + np.eye(k + 1))
    errors: FloatArray = np.sqrt(noise * np.diag(covariance))
    return errors
