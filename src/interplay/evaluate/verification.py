"""Verifying a store: what in it is sound, and what is damaged."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from interplay.evaluate.functions import Row
from interplay.evaluate.salvage import damage_told, readable_batches, readable_functions
from interplay.evaluate.schema import TROUBLE
from interplay.evaluate.store import Store

MOST_PROBLEMS: Final = 20
"""Damage to the structure of a file is listed up to here."""


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
        told = [line for (line,) in store.execute(check).fetchall() if line != "ok"]
    except TROUBLE as error:
        told = [damage_told(store, error)]
    structure = [f"the file's structure: {line}" for line in told]
    damage = damage_of(store)
    return Verification(damage.sound, damage.functions, structure + damage.problems)


@dataclass
class Damage:
    """What every row of a store tells; the problems in words, and what to do about them."""

    functions: int = 0
    sound: int = 0  # evaluations
    problems: list[str] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)  # to delete
    nameless: list[tuple[int, Row]] = field(default_factory=list)  # to write again
    empty: list[int] = field(default_factory=list)  # functions to delete
    unreadable: list[str] = field(default_factory=list)  # nothing to do in this file


def damage_of(store: Store) -> Damage:
    """Read every row of a store, and return what is damaged."""
    damage = Damage()
    entries = readable_functions(store, damage.unreadable)
    sound = dict.fromkeys(entries, 0)
    for number, function, size, batch in readable_batches(store, entries, damage.unreadable):
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
