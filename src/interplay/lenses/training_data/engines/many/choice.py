"""Which way to train many networks: found by a few steps of each on the real shapes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any, Final

import numpy as np
import torch

from interplay.lenses.training_data.engines.many.batches import Order
from interplay.lenses.training_data.engines.many.task import Task
from interplay.models.batching import out_of_memory

LOOP: Final = "loop"

TURNS: Final = 4
"""Steps that are timed of each way, after one that warms up; the fastest of them counts."""

FEWEST: Final = 2
ENOUGH: Final = 2.0
"""Turns and seconds after which no further turn is begun: steps of large networks take long."""

HOPELESS: Final = 2.0
"""A way whose first step takes so many times as long as the loop's is not tried any further."""

GAIN: Final = 0.75
"""Another way than the loop must take less than this share of its time: what is measured in a
moment must still hold for hours."""


def fastest(
    ways: Mapping[str, Callable[[Task, Sequence[Order]], Any]], task: Task, orders: Sequence[Order]
) -> tuple[str, dict[str, float]]:
    """Return the fastest way, and the seconds of a step of one network by each.

    Parameters
    ----------
    ways : mapping
        From names, ``"loop"`` among them, to classes with ``steps()``.
    task : Task
    orders : sequence of Order
        Of the networks that are trained at once; the loop is timed on as many steps of the first.

    Notes
    -----
    The ways take turns, so that what else runs on the machine meets all of them. One that fails on
    the network (``vmap`` does on some) is left out; if memory does not suffice, the error passes.
    """
    started, m = time.perf_counter(), len(orders)
    longer = [_lengthened(order, TURNS + 1) for order in orders]
    seconds: dict[str, list[float]] = {}
    with ExitStack() as stack:
        running: dict[str, tuple[Iterator[None], int]] = {}
        for name, way in sorted(ways.items(), key=lambda item: item[0] != LOOP):
            part = [_lengthened(orders[0], m * (TURNS + 1))] if name == LOOP else longer
            steps = stack.enter_context(closing(way(task, part).steps()))
            count = m if name == LOOP else 1
            try:
                first = _timed(steps, count, task) / m
            except RuntimeError as error:
                if name == LOOP or out_of_memory(error):
                    raise
                continue
            seconds[name] = [first]
            if first <= HOPELESS * seconds[LOOP][0]:
                running[name] = steps, count
        for turn in range(TURNS):
            if turn >= FEWEST and time.perf_counter() - started > ENOUGH:
                break
            for name, (steps, count) in running.items():
                spent = _timed(steps, count, task) / m
                seconds[name] = [*seconds[name], spent] if turn else [spent]
    least = {name: min(spent) for name, spent in seconds.items()}
    best = min(least, key=lambda name: least[name])
    return best if least[best] < GAIN * least[LOOP] else LOOP, least


def _lengthened(order: Order, epochs: int) -> Order:
    """The first epoch of an order, again and again."""
    return replace(order, shuffled=np.tile(order.shuffled[:1], (epochs, 1)))


def _timed(steps: Iterator[None], count: int, task: Task) -> float:
    started = time.perf_counter()
    for _ in range(count):
        next(steps)
    if task.inputs.is_cuda:
        torch.cuda.synchronize(task.inputs.device)
    return time.perf_counter() - started
