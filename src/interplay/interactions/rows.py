"""Tables of interactions as rows: those that an export has, and those from elsewhere, checked.

An export names the empty set (where the index is defined for it), every single feature, and every
other set that is stored. So it says by itself what the features are called and how many there are,
whatever becomes of it on the way.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from interplay.errors import BadInput
from interplay.indices import INDICES, canonical_name, resolve_order
from interplay.interactions.table import Interactions
from interplay.packing import Term, canonical_key
from interplay.recording.lines import number
from interplay.value_function import feature_names

COLUMNS = (
    "interaction_index",
    "max_order",
    "order",
    "features",
    "names",
    "value",
    "error",
    "low",
    "high",
    "sign_probability",
)
"""Columns of a frame and of a CSV file."""

NEEDED = ("features", "value")
"""Columns that no reader does without."""


class Record(NamedTuple):
    """One set of a table; without standard errors, the last four are None."""

    term: Term
    names: tuple[str, ...]
    value: float
    error: float | None
    low: float | None
    high: float | None
    sign_probability: float | None


def listed(table: Interactions) -> list[Term]:
    """Return the sets that an export names, in canonical order.

    >>> listed(Interactions({(0, 1): 0.5}, "SII", 2, ("not", "bad")))
    [(), (0,), (1,), (0, 1)]
    """
    named: set[Term] = {(i,) for i in range(table.n)} | set(table)
    if table.has_constant:
        named.add(())
    return sorted(named, key=canonical_key)


def records(table: Interactions) -> list[Record]:
    """Return the rows of an export, as plain numbers."""
    found = []
    for term in listed(table):
        error, (low, high) = None, table.interval(term) or (None, None)
        if table.errors is not None:
            error = float(table.errors.get(term, 0.0))
        found.append(
            Record(
                term,
                table.names(term),
                float(table[term]),
                error,
                None if low is None else float(low),
                None if high is None else float(high),
                table.sign_probability(term),
            )
        )
    return found


class Row(NamedTuple):
    """One row from elsewhere: where it stood, its set, its numbers; of one feature, its name."""

    where: str
    term: Term
    value: float
    error: float | None = None
    name: str | None = None

    @classmethod
    def of(cls, where: str, features: Any, value: Any, error: Any, name: Any = None) -> Row:
        """Return the row, or raise an error that says where it stood."""
        term = _term(features, where)
        told = None if error is None else number(error, f"{where}, the standard error")
        if told is not None and told < 0:
            raise BadInput(f"{where}, the standard error must be at least 0; got {told}")
        if name is not None and not isinstance(name, str):
            raise BadInput(f"{where}, the name must be text; got {name!r}")
        return cls(where, term, number(value, f"{where}, the value"), told, name)


def assemble(
    rows: Sequence[Row],
    source: str,
    *,
    index: object,
    order: int | None,
    features: Sequence[str] | None,
) -> Interactions:
    """Return the table that rows amount to.

    Parameters
    ----------
    rows
        one per set; sets of value 0 that are certain are not stored.
    source
        what they are from, for messages.
    index, order
        name of the index; its highest order, None for the highest there is.
    features
        names of all n features; None where every feature has a row with its name.
    """
    if index is None:
        raise BadInput(
            f'{source} does not say which index it holds: give index="SII" or another of '
            f"{', '.join(INDICES)}"
        )
    index = canonical_name(index)
    names = _names_of(rows, source) if features is None else feature_names(features, len(features))
    if order is None:
        order = max((len(row.term) for row in rows), default=1) or 1
    order = resolve_order(index, order, len(names))
    _check(rows, source, index, order, len(names))
    kept = sorted(
        (row for row in rows if row.value or row.error), key=lambda row: canonical_key(row.term)
    )
    return Interactions(
        {row.term: row.value for row in kept},
        index,
        order,
        names,
        _errors(rows, kept, source),
        has_constant=any(not row.term for row in rows),
    )


def _term(features: Any, where: str) -> Term:
    if isinstance(features, str | bytes) or not isinstance(features, Iterable):
        features = [features]
    try:
        term = tuple(sorted(operator.index(i) for i in features))
    except TypeError:
        raise BadInput(
            f"{where}, the features must be indices, as (0, 17); got {features!r}"
        ) from None
    if len(set(term)) < len(term) or (term and term[0] < 0):
        raise BadInput(f"{where}: {term} is not a set of feature indices")
    return term


def _names_of(rows: Sequence[Row], source: str) -> tuple[str, ...]:
    """Return the names that the rows of single features give."""
    n = max((row.term[-1] + 1 for row in rows if row.term), default=0)
    names = {row.term[0]: row.name for row in rows if len(row.term) == 1 and row.name is not None}
    missing = next((i for i in range(n) if i not in names), None)
    if missing is not None or not n:
        which = f"no named row for feature {missing}" if n else "no row of a feature"
        raise BadInput(
            f"{source} has {which}: give features=, the names of all features in their order"
        )
    return tuple(str(names[i]) for i in range(n))


def _check(rows: Sequence[Row], source: str, index: str, order: int, n: int) -> None:
    seen: dict[Term, str] = {}
    for row in rows:
        if row.term and row.term[-1] >= n:
            raise BadInput(f"{row.where}: {row.term} is not a set of features in 0 .. {n - 1}")
        if len(row.term) > order:
            raise BadInput(
                f"{row.where}: {row.term} has order {len(row.term)}; this {index} has {order}"
            )
        if not row.term and index == "influence":
            raise BadInput(f"{row.where}: influence is not defined for the empty set")
        if row.term in seen:
            raise BadInput(
                f"{source} has {row.term} twice, in {seen[row.term]} and in {row.where}: "
                "keep one row for each set"
            )
        seen[row.term] = row.where


def _errors(rows: Sequence[Row], kept: Sequence[Row], source: str) -> dict[Term, float] | None:
    without = [row for row in rows if row.error is None]
    if len(without) == len(rows):
        return None
    if without:
        raise BadInput(
            f"{source} has a standard error in some rows and none in {without[0].where}: "
            "give all rows one, or none"
        )
    return {row.term: row.error for row in kept if row.error is not None}


def absent(cell: Any) -> bool:
    """Return whether a cell holds nothing: None, or NaN of any make (pandas has several)."""
    if cell is None or type(cell).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(cell, float | np.floating) and bool(np.isnan(cell))
