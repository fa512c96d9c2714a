"""``"proxyspex"``: boosted trees propose the terms, a cross-validated refit weighs them.

The published method (ProxySPEX) fits boosted trees to the masks, reads their Walsh spectrum, keeps
the largest terms that hold 95 % of the energy and refits those. This one differs where that loses:

- Half of the ensembles are grown on what a ridge regression of order 1 leaves over, because trees
  spend their depth on additive parts; the linear terms are added back in the spectrum.
- Each ensemble leaves one fold out, and all are averaged: that is a bag, and at the same time each
  fold has a list of terms that was made without it.
- How many terms are kept, and how strongly small ones are shrunk, is decided on those folds: no
  energy cut. The constant is always kept, and free.
"""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from interplay.packing import pack_terms
from interplay.spectrum import Spectrum
from interplay.surrogates.base import SparseSurrogate
from interplay.surrogates.boosting import BoostingOptions, Members, boost, merge
from interplay.surrogates.refit import Ranking, choose, pack_padded, refit
from interplay.value_function import BoolArray, FloatArray


class ProxySpex(SparseSurrogate):
    """Boosted trees on masks, their exact Walsh spectrum, and an adaptive ridge on its terms."""

    method: ClassVar[str] = "proxyspex"

    def __init__(self, options: BoostingOptions | None = None) -> None:
        self.options = options

    def fit(
        self,
        masks: BoolArray,
        values: FloatArray,
        *,
        folds: NDArray[np.intp],
        rng: np.random.Generator,
    ) -> Self:
        m, n = masks.shape
        location, spread = float(values.mean()), float(values.std())
        if spread <= 1e-12 * max(1.0, abs(location)) or folds.max() < 1:
            return self.fit_constant(values, n)
        scaled = (values - location) / spread
        limit = min(max(m, 2 * n), max(500, 3 * n // 2))
        options = self.options or BoostingOptions(min_rows=int(np.clip(m // 40, 2, 10)))
        proposals = propose(masks, scaled, folds, rng, options)
        rankings = [Ranking.of(*proposal, limit) for proposal in proposals]
        choice, out_of_fold = choose(rankings, masks, scaled, folds)
        pooled = merge(
            np.concatenate([members for members, _ in proposals]),
            np.concatenate([coefficients for _, coefficients in proposals]) / len(proposals),
            n,
        )
        result = refit(Ranking.of(*pooled, limit), masks, scaled, choice)
        self.choice = choice
        self.out_of_fold = location + spread * out_of_fold
        self.series = Spectrum.from_packed(
            np.concatenate([pack_terms([()], n), pack_padded(result.members, n)]),
            np.concatenate([[location + spread * result.constant], spread * result.coefficients]),
            n,
            standard_errors=spread * np.concatenate([[result.constant_error], result.errors]),
        )
        return self


def propose(
    masks: BoolArray,
    scaled: FloatArray,
    folds: NDArray[np.intp],
    rng: np.random.Generator,
    options: BoostingOptions,
) -> list[tuple[Members, FloatArray]]:
    """Return, for every fold, terms and coefficients of a model that has not seen the fold.

    The model is the mean of two: boosted trees, and a ridge regression of order 1 with boosted
    trees on its residual.
    """
    n, k = masks.shape[1], int(folds.max()) + 1
    signs = 1.0 - 2.0 * masks
    train = (folds[:, None] != np.arange(k)).astype(np.float64)
    linear = [ridge(signs[folds != fold], scaled[folds != fold]) for fold in range(k)]
    fitted = np.stack([constant + signs @ slopes for constant, slopes in linear], axis=1)
    targets = np.concatenate([scaled[:, None] - fitted, np.repeat(scaled[:, None], k, 1)], axis=1)
    trees = boost(
        masks,
        targets,
        train=np.tile(train, 2),
        judge=np.tile(1.0 - train, 2),
        groups=np.repeat([0, 1], k),
        rng=rng,
        options=options,
    )
    singles = np.full((n, options.depth), -1, np.int32)
    singles[:, -1] = np.arange(n)
    proposals = []
    for fold, (_, slopes) in enumerate(linear):
        _, residual_terms, residual_coefficients = trees.spectrum(fold, n)
        _, raw_terms, raw_coefficients = trees.spectrum(k + fold, n)
        proposals.append(
            merge(
                np.concatenate([singles, residual_terms, raw_terms]),
                np.concatenate([slopes, residual_coefficients, raw_coefficients]) / 2,
                n,
            )
        )
    return proposals


def ridge(signs: FloatArray, values: FloatArray) -> tuple[float, FloatArray]:
    """Return constant and slopes of a ridge regression; penalty by generalised cross-validation."""
    m, n = signs.shape
    mean, target_mean = signs.mean(axis=0), values.mean()
    centred, target = signs - mean, values - target_mean
    # X'X or XX', whichever is smaller: both have the eigenvalues that matter
    square, vectors = np.linalg.eigh(centred.T @ centred if n <= m else centred @ centred.T)
    square = np.maximum(square, 0.0)
    moment = vectors.T @ (centred.T @ target if n <= m else target)
    penalty = np.logspace(-2, 4, 25)[:, None]
    share = square / (square + penalty)
    explained = np.square(moment) / np.maximum(square, 1e-9) if n <= m else np.square(moment)
    residual = np.square(1 - share) @ explained + max(target @ target - explained.sum(), 0.0)
    freedom = np.maximum(m - 1 - share.sum(axis=1), 1e-9)
    best = penalty[np.argmin(residual / np.square(freedom)), 0]
    solution = vectors @ (moment / (square + best))
    slopes = solution if n <= m else centred.T @ solution
    return float(target_mean - mean @ slopes), slopes
