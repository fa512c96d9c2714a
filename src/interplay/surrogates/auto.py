"""``"auto"``: the better of its members, by cross-validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

import numpy as np

from interplay.spectrum import Spectrum
from interplay.surrogates.base import Surrogate
from interplay.surrogates.crossval import errors_of_others
from interplay.surrogates.exact import Exact, is_complete
from interplay.surrogates.lasso import Lasso
from interplay.surrogates.proxyspex import ProxySpex
from interplay.surrogates.sample import Sample
from interplay.value_function import BoolArray, FloatArray

MEMBERS: tuple[type[Surrogate], ...] = (Lasso, ProxySpex)


class Auto(Surrogate):
    """The exact spectrum where every mask is there; else the member with the least held-out error.

    Attributes
    ----------
    chosen
        the fitted member that this surrogate stands for.
    """

    method: ClassVar[str] = "auto"
    chosen: Surrogate
    scores: Mapping[str, float]

    @classmethod
    def fit_targets(
        cls, sample: Sample, values: FloatArray, rng: np.random.Generator
    ) -> list[Self]:
        if is_complete(sample.masks):
            return [cls._of(fitted, {}) for fitted in Exact.fit_targets(sample, values, rng)]
        fits = [
            member.fit_targets(sample, values, child)
            for member, child in zip(MEMBERS, rng.spawn(len(MEMBERS)), strict=True)
        ]
        return [
            cls._choose(sample, column, members)
            for column, *members in zip(values.T, *fits, strict=True)
        ]

    @classmethod
    def _of(cls, chosen: Surrogate, scores: Mapping[str, float]) -> Self:
        fitted = cls()
        fitted.chosen, fitted.scores, fitted.out_of_fold = chosen, scores, chosen.out_of_fold
        return fitted

    @classmethod
    def _choose(cls, sample: Sample, values: FloatArray, members: Sequence[Surrogate]) -> Self:
        folds = sample.folds
        tested = np.isfinite(members[0].out_of_fold)
        errors = np.zeros((max(folds.max() + 1, 1), len(members)))
        for j, member in enumerate(members):
            squares = np.square(values - member.out_of_fold)[tested]
            if sample.weights is not None:
                squares = squares * sample.weights[tested]
            errors[:, j] = np.bincount(np.maximum(folds[tested], 0), squares, len(errors))
        scores = {}
        of_mean = np.square(values[tested] - values[tested].mean())
        if sample.weights is not None:
            of_mean = of_mean * sample.weights[tested]
        variance = float(of_mean.sum())
        if variance > 0:
            scores = {
                member.method: 1 - float(error) / variance
                for member, error in zip(members, errors.sum(axis=0), strict=True)
            }
        fitted = cls._of(members[errors.sum(axis=0).argmin()], scores)
        # as in the evidence of a member: who predicts a fold was chosen on the others
        best = errors_of_others(errors).argmin(axis=1)[np.maximum(folds, 0)]
        fitted.out_of_fold = np.choose(best, [member.out_of_fold for member in members])
        return fitted

    @property
    def fitted_method(self) -> str:
        return self.chosen.method

    def predict(self, masks: BoolArray) -> FloatArray:
        return self.chosen.predict(masks)

    def walsh_series(self, max_terms: int | None) -> Spectrum:
        return self.chosen.walsh_series(max_terms)

    def diagnostics(self) -> list[str]:
        self.chosen.faithfulness, self.chosen.noise = self.faithfulness, self.noise
        sentences = self.chosen.diagnostics()
        if len(self.scores) > 1:
            scores = ", ".join(f"{name} {score:.2f}" for name, score in self.scores.items())
            sentences.append(f"{self.chosen.method} was chosen by cross-validated R²: {scores}.")
        return sentences
