"""What evaluating masks gave: values, the noise in them, what they cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import fsum

import numpy as np

from interplay.packing import IntArray
from interplay.value_function import FloatArray


@dataclass(frozen=True)
class Evaluation:
    """The values of some masks, and what they cost.

    Attributes
    ----------
    values
        float64 ``(k, q)``, one row for each of the first k masks asked for: the mean of its
        replicates. k is less than asked where the run was ``stopped``. A row is NaN where the value
        function has excluded the mask each time.
    noise_var
        float64 ``(k, q)``, variance of the noise in ``values``: what the value function reported,
        else what its replicates tell; None where neither says anything.
    calls
        how many evaluations were made now.
    reused
        how many came from the store.
    seconds
        time spent in the value function now.
    tokens, usd
        what the evaluations that were made now cost; None where the value function does not say.
    fingerprint
        under which the values are in the store.
    stopped
        why not all masks were evaluated; None where all were.
    samples
        float64 ``(replicates, k, q)``: what ``values`` are the means of.
    """

    values: FloatArray
    noise_var: FloatArray | None
    calls: int
    reused: int
    seconds: float
    tokens: float | None
    usd: float | None
    fingerprint: str
    stopped: str | None
    samples: FloatArray


def join(parts: Sequence[Evaluation]) -> Evaluation:
    """Return several evaluations of one value function, each of further masks, as one."""
    if len(parts) == 1:
        return parts[0]
    filled = [part for part in parts if len(part.values)] or parts[:1]
    noise = [part.noise_var for part in filled if part.noise_var is not None]
    known = len(noise) == len(filled)
    return replace(
        parts[-1],
        values=np.concatenate([part.values for part in filled]),
        samples=np.concatenate([part.samples for part in filled], axis=1),
        noise_var=_joined(noise) if known else None,
        calls=sum(part.calls for part in parts),
        reused=sum(part.reused for part in parts),
        seconds=sum(part.seconds for part in parts),
        tokens=known_sum(part.tokens for part in parts),
        usd=known_sum(part.usd for part in parts),
    )


def _joined(parts: list[FloatArray]) -> FloatArray:
    joined = np.concatenate(parts)
    if all((part == part[0]).all() for part in parts):  # pooled over each part: pool over all
        joined = np.broadcast_to(joined.mean(axis=0), joined.shape)
    return joined


def known_sum(amounts: Iterable[float | None]) -> float | None:
    """Return the sum of what is known, whatever its order; None where nothing is.

    >>> known_sum([0.1, None, 0.2, 0.3]), known_sum([None])
    (0.6, None)
    """
    known = [amount for amount in amounts if amount is not None]
    return fsum(known) if known else None


def mean_of(values: FloatArray) -> FloatArray:
    """Return the mean ``(m, q)`` of replicates ``(replicates, m, q)``, of those that have a value.

    >>> mean_of(np.array([[[1.0], [np.nan]], [[3.0], [np.nan]]])).tolist()
    [[2.0], [nan]]
    """
    excluded = np.isnan(values)
    if not excluded.any():
        plain: FloatArray = values.mean(axis=0)
        return plain
    with np.errstate(invalid="ignore"):
        mean: FloatArray = np.where(excluded, 0.0, values).sum(axis=0) / (~excluded).sum(axis=0)
    return mean


def noise_of_means(values: FloatArray, noise: FloatArray | None) -> FloatArray | None:
    """Return the variance of the noise in the means of replicates, ``(m, q)``.

    Parameters
    ----------
    values
        float ``(replicates, m, q)``, NaN where there is no value.
    noise
        variances that the value function reported, likewise; see :func:`noise_of_rows`.
    """
    if noise is None and len(values) == 1:  # most runs: nothing is looked at, or copied
        return None
    there = ~np.isnan(values).any(axis=2)
    told = None if noise is None else noise[there]
    return noise_of_rows(np.nonzero(there)[1], values.shape[1], values[there], told)


def mean_of_rows(row: IntArray, m: int, columns: FloatArray) -> FloatArray:
    """Return the mean ``(m, q)`` of the rows ``(rows, q)`` of each mask; 0 of none.

    >>> mean_of_rows(np.array([0, 2, 2]), 3, np.array([[1.0], [2.0], [4.0]])).tolist()
    [[1.0], [0.0], [3.0]]
    """
    sums = [np.bincount(row, weights=column, minlength=m) for column in columns.T]
    return np.stack(sums, axis=1) / np.maximum(np.bincount(row, minlength=m), 1)[:, None]


def noise_of_rows(
    row: IntArray, m: int, values: FloatArray, noise: FloatArray | None
) -> FloatArray | None:
    """Return the variance of the noise in each mask's mean, ``(m, q)``; None where nothing tells.

    Parameters
    ----------
    row
        int ``(rows,)``: the mask, 0 .. m-1, that a row is an evaluation of.
    values
        float ``(rows, q)``.
    noise
        variances that the value function reported, likewise, NaN where it did not; None where it
        never did: then the replicates tell, pooled over all masks, for a variance from two or three
        numbers is no weight to use.

    Examples
    --------
    >>> row, values = np.array([0, 0, 1, 1, 2]), np.array([[1.0], [3.0], [5.0], [5.0], [9.0]])
    >>> noise_of_rows(row, 3, values, None).tolist()
    [[0.5], [0.5], [1.0]]
    """
    counts = np.bincount(row, minlength=m)[:, None]
    times = np.maximum(counts, 1)
    if noise is not None and (known := np.isfinite(noise)).any():
        # what some rows do not report is taken to be like the rest
        usual = np.where(known, noise, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        reported: FloatArray = mean_of_rows(row, m, np.where(known, noise, usual)) / times
        return reported
    spare = len(row) - int((counts > 0).sum())  # degrees of freedom
    if not spare:
        return None
    pooled = np.square(values - mean_of_rows(row, m, values)[row]).sum(axis=0) / spare
    found: FloatArray = pooled / times
    return found
