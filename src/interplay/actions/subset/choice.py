"""What one method keeps, what the model does with it, and how methods compare."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from interplay.intervals import leaves_out_zero, of_mean
from interplay.value_function import BoolArray, FloatArray


@dataclass(frozen=True)
class Choice:
    """The parts that one method keeps, and what the model does with them.

    Attributes
    ----------
    method : str
    kept : tuple of int
    predicted : float, optional
        What the spectrum said of it; None for other methods.
    proved : bool
        Whether no set of this size has a higher prediction. False where swaps led elsewhere.
    train, test : float
        Measured values, means over the prompts of each split.
    low, high : float, optional
        90 % interval of ``test``, over test prompts; None where there is only one.
    tried : int
        Evaluations on train prompts that the method took beside those of the fit.
    each : tuple of float
        ``test`` of each test prompt.
    """

    method: str
    kept: tuple[int, ...]
    predicted: float | None
    proved: bool
    train: float
    test: float
    low: float | None
    high: float | None
    tried: int
    each: tuple[float, ...] = field(repr=False)

    @classmethod
    def of(
        cls,
        method: str,
        mask: BoolArray,
        train: float,
        each: FloatArray,
        seed: int,
        *,
        predicted: float | None = None,
        proved: bool = False,
        tried: int = 0,
    ) -> Self:
        """Return the choice of a mask, from its value on train and each value on test prompts."""
        return cls(
            method,
            tuple(np.flatnonzero(mask).tolist()),
            predicted,
            proved,
            train,
            float(each.mean()),
            *interval(each, seed),
            tried,
            tuple(each.tolist()),
        )


@dataclass(frozen=True)
class Difference:
    """Test value of the chosen method less that of another, on the same prompts."""

    method: str
    value: float
    low: float | None
    high: float | None

    @property
    def clear(self) -> bool:
        """Whether the interval leaves zero out."""
        return leaves_out_zero(self.low, self.high)


def interval(values: FloatArray, seed: int) -> tuple[float | None, float | None]:
    """Return the 90 % interval of a mean over prompts, by bootstrap; None of one prompt."""
    if len(values) < 2:
        return None, None
    return of_mean(values, np.random.default_rng([seed, 5]))


def differences(choices: dict[str, Choice], seed: int) -> tuple[Difference, ...]:
    """Return the first choice less each other, paired by prompt."""
    first, *others = choices.values()
    found = []
    for other in others:
        paired = np.array(first.each) - np.array(other.each)
        found.append(Difference(other.method, float(paired.mean()), *interval(paired, seed)))
    return tuple(found)
