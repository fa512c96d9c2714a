"""Tables of interactions as CSV: for spreadsheets, and back without loss.

UTF-8, commas, a line of column names. ``features`` holds indices with spaces between them, none for
the empty set; ``names`` their names, with " × " between them. Lines end in CR LF (RFC 4180; with
another end, Python's writer would leave a carriage return in a name without quotes).

Names may come from texts that nobody has vetted, and a spreadsheet takes a cell that begins with
``=``, ``+``, ``-``, ``@``, a tab or a line end for a formula. Such a name is written with an
apostrophe before it, and read back without.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from interplay.errors import BadInput
from interplay.files import read_text, write_whole
from interplay.interactions.rows import COLUMNS, NEEDED, Row, assemble, records
from interplay.interactions.table import Interactions

# with the full-width forms, which some spreadsheets take for the same; apostrophes before it count,
# so that reading is the inverse of writing for every name
_FORMULA = re.compile(r"'*(?:[\t\r\n]|\s*[=+\-@＝＋－＠])")


def guarded(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula.

    >>> guarded("=1+1"), guarded("good"), guarded("'s"), unguarded(guarded("'=1+1"))
    ("'=1+1", 'good', "'s", "'=1+1")
    """
    return f"'{text}" if _FORMULA.match(text) else text


def unguarded(text: str) -> str:
    """Return what :func:`guarded` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def to_csv(table: Interactions, path: str | Path) -> Path:
    """Write a CSV file: see :meth:`Interactions.to_csv`."""
    path = Path(path)
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for one in records(table):
        term, names, *numbers = one
        writer.writerow(
            [
                guarded(table.index),
                table.order,
                len(term),
                " ".join(map(str, term)),
                guarded(" × ".join(names)),
                *numbers,
            ]
        )
    write_csv(path, file.getvalue())
    return path


def write_csv(path: Path, text: str) -> None:
    """Write the text of a table to a file, or raise :class:`BadInput`."""
    try:
        payload = text.encode()
    except UnicodeEncodeError as error:
        raise BadInput(
            f"cannot write {path}: a name holds {error.object[error.start]!r}, half of a "
            "character: give that feature another name"
        ) from error
    write_whole(path, payload)


def from_csv(
    path: str | Path,
    *,
    index: str | None = None,
    order: int | None = None,
    features: Sequence[str] | None = None,
) -> Interactions:
    """Return the table that a file holds: see :meth:`Interactions.from_csv`."""
    path = Path(path)
    rows, told = [], dict[str, str]()
    for where, cells in _lines(path):
        term = _indices(cells["features"], where)
        name = unguarded(cells.get("names", "")) if len(term) == 1 else None
        rows.append(Row.of(where, term, cells["value"], cells.get("error") or None, name))
        for column in ("interaction_index", "max_order"):
            here = cells.get(column, "")
            if told.setdefault(column, here) != here:
                raise BadInput(
                    f"{where}: {column} is {here!r}; in the lines before it is {told[column]!r}. "
                    "A file holds one index"
                )
    if order is None and (given := told.get("max_order", "")):
        if not given.isdecimal():
            raise BadInput(f"{path}: max_order must be a whole number; got {given!r}")
        order = int(given)
    index = index or unguarded(told.get("interaction_index", "")) or None
    return assemble(rows, str(path), index=index, order=order, features=features)


def _lines(path: Path) -> list[tuple[str, dict[str, str]]]:
    """Return the lines after the header: where each is, and its cells by column."""
    text = read_text(path)
    # a name may be longer than csv allows for a cell; the limit is that of the whole process
    limit = csv.field_size_limit(max(len(text), csv.field_size_limit()))
    try:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        header = next(reader, [])
        if missing := [column for column in NEEDED if column not in header]:
            raise BadInput(
                f"{path} is not a table of interactions: its first line must name the columns "
                f"{', '.join(COLUMNS)}, with commas between them, as to_csv() writes it; "
                f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"
            )
        found = []
        for cells in reader:
            where = f"{path}, line {reader.line_num}"
            if cells and len(cells) != len(header):
                raise BadInput(
                    f"{where} has {len(cells)} cells; the first line has {len(header)}: was a "
                    "comma put into a cell without quotes?"
                )
            if cells:
                found.append((where, dict(zip(header, cells, strict=True))))
    except csv.Error as error:
        raise BadInput(f"{path}, line {reader.line_num} is not CSV: {error}") from error
    finally:
        csv.field_size_limit(limit)
    return found


def _indices(cell: str, where: str) -> Any:
    try:
        return tuple(int(i) for i in cell.split())
    except ValueError:
        raise BadInput(
            f"{where}, the features must be indices with spaces between them, as 0 17; got {cell!r}"
        ) from None
