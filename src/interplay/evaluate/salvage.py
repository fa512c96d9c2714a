"""What can be read of a store, however damaged it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from interplay.evaluate import batches
from interplay.evaluate.batches import Batch, Entry
from interplay.evaluate.functions import Row
from interplay.evaluate.schema import TROUBLE, refuse
from interplay.evaluate.store import Store, now

MOST_UNREADABLE: Final = 10_000
"""Rows in a run that cannot be read, after which the rest of a damaged table is given up."""


class Readable(NamedTuple):
    """A value function that can be read, maybe but for its names."""

    entry: Entry
    row: Row  # without its names where they are damaged
    intact: bool


def readable_functions(store: Store, unreadable: list[str]) -> dict[int, Readable]:
    """Return the functions of a store by their numbers, as far as they can be read."""
    columns = "fingerprint, n, q, targets, features, subject, witness, created"
    functions = {}
    for number, *read, checksum in _rows(store, "functions", columns, unreadable):
        row = Row(*read)
        intact = row.checksum() == checksum
        if not intact:  # and if these are damaged, all their batches show it in their checksums
            sizes = _size(row.n), _size(row.q)
            row = Row(str(row.fingerprint), *sizes, None, None, None, None, created=now())
        functions[number] = Readable(Entry(number, row.fingerprint, row.n, row.q), row, intact)
    return functions


def _size(number: Any) -> int:
    return number if isinstance(number, int) and number > 0 else 1


def readable_batches(
    store: Store, functions: dict[int, Readable], unreadable: list[str]
) -> Iterator[tuple[int, int, Any, Batch | None]]:
    """Yield the number, function and size of each batch, and the batch: None where damaged."""
    columns = "function, size, replicate, seconds, created, tokens, usd, noise, masks, vals"
    for number, function, size, *rest, checksum in _rows(store, "batches", columns, unreadable):
        known = functions.get(function)
        batch = None if known is None else batches.checked(known.entry, size, checksum, rest)
        yield number, function, size, batch


def _rows(
    store: Store, table: str, columns: str, unreadable: list[str]
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a table that can be read, in order: number, columns, checksum."""
    after = failures = 0
    while failures < MOST_UNREADABLE:
        try:
            for row in store.execute(
                f"SELECT id, {columns}, checksum FROM {table} WHERE id > ? ORDER BY id", (after,)
            ):
                yield row
                after, failures = row[0], 0
            return
        except TROUBLE as error:
            told = damage_told(store, error)
            if not failures:
                unreadable.append(f"a part of the table of {table}, after row {after}: {told}")
            after, failures = after + 1, failures + 1


def damage_told(store: Store, error: Exception) -> str:
    """Return what SQLite says of a file that is damaged; raise what it says of anything else."""
    name = getattr(error, "sqlite_errorname", "")
    if not name.startswith(("SQLITE_CORRUPT", "SQLITE_IOERR")):
        refuse(store.path, "read", error)
    return str(error)
