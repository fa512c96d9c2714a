"""The files of a run: ``run.json`` (results, evidence, report) and ``run.npz`` (arrays).

The arrays are the evaluations, so that ``run.npz`` is a recording that ``interplay.fit`` reads, and
the whole surrogate of target j: its method as ``surrogate_j``, and what
:meth:`~interplay.surrogates.base.Surrogate.arrays` returned under ``surrogate_j.NAME``.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from interplay.errors import BadInput
from interplay.files import write_whole
from interplay.recording import Recording
from interplay.recording.archive import code_entries
from interplay.surrogates import STORED, Surrogate
from interplay.surrogates.base import part_of
from interplay.version import __version__

FORMAT, VERSION = "interplay.run", 3

_DAMAGE: Final = (
    *(KeyError, TypeError, ValueError, OverflowError, EOFError, OSError, RuntimeError),
    *(MemoryError, zipfile.BadZipFile, zlib.error, AttributeError, IndexError),
)
"""What damaged files raise in the libraries below us."""


def write_run(
    path: Path,
    summary: Mapping[str, Any],
    evaluations: Recording,
    surrogates: Sequence[Surrogate],
) -> None:
    """Write both files, each whole or not at all."""
    arrays: dict[str, Any] = {
        "masks_packed": np.packbits(evaluations.masks, axis=1),
        "n": np.array(evaluations.masks.shape[1]),
        "values": evaluations.values,
        "features": np.array(evaluations.features, dtype=np.str_),
        "targets": np.array(evaluations.targets, dtype=np.str_),
    }
    if evaluations.design is not None:
        arrays["design"] = np.array(evaluations.design)
    if evaluations.noise_var is not None:
        arrays["noise_var"] = evaluations.noise_var
    if evaluations.test is not None:
        arrays["test"] = evaluations.test
    if evaluations.code is not None:
        arrays |= code_entries(evaluations.code)
    for j, surrogate in enumerate(surrogates):
        arrays[f"surrogate_{j}"] = np.array(surrogate.method)
        arrays |= {f"surrogate_{j}.{name}": array for name, array in surrogate.arrays().items()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    text = json.dumps(summary, ensure_ascii=False, allow_nan=False)
    write_whole(path.with_suffix(".npz"), buffer.getvalue())
    write_whole(path, text.encode())


def read_run(path: Path) -> dict[str, Any]:
    """Return the JSON of a run file, its format and version checked."""
    if not path.exists():
        raise BadInput(f"no such run file: {path}")
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"{path} is not a run file, it cannot be read as JSON: {error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise BadInput(f'{path} is not a run file: it lacks "format": "{FORMAT}"')
    version = content.get("version")
    if version != VERSION:
        newer = isinstance(version, int) and version > VERSION
        raise BadInput(
            f"{path} has version {version} of the run format; this interplay ({__version__}) reads "
            f"version {VERSION}. "
            + ("Install a newer interplay" if newer else "Run the explanation again")
        )
    if not isinstance(content.get("targets"), list) or not content["targets"]:
        raise BadInput(f"{path} is damaged: it has no targets; run the explanation again")
    return content


def read_surrogates(path: Path, q: int, n: int) -> list[Surrogate]:
    """Return the surrogates of q targets out of ``run.npz``."""
    surrogates = []
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            for j in range(q):
                kind = STORED[str(arrays[f"surrogate_{j}"])]
                surrogates.append(kind.from_arrays(part_of(arrays, f"surrogate_{j}."), n))
    except _DAMAGE as error:
        reason = f"no entry {error}" if isinstance(error, KeyError) else str(error)
        raise BadInput(
            f"{path} is damaged ({reason}): save the run again, or move the file away to read "
            f"{path.with_suffix('.json')} alone"
        ) from error
    return surrogates
