"""Spectrum: a sparse Walsh-Fourier series over sets of features.

``f(S) = sum_T F(T) * (-1) ** |S & T|`` with S the kept features. Inside, a term is a row of packed
bits; outside, a sorted tuple of feature indices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from interplay import spectrum_file
from interplay.errors import BadInput, check_whole
from interplay.indices import canonical_name, convert, resolve_order, weight
from interplay.interactions import Interaction, Interactions
from interplay.intervals import Z_90
from interplay.packing import (
    IntArray,
    PackedArray,
    Term,
    distinct,
    members,
    orders,
    pack_members,
    pack_terms,
    term_tuples,
    words,
)
from interplay.value_function import BoolArray, FloatArray, check_masks, feature_names
from interplay.walsh import series, transform


class Spectrum:
    """A sparse Walsh-Fourier series: the terms of a function of masks, and what follows from them.

    Parameters
    ----------
    terms
        sets of feature indices -> coefficients F. Equal sets are added up.
    n
        number of features.
    features
        their names; ``x0, x1, ...`` by default.
    errors
        standard error of every term's coefficient; None where unknown.

    Raises
    ------
    BadInput
        if a term is not a set of features, or a number is not finite.

    Notes
    -----
    Terms stand in canonical order: by order, then lexicographically. Coefficients are treated as
    uncorrelated (parities are orthonormal under uniform masks). Immutable.

    Examples
    --------
    >>> spectrum = Spectrum({(): 1.0, (0,): -0.5, (0, 1): 0.25}, n=2)
    >>> spectrum.predict(np.array([[True, True], [False, True]]))
    array([1.75, 0.25])
    """

    __array_ufunc__ = None  # so that a NumPy scalar times a spectrum is a spectrum

    def __init__(
        self,
        terms: Mapping[Term, float],
        n: int,
        *,
        features: Sequence[str] | None = None,
        errors: Mapping[Term, float] | None = None,
    ) -> None:
        keys = list(terms)
        if errors is not None and (missing := [t for t in keys if t not in errors]):
            raise BadInput(
                f"errors has no entry for term {missing[0]}: give all terms one, or none"
            )
        self._set(
            pack_terms(keys, _feature_count(n)),
            [terms[t] for t in keys],
            n,
            features,
            None if errors is None else [errors[t] for t in keys],
        )

    @classmethod
    def from_packed(
        cls,
        packed: PackedArray,
        coefficients: ArrayLike,
        n: int,
        *,
        features: Sequence[str] | None = None,
        standard_errors: ArrayLike | None = None,
    ) -> Spectrum:
        """Return the spectrum of packed terms.

        Parameters
        ----------
        packed
            uint64 ``(k, ceil(n / 64))``; equal rows are added up.
        coefficients, standard_errors
            float ``(k,)``.

        Examples
        --------
        >>> rows = pack_terms([(1,), (), (1,)], 2)
        >>> Spectrum.from_packed(rows, [1.0, 2.0, 3.0], 2).terms
        {(): 2.0, (1,): 4.0}
        """
        spectrum = cls.__new__(cls)
        spectrum._set(packed, coefficients, n, features, standard_errors)
        return spectrum

    @classmethod
    def from_values(
        cls, values: ArrayLike, n: int, *, features: Sequence[str] | None = None
    ) -> Spectrum:
        """Return the exact spectrum of a complete game, by the fast Walsh-Hadamard transform.

        Parameters
        ----------
        values
            float ``(2 ** n,)``: bit i of the position says whether feature i is kept.

        Notes
        -----
        Standard errors are zero. Coefficients below the rounding of the transform are left out.

        >>> Spectrum.from_values([0.0, 1.0, 1.0, 4.0], 2).terms
        {(): 1.5, (0,): -1.0, (1,): -1.0, (0, 1): 0.5}
        """
        _feature_count(n)
        game = _finite(values, "values")
        if game.shape != (2**n,):
            raise BadInput(
                f"values of all masks of {n} features must have shape (2**{n},); got {game.shape}"
            )
        coefficients = transform(game)
        rounding = np.finfo(np.float64).eps * n * np.sqrt(np.square(game).mean())
        rows = np.flatnonzero(np.abs(coefficients) > rounding)
        return cls.from_packed(
            rows.astype(np.uint64)[:, None],
            coefficients[rows],
            n,
            features=features,
            standard_errors=np.zeros(len(rows)),
        )

    @classmethod
    def from_interactions(cls, table: Interactions) -> Spectrum:
        """Return the series whose Fourier, Moebius or FBII values a table holds.

        Of Fourier these are the coefficients. Moebius and FBII are sums of products of features,
        ``f(S) = sum over T ⊆ S of a(T)``, and as a series
        ``F(R) = (-1) ** |R| * sum over T ⊇ R of 2 ** -|T| * a(T)``. What the table lacks counts as
        0: a Moebius table needs all orders, one of FBII gives the part of the series up to its own.
        Standard errors are known for Fourier and for exact tables; the others' are correlated.

        Raises
        ------
        BadInput
            if the table holds another index, or sets that are too large to be taken apart.

        Examples
        --------
        >>> spectrum = Spectrum({(): 1.0, (0,): -0.5, (0, 1): 0.25}, n=2)
        >>> Spectrum.from_interactions(spectrum.interactions("Moebius")).terms
        {(): 1.0, (0,): -0.5, (0, 1): 0.25}
        """
        if table.index not in ("Fourier", "Moebius", "FBII"):
            raise BadInput(
                f"a series is made of the index Fourier, Moebius or FBII; this table holds "
                f"{table.index}: take one of these of the same game"
            )
        packed = pack_terms(list(table), table.n)
        values = np.array(list(table.values()), dtype=np.float64)
        errors = None
        if table.index != "Fourier":
            # as if 2 ** -|T| a(T) were a series: its Moebius values are those of this one, times
            # 2 ** |R|; powers of two lose nothing
            scaled = np.ldexp(values, -orders(packed))
            terms, sums, _ = convert(packed, scaled, None, "Moebius", table.n)
            packed = pack_terms(terms, table.n)
            values = np.ldexp(sums, -orders(packed))
            present = values != 0.0
            packed, values = packed[present], values[present]
        elif table.errors is not None:
            errors = np.array([table.errors.get(term, 0.0) for term in table])
        if table.is_exact:
            errors = np.zeros(len(packed))
        return cls.from_packed(
            packed, values, table.n, features=table.features, standard_errors=errors
        )

    def _set(
        self,
        packed: PackedArray,
        coefficients: ArrayLike,
        n: int,
        features: Sequence[str] | None,
        standard_errors: ArrayLike | None,
    ) -> None:
        self.n = _feature_count(n)
        self.features = feature_names(features, n)
        packed = np.asarray(packed)
        if packed.dtype != np.uint64 or packed.ndim != 2 or packed.shape[1] != words(n):
            raise BadInput(
                f"packed terms of {n} features must be uint64 (k, {words(n)}); "
                f"got {packed.dtype} {packed.shape}"
            )
        if n % 64 and (packed[:, -1] >> np.uint64(n % 64)).any():
            raise BadInput(f"packed terms name features above {n - 1}")
        coefficients = _finite(coefficients, "coefficients", len(packed))
        errors = None
        if standard_errors is not None:
            errors = _finite(standard_errors, "standard errors", len(packed))
            if (errors < 0).any():
                raise BadInput(f"standard errors must not be negative; got {errors.min()}")
        by, starts = distinct(packed)
        packed = packed[by][starts]
        coefficients = np.add.reduceat(coefficients[by], starts)
        if errors is not None:
            errors = np.hypot.reduceat(errors[by], starts)
            errors.flags.writeable = False
        packed.flags.writeable = coefficients.flags.writeable = False
        self.packed: PackedArray = packed
        self.coefficients: FloatArray = coefficients
        self.standard_errors: FloatArray | None = errors

    def __len__(self) -> int:
        return len(self.packed)

    def __repr__(self) -> str:
        return f"<Spectrum of {len(self)} terms, order <= {self.max_order}, n = {self.n}>"

    @property
    def orders(self) -> IntArray:
        """Number of features of every term, ``(k,)``."""
        return orders(self.packed)

    @property
    def max_order(self) -> int:
        """Highest order of a term; 0 for an empty spectrum."""
        return int(self.orders.max(initial=0))

    @property
    def terms(self) -> dict[Term, float]:
        """Sorted tuples of feature indices -> coefficients, in canonical order."""
        return dict(zip(term_tuples(self.packed), self.coefficients.tolist(), strict=True))

    @property
    def constant(self) -> float:
        """The coefficient of the empty set: the mean over uniform masks."""
        return float(self.coefficients[self.orders == 0].sum())

    @property
    def variance(self) -> float:
        """Variance over uniform masks: the sum of squares without the constant."""
        return float(np.square(self.coefficients[self.orders > 0]).sum())

    @property
    def main_effects(self) -> FloatArray:
        """Banzhaf values of single features, ``-2 F``, float64 ``(n,)``.

        >>> Spectrum({(): 1.0, (1,): -0.5, (0, 1): 0.25}, n=3).main_effects
        array([0., 1., 0.])
        """
        effects = np.zeros(self.n)
        rows = np.flatnonzero(self.orders == 1)
        features = [i for (i,) in term_tuples(self.packed[rows])]
        effects[features] = -2 * self.coefficients[rows]
        return effects

    def predict(self, masks: BoolArray) -> FloatArray:
        """Return the series at ``masks``: bool ``(m, n)`` -> float64 ``(m,)``."""
        return series(check_masks(masks, n=self.n), self.packed, self.coefficients)

    def energy(self) -> dict[int, float]:
        """Return the share of the variance that each order carries; orders that occur, from 1.

        >>> Spectrum({(): 9.0, (0,): 3.0, (0, 1): 1.0}, n=2).energy()
        {1: 0.9, 2: 0.1}
        """
        by_order = np.bincount(self.orders, weights=np.square(self.coefficients))
        present = np.unique(self.orders).tolist()
        variance = self.variance
        return {s: float(by_order[s]) / variance if variance else 0.0 for s in present if s > 0}

    def top(self, k: int = 10, *, min_order: int = 1) -> list[Interaction]:
        """Return the k largest terms by ``|F|``, as Banzhaf interactions; the constant is left out.

        Parameters
        ----------
        k
            how many, at most.
        min_order
            lowest order of the terms to look at.

        Examples
        --------
        >>> spectrum = Spectrum({(): 1.0, (0,): -0.5, (0, 1): 0.25}, n=2, features=["not", "bad"])
        >>> [(i.names, i.value) for i in spectrum.top(2)]
        [(('not',), 1.0), (('not', 'bad'), 1.0)]
        """
        check_whole("k", k, 0)
        candidates = np.flatnonzero(self.orders >= max(min_order, 1))
        size = np.abs(self.coefficients[candidates])
        chosen = candidates[np.argsort(-size, kind="stable")[:k]]
        variance = self.variance
        found = []
        for row, term in zip(chosen.tolist(), term_tuples(self.packed[chosen]), strict=True):
            coefficient = float(self.coefficients[row])
            scale = weight("BII", len(term), len(term), len(term))
            value = scale * coefficient
            low = high = None
            if self.standard_errors is not None:
                width = Z_90 * abs(scale) * float(self.standard_errors[row])
                low, high = value - width, value + width
            names = tuple(self.features[i] for i in term)
            share = coefficient**2 / variance if variance else 0.0
            found.append(Interaction(term, names, value, low, high, share))
        return found

    def truncate(self, max_terms: int) -> Spectrum:
        """Return at most ``max_terms`` terms: the constant, if there is one, and the largest."""
        check_whole("max_terms", max_terms, 1)
        size = np.where(self.orders == 0, np.inf, np.abs(self.coefficients))
        return self._rows(np.sort(np.argsort(-size, kind="stable")[:max_terms]))

    def interactions(self, index: str, order: int | None = None) -> Interactions:
        """Return the values of an interaction index, with standard errors where they are known.

        Parameters
        ----------
        index
            one of :data:`interplay.indices.INDICES`; case does not matter.
        order
            highest order of the sets; None for the index's own.

        Raises
        ------
        BadInput
            if the index is unknown, the order is above n, or there are too many subsets.

        Examples
        --------
        >>> table = Spectrum({(): 1.0, (0,): -0.5, (0, 1): 0.25}, n=2).interactions("SII")
        >>> dict(table)
        {(): 0.75, (0,): 1.0, (0, 1): 1.0}
        """
        index = canonical_name(index)
        order = resolve_order(index, order, self.n)
        terms, values, errors = convert(
            self.packed, self.coefficients, self.standard_errors, index, order
        )
        return Interactions(
            dict(zip(terms, values.tolist(), strict=True)),
            index,
            order,
            self.features,
            None if errors is None else dict(zip(terms, errors.tolist(), strict=True)),
            has_constant=index != "influence",
        )

    def _rows(self, rows: IntArray) -> Spectrum:
        return Spectrum.from_packed(
            self.packed[rows],
            self.coefficients[rows],
            self.n,
            features=self.features,
            standard_errors=None if self.standard_errors is None else self.standard_errors[rows],
        )

    def named(self, features: Sequence[str]) -> Spectrum:
        """Return the same series over features of other names.

        >>> Spectrum({(0,): 1.0}, n=1).named(["good"]).features
        ('good',)
        """
        return Spectrum.from_packed(
            self.packed,
            self.coefficients,
            self.n,
            features=features,
            standard_errors=self.standard_errors,
        )

    def relabel(self, permutation: Sequence[int]) -> Spectrum:
        """Return the spectrum with feature i renumbered to ``permutation[i]``, names included.

        >>> Spectrum({(0, 1): 1.0}, n=3).relabel([2, 0, 1]).terms
        {(0, 2): 1.0}
        """
        new = np.asarray(permutation)
        if new.shape != (self.n,) or not np.array_equal(np.sort(new), np.arange(self.n)):
            raise BadInput(f"permutation must hold 0 .. {self.n - 1} once each; got {permutation}")
        names = dict(zip(new.tolist(), self.features, strict=True))
        features, starts = members(self.packed)
        return Spectrum.from_packed(
            pack_members(new[features], np.diff(starts), self.n),
            self.coefficients,
            self.n,
            features=[names[i] for i in range(self.n)],
            standard_errors=self.standard_errors,
        )

    def __add__(self, other: Spectrum) -> Spectrum:
        """Return the series of the sum. Standard errors add as independent ones."""
        if not isinstance(other, Spectrum):
            return NotImplemented
        if self.n != other.n:
            raise BadInput(f"spectra to be added have n = {self.n} and n = {other.n} features")
        if self.features != other.features:
            pairs = zip(self.features, other.features, strict=True)
            i, (mine, others) = next((i, p) for i, p in enumerate(pairs) if p[0] != p[1])
            raise BadInput(
                f"spectra to be added name feature {i} differently: {mine!r} and {others!r}. "
                "Relabel one of them, or give both the same features"
            )
        errors = None
        if self.standard_errors is not None and other.standard_errors is not None:
            errors = np.concatenate([self.standard_errors, other.standard_errors])
        return Spectrum.from_packed(
            np.concatenate([self.packed, other.packed]),
            np.concatenate([self.coefficients, other.coefficients]),
            self.n,
            features=self.features,
            standard_errors=errors,
        )

    def __mul__(self, factor: object) -> Spectrum:
        if not isinstance(factor, Real):
            return NotImplemented
        errors = self.standard_errors
        return Spectrum.from_packed(
            self.packed,
            self.coefficients * float(factor),
            self.n,
            features=self.features,
            standard_errors=None if errors is None else errors * abs(float(factor)),
        )

    __rmul__ = __mul__

    def __neg__(self) -> Spectrum:
        return self * -1.0

    def __sub__(self, other: Spectrum) -> Spectrum:
        if not isinstance(other, Spectrum):
            return NotImplemented
        return self + (-other)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Spectrum):
            return NotImplemented
        mine, others = self.standard_errors, other.standard_errors
        return (
            self.features == other.features
            and np.array_equal(self.packed, other.packed)
            and np.array_equal(self.coefficients, other.coefficients)
            and (mine is None) == (others is None)
            and (mine is None or others is None or np.array_equal(mine, others))
        )

    __hash__ = None  # type: ignore[assignment]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able mapping; :meth:`from_dict` is its inverse, to the last bit."""
        return spectrum_file.to_dict(self._contents)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, source: str = "this mapping") -> Spectrum:
        """Return the spectrum that :meth:`to_dict` was called on.

        Raises
        ------
        BadInput
            if it is not a spectrum's mapping; the message begins with ``source``.
        """
        return cls._from_contents(spectrum_file.from_dict(data, source), source)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the spectrum to a ``.json`` or an ``.npz`` file."""
        spectrum_file.save(path, self._contents)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Spectrum:
        """Return the spectrum that a file holds.

        Raises
        ------
        BadInput
            if the file is missing, damaged, or something else; the message names it.
        """
        return cls._from_contents(spectrum_file.load(path), str(path))

    @property
    def _contents(self) -> spectrum_file.Contents:
        return spectrum_file.Contents(
            self.packed, self.coefficients, self.n, self.features, self.standard_errors
        )

    @classmethod
    def _from_contents(cls, contents: spectrum_file.Contents, source: str) -> Spectrum:
        try:
            return cls.from_packed(
                contents.packed,
                contents.coefficients,
                contents.n,
                features=contents.features,
                standard_errors=contents.standard_errors,
            )
        except BadInput as error:
            raise spectrum_file.damaged(source, error) from error


def _feature_count(n: object) -> int:
    return check_whole("n, the number of features,", n, 1)


def _finite(numbers: ArrayLike, name: str, length: int | None = None) -> FloatArray:
    """Return a float64 copy of finite numbers, ``(length,)``, or raise."""
    try:
        array = np.array(numbers, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BadInput(f"{name} must be numbers: {error}") from error
    if array.ndim != 1 or (length is not None and len(array) != length):
        raise BadInput(
            f"{name} must have shape ({'k' if length is None else length},); got {array.shape}"
        )
    if not np.isfinite(array).all():
        raise BadInput(f"{name} must be finite; got {array[~np.isfinite(array)][0]}")
    return array
