"""What every surrogate can do."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from interplay.metrics import Estimate
from interplay.packing import PackedArray
from interplay.spectrum import Spectrum
from interplay.surrogates.sample import Sample
from interplay.value_function import BoolArray, FloatArray


class Surrogate(ABC):
    """A cheap function of the mask that imitates the value function.

    Adding one is one file with a subclass, and one line in :data:`interplay.surrogates.METHODS`.
    ``interplay.fit`` hands ``fit_targets`` checked rows in a canonical order and fills in
    ``features``, ``faithfulness`` and ``noise``.

    Attributes
    ----------
    method
        its name in the registry.
    features
        n feature names.
    faithfulness
        held-out R² with a 90 % interval, every choice made again inside each fold.
    noise
        what the noise of the values means for this fit, in sentences; empty where there is none.
    out_of_fold
        float ``(m,)``, set by ``fit_targets``: for every row of the sample what models predict that
        were not trained on its fold, settings chosen on the other folds; NaN for rows in no fold.
        Faithfulness is measured on these, and ``"auto"`` compares its members by them.
    """

    method: ClassVar[str]
    features: tuple[str, ...]
    faithfulness: Estimate
    noise: tuple[str, ...] = ()
    out_of_fold: FloatArray

    @classmethod
    @abstractmethod
    def fit_targets(
        cls, sample: Sample, values: FloatArray, rng: np.random.Generator
    ) -> list[Self]:
        """Fit finite values, float64 ``(m, q)``; return one surrogate per target.

        Several targets come together so that work that the masks alone decide is done once. What is
        found for a target must not depend, to the last bit, on which others there are.
        """

    @classmethod  # noqa: B027 - most have nothing to check
    def check_run(cls, n: int, most: int) -> None:
        """Raise where a run could not be fitted, before anything is paid for.

        Parameters
        ----------
        n
            number of features.
        most
            most masks that the run may evaluate: the full and the empty one, and uniform ones.
        """

    @abstractmethod
    def predict(self, masks: BoolArray) -> FloatArray:
        """Return the imitated values, float64 ``(m,)``, of masks bool ``(m, n)``."""

    @abstractmethod
    def walsh_series(self, max_terms: int | None) -> Spectrum:
        """Return the largest ``max_terms`` terms beside the constant, unnamed; None for all."""

    def spectrum(self, max_terms: int | None = 200) -> Spectrum:
        """Return the largest ``max_terms`` Walsh terms beside the constant; None for all."""
        return self.walsh_series(max_terms).named(self.features)

    @property
    def fitted_method(self) -> str:
        """The method that made the prediction: for a choice between members, the one chosen."""
        return self.method

    def diagnostics(self) -> list[str]:
        """Return what a reader should know about this fit, in sentences."""
        return [self.faithfulness.sentence, *self.noise]


class SparseSurrogate(Surrogate):
    """A surrogate that is a sparse Walsh series, ``self.series``, and nothing else."""

    series: Spectrum

    def predict(self, masks: BoolArray) -> FloatArray:
        return self.series.predict(masks)

    def walsh_series(self, max_terms: int | None) -> Spectrum:
        if max_terms is None:
            return self.series
        return self.series.truncate(max_terms + 1)  # the constant is not counted

    def diagnostics(self) -> list[str]:
        sentences = super().diagnostics()
        terms = len(self.series) - 1
        if terms <= 0 or self.series.variance == 0:
            return [
                *sentences,
                "The fit found no effect: it predicts the same value for every mask.",
            ]
        shares = ", ".join(
            f"order {order}: {100 * share:.0f} %" if share >= 0.005 else f"order {order}: < 1 %"
            for order, share in self.series.energy().items()
        )
        sentences.append(
            f"{terms} term{'s' if terms > 1 else ''}; share of their variance by order: {shares}."
        )
        return sentences


@dataclass(frozen=True, eq=False)
class Regression:
    """What a regression on parities found, on the scale that it was given.

    Attributes
    ----------
    packed
        uint64 ``(t, words)``: the terms, the constant first.
    coefficients, errors
        float64 ``(t,)``; the errors are standard errors.
    out_of_fold
        float64 ``(m,)``: see :class:`Surrogate`.
    """

    packed: PackedArray
    coefficients: FloatArray
    errors: FloatArray
    out_of_fold: FloatArray


class RegressionSurrogate(SparseSurrogate):
    """A sparse series that is found by regression on targets of mean 0 and variance 1.

    A target that does not vary, or that has too few masks to learn from, becomes its mean: that is
    settled here for all methods.
    """

    @classmethod
    @abstractmethod
    def regress(
        cls, sample: Sample, targets: list[FloatArray], rng: np.random.Generator
    ) -> Iterator[Regression]:
        """Yield what is found for each target, float64 ``(m,)``, in a sample of 2 or more folds."""

    @classmethod
    def fit_targets(
        cls, sample: Sample, values: FloatArray, rng: np.random.Generator
    ) -> list[Self]:
        fits, varying = [cls() for _ in values.T], []
        for fitted, column in zip(fits, np.ascontiguousarray(values.T), strict=True):
            location, spread = sample.mean(column), math.sqrt(sample.variance(column))
            if spread > 1e-12 * max(1.0, abs(location)) and sample.k > 1:
                varying.append((fitted, location, spread, (column - location) / spread))
            else:
                fitted.series = Spectrum({(): location}, sample.n, errors={(): 0.0})
                fitted.out_of_fold = np.full(len(column), location)
        if varying:
            found = cls.regress(sample, [target for *_, target in varying], rng)
            for (fitted, location, spread, _), one in zip(varying, found, strict=True):
                coefficients = spread * one.coefficients
                coefficients[0] += location
                fitted.series = Spectrum.from_packed(
                    one.packed, coefficients, sample.n, standard_errors=spread * one.errors
                )
                fitted.out_of_fold = location + spread * one.out_of_fold
        return fits
