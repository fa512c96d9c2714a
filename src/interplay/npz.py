"""Archives of arrays (``.npz``), which may have been made to do harm.

What each entry claims is held against the archive before memory is taken for it: the number of
entries, their unpacked sizes in all, the shape in the head of each array. Nothing is ever
unpickled, and nothing is unpacked to the disk, so that names of entries lead nowhere.
"""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from interplay.files import check_unpacked

MOST_ENTRIES: Final = 10_000
"""A run has a few for each of its targets."""

MOST_LISTED: Final = 2**22
"""Bytes of an archive's list of entries: four hundred for each of them."""

MOST_EMPTY: Final = 2**24
"""The longest side of an array that has no bytes at all."""

_PACKINGS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Those of numpy. Others unpack as much at once as they like."""

DAMAGE: Final = (
    *(KeyError, TypeError, ValueError, OverflowError, EOFError, OSError, RuntimeError),
    *(MemoryError, zipfile.BadZipFile, zlib.error, AttributeError, IndexError, SyntaxError),
    RecursionError,
)
"""What damaged archives, texts and fields raise in the libraries below us, found by flipping bytes:
a RuntimeError for a zip that seems encrypted or newer, a MemoryError for a shape that is absurd."""


class Pickled(ValueError):
    """An array of Python objects."""


class Arrays(Mapping[str, NDArray[Any]]):
    """The arrays of an open archive, each read when it is asked for.

    Whoever reads them catches ``DAMAGE``.
    """

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._entries = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, name: str) -> NDArray[Any]:
        entry = self._entries[name]
        with self._archive.open(entry) as file:
            check_array_head(file, entry.file_size)
        with self._archive.open(entry) as file:
            array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
            if file.read(1):  # which also compares the checksum of what was read
                raise ValueError("there is more in it than its head says")
        return array


@contextmanager
def open_arrays(path: Path) -> Iterator[Arrays]:
    """Open an archive, after its list of entries was looked through.

    Raises
    ------
    BadInput
        it would unpack to an absurd size.
    OSError, zipfile.BadZipFile and others of DAMAGE
        it is none, or is damaged.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.npz")
    ...     np.savez(path, a=np.arange(3))
    ...     with open_arrays(path) as arrays:
    ...         list(arrays), arrays["a"]
    (['a'], array([0, 1, 2]))
    """
    with path.open("rb") as file:
        with zipfile.ZipFile(_Listed(file)) as listed:
            entries = listed.infolist()
        if len(entries) > MOST_ENTRIES:
            raise zipfile.BadZipFile(f"it has {len(entries):,} entries; {MOST_ENTRIES:,} at most")
        if len({entry.filename.removesuffix(".npy") for entry in entries}) < len(entries):
            raise zipfile.BadZipFile("two of its entries have one name")
        for entry in entries:
            if entry.compress_type not in _PACKINGS:
                raise zipfile.BadZipFile(f"{entry.filename!r:.80} is packed as numpy never does")
        check_unpacked(path, sum(entry.file_size for entry in entries))
        with zipfile.ZipFile(file) as archive:
            yield Arrays(archive)


def npz_octets(arrays: Mapping[str, Any]) -> bytes:
    """Return an archive of arrays, compressed, which :func:`open_arrays` reads."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def check_array_head(file: IO[bytes], size: int) -> None:
    """Hold the head of an array against the bytes that there are, its own included.

    Raises
    ------
    Pickled
        it is an array of Python objects.
    ValueError
        it is no array, or has another number of bytes.
    """
    version = np.lib.format.read_magic(file)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"arrays of version {version} of numpy's format are not read")
    try:
        shape, _, dtype = readers[version](file)
    except Exception as error:  # it is read as Python's literals, by Python's own tokeniser
        raise ValueError(f"its head cannot be read ({type(error).__name__}: {error})") from error
    if dtype.hasobject:
        raise Pickled("it holds Python objects, which are never unpickled")
    whole = all(isinstance(side, int) and not isinstance(side, bool) for side in shape)
    if not whole or min(shape, default=0) < 0:
        raise ValueError(f"its shape is {shape!r:.80}")
    count = math.prod(int(side) for side in shape)
    claimed, there = count * dtype.itemsize, size - file.tell()
    if claimed != there:
        raise ValueError(
            f"its head tells of {claimed:,} bytes ({dtype} of shape {shape!r:.80}), and it has "
            f"{there:,}"
        )
    if not claimed and max(shape, default=0) > MOST_EMPTY:
        raise ValueError(f"its shape is {shape!r:.80}, and there is nothing in it")
    if not dtype.itemsize and count:
        raise ValueError(f"it holds {count:,} things of no bytes")


class _Listed:
    """A file of which no more is read at once than a list of entries may take."""

    def __init__(self, file: IO[bytes]) -> None:
        self.seek, self.tell, self._read = file.seek, file.tell, file.read

    def read(self, size: int = -1) -> bytes:
        octets = self._read(min(size, MOST_LISTED + 1) if size >= 0 else MOST_LISTED + 1)
        if len(octets) > MOST_LISTED:
            raise zipfile.BadZipFile(f"its list of entries has more than {MOST_LISTED:,} bytes")
        return octets
