"""Opening what others wrote: the errors that every format shares."""

from __future__ import annotations

from pathlib import Path

from interplay.errors import BadInput


def read_head(path: Path, count: int) -> bytes:
    """Return the first ``count`` bytes of a file, two at least; a pickle is refused."""
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
