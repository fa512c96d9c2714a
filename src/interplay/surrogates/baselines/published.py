"""``"proxyspex-published"``: ProxySPEX as its authors describe and ship it, to compare with.

Boosted trees from a grid of settings, the best by five-fold R²; their exact Walsh spectrum; the
largest terms that hold 95 % of its energy; a ridge on those (Butler et al., 2025). Its known faults
are part of it: the energy cut drops terms that are needed (also the smallest of several equal
ones), and the constant, which the energy leaves out, is kept only if it is as large as the terms
are, while the ridge has no intercept. ``"proxyspex"`` is the one to use.

Two things differ. Where no term passes the cut the published code raises an error; here the fit is
the mean. And evidence is taken: see :meth:`ProxySpexPublished.fit_targets`.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from interplay.errors import BadInput
from interplay.metrics import r_squared
from interplay.packing import PackedArray, orders, pack_terms
from interplay.spectrum import Spectrum
from interplay.surrogates.base import SparseSurrogate
from interplay.surrogates.baselines.learner import Proxy, ProxyLearner
from interplay.surrogates.baselines.lightgbm_trees import LightGbm
from interplay.surrogates.crossval import errors_of_others
from interplay.surrogates.sample import Sample
from interplay.value_function import BoolArray, FloatArray
from interplay.walsh import parities, series

ENERGY: Final = 0.95
PENALTIES: Final = np.logspace(-6, 6, 100)

PUBLISHED_GRID: Final[tuple[ProxyLearner, ...]] = tuple(
    LightGbm(depth, rate, (500, 1000, 5000)) for depth in (3, 5) for rate in (0.01, 0.1)
)


@dataclass(frozen=True, eq=False)
class Sparse:
    """The terms that were kept, refitted; ``proposed`` is how many there were to keep from."""

    packed: PackedArray
    coefficients: FloatArray
    penalty: float
    proposed: int

    def predict(self, masks: BoolArray) -> FloatArray:
        return series(masks, self.packed, self.coefficients)


class ProxySpexPublished(SparseSurrogate):
    """The published method; :func:`proxyspex_published` makes one with another proxy learner."""

    method: ClassVar[str] = "proxyspex-published"
    learners: ClassVar[tuple[ProxyLearner, ...]] = PUBLISHED_GRID
    inclusive: ClassVar[bool] = False
    about: str = ""

    @classmethod
    def check_run(cls, n: int, most: int) -> None:
        for learner in cls.learners:
            if isinstance(learner, LightGbm):
                learner.check_installed()

    @classmethod
    def fit_targets(
        cls, sample: Sample, values: FloatArray, rng: np.random.Generator
    ) -> list[Self]:
        """Fit every target.

        What predicts a fold was made without it: its proxy has the setting that is best on the
        *other* folds, and is cut and refitted on their rows. The models that chose the setting are
        those of the one cross-validation, so that a fold has had a part in the choice for another
        (as everywhere in this package), and in nothing else.
        """
        return [cls._fit(sample, y, deepcopy(rng)) for y in np.ascontiguousarray(values.T)]

    @classmethod
    def _fit(cls, sample: Sample, y: FloatArray, rng: np.random.Generator) -> Self:
        fitted = cls()
        location, folds = sample.mean(y), sample.folds
        if sample.variance(y) <= (1e-12 * max(1.0, abs(location))) ** 2 or sample.k < 2:
            fitted.series = Spectrum({(): location}, sample.n, errors={(): 0.0})
            fitted.out_of_fold = np.full(len(y), location)
            return fitted
        scores, alone = cls._cross_validate(sample, y, rng)
        fitted.out_of_fold = np.full(len(y), np.nan)
        for fold, others in enumerate(errors_of_others(scores)):
            test = folds == fold
            proxy = _grow(alone[int(others.argmax())], sample, y, ~test, rng)
            sparse = _sparse(proxy, sample, y, ~test, cls.inclusive)
            fitted.out_of_fold[test] = sparse.predict(sample.masks[test])
        best = int(scores.sum(axis=0).argmax())
        every = np.ones(len(y), dtype=np.bool_)
        proxy = _grow(alone[best], sample, y, every, rng)
        sparse = _sparse(proxy, sample, y, every, cls.inclusive)
        fitted._keep(sample, y, sparse)
        kept = int((orders(sparse.packed) > 0).sum())
        constant = "kept" if len(sparse.packed) > kept else "dropped"
        fitted.about = (
            f"ProxySPEX as published, by {alone[best]!r}: of {sparse.proposed} terms it keeps "
            f"{kept}, those above the one where {100 * ENERGY:.0f} % of the energy is reached"
            f"{', and that one' if cls.inclusive else ''}; the constant is {constant}; ridge "
            f"penalty {sparse.penalty:.2g}."
        )
        return fitted

    @classmethod
    def _cross_validate(
        cls, sample: Sample, y: FloatArray, rng: np.random.Generator
    ) -> tuple[FloatArray, list[ProxyLearner]]:
        """Return R² ``(k, settings)`` of every fold, and what fits each setting alone."""
        scores: list[list[float]] = []
        alone: list[ProxyLearner] = []
        for fold in range(sample.k):
            test = sample.folds == fold
            stages = [
                stage
                for learner in cls.learners
                for stage in learner.fit(
                    sample.masks[~test], y[~test], sample.weights[~test], deepcopy(rng)
                )
            ]
            alone = [stage.learner for stage in stages]
            masks, weights = sample.masks[test], sample.weights[test]
            scores.append(
                [r_squared(y[test], stage.predict(masks), weights=weights) for stage in stages]
            )
        return np.array(scores), alone

    def _keep(self, sample: Sample, y: FloatArray, sparse: Sparse) -> None:
        """Set the series: the constant is 0 where it was dropped."""
        tested = np.isfinite(self.out_of_fold)
        misfit = np.square(y - self.out_of_fold)[tested]
        noise = sample.inflation * float(np.average(misfit, weights=sample.weights[tested]))
        packed = np.concatenate([pack_terms([()], sample.n), sparse.packed])
        self.series = Spectrum.from_packed(
            packed,  # a constant that was kept adds up with the 0
            np.concatenate([[0.0], sparse.coefficients]),
            sample.n,
            standard_errors=np.concatenate([[0.0], np.sqrt(noise) * _deviations(sample, sparse)]),
        )

    def diagnostics(self) -> list[str]:
        return [*super().diagnostics(), *([self.about] if self.about else [])]


def proxyspex_published(
    learner: ProxyLearner | Sequence[ProxyLearner] | None = None, *, inclusive: bool = False
) -> type[ProxySpexPublished]:
    """Return the published method with another proxy learner, for ``ip.fit(method=...)``.

    Parameters
    ----------
    learner
        one, or several to choose from by cross-validation; None for the published grid of LightGBM.
    inclusive
        keep the term at which 95 % of the energy is reached too. The authors' code does not, which
        leaves nothing where one term holds as much; shapiq's ProxySPEX does.

    Examples
    --------
    >>> import numpy as np, interplay as ip
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> masks = np.random.default_rng(0).random((200, 8)) < 0.5
    >>> values = 2.0 * masks[:, 0] + (masks[:, 1] & masks[:, 2])
    >>> from interplay.surrogates.baselines import SklearnTrees
    >>> forest = SklearnTrees(RandomForestRegressor(20, max_depth=3))
    >>> fitted = ip.fit(masks, values, method=proxyspex_published(forest))
    >>> fitted.spectrum().top(1)[0].features
    (0,)
    """
    if learner is None:
        learner = PUBLISHED_GRID
    several = tuple(learner) if isinstance(learner, Sequence) else (learner,)
    if not several or not all(callable(getattr(one, "fit", None)) for one in several):
        raise BadInput(
            "learner must have fit(masks, targets, weights, rng), or be a sequence of such; got "
            f"{learner!r}"
        )
    contents = {"learners": several, "inclusive": inclusive, "__module__": __name__}
    return type("ProxySpexPublished", (ProxySpexPublished,), contents)


def _grow(
    learner: ProxyLearner,
    sample: Sample,
    y: FloatArray,
    rows: NDArray[np.bool_],
    rng: np.random.Generator,
) -> Proxy:
    (proxy,) = learner.fit(sample.masks[rows], y[rows], sample.weights[rows], deepcopy(rng))
    return proxy


def _sparse(
    proxy: Proxy, sample: Sample, y: FloatArray, rows: NDArray[np.bool_], inclusive: bool
) -> Sparse:
    """Cut the spectrum of a proxy, and refit what is left by ridge regression without intercept."""
    from sklearn.linear_model import RidgeCV

    packed, coefficients = proxy.spectrum()
    kept = packed[passes(packed, coefficients, inclusive)]
    proposed = int((orders(packed) > 0).sum())
    masks, values, weights = sample.masks[rows], y[rows], sample.weights[rows]
    if not len(kept):
        mean = float(np.average(values, weights=weights))
        return Sparse(pack_terms([()], sample.n), np.array([mean]), 0.0, proposed)
    ridge = RidgeCV(alphas=PENALTIES, fit_intercept=False)
    counts = None if (weights == 1.0).all() else weights
    ridge.fit(parities(masks, kept), values, sample_weight=counts)
    return Sparse(kept, ridge.coef_, float(ridge.alpha_), proposed)


def passes(
    packed: PackedArray, coefficients: FloatArray, inclusive: bool = False
) -> NDArray[np.bool_]:
    """Return which terms pass the published cut.

    Terms are ranked by their energy, the constant's counting as none. Where the sum reaches 95 %,
    that term is the threshold: larger ones pass, the constant too if it is larger, the term itself
    does not (``inclusive``: the next one is the threshold).

    >>> terms = pack_terms([(), (0,), (1,), (2,)], 3)
    >>> passes(terms, np.array([0.1, 5.0, 2.0, 0.2])), passes(terms, np.array([9.0, 1.0, 1.0, 1.0]))
    (array([False,  True, False, False]), array([ True, False, False, False]))
    """
    energy = np.where(orders(packed) == 0, 0.0, np.square(coefficients))
    ranked = np.sort(energy)[::-1]
    total = ranked.sum()
    if total == 0:
        return np.abs(coefficients) > 0
    reached = np.flatnonzero(np.cumsum(ranked / total) >= ENERGY)
    place = (int(reached[0]) if len(reached) else 0) + inclusive
    threshold = np.sqrt(ranked[place]) if place < len(ranked) else 0.0
    passing: NDArray[np.bool_] = np.abs(coefficients) > threshold
    return passing


def _deviations(sample: Sample, sparse: Sparse) -> FloatArray:
    """Return posterior standard deviations of the ridge, for noise of variance 1."""
    if sparse.penalty == 0.0:  # a mean
        return np.full(1, 1.0 / np.sqrt(len(sample.masks)))
    columns = parities(sample.masks, sparse.packed) * np.sqrt(sample.weights)[:, None]
    square, vectors = np.linalg.eigh(columns.T @ columns)
    variance = np.square(vectors) @ (1.0 / (np.maximum(square, 0.0) + sparse.penalty))
    deviations: FloatArray = np.sqrt(variance)
    return deviations
