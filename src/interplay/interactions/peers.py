"""Tables of interactions in the classes of shapiq and shap, and back from shapiq.

shapiq's ``InteractionValues`` hold one index, its value for the empty set in the table and a
``baseline_value`` beside it. They have no room for names or errors, and call every index of order 1
SV or BV. Our values are shapiq's but for one: its SII of the empty set is a weighted mean of f over
all masks, beside f(empty) as the baseline; ours is f(empty) in both places.

shap's ``Explanation`` of one input holds Shapley values, or the matrix of its interaction values:
``k-SII`` of order 2, every pair halved between the two triangles.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import numpy as np

from interplay.errors import BadInput, check_whole, required
from interplay.interactions.rows import Row, assemble, listed
from interplay.interactions.table import Interactions
from interplay.value_function import feature_names

SHARED = ("SV", "BV", "SII", "k-SII", "BII", "STII", "FSII", "FBII", "Moebius", "Fourier")
"""Indices that shapiq has too, under the same names; Fourier since its version 1.8."""

_OF_THE_EMPTY_MASK = ("SV", "SII", "k-SII", "STII", "FSII", "Moebius")
"""Indices whose value for the empty set is f(empty), which is shapiq's ``baseline_value``."""

MAX_MATRIX = 5_000
"""Most features of a matrix of shap's interaction values: 200 MB."""


def to_shapiq(table: Interactions, budget: int | None, estimated: bool | None) -> Any:
    """Return a ``shapiq.InteractionValues``: see :meth:`Interactions.to_shapiq`."""
    budget = None if budget is None else check_whole("budget", budget, 1)
    shapiq = required("shapiq", "interop")
    its = get_args(required("shapiq.typing", "interop").IndexType)
    known = [index for index in SHARED if index in its]
    if table.index not in known:
        raise BadInput(
            f"the shapiq that is installed has no index {table.index!r}; it shares with "
            f'interplay {", ".join(known)}. Take one of these, as explanation.to_shapiq("k-SII"), '
            "or hand over a frame: to_dataframe()"
        )
    # single features that are not stored as well: shapiq's plots leave out who has no entry
    terms = listed(table)
    constant = float(table[()]) if table.has_constant else 0.0
    return shapiq.InteractionValues(
        {term: float(table[term]) for term in terms},
        index=table.index,
        max_order=table.order,
        min_order=0 if table.has_constant else 1,
        n_players=table.n,
        # without it, shapiq 1.4 lists all subsets of the features
        interaction_lookup={term: i for i, term in enumerate(terms)},
        estimated=not table.is_exact if estimated is None else estimated,
        estimation_budget=budget,
        baseline_value=constant,
    )


def from_shapiq(values: Any, features: Sequence[str] | None = None) -> Interactions:
    """Return the table in a ``shapiq.InteractionValues``: see :meth:`Interactions.from_shapiq`."""
    try:
        index, n, order = values.index, values.n_players, values.max_order
        lowest, baseline = values.min_order, values.baseline_value
        stored, exact = dict(values.interactions), not values.estimated
    except (AttributeError, TypeError, ValueError) as error:
        raise BadInput(
            f"values must be one shapiq.InteractionValues (of a batch take one, as batch[0]); "
            f"got {type(values).__name__}"
        ) from error
    if index not in SHARED:
        raise BadInput(
            f"interplay has no index {index!r}; it shares with shapiq {', '.join(SHARED)}. Let "
            "shapiq compute one of these: of Moebius, Spectrum.from_interactions makes a series "
            "that has all the others"
        )
    if lowest > 1:
        raise BadInput(
            f"these {index} begin at order {lowest} (min_order), and what they lack would read as "
            "0: let shapiq compute all orders, with min_order=0 or 1"
        )
    constant = stored.pop((), 0.0 if lowest == 0 else None)
    if index in _OF_THE_EMPTY_MASK:
        constant = baseline
    if constant is not None:
        stored[()] = constant
    certain = 0.0 if exact else None
    rows = [
        Row.of(f"{term} of shapiq's {index}", term, value, certain)
        for term, value in stored.items()
    ]
    names = feature_names(features, n)
    return assemble(rows, f"shapiq's {index}", index=index, order=order, features=names)


def to_shap(table: Interactions, data: Sequence[Any] | None) -> Any:
    """Return a ``shap.Explanation``: see :meth:`Interactions.to_shap`."""
    n, matrix = table.n, table.index == "k-SII" and table.order == 2
    if table.index != "SV" and not matrix:
        raise BadInput(
            "shap speaks of Shapley values, which add up to the prediction, and of their "
            f'interaction values: take the index "SV", or "k-SII" of order 2; '
            f"got {table.index} of order {table.order}"
        )
    if matrix and n > MAX_MATRIX:
        raise BadInput(
            f"shap's interaction values are a matrix of all pairs, and {n} features are above "
            f'{MAX_MATRIX}: take "SV", or to_dataframe() for the pairs that are there'
        )
    if data is not None and len(data) != n:
        raise BadInput(f"data must hold one entry for each of {n} features; got {len(data)}")
    shap = required("shap", "interop")
    values = np.zeros((n, n) if matrix else n)
    for term, value in table.items():
        if len(term) == 1:
            values[(term[0], term[0]) if matrix else term] = value
        elif term:
            values[term] = values[term[::-1]] = value / 2
    errors = None
    if table.errors is not None and not matrix:
        errors = np.array([table.errors.get((i,), 0.0) for i in range(n)])
    return shap.Explanation(
        values=values,
        base_values=float(table[()]),
        data=None if data is None else np.array(data, dtype=object),
        feature_names=list(table.features),
        error_std=errors,
    )
