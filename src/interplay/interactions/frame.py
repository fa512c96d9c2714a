"""Tables of interactions as pandas frames, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from interplay.errors import BadInput, required
from interplay.interactions.rows import COLUMNS, NEEDED, Row, absent, assemble, records
from interplay.interactions.table import Interactions

_HERE = "the frame"


def to_dataframe(table: Interactions) -> Any:
    """Return a pandas DataFrame: see :meth:`Interactions.to_dataframe`."""
    pandas = required("pandas", "tabular")
    found = records(table)
    columns: dict[str, list[Any]] = {
        "interaction_index": [table.index] * len(found),
        "max_order": [table.order] * len(found),
        "order": [len(one.term) for one in found],
        "features": [one.term for one in found],
        "names": [one.names for one in found],
    }
    for column in COLUMNS[len(columns) :]:
        cells = [getattr(one, column) for one in found]
        columns[column] = [np.nan if cell is None else cell for cell in cells]
    return pandas.DataFrame(columns)


def from_dataframe(
    frame: Any,
    *,
    index: str | None = None,
    order: int | None = None,
    features: Sequence[str] | None = None,
) -> Interactions:
    """Return the table that a frame holds: see :meth:`Interactions.from_dataframe`."""
    columns = list(getattr(frame, "columns", ()))
    if missing := [column for column in NEEDED if column not in columns]:
        raise BadInput(
            f"{_HERE} must have the columns {' and '.join(NEEDED)}, as to_dataframe() gives them; "
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing from "
            f"{', '.join(map(str, columns[:10])) or type(frame).__name__}"
        )
    length = len(frame)
    cells = {
        column: list(frame[column]) if column in columns else [None] * length
        for column in ("features", "value", "error", "names")
    }
    rows = [
        Row.of(
            f"row {label!r} of {_HERE}",
            _features(cells["features"][i], label),
            cells["value"][i],
            None if absent(cells["error"][i]) else cells["error"][i],
            _name(cells["names"][i]) if features is None else None,
        )
        for i, label in enumerate(frame.index)
    ]
    if index is None and "interaction_index" in columns:
        index = _one(frame, "interaction_index")
    if order is None and "max_order" in columns:
        order = _one(frame, "max_order")
    return assemble(rows, _HERE, index=index, order=order, features=features)


def _features(cell: Any, label: Any) -> Any:
    if isinstance(cell, str):
        raise BadInput(
            f"row {label!r} of {_HERE}: features must be tuples of indices; got the text {cell!r}. "
            "A file that to_csv() wrote is read by Interactions.from_csv"
        )
    return cell


def _name(cell: Any) -> Any:
    """Return the name of one feature; None for those of several."""
    if isinstance(cell, Sequence | np.ndarray) and not isinstance(cell, str):
        return cell[0] if len(cell) == 1 else None
    return None if absent(cell) else cell


def _one(frame: Any, column: str) -> Any:
    """Return the one value that a column has in all rows; None of no rows."""
    found = list(dict.fromkeys(frame[column]))
    if len(found) > 1:
        raise BadInput(
            f"{_HERE} holds more than one {column}: {found[0]!r} and {found[1]!r}. "
            f'Choose one, as frame[frame["{column}"] == {found[0]!r}]'
        )
    return found[0] if found else None
