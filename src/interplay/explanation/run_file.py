"""The files of a run: ``run.json`` (results, evidence, report) and ``run.npz`` (arrays).

The arrays are the evaluations, so that ``run.npz`` is a recording that ``interplay.fit`` reads, and
the whole surrogate of target j: its method as ``surrogate_j``, and what
:meth:`~interplay.surrogates.base.Surrogate.arrays` returned under ``surrogate_j.NAME``.
docs/run_files.md describes both. Files of older versions are read as if they were of today's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from interplay.errors import BadInput
from interplay.explanation.form import check_run
from interplay.explanation.migrations import (
    EVALUATIONS_SINCE,
    VERSION,
    migrated,
    migrated_arrays,
)
from interplay.files import write_whole
from interplay.json_text import json_octets, load_json
from interplay.npz import DAMAGE, npz_octets, open_arrays
from interplay.recording import Recording, read_recording
from interplay.recording.archive import entries_of
from interplay.report.reading import FORMAT
from interplay.surrogates import STORED, Surrogate
from interplay.surrogates.base import part_of
from interplay.version import __version__

_LOST: Final = (
    "The surrogate in this run's .npz is in a form of an older interplay and was not read: the "
    "spectrum has its largest terms. `interplay replay` fits the evaluations, which are there, "
    "again."
)


def write_run(
    path: Path,
    summary: Mapping[str, Any],
    evaluations: Recording,
    surrogates: Sequence[Surrogate],
) -> None:
    """Write both files, each whole or not at all."""
    arrays = entries_of(evaluations)
    for j, surrogate in enumerate(surrogates):
        arrays[f"surrogate_{j}"] = np.array(surrogate.method)
        arrays |= {f"surrogate_{j}.{name}": array for name, array in surrogate.arrays().items()}
    payload = npz_octets(arrays)
    octets = json_octets(summary, "this run")
    write_whole(path.with_suffix(".npz"), payload)
    write_whole(path, octets)


def read_run(path: Path) -> dict[str, Any]:
    """Return the JSON of a run file; one of an older version as it would be written today.

    Raises
    ------
    BadInput
        the file is missing, is not a run, is damaged, or was written by a newer version.
    """
    return checked(read_json(path), str(path))


def read_json(path: Path) -> Any:
    """Return the JSON of a file that should be a run."""
    if not path.exists():
        raise BadInput(f"no such run file: {path}")
    return load_json(path, "is not a run file, it cannot be read as JSON")


def checked(content: Any, source: str) -> dict[str, Any]:
    """Return the contents of a run file as of today's version; errors name their ``source``."""
    version = version_of(content, source)
    try:
        run = migrated(content, version)
        if not run["targets"] or not isinstance(run["targets"], list):
            raise ValueError("it has no targets")
        check_run(run)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"no entry {error}" if isinstance(error, KeyError) else error
        raise BadInput(f"{source} is damaged: {reason}; run the explanation again") from error
    return run


def version_of(content: Any, source: str) -> int:
    """Return the version of a run file, from 1 to today's; errors name their ``source``."""
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise BadInput(f'{source} is not a run file: it lacks "format": "{FORMAT}"')
    version = content.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise BadInput(
            f"{source} is damaged: its version of the run format is {version!r}, and this "
            f"interplay ({__version__}) knows 1 to {VERSION}; run the explanation again"
        )
    if version > VERSION:
        raise BadInput(
            f"{source} has version {version} of the run format; this interplay ({__version__}) "
            f"reads versions 1 to {VERSION}. Install a newer interplay: pip install -U interplay"
        )
    return version


class Arrays(NamedTuple):
    """What lies beside a run: a surrogate for each target, and the evaluations.

    ``notes`` say what could not be had of the file of an older version.
    """

    surrogates: Sequence[Surrogate | None]
    evaluations: Recording | None = None
    notes: tuple[str, ...] = ()


def read_arrays(path: Path, run: dict[str, Any], version: int, n: int) -> Arrays:
    """Return what ``run.npz`` holds: that of n features, beside a ``run`` that is migrated.

    ``version`` is the one that both files are of.
    """
    surrogates: list[Surrogate | None] = []
    try:
        with open_arrays(path) as archive:
            arrays = migrated_arrays(archive, run, version)
            for j in range(len(run["targets"])):
                kind = STORED[str(arrays[f"surrogate_{j}"])]
                parts = part_of(arrays, f"surrogate_{j}.")
                surrogates.append(_made(kind, parts, n, older=version < VERSION))
    except DAMAGE as error:
        reason = f"no entry {error}" if isinstance(error, KeyError) else str(error)
        raise BadInput(
            f"{path} is damaged ({reason}): save the run again, or move the file away to read "
            f"{path.with_suffix('.json')} alone"
        ) from error
    evaluations = read_recording(path) if version >= EVALUATIONS_SINCE else None
    return Arrays(surrogates, evaluations, (_LOST,) if None in surrogates else ())


def _made(
    kind: type[Surrogate], parts: Mapping[str, Any], n: int, *, older: bool
) -> Surrogate | None:
    """Return a surrogate of arrays that could be read; None where an older one has other arrays."""
    try:
        return kind.from_arrays(parts, n)
    except DAMAGE:
        if not older:
            raise
        return None
