"""Opening what others wrote: the errors that every format shares."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from interplay.errors import BadInput

MOST_BYTES: Final = 2**35
SUSPICIOUS_BYTES: Final = 2**28
SUSPICIOUS_RATIO: Final = 200
"""Unpacked sizes that are refused: absurd ones, and large ones out of a small file. Masks that are
not packed bit by bit shrink to an eighth or less, and values hardly at all."""


def read_bytes(path: Path, count: int = -1) -> bytes:
    """Return the first ``count`` bytes of a file, or all; a pickle is refused."""
    try:
        with path.open("rb") as file:
            content = file.read(count)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from error
    if content[:1] == b"\x80" and content[1:2] in b"\x02\x03\x04\x05":
        raise BadInput(
            f"{path} is a pickle, which is never read, for it can run any code: save masks and "
            f"values as arrays (shapiq: game.save_values('game.npz'))"
        )
    return content


def check_unpacked(path: Path, size: int) -> None:
    """Refuse, before anything is unpacked, a small file that would fill the memory."""
    packed = path.stat().st_size
    if size > MOST_BYTES or (size > SUSPICIOUS_BYTES and size > SUSPICIOUS_RATIO * packed):
        raise BadInput(
            f"{path} would unpack from {packed:,} to {size:,} bytes, more than a recording of "
            f"that size can hold: check where it is from"
        )
