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
from benchmarks.scale.simulated_ray import Machines, simulated
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
    """A large run: how many masks, on which machines, in chunks of which sizes.

    ``others`` are other machines for it, by name, with the first size of chunks.
    """

    name: str
    masks: int
    machines: Machines
    chunks: tuple[int, ...]
    ahead: tuple[int, ...] = (1, 2, 4, 8)
    others: tuple[tuple[str, Machines], ...] = ()

    def variants(self) -> list[tuple[str, int, int, Machines]]:
        """The name, chunks, number in flight for each worker, and machines of each."""
        ours = [("", chunk, ahead, self.machines) for chunk in self.chunks for ahead in self.ahead]
        return [*ours, *((name, self.chunks[0], AHEAD, other) for name, other in self.others)]


_SCORING = Machines(
    16, 0.05, call=0.02, spread=0.2, slow=0.01, slower=5, load=180, lives=100 * HOUR, way=0.01,
    **DRIVER,
)  # fmt: skip
_RETRAINS = Machines(
    64, 15.0, spread=0.1, slow=0.01, slower=3, load=60, lives=200 * HOUR, notice=30, way=0.01,
    **DRIVER,
)  # fmt: skip
_FAST = Machines(64, 0.01, spread=0.2, way=0.01, **DRIVER)
CASES = (
    Case(
        "a 70B model, 16 workers of 4 GPUs, 100,000 masks of .05 s",
        100_000,
        _SCORING,
        (8, 64),
        others=(
            ("five times as slow", replace(_SCORING, evaluation=0.25)),
            ("twice as fast", replace(_SCORING, evaluation=0.025)),
        ),
    ),
    Case(
        "ResNet-9, 64 workers of one GPU, 300,000 retrains of 15 s",
        300_000,
        _RETRAINS,
        (8, 32),
        (1, 2, 4),
        (
            ("a worker lives 10 h, not 200", replace(_RETRAINS, lives=10 * HOUR)),
            ("a worker lives 50 h", replace(_RETRAINS, lives=50 * HOUR)),
            ("retrains of 5 s", replace(_RETRAINS, evaluation=5.0)),
            ("retrains of 60 s", replace(_RETRAINS, evaluation=60.0)),
        ),
    ),
    Case(
        "64 workers, 400,000 evaluations of 10 ms",
        400_000,
        _FAST,
        (64,),
        (AHEAD,),
        (
            ("256 workers", replace(_FAST, workers=256)),
            ("1,024 workers", replace(_FAST, workers=1024)),
        ),
    ),
)


def rows(quick: bool) -> list[Row]:
    """The lines of the table."""
    share = 20 if quick else 1
    found = [_checked_ray(quick), _checked_server(quick)]
    for case in CASES:
        some = masks(case.masks // share)
        found.append(_row(case, [_line(case, *each, some) for each in case.variants()]))
        print(f"simulation: {found[-1].what}: {found[-1].measured}", flush=True)
    return [*found, _server(100_000 // share)]


def masks(m: int) -> BoolArray:
    """Masks that differ, of few features: what they are does not matter here."""
    numbers = np.arange(m, dtype=">u4")
    return np.unpackbits(numbers.view(np.uint8).reshape(m, 4), axis=1).view(np.bool_)


def _row(case: Case, lines: list[dict[str, Any]]) -> Row:
    """Return the row of a case: its first variant with as many in flight as there are."""
    first = next(line for line in lines if line["in flight"] == AHEAD)
    told = (
        f"{_hours(first['seconds'])} in chunks of {first['chunk']}: workers {first['busy']:.1%} "
        f"busy, {first['loading']:.1%} loading, {first['waiting']:.2%} waiting for chunks, "
        f"{first['tail']:.2%} idle at the end, {first['wasted']:.2%} lost with {first['deaths']} "
        f"workers; driver {first['driver']:.1%} busy"
    )
    return Row(f"simulated: {case.name}", "(reported)", told, True, {"workers": lines})


def _line(
    case: Case, name: str, chunk: int, ahead: int, machines: Machines, some: BoolArray
) -> Any:
    """Return the figures of one variant of a case."""
    past = simulated(machines, some, batch=chunk, ahead=ahead, seed=SEED)
    parts = ("busy", "loading", "waiting", "tail", "wasted", "dead")
    return {
        "run": name or case.name,
        "chunk": chunk,
        "in flight": ahead,
        "seconds": past.whole,
        **{part: past.share(part) for part in parts},
        "driver": past.driver / past.whole,
        "deaths": past.deaths,
        "queue": sum(k * n for k, n in past.queue.items()) / sum(past.queue.values()),
    }


def _hours(seconds: float) -> str:
    return f"{seconds / HOUR:.2f} h" if seconds > 2 * HOUR else f"{seconds / 60:.1f} min"


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


def _server(requests: int) -> Row:
    """An API whose limit is 10,000 requests per minute."""
    limit, lines = 10_000.0, []
    for latency, concurrency, rounds in (
        (2.0, 512, 32),
        (2.0, 512, 4),
        (2.0, 512, 1),
        (2.0, 128, 32),
        (2.0, 32, 32),
        (0.5, 128, 32),
        (0.5, 32, 32),
    ):
        seconds = paced(requests, concurrency, latency, per_minute=limit, spread=0.5, rounds=rounds)
        lines.append(
            {
                "answers after": latency,
                "at once": concurrency,
                "batch": rounds * concurrency,
                "seconds": seconds,
                "per minute": 60 * requests / seconds,
            }
        )
    return Row(
        f"simulated: an API at {limit:,.0f} requests per minute, {requests:,} of them, answers "
        f"after {lines[0]['answers after']:g} s, {lines[0]['at once']} at once",
        "(reported)",
        f"{_hours(lines[0]['seconds'])}, {lines[0]['per minute']:,.0f} per minute",
        True,
        {"server": lines},
    )


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
    """Return the tables of all variants."""
    workers = [
        [
            line["run"],
            line["chunk"],
            line["in flight"],
            _hours(line["seconds"]),
            *(f"{100 * line[part]:.2f} %" for part in ("busy", "loading", "waiting", "tail")),
            f"{100 * (line['wasted'] + line['dead']):.2f} % ({line['deaths']})",
            f"{line['queue']:.2f}",
            f"{100 * line['driver']:.1f} %",
        ]
        for row in found
        for line in row.detail.get("workers", ())
    ]
    server = [
        [
            f"{line['answers after']:g} s",
            line["at once"],
            f"{line['batch']:,}",
            _hours(line["seconds"]),
            f"{line['per minute']:,.0f}",
        ]
        for row in found
        for line in row.detail.get("server", ())
    ]
    return "\n\n".join(
        [
            "## Simulated workers",
            "Shares are of the time of all workers. Waiting: without a chunk while some were left; "
            "tail: when none were. Queue: the chunks that a worker has when another arrives. One "
            "chunk in a hundred takes five times as long (70B model), or three times (retrains).",
            markdown(
                [
                    *("run", "chunk", "in flight for each", "takes", "busy", "loading", "waiting"),
                    *("tail", "lost with workers", "queue", "driver busy"),
                ],
                workers,
            ),
            "## A simulated API",
            markdown(["answers after", "at once", "batch", "takes", "per minute"], server),
        ]
    )
