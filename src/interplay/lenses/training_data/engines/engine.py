"""What trains a model on subsets of a dataset: the protocol of all engines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Literal, Protocol

import numpy as np

from interplay.errors import BadInput
from interplay.lenses.training_data.dataset import Dataset, IntArray
from interplay.value_function import BoolArray, FloatArray

Scale = Literal["logits", "probabilities", "predictions"]
"""What an engine's scores are: see :class:`Trainer`."""


class Retrainer(Protocol):
    """A trainer that knows its training set and its test examples.

    Called with ``kept``, bool ``(m, N)``, True = the example is trained on, no row empty, and
    ``seeds``, int64 ``(m,)``, one for each training; returns the scores of the t test examples,
    float64 ``(m, t, c)``. A row whose training diverged is NaN. The scores of a row depend on the
    row and its seed alone, to 1e-4, whatever comes beside it.

    ``batch_size``
        how many rows it likes to see in one call
    """

    batch_size: int

    def __call__(self, kept: BoolArray, seeds: IntArray, /) -> FloatArray: ...


class Trainer(ABC):
    """A way to train: what a user gives to :func:`interplay.training_data`.

    Attributes
    ----------
    name : str
        In a word or two, for reports: ``"ridge"``, ``"logistic"``, ``"MLP 64-64"``.
    scale : str
        What the scores are: ``"logits"`` (of which softmax makes probabilities),
        ``"probabilities"``, or ``"predictions"`` (numbers as they are, such as ridge regression
        onto one-hot labels, and all of regression).
    seeded : bool
        Whether the outcome depends on the seed.
    classifies, regresses : bool
        What kinds of labels it can learn.
    """

    name: str
    scale: Scale
    seeded: bool = False
    classifies: bool = True
    regresses: bool = False

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """Return what tells it from other ways to train: JSON-able, goes into the fingerprint."""

    @abstractmethod
    def bind(self, data: Dataset, tests: Dataset) -> Retrainer:
        """Return what trains on subsets of ``data`` and scores ``tests``.

        Raises
        ------
        BadInput
            If it cannot learn from such inputs or labels.
        """

    def arguments(self) -> dict[str, Any] | None:
        """Return what :func:`trainer_of` makes it again from; None where Python made it."""
        return None


def check_positive(name: str, given: object) -> float:
    """Return ``given``, a finite number above 0, or raise :class:`BadInput`.

    >>> check_positive("penalty", 0)
    Traceback (most recent call last):
    interplay.errors.BadInput: penalty must be a finite number above 0; got 0
    """
    number = isinstance(given, int | float | np.integer | np.floating)
    if isinstance(given, bool) or not number or not 0 < given < np.inf:  # type: ignore[operator]
        raise BadInput(f"{name} must be a finite number above 0; got {given!r}")
    return float(given)  # type: ignore[arg-type]
