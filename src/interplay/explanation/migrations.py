"""Run files of older versions: what each lacks, and how it becomes one of the next version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np

Run = dict[str, Any]
Arrays = Mapping[str, Any]

_NO_EVALUATIONS: Final = (
    "This run was saved in version 1 of the run format, which kept no evaluations: it cannot be "
    "fitted again, or saved whole. Explain anew to have them."
)

_OF_THE_TARGET: Final = (
    *("target", "trust", "faithfulness", "values", "diagnostics"),
    *("energy", "main_effects", "top", "spectrum"),
)


def _run_1(run: Run) -> Run:
    """Several targets; a record of the sample; tokens and money in the cost."""
    rest = {key: value for key, value in run.items() if key not in _OF_THE_TARGET}
    config, cost = dict(run["config"]), run["cost"]
    budget = config.get("budget")
    found = {key: run[key] for key in _OF_THE_TARGET}
    law = run["faithfulness"]["distribution"]
    return {
        **rest,
        "trust": run["trust"],
        "notes": [_NO_EVALUATIONS],
        "cost": {**cost, "tokens": None, "usd": None},
        "sample": {
            "masks": cost["calls"] + cost["reused"],
            "replicates": 1,
            "design": "complete" if law == "exact" else law,
            "digest": "",
            "stopped": None,
        },
        "targets": [{**found, "noise_var": None, "fitted": config.pop("fitted")}],
        "config": {**config, "budget": None if budget is None else str(budget)},
    }


def _arrays_1(arrays: Arrays, run: Run) -> Arrays:
    """The file was a spectrum's; now it has one for each target, beside the evaluations."""
    names = ("packed", "coefficients", "standard_errors")
    return {f"{name}_0": arrays[name] for name in names if name in arrays}


def _run_2(run: Run) -> Run:
    return run


def _arrays_2(arrays: Arrays, run: Run) -> Arrays:
    """A whole surrogate for each target; all methods of before are a series, and nothing else."""
    series = ("packed", "coefficients", "standard_errors")
    result = {}
    for j, found in enumerate(run["targets"]):
        result[f"surrogate_{j}"] = np.array(found["fitted"])
        for name in series:
            if f"{name}_{j}" in arrays:
                result[f"surrogate_{j}.{name}"] = arrays[f"{name}_{j}"]
    others = [key for key in arrays if key.rpartition("_")[0] not in series]
    return {**{key: arrays[key] for key in others}, **result}


def _run_3(run: Run) -> Run:
    """Draws of the coefficients, faithfulness against calls, what was done with the result."""
    targets = [{**found, "draws": None, "convergence": []} for found in run["targets"]]
    return {**run, "targets": targets, "actions": []}


def _arrays_3(arrays: Arrays, run: Run) -> Arrays:
    return arrays


class Migration(NamedTuple):
    """How both files of a run become those of the next version."""

    run: Callable[[Run], Run]
    arrays: Callable[[Arrays, Run], Arrays]


MIGRATIONS: Final = (
    Migration(_run_1, _arrays_1),
    Migration(_run_2, _arrays_2),
    Migration(_run_3, _arrays_3),
)
"""Entry k brings a run from version k + 1 to k + 2."""

VERSION: Final = len(MIGRATIONS) + 1

EVALUATIONS_SINCE: Final = 2
DRAWS_SINCE: Final = 4
"""Versions from which on there are evaluations in the arrays, and draws of the coefficients."""


def migrated(run: Run, version: int) -> Run:
    """Return a run.json of an older version as one of today's."""
    for migration in MIGRATIONS[version - 1 :]:
        run = migration.run(run)
    return {**run, "version": VERSION}


def migrated_arrays(arrays: Arrays, run: Run, version: int) -> Arrays:
    """Return the arrays beside a run of an older version as today's; ``run`` is migrated."""
    for migration in MIGRATIONS[version - 1 :]:
        arrays = migration.arrays(arrays, run)
    return arrays
