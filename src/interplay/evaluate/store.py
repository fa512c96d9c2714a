"""The evaluation store: nothing is paid for twice.

One SQLite file. An evaluation is named by the fingerprint of its value function, the bits of its
mask and a replicate number (noisy value functions are asked more than once), and holds q values,
one per target. Evaluations that arrive together are one row of ``batches``: masks and values as
two blobs with a checksum. With one row per evaluation, keyed by its mask, every evaluation writes
a page of its own somewhere in the tree: at n = 1,000 SQLite took 50 us each for it, not 1, and 40 %
more space. That a mask is stored once is held by ``put``, under the write lock.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from interplay.errors import BadInput, StoreError
from interplay.evaluate.schema import DAMAGED, TROUBLE, open_store, refuse
from interplay.value_function import BoolArray, FloatArray, check_masks, check_values


@dataclass(frozen=True)
class Stored:
    """What a store knows about some masks.

    ``found`` is bool ``(m,)``; ``values`` float64 ``(found.sum(), q)``, in the order of the masks.
    """

    found: BoolArray
    values: FloatArray


@dataclass
class _Held:
    """The evaluations of one function and replicate in memory, up to the batch ``newest``."""

    newest: int = 0
    rows: dict[bytes, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class _Function:
    id: int
    n: int
    q: int


class Store:
    """Evaluations in a SQLite file, shared by any number of processes.

    Parameters
    ----------
    path
        the file; made where it does not exist, in a folder that must.
    timeout
        seconds to wait for a lock that another process holds.

    Raises
    ------
    StoreError
        the file is damaged, not a store, written by a newer version, or cannot be written. A file
        that is not a store is not touched.

    Notes
    -----
    A store belongs to the thread that opened it; other threads and processes open their own.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, Store(f"{folder}/runs.db") as store:
    ...     _ = store.put("f", [[True, False]], [0.5])
    ...     stored = store.get("f", [[True, True], [True, False]])
    >>> stored.found, stored.values
    (array([False,  True]), array([[0.5]]))
    """

    def __init__(self, path: str | os.PathLike[str], *, timeout: float = 30.0) -> None:
        self.path = Path(path)
        self._held: dict[tuple[int, int], _Held] = {}
        self._connection = open_store(self.path, timeout)

    def get(self, fingerprint: str, masks: BoolArray, *, replicate: int = 0) -> Stored:
        """Look masks up, among them those that other processes have stored by now.

        Parameters
        ----------
        fingerprint
            names the value function.
        masks
            bool ``(m, n)``.
        replicate
            which of several evaluations of the same mask.

        Raises
        ------
        BadInput
            the store knows this value function with another number of features.
        StoreError
            the store is damaged or locked.
        """
        masks = check_masks(masks)
        with self._guarded("read"):
            function = self._function(fingerprint)
            if function is None:
                return Stored(np.zeros(len(masks), dtype=np.bool_), np.empty((0, 1)))
            _check_width(self.path, function, fingerprint, masks)
            rows = self._refreshed(function, replicate).rows
        hits = [rows.get(row) for row in _packed_rows(masks)]
        found = np.fromiter((hit is not None for hit in hits), dtype=np.bool_, count=len(hits))
        octets = b"".join(hit for hit in hits if hit is not None)
        values = np.frombuffer(octets, dtype="<f8").astype(np.float64).reshape(-1, function.q)
        return Stored(found, values)

    def put(
        self,
        fingerprint: str,
        masks: BoolArray,
        values: FloatArray,
        *,
        seconds: float = 0.0,
        replicate: int = 0,
        targets: Sequence[str] | None = None,
    ) -> FloatArray:
        """Store a batch of evaluations in one transaction; return the values now in the store.

        A mask that is there already keeps its value, so that of several processes that evaluate
        the same mask all go on with the same number.

        Parameters
        ----------
        fingerprint
            names the value function.
        masks
            bool ``(m, n)``.
        values
            float ``(m,)`` or ``(m, q)``, finite.
        seconds
            what the value function took for the whole batch.
        replicate
            which of several evaluations of the same mask.
        targets
            names of the q targets, kept with the first batch.

        Returns
        -------
        float64 ``(m, q)``

        Raises
        ------
        BadInput
            the store knows this value function with another number of features or targets.
        StoreError
            the batch could not be written; nothing of it is stored, and all that was, still is.
        """
        masks = check_masks(masks)
        values = check_values(values, len(masks))
        if len(masks):
            values = values.reshape(len(masks), -1)
            with self._guarded("write"), self._transaction():
                self._insert(fingerprint, masks, values, seconds, replicate, targets)
        return self.get(fingerprint, masks, replicate=replicate).values

    def count(self, fingerprint: str | None = None) -> int:
        """Return how many evaluations are stored, in all or of one value function."""
        query = "SELECT coalesce(sum(size), 0) FROM batches"
        if fingerprint is not None:
            query += " WHERE function = (SELECT id FROM functions WHERE fingerprint = ?)"
        with self._guarded("read"):
            arguments = () if fingerprint is None else (fingerprint,)
            return int(self._connection.execute(query, arguments).fetchone()[0])

    def close(self) -> None:
        """Close the file; closing twice is allowed."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _insert(
        self,
        fingerprint: str,
        masks: BoolArray,
        values: FloatArray,
        seconds: float,
        replicate: int,
        targets: Sequence[str] | None,
    ) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        function = self._function(fingerprint)
        if function is None:
            names = None if targets is None else json.dumps(list(targets))
            self._connection.execute(
                "INSERT INTO functions (fingerprint, n, q, targets, created) "
                "VALUES (?, ?, ?, ?, ?)",
                (fingerprint, masks.shape[1], values.shape[1], names, now),
            )
            function = self._function(fingerprint)
            assert function is not None
        _check_width(self.path, function, fingerprint, masks)
        if values.shape[1] != function.q:
            raise BadInput(
                f"the value function gave {values.shape[1]} values per mask, but {self.path} holds "
                f"{function.q} under its fingerprint {fingerprint}. A value function that changes "
                f"needs another fingerprint, or another store"
            )
        held = self._refreshed(function, replicate).rows
        fresh: dict[bytes, bytes] = {}
        for mask, row in zip(_packed_rows(masks), values.astype("<f8"), strict=True):
            if mask not in held:
                fresh.setdefault(mask, row.tobytes())
        if not fresh:
            return
        mask_blob, value_blob = b"".join(fresh), b"".join(fresh.values())
        self._connection.execute(
            "INSERT INTO batches (function, replicate, size, masks, vals, seconds, created, "
            "checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                function.id,
                replicate,
                len(fresh),
                mask_blob,
                value_blob,
                float(seconds),
                now,
                _checksum(function, replicate, mask_blob, value_blob),
            ),
        )

    def _function(self, fingerprint: str) -> _Function | None:
        row = self._connection.execute(
            "SELECT id, n, q FROM functions WHERE fingerprint = ?", (fingerprint,)
        ).fetchone()
        if row is None:
            return None
        if not all(isinstance(entry, int) and entry > 0 for entry in row):
            raise StoreError(f"{self.path}: the entry of {fingerprint} is damaged. {DAMAGED}")
        return _Function(*row)

    def _refreshed(self, function: _Function, replicate: int) -> _Held:
        """Read what has been added since the last look, by this process or another."""
        held = self._held.setdefault((function.id, replicate), _Held())
        width, stride = -(-function.n // 8), 8 * function.q
        for number, size, masks, values, checksum in self._connection.execute(
            "SELECT id, size, masks, vals, checksum FROM batches "
            "WHERE function = ? AND replicate = ? AND id > ? ORDER BY id",
            (function.id, replicate, held.newest),
        ):
            sound = (
                isinstance(masks, bytes)
                and isinstance(values, bytes)
                and isinstance(size, int)
                and (len(masks), len(values)) == (size * width, size * stride)
                and checksum == _checksum(function, replicate, masks, values)
            )
            if not sound:
                raise StoreError(
                    f"{self.path}: batch {number} of {size} evaluations is damaged (its checksum "
                    f"does not match). Delete it with `sqlite3 {self.path} "
                    f'"DELETE FROM batches WHERE id = {number}"` to evaluate only these again, '
                    f"or pass another store"
                )
            for k in range(size):
                row = masks[k * width : (k + 1) * width]
                held.rows.setdefault(row, values[k * stride : (k + 1) * stride])
            held.newest = number
        return held

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        # IMMEDIATE takes the write lock first: what is read inside cannot be outdated
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:  # also Ctrl-C: never leave the lock behind
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    @contextmanager
    def _guarded(self, doing: str) -> Iterator[None]:
        try:
            yield
        except TROUBLE as error:
            refuse(self.path, doing, error)


def _check_width(path: Path, function: _Function, fingerprint: str, masks: BoolArray) -> None:
    if masks.shape[1] != function.n:
        raise BadInput(
            f"masks have {masks.shape[1]} features, but {path} holds {function.n} under the "
            f"fingerprint {fingerprint} of this value function. A value function that changes "
            f"needs another fingerprint, or another store"
        )


def _packed_rows(masks: BoolArray) -> list[bytes]:
    packed = np.packbits(masks, axis=1)
    octets, width = packed.tobytes(), packed.shape[1]
    return [octets[start : start + width] for start in range(0, len(octets), width)]


def _checksum(function: _Function, replicate: int, masks: bytes, values: bytes) -> int:
    head = struct.pack("<4q", function.id, function.n, function.q, replicate)
    return zlib.crc32(values, zlib.crc32(masks, zlib.crc32(head)))
