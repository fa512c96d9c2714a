"""Recordings: evaluations made elsewhere, as one file of masks and values."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from interplay.codes import MaskCode
from interplay.errors import BadInput, unknown
from interplay.files import write_whole
from interplay.npz import npz_octets
from interplay.value_function import BoolArray, FloatArray, check_masks, check_values

OTHER_FORMATS: Final = frozenset({".csv", ".tsv", ".jsonl", ".json", ".parquet", ".npy"})
"""Endings of names that are read as something else than an archive of arrays."""


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
    noise_var
        float64 like ``values``: variance of the noise in each; None where nobody said.
    test
        bool ``(m,)``: uniform masks that a design of another law has set aside, to measure
        faithfulness on; None where there are none.
    code
        what the masks of a coded design are made of; None for other designs.
    notes
        what a reader should know of what was read, in sentences: rows that were left out.
    """

    masks: BoolArray
    values: FloatArray
    features: tuple[str, ...] | None = None
    targets: tuple[str, ...] | None = None
    design: str | None = None
    noise_var: FloatArray | None = None
    test: BoolArray | None = None
    code: MaskCode | None = None
    notes: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The law of the masks, as :func:`interplay.fit` asks a design for it."""
        return self.design or "uniform"

    def only(self, target: str | int | Sequence[str | int]) -> Recording:
        """Return the recording of one of its targets, or of several, by name or number.

        >>> both = Recording(np.ones((1, 2), bool), np.array([[0.5, 1.0]]), targets=("a", "b"))
        >>> both.only("b").values, both.only(0).targets, both.only(["b", "a"]).values
        (array([1.]), ('a',), array([[1. , 0.5]]))
        """
        m = len(self.masks)
        table = self.values.reshape(m, -1)
        names = self.targets or _numbered(table.shape[1])
        asked = [target] if isinstance(target, str | int) else list(target)
        places = [self._place(each, names) for each in asked]
        if not places:
            raise BadInput("target is empty; name one of the recording's targets at least")
        columns: Any = places[0] if isinstance(target, str | int) else places
        noise = None if self.noise_var is None else self.noise_var.reshape(m, -1)[:, columns]
        chosen = tuple(names[j] for j in places)
        return replace(self, values=table[:, columns], noise_var=noise, targets=chosen)

    @staticmethod
    def _place(target: str | int, names: tuple[str, ...]) -> int:
        if isinstance(target, int) and not isinstance(target, bool) and 0 <= target < len(names):
            return target
        if target not in names:
            raise unknown("target", str(target), names)
        return names.index(str(target))

    def named(self) -> Recording:
        """Return the recording with a name for every target, numbers if need be."""
        q = 1 if self.values.ndim == 1 else self.values.shape[1]
        return replace(self, targets=self.targets or _numbered(q))


def _numbered(q: int) -> tuple[str, ...]:
    return ("value",) if q == 1 else tuple(map(str, range(q)))


def read_recording(
    path: str | os.PathLike[str],
    *,
    values: str | os.PathLike[str] | None = None,
    target: str | int | Sequence[str | int] | None = None,
) -> Recording:
    """Read masks and values that were evaluated elsewhere; the ending of the name tells how.

    ``.npz``
        ``masks`` (bool ``(m, n)``) or ``masks_packed`` with ``n``, and ``values``; perhaps
        ``features``, ``targets``, ``design``, ``noise_var``, ``test``; ``design_code`` and
        ``design_sizes`` of a coded design. Nothing is ever unpickled.
    ``.csv``, ``.tsv``
        a column of 0 and 1 for each feature, named after it, and a column ``value``, or
        ``value:NAME`` for each target; perhaps ``noise_var``, or ``noise_var:NAME``.
    ``.jsonl``
        on each line ``{"mask": [0, 1, ...] or "01...", "value": 1.5}``, perhaps with
        ``"noise_var"``; for several targets both are lists, or objects by name.
    ``.parquet``
        what ``interplay runs export`` writes, for one value function; the mean over replicates.
    ``.npz``, ``.json``
        in which shapiq keeps the values of a game; they are taken as stored, not normalised.
    ``.npy``
        masks (bool, or 0 and 1, ``(m, n)``), and ``values`` in a file of their own: float ``(m,)``
        or ``(m, q)``. Both are read as memory maps: masks of a byte each stay on the disk, and of
        the values only the targets that are chosen are loaded.
    a folder
        an archive of subset training, as datamodels are published: ``masks.npy`` and
        ``margins.npy`` (or ``values.npy``, ``losses.npy``, ...), perhaps ``_completed.npy``, bool
        ``(m,)``. Masks whose training was not completed, or whose value is NaN, are left out, and
        ``notes`` of the recording say how many.

    Parameters
    ----------
    path
        the file, or the folder.
    values
        the second file of two ``.npy`` files; of a folder the one that is meant.
    target
        read this target only: its name, or its number; or several. By default all.

    Raises
    ------
    BadInput
        the file is missing or damaged, or an entry has the wrong type or shape; the message names
        the file, and the entry or the line.
    MissingExtra
        a Parquet file, and pyarrow is not installed.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_recording(f"{folder}/a.npz", [[True, False], [True, True]], [0.5, 1.0])
    ...     read_recording(f"{folder}/a.npz").masks
    array([[ True, False],
           [ True,  True]])
    """
    from interplay.recording import archive, arrays, columns, games, lines

    path = Path(path)
    if path.is_dir():
        return arrays.read_folder(path, None if values is None else Path(values), target)
    if path.suffix.lower() == ".npy":
        return arrays.read(path, None if values is None else Path(values), target)
    if values is not None:
        raise BadInput(
            f"{path} has its values in itself: a second file ({values}) goes with masks in an .npy "
            "file only"
        )
    readers = {
        ".csv": lambda: lines.read_table(path, ","),
        ".tsv": lambda: lines.read_table(path, "\t"),
        ".jsonl": lambda: lines.read_objects(path),
        ".json": lambda: games.read(path),
        ".parquet": lambda: columns.read(path),
    }
    reader = readers.get(path.suffix.lower())
    recording = archive.read(path) if reader is None else reader()
    return recording if target is None else recording.only(target)


def write_recording(
    path: str | os.PathLike[str],
    masks: BoolArray,
    values: FloatArray,
    *,
    features: Sequence[str] | None = None,
    targets: Sequence[str] | None = None,
    design: str | None = None,
    noise_var: FloatArray | None = None,
    test: BoolArray | None = None,
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
    noise_var
        variances of the noise, of the shape of ``values``.
    test
        bool ``(m,)``: rows set aside to measure faithfulness on.

    Raises
    ------
    BadInput
        the arrays do not fit together, or the file cannot be written.
    """
    from interplay.recording import archive

    path = Path(path)
    if path.suffix.lower() in OTHER_FORMATS:
        raise BadInput(
            f"a recording is written as .npz, and {path.name} would be read as another format: "
            f"name it {path.with_suffix('.npz').name}"
        )
    masks = check_masks(masks)
    values = check_values(values, len(masks))
    entries = archive.entries_of(
        Recording(
            masks,
            values,
            features=None if features is None else tuple(features),
            targets=None if targets is None else tuple(targets),
            design=design,
            noise_var=None if noise_var is None else np.asarray(noise_var),
            test=None if test is None else np.asarray(test),
        )
    )
    archive.beside(path, entries, masks.shape[1], values)
    payload = npz_octets(entries)
    try:
        write_whole(path, payload)
    except BadInput as error:
        raise BadInput(
            f"the recording {path} cannot be written ({error}): pass a path in a folder that "
            "exists and is writable"
        ) from error
