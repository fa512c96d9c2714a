"""The evaluation store: nothing is paid for twice.

One SQLite file. An evaluation is named by the fingerprint of its value function, the bits of its
mask and a replicate number (noisy value functions are asked more than once), and holds q values,
one per target, with their noise and what they cost. Evaluations that arrive together are one row
of ``batches``, under a checksum. With one row per evaluation, keyed by its mask, every evaluation
writes a page of its own somewhere in the tree: at n = 1,000 SQLite took 50 us each for it, not 1,
and 40 % more space. That a mask is stored once is held by ``put``, under the write lock.
"""

from __future__ import annotations

import math
import os
import sqlite3
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field
from datetime import UTC, datetime
from itertools import repeat
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from interplay.errors import BadInput, StoreError
from interplay.evaluate import batches
from interplay.evaluate.batches import Batch, Entry
from interplay.evaluate.evaluation import known_sum, mean_of_rows, noise_of_rows
from interplay.evaluate.functions import Function, Identity, Row
from interplay.evaluate.schema import (
    DAMAGED,
    SCHEMA,
    TROUBLE,
    open_for_reading,
    open_store,
    refuse,
    use_wal,
)
from interplay.files import named
from interplay.packing import canonical_order, mask_keys, masks_of, pack
from interplay.value_function import BoolArray, FloatArray, check_masks, check_values

NOBODY: Final = Identity()


@dataclass(frozen=True, eq=False)
class Stored:
    """What a store knows about some masks; arrays have a row for each that it found, in order.

    Attributes
    ----------
    found
        bool ``(m,)``, for each mask asked.
    values
        float64 ``(k, q)``, of the k masks that were found.
    noise_var
        float64 ``(k, q)``, variance of the noise in each value, NaN where a row has none; None
        where no row has any.
    tokens, usd
        float64 ``(k,)``: what each evaluation cost; NaN where unknown.
    seconds
        float64 ``(k,)``: the share of each in the time of its batch.
    """

    found: BoolArray
    values: FloatArray
    noise_var: FloatArray | None = None
    tokens: FloatArray = field(default_factory=lambda: np.empty(0))
    usd: FloatArray = field(default_factory=lambda: np.empty(0))
    seconds: FloatArray = field(default_factory=lambda: np.empty(0))

    @classmethod
    def of(cls, found: BoolArray, table: FloatArray, q: int) -> Self:
        noise = table[:, q : 2 * q]
        return cls(
            found,
            table[:, :q],
            None if np.isnan(noise).all() else noise,
            *table[:, 2 * q :].T,
        )


class _Held:
    """The evaluations of one function and replicate in memory, up to the batch ``newest``."""

    def __init__(self, q: int) -> None:
        self.newest = 0
        self.places: dict[bytes, int] = {}  # of the masks in the table
        self.table = np.empty((0, 2 * q + 3))
        self.size = 0

    def add(self, number: int, keys: list[bytes], rows: FloatArray) -> None:
        end = self.size + len(rows)
        if end > len(self.table):
            grown = np.empty((max(end, 2 * len(self.table)), self.table.shape[1]))
            grown[: self.size] = self.table[: self.size]
            self.table = grown
        self.table[self.size : end] = rows
        # setdefault of each, without a loop in Python: the first evaluation of a mask counts
        deque(map(self.places.setdefault, keys, range(self.size, end)), maxlen=0)
        self.size, self.newest = end, number

    def find(self, keys: list[bytes]) -> NDArray[np.intp]:
        """Return their rows of the table, -1 where there is none."""
        return np.fromiter(map(self.places.get, keys, repeat(-1)), dtype=np.intp, count=len(keys))


class Store:
    """Evaluations in a SQLite file, shared by any number of processes.

    Parameters
    ----------
    path
        the file; made where it does not exist, in a folder that must.
    create
        False refuses a file that does not exist.
    read_only
        True changes no byte of the file, and leaves nothing beside it.
    timeout
        seconds to wait for a lock that another process holds.

    Raises
    ------
    BadInput
        there is no such file, without ``create``.
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
    ...     _ = store.put("f", [[True, False]], [0.5], tokens=[12])
    ...     stored = store.get("f", [[True, True], [True, False]])
    >>> stored.found, stored.values, stored.tokens
    (array([False,  True]), array([[0.5]]), array([12.]))
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        create: bool = True,
        read_only: bool = False,
        timeout: float = 30.0,
    ) -> None:
        self.path = named(path, "a store")
        self._timeout = timeout
        self._held: dict[tuple[int, int], _Held] = {}
        self._agreed: dict[int, Identity] = {}
        self._ready_to_write = False
        self._connection = (
            open_for_reading(self.path, timeout)
            if read_only
            else open_store(self.path, timeout, create=create)
        )

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
        with self.guarded("read"):
            entry = self.entry(fingerprint)
            if entry is None:
                return Stored.of(np.zeros(len(masks), dtype=np.bool_), np.empty((0, 5)), 1)
            self._check_width(entry, masks)
            held = self.refreshed(entry, replicate)
        at = held.find(mask_keys(masks))
        found = at >= 0
        return Stored.of(found, held.table[at[found]], entry.q)

    def put(
        self,
        fingerprint: str,
        masks: BoolArray,
        values: ArrayLike,
        *,
        excluded: BoolArray | None = None,
        noise_var: ArrayLike | None = None,
        tokens: ArrayLike | None = None,
        usd: ArrayLike | None = None,
        seconds: float = 0.0,
        replicate: int = 0,
        identity: Identity = NOBODY,
    ) -> Stored:
        """Store a batch of evaluations in one transaction; return what is now in the store.

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
        excluded
            bool ``(m,)``: masks that were evaluated and have no value; they are given back as NaN.
        noise_var
            of the shape of ``values``: variance of the noise in each value; NaN where unknown.
        tokens, usd
            float ``(m,)``: what each evaluation cost; NaN where unknown.
        seconds
            what the value function took for the whole batch.
        replicate
            which of several evaluations of the same mask.
        identity
            kept beside the fingerprint; what the store does not know yet is added.

        Raises
        ------
        BadInput
            the store knows this value function with another number of features or targets, or with
            other names of them.
        StoreError
            the batch could not be written; nothing of it is stored, and all that was, still is.
        """
        masks = check_masks(masks)
        m = len(masks)
        checked = check_values(values, m, finite=excluded is None).reshape(m, -1 if m else 1)
        if excluded is not None:
            check_values(checked[~excluded], int((~excluded).sum()))
            checked = np.where(excluded[:, None], np.nan, checked)
        noise = check_amounts(noise_var, np.shape(values), "noise_var")
        if not 0 <= seconds < math.inf:
            raise BadInput(f"seconds must be a finite number, 0 or more; got {seconds!r}")
        batch = Batch(
            replicate=int(replicate),
            seconds=float(seconds),
            created=now(),
            tokens=batches.blob(check_amounts(tokens, (m,), "tokens")),
            usd=batches.blob(check_amounts(usd, (m,), "usd")),
            noise=batches.blob(noise),
            masks=np.packbits(masks, axis=1).tobytes(),
            vals=checked.astype("<f8", copy=False).tobytes(),
        )
        if not m:
            return self.get(fingerprint, masks, replicate=replicate)
        with self.writing():
            entry = self.agree(fingerprint, masks.shape[1], checked.shape[1], identity)
            self.add(entry, batch)
            held = self.refreshed(entry, batch.replicate)
            at = held.find(batch.keys(entry))
            if at.min() < 0:  # the numbers of batches, or an index, are not what they were
                raise StoreError(f"{self.path} does not give back what is written. {DAMAGED}")
        return Stored.of(at >= 0, held.table[at], entry.q)

    def check(self, fingerprint: str, n: int, identity: Identity) -> None:
        """Refuse a value function that cannot be the one the store has under this fingerprint.

        Raises
        ------
        BadInput
            the store holds another number of features, or other names of targets or features. A
            different witness is allowed.
        """
        with self.guarded("read"):
            entry = self.entry(fingerprint)
            if entry is not None:
                row = self.row(entry)
                row.joined(Row.of(fingerprint, n, entry.q, identity, row.created), self.path)

    def function(self, fingerprint: str) -> Function | None:
        """Return what is known about a value function, or None where nothing is."""
        with self.guarded("read"):
            entry = self.entry(fingerprint)
            return None if entry is None else self._function(entry)

    def functions(self) -> list[Function]:
        """Return what is known about every value function, in the order they were first stored."""
        with self.guarded("read"):
            return [self._function(entry) for entry in self.entries()]

    def recording(self, fingerprint: str) -> tuple[BoolArray, FloatArray, FloatArray | None]:
        """Return everything stored of a value function, replicates averaged.

        Masks that were evaluated and have no value are left out.

        Returns
        -------
        masks
            bool ``(m, n)``, different from each other, in canonical order: by the number of
            features kept, then as tuples.
        values
            float64 ``(m, q)``, means over the replicates of each mask.
        noise_var
            float64 ``(m, q)``, variance of the noise in these means: what the value function
            reported (where it did not, the mean of what it did), else the variance within the
            replicates, pooled over the masks. None where neither tells anything.

        Raises
        ------
        BadInput
            the store has nothing under this fingerprint.
        """
        with self.guarded("read"):
            entry = self.entry(fingerprint)
            if entry is None:
                raise BadInput(f"{self.path} holds no evaluations under {fingerprint}")
            numbers = self._connection.execute(
                "SELECT DISTINCT replicate FROM batches WHERE function = ?", (entry.id,)
            )
            held = [self.refreshed(entry, number) for (number,) in numbers.fetchall()]
        table = np.concatenate(
            [np.empty((0, 2 * entry.q + 3))]
            + [one.table[list(one.places.values())] for one in held]
        )
        told = np.flatnonzero(~np.isnan(table[:, : entry.q]).all(axis=1))
        keys = [key for one in held for key in one.places]
        keys, table = [keys[i] for i in told], table[told]
        places: dict[bytes, int] = {}
        row = np.array([places.setdefault(key, len(places)) for key in keys], dtype=np.intp)
        masks = masks_of(list(places), entry.n)
        by = canonical_order(pack(masks))
        single, reported = table[:, : entry.q], table[:, entry.q : 2 * entry.q]
        values = mean_of_rows(row, len(places), single)
        noise = noise_of_rows(row, len(places), single, reported)
        return masks[by], values[by], None if noise is None else noise[by]

    def count(self, fingerprint: str | None = None) -> int:
        """Return how many evaluations are stored, in all or of one value function."""
        query = "SELECT coalesce(sum(size), 0) FROM batches"
        if fingerprint is not None:
            query += " WHERE function = (SELECT id FROM functions WHERE fingerprint = ?)"
        with self.guarded("read"):
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

    # --- for the rest of this package ---------------------------------------------------------

    def execute(self, statement: str, arguments: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        """Run one statement; to guard it, and to hold the lock where it writes, is the caller's."""
        return self._connection.execute(statement, arguments)

    def entry(self, fingerprint: str) -> Entry | None:
        """Return where the evaluations of a function are; its names are not read."""
        found = self.entries("WHERE fingerprint = ?", fingerprint)
        return found[0] if found else None

    def entries(self, where: str = "", *arguments: Any) -> list[Entry]:
        """Return where the evaluations of functions are, in the order they were first stored."""
        rows = self._connection.execute(
            f"SELECT id, fingerprint, n, q FROM functions {where} ORDER BY id", arguments
        ).fetchall()
        for number, fingerprint, n, q in rows:
            if not (isinstance(fingerprint, str) and _positive(n) and _positive(q)):
                raise StoreError(self.damaged(f"entry {number}, {fingerprint},"))
        return [Entry(*row) for row in rows]

    def row(self, entry: Entry) -> Row:
        """Return the names of a function."""
        *columns, checksum = self._connection.execute(
            "SELECT fingerprint, n, q, targets, features, subject, witness, created, checksum "
            "FROM functions WHERE id = ?",
            (entry.id,),
        ).fetchone()
        row = Row(*columns)
        if row.checksum() != checksum:
            raise StoreError(self.damaged(f"the entry of {entry.fingerprint}"))
        return row

    def save_row(self, row: Row, number: int | None = None) -> None:
        """Write the names of a function that is new, or has the number given."""
        self._connection.execute(
            "INSERT OR REPLACE INTO functions (id, fingerprint, n, q, targets, features, subject, "
            "witness, created, checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (number, *astuple(row), row.checksum()),
        )

    def agree(self, fingerprint: str, n: int, q: int, identity: Identity) -> Entry:
        """Return the entry of a function, made or completed where needed."""
        entry = self.entry(fingerprint)
        known = entry is not None and self._agreed.get(entry.id) is identity
        if entry is None or not known or (entry.n, entry.q) != (n, q):
            row = Row.of(fingerprint, n, q, identity, now())
            before = None if entry is None else self.row(entry)
            row = row if before is None else before.joined(row, self.path)
            if row != before:
                self.save_row(row, None if entry is None else entry.id)
                entry = self.entry(fingerprint)
            assert entry is not None
            self._agreed[entry.id] = identity
        return entry

    def add(self, entry: Entry, batch: Batch) -> int:
        """Write those evaluations of a batch that are new, and return how many; inside writing."""
        keys = batch.keys(entry)
        places = self.refreshed(entry, batch.replicate).places
        fresh: dict[bytes, int] = {}
        for row, key in enumerate(keys):
            if key not in places:
                fresh.setdefault(key, row)
        if fresh:
            whole = len(fresh) == len(keys)
            batches.write(
                self._connection,
                entry,
                batch if whole else batch.only(entry, list(fresh.values())),
            )
        return len(fresh)

    def refreshed(self, entry: Entry, replicate: int) -> _Held:
        """Read what has been added since the last look, by this process or another."""
        held = self._held.setdefault((entry.id, int(replicate)), _Held(entry.q))
        for number, size, batch in batches.read(
            self._connection, entry, replicate=int(replicate), after=held.newest
        ):
            if batch is None or number <= held.newest:
                raise StoreError(self.damaged(f"batch {number} of {size} evaluations"))
            held.add(number, batch.keys(entry), batch.table(entry))
        return held

    def sound(self, entry: Entry) -> Iterator[Batch]:
        """Yield the batches of a function, in order; refuse one that is damaged."""
        for number, size, batch in batches.read(self._connection, entry):
            if batch is None:
                raise StoreError(self.damaged(f"batch {number} of {size} evaluations"))
            yield batch

    def damaged(self, what: str) -> str:
        return (
            f"{self.path}: {what} is damaged (its checksum does not match). "
            f"`interplay runs prune --store {self.path} --damaged` shows what it takes to go on: "
            f"only what is damaged is evaluated again"
        )

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the write lock for one transaction."""
        with self.guarded("write"):
            if not self._ready_to_write:
                use_wal(self._connection, self._timeout)
                self._ready_to_write = True
            # IMMEDIATE takes the write lock first: what is read inside cannot be outdated
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                (version,) = self._connection.execute("PRAGMA user_version").fetchone()
                if version != SCHEMA:
                    raise StoreError(
                        f"{self.path} was brought to schema {version} by another version of "
                        f"interplay meanwhile, this one writes {SCHEMA}: run again with that one"
                    )
                yield
                self._connection.execute("COMMIT")
            except BaseException:  # also Ctrl-C: never leave the lock behind
                self._held.clear()  # what was read back of this transaction is not stored
                self._agreed.clear()
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def guarded(self, doing: str) -> Iterator[None]:
        """Say what SQLite's errors mean."""
        try:
            yield
        except TROUBLE as error:
            refuse(self.path, doing, error)

    # ------------------------------------------------------------------------------------------

    def _check_width(self, entry: Entry, masks: BoolArray) -> None:
        if masks.shape[1] != entry.n:
            raise BadInput(
                f"masks have {masks.shape[1]} features, but {self.path} holds {entry.n} under the "
                f"fingerprint {entry.fingerprint} of this value function. A value function that "
                f"changes needs another fingerprint, or another store"
            )

    def _function(self, entry: Entry) -> Function:
        row = self.row(entry)
        evaluations, replicates, updated = 0, set(), row.created
        costs = []
        for batch in self.sound(entry):
            evaluations += batch.size(entry)
            replicates.add(batch.replicate)
            updated = max(updated, batch.created)
            costs.append((batch.seconds, *batch.paid()))
        return Function(
            fingerprint=entry.fingerprint,
            n=entry.n,
            q=entry.q,
            identity=row.identity,
            evaluations=evaluations,
            replicates=len(replicates),
            seconds=math.fsum(seconds for seconds, _, _ in costs),
            tokens=known_sum(tokens for _, tokens, _ in costs),
            usd=known_sum(usd for _, _, usd in costs),
            created=datetime.fromisoformat(row.created),
            updated=datetime.fromisoformat(updated),
        )


def check_amounts(given: ArrayLike | None, shape: tuple[int, ...], name: str) -> FloatArray | None:
    """Return noise or prices as float64, with one column per value where there are several."""
    if given is None:
        return None
    try:
        array = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BadInput(f"{name} must be numbers, one per evaluation: {error}") from error
    if array.shape != shape:
        raise BadInput(f"{name} must have shape {shape}; got {array.shape}")
    if (array < 0).any() or np.isinf(array).any():
        raise BadInput(f"{name} must be 0 or more, and finite (NaN where unknown)")
    return array


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _positive(x: object) -> bool:
    return isinstance(x, int) and x > 0
