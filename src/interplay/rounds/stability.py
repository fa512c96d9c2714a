"""Whether more masks would still change what is found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from interplay.surrogates import Surrogate

AUTO_ROUNDS: Final = 2
"""So many rounds in a row must change little before ``budget="auto"`` stops."""

COMPARED: Final = 10
"""Strongest terms that are compared between rounds."""

STABLE_R2: Final = 0.02
STABLE_VALUES: Final = 0.15
"""A change of R² and a relative change of the strongest terms that counts as little."""


@dataclass
class Stability:
    """Whether more masks still change what is found; told after each round."""

    rounds: int = 0
    before: dict[str, Surrogate] = field(default_factory=dict)

    def after(self, surrogates: Mapping[str, Surrogate]) -> bool:
        """Return whether the last rounds have changed little, for every target.

        An explanation that is not to be trusted is never stable: more masks are what it needs.
        """
        steady = bool(self.before) and all(
            surrogate.faithfulness.verdict != "do not trust"
            and alike(self.before[target], surrogate)
            for target, surrogate in surrogates.items()
        )
        self.rounds = self.rounds + 1 if steady else 0
        self.before = dict(surrogates)
        return self.rounds >= AUTO_ROUNDS


def alike(a: Surrogate, b: Surrogate) -> bool:
    """Whether two fits agree on faithfulness and on their strongest terms."""
    if not abs(a.faithfulness.value - b.faithfulness.value) <= STABLE_R2:  # a NaN is no agreement
        return False
    strongest = list({*a.largest(COMPARED), *b.largest(COMPARED)})
    x, y = a.values_of(strongest), b.values_of(strongest)
    return bool(np.linalg.norm(x - y) <= STABLE_VALUES * np.linalg.norm(y))
