"""Files are read as UTF-8 and up to a size that is known before, and written whole or not at all.

A file may be from anywhere, and may have been made to do harm: what bounds its size, and that of
what it unpacks to, is here; :mod:`interplay.json_text` and :mod:`interplay.npz` bound what is
inside.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from interplay.errors import BadInput

MOST_TEXT: Final = 2**30
"""Bytes of a text or a table: a million lines of a thousand characters, and more than a person
writes. A table takes several times as much in memory."""

MOST_UNPACKED: Final = 2**35
SUSPICIOUS_UNPACKED: Final = 2**28
SUSPICIOUS_RATIO: Final = 200
"""Unpacked sizes that are refused: absurd ones, and large ones out of a small file. Masks that are
not packed bit by bit shrink to an eighth or less, and values hardly at all."""

_PART: Final = 2**20


def named(path: object, what: str) -> Path:
    """Return the path that somebody gave of ``what``.

    Raises
    ------
    BadInput
        it is no path.

    >>> named("runs.db", "the store")
    PosixPath('runs.db')
    """
    if isinstance(path, str | os.PathLike):
        return Path(path)
    raise BadInput(f"{what} must be the path of a file; got {type(path).__name__}: {path!r:.60}")


def read_text(path: Path) -> str:
    """Return the text of a file.

    Raises
    ------
    BadInput
        the file cannot be read, is larger than ``MOST_TEXT``, or is not UTF-8.
    """
    return decoded(read_octets(path, MOST_TEXT), path)


def read_octets(path: Path, most: int) -> bytes:
    """Return what a file holds; one of more than ``most`` bytes is not read.

    Raises
    ------
    BadInput
        the file cannot be read, or is larger.
    """
    try:
        with path.open("rb") as file:
            about = os.fstat(file.fileno())
            check_size(path, about.st_size, most)
            if stat.S_ISREG(about.st_mode) and about.st_size:
                return file.read()
            parts, size = [], 0
            while part := file.read(_PART):  # a pipe does not tell its size, and may have no end
                size += len(part)
                check_size(path, size, most)
                parts.append(part)
            return b"".join(parts)
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror or error}") from error


def check_size(path: Path, size: int, most: int) -> None:
    """Raise :class:`BadInput` for a file of more than ``most`` bytes, before it is read."""
    if size > most:
        raise BadInput(
            f"{path} is too large to be read: {most:,} bytes are the most, and it has {size:,} or "
            "more. Check whether this is the file that is meant, or split it"
        )


def check_unpacked(path: Path, size: int) -> None:
    """Refuse, before anything is unpacked, a small file that would fill the memory."""
    packed = path.stat().st_size
    absurd = size > SUSPICIOUS_UNPACKED and size > SUSPICIOUS_RATIO * packed
    if size > MOST_UNPACKED or absurd:
        raise BadInput(
            f"{path} would unpack from {packed:,} to {size:,} bytes, more than a file of that "
            "size can honestly hold: check where it is from"
        )


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
