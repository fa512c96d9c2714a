"""Recordings as text: tables (.csv, .tsv) and JSON lines."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from interplay.errors import BadInput
from interplay.recording.recording import Recording

BITS = {"0": False, "1": True, "false": False, "true": True}


def read_table(path: Path, separator: str) -> Recording:
    """Read a table with a header: features, and ``value`` or ``value:NAME`` columns."""
    # strict, or a stray quote would swallow the rest of the file in silence
    rows = csv.reader(_lines(path), delimiter=separator, strict=True)
    try:
        header = [name.strip() for name in next(rows, [])]
        of_values, of_features = _columns(path, header)
        masks: list[list[bool]] = []
        values: list[list[float]] = []
        for row in rows:
            if not row:
                continue
            where = f"{path}, line {rows.line_num}"
            if len(row) != len(header):
                raise BadInput(
                    f"{where} has {len(row)} cells; the header has {len(header)}: is the separator "
                    f"{separator!r}, and is every name with one in it in quotes?"
                )
            masks.append([_bit(row[j], f"{where}, column {header[j]!r}") for j in of_features])
            values.append([_number(row[j], f"{where}, column {header[j]!r}") for j in of_values])
    except csv.Error as error:
        raise BadInput(f"{path}, line {rows.line_num} is not a row of a table: {error}") from error
    if not masks:
        raise BadInput(f"{path} has a header and no rows")
    targets = tuple(header[j].partition(":")[2] for j in of_values)
    plain = targets == ("",)
    table = np.array(values)
    return Recording(
        np.array(masks, dtype=np.bool_),
        table[:, 0] if plain else table,
        features=tuple(header[j] for j in of_features),
        targets=None if plain else targets,
    )


def _columns(path: Path, header: Sequence[str]) -> tuple[list[int], list[int]]:
    """Where the values stand, and where the features."""
    of_values = [j for j, name in enumerate(header) if name == "value" or name[:6] == "value:"]
    of_features = [j for j in range(len(header)) if j not in of_values]
    if not of_values or not of_features:
        raise BadInput(
            f'{path}: the first line must name the columns, one per feature and "value" (or '
            f'"value:NAME" for each of several targets); got {", ".join(header[:8]) or "nothing"}'
        )
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise BadInput(f"{path}: two columns are named {twice!r}: give each its own name")
    if len(of_values) > 1 and "value" in header:
        raise BadInput(f'{path}: of several targets each is named "value:NAME"; one is "value"')
    return of_values, of_features


def read_objects(path: Path) -> Recording:
    """Read one ``{"mask": ..., "value": ...}`` per line."""
    masks: list[list[bool]] = []
    values: list[list[float]] = []
    targets: tuple[str, ...] | None = None
    shape: tuple[int, int, bool] | None = None
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            content = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise BadInput(f"{where} is not JSON: {error}") from error
        if not isinstance(content, dict) or not {"mask", "value"} <= content.keys():
            raise BadInput(f'{where} must be an object with "mask" and "value"')
        mask = _mask(content["mask"], where)
        names, row, single = _values(content["value"], where)
        if shape is None:
            shape, targets = (len(mask), len(row), single), names
        if (len(mask), len(row), single) != shape or names != targets:
            raise BadInput(
                f"{where} has {len(mask)} features and {len(row)} values; the lines before have "
                f"{shape[0]} and {shape[1]}, of targets {targets or 'without names'}"
            )
        masks.append(mask)
        values.append(row)
    if shape is None:
        raise BadInput(f'{path} is empty: give one {{"mask": [0, 1], "value": 0.5}} per line')
    table = np.array(values)
    return Recording(
        np.array(masks, dtype=np.bool_), table[:, 0] if shape[2] else table, targets=targets
    )


def _mask(given: Any, where: str) -> list[bool]:
    if isinstance(given, str):
        given = list(given)
    if not isinstance(given, list) or not given:
        raise BadInput(f'{where}: "mask" must be a list of 0 and 1, or a text of them')
    return [_bit(bit, f'{where}, "mask"[{j}]') for j, bit in enumerate(given)]


def _values(given: Any, where: str) -> tuple[tuple[str, ...] | None, list[float], bool]:
    """Names of the targets, their values, and whether it was one plain number."""
    if isinstance(given, dict) and given:
        named = tuple(given)
        return named, [_number(given[name], f"{where}, {name!r}") for name in named], False
    if isinstance(given, list) and given:
        told = [_number(one, f'{where}, "value"[{j}]') for j, one in enumerate(given)]
        return None, told, False
    return None, [_number(given, f'{where}, "value"')], True


def _bit(given: Any, where: str) -> bool:
    if isinstance(given, str):
        bit = BITS.get(given.strip().lower())
        if bit is not None:
            return bit
    elif isinstance(given, int) and given in (0, 1):
        return bool(given)
    raise BadInput(f"{where} must be 0 or 1 (1 = kept); got {given!r}")


def _number(given: Any, where: str) -> float:
    try:
        if isinstance(given, bool | list | dict):
            raise TypeError
        number = float(given)
    except (TypeError, ValueError, OverflowError):
        raise BadInput(f"{where} must be a number; got {given!r}") from None
    if not math.isfinite(number):
        raise BadInput(f"{where} must be finite; got {given!r}")
    return number


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from file
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8 text: {error}") from error
    except OSError as error:
        raise BadInput(f"the recording {path} cannot be read: {error.strerror}") from error
