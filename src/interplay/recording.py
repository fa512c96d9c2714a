"""Recordings: evaluations made elsewhere, in one ``.npz`` file.

A recording holds ``masks`` (bool ``(m, n)``), or ``masks_packed`` (uint8, ``numpy.packbits(masks,
axis=1)``) with ``n``; ``values`` (float ``(m,)`` or ``(m, q)``); and may hold ``features`` (n
names), ``targets`` (q names) and ``design`` (the law that the masks were drawn from). Other entries
are let be. Reading never unpickles.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interplay.errors import BadInput
from interplay.value_function import BoolArray, FloatArray, check_masks, check_values

_KEYS = ("masks", "masks_packed", "n", "values", "features", "targets", "design", "noise_var")


@dataclass(frozen=True, eq=False)
class Recording:
    """Masks and the values that a model gave for them.

    Attributes
    ----------
    masks
        bool ``(m, n)``, True = feature kept.
    values
        float64 ``(m,)`` or ``(m, q)``, finite.
    features
        n names, or None.
    targets
        q names, or None.
    design
        name of the mask design, or None where the file does not say.
    """

    masks: BoolArray
    values: FloatArray
    features: tuple[str, ...] | None = None
    targets: tuple[str, ...] | None = None
    design: str | None = None
    noise_var: FloatArray | None = None


def read_recording(path: str | os.PathLike[str]) -> Recording:
    """Read a recording.

    Raises
    ------
    BadInput
        the file is missing or damaged, or an entry has the wrong type or shape; the message names
        the file and the entry.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_recording(f"{folder}/a.npz", [[True, False], [True, True]], [0.5, 1.0])
    ...     read_recording(f"{folder}/a.npz").masks
    array([[ True, False],
           [ True,  True]])
    """
    path = Path(path)
    entries = _load(path)
    masks = _masks(path, entries)
    if "values" not in entries:
        raise BadInput(f'{path} has no "values": add them, float (m,) or (m, q), one row per mask')
    values = check_values(entries["values"], len(masks), source=f'{path}: "values"')
    q = 1 if values.ndim == 1 else values.shape[1]
    return Recording(
        masks,
        values,
        features=_names(path, entries, "features", masks.shape[1], "one per column of the masks"),
        targets=_names(path, entries, "targets", q, "one per column of the values"),
        design=_design(path, entries),
        noise_var=_noise(path, entries, values),
    )


def _noise(
    path: Path, entries: Mapping[str, NDArray[Any]], values: FloatArray
) -> FloatArray | None:
    if "noise_var" not in entries:
        return None
    noise = check_values(entries["noise_var"], len(values), source=f'{path}: "noise_var"')
    if noise.shape != values.shape or (noise < 0).any():
        raise BadInput(
            f'{path}: "noise_var" must be variances, at least 0, of the shape of "values" '
            f"{values.shape}; got shape {noise.shape}"
        )
    return noise


def write_recording(
    path: str | os.PathLike[str],
    masks: BoolArray,
    values: FloatArray,
    *,
    features: Sequence[str] | None = None,
    targets: Sequence[str] | None = None,
    design: str | None = None,
) -> None:
    """Write a recording, with packed masks; a file that is there is replaced as a whole.

    Parameters
    ----------
    path
        the file, by custom ``NAME.npz``.
    masks
        bool ``(m, n)``.
    values
        float ``(m,)`` or ``(m, q)``.
    features, targets
        n and q names.
    design
        name of the mask design.

    Raises
    ------
    BadInput
        the arrays do not fit together, or the file cannot be written.
    """
    path = Path(path)
    masks = check_masks(masks)
    values = check_values(values, len(masks))
    entries: dict[str, Any] = {
        "masks_packed": np.packbits(masks, axis=1),
        "n": np.int64(masks.shape[1]),
        "values": values,
    }
    if features is not None:
        entries["features"] = np.array(list(features), dtype=np.str_)
        _names(path, entries, "features", masks.shape[1], "one per column of the masks")
    if targets is not None:
        entries["targets"] = np.array(list(targets), dtype=np.str_)
        q = 1 if values.ndim == 1 else values.shape[1]
        _names(path, entries, "targets", q, "one per column of the values")
    if design is not None:
        entries["design"] = np.array(design, dtype=np.str_)
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            np.savez_compressed(file, **entries)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise BadInput(
            f"the recording {path} cannot be written ({error.strerror}): pass a path in a folder "
            f"that exists and is writable"
        ) from error


def _load(path: Path) -> dict[str, NDArray[Any]]:
    """Return the entries that a recording may have."""
    try:
        with path.open("rb") as file:
            head = file.read(2)
    except OSError as error:
        raise BadInput(f"the recording {path} cannot be read: {error.strerror}") from error
    if head != b"PK":  # numpy would try its other formats, the pickle among them
        raise BadInput(
            f"{path} is not a recording: expected an .npz file (numpy.savez) with masks and values"
        )
    entries: dict[str, NDArray[Any]] = {}
    name = "its list of entries"
    try:
        # opened here: given a path, numpy leaves a damaged archive open
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            for name in _KEYS:
                if name in archive.files:
                    entries[name] = archive[name]
    except Exception as error:  # a damaged archive can raise nearly anything
        if "allow_pickle" in str(error):
            raise BadInput(
                f'{path}: "{name}" is an array of Python objects, which is never unpickled: save '
                f"it as an array of numbers, or of text with numpy.array(..., dtype=str)"
            ) from error
        raise BadInput(
            f'{path} is damaged, "{name}" cannot be read ({type(error).__name__}: {error}): '
            f"copy or record it again"
        ) from error
    return entries


def _masks(path: Path, entries: Mapping[str, NDArray[Any]]) -> BoolArray:
    if "masks" in entries and "masks_packed" in entries:
        raise BadInput(f'{path} has both "masks" and "masks_packed": keep one of them')
    if "masks" in entries:
        masks = check_masks(entries["masks"], name=f'{path}: "masks"')
        if "n" in entries and _n(path, entries) != masks.shape[1]:
            raise BadInput(
                f'{path}: "n" is {_n(path, entries)}, but "masks" has shape {masks.shape}: "n" '
                f"must be the number of columns"
            )
        return masks
    if "masks_packed" not in entries:
        raise BadInput(
            f'{path} has no masks: add "masks", bool (m, n), or "masks_packed", uint8 from '
            f'numpy.packbits(masks, axis=1), with "n"'
        )
    packed, n = entries["masks_packed"], _n(path, entries)
    width = -(-n // 8)
    if packed.dtype != np.uint8 or packed.ndim != 2 or packed.shape[1] != width:
        raise BadInput(
            f'{path}: "masks_packed" must be uint8 of shape (m, {width}) for n = {n}, from '
            f"numpy.packbits(masks, axis=1); got {packed.dtype} of shape {packed.shape}"
        )
    bits = np.unpackbits(packed, axis=1).astype(np.bool_)
    if bits[:, n:].any():
        raise BadInput(
            f'{path}: "masks_packed" has bits beyond n = {n} features: "n" is wrong, or the masks '
            f'were not packed by numpy.packbits(masks, axis=1) with bitorder "big"'
        )
    return np.ascontiguousarray(bits[:, :n])


def _n(path: Path, entries: Mapping[str, NDArray[Any]]) -> int:
    if "n" not in entries:
        raise BadInput(f'{path} has "masks_packed" but no "n": add the number of features')
    n = entries["n"]
    if n.shape != () or not np.issubdtype(n.dtype, np.integer) or int(n) < 1:
        raise BadInput(
            f'{path}: "n" must be one whole number, at least 1; got {n.dtype} of shape {n.shape}'
            + (f": {n}" if n.shape == () else "")
        )
    return int(n)


def _names(
    path: Path, entries: Mapping[str, NDArray[Any]], key: str, count: int, each: str
) -> tuple[str, ...] | None:
    if key not in entries:
        return None
    names = entries[key]
    if names.dtype.kind != "U" or names.shape != (count,):
        raise BadInput(
            f'{path}: "{key}" must be {count} texts, {each}; got {names.dtype} of shape '
            f"{names.shape}"
        )
    return tuple(names.tolist())


def _design(path: Path, entries: Mapping[str, NDArray[Any]]) -> str | None:
    if "design" not in entries:
        return None
    design = entries["design"]
    if design.dtype.kind != "U" or design.shape != ():
        raise BadInput(
            f'{path}: "design" must be one text, such as "uniform"; got {design.dtype} of shape '
            f"{design.shape}"
        )
    return str(design)
