"""Recordings as ``.npy`` files, such as archives of subset training are: masks, and values.

Two files, or the folder that they lie in: the layout in which datamodels are published (Ilyas et
al., 2022) is ``masks.npy`` and ``margins.npy``, with ``_completed.npy`` beside them, which tells
the trainings that came to an end. All are memory maps: what is larger than the memory is read a
part at a time.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from interplay.errors import BadInput
from interplay.npz import Pickled, check_array_head
from interplay.recording.recording import Recording
from interplay.recording.source import read_head
from interplay.value_function import BoolArray, FloatArray, check_masks, check_values

AT_A_TIME: Final = 2**24
"""Entries that are looked at together."""
MOST_VALUES: Final = 2**27
"""Values that are read at once, 1 GiB of them; of more the targets must be chosen."""
MASKS: Final = ("masks.npy", "mask.npy")
VALUES: Final = (
    *("margins.npy", "values.npy", "losses.npy", "outputs.npy", "logits.npy", "confidences.npy"),
    *("margin.npy", "value.npy", "loss.npy"),
)
"""Names that files of a folder go by."""
COMPLETED: Final = "_completed.npy"

Target = str | int


def read(path: Path, values: Path | None, target: Target | Sequence[Target] | None) -> Recording:
    """Read masks ``(m, n)`` and values ``(m,)`` or ``(m, q)``, of these perhaps some columns."""
    if values is None:
        raise BadInput(
            f"{path} is one array, and a recording has two: name the file of the values as well, "
            f"read_recording({path.name!r}, values='values.npy') or "
            f"`interplay fit {path.name} --values values.npy`; or the folder that both lie in"
        )
    return _read(path, values, None, target)


def read_folder(
    folder: Path, values: Path | None, target: Target | Sequence[Target] | None
) -> Recording:
    """Read an archive of subset training; ``values`` tells which file, where names do not."""
    masks = [folder / name for name in MASKS if (folder / name).is_file()]
    if not masks:
        raise BadInput(
            f"{folder} is no archive of masks and values: it has no {' or '.join(MASKS)}"
        )
    if values is None:
        found = [folder / name for name in VALUES if (folder / name).is_file()]
        if len(found) != 1:
            told = f"several files of values ({', '.join(path.name for path in found)})"
            raise BadInput(
                f"{folder} has {told if found else 'no file of values'}; one of these names is "
                f"expected: {', '.join(VALUES)}. Name it: "
                f"read_recording(folder, values='NAME.npy') or `interplay fit {folder} --values "
                "NAME.npy`"
            )
        values = found[0]
    elif not values.exists():
        values = folder / values
    completed = folder / COMPLETED
    return _read(masks[0], values, completed if completed.is_file() else None, target)


def _read(
    path: Path,
    values: Path,
    completed: Path | None,
    target: Target | Sequence[Target] | None,
) -> Recording:
    shape, told = _checked_shape(path), _mapped(values)
    m = shape[0]
    if told.ndim not in (1, 2) or len(told) != m:
        raise BadInput(
            f"{values} must have a row for each of the {m:,} masks of {path}, shape (m,) "
            f"or (m, q); got {told.dtype} of shape {told.shape}"
        )
    if told.dtype.kind not in "buif":
        raise BadInput(f"{values} must be numbers, one row per mask; they are {told.dtype}")
    places = None if target is None else _places(values, told, target)
    count = len(places) if places is not None else int(np.prod(told.shape[1:]))
    if m * count > MOST_VALUES:
        raise BadInput(
            f"{values} has {count:,} targets of {m:,} masks, more than are read at once: choose "
            "some by their numbers, target=[0, 7] or --target 0 --target 7"
        )
    del told
    done = np.ones(m, dtype=np.bool_) if completed is None else _completed(completed, m)
    table = _columns(values, places)
    missing = np.isnan(table) if table.ndim == 1 else np.isnan(table).any(axis=1)
    kept = done & ~missing
    notes = []
    if not done.all():
        notes.append(
            f"{int((~done).sum()):,} of {m:,} masks were left out: their training was not completed"
        )
    if lost := int((done & missing).sum()):
        notes.append(f"{lost:,} of {m:,} masks were left out: they have no value (NaN)")
    if not kept.any():
        raise BadInput(f"{values} has no value: {'; '.join(notes) or 'it is empty'}")
    finite = check_values(table[kept], int(kept.sum()), source=str(values))
    if isinstance(target, str | int) and finite.ndim == 2:
        finite = finite[:, 0]
    return Recording(
        _masks(path, shape, None if kept.all() else np.flatnonzero(kept)),
        finite,
        targets=None if places is None else tuple(map(str, places)),
        notes=tuple(f"{note}." for note in notes),
    )


# ---- values


def _places(path: Path, values: NDArray[Any], target: Target | Sequence[Target]) -> list[int]:
    """Numbers of the columns that are asked for."""
    q = 1 if values.ndim == 1 else values.shape[1]
    asked = [target] if isinstance(target, str | int) else list(target)
    for one in asked:
        if isinstance(one, bool) or not str(one).isdecimal() or int(one) >= q:
            raise BadInput(f"{path} has the targets 0 to {q - 1}, its columns; got {one!r}")
    places = [int(one) for one in asked]
    if not places or len({*places}) < len(places):
        raise BadInput(f"target must name columns of {path}, each once; got {asked}")
    return places


def _columns(path: Path, places: list[int] | None) -> FloatArray:
    """Values of some targets, float64, without the others in memory."""
    parts = [
        np.array(part if places is None or part.ndim == 1 else part[:, places], dtype=np.float64)
        for _, part in _parts(path)
    ]
    table: FloatArray = np.concatenate(parts) if parts else np.zeros(0)
    return table


def _completed(path: Path, m: int) -> BoolArray:
    told = _mapped(path)
    good = told.shape == (m,) and told.dtype.kind in "buif"
    if not good or not np.isin(told, (0, 1)).all():
        raise BadInput(
            f"{path} must say of each of the {m:,} masks whether its training was completed, 0 or "
            f"1, shape ({m},); got {told.dtype} of shape {told.shape}"
        )
    return np.asarray(told != 0)


# ---- masks


def _checked_shape(path: Path) -> tuple[int, int]:
    given = _mapped(path)
    if given.ndim != 2 or not given.shape[1]:
        raise BadInput(
            f"{path} must be masks of shape (m, n), one row per evaluation; got shape {given.shape}"
        )
    return given.shape


def _masks(path: Path, shape: tuple[int, int], rows: NDArray[np.int64] | None) -> BoolArray:
    """Masks, checked a part at a time; those of one byte each stay on the disk.

    Of rows with gaps between them a copy is made, on the disk too where it is large.
    """
    given = _mapped(path)
    if given.dtype != np.bool_:
        for start, part in _parts(path):
            if (wrong := ((part != 0) & (part != 1)).any(axis=1)).any():
                at = int(wrong.argmax())
                odd = part[at][(part[at] != 0) & (part[at] != 1)][0]
                raise BadInput(
                    f"{path} must hold nothing but 0 and 1 (1 = feature kept); row {start + at:,} "
                    f"has {odd}"
                )
    on_disk = given.dtype.itemsize == 1 and given.flags.c_contiguous
    if rows is not None and len(rows) == rows[-1] - rows[0] + 1:
        first, last, rows = int(rows[0]), int(rows[-1]) + 1, None
    else:
        first, last = 0, shape[0]
    if on_disk and rows is None:
        masks = given[first:last].view(np.bool_)
    elif rows is None:
        masks = np.empty((last - first, shape[1]), dtype=np.bool_)
        for start, part in _parts(path, first, last):
            masks[start - first : start - first + len(part)] = part != 0
    else:
        masks = _gathered(path, rows, shape[1])
    return check_masks(masks, name=str(path))


def _gathered(path: Path, rows: NDArray[np.int64], n: int) -> BoolArray:
    """Some rows of the masks: in memory, or in a file without a name, which goes with them."""

    def pieces() -> Iterator[BoolArray]:
        for start, part in _parts(path):
            here = rows[(rows >= start) & (rows < start + len(part))] - start
            yield part[here] != 0

    if len(rows) * n <= AT_A_TIME:
        return np.concatenate(list(pieces()))
    try:
        with tempfile.TemporaryFile() as file:
            for piece in pieces():
                file.write(piece.tobytes())
            file.flush()
            return np.memmap(file, dtype=np.bool_, mode="r", shape=(len(rows), n))
    except OSError as error:
        raise BadInput(
            f"some masks of {path} are left out, and the copy of the others needs "
            f"{len(rows) * n:,} bytes in {tempfile.gettempdir()}: {error.strerror or error}. Set "
            "TMPDIR to a folder with room"
        ) from error


# ---- files


def _parts(
    path: Path, first: int = 0, last: int | None = None
) -> Iterator[tuple[int, NDArray[Any]]]:
    """Rows of an array a part at a time, with the number of the first of them.

    Each part has a map of its own: pages that were read are given back when the next one comes.
    """
    whole = _mapped(path)
    step = max(1, AT_A_TIME // max(1, int(np.prod(whole.shape[1:]))))
    stop = len(whole) if last is None else last
    del whole
    for start in range(first, stop, step):
        yield start, _mapped(path)[start : min(start + step, stop)]


def _mapped(path: Path) -> NDArray[Any]:
    """The array of a file, on the disk."""
    if (head := read_head(path, 6)) != b"\x93NUMPY":
        raise BadInput(
            f"{path} is not an array that numpy.save has written (it begins with {head!r})"
        )
    try:
        with path.open("rb") as file:
            check_array_head(file, path.stat().st_size)
        mapped: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except Pickled as error:
        raise BadInput(
            f"{path} is an array of Python objects, which is never unpickled: save it as an "
            "array of numbers"
        ) from error
    except Exception as error:  # a damaged file can raise nearly anything
        raise BadInput(
            f"{path} is damaged ({type(error).__name__}: {error}): copy it again"
        ) from error
    return mapped
