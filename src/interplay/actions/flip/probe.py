"""Real values of masks that lack some features: each asked for once, within one budget."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from interplay.evaluate import Evaluation, Executor, Meter, OnEvent, Stop, Store, evaluate, join
from interplay.value_function import BoolArray, FloatArray

Removed = tuple[int, ...]
"""Features that are taken away, in order."""


def masks_without(sets: Sequence[Removed], n: int) -> BoolArray:
    """Return the masks that lack these features, ``(len(sets), n)``.

    >>> masks_without([(), (0, 2)], 3)
    array([[ True,  True,  True],
           [False,  True, False]])
    """
    masks = np.ones((len(sets), n), dtype=np.bool_)
    for row, removed in enumerate(sets):
        masks[row, list(removed)] = False
    return masks


@dataclass
class Probe:
    """A value function, its store, and what may still be asked.

    Attributes
    ----------
    columns
        which of its targets are looked at.
    stopped
        why no more is evaluated; None while there may be.
    """

    value_function: Callable[..., Any]
    n: int
    columns: tuple[int, ...]
    store: Store | None
    fingerprint: str | None
    meter: Meter
    stop: Stop | None
    on_event: OnEvent | None
    executor: Executor | None = None
    stopped: str | None = None
    parts: list[Evaluation] = field(default_factory=list)

    def left(self, reserve: int = 0) -> float:
        """Return how many calls may still be made, ``reserve`` set aside; infinity if no limit."""
        calls = self.meter.budget.calls
        return math.inf if calls is None else max(calls - self.meter.calls - reserve, 0)

    def values(self, sets: Sequence[Removed]) -> FloatArray:
        """Return the values of as many of the sets as the budget allows, ``(k, columns)``."""
        samples = self.samples(sets, 1)
        values: FloatArray = samples[0]
        return values

    def samples(self, sets: Sequence[Removed], repeats: int) -> FloatArray:
        """Return each of ``repeats`` values, ``(repeats, k, columns)``, k perhaps fewer."""
        if self.stopped or not sets:
            return np.empty((repeats, 0, len(self.columns)))
        found = self.ask(self.value_function, masks_without(sets, self.n), repeats)
        return found.samples[:, :, list(self.columns)]

    def ask(self, value_function: Callable[..., Any], masks: BoolArray, repeats: int) -> Evaluation:
        """Evaluate masks of this or another value function, out of the same budget."""
        found = evaluate(
            value_function,
            masks,
            store=self.store,
            replicates=repeats,
            fingerprint=self.fingerprint if value_function is self.value_function else None,
            meter=self.meter,
            stop=self.stop,
            on_event=self.on_event,
            executor=self.executor,
        )
        self.parts.append(found)
        if found.stopped:
            self.stopped = found.stopped
        return found

    @property
    def paid(self) -> Evaluation:
        """What all evaluations together have cost."""
        shaped = [part for part in self.parts if part.values.size] or self.parts[:1]
        small = [_without_arrays(part) for part in shaped]
        return join(small)


def _without_arrays(part: Evaluation) -> Evaluation:
    none = np.empty((1, 1))
    return replace(part, values=none, noise_var=None, samples=none[None])
