"""Pruning a store: what nobody needs any more, and what is damaged, is deleted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from interplay.errors import BadInput, StoreError
from interplay.evaluate.functions import Function
from interplay.evaluate.schema import DAMAGED, TROUBLE
from interplay.evaluate.store import Store
from interplay.evaluate.verification import damage_of


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
    store.execute("DELETE FROM batches WHERE function = ?", (entry.id,))
    store.execute("DELETE FROM functions WHERE id = ?", (entry.id,))


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
        return Pruned([], damage_of(store).problems)
    with store.writing():
        store.execute("REINDEX")
        damage = damage_of(store)
        if damage.unreadable:
            raise StoreError(f"{store.path}: {damage.unreadable[0]}. {DAMAGED}")
        for number in damage.batches:
            store.execute("DELETE FROM batches WHERE id = ?", (number,))
        for number, row in damage.nameless:
            store.save_row(row, number)
        for number in damage.empty:
            store.execute("DELETE FROM functions WHERE id = ?", (number,))
    return Pruned([], damage.problems, _vacuum(store))


def _vacuum(store: Store) -> int | None:
    """Give the space back; None where another process, or a full disk, does not let us."""
    before = store.path.stat().st_size
    try:
        store.execute("VACUUM")
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except TROUBLE:
        return None
    return before - store.path.stat().st_size
