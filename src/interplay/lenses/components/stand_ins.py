"""What stands in for an ablated part: its mean, or what it gives on another prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from interplay.errors import BadInput
from interplay.lenses.components.ablation import Group
from interplay.lenses.components.task import Reading

Tensor = Any


class StandIns(Protocol):
    """Collects signals of passes in which nothing is ablated, and gives them to those in which."""

    def add(self, batch: Sequence[int], signals: Sequence[Tensor]) -> None:
        """Take in the signals of each group in a pass over some readings."""
        ...

    def of(self, whose: Sequence[int]) -> Callable[[Group], Tensor]:
        """Return what stands in for the parts of a group, for each row of a pass."""
        ...


class Means:
    """The mean of each group's signal over positions and prompts."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self._groups = list(groups)
        self._sums: list[Tensor] = [None] * len(groups)
        self._counts = [0] * len(groups)

    def add(self, batch: Sequence[int], signals: Sequence[Tensor]) -> None:
        """Take in the signals of a pass."""
        for place, (group, signal) in enumerate(zip(self._groups, signals, strict=True)):
            rows = signal.double().flatten(0, -2)
            total, before = rows.sum(dim=0), self._sums[place]
            self._sums[place] = total if before is None else before + total
            self._counts[place] += len(rows)
            group.mean = (self._sums[place] / self._counts[place]).to(signal.dtype)

    def of(self, whose: Sequence[int]) -> Callable[[Group], Tensor]:
        """Return the means ``(d,)``: the same ones for all rows."""
        return lambda group: group.mean


class Donors:
    """For each reading, the signals of another prompt: the same one whenever it is asked for.

    Attributes
    ----------
    needed : list of int
        The readings whose signals must be added.
    """

    def __init__(
        self,
        readings: Sequence[Reading],
        groups: Sequence[Group],
        prompts: Sequence[int],
        seed: int,
    ) -> None:
        if len(prompts) < 2:
            raise BadInput(
                "ablation='resample' takes activations from other prompts, and the train split has "
                f"{len(prompts)}; give more prompts, or use ablation='mean'"
            )
        self._readings = readings
        self._place = {id(group): i for i, group in enumerate(groups)}
        self._signals: dict[tuple[int, int], Tensor] = {}  # (reading, group) -> (t, d)
        first: dict[int, int] = {}
        for i, reading in enumerate(readings):
            first.setdefault(reading.prompt, i)
        self.donor: list[int] = []
        for reading in readings:
            others = [prompt for prompt in prompts if prompt != reading.prompt]
            rng = np.random.default_rng([seed, reading.prompt])
            self.donor.append(first[others[int(rng.integers(len(others)))]])
        self.needed = sorted(set(self.donor))

    def add(self, batch: Sequence[int], signals: Sequence[Tensor]) -> None:
        """Take in the signals of a pass."""
        for place, signal in enumerate(signals):
            rows = signal.reshape(len(batch), -1, signal.shape[-1])
            for row, i in enumerate(batch):
                self._signals[i, place] = rows[row].clone()

    def of(self, whose: Sequence[int]) -> Callable[[Group], Tensor]:
        """Return the signals ``(rows, t, d)`` of each row's donor, aligned at the end."""
        import torch

        def signals(group: Group) -> Tensor:
            found = []
            for i in whose:
                signal = self._signals[self.donor[i], self._place[id(group)]]
                if "input_ids" in self._readings[i].inputs:
                    size = self._readings[i].length
                    places = np.arange(len(signal) - size, len(signal)) % len(signal)
                    signal = signal[torch.from_numpy(places).to(signal.device)]
                found.append(signal)
            return torch.stack(found)

        return signals
