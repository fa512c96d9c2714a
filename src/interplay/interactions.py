"""What people read off a spectrum: single interactions, and whole tables of one index."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from statistics import NormalDist
from typing import Any

import numpy as np

from interplay.errors import BadInput, MissingExtra
from interplay.packing import Term

Z_90 = NormalDist().inv_cdf(0.95)
"""Half-width of a 90 % normal interval in standard errors."""


def sign_probability(value: float, error: float) -> float:
    """Return the probability that a normal estimate has the sign of the truth.

    >>> sign_probability(1.0, 1.0), sign_probability(-3.0, 0.0), sign_probability(0.0, 0.0)
    (0.8413447460685429, 1.0, 0.5)
    """
    if error <= 0.0:
        return 1.0 if value else 0.5
    return NormalDist().cdf(abs(value) / error)


@dataclass(frozen=True)
class Interaction:
    """One set of features and its effect in the units of the model's output.

    ``value`` is the Banzhaf interaction ``(-2) ** |T| * F(T)``: positive raises the output.
    ``low`` and ``high`` span 90 %; None where nothing is known of the error. ``share`` is the part
    of the spectrum's variance that this term carries.
    """

    features: Term
    names: tuple[str, ...]
    value: float
    low: float | None
    high: float | None
    share: float

    @property
    def sign_probability(self) -> float | None:
        """How probable it is that the true effect has this sign; None where errors are unknown."""
        if self.low is None or self.high is None:
            return None
        return sign_probability(self.value, (self.high - self.low) / (2 * Z_90))

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able mapping."""
        return {
            "features": list(self.features),
            "names": list(self.names),
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "share": self.share,
        }


class Interactions(Mapping[Term, float]):
    """The values of one interaction index: sets of features -> numbers.

    A set that is not stored but could be (of order up to ``order``) has the value 0, as in any
    sparse series; iteration and ``len`` see the stored ones only, in canonical order.

    Parameters
    ----------
    values
        sorted tuples of feature indices -> numbers.
    index, order, features
        name of the index, highest order, names of all n features.
    errors
        standard errors of the same sets, or None.
    has_constant
        whether the index is defined for the empty set (influence is not).

    >>> table = Interactions({(): 1.0, (0, 1): 0.5}, "SII", 2, ("not", "bad"))
    >>> table[0, 1], table[1, 0], table[0], table.names((0, 1))
    (0.5, 0.5, 0.0, ('not', 'bad'))
    """

    def __init__(
        self,
        values: Mapping[Term, float],
        index: str,
        order: int,
        features: tuple[str, ...],
        errors: Mapping[Term, float] | None = None,
        *,
        has_constant: bool = True,
    ) -> None:
        self.index = index
        self.order = order
        self.features = features
        self.errors = errors
        self._values = dict(values)
        self._has_constant = has_constant

    @property
    def n(self) -> int:
        """Number of features."""
        return len(self.features)

    def __getitem__(self, features: Term | int) -> float:
        term = self._term(features)
        return self._values.get(term, 0.0)

    def __iter__(self) -> Iterator[Term]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, features: object) -> bool:
        try:
            return self._term(features) in self._values
        except KeyError:
            return False

    def __repr__(self) -> str:
        return f"<Interactions {self.index}, order <= {self.order}, {len(self)} of n = {self.n}>"

    def _term(self, features: object) -> Term:
        """Return the sorted tuple that is meant, or raise KeyError where the index has none."""
        listed: Iterable[Any] = features if isinstance(features, Iterable) else (features,)
        try:
            term = tuple(sorted(operator.index(i) for i in listed))
        except TypeError:
            raise KeyError(f"{features!r} is not a set of feature indices") from None
        if len(set(term)) < len(term) or any(not 0 <= i < self.n for i in term):
            raise KeyError(f"{features!r} is not a set of features in 0 .. {self.n - 1}")
        if len(term) > self.order:
            raise KeyError(
                f"{features!r} has order {len(term)}; this {self.index} has {self.order}"
            )
        if not term and not self._has_constant:
            raise KeyError(f"{self.index} is not defined for the empty set")
        return term

    def names(self, features: Term | int) -> tuple[str, ...]:
        """Return the names of a set of features."""
        return tuple(self.features[i] for i in self._term(features))

    def interval(self, features: Term | int) -> tuple[float, float] | None:
        """Return the 90 % normal interval of a set's value; None without standard errors.

        An influence is a sum of squares, so its interval stops at zero.
        """
        term = self._term(features)
        if self.errors is None:
            return None
        value, width = self[term], Z_90 * self.errors.get(term, 0.0)
        low = value - width
        return (max(low, 0.0) if self.index == "influence" else low), value + width

    def sign_probability(self, features: Term | int) -> float | None:
        """Return how probable it is that the true value has the sign of this one.

        None without standard errors.
        """
        term = self._term(features)
        if self.errors is None:
            return None
        return sign_probability(self[term], self.errors.get(term, 0.0))

    def top(self, k: int = 10, *, min_order: int = 1) -> list[tuple[Term, float]]:
        """Return the k sets of largest absolute value, largest first; ties in canonical order."""
        if k < 0:
            raise BadInput(f"k must be at least 0; got {k}")
        ranked = sorted(
            (item for item in self._values.items() if len(item[0]) >= min_order),
            key=lambda item: -abs(item[1]),
        )
        return ranked[:k]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able mapping."""
        return {
            "index": self.index,
            "order": self.order,
            "features": list(self.features),
            "terms": [list(term) for term in self._values],
            "values": list(self._values.values()),
            "errors": None if self.errors is None else [self.errors[t] for t in self._values],
        }

    def to_dataframe(self) -> Any:
        """Return a pandas DataFrame: features, names, order, value, low, high, sign_probability.

        Raises
        ------
        MissingExtra
            if pandas is not installed.
        """
        try:
            pandas = import_module("pandas")
        except ImportError as error:
            raise MissingExtra("pandas", "plots") from error
        intervals = [self.interval(term) or (np.nan, np.nan) for term in self._values]
        return pandas.DataFrame(
            {
                "features": list(self._values),
                "names": [self.names(term) for term in self._values],
                "order": [len(term) for term in self._values],
                "value": list(self._values.values()),
                "low": [low for low, _ in intervals],
                "high": [high for _, high in intervals],
                "sign_probability": [self.sign_probability(term) for term in self._values],
            }
        )
