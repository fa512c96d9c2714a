"""``"spex"``: sparse recovery by codes, from masks that were designed for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Self

import numpy as np

from interplay.errors import BadInput
from interplay.packing import pack_terms
from interplay.surrogates.base import Regression, RegressionSurrogate
from interplay.surrogates.boosting import Members
from interplay.surrogates.refit import Ranking, choose, pack_padded, refit
from interplay.surrogates.ridge import Ridge
from interplay.surrogates.sample import Sample
from interplay.surrogates.spex.bins import Layout
from interplay.surrogates.spex.peeling import Peeled, peel
from interplay.value_function import FloatArray


class Spex(RegressionSurrogate):
    """Terms decoded from coded masks (SPEX), and all single features, refitted to all rows.

    The published refit is a LASSO on the decoded terms; this one is the adaptive ridge regression
    of ``"proxyspex"``, which takes the sizes that decoding found as weights. Rows that are not part
    of the design, uniform ones, say, count in the refit.
    """

    method: ClassVar[str] = "spex"

    @classmethod
    def fit_targets(
        cls, sample: Sample, values: FloatArray, rng: np.random.Generator
    ) -> list[Self]:
        if sample.code is None:
            raise BadInput(
                'method "spex" needs coded masks: evaluate those of ip.design(n, budget, '
                'kind="coded") and pass fit(..., design=design), or explain(..., method="spex")'
            )
        return super().fit_targets(sample, values, rng)

    @classmethod
    def regress(
        cls, sample: Sample, targets: list[FloatArray], rng: np.random.Generator
    ) -> Iterator[Regression]:
        assert sample.code is not None
        layout, n = Layout.of(sample.code, sample.masks), sample.n
        linear = Ridge(sample.signs, sample.weights)
        for y in targets:
            ranking = rank(peel(sample.code, layout.bins(y)), linear.fit(y)[1])
            # terms were decoded from all rows: their sizes are cross-validated, not their choice,
            # and the evidence is measured on masks that the design has set aside
            choice, out_of_fold = choose([ranking] * sample.k, sample, y)
            result = refit(ranking, sample, y, choice)
            yield Regression(
                np.concatenate([pack_terms([()], n), pack_padded(result.members, n)]),
                np.concatenate([[result.constant], result.coefficients]),
                np.concatenate([[result.constant_error], result.errors]),
                out_of_fold,
            )


def rank(peeled: Peeled, slopes: FloatArray) -> Ranking:
    """Return the decoded terms with their sizes, and the other features with their slopes."""
    n, width = len(slopes), peeled.sets.shape[1]
    found = peeled.sets[(peeled.sets >= 0).any(axis=1)]
    sizes = peeled.coefficients[(peeled.sets >= 0).any(axis=1)]
    single = (found >= 0).sum(axis=1) == 1
    others = np.setdiff1d(np.arange(n), found[single, -1])
    singles: Members = np.full((len(others), width), -1, dtype=np.int32)
    singles[:, -1] = others
    members = np.concatenate([found.astype(np.int32), singles])
    return Ranking.of(members, np.concatenate([sizes, slopes[others]]), len(members))
