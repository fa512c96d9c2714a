"""Merging a store into another: evaluations of another machine, say, are taken in."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from interplay.errors import BadInput
from interplay.evaluate.batches import Batch, Entry
from interplay.evaluate.functions import Row
from interplay.evaluate.salvage import readable_batches, readable_functions
from interplay.evaluate.store import Store


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
    functions = readable_functions(other, merged.unreadable)
    ours = {}
    for number, (_, row, _) in functions.items():
        try:
            ours[number] = _claimed(store, row)
        except BadInput as error:
            merged.refused.append(str(error))
    merged.functions = len(ours)
    for _, function, _, batch in readable_batches(other, functions, merged.unreadable):
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
