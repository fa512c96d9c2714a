"""Runs that are killed, fail or find the disk full, again and again, until they are through.

Each run evaluates 10,000 masks into a new store. A fault strikes it at a random moment, it is
started again, and so on. After every fault the store must hold all that the run had been told is
stored, each value as the value function gave it; and all in all no mask may be evaluated twice,
but for those in the batch that a fault struck.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.ground.row import Row
from interplay.errors import BackendError, StoreError
from interplay.evaluate import Event, Progress, Store, evaluate
from interplay.masks import uniform
from interplay.value_function import BoolArray, FloatArray

EVALUATIONS = 10_000
FEATURES = 120
BATCH = 64
SEED = 7
RAISED, FULL = 3, 4
ENDS = {"kill": -signal.SIGKILL, "exception": RAISED, "disk": FULL}
"""The exit code of a run that each fault has struck; 0 where it came too late."""


def masks() -> BoolArray:
    return uniform(FEATURES, EVALUATIONS, np.random.default_rng(SEED))


def values(rows: BoolArray) -> FloatArray:
    """Two targets in whole numbers: the same bits whichever rows share a batch."""
    weights = np.random.default_rng(SEED).integers(-99, 99, (FEATURES, 2))
    return (rows.astype(np.int64) @ weights) / 8


class Struck:
    """A value function that a fault strikes at call ``when``; it tells what it is asked."""

    batch_size = BATCH
    fingerprint = "struck"

    def __init__(self, store: Path, fault: str, when: int, rng: np.random.Generator) -> None:
        self.store, self.fault, self.when, self.rng = store, fault, when, rng
        self.calls = 0

    def __call__(self, rows: BoolArray) -> FloatArray:
        tell(f"asked {len(rows)}")
        self.calls += 1
        if self.calls == self.when:
            if self.fault == "kill":
                # in a thread: it may strike anywhere in the next batches, in a commit as well
                threading.Thread(target=self._kill, daemon=True).start()
            elif self.fault == "disk":
                self._fill()
            elif self.fault == "exception":
                raise RuntimeError("the model is out of memory")
        return values(rows)

    def _kill(self) -> None:
        time.sleep(float(self.rng.uniform(0, 0.01)))
        os.kill(os.getpid(), signal.SIGKILL)

    def _fill(self) -> None:
        """Let no file grow by more than some pages from here on, as a full disk does."""
        import resource

        files = self.store.parent.glob(f"{self.store.name}*")
        largest = max(file.stat().st_size for file in files)
        limit = largest + int(self.rng.integers(0, 60_000))
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


def tell(line: str) -> None:
    os.write(1, f"{line}\n".encode())  # at once: what is in a buffer dies with the process


def work(path: Path, fault: str, when: int, seed: int) -> int:
    """One start of a run, in a process of its own."""

    def on_event(event: Event) -> None:
        if isinstance(event, Progress):
            tell(f"kept {event.done}")

    function = Struck(path, fault, when, np.random.default_rng(seed))
    try:
        with Store(path) as store:
            done = evaluate(function, masks(), store=store, on_event=on_event)
            return 0 if (done.values == values(masks())).all() else 5
    except BackendError:
        return RAISED
    except StoreError:
        return FULL


@dataclass
class Tally:
    """What a campaign has seen."""

    runs: int = 0
    starts: int = 0
    struck: Counter[str] = field(default_factory=Counter)
    lost: int = 0  # evaluations that were said to be stored and are not
    wrong: int = 0  # values in a store that are not those of the value function
    repeated: int = 0  # evaluations made again beyond the batch that a fault struck
    again: int = 0  # evaluations made again in all
    unexpected: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not (self.lost or self.wrong or self.repeated or self.unexpected)


def campaign(faults: int, *, seed: int = 0, most: int = 6) -> Tally:
    """Run until so many faults have struck; a run is let through after ``most`` of them."""
    rng = np.random.default_rng(seed)
    tally = Tally()
    while sum(tally.struck.values()) < faults:
        with tempfile.TemporaryDirectory() as folder:
            _run(Path(folder, "runs.db"), faults, most, rng, tally)
        tally.runs += 1
    return tally


def _run(path: Path, faults: int, most: int, rng: np.random.Generator, tally: Tally) -> None:
    asked = stored = struck = 0
    code = -1
    while code != 0:
        more = struck < most and sum(tally.struck.values()) < faults
        fault = str(rng.choice(list(ENDS))) if more else "none"
        left = -(-(EVALUATIONS - stored) // BATCH)
        when = int(rng.integers(1, left + 1)) if left else 1
        lines, code, errors = start(path, fault, when, int(rng.integers(2**31)))
        tally.starts += 1
        if code == ENDS.get(fault):
            tally.struck[fault] += 1
            struck += 1
        elif code != 0:
            tally.unexpected.append(f"{fault}: exit {code}: {errors[-500:]}")
            return
        now_asked = sum(int(line.split()[1]) for line in lines if line.startswith("asked"))
        kept = max((int(line.split()[1]) for line in lines if line.startswith("kept")), default=0)
        before = stored
        with Store(path) as store:
            found = store.get("struck", masks())
        stored = int(found.found.sum())
        tally.lost += max(kept - stored, 0) + max(before - stored, 0)
        tally.wrong += int((found.values != values(masks()[found.found])).any(axis=1).sum())
        asked += now_asked
        wasted = now_asked - (stored - before)
        tally.again += wasted
        tally.repeated += max(wasted - BATCH, 0) if code else wasted
    if stored != EVALUATIONS:
        tally.unexpected.append(f"a run ended with {stored} evaluations in its store")


def start(path: Path, fault: str, when: int, seed: int) -> tuple[list[str], int, str]:
    """Start a run; return the lines that it told whole, its exit code and its errors."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.ground.faults", str(path), fault, str(when), str(seed)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    lines = [line for line in done.stdout.splitlines(keepends=True) if line.endswith("\n")]
    return lines, done.returncode, done.stderr


def rows(quick: bool) -> list[Row]:
    """The line of the table."""
    faults = 12 if quick else 100
    began = time.perf_counter()
    tally = campaign(faults)
    struck = ", ".join(f"{number} {fault}" for fault, number in sorted(tally.struck.items()))
    return [
        Row(
            what=(
                f"{faults} faults at random moments of runs of {EVALUATIONS:,} evaluations "
                f"(kill -9, exception in the model, full disk), batches of {BATCH}"
            ),
            bar="0 lost committed evaluations, 0 wrong values, 0 repeated beyond the batch struck",
            measured=(
                f"{tally.lost} lost, {tally.wrong} wrong, {tally.repeated} repeated beyond "
                f"({tally.again} repeated in all; {struck}; {tally.runs} runs)"
            ),
            met=tally.clean and sum(tally.struck.values()) >= faults,
            detail={
                "struck": dict(tally.struck),
                "starts": tally.starts,
                "repeated in all": tally.again,
                "unexpected": tally.unexpected,
                "seconds": time.perf_counter() - began,
            },
        )
    ]


if __name__ == "__main__":
    sys.exit(work(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
