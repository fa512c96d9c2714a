"""What one call of :func:`~interplay.evaluate.evaluate` is about: masks, store, budget."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from interplay.errors import StoreError
from interplay.evaluate.account import Account, IndexArray
from interplay.evaluate.answer import Answer
from interplay.evaluate.budget import KINDS, Meter, Range
from interplay.evaluate.events import Event, OnEvent, Warned
from interplay.evaluate.functions import Identity
from interplay.evaluate.outlook import told_prices
from interplay.evaluate.store import Store, Stored
from interplay.value_function import BoolArray

KEPT: Final = ("usd", "tokens")
"""What a value function may keep to by itself, request by request."""


@dataclass
class Job:
    """A value function and its different masks, where they are stored, what they may cost.

    ``account`` has what there is of it so far.
    """

    value_function: Callable[..., Any]
    masks: BoolArray  # different from each other
    asked_as: IndexArray  # their rows among the masks that the caller gave, for messages
    store: Store | None
    fingerprint: str
    identity: Identity
    meter: Meter
    on_event: OnEvent | None
    account: Account

    def stored(self, rows: IndexArray | slice = slice(None)) -> list[Stored]:
        """Return what the store has of some rows, replicate by replicate."""
        masks, replicates = self.masks[rows], range(self.account.replicates)
        if self.store is None:
            return [Stored(np.zeros(len(masks), dtype=np.bool_), np.empty((0, 1)))] * len(
                replicates
            )
        return [self.store.get(self.fingerprint, masks, replicate=r) for r in replicates]

    def take(self, replicate: int, rows: IndexArray, stored: Stored) -> None:
        """Place what was in the store, and count it at the price that was paid for it."""
        self.account.keep(replicate, rows, stored)
        self.account.reused += len(rows)
        self.meter.add(len(rows), *_prices(stored))

    def put(self, replicate: int, rows: IndexArray, answer: Answer, some: BoolArray) -> None:
        """Store some of the rows that were answered, and place them.

        Raises
        ------
        StoreError
            they could not be written.
        """
        part, rows = answer.only(some), rows[some]
        if self.store is None:
            known, unknown = np.ones(len(rows), dtype=np.bool_), np.full(len(rows), np.nan)
            stored = Stored(known, part.values, part.noise_var, unknown, unknown, unknown)
            self.account.keep(replicate, rows, stored)
            return
        try:
            stored = self.store.put(
                self.fingerprint,
                self.masks[rows],
                part.values,
                excluded=part.excluded if part.excluded.any() else None,
                noise_var=part.noise_var,
                tokens=part.tokens,
                usd=part.usd,
                seconds=part.seconds,
                replicate=replicate,
                identity=self.identity,
            )
        except StoreError as error:
            raise StoreError(
                f"{error}. Nothing stored before is lost; the {len(rows)} evaluations of this "
                "batch are not stored"
            ) from error
        self.account.keep(replicate, rows, stored)

    # --- the budget -------------------------------------------------------------------------

    def spent_with(self, found: Sequence[Stored]) -> Meter:
        """The meter as it will stand when these are counted."""
        spent = replace(self.meter)
        for stored in found:
            spent.add(int(stored.found.sum()), *_prices(stored))
        return spent

    def prices(self, rows: IndexArray) -> dict[str, Range]:
        """``(low, high)`` of one of these evaluations, where that limits anything and is told."""
        if not len(rows):
            return {}
        prices = (
            told_prices(self.value_function, self.masks[rows]) if self.meter.budget.priced else {}
        )
        if self.tell_left():
            prices |= dict.fromkeys(KEPT, (0.0, 0.0))
        return prices

    def unpriced(self, prices: Mapping[str, Range]) -> bool:
        """Whether a limit is on what nothing is known of yet: neither told nor paid."""
        return not self.meter.calls and any(
            getattr(self.meter.budget, kind) is not None and kind not in prices
            for kind in KINDS[1:]
        )

    def tell_left(self) -> bool:
        """Tell the value function what is left; return whether it keeps to it by itself."""
        allow = getattr(self.value_function, "allow", None)
        return allow is not None and bool(allow(**{kind: self.meter.left(kind) for kind in KEPT}))

    # --- what is said -----------------------------------------------------------------------

    def saved(self) -> str:
        """What is kept so far, and what running again does."""
        return self.account.saved(self.store)

    def emit(self, event: Event) -> None:
        """Tell whoever listens."""
        if self.on_event is not None:
            self.on_event(event)

    def warn(self, message: str) -> None:
        """Tell whoever listens, or Python."""
        if self.on_event is None:
            warnings.warn(message, stacklevel=4)
        else:
            self.on_event(Warned(message))


def _prices(stored: Stored) -> tuple[float, float, float]:
    """What stored evaluations cost when they were made: tokens, usd, seconds."""
    return tuple(  # type: ignore[return-value]
        float(np.nansum(price)) for price in (stored.tokens, stored.usd, stored.seconds)
    )
