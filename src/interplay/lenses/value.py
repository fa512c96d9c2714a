"""What the value functions of all lenses share: values of what they measure, how they are sent."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

from interplay.lenses.remake import KINDS, Recipe, recipe_of
from interplay.value_function import BoolArray, FloatArray, Measured


class LensValueFunction(ABC):
    """A value function over features of a subject, which knows their names and its fingerprint.

    Attributes
    ----------
    features, targets
        names of the n features, and of the q targets.
    subject
        what a run tells of what is explained; JSON-able.
    fingerprint
        changes whenever a value could.
    """

    features: tuple[str, ...]
    targets: tuple[str, ...]
    subject: Mapping[str, Any]
    fingerprint: str

    def __repr__(self) -> str:
        made = hasattr(self, "features") and hasattr(self, "targets")
        if not made:  # a traceback may show it while it is being made
            return f"<{type(self).__name__}>"
        targets = ", ".join(self.targets[:3]) + (", ..." if len(self.targets) > 3 else "")
        return f"<{type(self).__name__} of {len(self.features)} features: {targets}>"

    @abstractmethod
    def measure(self, masks: BoolArray) -> Measured:
        """Return the values of masks, bool ``(m, n)``, with their noise and their price."""

    def __call__(self, masks: BoolArray, /) -> FloatArray:
        measured = self.measure(masks)
        if measured.failure is not None:
            raise measured.failure
        return np.asarray(measured.values)

    @property
    def recipe(self) -> Recipe | None:
        """What makes it again in another process, with a model loaded there; None: nothing does."""
        return recipe_of(self) if self.subject["kind"] in KINDS else None

    @property
    def target_told(self) -> str | list[str]:
        """The name of the target, or the names of several, as subjects hold it."""
        return self.targets[0] if len(self.targets) == 1 else list(self.targets)

    def column(self, values: FloatArray) -> FloatArray:
        """Return values ``(m, q)`` as a value function does: those of one target ``(m,)``."""
        return values[:, 0] if len(self.targets) == 1 else values
