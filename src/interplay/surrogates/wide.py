"""Surrogates of thousands of features: any method that can, on those that a screening keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from interplay.errors import BadInput
from interplay.packing import WORD, PackedArray, Term
from interplay.surrogates.base import Surrogate, part_of
from interplay.surrogates.crossval import folds_of_groups
from interplay.surrogates.rows import ROWS, Rows
from interplay.surrogates.sample import Sample, mean_one
from interplay.surrogates.screening import LEAST_KEPT, MANY_FEATURES, Kept, screen
from interplay.value_function import BoolArray, FloatArray


@dataclass(frozen=True, eq=False)
class WideSample(Sample):
    """A sample whose masks are held as bits only: ``masks`` has columns, and no rows.

    Attributes
    ----------
    packed
        uint64 ``(m, words)``: the masks.
    """

    packed: PackedArray = None  # type: ignore[assignment] # the fields before it have defaults

    @classmethod
    def of_rows(cls, rows: Rows, rng: np.random.Generator, judged: BoolArray | None) -> Self:
        """Return the sample of canonical rows; nothing of their size is unpacked."""
        group = np.cumsum(rows.changes) - 1
        kept = np.bitwise_count(rows.packed).sum(axis=1)
        tested = (kept > 0) & (kept < rows.n)
        if judged is not None:
            tested &= judged
        folds = folds_of_groups(group, tested, rng)
        weights = mean_one(rows.weights)
        masks = np.empty((0, rows.n), dtype=np.bool_)
        return cls(masks, folds, weights, weights, rows.noise, packed=rows.packed)


class Screened(Surrogate):
    """A surrogate on the features that a screening has kept; the others have no effect on it.

    Attributes
    ----------
    inner
        the surrogate.
    kept
        int ``(n',)``: its features, ascending.
    searched
        how many pairs there were to choose from.
    """

    method: ClassVar[str] = "screened"
    inner: Surrogate
    kept: NDArray[np.intp]
    searched: int
    _n: int
    chosen: type[Surrogate]

    @classmethod
    def by(cls, chosen: type[Surrogate]) -> type[Self]:
        """Return the class that fits a method behind a screening."""
        if not chosen.wide:
            raise BadInput(
                f'method "{chosen.method}" is for at most {MANY_FEATURES:,} features; "auto", '
                '"proxyspex", "lasso" and "parity-gp" screen more of them first'
            )
        return type(cls.__name__, (cls,), {"chosen": chosen, "exponent": chosen.exponent})

    @classmethod
    def fit_targets(
        cls, sample: Sample, values: FloatArray, rng: np.random.Generator
    ) -> list[Self]:
        assert isinstance(sample, WideSample)
        fits = []
        for j, column in enumerate(np.ascontiguousarray(values.T)):
            if sample.standardised(column)[2] is None:  # a constant: any features will do
                features = np.arange(LEAST_KEPT)
                usable = np.ones((max(sample.k, 1), len(features)), dtype=np.bool_)
                none = tuple(np.empty((0, 2), dtype=np.intp) for _ in usable)
                kept = Kept(features, usable, none, 0)
            else:
                kept = screen(sample.packed, sample.n, column, sample.weights, sample.folds)
            few = Sample(
                columns_of(sample.packed, kept.features),
                sample.folds,
                sample.importance,
                sample.weights,
                sample.for_targets([j]).noise,
                usable=kept.usable,
                pairs=kept.pairs,
            )
            (inner,) = cls.chosen.fit_targets(few, column[:, None], deepcopy(rng))
            fitted = cls._of(inner, kept.features, sample.n, kept.searched)
            fitted.out_of_fold = inner.out_of_fold
            fits.append(fitted)
        return fits

    @classmethod
    def _of(cls, inner: Surrogate, kept: NDArray[np.intp], n: int, searched: int) -> Self:
        fitted = cls()
        fitted.inner, fitted.kept, fitted._n, fitted.searched = inner, kept, n, searched
        return fitted

    @property
    def fitted_method(self) -> str:
        return self.inner.fitted_method

    @property
    def n(self) -> int:
        return self._n

    def predict(self, masks: BoolArray) -> FloatArray:
        return self.inner.predict(masks[:, self.kept])

    def coefficients(self, terms: Sequence[Term]) -> tuple[FloatArray, FloatArray]:
        known, own = self._inside(terms)
        values, errors = np.zeros(len(terms)), np.full(len(terms), np.nan)
        values[known], errors[known] = self.inner.coefficients(own)
        return values, errors

    def values_of(self, terms: Sequence[Term]) -> FloatArray:
        known, own = self._inside(terms)
        values = np.zeros(len(terms))
        values[known] = self.inner.values_of(own)
        return values

    def _inside(self, terms: Sequence[Term]) -> tuple[list[int], list[Term]]:
        """Which terms have kept features only, and what they are called among those."""
        place = {int(feature): i for i, feature in enumerate(self.kept)}
        known = [j for j, term in enumerate(terms) if all(i in place for i in term)]
        return known, [tuple(place[i] for i in terms[j]) for j in known]

    def largest(self, count: int | None) -> list[Term]:
        names = self.kept.tolist()
        return [tuple(names[i] for i in term) for term in self.inner.largest(count)]

    def diagnostics(self) -> list[str]:
        self.inner.faithfulness, self.inner.noise = self.faithfulness, self.noise
        return [
            *self.inner.diagnostics(),
            f"Of {self._n:,} features {len(self.kept):,} were kept by a screening of main effects "
            f"and of {self.searched:,} pairs.",
        ]

    def arrays(self) -> dict[str, NDArray[Any]]:
        inner = {f"inner.{name}": array for name, array in self.inner.arrays().items()}
        return {
            "inner": np.array(self.inner.method),
            "kept": self.kept,
            "searched": np.array(self.searched),
            **inner,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], n: int) -> Self:
        from interplay.surrogates import METHODS  # which imports this module

        kept, searched = arrays["kept"], int(arrays["searched"])
        if kept.ndim != 1 or kept.dtype.kind != "i" or not len(kept):
            raise ValueError("the features that were kept must be whole numbers")
        if (np.diff(kept) <= 0).any() or kept[0] < 0 or kept[-1] >= n:
            raise ValueError(f"the features that were kept must ascend within 0 .. {n - 1}")
        inner = METHODS[str(arrays["inner"])].from_arrays(part_of(arrays, "inner."), len(kept))
        return cls._of(inner, kept, n, searched)


def columns_of(packed: PackedArray, features: NDArray[np.intp]) -> BoolArray:
    """Return columns of packed masks, bool ``(m, features)``.

    >>> from interplay.packing import pack
    >>> columns_of(pack(np.array([[True, False, True]])), np.array([2, 1]))
    array([[ True, False]])
    """
    columns = np.empty((len(packed), len(features)), dtype=np.bool_)
    for start in range(0, len(packed), ROWS):
        words = packed[start : start + ROWS, features // WORD]
        words >>= (features % WORD).astype(np.uint64)
        columns[start : start + ROWS] = words & np.uint64(1)
    return columns
