"""Batches of evaluations as the store keeps them: packed, and under a checksum."""

from __future__ import annotations

import sqlite3
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from interplay.value_function import FloatArray

DAMAGED_BEFORE: Final = -1
"""Stands for the checksum of a batch that was damaged when its store was migrated."""


@dataclass(frozen=True)
class Entry:
    """A value function as its batches know it: its row, its name, n features and q targets."""

    id: int
    fingerprint: str
    n: int
    q: int

    @property
    def width(self) -> int:
        """Bytes per mask."""
        return -(-self.n // 8)


@dataclass(frozen=True)
class Batch:
    """Evaluations that arrived together: one row of the table.

    ``masks`` holds a row of ``numpy.packbits`` for each, ``vals`` and ``noise`` q little-endian
    float64, ``tokens`` and ``usd`` one. None: nobody said; NaN: not said of this evaluation.
    """

    replicate: int
    seconds: float
    created: str
    tokens: bytes | None
    usd: bytes | None
    noise: bytes | None
    masks: bytes
    vals: bytes

    def checksum(self, entry: Entry) -> int:
        """CRC-32 of everything, and of the function it belongs to."""
        blobs = (self.tokens, self.usd, self.noise, self.masks, self.vals)
        lengths = (-1 if blob is None else len(blob) for blob in blobs)
        head = struct.pack("<3qd5q", entry.n, entry.q, self.replicate, self.seconds, *lengths)
        value = zlib.crc32(f"{entry.fingerprint}\n{self.created}".encode(), zlib.crc32(head))
        for blob in blobs:
            value = zlib.crc32(blob or b"", value)
        return value

    def only(self, entry: Entry, rows: Sequence[int]) -> Batch:
        """Return some of the evaluations, with their share of the time."""
        m = self.size(entry)

        def some(octets: bytes, width: int) -> bytes:
            return np.frombuffer(octets, dtype=f"V{width}")[rows].tobytes()

        column, matrix = 8, 8 * entry.q
        return Batch(
            replicate=self.replicate,
            seconds=self.seconds * len(rows) / m,
            created=self.created,
            tokens=None if self.tokens is None else some(self.tokens, column),
            usd=None if self.usd is None else some(self.usd, column),
            noise=None if self.noise is None else some(self.noise, matrix),
            masks=some(self.masks, entry.width),
            vals=some(self.vals, matrix),
        )

    def size(self, entry: Entry) -> int:
        return len(self.masks) // entry.width

    def paid(self) -> tuple[float | None, float | None]:
        """Return the tokens and the money that are known to have been paid."""
        tokens, usd = (
            None if octets is None else float(np.nansum(np.frombuffer(octets, dtype="<f8")))
            for octets in (self.tokens, self.usd)
        )
        return tokens, usd

    def keys(self, entry: Entry) -> list[bytes]:
        """Return the packed masks, one by one."""
        keys: list[bytes] = np.frombuffer(self.masks, dtype=f"V{entry.width}").tolist()
        return keys

    def table(self, entry: Entry) -> FloatArray:
        """Return a row per evaluation: q values, q of noise, tokens, usd, seconds."""
        q, m = entry.q, self.size(entry)
        rows = np.full((m, 2 * q + 3), np.nan)
        rows[:, :q] = _floats(self.vals, q)
        if self.noise is not None:
            rows[:, q : 2 * q] = _floats(self.noise, q)
        for column, blob in ((2 * q, self.tokens), (2 * q + 1, self.usd)):
            if blob is not None:
                rows[:, column] = np.frombuffer(blob, dtype="<f8")
        rows[:, 2 * q + 2] = self.seconds / m
        return rows


def _floats(blob: bytes, q: int) -> FloatArray:
    return np.frombuffer(blob, dtype="<f8").reshape(-1, q)


def blob(array: FloatArray | None) -> bytes | None:
    """Return numbers as the bytes that are stored; None where none of them is known."""
    if array is None or np.isnan(array).all():
        return None
    return array.astype("<f8", copy=False).tobytes()


def write(connection: sqlite3.Connection, entry: Entry, batch: Batch) -> None:
    """Add a batch; the transaction is the caller's."""
    connection.execute(
        "INSERT INTO batches (function, replicate, size, seconds, created, checksum, tokens, usd, "
        "noise, masks, vals) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            entry.id,
            batch.replicate,
            batch.size(entry),
            batch.seconds,
            batch.created,
            batch.checksum(entry),
            batch.tokens,
            batch.usd,
            batch.noise,
            batch.masks,
            batch.vals,
        ),
    )


def read(
    connection: sqlite3.Connection, entry: Entry, *, replicate: int | None = None, after: int = 0
) -> Iterator[tuple[int, int, Batch | None]]:
    """Yield the number of each batch in order, its size, and the batch: None where damaged."""
    which = "" if replicate is None else "AND replicate = ?"
    rows = connection.execute(
        "SELECT id, size, checksum, replicate, seconds, created, tokens, usd, noise, masks, vals "
        f"FROM batches WHERE function = ? AND id > ? {which} ORDER BY id",
        (entry.id, after) if replicate is None else (entry.id, after, replicate),
    )
    try:
        for number, size, checksum, *columns in rows:
            yield number, size, checked(entry, size, checksum, columns)
    finally:
        rows.close()  # an open cursor would keep the other processes from cleaning up


def checked(entry: Entry, size: Any, checksum: Any, columns: Sequence[Any]) -> Batch | None:
    """Return the batch of a row, or None where any of it is not as it was written."""
    replicate, seconds, created, tokens, usd, noise, masks, vals = columns
    kinds = isinstance(size, int) and isinstance(replicate, int) and isinstance(seconds, float)
    if not (kinds and isinstance(created, str) and size > 0):
        return None
    column, matrix = 8 * size, 8 * size * entry.q
    wanted = ((tokens, column), (usd, column), (noise, matrix))
    if not all(blob is None or _is(blob, length) for blob, length in wanted):
        return None
    if not (_is(masks, size * entry.width) and _is(vals, matrix)):
        return None
    batch = Batch(replicate, seconds, created, tokens, usd, noise, masks, vals)
    return batch if batch.checksum(entry) == checksum else None


def _is(blob: object, length: int) -> bool:
    return isinstance(blob, bytes) and len(blob) == length


def migrated(
    function: Any, fingerprint: Any, n: Any, q: Any, replicate: Any, seconds: Any, created: Any,
    masks: Any, vals: Any, checksum: Any,
) -> int:  # fmt: skip
    """Return the checksum of a batch of schema 1, or :data:`DAMAGED_BEFORE`."""
    try:
        head = struct.pack("<4q", function, n, q, replicate)
        if checksum != zlib.crc32(vals, zlib.crc32(masks, zlib.crc32(head))):
            return DAMAGED_BEFORE
        batch = Batch(replicate, float(seconds), created, None, None, None, masks, vals)
        return batch.checksum(Entry(function, fingerprint, n, q))
    except (TypeError, ValueError, struct.error):
        return DAMAGED_BEFORE
