"""What a store needs now and then: to be verified, pruned, and merged with another one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

import numpy as np

from interplay.errors import BadInput, StoreError
from interplay.evaluate import batches
from interplay.evaluate.batches import Batch, Entry
from interplay.evaluate.functions import Function, Row
from interplay.evaluate.schema import DAMAGED, TROUBLE, refuse
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
    check = f"PRAGMA integrity_check({MOST_PROBLEMS})"
    try:
        told = [line for (line,) in store._connection.execute(check).fetchall() if line != "ok"]
    except TROUBLE as error:
        told = [_unreadable(store, error)]
    structure = [f"the file's structure: {line}" for line in told]
    damage = _damage(store)
    return Verification(damage.sound, damage.functions, structure + damage.problems)


@dataclass
class _Damage:
    """What every row of a store tells; the problems in words, and what to do about them."""

    functions: int = 0
    sound: int = 0  # evaluations
    problems: list[str] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)  # to delete
    nameless: list[tuple[int, Row]] = field(default_factory=list)  # to write again
    empty: list[int] = field(default_factory=list)  # functions to delete
    unreadable: list[str] = field(default_factory=list)  # nothing to do in this file


def _damage(store: Store) -> _Damage:
    damage = _Damage()
    entries = _entries(store, damage.unreadable)
    sound = dict.fromkeys(entries, 0)
    for number, function, size, batch in _batches(store, entries, damage.unreadable):
        if batch is None:
            of = entries[function].row.fingerprint if function in entries else "no value function"
            damage.batches.append(number)
            damage.problems.append(f"batch {number} of {size} evaluations of {of}")
        else:
            sound[function] += size
    for number, (_, row, intact) in entries.items():
        if not intact:
            damage.problems.append(f"the names of {row.fingerprint}")
            if sound[number]:
                damage.nameless.append((number, row))
            else:
                damage.empty.append(number)
    damage.problems += damage.unreadable
    damage.functions, damage.sound = len(entries), sum(sound.values())
    return damage


# --- what can be read ---------------------------------------------------------------------------


class _Function(NamedTuple):
    entry: Entry
    row: Row  # without its names where they are damaged
    intact: bool


def _entries(store: Store, unreadable: list[str]) -> dict[int, _Function]:
    """Return the functions of a store by their numbers, as far as they can be read."""
    columns = "fingerprint, n, q, targets, features, subject, witness, created"
    functions = {}
    for number, *read, checksum in _readable(store, "functions", columns, unreadable):
        row = Row(*read)
        intact = row.checksum() == checksum
        if not intact:  # and if these are damaged, all their batches show it in their checksums
            sizes = _size(row.n), _size(row.q)
            row = Row(str(row.fingerprint), *sizes, None, None, None, None, created=now())
        functions[number] = _Function(Entry(number, row.fingerprint, row.n, row.q), row, intact)
    return functions


def _size(number: Any) -> int:
    return number if isinstance(number, int) and number > 0 else 1


def _batches(
    store: Store, functions: dict[int, _Function], unreadable: list[str]
) -> Iterator[tuple[int, int, Any, Batch | None]]:
    """Yield the number, function and size of each batch, and the batch: None where damaged."""
    columns = "function, size, replicate, seconds, created, tokens, usd, noise, masks, vals"
    for number, function, size, *rest, checksum in _readable(store, "batches", columns, unreadable):
        known = functions.get(function)
        batch = None if known is None else batches.checked(known.entry, size, checksum, rest)
        yield number, function, size, batch


def _readable(
    store: Store, table: str, columns: str, unreadable: list[str]
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a table that can be read, in order: number, columns, checksum."""
    after = failures = 0
    while failures < MOST_UNREADABLE:
        try:
            for row in store._connection.execute(
                f"SELECT id, {columns}, checksum FROM {table} WHERE id > ? ORDER BY id", (after,)
            ):
                yield row
                after, failures = row[0], 0
            return
        except TROUBLE as error:
            told = _unreadable(store, error)
            if not failures:
                unreadable.append(f"a part of the table of {table}, after row {after}: {told}")
            after, failures = after + 1, failures + 1


def _unreadable(store: Store, error: Exception) -> str:
    """Return what SQLite says of a file that is damaged; raise what it says of anything else."""
    name = getattr(error, "sqlite_errorname", "")
    if not name.startswith(("SQLITE_CORRUPT", "SQLITE_IOERR")):
        refuse(store.path, "read", error)
    return str(error)


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
            _drop(store, function.fingerprint)
    return Pruned(chosen, [], _vacuum(store))


def delete(store: Store, fingerprint: str, evaluations: int) -> Pruned:
    """Delete one value function, if all it has are the ``evaluations`` that somebody agreed to.

    Raises
    ------
    BadInput
        the store has no such function, or another number of evaluations of it; nothing is deleted.
    """
    with store.writing():
        function = store.function(fingerprint)
        if function is None or function.evaluations != evaluations:
            now = "is gone" if function is None else f"has {function.evaluations:,} evaluations now"
            raise BadInput(
                f"{store.path} has changed since: the value function {fingerprint:.12} {now}, and "
                f"had {evaluations:,}; nothing was deleted"
            )
        _drop(store, fingerprint)
    return Pruned([function], [], _vacuum(store))


def _drop(store: Store, fingerprint: str) -> None:
    entry = store.entry(fingerprint)
    assert entry is not None
    store._connection.execute("DELETE FROM batches WHERE function = ?", (entry.id,))
    store._connection.execute("DELETE FROM functions WHERE id = ?", (entry.id,))


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
        if damage.unreadable:
            raise StoreError(f"{store.path}: {damage.unreadable[0]}. {DAMAGED}")
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
        batches whose checksum does not match.
    unreadable
        parts of the file that could not be read.
    """

    functions: int = 0
    added: int = 0
    known: int = 0
    conflicts: int = 0
    largest: float = 0.0
    refused: list[str] = field(default_factory=list)
    damaged: int = 0
    unreadable: list[str] = field(default_factory=list)


def merge(store: Store, other: Store) -> Merged:
    """Take in the evaluations of another store; each keeps its date, noise and price.

    Of a damaged store everything is taken in that can be read and is sound.
    """
    merged = Merged()
    functions = _entries(other, merged.unreadable)
    ours = {}
    for number, (_, row, _) in functions.items():
        try:
            ours[number] = _claimed(store, row)
        except BadInput as error:
            merged.refused.append(str(error))
    merged.functions = len(ours)
    for _, function, _, batch in _batches(other, functions, merged.unreadable):
        if batch is None:
            merged.damaged += 1
        elif function in ours:
            _take(store, ours[function], batch, merged)
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
