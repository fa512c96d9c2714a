"""Run a value function: in batches, within a budget, every result stored as it arrives."""

from __future__ import annotations

from interplay.evaluate.budget import Budget, Forecast, Meter, parse_budget
from interplay.evaluate.evaluation import Evaluation, join
from interplay.evaluate.events import (
    Event,
    Finished,
    Fitting,
    Forecasted,
    NextInput,
    OnEvent,
    Planned,
    Progress,
    Started,
    Warned,
)
from interplay.evaluate.executors import Executor
from interplay.evaluate.functions import Function, Identity
from interplay.evaluate.interrupt import Interruption, interruptible
from interplay.evaluate.pipeline import SPENT, Stop
from interplay.evaluate.ray_executor import RayExecutor
from interplay.evaluate.run import evaluate
from interplay.evaluate.store import Store, Stored
from interplay.evaluate.tally import Tally

__all__ = [
    "SPENT",
    "Budget",
    "Evaluation",
    "Event",
    "Executor",
    "Finished",
    "Fitting",
    "Forecast",
    "Forecasted",
    "Function",
    "Identity",
    "Interruption",
    "Meter",
    "NextInput",
    "OnEvent",
    "Planned",
    "Progress",
    "RayExecutor",
    "Started",
    "Stop",
    "Store",
    "Stored",
    "Tally",
    "Warned",
    "evaluate",
    "interruptible",
    "join",
    "parse_budget",
]
