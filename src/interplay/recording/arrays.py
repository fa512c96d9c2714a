"""Recordings as two ``.npy`` files, such as archives of subset training are: masks, and values.

Both are memory maps: what is larger than the memory is read a part at a time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from interplay.errors import BadInput
from interplay.recording.recording import Recording
from interplay.recording.source import read_bytes
from interplay.value_function import BoolArray, FloatArray, check_masks, check_values

AT_A_TIME: Final = 2**24
"""Entries that are looked at together."""


def read(path: Path, values: Path | None, target: str | int | None) -> Recording:
    """Read masks ``(m, n)`` and values ``(m,)`` or ``(m, q)``, of these perhaps one column only."""
    if values is None:
        raise BadInput(
            f"{path} is one array, and a recording has two: name the file of the values as well, "
            f"read_recording({path.name!r}, values='values.npy') or "
            f"`interplay fit {path.name} --values values.npy`"
        )
    masks, told = _masks(path), _mapped(values)
    if told.ndim not in (1, 2) or len(told) != len(masks):
        raise BadInput(
            f"{values} must have a row for each of the {len(masks):,} masks of {path}, shape (m,) "
            f"or (m, q); got {told.dtype} of shape {told.shape}"
        )
    if target is not None:
        told = told.reshape(len(told), -1)
        q = told.shape[1]
        if not str(target).isdecimal() or int(target) >= q:
            raise BadInput(f"{values} has the targets 0 to {q - 1}, its columns; got {target!r}")
        column = _column(told, int(target))
        return Recording(masks, _finite(values, column), targets=(str(int(target)),))
    return Recording(masks, _finite(values, told))


def _finite(path: Path, values: NDArray[Any]) -> FloatArray:
    return check_values(values, len(values), source=str(path))


def _column(values: NDArray[Any], j: int) -> NDArray[Any]:
    """One column, without the others in memory."""
    step = max(1, AT_A_TIME // values.shape[1])
    parts = [values[start : start + step, j] for start in range(0, len(values), step)]
    return np.concatenate(parts) if parts else values[:, j]


def _mapped(path: Path) -> NDArray[Any]:
    """The array of a file, on the disk."""
    if (head := read_bytes(path, 6)) != b"\x93NUMPY":
        raise BadInput(
            f"{path} is not an array that numpy.save has written (it begins with {head!r})"
        )
    try:
        mapped: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # a damaged file can raise nearly anything
        if "object" in str(error).lower():
            raise BadInput(
                f"{path} is an array of Python objects, which is never unpickled: save it as an "
                "array of numbers"
            ) from error
        raise BadInput(
            f"{path} is damaged ({type(error).__name__}: {error}): copy it again"
        ) from error
    return mapped


def _masks(path: Path) -> BoolArray:
    """Masks, checked a part at a time; those of one byte each stay on the disk."""
    given = _mapped(path)
    if given.ndim != 2 or not given.shape[1]:
        raise BadInput(
            f"{path} must be masks of shape (m, n), one row per evaluation; got shape {given.shape}"
        )
    on_disk = given.dtype.itemsize == 1 and given.flags.c_contiguous
    masks = None if on_disk else np.empty(given.shape, dtype=np.bool_)
    step = max(1, AT_A_TIME // given.shape[1])
    for start in range(0, len(given), step):
        part = given[start : start + step]
        if given.dtype != np.bool_ and (wrong := ((part != 0) & (part != 1)).any(axis=1)).any():
            row = start + int(wrong.argmax())
            raise BadInput(
                f"{path} must hold nothing but 0 and 1 (1 = feature kept); row {row:,} has "
                f"{given[row][(given[row] != 0) & (given[row] != 1)][0]}"
            )
        if masks is not None:
            masks[start : start + step] = part != 0
    return check_masks(given.view(np.bool_) if masks is None else masks, name=str(path))
