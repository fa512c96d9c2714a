"""The search for the parts to keep, by calls on the train prompts.

A spectrum of uniform masks knows little of sets near the whole network, so its best set is one
start among others: the parts whose removal costs most, and what backward elimination leaves. The
best start goes on with swaps, those first that the spectrum likes best.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from interplay.actions.subset.choose import Room, swapped
from interplay.value_function import BoolArray, FloatArray

TRIALS: Final = 4
"""Trials of a search by default, for each part."""
ELIMINATION: Final = 2 / 3
"""The share of the trials that elimination may take."""
DIGITS: Final = 12
"""Decimals to which values count as equal: rounding errors decide nothing."""

Measure = Callable[[BoolArray], FloatArray | None]
"""Masks -> values ``(m, k)``, or None where the budget ends. Columns after the first tell equals
apart."""


def best_first(values: FloatArray) -> list[int]:
    """Return the order of rows ``(m, k)``: the highest first, by the columns in turn.

    >>> best_first(np.array([[0.5, 1.0], [1.0, 2.0], [1.0, 3.0]]))
    [2, 1, 0]
    """
    keys = -np.round(values, DIGITS)
    order: list[int] = np.lexsort(tuple(keys.T[::-1])).tolist()
    return order


def without_each(mask: BoolArray) -> BoolArray:
    """Return the masks that lack one more of the kept parts, in their order."""
    kept = np.flatnonzero(mask)
    masks = np.repeat(mask[None], len(kept), axis=0)
    masks[np.arange(len(kept)), kept] = False
    return masks


class Trials:
    """Measured masks, at most ``limit`` different ones."""

    def __init__(self, measure: Measure, limit: int) -> None:
        self.limit, self._measure = limit, measure
        self._known: dict[bytes, FloatArray] = {}

    @property
    def count(self) -> int:
        """How many masks were measured."""
        return len(self._known)

    @property
    def left(self) -> int:
        """How many more may be."""
        return self.limit - self.count

    def new(self, masks: BoolArray) -> BoolArray:
        """Return those that were not measured yet."""
        return masks[[row.tobytes() not in self._known for row in masks]]

    def values(self, masks: BoolArray) -> FloatArray | None:
        """Return values ``(m, k)``, or None where limit or budget do not reach."""
        new = self.new(masks)
        if len(new) > self.left:
            return None
        if len(new):
            found = self._measure(new)
            if found is None:
                return None
            self._known |= {row.tobytes(): one for row, one in zip(new, found, strict=True)}
        return np.stack([self._known[row.tobytes()] for row in masks])


def searched(
    starts: Sequence[BoolArray],
    room: Room,
    predict: Callable[[BoolArray], FloatArray],
    measure: Measure,
    limit: int,
) -> tuple[BoolArray, int]:
    """Return the best mask that was found with ``limit`` trials, and how many it took.

    Parameters
    ----------
    starts
        masks to begin with; the first is the answer where nothing can be tried.
    room
        what a choice must meet.
    predict
        masks ``(m, n)`` -> ``(m,)``: the swaps that it likes best are tried first.
    measure
        gives the values that count.
    limit
        how many masks may be measured.
    """
    trials = Trials(measure, limit)
    best = starts[0]
    value = trials.values(best[None])
    if value is None:
        return best, 0
    for start in [*starts[1:], *eliminated(room, trials, int(ELIMINATION * limit))]:
        best, value = _better(trials, best, value, start[None])
    batch = max(8, -(-trials.left // 4))
    while trials.left > 0:
        near = trials.new(swapped(best, room))
        if not len(near):
            break
        order = np.argsort(-predict(near), kind="stable")
        tried = trials.count
        best, value = _better(trials, best, value, near[order[: min(batch, trials.left)]])
        if trials.count == tried:  # the budget has ended
            break
    return best, trials.count


def eliminated(room: Room, trials: Trials, most: int) -> list[BoolArray]:
    """Return what backward elimination leaves, and the parts whose removal alone costs most.

    Parts whose removal costs least go, and those that are left are measured again; as few at a time
    as ``most`` trials allow, nothing if they do not reach for a single round.
    """
    mask = np.ones(room.n, dtype=np.bool_)
    steps = range(1, room.n - room.size + 1)
    step = next((one for one in steps if sum(range(room.n, room.size, -one)) <= most), None)
    if step is None:
        return []
    found: list[BoolArray] = []
    for count in range(room.n, room.size, -step):
        values = trials.values(without_each(mask))
        if values is None:
            return found
        scores = np.zeros((room.n, values.shape[1]))
        scores[mask] = -np.round(values, DIGITS)
        if not found:
            found.append(room.best(scores))
        mask = room.thinned(mask, scores, max(room.size, count - step))
    return [*found, mask]


def _better(
    trials: Trials, best: BoolArray, value: FloatArray, masks: BoolArray
) -> tuple[BoolArray, FloatArray]:
    """The best of some masks where it is better than the best so far; with its value ``(1, k)``."""
    values = trials.values(masks)
    if values is None:
        return best, value
    first = best_first(np.concatenate([value, values]))[0]
    return (masks[first - 1], values[first - 1 : first]) if first else (best, value)
