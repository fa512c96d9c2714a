"""Recordings as ``.npz`` files: ours, and those in which shapiq keeps the values of a game.

A recording holds ``masks`` (bool ``(m, n)``), or ``masks_packed`` (uint8, ``numpy.packbits(masks,
axis=1)``) with ``n``; ``values`` (float ``(m,)`` or ``(m, q)``); and may hold ``features`` (n
names), ``targets`` (q names), ``design`` (the law that the masks were drawn from), ``noise_var``
(like ``values``), ``test`` (bool ``(m,)``: rows set aside to measure faithfulness on), and for
coded masks ``design_code`` (bool ``(C, n, 12)``) and ``design_sizes`` (t and b). Other entries are
let be. Reading never unpickles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from interplay.codes import LEAST_BITS, MOST_BITS, MaskCode
from interplay.codes.bch import MOST_ERRORS
from interplay.errors import BadInput
from interplay.npz import Pickled, open_arrays
from interplay.recording.games import INTERACTIONS
from interplay.recording.recording import Recording
from interplay.recording.source import read_head
from interplay.value_function import BoolArray, FloatArray, check_masks, check_values

KEYS: Final = (
    *("masks", "masks_packed", "n", "values", "features", "targets", "design", "noise_var", "test"),
    *("design_code", "design_sizes"),
    *("coalitions", "n_players", "interaction_lookup_keys"),  # shapiq
)


def read(path: Path) -> Recording:
    """Read an ``.npz`` recording."""
    return of(path, read_arrays(path))


def of(path: Path, entries: Mapping[str, NDArray[Any]]) -> Recording:
    """Return the recording that entries make up, checked."""
    if "interaction_lookup_keys" in entries:
        raise BadInput(f"{path} {INTERACTIONS}")
    if "coalitions" in entries and "masks" not in entries and "masks_packed" not in entries:
        entries = {**entries, "masks": _coalitions(path, entries)}
    masks = _masks(path, entries)
    if "values" not in entries:
        raise BadInput(f'{path} has no "values": add them, float (m,) or (m, q), one row per mask')
    values = check_values(entries["values"], len(masks), source=f'{path}: "values"')
    return Recording(masks, values, **beside(path, entries, masks.shape[1], values))


def beside(
    path: Path, entries: Mapping[str, NDArray[Any]], n: int, values: FloatArray
) -> dict[str, Any]:
    """Return what a recording holds beside masks and values, checked; None for what is not there.

    Errors name the ``path``.
    """
    q = 1 if values.ndim == 1 else values.shape[1]
    return {
        "features": _names(path, entries, "features", n, "one per column of the masks"),
        "targets": _names(path, entries, "targets", q, "one per column of the values"),
        "design": _design(path, entries),
        "noise_var": _variances(path, entries, values),
        "test": set_aside(path, entries, len(values)),
        "code": code(path, entries, n),
    }


def _coalitions(path: Path, entries: Mapping[str, NDArray[Any]]) -> BoolArray:
    """The masks of a game that shapiq saved: a row of 0 and 1 for each coalition."""
    coalitions, players = entries["coalitions"], entries.get("n_players")
    if coalitions.ndim != 2 or not np.isin(coalitions, (0, 1)).all():
        raise BadInput(
            f'{path}: "coalitions" must be 0 and 1, of shape (m, n); got {coalitions.dtype} of '
            f"shape {coalitions.shape}"
        )
    if players is not None and not np.array_equal(players, coalitions.shape[1]):
        raise BadInput(
            f'{path}: "n_players" must be the number of columns of "coalitions", '
            f"{coalitions.shape[1]}; got {players}"
        )
    return coalitions.astype(np.bool_)


def _variances(
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


def read_arrays(path: Path, keys: Sequence[str] = KEYS) -> dict[str, NDArray[Any]]:
    """Return those of the entries ``keys`` that an ``.npz`` file has.

    Raises :class:`BadInput` for a file that is missing or damaged, and for one that would unpack to
    an absurd size.
    """
    head = read_head(path, 6)
    if head[:2] != b"PK":  # numpy would try its other formats, the pickle among them
        raise BadInput(
            f"{path} is one array, and a recording has two: write them into one file with "
            f"interplay.write_recording('a.npz', masks.astype(bool), values)"
            if head == b"\x93NUMPY"
            else f"{path} is not a recording: expected an .npz file (numpy.savez) with masks and "
            f"values, or a name that ends in .csv, .tsv, .jsonl, .json or .parquet"
        )
    entries: dict[str, NDArray[Any]] = {}
    name = "its list of entries"
    try:
        with open_arrays(path) as arrays:
            for name in keys:
                if name in arrays:
                    entries[name] = arrays[name]
    except BadInput:
        raise
    except Pickled as error:
        raise BadInput(
            f'{path}: "{name}" is an array of Python objects, which is never unpickled: save '
            f"it as an array of numbers, or of text with numpy.array(..., dtype=str)"
        ) from error
    except Exception as error:  # a damaged archive can raise nearly anything
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
    return unpacked(path, entries, "masks_packed", _n(path, entries))


def unpacked(path: Path, entries: Mapping[str, NDArray[Any]], key: str, n: int) -> BoolArray:
    """Return masks that were packed bit by bit."""
    packed, width = entries[key], -(-n // 8)
    if packed.dtype != np.uint8 or packed.ndim != 2 or packed.shape[1] != width:
        raise BadInput(
            f'{path}: "{key}" must be uint8 of shape (m, {width}) for n = {n}, from '
            f"numpy.packbits(masks, axis=1); got {packed.dtype} of shape {packed.shape}"
        )
    bits = np.unpackbits(packed, axis=1).astype(np.bool_)
    if bits[:, n:].any():
        raise BadInput(
            f'{path}: "{key}" has bits beyond n = {n} features: "n" is wrong, or the masks '
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


def set_aside(
    path: Path, entries: Mapping[str, NDArray[Any]], m: int, key: str = "test"
) -> BoolArray | None:
    if key not in entries:
        return None
    test = entries[key]
    if test.dtype != np.bool_ or test.shape != (m,):
        raise BadInput(
            f'{path}: "{key}" must be bool of shape ({m},), one per mask; got {test.dtype} of '
            f"shape {test.shape}"
        )
    return test


def code(path: Path, entries: Mapping[str, NDArray[Any]], n: int) -> MaskCode | None:
    if "design_code" not in entries:
        return None
    matrices, sizes = entries["design_code"], entries.get("design_sizes", np.empty(0))
    if matrices.dtype != np.bool_ or matrices.shape[1:] != (n, MOST_BITS) or not len(matrices):
        raise BadInput(
            f'{path}: "design_code" must be bool (C, {n}, {MOST_BITS}); got {matrices.dtype} of '
            f"shape {matrices.shape}"
        )
    if sizes.dtype.kind not in "iu" or sizes.shape != (2,):
        raise BadInput(f'{path}: "design_sizes" must be two whole numbers, t and b; got {sizes}')
    t, bits = sizes.tolist()
    if not 1 <= t <= min(n, MOST_ERRORS) or not LEAST_BITS <= bits <= MOST_BITS:
        raise BadInput(f'{path}: "design_sizes": no coded design has t = {t} and b = {bits}')
    return MaskCode(matrices, t, bits)


def entries_of(recording: Recording) -> dict[str, Any]:
    """Return what :func:`of` reads; masks are packed."""
    entries: dict[str, Any] = {
        "masks_packed": np.packbits(recording.masks, axis=1),
        "n": np.array(recording.masks.shape[1]),
        "values": recording.values,
    }
    for key, names in (("features", recording.features), ("targets", recording.targets)):
        if names is not None:
            entries[key] = np.array(names, dtype=np.str_)
    if recording.design is not None:
        entries["design"] = np.array(recording.design, dtype=np.str_)
    for key, column in (("noise_var", recording.noise_var), ("test", recording.test)):
        if column is not None:
            entries[key] = column
    return entries if recording.code is None else entries | code_entries(recording.code)


def code_entries(code: MaskCode) -> dict[str, NDArray[Any]]:
    """Return what :func:`code` reads."""
    return {"design_code": code.matrices, "design_sizes": np.array([code.t, code.bits])}
