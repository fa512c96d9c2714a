"""``"parity-gp"``: a Gaussian process with a parity-product kernel, its spectrum in closed form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from interplay.indices import canonical_name, resolve_order
from interplay.interactions import Interactions
from interplay.packing import Term, canonical_key
from interplay.surrogates.base import LEARNING, Surrogate
from interplay.surrogates.crossval import best_of_others
from interplay.surrogates.memory import available, check_memory
from interplay.surrogates.parallel import in_parallel
from interplay.surrogates.parity_gp.kernel import Kernel
from interplay.surrogates.parity_gp.posterior import Posterior
from interplay.surrogates.parity_gp.solve import memory
from interplay.surrogates.sample import Sample
from interplay.value_function import BoolArray, FloatArray

DOUBT: Final = 0.7
"""How little error bars trust the prior, 0 to 1; see :func:`error_bars`."""

MOST_TERMS: Final = 2000
"""Terms that are listed where all of the 2^n are asked for."""

MOST_ERRORS: Final = 500
"""Most sets whose Shapley interactions get error bars: each costs some milliseconds."""

MOST_MEMORY: Final = 1e9
"""Bytes that fits side by side take together; a single one may take more."""

SPREADS: Final = (0.4, 1.0)
"""How far relevances may differ: alike (a game of a few players), or a few among many."""


class ParityGP(Surrogate):
    """Gaussian process on masks, a prior over all 2^n Walsh coefficients.

    Attributes
    ----------
    posterior
        on the scale of values of mean 0 and variance 1; None where the values do not vary.
    location, scale
        of the values.
    error
        mean squared error on held-out rows.
    """

    method: ClassVar[str] = "parity-gp"
    exponent: ClassVar[float] = LEARNING
    wide: ClassVar[bool] = True
    posterior: Posterior | None
    _n: int
    location: float
    scale: float
    error: float

    @classmethod
    def fit_targets(
        cls, sample: Sample, values: FloatArray, rng: np.random.Generator
    ) -> list[Self]:
        fits = cls.of_spreads(sample, values)
        return [
            cls._better(sample, column, of_target)
            for column, of_target in zip(np.ascontiguousarray(values.T), fits, strict=True)
        ]

    @classmethod
    def of_spreads(cls, sample: Sample, values: FloatArray) -> Iterator[list[Self]]:
        """Yield the fits of every target: one for each of ``SPREADS``, one if it is constant."""
        for column in np.ascontiguousarray(values.T):
            location, scale, target = sample.standardised(column)
            if target is None:
                yield [cls._constant(sample, location)]
                continue
            yield [
                cls._of_parts(sample, column, (location, scale), parts)
                for parts in _cross_fit(sample, target)
            ]

    @classmethod
    def _of_parts(
        cls,
        sample: Sample,
        values: FloatArray,
        scaling: tuple[float, float],
        parts: tuple[Posterior, FloatArray],
    ) -> Self:
        fitted = cls()
        fitted._n = sample.n
        fitted.location, fitted.scale = scaling
        fitted.posterior, out_of_fold = parts
        fitted.out_of_fold = fitted.location + fitted.scale * out_of_fold
        fitted.error = sample.held_out_error(values, fitted.out_of_fold)
        return fitted

    @classmethod
    def _constant(cls, sample: Sample, location: float) -> Self:
        fitted = cls()
        fitted._n, fitted.posterior = sample.n, None
        fitted.location, fitted.scale, fitted.error = location, 1.0, 0.0
        fitted.out_of_fold = np.full(len(sample.masks), location)
        return fitted

    @classmethod
    def _better(cls, sample: Sample, values: FloatArray, fits: Sequence[Self]) -> Self:
        """Return the fit of least held-out error; its evidence has the choice made in each fold."""
        if len(fits) == 1:
            return fits[0]
        errors = np.stack([sample.errors_by_fold(values, fit.out_of_fold) for fit in fits], axis=1)
        chosen = fits[int(errors.sum(axis=0).argmin())]
        held_out = np.stack([fit.out_of_fold for fit in fits], axis=1)
        chosen.out_of_fold = best_of_others(held_out, errors, sample.folds)
        return chosen

    @property
    def n(self) -> int:
        return self._n

    def predict(self, masks: BoolArray) -> FloatArray:
        if self.posterior is None:
            return np.full(len(masks), self.location)
        signs = 1.0 - 2.0 * np.asarray(masks, dtype=np.float64)
        return self.location + self.scale * self.posterior.predict(signs)

    def coefficients(self, terms: Sequence[Term]) -> tuple[FloatArray, FloatArray]:
        values = self.values_of(terms)
        if self.posterior is None:
            return values, np.zeros(len(terms))
        plain = self.error / len(self.posterior.signs)
        return values, error_bars(self.variances(terms), plain)

    def values_of(self, terms: Sequence[Term]) -> FloatArray:
        constant = np.array([0.0 if term else self.location for term in terms])
        if self.posterior is None:
            return constant
        return constant + self.scale * self.posterior.coefficients(terms)

    def variances(self, terms: Sequence[Term]) -> FloatArray:
        """Return the posterior variances of coefficients, ``(t,)``; they believe the prior."""
        if self.posterior is None:
            return np.zeros(len(terms))
        return self.scale**2 * self.posterior.variances(terms)

    def doubt(self, masks: BoolArray) -> tuple[FloatArray, float] | None:
        if self.posterior is None:
            return None
        signs = 1.0 - 2.0 * np.asarray(masks, dtype=np.float64)
        variance = self.scale**2
        return variance * self.posterior.covariance(signs), variance * self.posterior.kernel.noise

    def largest(self, count: int | None) -> list[Term]:
        if self.posterior is None:
            return []
        return self.posterior.largest(MOST_TERMS if count is None else count)[0]

    def interactions(self, index: str, order: int | None = None) -> Interactions:
        index = canonical_name(index)
        order = resolve_order(index, order, self.n)
        if self.posterior is None or index not in ("SV", "SII") or order > 2:
            return super().interactions(index, order)
        found = self.posterior.shapley(order)
        terms = list(found)
        values = {term: self.scale * value for term, value in found.items()}
        values[()] = float(self.predict(np.zeros((1, self.n), dtype=np.bool_))[0])
        errors = None
        if len(terms) <= MOST_ERRORS:
            # widened like the error bars of the features' own coefficients
            singles = [(i,) for i in range(self.n)]
            own = self.posterior.variances(singles)
            plain = self.error / self.scale**2 / len(self.posterior.signs)
            wider = float(np.median(error_bars(own, plain) / np.sqrt(np.maximum(own, 1e-300))))
            spread = wider * self.scale * np.sqrt(self.posterior.shapley_variances(terms))
            errors = dict(zip(terms, spread.tolist(), strict=True))
            errors[()] = self.scale * float(np.sqrt(self.posterior.empty_variance())) * wider
        ordered = {term: values[term] for term in sorted(values, key=canonical_key)}
        return Interactions(ordered, index, order, self.features, errors)

    def diagnostics(self) -> list[str]:
        sentences = super().diagnostics()
        if self.posterior is None:
            return [*sentences, self.nothing_found]
        kernel = self.posterior.kernel
        strength = kernel.correlations / kernel.correlations.max()
        relevant = int((strength > 0.05).sum())
        total = kernel.product + kernel.coupled + kernel.linear
        return [
            *sentences,
            f"{relevant} of {kernel.n} features have a relevance above 5 % of the largest; of the "
            f"prior variance {100 * kernel.linear / total:.0f} % is linear, "
            f"{100 * kernel.coupled / total:.0f} % depends on the strength of the whole input.",
        ]

    def arrays(self) -> dict[str, NDArray[Any]]:
        numbers = [self.location, self.scale, self.error]
        if self.posterior is None:
            return {"numbers": np.array(numbers)}
        kernel = self.posterior.kernel
        numbers += [kernel.constant, kernel.linear, kernel.product, kernel.coupled, kernel.noise]
        numbers.append(self.posterior.norm)
        return {
            "numbers": np.array(numbers),
            "relevances": kernel.relevances,
            "direction": kernel.direction,
            "alpha": self.posterior.alpha,
            "weights": self.posterior.weights,
            "rows": np.packbits(self.posterior.signs < 0, axis=1),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], n: int) -> Self:
        fitted = cls()
        fitted._n = n
        fitted.location, fitted.scale, fitted.error, *parts = arrays["numbers"].tolist()
        fitted.posterior = None
        if parts:
            *parts, norm = parts
            kernel = Kernel(arrays["relevances"], arrays["direction"], *parts)
            masks = np.unpackbits(arrays["rows"], axis=1, count=n).astype(np.float64)
            alpha, weights = arrays["alpha"], arrays["weights"]
            vectors = (kernel.relevances, kernel.direction, alpha, weights)
            if [len(v) for v in vectors] != [n, n, len(masks), len(masks)]:
                raise ValueError("arrays of a Gaussian process do not fit together")
            if not all(np.isfinite(v).all() for v in (*vectors, arrays["numbers"])):
                raise ValueError("arrays of a Gaussian process hold numbers that are not finite")
            fitted.posterior = Posterior(kernel, 1.0 - 2.0 * masks, weights, alpha, norm)
        return fitted


def error_bars(posterior: FloatArray, plain: float) -> FloatArray:
    """Return standard errors of coefficients, from their posterior variances ``(t,)``.

    A posterior believes its prior, and the prior shrinks large effects too much: its variance is
    too small for those. The variance that a plain mean of m values times parities would have, the
    held-out error over m (``plain``), asks for no prior, and is too large for small effects. Their
    weighted geometric mean holds for small and for large terms; the weight was set on exact games,
    and docs/benchmarks/engine.md measures it on others.

    >>> error_bars(np.array([4.0, 1.0]), 4.0).round(3).tolist()
    [2.0, 1.625]
    """
    believed = np.sqrt(np.maximum(posterior, 0.0))
    errors: FloatArray = believed ** (1 - DOUBT) * np.sqrt(max(plain, 0.0)) ** DOUBT
    return errors


def _cross_fit(sample: Sample, target: FloatArray) -> list[tuple[Posterior, FloatArray]]:
    """Return for every spread the posterior given all rows, and held-out means ``(m,)``."""
    signs, weights, folds = sample.signs, sample.weights, sample.folds

    def fit(spread: float, fold: int | None) -> Posterior | FloatArray:
        if fold is None:
            return Posterior.fit(signs, target, weights, spread)
        rows, columns = folds != fold, sample.columns(fold)
        posterior = Posterior.fit(signs[rows][:, columns], target[rows], weights[rows], spread)
        return posterior.predict(signs[~rows][:, columns])

    need = memory(len(target))
    check_memory(
        need, f"a Gaussian process on {len(target):,} masks", 'fit fewer, or take "proxyspex"'
    )
    jobs = [(spread, fold) for spread in SPREADS for fold in (None, *range(sample.k))]
    together = int(min(available() / 2, MOST_MEMORY) / need)
    done = iter(in_parallel(fit, jobs, rows=len(target), most=max(1, together)))
    found = []
    for _ in SPREADS:
        whole, out_of_fold = next(done), np.full(len(target), np.nan)
        assert isinstance(whole, Posterior)
        for fold in range(sample.k):
            out_of_fold[folds == fold] = next(done)
        found.append((whole, out_of_fold))
    return found
