"""Runs that are too large to be made here: the scheduler on simulated machines.

The pipeline, its account and the executor of Ray are the real ones; so is what paces the requests
to a server. Only machines, their clock and their losses are simulated, at assumed speeds. Two small
runs are made for real as well, to see how far the simulation can be trusted.
"""

from __future__ import annotations

import heapq
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.ground.row import Row
from benchmarks.inputs import server
from benchmarks.scale.simulated_ray import Machines, Past, simulated
from benchmarks.table import markdown
from interplay.evaluate import RayExecutor, evaluate
from interplay.evaluate.ray_executor import AHEAD
from interplay.models.openai_server.limits import Pace
from interplay.models.openai_server.server import ROUNDS_PER_BATCH
from interplay.value_function import BoolArray, FloatArray

SEED = 5
HOUR = 3600.0
DRIVER = {"driver_chunk": 2e-3, "driver_mask": 5e-5}
"""Seconds; twice and more of what "ray" and "constants" measure here, with a store."""


@dataclass(frozen=True)
class Case:
    """A large run: how many masks, on which machines, in chunks of which sizes."""

    name: str
    masks: int
    machines: Machines
    chunks: tuple[int, ...]
    ahead: tuple[int, ...] = (1, 2, 4, 8)


SCORING = Case(
    "a 70B model, 16 workers of 4 GPUs, 100,000 masks of .05 s",
    100_000,
    Machines(
        16, 0.05, call=0.02, spread=0.2, slow=0.01, slower=5, load=180, lives=100 * HOUR, way=0.01,
        **DRIVER,
    ),
    (8, 64),
)  # fmt: skip
RETRAINS = Case(
    "ResNet-9, 64 workers of one GPU, 300,000 retrains of 15 s",
    300_000,
    Machines(
        64, 15.0, spread=0.1, slow=0.01, slower=3, load=60, lives=200 * HOUR, notice=30, way=0.01,
        **DRIVER,
    ),
    (8, 32),
    (1, 2, 4),
)  # fmt: skip
CASES = (SCORING, RETRAINS)


def rows(quick: bool) -> list[Row]:
    """The lines of the table."""
    share = 20 if quick else 1
    found = [_checked_ray(quick), _checked_server(quick)]
    for case in CASES:
        found += [
            _row(case, chunk, ahead, masks(case.masks // share))
            for chunk in case.chunks
            for ahead in case.ahead
        ]
        print(f"simulation: {case.name}", flush=True)
    found += _failures(masks(RETRAINS.masks // share))
    found += _workers(masks(400_000 // share))
    return found + _server(100_000 // share)


def masks(m: int) -> BoolArray:
    """Masks that differ, of few features: what they are does not matter here."""
    numbers = np.arange(m, dtype=">u4")
    return np.unpackbits(numbers.view(np.uint8).reshape(m, 4), axis=1).view(np.bool_)


def _row(case: Case, chunk: int, ahead: int, some: BoolArray, name: str = "") -> Row:
    past = simulated(case.machines, some, batch=chunk, ahead=ahead, seed=SEED)
    what = f"{name or case.name}: chunks of {chunk}, {ahead} in flight for each worker"
    figures = detail(name or case.name, past, chunk, ahead)
    return Row(what, "(reported)", told(past), True, figures)


def told(past: Past) -> str:
    """Return what happened in words."""
    return (
        f"{_hours(past.whole)}; workers {past.share('busy'):.1%} busy, "
        f"{past.share('loading'):.1%} loading, {past.share('waiting'):.2%} waiting for chunks, "
        f"{past.share('tail'):.2%} idle at the end, {past.share('wasted'):.2%} lost with "
        f"{past.deaths} workers; driver {past.driver / past.whole:.1%} busy"
    )


def detail(run: str, past: Past, chunk: int, ahead: int) -> dict[str, Any]:
    """Return the figures."""
    parts = ("busy", "loading", "waiting", "tail", "wasted", "dead")
    often = sum(past.queue.values())
    return {
        "run": run,
        "workers": past.workers,
        "chunk": chunk,
        "in flight": ahead,
        "seconds": past.whole,
        **{part: past.share(part) for part in parts},
        "driver": past.driver / past.whole,
        "deaths": past.deaths,
        "chunks there when one arrives": sum(k * n for k, n in past.queue.items()) / often,
    }


def _hours(seconds: float) -> str:
    return f"{seconds / HOUR:.2f} h" if seconds > 2 * HOUR else f"{seconds / 60:.1f} min"


def _failures(some: BoolArray) -> list[Row]:
    """The retrains, where workers are lost more or less often."""
    return [
        _row(
            replace(RETRAINS, machines=replace(RETRAINS.machines, lives=hours * HOUR)),
            8,
            AHEAD,
            some,
            f"the same where a worker lives {hours} h",
        )
        for hours in (10, 50)
    ]


def _workers(some: BoolArray) -> list[Row]:
    """How many workers one driver keeps busy, of a fast model."""
    return [
        _row(
            Case("", len(some), Machines(workers, 0.01, spread=0.2, way=0.01, **DRIVER), (64,)),
            64,
            AHEAD,
            some,
            f"{workers} workers, evaluations of 10 ms",
        )
        for workers in (64, 256, 1024)
    ]


# --- a server -----------------------------------------------------------------------------------


def paced(
    requests: int,
    concurrency: int,
    latency: float,
    *,
    per_minute: float | None = None,
    spread: float = 0.0,
    rounds: int = ROUNDS_PER_BATCH,
    seed: int = SEED,
) -> float:
    """Return the seconds that a run against a server takes: batches, requests at their pace.

    Each batch, ``rounds`` times as many requests as are sent at once, is over when its slowest is
    answered, and then the next one begins.
    """
    rng = np.random.default_rng(seed)
    pace, now, batch = Pace(concurrency, per_minute), 0.0, rounds * concurrency
    for start in range(0, requests, batch):
        left, flying = min(batch, requests - start), list[float]()
        while left or flying:
            wait = pace.wait(0, now) if left and not pace.full else float("inf")
            if wait <= 0:
                pace.take(0, now)
                drawn = latency * np.exp(rng.normal(-(spread**2) / 2, spread))
                heapq.heappush(flying, now + float(drawn))
                left -= 1
            elif flying and flying[0] <= now + wait:
                now = max(now, heapq.heappop(flying))
                pace.done(0, now)
                pace.answered()
            else:
                now += wait
    return now


def _server(requests: int) -> list[Row]:
    limit, found = 10_000.0, []
    for latency, concurrency, rounds in (
        (0.5, 32, 32),
        (0.5, 128, 32),
        (2.0, 32, 32),
        (2.0, 128, 32),
        (2.0, 512, 32),
        (2.0, 512, 4),
        (2.0, 512, 1),
    ):
        seconds = paced(requests, concurrency, latency, per_minute=limit, spread=0.5, rounds=rounds)
        found.append(
            Row(
                f"an API with a limit of {limit:,.0f} requests per minute, {requests:,} of them, "
                f"answers after {latency:g} s: {concurrency} at once, batches of "
                f"{rounds * concurrency:,}",
                "(reported)",
                f"{seconds / 60:.1f} min, {60 * requests / seconds:,.0f} per minute",
                True,
                {"seconds": seconds, "latency": latency, "concurrency": concurrency},
            )
        )
    return found


# --- against small real runs --------------------------------------------------------------------


class Sleeps:
    """A value function that sleeps, for some masks much longer."""

    fingerprint = "sleeps"

    def __call__(self, rows: BoolArray) -> FloatArray:
        time.sleep(seconds_of(rows))
        return np.full(len(rows), float(os.getpid()))


def seconds_of(rows: BoolArray) -> float:
    """What a call takes: a straggler among twenty."""
    number = int(rows[0] @ (1 << np.arange(rows.shape[1])[::-1]))
    return 0.5 if number // len(rows) % 20 == 7 else 0.1


def _checked_ray(quick: bool) -> Row:
    """Two workers of the real Ray that sleep, beside two that are simulated."""
    some, workers, chunk = masks(400 if quick else 1_600), 2, 8
    machines = Machines(workers, 0.0, seconds=seconds_of, **DRIVER)
    ideal = simulated(machines, some, batch=chunk).whole
    real = []
    with RayExecutor(workers) as executor:
        function = Sleeps()
        there = set[float]()
        while len(there) < workers:
            found = evaluate(function, masks(8 * chunk), batch_size=chunk, executor=executor)
            there |= set(found.values[:, 0])
        for _ in range(1 if quick else 3):
            began = time.perf_counter()
            evaluate(function, some, batch_size=chunk, executor=executor)
            real.append(time.perf_counter() - began)
    return _compared(
        f"{workers} Ray workers that sleep, {len(some) // chunk} chunks, one in twenty of them "
        "five times as long",
        ideal,
        real,
    )


def _checked_server(quick: bool) -> Row:
    """A real server that answers after 50 ms, beside the simulated one."""
    calls = 400 if quick else 2_000
    real = [server.measure(calls, 0.0, seed)["seconds"] for seed in range(1 if quick else 3)]
    return _compared(
        f"a server on this machine, {calls:,} requests of {server.LATENCY * 1000:.0f} ms, "
        f"{server.CONCURRENCY} at once",
        paced(calls, server.CONCURRENCY, server.LATENCY),
        real,
    )


def _compared(what: str, ideal: float, real: Sequence[float]) -> Row:
    ratios = [one / ideal for one in real]
    return Row(
        f"the simulation beside the real thing: {what}",
        "(reported)",
        f"real {statistics.median(real):.2f} s, simulated {ideal:.2f} s: "
        f"{statistics.median(ratios):.2f} times ({min(ratios):.2f} to {max(ratios):.2f})",
        True,
        {"real": list(real), "simulated": ideal},
    )


def report(found: Sequence[Row]) -> str:
    """Return the table of the simulated workers."""
    lines = [row.detail for row in found if "in flight" in row.detail]
    table = [
        [
            line["run"],
            line["chunk"],
            line["in flight"],
            _hours(line["seconds"]),
            *(f"{100 * line[part]:.2f} %" for part in ("busy", "loading", "waiting", "tail")),
            f"{100 * (line['wasted'] + line['dead']):.2f} % ({line['deaths']})",
            f"{line['chunks there when one arrives']:.2f}",
            f"{100 * line['driver']:.1f} %",
        ]
        for line in lines
    ]
    header = [
        *("run", "chunk", "in flight for each", "takes", "busy", "loading", "waiting", "tail"),
        *("lost with workers", "queue at a worker", "driver busy"),
    ]
    return (
        "## Simulated workers\n\nShares are of the time of all workers. Waiting: without a chunk "
        "while some were left; tail: when none were. Queue: the chunks that a worker has when "
        "another arrives. One chunk in a hundred takes five times as long (70B model), or three "
        "times (retrains).\n\n" + markdown(header, table)
    )
