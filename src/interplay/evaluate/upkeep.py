"""What a store needs now and then: to be verified, pruned, and merged with another one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

import numpy as np

from interplay.errors import BadInput
from interplay.evaluate import batches
from interplay.evaluate.batches import Batch, Entry
from interplay.evaluate.functions import Function, Row
from interplay.evaluate.schema import TROUBLE
from interplay.evaluate.store import Store, now

MOST_PROBLEMS: Final = 20
"""Damage to the structure of a file is listed up to here."""

MOST_UNREADABLE: Final = 10_000
"""Rows in a run that cannot be read, after which the rest of a damaged table is given up."""


@dataclass(frozen=True)
class Verification:
    """What is sound in a store, and what is not, in words."""

    evaluations: int
    functions: int
    problems: list[str]


def verify(store: Store) -> Verification:
    """Check every page, checksum and name in a store; nothing is changed."""
    found = _damage(store)
    with store.guarded("read"):
        told = store._connection.execute(f"PRAGMA integrity_check({MOST_PROBLEMS})").fetchall()
    structure = [f"the file's structure: {line}" for (line,) in told if line != "ok"]
    return Verification(found.sound, found.functions, structure + found.problems)


@dataclass
class _Damage:
    functions: int = 0
    sound: int = 0  # evaluations
    problems: list[str] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)  # to delete
    nameless: list[tuple[int, Row]] = field(default_factory=list)  # to write again
    empty: list[int] = field(default_factory=list)  # functions to delete


def _damage(store: Store) -> _Damage:
    """Look at every row of a store."""
    damage = _Damage()
    with store.guarded("read"):
        rows = store._connection.execute(
            "SELECT id, fingerprint, n, q, targets, features, subject, witness, created, checksum "
            "FROM functions ORDER BY id"
        ).fetchall()
        for number, *columns, checksum in rows:
            row = Row(*columns)
            names_are_sound = row.checksum() == checksum
            sound = 0
            # where the entry itself is damaged, all its batches show it in their checksums
            entry = Entry(number, str(row.fingerprint), *map(_width, (row.n, row.q)))
            for batch_number, size, batch in batches.read(store._connection, entry):
                if batch is None:
                    damage.batches.append(batch_number)
                    damage.problems.append(
                        f"batch {batch_number} of {size} evaluations of {row.fingerprint}"
                    )
                else:
                    sound += size
            damage.functions += 1
            damage.sound += sound
            if not names_are_sound:
                damage.problems.append(f"the names of {row.fingerprint}")
                if sound:
                    nameless = replace(
                        row, targets=None, features=None, subject=None, witness=None, created=now()
                    )
                    damage.nameless.append((number, nameless))
                else:
                    damage.empty.append(number)
        orphans = store._connection.execute(
            "SELECT id FROM batches WHERE function NOT IN (SELECT id FROM functions)"
        ).fetchall()
    for (number,) in orphans:
        damage.batches.append(number)
        damage.problems.append(f"batch {number} of no value function")
    return damage


def _width(number: Any) -> int:
    return number if isinstance(number, int) and number > 0 else 1


# --- pruning ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pruned:
    """What pruning deletes, or would.

    Attributes
    ----------
    functions
        these, with all their evaluations.
    problems
        damage, in words.
    freed
        bytes; None where nothing was deleted, or the space could not be given back.
    """

    functions: list[Function]
    problems: list[str]
    freed: int | None = None


def prune(
    store: Store,
    *,
    prefix: str | None = None,
    before: datetime | None = None,
    damaged: bool = False,
    delete: bool = False,
) -> Pruned:
    """Delete value functions or what is damaged; without ``delete`` only tell what would go.

    Parameters
    ----------
    prefix
        of the fingerprints of the functions to delete.
    before
        delete functions to which nothing was added since.
    damaged
        delete the batches whose checksum does not match, forget names that are damaged, and build
        the file's indexes again.
    """
    if damaged:
        return _prune_damaged(store, delete)
    if not delete:
        return Pruned(_chosen(store, prefix, before), [])
    with store.writing():  # chosen under the lock: nobody adds to a function that goes
        chosen = _chosen(store, prefix, before)
        for function in chosen:
            entry = store.entry(function.fingerprint)
            assert entry is not None
            store._connection.execute("DELETE FROM batches WHERE function = ?", (entry.id,))
            store._connection.execute("DELETE FROM functions WHERE id = ?", (entry.id,))
    return Pruned(chosen, [], _vacuum(store))


def _chosen(store: Store, prefix: str | None, before: datetime | None) -> list[Function]:
    functions = store.functions()
    if prefix is not None:
        functions = [f for f in functions if f.fingerprint.startswith(prefix)]
        if not functions:
            raise BadInput(
                f"no value function in {store.path} has a fingerprint that starts with {prefix!r}; "
                f"`interplay runs {store.path}` lists them"
            )
    return [f for f in functions if before is None or f.updated < before]


def _prune_damaged(store: Store, delete: bool) -> Pruned:
    if not delete:
        return Pruned([], _damage(store).problems)
    with store.writing():
        store._connection.execute("REINDEX")
        damage = _damage(store)
        for number in damage.batches:
            store._connection.execute("DELETE FROM batches WHERE id = ?", (number,))
        for number, row in damage.nameless:
            store.save_row(row, number)
        for number in damage.empty:
            store._connection.execute("DELETE FROM functions WHERE id = ?", (number,))
    return Pruned([], damage.problems, _vacuum(store))


def _vacuum(store: Store) -> int | None:
    """Give the space back; None where another process, or a full disk, does not let us."""
    before = store.path.stat().st_size
    try:
        store._connection.execute("VACUUM")
        store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except TROUBLE:
        return None
    return before - store.path.stat().st_size


# --- merging ------------------------------------------------------------------------------------


@dataclass
class Merged:
    """What merging took in.

    Attributes
    ----------
    added, known
        evaluations that were new, and that both stores had.
    conflicts
        how many of the known ones have another value there; ours were kept.
    largest
        the largest difference among those.
    refused
        functions that were not taken in, and why.
    damaged
        batches that could not be read.
    """

    functions: int = 0
    added: int = 0
    known: int = 0
    conflicts: int = 0
    largest: float = 0.0
    refused: list[str] = field(default_factory=list)
    damaged: int = 0


def merge(store: Store, other: Store) -> Merged:
    """Take in the evaluations of another store; each keeps its date, noise and price.

    Of a damaged store everything is taken in that can be read and is sound.
    """
    merged = Merged()
    pairs = {}
    for number, (entry, row) in _entries(other).items():
        try:
            pairs[number] = entry, _claimed(store, row)
        except BadInput as error:
            merged.refused.append(str(error))
    merged.functions = len(pairs)
    columns = "function, size, replicate, seconds, created, tokens, usd, noise, masks, vals"
    for _, function, size, *rest, checksum in _readable(other, "batches", columns):
        if function in pairs:
            theirs, ours = pairs[function]
            batch = batches.checked(theirs, size, checksum, rest)
            if batch is None:
                merged.damaged += 1
            else:
                _take(store, ours, batch, merged)
    return merged


def _claimed(store: Store, row: Row) -> Entry:
    """Return our entry of their function, made or completed where needed."""
    with store.writing():
        ours = store.entry(row.fingerprint)
        if ours is None:
            store.save_row(row)
        else:
            mine = store.row(ours)
            if None not in (mine.witness, row.witness) and mine.witness != row.witness:
                raise BadInput(
                    f"two different value functions under one fingerprint: {row.fingerprint} was "
                    f"given by hand, and the code of the value function is not the same in both "
                    f"stores"
                )
            store.save_row(mine.joined(row, store.path), ours.id)
        claimed = store.entry(row.fingerprint)
        assert claimed is not None
        return claimed


def _take(store: Store, ours: Entry, batch: Batch, merged: Merged) -> None:
    with store.writing():
        held = store.refreshed(ours, batch.replicate)
        at = held.find(batch.keys(ours))
        known = at >= 0
        values = batch.table(ours)[known, : ours.q]
        difference = np.abs(held.table[at[known], : ours.q] - values).max(axis=1, initial=0.0)
        added = store.add(ours, batch)
    merged.added += added
    merged.known += int(known.sum())
    merged.conflicts += int((difference > 0).sum())
    merged.largest = max(merged.largest, float(difference.max(initial=0.0)))


def _entries(other: Store) -> dict[int, tuple[Entry, Row]]:
    """Return the functions of a store that can be read, without their names where damaged."""
    entries = {}
    for number, *columns, checksum in _readable(
        other, "functions", "fingerprint, n, q, targets, features, subject, witness, created"
    ):
        row = Row(*columns)
        if row.checksum() != checksum:
            row = Row(row.fingerprint, row.n, row.q, None, None, None, None, now())
        if isinstance(row.fingerprint, str) and (_width(row.n), _width(row.q)) == (row.n, row.q):
            entries[number] = Entry(number, row.fingerprint, row.n, row.q), row
    return entries


def _readable(other: Store, table: str, columns: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows that can be read, in order: number, columns, checksum."""
    after = failures = 0
    while failures < MOST_UNREADABLE:
        try:
            for row in other._connection.execute(
                f"SELECT id, {columns}, checksum FROM {table} WHERE id > ? ORDER BY id", (after,)
            ):
                yield row
                after, failures = row[0], 0
            return
        except TROUBLE:
            after, failures = after + 1, failures + 1
