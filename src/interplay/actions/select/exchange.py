"""The search for the examples to keep, by retraining; and what is dropped where inputs decide."""

from __future__ import annotations

import numpy as np

from interplay.actions.subset.choose import Room
from interplay.actions.subset.search import Trials
from interplay.intervals import Z_90
from interplay.value_function import BoolArray, FloatArray

SURE = Z_90
"""An exchange counts where it is so many standard errors above zero: one-sided 95 %."""


def ladder(room: Room) -> list[int]:
    """Return how many examples are exchanged at once, most first: halves of what can be.

    >>> ladder(Room(0.7, 40, 28))
    [6, 3, 1]
    """
    most = max(min(room.size, room.n - room.size) // 2, 1)
    return [most >> k for k in range(most.bit_length())]


def exchanged(mask: BoolArray, room: Room, trials: Trials) -> tuple[BoolArray, FloatArray | None]:
    """Return what rounds of exchanges lead to, and what each example changes there.

    A round measures what each example changes *at the choice*, with n trials: in or out, one at a
    time. An example counts for less there where another one that is kept repeats it. Then the
    worst that are kept are exchanged for the best that are not, as many at once as is better, fewer
    where it is not. It ends where no exchange is better, or the trials are spent.

    The targets are a sample: what an example changes in their mean is shrunk by its error over
    targets, and an exchange is better only where that is more than chance (``SURE``); else the
    choice would suit these targets and no others.

    Parameters
    ----------
    mask : bool (n,)
        Where to begin.
    room : Room
        How many are kept.
    trials : Trials
        Measures masks: the mean over targets, then (if there are several) each target.

    Returns
    -------
    mask : bool (n,)
    gains : float64 (n,), optional
        What the mean gains where the example is in, as measured; None where no round was
        affordable.
    """
    best, gains = mask, None
    value = trials.values(best[None])
    steps = ladder(room)
    while value is not None and trials.left >= room.n + len(steps):
        near = np.repeat(best[None], room.n, axis=0)
        near[np.arange(room.n), np.arange(room.n)] ^= True
        measured = trials.values(near)
        if measured is None:
            break
        changes = np.where(best, -1.0, 1.0)[:, None] * (measured - value)
        gains = changes[:, 0]
        found = _better(best, value, _shrunk(changes), steps, trials)
        if found is None:
            break
        best, value = found
    return best, gains


def _shrunk(changes: FloatArray) -> FloatArray:
    """Mean changes ``(n,)`` of those of the mean and of each target ``(n, 1 + q)``.

    Shrunk to zero by the error of each, as from a normal prior with the variance that they show.
    """
    mean, error = changes[:, 0], _errors(changes)
    known = np.isfinite(mean) & np.isfinite(error)
    prior = float((np.square(mean) - np.square(error))[known].mean()) if known.any() else 0.0
    prior = max(prior, 1e-12 * float(np.square(mean[known]).max(initial=0.0)), 1e-300)
    with np.errstate(invalid="ignore"):
        return np.where(known, mean * (prior / (prior + np.square(error))), mean)


def _errors(changes: FloatArray) -> FloatArray:
    """Standard errors of means over targets ``(m,)``; 0 where there is only one."""
    targets = changes.shape[1] - 1
    if targets < 2:
        return np.zeros(len(changes))
    with np.errstate(invalid="ignore"):  # a training that diverged
        errors: FloatArray = changes[:, 1:].std(axis=1, ddof=1) / np.sqrt(targets)
    return errors


def _better(
    mask: BoolArray, value: FloatArray, gains: FloatArray, steps: list[int], trials: Trials
) -> tuple[BoolArray, FloatArray] | None:
    """The first exchange of the ladder that is better, and its value; None where none is."""
    inside, outside = np.flatnonzero(mask), np.flatnonzero(~mask)
    worst = inside[np.argsort(gains[inside], kind="stable")]
    promising = outside[np.argsort(-gains[outside], kind="stable")]
    for count in steps:
        out, come = worst[:count], promising[:count]
        pays = gains[come] > gains[out]
        if not pays.any():
            continue
        tried = mask.copy()
        tried[out[pays]], tried[come[pays]] = False, True
        measured = trials.values(tried[None])
        if measured is None:
            return None
        change = measured - value
        if change[0, 0] > SURE * _errors(change)[0] + 1e-12 * (1 + abs(value[0, 0])):
            return tried, measured
    return None


def without_neighbours(inputs: FloatArray, size: int) -> BoolArray:
    """Return the mask that k-NN de-duplication leaves: it looks at the inputs alone.

    Again and again, of the two examples that are nearest to each other one goes: that whose next
    neighbour is nearer, the later one where they are alike.

    Parameters
    ----------
    inputs : float64 (n, d)
    size : int
        How many stay.

    Examples
    --------
    >>> without_neighbours(np.array([[0.0], [5.0], [0.1], [2.0]]), 3)
    array([ True,  True, False,  True])
    """
    squares = np.square(inputs).sum(axis=1)
    distances = np.maximum(squares[:, None] + squares - 2 * inputs @ inputs.T, 0.0)
    np.fill_diagonal(distances, np.inf)
    mask = np.ones(len(inputs), dtype=np.bool_)
    while mask.sum() > size:
        i, j = sorted(map(int, np.unravel_index(distances.argmin(), distances.shape)))
        second = [np.partition(distances[one], 1)[1] for one in (i, j)]
        gone = i if second[0] < second[1] else j
        mask[gone] = False
        distances[gone], distances[:, gone] = np.inf, np.inf
    return mask
