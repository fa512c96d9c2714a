"""A row and the background rows around it, as numpy array or pandas DataFrame."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from interplay.errors import BadInput

Places = NDArray[np.intp]


class Table(Protocol):
    """Rows of one kind: row 0 is explained, 1 ... m are the background, m + 1 is its middle.

    Attributes
    ----------
    columns : tuple of str
        The names of the p columns.
    background : int
        How many rows the background has, m.
    """

    columns: tuple[str, ...]
    background: int

    def gathered(self, places: Places) -> Any:
        """Return rows whose value in column j is that of row ``places[i, j]``, ``(b, p)``."""
        ...

    def value(self, column: int) -> object:
        """Return the explained row's value in a column."""
        ...

    def digest(self) -> str:
        """Return what tells this table from every other, to the last bit."""
        ...


def make_table(row: object, background: object, columns: Sequence[str] | None) -> Table:
    """Return row and background as a table.

    Raises
    ------
    BadInput
        If they are of different kinds or widths, hold no rows, or values that their column does
        not know.
    """
    if _is_frame(background):
        return FrameTable(row, background, columns)
    return ArrayTable(row, background, columns)


class ArrayTable:
    """Rows of a numeric array ``(m, p)``."""

    def __init__(self, row: object, background: object, columns: Sequence[str] | None) -> None:
        if _is_frame(row) or _is_series(row) or isinstance(row, Mapping):
            raise BadInput(
                f"row is a {type(row).__name__} and background is a {type(background).__name__}; "
                "give both as pandas, or both as arrays"
            )
        rows = _numeric(background, "background")
        if rows.ndim != 2 or 0 in rows.shape:
            raise BadInput(
                f"background must have shape (rows, columns), at least one row; got {rows.shape}"
            )
        one = _numeric(row, "row")
        if one.ndim == 2 and len(one) == 1:
            one = one[0]
        if one.ndim != 1:
            raise BadInput(f"row must be one row; got shape {one.shape}")
        if one.shape != rows.shape[1:]:
            raise BadInput(
                f"row has {len(one)} values, background {rows.shape[1]} columns; they must agree"
            )
        # the middle of whole numbers is none
        kind = np.result_type(one, rows, *([np.float64] if rows.dtype != np.bool_ else []))
        self._rows = np.concatenate([one[None], rows, _middle(rows)[None]]).astype(kind)
        self.background = len(rows)
        self.columns = _names(columns, rows.shape[1])

    def gathered(self, places: Places) -> Any:
        """Return an array ``(b, p)``."""
        return self._rows[places, np.arange(places.shape[1])]

    def value(self, column: int) -> object:
        return self._rows[0, column].item()

    def digest(self) -> str:
        head = f"{self._rows.dtype} {self._rows.shape} {self.columns}"
        return hashlib.sha256(head.encode() + self._rows.tobytes()).hexdigest()


class FrameTable:
    """Rows of a pandas DataFrame; each column keeps its kind."""

    def __init__(self, row: object, background: Any, columns: Sequence[str] | None) -> None:
        import pandas as pd

        if 0 in background.shape:
            raise BadInput(
                "background must have at least one row and one column; got shape "
                f"{background.shape}"
            )
        if not background.columns.is_unique:
            raise BadInput("background has several columns of the same name; rename them")
        if columns is not None and list(columns) != list(background.columns):
            raise BadInput(
                "columns are named by the DataFrame: leave columns out, or select them, "
                "background[columns]"
            )
        names = list(background.columns)
        if _is_series(row):
            row = row.to_frame().T  # type: ignore[attr-defined]
        elif isinstance(row, Mapping):
            row = pd.DataFrame([dict(row)])
        elif not _is_frame(row):
            raise BadInput(
                "background is a DataFrame, so row must be one of one row, a Series or a mapping; "
                f"got {type(row).__name__}"
            )
        if len(row) != 1:  # type: ignore[arg-type]
            raise BadInput(f"row must be one row; got {len(row)} rows")  # type: ignore[arg-type]
        missing = [str(name) for name in names if name not in row.columns]  # type: ignore[attr-defined]
        if missing:
            raise BadInput(f"row has no column {', '.join(missing[:5])}, which background has")
        self.columns = tuple(str(name) for name in names)
        self.background = len(background)
        self._columns = [
            _stacked(row[name], background[name], str(name))  # type: ignore[index]
            for name in names
        ]
        self._names = names

    def gathered(self, places: Places) -> Any:
        """Return a DataFrame of b rows, numbered from 0."""
        import pandas as pd

        parts = {
            name: column.take(places[:, j])
            for j, (name, column) in enumerate(zip(self._names, self._columns, strict=True))
        }
        return pd.DataFrame(parts, index=pd.RangeIndex(len(places)), columns=self._names)

    def value(self, column: int) -> object:
        return self._columns[column][0]

    def digest(self) -> str:
        digest = hashlib.sha256(repr(self.columns).encode())
        for column in self._columns:
            digest.update(f"{column.dtype!r} {len(column)} ".encode())
            for one in column:
                exact = one.hex() if isinstance(one, float) else repr(one)
                digest.update(f"{type(one).__name__} {exact}\n".encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


def written(value: object) -> str:
    """Return a value as a person writes it: four digits, ``missing`` for none.

    >>> written(3.14159), written(2.0), written(float("nan")), written("Oslo")
    ('3.142', '2', 'missing', 'Oslo')
    """
    if value is None or value != value or type(value).__name__ in ("NAType", "NaTType"):
        return "missing"
    if isinstance(value, float | np.floating):
        number = float(value)
        return f"{number:.0f}" if number.is_integer() and abs(number) < 1e6 else f"{number:.4g}"
    return str(value)


def _stacked(row: Any, background: Any, name: str) -> Any:
    """The extension array of one column: the row's value, the background's, their middle."""
    import pandas as pd
    from pandas.api import types

    kind = background.dtype
    value = row.iloc[0]
    numeric = types.is_numeric_dtype(kind) and not types.is_bool_dtype(kind)
    middle: Any
    if numeric:
        known = background.dropna()
        middle = known.astype("float64").mean() if len(known) else background.iloc[0]
        if types.is_integer_dtype(kind):
            # the middle of whole numbers is none
            kind = (
                pd.Float64Dtype() if types.is_extension_array_dtype(kind) else np.dtype("float64")
            )
    else:
        modes = background.mode()  # sorted, so that of several the first is taken
        middle = modes.iloc[0] if len(modes) else background.iloc[0]
    if (
        isinstance(kind, pd.CategoricalDtype)
        and not pd.isna(value)
        and value not in kind.categories
    ):
        raise BadInput(
            f"row has {value!r} in column {name!r}, which is none of its categories "
            f"{[str(one) for one in kind.categories[:8]]}"
        )
    try:
        return pd.concat(
            [
                pd.Series([value]).astype(kind),
                background.astype(kind).reset_index(drop=True),
                pd.Series([middle]).astype(kind),
            ],
            ignore_index=True,
        ).array
    except (TypeError, ValueError) as error:
        raise BadInput(
            f"row has {value!r} in column {name!r}, whose values are {background.dtype}: {error}"
        ) from error


def _middle(rows: NDArray[Any]) -> NDArray[Any]:
    """The mean of each column, what is missing left out; of yes and no what is more frequent."""
    if rows.dtype == np.bool_:
        more: NDArray[Any] = rows.mean(axis=0) > 0.5
        return more
    known = ~np.isnan(rows)
    count = known.sum(axis=0)
    total = np.where(known, rows, 0).sum(axis=0, dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), math.nan)


def _numeric(given: object, name: str) -> NDArray[Any]:
    try:
        array = np.asarray(given)
    except (TypeError, ValueError) as error:
        raise BadInput(f"{name} is not an array: {error}") from error
    if array.dtype != np.bool_ and not np.issubdtype(array.dtype, np.number):
        raise BadInput(
            f"{name} as an array must hold numbers; got dtype {array.dtype}. Give a pandas "
            "DataFrame for texts and categories"
        )
    if np.iscomplexobj(array):
        raise BadInput(f"{name} holds complex numbers; give real ones")
    if np.isinf(array).any():
        raise BadInput(
            f"{name} holds infinite values; give finite ones, or NaN for what is missing"
        )
    return array


def _names(columns: Sequence[str] | None, p: int) -> tuple[str, ...]:
    if columns is None:
        return tuple(f"x{j}" for j in range(p))
    if isinstance(columns, str) or len(columns) != p:
        raise BadInput(f"columns must name all {p} columns; got {columns!r}")
    names = tuple(str(one) for one in columns)
    if len(set(names)) < p:
        raise BadInput("columns hold the same name twice")
    return names


def _is_frame(given: object) -> bool:
    return type(given).__name__ == "DataFrame" and hasattr(given, "iloc")


def _is_series(given: object) -> bool:
    return type(given).__name__ == "Series" and hasattr(given, "iloc")
