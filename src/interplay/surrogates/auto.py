"""``"auto"``: the better of its members, by cross-validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

import numpy as np

from interplay.metrics import r_squared
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
        members = [
            member.fit_targets(sample, values, child)
            for member, child in zip(MEMBERS, rng.spawn(len(MEMBERS)), strict=True)
        ]
        return [
            cls._choose(sample, j, column, of_target)
            for j, (column, *of_target) in enumerate(
                zip(np.ascontiguousarray(values.T), *members, strict=True)
            )
        ]

    @classmethod
    def _of(cls, chosen: Surrogate, scores: Mapping[str, float]) -> Self:
        fitted = cls()
        fitted.chosen, fitted.scores, fitted.out_of_fold = chosen, scores, chosen.out_of_fold
        return fitted

    @classmethod
    def _choose(
        cls, sample: Sample, j: int, values: FloatArray, members: Sequence[Surrogate]
    ) -> Self:
        folds = np.maximum(sample.folds, 0)
        tested = np.isfinite(members[0].out_of_fold)
        weights = sample.weights[tested]
        errors = np.zeros((folds.max() + 1, len(members)))
        for i, member in enumerate(members):
            squares = weights * np.square(values - member.out_of_fold)[tested]
            errors[:, i] = np.bincount(folds[tested], squares, len(errors))
        noise = None if sample.noise is None else sample.noise[tested, j]
        scores = {
            member.method: r_squared(
                values[tested], member.out_of_fold[tested], noise_var=noise, weights=weights
            )
            for member in members
            if np.ptp(values[tested]) > 0
        }
        fitted = cls._of(members[errors.sum(axis=0).argmin()], scores)
        # as in the evidence of a member: who predicts a fold was chosen on the others
        best = errors_of_others(errors).argmin(axis=1)[folds]
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
