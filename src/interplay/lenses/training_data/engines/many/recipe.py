"""How a network is trained: optimiser, rates, epochs and batches."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np

from interplay.errors import BadInput, check_whole, unknown
from interplay.lenses.training_data.engines.engine import check_positive
from interplay.value_function import FloatArray

Optimizer = Literal["sgd", "adamw"]
Schedule = Literal["constant", "cosine", "one-cycle"]

RATES: Final = {"sgd": 0.05, "adamw": 0.003}
"""Optimisers, and the rate of each where none is given."""

SCHEDULES: Final = ("constant", "cosine", "one-cycle")

WARM_UP: Final = 0.2
"""The share of a one-cycle schedule in which the rate rises."""

BETAS: Final = (0.9, 0.999)
EPSILON: Final = 1e-5
"""Of AdamW. With torch's own 1e-8, gradients that are nothing but rounding become whole steps, and
the order of a sum decides where a network ends."""


@dataclass(frozen=True)
class Recipe:
    """How each of the networks is trained.

    Attributes
    ----------
    epochs, batch : int
        Passes over the kept examples, and how many of them a step sees at most.
    rate, momentum, weight_decay : float
        Momentum is of ``"sgd"``, whose weight decay is an L2 penalty; that of ``"adamw"`` is
        decoupled.
    optimizer : str
        ``"sgd"`` or ``"adamw"``, as in :mod:`torch.optim`; AdamW with an epsilon of 1e-5.
    schedule : str
        ``"constant"``; ``"cosine"``, from ``rate`` down to 0; or ``"one-cycle"``, linearly up to
        ``rate`` in the first fifth of the steps and down to 0 in the others.
    """

    epochs: int
    batch: int
    rate: float
    momentum: float
    weight_decay: float
    optimizer: Optimizer
    schedule: Schedule

    def __post_init__(self) -> None:
        check_whole("epochs", self.epochs, 1)
        check_whole("batch", self.batch, 1)
        if self.optimizer not in RATES:
            raise unknown("optimizer", self.optimizer, RATES)
        if self.schedule not in SCHEDULES:
            raise unknown("schedule", self.schedule, SCHEDULES)
        check_positive("rate", self.rate)
        for name, given, most in (
            ("momentum", self.momentum, 1.0),
            ("weight_decay", self.weight_decay, np.inf),
        ):
            number = isinstance(given, int | float) and not isinstance(given, bool)
            if not number or not 0 <= given < most:
                below = f" and below {most:g}" if np.isfinite(most) else ", finite"
                raise BadInput(f"{name} must be a number of at least 0{below}; got {given!r}")

    def identity(self) -> dict[str, Any]:
        """Return all of it, JSON-able."""
        return asdict(self)

    def rates(self, steps: int) -> FloatArray:
        """Return the rate at each of so many steps, float64 ``(steps,)``.

        >>> Recipe(1, 8, 0.4, 0.9, 0.0, "sgd", "cosine").rates(4).round(3)
        array([0.4  , 0.341, 0.2  , 0.059])
        """
        done = np.arange(steps) / steps
        if self.schedule == "cosine":
            share = (1 + np.cos(np.pi * done)) / 2
        elif self.schedule == "one-cycle":
            middle = done + 0.5 / steps  # a first rate of 0 would be a step for nothing
            share = np.minimum(middle / WARM_UP, (1 - middle) / (1 - WARM_UP))
        else:
            share = np.ones(steps)
        return np.asarray(self.rate * share, dtype=np.float64)
