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

from collections.abc import Iterator
from copy import deepcopy
from typing import ClassVar, Final

import numpy as np

from interplay.packing import pack_terms
from interplay.surrogates.base import LEARNING, Regression, RegressionSurrogate
from interplay.surrogates.boosting import BoostingOptions, Members, boost, merge
from interplay.surrogates.refit import Ranking, choose, pack_padded, refit
from interplay.surrogates.ridge import Ridge
from interplay.surrogates.sample import Sample
from interplay.value_function import FloatArray

CELLS_AT_A_TIME: Final = 100_000
"""Residuals of all ensembles that grow together: few enough for a processor's cache."""

MOST_SCREENED: Final = 1500
"""Terms that are ranked where features were screened: the time of a refit grows with the cube."""


class ProxySpex(RegressionSurrogate):
    """Boosted trees on masks, their exact Walsh spectrum, and an adaptive ridge on its terms."""

    method: ClassVar[str] = "proxyspex"
    exponent: ClassVar[float] = LEARNING
    wide: ClassVar[bool] = True

    @classmethod
    def regress(
        cls, sample: Sample, targets: list[FloatArray], rng: np.random.Generator
    ) -> Iterator[Regression]:
        m, n = sample.masks.shape
        options = BoostingOptions(min_rows=int(np.clip(m // 40, 2, 10)))
        limit = min(max(m, 2 * n), max(500, 3 * n // 2))
        if sample.pairs is not None:
            limit = min(limit, MOST_SCREENED)
        block = max(1, CELLS_AT_A_TIME // (2 * sample.k * m))
        for start in range(0, len(targets), block):
            some = targets[start : start + block]
            for y, proposals in zip(
                some, propose(sample, some, deepcopy(rng), options), strict=True
            ):
                rankings = [Ranking.of(*proposal, limit) for proposal in proposals]
                choice, out_of_fold = choose(rankings, sample, y)
                pooled = merge(
                    np.concatenate([members for members, _ in proposals]),
                    np.concatenate([coefficients for _, coefficients in proposals]) / sample.k,
                    n,
                )
                result = refit(Ranking.of(*pooled, limit), sample, y, choice)
                yield Regression(
                    np.concatenate([pack_terms([()], n), pack_padded(result.members, n)]),
                    np.concatenate([[result.constant], result.coefficients]),
                    np.concatenate([[result.constant_error], result.errors]),
                    out_of_fold,
                )


def propose(
    sample: Sample,
    targets: list[FloatArray],
    rng: np.random.Generator,
    options: BoostingOptions,
) -> Iterator[list[tuple[Members, FloatArray]]]:
    """Yield, for every target, the terms and coefficients of a model without each fold.

    The model is the mean of two: a ridge regression of order 1 with boosted trees on its residual,
    and boosted trees alone. The trees of all targets and folds grow together. Where features were
    screened, the ridge regression has their pairs, too, and there is the first model only: trees
    alone would take hundreds of rounds to learn hundreds of main effects.
    """
    n, k, folds = sample.n, sample.k, sample.folds
    train = (folds[:, None] != np.arange(k)).astype(np.float64)
    models: list[list[tuple[float, FloatArray]]] = [[] for _ in targets]
    left = [np.empty((len(folds), k)) for _ in targets]
    for fold in range(k):
        columns, rows = _additive(sample, fold), folds != fold
        ridge = Ridge(columns[rows], sample.weights[rows])
        for j, y in enumerate(targets):
            constant, slopes = ridge.fit(y[rows])
            models[j].append((constant, slopes))
            left[j][:, fold] = y - (constant + columns @ slopes)
    kinds = 2 if sample.pairs is None else 1
    if kinds == 2:
        left = [
            np.concatenate([of_target, np.repeat(y[:, None], k, 1)], axis=1)
            for of_target, y in zip(left, targets, strict=True)
        ]
    grown = boost(
        sample.masks,
        np.stack(left),
        train=np.tile(train, kinds) * sample.weights[:, None],
        judge=np.tile(1.0 - train, kinds) * sample.weights[:, None],
        groups=np.repeat(np.arange(kinds), k),
        rng=rng,
        options=options,
        usable=None if sample.usable is None else np.tile(sample.usable, (kinds, 1)),
    )
    for of_target, trees in zip(models, grown, strict=True):
        proposals = []
        for fold, (_, slopes) in enumerate(of_target):
            forests = [trees.spectrum(kind * k + fold, n)[1:] for kind in range(kinds)]
            terms = [_additive_terms(sample, fold, options.depth), *(own for own, _ in forests)]
            sizes = [slopes, *(own for _, own in forests)]
            proposals.append(merge(np.concatenate(terms), np.concatenate(sizes) / kinds, n))
        yield proposals


def _additive(sample: Sample, fold: int) -> FloatArray:
    """Parities of the features, and perhaps pairs, that a model without a fold may use."""
    singles: FloatArray = sample.signs[:, sample.columns(fold)]
    if sample.pairs is None:
        return singles
    one, other = sample.pairs[fold].T
    return np.concatenate([singles, sample.signs[:, one] * sample.signs[:, other]], axis=1)


def _additive_terms(sample: Sample, fold: int, width: int) -> Members:
    """The terms of :func:`_additive`, padded on the left."""
    singles = np.arange(sample.n)[sample.columns(fold)]
    pairs = np.empty((0, 2), np.intp) if sample.pairs is None else sample.pairs[fold]
    terms = np.full((len(singles) + len(pairs), width), -1, np.int32)
    terms[: len(singles), -1] = singles
    terms[len(singles) :, -2:] = np.sort(pairs, axis=1)
    return terms
