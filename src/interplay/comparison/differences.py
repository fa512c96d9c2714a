"""Differences of the effects and interactions of two runs, each with what is known of its error.

An effect is the Banzhaf interaction ``(-2) ** |T| F(T)`` of the spectra, as ``top`` shows it. The
standard error of a difference is the square root of the sum of both squared standard errors: that
of independent fits. Looked at is every set of shared features that either spectrum lists. For one
that only one of them lists, the other run's surrogate says value and error where it is at hand. It
has none for a term that a sparse fit did not keep, and without it nothing is known: the value is
then 0, and the error *assumed* to be as large as those of the terms of that order that the run
lists. On known functions such intervals cover the truth about as often as the others
(docs/benchmarks/comparisons.md).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import comb
from typing import Any, Final

import numpy as np
from scipy.special import ndtr

from interplay.comparison.alignment import Alignment
from interplay.explanation import Explanation
from interplay.indices import weight
from interplay.interactions import Interaction, sign_probability
from interplay.intervals import LEVEL, Z_90, leaves_out_zero
from interplay.metrics import q_values
from interplay.packing import Term, canonical_key
from interplay.value_function import FloatArray

CHANCE: Final = 1 - LEVEL
"""Largest q value of a difference that is called clear."""

NEGLIGIBLE: Final = 1e-4
"""Differences below this part of the largest effect are none: the values of float models agree to
that much from one batch size to another."""


@dataclass(frozen=True)
class Difference:
    """What one effect or interaction is in each of two runs.

    Attributes
    ----------
    features, others
        the set, by its numbers in the first run and in the second.
    names
        of the features, as the first run has them.
    first, second
        the effect in each run.
    first_error, second_error
        their standard errors; None where unknown.
    value
        the second less the first.
    low, high
        90 % interval of ``value``; None where an error is unknown.
    sign_probability
        how probable it is that the true difference has this sign; None where that is unknown.
    q
        share of chance finds among the differences of this order that are at least as clear,
        counting all sets of as many shared features; None where that is unknown.
    listed
        which spectra list the term: ``"both"``, ``"first"`` or ``"second"``.
    assumed
        whether an error in it is assumed to be like those of other terms.
    clear
        whether the interval leaves out 0, and q allows for chance.
    """

    features: Term
    others: Term
    names: tuple[str, ...]
    first: float
    second: float
    first_error: float | None
    second_error: float | None
    value: float
    low: float | None
    high: float | None
    sign_probability: float | None
    q: float | None
    listed: str
    assumed: bool
    clear: bool = False

    @property
    def order(self) -> int:
        """Number of features that act together."""
        return len(self.features)

    @property
    def error(self) -> float | None:
        """Standard error of the difference; None where unknown."""
        if self.first_error is None or self.second_error is None:
            return None
        return float(np.hypot(self.first_error, self.second_error))

    @property
    def rank(self) -> tuple[bool, float, float, tuple[int, Term]]:
        """The key by which rows are sorted: large *and* clear comes first.

        Sizes are those of coefficients, as in ``top``: an interaction of order t counts 2^-t.
        Clear differences go by the end of the interval that is nearer to 0, the others by their
        size in units of the interval; where there is none, by size alone.
        """
        half = Z_90 * self.error if self.error is not None else None
        size, unit = abs(self.value), 2.0**-self.order
        near = size if half is None else max(size - half, 0.0)
        ratio = size / half if half else size
        return not self.clear, -near * unit, -ratio, canonical_key(self.features)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able mapping."""
        told = asdict(self)
        return told | {key: list(told[key]) for key in ("features", "others", "names")}


@dataclass(frozen=True)
class Coefficients:
    """Walsh coefficients of some terms in one run.

    Attributes
    ----------
    values, errors
        float64 ``(t,)``; errors are NaN where nothing is known of them.
    assumed
        whether a term's error is assumed to be like those of others.
    listed
        whether the spectrum lists the term.
    """

    values: FloatArray
    errors: FloatArray
    assumed: list[bool]
    listed: list[bool]


def differences(
    first: Explanation, second: Explanation, alignment: Alignment, *, same_numbers: bool
) -> list[Difference]:
    """Return the differences of all that either spectrum lists, clear and large ones first.

    Parameters
    ----------
    first, second
        runs, each with the target shown that is compared.
    alignment
        which of their features are the same.
    same_numbers
        whether both were fitted to the same masks and values: there is then one truth behind both,
        and no probability of a difference.
    """
    mine = {alignment.from_first(term) for term in first.spectrum.terms}
    others = {alignment.from_second(term) for term in second.spectrum.terms}
    terms = sorted((term for term in mine | others if term), key=canonical_key)
    a = coefficients_of(first, [_sorted(alignment.first, term) for term in terms])
    b = coefficients_of(second, [_sorted(alignment.second, term) for term in terms])
    rows = [
        _row(
            first,
            alignment,
            term,
            (float(a.values[k]), float(b.values[k])),
            (float(a.errors[k]), float(b.errors[k])),
            listed="both" if a.listed[k] and b.listed[k] else "first" if a.listed[k] else "second",
            assumed=a.assumed[k] or b.assumed[k],
        )
        for k, term in enumerate(terms)
    ]
    largest = max((max(abs(row.first), abs(row.second)) for row in rows), default=0.0)
    rows = _judged(rows, len(alignment), NEGLIGIBLE * largest, same_numbers=same_numbers)
    return sorted(rows, key=lambda row: row.rank)


def only(found: Explanation, features: Sequence[int]) -> list[Interaction]:
    """Return the terms with any of ``features``, which the other run does not have."""
    alone = set(features)
    terms = found.top(len(found.spectrum))
    return [term for term in terms if not alone.isdisjoint(term.features)]


def _sorted(features: tuple[int, ...], term: Term) -> Term:
    return tuple(sorted(features[k] for k in term))


def coefficients_of(found: Explanation, terms: Sequence[Term]) -> Coefficients:
    """What a run says of terms: by its spectrum, its surrogate, or by assumption."""
    spectrum = found.spectrum
    place = {term: row for row, term in enumerate(spectrum.terms)}
    known = spectrum.standard_errors
    errors_of = np.full(len(spectrum), np.nan) if known is None else known
    values, errors = np.zeros(len(terms)), np.full(len(terms), np.nan)
    listed = [term in place for term in terms]
    rows = [place[term] for term in terms if term in place]
    values[listed], errors[listed] = spectrum.coefficients[rows], errors_of[rows]
    missing = [k for k, there in enumerate(listed) if not there]
    if missing and found.finding.surrogate is not None:
        told = found.surrogate.coefficients([terms[k] for k in missing])
        values[missing], errors[missing] = told
    assumed = [False] * len(terms)
    if known is not None:
        usual = _usual(spectrum.orders, known)
        for k in missing:
            if np.isnan(errors[k]):
                errors[k], assumed[k] = usual.get(len(terms[k]), usual[0]), True
    return Coefficients(values, errors, assumed, listed)


def _usual(orders: np.ndarray[Any, Any], errors: FloatArray) -> dict[int, float]:
    """Order -> median standard error of the terms that are listed; under 0 that of all orders."""
    by_order: dict[int, list[float]] = defaultdict(list)
    for order, error in zip(orders.tolist(), errors.tolist(), strict=True):
        by_order[order].append(error)
    every = float(np.median(errors)) if len(errors) else 0.0
    return {t: float(np.median(of)) for t, of in by_order.items()} | {0: every}


def _row(
    found: Explanation,
    alignment: Alignment,
    term: Term,
    coefficients: tuple[float, float],
    errors: tuple[float, float],
    *,
    listed: str,
    assumed: bool,
) -> Difference:
    features = _sorted(alignment.first, term)
    scale = weight("BII", len(term), len(term), len(term))
    first, second = (scale * one for one in coefficients)
    known = [None if np.isnan(one) else abs(scale) * one for one in errors]
    value, low, high, sign = second - first, None, None, None
    if known[0] is not None and known[1] is not None:
        error = float(np.hypot(known[0], known[1]))
        low, high = value - Z_90 * error, value + Z_90 * error
        sign = sign_probability(value, error)
    return Difference(
        features=features,
        others=_sorted(alignment.second, term),
        names=tuple(found.features[i] for i in features),
        first=first,
        second=second,
        first_error=known[0],
        second_error=known[1],
        value=value,
        low=low,
        high=high,
        sign_probability=sign,
        q=None,
        listed=listed,
        assumed=assumed,
    )


def _judged(
    rows: Sequence[Difference], n: int, negligible: float, *, same_numbers: bool
) -> list[Difference]:
    """Return the rows with q values, order by order, and which of them are clear."""
    q: dict[Term, float] = {}
    by_order: dict[int, list[Difference]] = defaultdict(list)
    for row in rows:
        if row.error is not None and not same_numbers:
            by_order[row.order].append(row)
    for order, of in by_order.items():
        p = np.array([_p(row, negligible) for row in of])
        found = q_values(p, comb(n, order)).tolist()
        q |= dict(zip((row.features for row in of), found, strict=True))
    out = []
    for row in rows:
        away = leaves_out_zero(row.low, row.high)
        share = q.get(row.features)
        clear = away and abs(row.value) > negligible and (share is None or share <= CHANCE)
        sign = None if same_numbers else row.sign_probability
        out.append(replace(row, q=share, clear=clear, sign_probability=sign))
    return out


def _p(row: Difference, negligible: float) -> float:
    """The two-sided p value of no difference."""
    if abs(row.value) <= negligible:
        return 1.0
    return float(2 * ndtr(-abs(row.value) / row.error)) if row.error else 0.0
