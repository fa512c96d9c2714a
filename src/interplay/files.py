"""Files are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from interplay.errors import BadInput


def write_whole(path: Path, payload: bytes) -> None:
    """Write a file so that, whenever this is killed, the old or the new contents are there.

    Raises
    ------
    BadInput
        the file cannot be written; the old one is untouched.
    """
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        unfinished.write_bytes(payload)
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise BadInput(f"cannot write {path}: {error.strerror or error}") from error
