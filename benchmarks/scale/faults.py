"""Two hundred faults over runs in one process, with Ray's workers, and against a server."""

from __future__ import annotations

import time

from benchmarks.ground.faults import campaign, told
from benchmarks.ground.row import Row
from benchmarks.ground.struck import BATCH, EVALUATIONS, WORKERS

SEED = 10
WAYS = ("local", "ray", "server", "local")
"""In turn."""


def rows(quick: bool) -> list[Row]:
    """The line of the table."""
    faults = 24 if quick else 200
    began = time.perf_counter()
    tally = campaign(faults, seed=SEED, ways=WAYS, tell=lambda line: print(line, flush=True))
    what = (
        f"{faults} faults at random moments of runs of {EVALUATIONS:,} evaluations, batches of "
        f"{BATCH}: in one process, with {WORKERS} Ray workers, against a server"
    )
    return [told(faults, tally, time.perf_counter() - began, what)]
