"""What every surrogate can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from interplay.interactions import Interactions
from interplay.metrics import Estimate
from interplay.packing import PackedArray, Term, canonical_key, pack_terms, term_tuples
from interplay.spectrum import Spectrum
from interplay.surrogates.sample import Sample
from interplay.value_function import BoolArray, FloatArray

LEARNING: Final = 0.5
"""Exponent of the methods that find interactions; see :attr:`Surrogate.exponent`."""

SHOWN_TERMS: Final = 200
"""Terms of a run's spectrum beside the constant, at most."""


class Surrogate(ABC):
    """A cheap function of the mask that imitates the value function.

    Adding one is one file with a subclass, and one line in :data:`interplay.surrogates.METHODS`.
    ``interplay.fit`` hands ``fit_targets`` checked rows in a canonical order and fills in
    ``features``, ``faithfulness`` and ``noise``.

    Attributes
    ----------
    method
        its name in the registry.
    exponent
        a > 0 of methods whose held-out error falls with the number of masks as m^-a, where they
        explain nearly all: faithfulness then allows for the rows that each fold's model lacks.
    wide
        whether it fits screened features, of which a fold's models may use some:
        see ``Sample.columns``.
    features
        n feature names.
    faithfulness
        held-out R² with a 90 % interval, every choice made again inside each fold.
    noise
        what the noise of the values means for this fit, in sentences; empty where there is none.
    rank_correlation
        Spearman's, of the values and predictions that faithfulness is measured on; NaN of a
        surrogate that was loaded.
    out_of_fold
        float ``(m,)``, set by ``fit_targets``: for every row of the sample what models predict that
        were not trained on its fold, settings chosen on the other folds; NaN for rows in no fold.
        Faithfulness is measured on these, and ``"auto"`` compares its members by them.
    """

    method: ClassVar[str]
    exponent: ClassVar[float] = 0.0
    wide: ClassVar[bool] = False
    features: tuple[str, ...]
    faithfulness: Estimate
    noise: tuple[str, ...] = ()
    rank_correlation: float = float("nan")
    out_of_fold: FloatArray

    def __repr__(self) -> str:
        if not hasattr(self, "faithfulness"):  # `interplay.fit` is not done with it
            return f"<{type(self).__name__}, not judged yet>"
        what = f"{type(self).__name__} of {len(self.features)} features"
        return f"<{what}. {self.faithfulness.sentence}>"

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
    def coefficients(self, terms: Sequence[Term]) -> tuple[FloatArray, FloatArray]:
        """Return Walsh coefficients and their standard errors, for any sets of features.

        Parameters
        ----------
        terms
            t sorted tuples of feature indices.

        Returns
        -------
        float64 ``(t,)`` each; the errors are NaN where nothing is known of them.
        """

    @abstractmethod
    def values_of(self, terms: Sequence[Term]) -> FloatArray:
        """Return the coefficients alone: where there are many, errors cost more than they do."""

    @abstractmethod
    def largest(self, count: int | None) -> list[Term]:
        """Return the sets of the largest ``count`` terms beside the constant, largest first.

        None for all; a Gaussian process, which has all 2^n, then lists 2,000.
        """

    def walsh_series(self, max_terms: int | None) -> Spectrum:
        """Return the largest ``max_terms`` terms beside the constant, unnamed; None for all."""
        terms = [(), *self.largest(max_terms)]
        n = self.n
        values, errors = self.coefficients(terms)
        known = None if np.isnan(errors).any() else errors
        return Spectrum.from_packed(pack_terms(terms, n), values, n, standard_errors=known)

    def spectrum(self, max_terms: int | None = SHOWN_TERMS) -> Spectrum:
        """Return the largest ``max_terms`` Walsh terms beside the constant; None for all.

        A Gaussian process has all 2^n of them, and lists at most 2,000.
        """
        return self.walsh_series(max_terms).named(self.features)

    def interactions(self, index: str, order: int | None = None) -> Interactions:
        """Return an interaction index of the whole surrogate.

        Where a surrogate has all 2^n terms, SV and SII up to order 2 are those of all of them,
        others those of the terms that ``spectrum(None)`` lists. ``spectrum().interactions`` speaks
        of the terms shown.

        Parameters
        ----------
        index, order
            see :meth:`interplay.Spectrum.interactions`.
        """
        return self.spectrum(None).interactions(index, order)

    def doubt(self, masks: BoolArray) -> tuple[FloatArray, float] | None:
        """Return what is not known of the values of masks, for designs that adapt.

        Parameters
        ----------
        masks
            bool ``(a, n)``.

        Returns
        -------
        The covariance of the values given the evaluations, float64 ``(a, a)``, and the variance of
        the noise about them; or None where the method has no idea of either.
        """
        return None

    @property
    @abstractmethod
    def n(self) -> int:
        """Number of features."""

    @property
    def nothing_found(self) -> str:
        """The diagnostic of a fit without effects."""
        if self.faithfulness.value == 1.0:  # it predicts a constant, and is right
            return (
                "All values are the same, so the fit found no effect. If that is a surprise: does "
                "the value function use its masks?"
            )
        return "The fit found no effect: it predicts the same value for every mask."

    @abstractmethod
    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all that :meth:`from_arrays` needs to make this surrogate again, bit for bit."""

    @classmethod
    @abstractmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], n: int) -> Self:
        """Return what :meth:`arrays` was called on; features and evidence are not in them."""

    @property
    def fitted_method(self) -> str:
        """The method that made the prediction: for a choice between members, the one chosen."""
        return self.method

    def diagnostics(self) -> list[str]:
        """Return what a reader should know about this fit, in sentences."""
        return [self.faithfulness.sentence, *self.noise]


def strongest(values: Mapping[Term, float], count: int | None) -> dict[Term, float]:
    """Return the ``count`` terms of largest absolute value, largest first; None for all.

    >>> strongest({(0,): 1.0, (1, 2): -3.0, (1,): 1.0}, 2)
    {(1, 2): -3.0, (0,): 1.0}
    """
    ranked = sorted(values, key=lambda term: (-abs(values[term]), canonical_key(term)))
    return {term: values[term] for term in ranked[:count]}


def part_of(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    """Return the arrays whose names begin with ``prefix``, under the rest of their names."""
    return {name.removeprefix(prefix): arrays[name] for name in arrays if name.startswith(prefix)}


class SparseSurrogate(Surrogate):
    """A surrogate that is a sparse Walsh series, ``self.series``, and nothing else."""

    series: Spectrum

    def predict(self, masks: BoolArray) -> FloatArray:
        return self.series.predict(masks)

    @property
    def n(self) -> int:
        return self.series.n

    def walsh_series(self, max_terms: int | None) -> Spectrum:
        if max_terms is None:
            return self.series
        return self.series.truncate(max_terms + 1)  # the constant is not counted

    def coefficients(self, terms: Sequence[Term]) -> tuple[FloatArray, FloatArray]:
        """A term that was not chosen has the coefficient 0, of unknown error."""
        known, rows = self.series.standard_errors, self._rows_of(terms)
        errors = np.full(len(self.series) + 1, np.nan)
        if known is not None:
            errors[:-1] = known
        return self.values_of(terms), errors[rows]

    def values_of(self, terms: Sequence[Term]) -> FloatArray:
        found: FloatArray = np.append(self.series.coefficients, 0.0)[self._rows_of(terms)]
        return found

    def _rows_of(self, terms: Sequence[Term]) -> list[int]:
        """Where terms stand in the series; -1 for one that does not."""
        place = {row.tobytes(): i for i, row in enumerate(self.series.packed)}
        return [place.get(row.tobytes(), -1) for row in pack_terms(terms, self.n)]

    def largest(self, count: int | None) -> list[Term]:
        found = self.series if count is None else self.series.truncate(count + 1)
        order = np.argsort(-np.abs(found.coefficients), kind="stable")
        return [term for term in term_tuples(found.packed[order]) if term]

    def arrays(self) -> dict[str, NDArray[Any]]:
        errors = self.series.standard_errors
        return {"packed": self.series.packed, "coefficients": self.series.coefficients} | (
            {} if errors is None else {"standard_errors": errors}
        )

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], n: int) -> Self:
        fitted = cls()
        fitted.series = Spectrum.from_packed(
            arrays["packed"],
            arrays["coefficients"],
            n,
            standard_errors=arrays.get("standard_errors"),
        )
        return fitted

    def diagnostics(self) -> list[str]:
        sentences = super().diagnostics()
        terms = len(self.series) - 1
        if terms <= 0 or self.series.variance == 0:
            return [*sentences, self.nothing_found]
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
            location, spread, target = sample.standardised(column)
            if target is not None:
                varying.append((fitted, location, spread, target))
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
