"""Many train/test splits of one task from the same passes: no prompt is read twice under a mask."""

from __future__ import annotations

from typing import Any

import numpy as np

from interplay.lenses.components.task import IntArray
from interplay.value_function import BoolArray, FloatArray


class Read:
    """What a network scores on the prompts of a task under each mask, kept."""

    def __init__(self, function: Any, targets: tuple[str, ...] | None = None) -> None:
        self.function = function.on("all")
        self.targets = targets or self.function.targets
        self._places = [self.function.targets.index(name) for name in self.targets]
        self._known: dict[bytes, FloatArray] = {}
        self.passes = 0  # masks times prompts

    @property
    def masks(self) -> int:
        """How many masks were read."""
        return len(self._known)

    def scores(self, masks: BoolArray, prompts: IntArray) -> FloatArray:
        """Return values of some prompts ``(m, p, q)``; what was not read before is read."""
        count, q = len(self.function.prompts), len(self.targets)
        keys = [row.tobytes() for row in np.packbits(masks, axis=1)]
        for key in keys:
            if key not in self._known:
                self._known[key] = np.full((count, q), np.nan)
        lacking = {
            key: row for row, key in enumerate(keys) if np.isnan(self._known[key][prompts, 0]).any()
        }
        if lacking:
            wanted = np.zeros((len(lacking), count), dtype=bool)
            for row, key in enumerate(lacking):
                wanted[row, prompts] = np.isnan(self._known[key][prompts, 0])
            found = self.function._scores(masks[list(lacking.values())], wanted)
            for row, key in enumerate(lacking):
                self._known[key][wanted[row]] = found[row][wanted[row]][:, self._places]
                self.passes += int(wanted[row].sum())
        return np.stack([self._known[key][prompts] for key in keys])


class Half:
    """The value function over some of the prompts; ``on("test")`` is that over the others.

    What :func:`interplay.prune` asks of a value function.
    """

    def __init__(self, read: Read, train: IntArray, test: IntArray, split: str = "train") -> None:
        self.read, self._train, self._test = read, train, test
        self.prompts = {"train": train, "test": test}[split]
        inner = read.function
        self.features, self.targets = inner.features, read.targets
        self.batch_size, self.subject = inner.batch_size, inner.subject
        # what attribution patching reads
        self.engine, self.network = inner.engine, inner.network
        self.questions, self.task = inner.questions, inner.task
        self.fingerprint = f"{inner.fingerprint} {self.prompts.tolist()} {self.targets}"

    def __call__(self, masks: BoolArray, /) -> FloatArray:
        found = self.scores(masks).mean(axis=1)
        return found[:, 0] if len(self.targets) == 1 else found

    def scores(self, masks: BoolArray) -> FloatArray:
        """Return values of single prompts ``(m, p, q)``."""
        return self.read.scores(masks, self.prompts)

    def on(self, split: str) -> Half:
        """Return the same over the ``"train"`` or ``"test"`` prompts."""
        return Half(self.read, self._train, self._test, split)


def halves(read: Read, count: int) -> list[Half]:
    """Return value functions of ``count`` random splits into halves."""
    p = len(read.function.prompts)
    found = []
    for seed in range(count):
        order = np.random.default_rng([seed, p]).permutation(p)
        found.append(Half(read, np.sort(order[: p // 2]), np.sort(order[p // 2 :])))
    return found
