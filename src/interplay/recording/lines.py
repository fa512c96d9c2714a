"""Recordings as text: tables (.csv, .tsv) and JSON lines."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from interplay.errors import BadInput
from interplay.files import MOST_TEXT, check_size
from interplay.json_text import parse_line
from interplay.recording.recording import Recording
from interplay.recording.source import read_head
from interplay.value_function import FloatArray

BITS = {"0": False, "1": True, "0.0": False, "1.0": True, "false": False, "true": True}


def read_table(path: Path, separator: str) -> Recording:
    """Read a table: columns of features, ``value`` or ``value:NAME``, perhaps of ``noise_var``."""
    # strict, or a stray quote would swallow the rest of the file in silence
    rows = csv.reader(_lines(path), delimiter=separator, strict=True)
    masks: list[list[bool]] = []
    values: list[list[float]] = []
    noise: list[list[float]] = []
    try:
        header = [name.strip() for name in next(rows, [])]
        columns = _Columns.of(path, header)
        for row in rows:
            if not row:
                continue
            where = f"{path}, line {rows.line_num}"
            if len(row) != len(header):
                raise BadInput(
                    f"{where} has {len(row)} cells; the header has {len(header)}: is the separator "
                    f"{separator!r}, and is every name with one in it in quotes?"
                )
            places = [f"{where}, column {name!r}" for name in header]
            masks.append([_bit(row[j], places[j]) for j in columns.features])
            values.append([number(row[j], places[j]) for j in columns.values])
            noise.append([_variance(row[j], places[j]) for j in columns.noise])
    except csv.Error as error:
        raise BadInput(f"{path}, line {rows.line_num} is not a row of a table: {error}") from error
    if not masks:
        raise BadInput(f"{path} has a header and no rows")
    single = columns.targets == ("",)
    return Recording(
        np.array(masks, dtype=np.bool_),
        _table(values, single),
        features=tuple(header[j] for j in columns.features),
        targets=None if single else columns.targets,
        noise_var=_table(noise, single) if columns.noise else None,
    )


class _Columns(NamedTuple):
    """Where in a table features, values and their noise stand, and the names of the targets."""

    features: list[int]
    values: list[int]
    noise: list[int]
    targets: tuple[str, ...]

    @classmethod
    def of(cls, path: Path, header: Sequence[str]) -> _Columns:
        kinds = [name.partition(":") for name in header]
        # "value:" and what follows; of "value" alone, nothing
        values = {name: j for j, (kind, _, name) in enumerate(kinds) if kind == "value"}
        noise = {name: j for j, (kind, _, name) in enumerate(kinds) if kind == "noise_var"}
        features = [j for j, (kind, *_) in enumerate(kinds) if kind not in ("value", "noise_var")]
        if not values or not features:
            raise BadInput(
                f'{path}: the first line must name the columns, one per feature and "value" (or '
                f'"value:NAME" for each of several targets); got '
                f"{', '.join(header[:8]) or 'nothing'}"
            )
        if len(set(header)) < len(header):
            twice = next(name for name in header if header.count(name) > 1)
            raise BadInput(f"{path}: two columns are named {twice!r}: give each its own name")
        if "" in header:
            raise BadInput(
                f"{path}: column {header.index('') + 1} has no name: name it, or leave it out (of "
                f"a pandas table: to_csv(..., index=False))"
            )
        if len(values) > 1 and "value" in header:
            raise BadInput(f'{path}: of several targets each is named "value:NAME"; one is "value"')
        if noise and noise.keys() != values.keys():
            raise BadInput(
                f'{path}: columns of "noise_var" must be named as those of "value" are, one for '
                f"each; got {', '.join(header[j] for j in noise.values())}"
            )
        return cls(
            features,
            list(values.values()),
            [noise[name] for name in values] if noise else [],
            tuple(values),
        )


def read_objects(path: Path) -> Recording:
    """Read one ``{"mask": ..., "value": ...}`` per line, perhaps with ``"noise_var"``."""
    masks: list[list[bool]] = []
    values: list[list[float]] = []
    noise: list[list[float]] = []
    form: _Form | None = None
    for count, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        where = f"{path}, line {count}"
        content = parse_line(line, where)
        if not isinstance(content, dict) or not {"mask", "value"} <= content.keys():
            raise BadInput(f'{where} must be an object with "mask" and "value"')
        mask = _mask(content["mask"], where)
        names, row, single = _values(content["value"], where, "value", number)
        its = _Form(len(mask), len(row), names, single, "noise_var" in content)
        form = form or its
        if its != form:
            raise BadInput(f"{where} has {its}; the lines before have {form}")
        masks.append(mask)
        values.append(row)
        if its.noisy:
            noisy_names, row, plain = _values(content["noise_var"], where, "noise_var", _variance)
            if (noisy_names, len(row), plain) != (names, its.q, single):
                raise BadInput(f'{where}: "noise_var" must be formed as "value" is')
            noise.append(row)
    if form is None:
        raise BadInput(f'{path} is empty: give one {{"mask": [0, 1], "value": 0.5}} per line')
    return Recording(
        np.array(masks, dtype=np.bool_),
        _table(values, form.single),
        targets=form.targets,
        noise_var=_table(noise, form.single) if form.noisy else None,
    )


class _Form(NamedTuple):
    """What all lines have in common."""

    n: int
    q: int
    targets: tuple[str, ...] | None
    single: bool
    noisy: bool

    def __str__(self) -> str:
        named = f" of {', '.join(self.targets)}" if self.targets else ""
        listed = "" if self.single or self.targets else " in a list"
        noise = "noise_var" if self.noisy else "no noise_var"
        return f"{self.n} features, {self.q} values{named}{listed} and {noise}"


def _table(rows: list[list[float]], single: bool) -> FloatArray:
    table = np.array(rows, dtype=np.float64)
    return table[:, 0] if single else table


def _mask(given: Any, where: str) -> list[bool]:
    if isinstance(given, str):
        given = list(given)
    if not isinstance(given, list) or not given:
        raise BadInput(f'{where}: "mask" must be a list of 0 and 1, or a text of them')
    return [_bit(bit, f'{where}, "mask"[{j}]') for j, bit in enumerate(given)]


def _values(
    given: Any, where: str, key: str, read: Callable[[Any, str], float]
) -> tuple[tuple[str, ...] | None, list[float], bool]:
    """Names of the targets, their values, and whether it was one plain number."""
    if isinstance(given, dict) and given:
        told = [read(one, f'{where}, "{key}"[{name!r}]') for name, one in given.items()]
        return tuple(given), told, False
    if isinstance(given, list) and given:
        return None, [read(one, f'{where}, "{key}"[{j}]') for j, one in enumerate(given)], False
    return None, [read(given, f'{where}, "{key}"')], True


def _bit(given: Any, where: str) -> bool:
    if isinstance(given, str):
        bit = BITS.get(given.strip().lower())
        if bit is not None:
            return bit
    elif isinstance(given, int | float) and given in (0, 1):
        return bool(given)
    raise BadInput(f"{where} must be 0 or 1 (1 = kept); got {given!r}")


def number(given: Any, where: str) -> float:
    """Return a finite number, or raise an error that tells where another thing was."""
    try:
        if isinstance(given, bool | list | dict):
            raise TypeError
        if isinstance(given, str) and ("_" in given or not given.isascii()):
            raise ValueError  # a number to Python alone
        told = float(given)
    except (TypeError, ValueError, OverflowError):
        raise BadInput(f"{where} must be a number; got {given!r}") from None
    if not math.isfinite(told):
        raise BadInput(f"{where} must be finite; got {given!r}")
    return told


def _variance(given: Any, where: str) -> float:
    told = number(given, where)
    if told < 0:
        raise BadInput(f"{where} must be a variance, at least 0; got {given!r}")
    return told


def _lines(path: Path) -> Iterator[str]:
    read_head(path, 2)
    check_size(path, path.stat().st_size, MOST_TEXT)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from file
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8 text: {error}") from error
    except OSError as error:
        raise BadInput(f"the recording {path} cannot be read: {error.strerror}") from error
