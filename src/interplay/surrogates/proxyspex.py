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

from copy import deepcopy
from typing import ClassVar, Final, Self

import numpy as np

from interplay.packing import pack_terms
from interplay.spectrum import Spectrum
from interplay.surrogates.base import SparseSurrogate
from interplay.surrogates.boosting import BoostingOptions, Members, boost, merge
from interplay.surrogates.refit import Ranking, choose, pack_padded, refit
from interplay.surrogates.sample import Sample
from interplay.value_function import FloatArray

MOST_CELLS: Final = 40_000_000
"""Numbers that the histograms of trees that grow together may take."""


class ProxySpex(SparseSurrogate):
    """Boosted trees on masks, their exact Walsh spectrum, and an adaptive ridge on its terms."""

    method: ClassVar[str] = "proxyspex"
    options: ClassVar[BoostingOptions | None] = None

    @classmethod
    def fit_targets(
        cls, sample: Sample, values: FloatArray, rng: np.random.Generator
    ) -> list[Self]:
        fits: list[Self | None] = [cls.constant(sample, column) for column in values.T]
        varied = [j for j, fitted in enumerate(fits) if fitted is None]
        m, n = sample.masks.shape
        options = cls.options or BoostingOptions(min_rows=int(np.clip(m // 40, 2, 10)))
        # the trees of a block of targets grow together, as many as memory has room for
        room = max(1, MOST_CELLS // (2 * max(sample.k, 1) * 2**options.depth * max(m, n)))
        for start in range(0, len(varied), room):
            block = varied[start : start + room]
            scaled = [_scaled(values[:, j]) for j in block]
            proposals = propose(sample, [y for y, _, _ in scaled], deepcopy(rng), options)
            for j, proposal, (y, location, spread) in zip(block, proposals, scaled, strict=True):
                fits[j] = cls()._weigh(sample, y, proposal, location, spread)
        return [fitted for fitted in fits if fitted is not None]

    def _weigh(
        self,
        sample: Sample,
        scaled: FloatArray,
        proposals: list[tuple[Members, FloatArray]],
        location: float,
        spread: float,
    ) -> Self:
        """Refit the proposed terms of one target."""
        masks, n, weights = sample.masks, sample.n, sample.weights
        limit = min(max(len(masks), 2 * n), max(500, 3 * n // 2))
        rankings = [Ranking.of(*proposal, limit) for proposal in proposals]
        choice, out_of_fold = choose(rankings, masks, scaled, sample.folds, weights)
        pooled = merge(
            np.concatenate([members for members, _ in proposals]),
            np.concatenate([coefficients for _, coefficients in proposals]) / len(proposals),
            n,
        )
        result = refit(Ranking.of(*pooled, limit), masks, scaled, choice, weights)
        self.choice = choice
        self.out_of_fold = location + spread * out_of_fold
        self.series = Spectrum.from_packed(
            np.concatenate([pack_terms([()], n), pack_padded(result.members, n)]),
            np.concatenate([[location + spread * result.constant], spread * result.coefficients]),
            n,
            standard_errors=spread * np.concatenate([[result.constant_error], result.errors]),
        )
        return self


def _scaled(values: FloatArray) -> tuple[FloatArray, float, float]:
    location, spread = float(values.mean()), float(values.std())
    return (values - location) / spread, location, spread


def propose(
    sample: Sample,
    targets: list[FloatArray],
    rng: np.random.Generator,
    options: BoostingOptions,
) -> list[list[tuple[Members, FloatArray]]]:
    """Return, for every target and fold, terms and coefficients of a model without that fold.

    The model is the mean of two: boosted trees, and a ridge regression of order 1 with boosted
    trees on its residual. The trees of all targets and folds grow in one go.
    """
    n, k, folds = sample.n, sample.k, sample.folds
    inside = (folds[:, None] != np.arange(k)).astype(np.float64)
    judge, train = 1.0 - inside, inside
    if sample.weights is not None:
        judge, train = judge * sample.weights[:, None], train * sample.weights[:, None]
    linear = _linear(sample, targets)
    columns = []
    for scaled, models in zip(targets, linear, strict=True):
        fitted = np.stack([constant + sample.signs @ slopes for constant, slopes in models], axis=1)
        columns += [scaled[:, None] - fitted, np.repeat(scaled[:, None], k, 1)]
    q = len(targets)
    trees = boost(
        sample.masks,
        np.concatenate(columns, axis=1),
        train=np.tile(train, 2 * q),
        judge=np.tile(judge, 2 * q),
        groups=np.repeat(np.arange(2 * q), k),
        families=np.repeat(np.arange(q), 2 * k),
        rng=rng,
        options=options,
    )
    singles = np.full((n, options.depth), -1, np.int32)
    singles[:, -1] = np.arange(n)
    proposals: list[list[tuple[Members, FloatArray]]] = [[] for _ in targets]
    for j, models in enumerate(linear):
        for fold, (_, slopes) in enumerate(models):
            first = 2 * k * j + fold
            _, residual_terms, residual_coefficients = trees.spectrum(first, n)
            _, raw_terms, raw_coefficients = trees.spectrum(first + k, n)
            proposals[j].append(
                merge(
                    np.concatenate([singles, residual_terms, raw_terms]),
                    np.concatenate([slopes, residual_coefficients, raw_coefficients]) / 2,
                    n,
                )
            )
    return proposals


def _linear(sample: Sample, targets: list[FloatArray]) -> list[list[tuple[float, FloatArray]]]:
    """Ridge regressions of order 1: for every target, one without each fold."""
    models: list[list[tuple[float, FloatArray]]] = [[] for _ in targets]
    for fold in range(sample.k):
        rows = sample.folds != fold
        ridge = Ridge(sample.signs[rows], sample.of(rows))
        for of_target, scaled in zip(models, targets, strict=True):
            of_target.append(ridge.fit(scaled[rows]))
    return models


class Ridge:
    """Ridge regression; one eigen-decomposition of the rows serves every target."""

    def __init__(self, signs: FloatArray, weights: FloatArray | None = None) -> None:
        self.weights = weights
        self.mean = np.average(signs, axis=0, weights=weights)
        centred = signs - self.mean
        if weights is not None:
            centred = centred * np.sqrt(weights)[:, None]
        m, n = signs.shape
        self.centred, self.tall = centred, n <= m
        # X'X or XX', whichever is smaller: both have the eigenvalues that matter
        square, self.vectors = np.linalg.eigh(
            centred.T @ centred if self.tall else centred @ centred.T
        )
        self.square = np.maximum(square, 0.0)

    def fit(self, values: FloatArray) -> tuple[float, FloatArray]:
        """Return constant and slopes; the penalty is found by generalised cross-validation."""
        m = len(values)
        target_mean = np.average(values, weights=self.weights)
        target = values - target_mean
        if self.weights is not None:
            target = target * np.sqrt(self.weights)
        moment = self.vectors.T @ (self.centred.T @ target if self.tall else target)
        penalty = np.logspace(-2, 4, 25)[:, None]
        share = self.square / (self.square + penalty)
        explained = np.square(moment)
        if self.tall:
            explained = explained / np.maximum(self.square, 1e-9)
        residual = np.square(1 - share) @ explained + max(target @ target - explained.sum(), 0.0)
        freedom = np.maximum(m - 1 - share.sum(axis=1), 1e-9)
        best = penalty[np.argmin(residual / np.square(freedom)), 0]
        solution = self.vectors @ (moment / (self.square + best))
        slopes = solution if self.tall else self.centred.T @ solution
        return float(target_mean - self.mean @ slopes), slopes
