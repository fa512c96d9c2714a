"""What a run has so far: values by row, what they cost, what is safe."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import fsum

import numpy as np
from numpy.typing import NDArray

from interplay.evaluate.answer import Answer
from interplay.evaluate.evaluation import Evaluation, mean_of, noise_of_means
from interplay.evaluate.store import Store, Stored
from interplay.value_function import FloatArray

IndexArray = NDArray[np.intp]


@dataclass
class Account:
    """The values of a run's different masks, and what they cost.

    Replies come in any order, and change nothing: values have their rows, and sums are exact.
    """

    replicates: int
    masks: int
    values: FloatArray | None = None  # (replicates, masks, q), once q is known
    noise: FloatArray | None = None  # likewise, once the value function reports any
    there: NDArray[np.bool_] | None = None  # (replicates, masks): evaluated, if only to no value
    kept: int = 0  # evaluations that are safe
    calls: int = 0
    reused: int = 0
    paid: dict[str, list[float]] = field(default_factory=dict)  # now, by call: see count

    @property
    def total(self) -> int:
        """How many evaluations there will be at the end."""
        return self.masks * self.replicates

    def keep(self, replicate: int, rows: IndexArray, stored: Stored) -> None:
        """Place values that are in the store now."""
        shape = (self.replicates, self.masks, stored.values.shape[1])
        if self.values is None or self.there is None:
            self.values = np.full(shape, np.nan)
            self.there = np.zeros(shape[:2], dtype=np.bool_)
        self.values[replicate, rows] = stored.values
        self.there[replicate, rows] = True
        self.kept += len(rows)
        if stored.noise_var is not None:
            if self.noise is None:
                self.noise = np.full(shape, np.nan)
            self.noise[replicate, rows] = stored.noise_var

    def count(self, answer: Answer) -> tuple[int, float, float, float]:
        """Count what a call has cost; return its evaluations, tokens, usd and seconds."""
        self.calls += len(answer.values)
        told = {"seconds": answer.seconds}
        for kind, amount in (("tokens", answer.tokens), ("usd", answer.usd)):
            if amount is not None:
                told[kind] = float(amount.sum())
        for kind, cost in told.items():
            self.paid.setdefault(kind, []).append(cost)
        return len(answer.values), told.get("tokens", 0.0), told.get("usd", 0.0), answer.seconds

    def cost(self, kind: str) -> float | None:
        """Return what all calls together have cost of a kind; None where nobody said."""
        return fsum(self.paid[kind]) if kind in self.paid else None

    def complete(self, rows: IndexArray | slice = slice(None)) -> int:
        """How many of the rows, from the first on, have all their values."""
        if self.there is None:
            return 0
        there = np.asarray(self.there[:, rows].all(axis=0))
        return len(there) if there.all() else int(np.argmin(there))

    def evaluation(self, position: IndexArray, stopped: str | None, fingerprint: str) -> Evaluation:
        """The rows asked for, from the first on, whose masks are all evaluated.

        ``position`` says which of the different masks each row asked for.
        """
        done = self.complete()
        absent = position >= done
        k = int(np.argmax(absent)) if absent.any() else len(position)
        values, noise_var = np.empty((0, 1)), None
        samples = np.empty((self.replicates, 0, 1))
        if self.values is not None:
            samples = self.values[:, position[:k]]
            values = mean_of(self.values[:, :done])[position[:k]]
            noise = None if self.noise is None else self.noise[:, :done]
            noise_var = noise_of_means(self.values[:, :done], noise)
            noise_var = None if noise_var is None else noise_var[position[:k]]
        return Evaluation(
            values,
            noise_var,
            self.calls,
            self.reused,
            self.cost("seconds") or 0.0,
            self.cost("tokens"),
            self.cost("usd"),
            fingerprint,
            stopped if k < len(position) else None,
            samples,
        )

    def saved(self, store: Store | None) -> str:
        """What an interrupted run has kept, and what running again does."""
        if self.kept == 0:
            return "Nothing had been evaluated before"
        if store is None:
            return (
                f"{self.kept} evaluations were made before and are lost, for no store was given: "
                f'pass store="runs.db" to keep them'
            )
        return (
            f"{self.kept} evaluations of this run are stored in {store.path}; running again reuses "
            f"them"
        )
