"""``"auto"``: the better of its members, by cross-validation."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from interplay.spectrum import Spectrum
from interplay.surrogates.base import Surrogate
from interplay.surrogates.crossval import errors_of_others
from interplay.surrogates.exact import Exact, is_complete
from interplay.surrogates.lasso import Lasso
from interplay.surrogates.proxyspex import ProxySpex
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

    def fit(
        self,
        masks: BoolArray,
        values: FloatArray,
        *,
        folds: NDArray[np.intp],
        rng: np.random.Generator,
    ) -> Self:
        self._scores = {}
        if is_complete(masks):
            self.chosen = Exact().fit(masks, values, folds=folds, rng=rng)
            self.out_of_fold = self.chosen.out_of_fold
            return self
        members = [
            member().fit(masks, values, folds=folds, rng=child)
            for member, child in zip(MEMBERS, rng.spawn(len(MEMBERS)), strict=True)
        ]
        tested = np.isfinite(members[0].out_of_fold)
        errors = np.zeros((max(folds.max() + 1, 1), len(members)))
        for j, member in enumerate(members):
            squares = np.square(values - member.out_of_fold)[tested]
            errors[:, j] = np.bincount(np.maximum(folds[tested], 0), squares, len(errors))
        self.chosen = members[errors.sum(axis=0).argmin()]
        # as in the evidence of a member: who predicts a fold was chosen on the others
        best = errors_of_others(errors).argmin(axis=1)[np.maximum(folds, 0)]
        self.out_of_fold = np.choose(best, [member.out_of_fold for member in members])
        variance = float(np.square(values[tested] - values[tested].mean()).sum())
        if variance > 0:
            self._scores = {
                member.method: 1 - float(error) / variance
                for member, error in zip(members, errors.sum(axis=0), strict=True)
            }
        return self

    @property
    def fitted_method(self) -> str:
        return self.chosen.method

    def predict(self, masks: BoolArray) -> FloatArray:
        return self.chosen.predict(masks)

    def walsh_series(self, max_terms: int | None) -> Spectrum:
        return self.chosen.walsh_series(max_terms)

    def diagnostics(self) -> list[str]:
        self.chosen.faithfulness = self.faithfulness
        sentences = self.chosen.diagnostics()
        if len(self._scores) > 1:
            scores = ", ".join(f"{name} {score:.2f}" for name, score in self._scores.items())
            sentences.append(f"{self.chosen.method} was chosen by cross-validated R²: {scores}.")
        return sentences
