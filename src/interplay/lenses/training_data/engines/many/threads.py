"""A stack of networks in several threads: each has a part of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from interplay.lenses.training_data.engines.many.batches import Order
from interplay.lenses.training_data.engines.many.stacked import Stacked
from interplay.lenses.training_data.engines.many.task import Task


class Threaded:
    """Networks side by side, in as many stacks as torch has threads.

    Each thread does the whole of its networks' step. torch would share each product out instead,
    and wait for the slowest of its threads after every one: where something else runs on the
    machine that is many times slower.

    Attributes
    ----------
    scores : float (m, t, outputs)
        Of the test examples, once :meth:`steps` has ended.
    """

    def __init__(
        self, way: Callable[[Task, Sequence[Order]], Stacked], task: Task, orders: Sequence[Order]
    ) -> None:
        threads = 1 if task.inputs.is_cuda else min(torch.get_num_threads(), len(orders))
        bounds = [len(orders) * i // threads for i in range(threads + 1)]
        # made here, one after the other: torch's random state is one for all threads
        self.parts = [way(task, orders[low:high]) for low, high in pairwise(bounds)]

    @property
    def scores(self) -> Tensor:
        return torch.cat([part.scores for part in self.parts])

    @property
    def parameters(self) -> list[Tensor]:
        """Those of each network, ``(P,)``, in the order in which the trainings were given."""
        return [one for part in self.parts for one in part.parameters]

    def steps(self) -> Iterator[None]:
        """Train, a step at a time."""
        under_way: list[Any] = [part.steps() for part in self.parts]
        if len(under_way) == 1:
            yield from under_way[0]
            return
        before = torch.get_num_threads()
        with ThreadPoolExecutor(len(under_way), initializer=_alone) as pool:
            while under_way:
                told = list(pool.map(_stepped, under_way))
                torch.set_num_threads(before)  # what a thread sets is the default of later ones
                under_way = [one for one, more in zip(under_way, told, strict=True) if more]
                if under_way:
                    yield


def _alone() -> None:
    torch.set_num_threads(1)


def _stepped(steps: Iterator[None]) -> bool:
    """Take a step, if there is one more."""
    return next(steps, "none") is None
