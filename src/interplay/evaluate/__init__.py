"""Run a value function: in batches, within a budget, every result stored as it arrives."""

from __future__ import annotations

from interplay.evaluate.budget import Budget, parse_budget
from interplay.evaluate.events import (
    Event,
    Finished,
    Fitting,
    OnEvent,
    Progress,
    Started,
    Warned,
)
from interplay.evaluate.run import Evaluation, evaluate
from interplay.evaluate.store import Store, Stored

__all__ = [
    "Budget",
    "Evaluation",
    "Event",
    "Finished",
    "Fitting",
    "OnEvent",
    "Progress",
    "Started",
    "Store",
    "Stored",
    "Warned",
    "evaluate",
    "parse_budget",
]
