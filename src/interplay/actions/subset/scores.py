"""Values of masks, prompt by prompt, through the store: each is asked for once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np

from interplay.evaluate import Executor, Meter, OnEvent, Stop, Store, evaluate
from interplay.value_function import BoolArray, FloatArray


class Prunable(Protocol):
    """What a value function must be able to do; that of :func:`interplay.components` can."""

    features: tuple[str, ...]
    targets: tuple[str, ...]
    fingerprint: str
    batch_size: int
    prompts: Any

    def __call__(self, masks: BoolArray, /) -> FloatArray: ...
    def scores(self, masks: BoolArray) -> FloatArray: ...
    def on(self, split: str) -> Any: ...


PRUNABLE: Final = ("features", "targets", "fingerprint", "prompts", "scores", "on")
"""What of a value function pruning uses."""


class PerPrompt:
    """A value function of prunable kind whose targets are its prompts, each for every target."""

    def __init__(self, inner: Prunable) -> None:
        self.base = inner
        self.features, self.batch_size = inner.features, inner.batch_size
        self.count, self.q = len(inner.prompts), len(inner.targets)
        self.targets = tuple(
            f"{target} of prompt {int(p)}" for p in inner.prompts for target in inner.targets
        )
        self.fingerprint = hashlib.sha256(f"prompts {inner.fingerprint}".encode()).hexdigest()[:32]

    def __call__(self, masks: BoolArray, /) -> FloatArray:
        found = np.asarray(self.base.scores(masks)).reshape(len(masks), -1)
        return found[:, 0] if found.shape[1] == 1 else found


@dataclass
class Scores:
    """What was asked of a value function, within one budget.

    Attributes
    ----------
    calls, reused, seconds
        What it has cost so far.
    stopped
        Why no more is evaluated; None while there may be.
    """

    store: Store | None
    meter: Meter
    stop: Stop | None
    on_event: OnEvent | None
    replicates: int = 1
    executor: Executor | None = None
    calls: int = 0
    reused: int = 0
    seconds: float = 0.0
    stopped: str | None = None
    _known: dict[tuple[str, bytes], FloatArray] = field(default_factory=dict)

    def affords(self, count: int) -> int:
        """Return how many of ``count`` further evaluations the budget allows."""
        return self.meter.affords(count, {})

    def means(self, value_function: Prunable, masks: BoolArray) -> FloatArray | None:
        """Return values ``(m, q)``, or None where the budget does not reach."""
        return self._ask(value_function, value_function.fingerprint, masks)

    def by_prompt(self, value_function: Prunable, masks: BoolArray) -> FloatArray | None:
        """Return values of prompts ``(m, p, q)``, or None where the budget does not reach."""
        each = PerPrompt(value_function)
        found = self._ask(each, each.fingerprint, masks)
        return None if found is None else found.reshape(len(masks), each.count, each.q)

    def _ask(self, function: Any, fingerprint: str, masks: BoolArray) -> FloatArray | None:
        keys = [(fingerprint, row.tobytes()) for row in np.packbits(masks, axis=1)]
        new = [i for i, key in enumerate(keys) if key not in self._known]
        if new and self.stopped is None:
            found = evaluate(
                function,
                masks[new],
                store=self.store,
                replicates=self.replicates,
                fingerprint=fingerprint,
                meter=self.meter,
                stop=self.stop,
                on_event=self.on_event,
                executor=self.executor,
            )
            self.calls, self.reused = self.calls + found.calls, self.reused + found.reused
            self.seconds += found.seconds
            self.stopped = found.stopped
            for i, values in zip(new, found.values, strict=False):
                self._known[keys[i]] = values
        if any(key not in self._known for key in keys):
            return None
        return np.stack([self._known[key] for key in keys]).reshape(len(masks), -1)
