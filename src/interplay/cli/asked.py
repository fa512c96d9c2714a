"""What every command that explains is asked: how much, how, of which masks, kept where."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cyclopts import Parameter


@Parameter(name="*")
@dataclass(frozen=True)
class Asked:
    """The run that is wanted.

    Parameters
    ----------
    budget
        What the evaluations may cost: calls (500), seconds (90s, or min, h), of language models
        tokens (2e6tok) or money (5usd), or several, comma-joined; "auto,2000" stops before 2,000
        calls when more would change little.
    method
        auto, parity-gp, proxyspex, spex, lasso, exact, or a baseline.
    design
        Which masks: uniform, paired, near_full, coded (of method spex), mixed, adaptive.
    seed
        Of every random choice: what is drawn or trained, the masks, the fit.
    store
        SQLite file that keeps every evaluation: an interrupted run goes on where it was.
    """

    budget: str = "500"
    method: str = "auto"
    design: str | None = None
    seed: int = 0
    store: Path = Path("runs.db")

    @property
    def arguments(self) -> dict[str, Any]:
        """What :func:`interplay.explain` takes of it."""
        return {
            "budget": self.budget,
            "method": self.method,
            "design": self.design,
            "seed": self.seed,
            "store": self.store,
        }
