"""Files are read as UTF-8, and written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from interplay.errors import BadInput


def read_text(path: Path) -> str:
    """Return the text of a file.

    Raises
    ------
    BadInput
        the file cannot be read, or is not UTF-8.
    """
    try:
        payload = path.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error
    return decoded(payload, path)


def decoded(payload: bytes, source: Path) -> str:
    """Return bytes as text; a mark of byte order at the beginning is left out.

    Raises
    ------
    BadInput
        they are not UTF-8; the message names their ``source``.
    """
    try:
        return payload.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{source} is not UTF-8 text: {error}; convert it first") from error


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
