"""``"auto"``: the better of its members, by cross-validation."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np

from interplay.spectrum import Spectrum
from interplay.surrogates.base import Surrogate
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

    def fit(self, masks: BoolArray, values: FloatArray, *, rng: np.random.Generator) -> Self:
        members: list[Surrogate]
        if is_complete(masks):
            members = [Exact().fit(masks, values, rng=rng)]
        else:
            members = [
                member().fit(masks, values, rng=child)
                for member, child in zip(MEMBERS, rng.spawn(len(MEMBERS)), strict=True)
            ]
        self.chosen = min(members, key=lambda member: member.cross_validated_error)
        self.cross_validated_error = self.chosen.cross_validated_error
        variance = float(values.var())
        self._scores = {
            member.method: 1 - member.cross_validated_error / variance
            for member in members
            if variance > 0
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
