"""The examples of a file, arrays or a table, with their labels and perhaps groups."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from interplay.errors import BadInput
from interplay.files import read_text
from interplay.lenses.training_data.dataset import Dataset, IntArray
from interplay.recording import read_arrays
from interplay.recording.source import read_head
from interplay.value_function import FloatArray

DIGIT_NAMES: Final = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
)

INPUTS: Final = ("inputs", "images", "features", "texts", "X", "x")
LABELS: Final = ("labels", "label", "y", "target", "class")
CLASSES: Final = ("class_names", "classes", "target_names")
TEXTS: Final = ("text", "sentence", "review", "content")
"""Names that arrays of an .npz file, and columns of a table, go by."""


@dataclass(frozen=True, eq=False)
class Rows:
    """What a file holds: examples, their labels, and the group of each where a column names it.

    ``columns`` are those of a table that are inputs, ``unused`` those that are nothing.
    """

    data: Dataset
    groups: tuple[str | None, ...] | None = None
    columns: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()

    def take(self, rows: IntArray) -> Rows:
        """Return some of the rows."""
        groups = None if self.groups is None else tuple(self.groups[i] for i in rows)
        return replace(self, data=self.data.take(rows), groups=groups)


def read_rows(
    path: Path,
    *,
    label: str | None = None,
    text: str | None = None,
    groups: str | None = None,
    like: Rows | None = None,
) -> Rows:
    """Read the examples of a file; the ending of its name tells how.

    Parameters
    ----------
    path : Path
    label, text, groups : str, optional
        Columns, or arrays; see :func:`~interplay.lenses.training_data.files.training_files`.
    like : Rows, optional
        Those that these shall be like: the same classes, or numbers as labels; the same columns.

    Raises
    ------
    BadInput
        If the file cannot be read, is too large, or lacks labels or inputs.
    """
    ending = path.suffix.lower()
    if ending == ".npz":
        return _arrays(path, label, text, groups, like)
    if ending in (".csv", ".tsv"):
        return _table(path, "," if ending == ".csv" else "\t", label, text, groups, like)
    raise BadInput(f"{path}: examples are read from .npz, .csv and .tsv files")


def digits(groups: str | None) -> Rows:
    """Return the digits of scikit-learn: what there is where no file is named."""
    from sklearn.datasets import load_digits

    if groups is not None:
        raise BadInput(f"the digits have no column {groups!r}: groups may be 'class' there")
    found = load_digits()
    pictures = np.round(found.images * (255 / 16)).astype(np.uint8)
    return Rows(Dataset.of((pictures, found.target), classes=DIGIT_NAMES))


def _arrays(
    path: Path,
    label: str | None,
    text: str | None,
    groups: str | None,
    like: Rows | None,
) -> Rows:
    if read_head(path, 2) != b"PK":
        raise BadInput(f"{path} is not an .npz file; numpy.savez writes one")
    inputs = (text,) if text else INPUTS
    labels = (label,) if label else LABELS
    asked = [*inputs, *labels, *CLASSES, *([groups] if groups else [])]
    entries = read_arrays(path, asked)
    found: NDArray[Any] = _first(path, entries, inputs, "inputs")
    told: NDArray[Any] = _first(path, entries, labels, "labels")
    names = next((entries[name] for name in CLASSES if name in entries), None)
    classes = None if names is None else tuple(map(str, np.asarray(names).ravel()))
    if like is not None:
        classes = like.data.classes
        told = told.astype(np.float64) if classes is None and told.dtype.kind in "iu" else told
    data = Dataset.of((found, told), classes=classes, what=str(path))
    if groups is None or like is not None:
        return Rows(data)
    column = _first(path, entries, (groups,), "groups")
    if column.shape != (len(data),):
        raise BadInput(
            f"{path}: {groups!r} must name the group of each of {len(data)} examples; got shape "
            f"{column.shape}"
        )
    return Rows(data, tuple(str(one) or None for one in column.tolist()))


def _first(path: Path, entries: Mapping[str, Any], names: Sequence[str], what: str) -> Any:
    for name in names:
        if name in entries:
            return entries[name]
    raise BadInput(f"{path} has no array of {what}: it should be called {' or '.join(names)}")


def _table(
    path: Path,
    delimiter: str,
    label: str | None,
    text: str | None,
    groups: str | None,
    like: Rows | None,
) -> Rows:
    try:
        file = io.StringIO(read_text(path), newline="")
        lines = (
            csv.reader(file, "excel")
            if delimiter == ","
            else csv.reader(file, "excel-tab", quoting=csv.QUOTE_NONE)
        )
        numbered = [(lines.line_num, row) for row in lines if row]
    except csv.Error as error:
        raise BadInput(f"{path} is not a table: {error}") from error
    if len(numbered) < 2:
        raise BadInput(f"{path} needs a line of column names and one line for each example")
    header = [name.strip() for name in numbered[0][1]]
    for number, row in numbered[1:]:
        if len(row) != len(header):
            raise BadInput(
                f"{path}, line {number} has {len(row)} fields, and there are {len(header)} columns"
            )
    columns = {name: [row[j] for _, row in numbered[1:]] for j, name in enumerate(header)}
    owner = _column(path, columns, (label,) if label else LABELS, "labels", "--label")
    labels = [one.strip() for one in columns.pop(owner)]
    grouping = None
    if groups is not None and (like is None or groups in columns):
        chosen = _column(path, columns, (groups,), "groups", "--groups")
        grouping = tuple(one.strip() or None for one in columns.pop(chosen))
    inputs, used = _contents(path, columns, text, None if like is None else like.columns)
    classes = None if like is None else like.data.classes
    told = labels if classes is not None else _numbers(labels, whole=like is not None)
    data = Dataset.of((inputs, told), classes=classes, what=str(path))
    return Rows(data, grouping, used, tuple(name for name in columns if name not in used))


def _column(
    path: Path, columns: Mapping[str, Any], names: Sequence[str], what: str, flag: str
) -> str:
    for name in names:
        if name in columns:
            return name
    raise BadInput(
        f"{path} has no column of {what}: none of {', '.join(columns)} is called "
        f"{' or '.join(names)}; name it with {flag}"
    )


def _contents(
    path: Path, columns: Mapping[str, list[str]], text: str | None, like: Sequence[str] | None
) -> tuple[Any, tuple[str, ...]]:
    """The texts of a table, or its numbers ``(N, d)``, and the columns that they are in."""
    known = text or next((name for name in TEXTS if name in columns), None)
    if known is not None:
        name = _column(path, columns, (known,), "texts", "--text")
        return columns[name], (name,)
    missing = [name for name in like or () if name not in columns]
    if missing:
        raise BadInput(f"{path} has no column {', '.join(missing[:5])}, which the dataset has")
    numbers, unused = {}, {}
    for name in columns if like is None else like:
        try:
            numbers[name] = np.array(columns[name], dtype=np.float64)
        except ValueError as error:
            unused[name] = str(error)
    if not numbers or (like is not None and unused):
        told = [f"column {name!r} is not of numbers ({why})" for name, why in unused.items()]
        raise BadInput(
            f"{path} has no inputs beside the labels: {told[0] if told else 'there is none'}; name "
            "a column of texts with --text"
        )
    return np.stack(list(numbers.values()), axis=1), tuple(numbers)


def _numbers(labels: list[str], *, whole: bool) -> list[str] | FloatArray:
    """Labels as numbers, where they are numbers; whole ones are names of classes, if not asked."""
    try:
        numbers = np.array(labels, dtype=np.float64)
    except ValueError:
        return labels
    return numbers if whole or (numbers != np.round(numbers)).any() else labels
