"""Which examples each step of a training sees: drawn from the training's own seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from interplay.lenses.training_data.dataset import IntArray
from interplay.value_function import BoolArray


@dataclass(frozen=True, eq=False)
class Order:
    """The order in which one training sees its examples.

    In each epoch all kept examples, shuffled, and cut into as few batches as the size allows, which
    are as equal as can be: no network ends its epochs with a step on a single example.

    Attributes
    ----------
    shuffled : int64 (epochs, kept)
        Rows of the training set.
    a_pass : int
        Batches in an epoch.
    seed : int
    """

    shuffled: IntArray
    a_pass: int
    seed: int

    @classmethod
    def of(cls, kept: BoolArray, seed: int, epochs: int, batch: int) -> Order:
        """Draw the order of the kept examples, bool ``(N,)``, one of them at least."""
        rows = np.flatnonzero(kept)
        rng = np.random.default_rng(seed)
        shuffled = rng.permuted(np.broadcast_to(rows, (epochs, len(rows))).copy(), axis=1)
        return cls(shuffled, -(-len(rows) // batch), seed)

    @property
    def steps(self) -> int:
        """How many steps the training takes."""
        return len(self.shuffled) * self.a_pass

    def batches(self) -> Iterator[IntArray]:
        """Yield the rows of each step.

        >>> list(Order.of(np.ones(5, dtype=bool), seed=0, epochs=1, batch=3).batches())
        [array([2, 4, 3]), array([0, 1])]
        """
        for epoch in self.shuffled:
            yield from np.array_split(epoch, self.a_pass)


@dataclass(frozen=True, eq=False)
class Together:
    """The batches of many trainings, padded, those with most steps first.

    Attributes
    ----------
    places : int64 (m,)
        The training, as it was given, that comes first, second, ...
    rows : int64 (steps, m, width)
        Rows of the training set; what is no example is 0.
    sizes : int64 (steps, m)
        How many of the rows are examples: the first ones.
    steps : int64 (m,)
        How many steps each training takes.
    """

    places: IntArray
    rows: IntArray
    sizes: IntArray
    steps: IntArray

    @classmethod
    def of(cls, orders: Sequence[Order]) -> Together:
        """Align the trainings: each has its own k-th batch at step k."""
        steps = np.array([order.steps for order in orders])
        places = np.argsort(-steps, kind="stable")
        widest = max(-(-order.shuffled.shape[1] // order.a_pass) for order in orders)
        rows = np.zeros((int(steps.max()), len(orders), widest), dtype=np.int64)
        sizes = np.zeros(rows.shape[:2], dtype=np.int64)
        for column, place in enumerate(places):
            order = orders[place]
            parts = np.array_split(np.empty(order.shuffled.shape[1]), order.a_pass)
            here = np.tile([len(part) for part in parts], len(order.shuffled))
            sizes[: order.steps, column] = here
            filled = np.arange(widest) < here[:, None]
            padded = np.zeros(filled.shape, dtype=np.int64)
            padded[filled] = order.shuffled.ravel()
            rows[: order.steps, column] = padded
        return cls(places, rows, sizes, steps[places])

    def under_way(self, step: int) -> int:
        """Return how many trainings, the first ones, take this step."""
        return int((self.steps > step).sum())
