"""Two hundred faults over runs in one process, with Ray's workers, and against a server."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.ground.faults import Tally, campaign, told
from benchmarks.ground.row import Row
from benchmarks.ground.struck import BATCH, EVALUATIONS, WORKERS

SEED = 10
WAYS = ("local", "ray", "server", "local")
"""In turn."""

LANES = 3
"""So many campaigns at a time, each with runs of its own."""


def rows(quick: bool) -> list[Row]:
    """The line of the table."""
    faults = 24 if quick else 201
    began = time.perf_counter()
    tally = Tally()
    with ThreadPoolExecutor(LANES) as lanes:
        for one in lanes.map(lambda lane: _lane(lane, faults // LANES), range(LANES)):
            tally.add(one)
    what = (
        f"{faults} faults at random moments of runs of {EVALUATIONS:,} evaluations, batches of "
        f"{BATCH}: in one process, with {WORKERS} Ray workers, against a server"
    )
    return [told(faults, tally, time.perf_counter() - began, what)]


def _lane(lane: int, faults: int) -> Tally:
    return campaign(
        faults,
        seed=SEED + lane,
        ways=WAYS[lane:] + WAYS[:lane],  # not all with Ray at a time
        tell=lambda line: print(f"lane {lane}: {line}", flush=True),
    )
