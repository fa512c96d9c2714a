"""A run that faults strike, in a process of its own: what it evaluates, and what strikes it.

Every evaluation is written down the moment it is made, in a file to which everybody who evaluates
appends; the faults strike when that file has reached a length.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import numpy as np

import interplay as ip
from benchmarks.inputs.server import RESPONSE, TEXT, distinct, exact
from interplay.errors import BackendError, StoreError
from interplay.evaluate import Event, Progress, RayExecutor, Store, evaluate
from interplay.masks import uniform
from interplay.value_function import BoolArray, FloatArray

EVALUATIONS = 10_000
FEATURES = 120
BATCH = 64
SEED = 7
WORKERS = 2
RAISED, FULL, OTHERWISE = 3, 4, 5
ENDS = {"kill": -signal.SIGKILL, "exception": RAISED, "disk": FULL, "server": RAISED}
"""The exit code of a run that such a fault has ended; 0 where it came too late."""

PASSING = ("worker", "clock")
"""Faults that a run goes on after."""

ENTRY = np.dtype([("process", "<u4"), ("row", "<u4")])
"""Of the file of all evaluations."""

JUMPS = (timedelta(days=-4_000), timedelta(hours=-1), timedelta(seconds=5), timedelta(days=4_000))


@dataclass(frozen=True)
class Start:
    """What one start of a run is told; JSON-able.

    Attributes
    ----------
    way
        who evaluates: "local", "ray" or "server".
    store, folder
        the store; where the log and the flags are, on a disk that is never full.
    strikes
        faults, and how many evaluations there are in the log when each strikes.
    ballast
        a file that fills the disk of the store; "": a limit on the size of files does.
    """

    way: str
    store: str
    folder: str
    strikes: tuple[tuple[str, int], ...] = ()
    seed: int = 0
    ballast: str = ""
    url: str = ""
    server: int = 0  # its process

    @property
    def log(self) -> Path:
        return Path(self.folder, "answered.txt" if self.way == "server" else "evaluated.bin")


def masks(n: int = FEATURES) -> BoolArray:
    if n < 30:
        return distinct(EVALUATIONS, n, SEED)  # type: ignore[no-any-return]
    return uniform(n, EVALUATIONS, np.random.default_rng(SEED))


def values(rows: BoolArray) -> FloatArray:
    """Two targets in whole numbers: the same bits whichever rows share a batch."""
    weights = np.random.default_rng(SEED).integers(-99, 99, (FEATURES, 2))
    return (rows.astype(np.int64) @ weights) / 8


class Struck:
    """A value function that writes down what it has evaluated, and may raise after that."""

    batch_size = BATCH
    fingerprint = "struck"
    features = tuple(f"x{i}" for i in range(FEATURES))

    def __init__(self, folder: str) -> None:
        self.log, self.flag = Path(folder, "evaluated.bin"), Path(folder, "raise")
        known = np.packbits(masks(), axis=1)
        self.row = {mask.tobytes(): row for row, mask in enumerate(known)}

    def __call__(self, rows: BoolArray) -> FloatArray:
        entries = np.empty(len(rows), dtype=ENTRY)
        entries["process"] = os.getpid()
        entries["row"] = [self.row[mask.tobytes()] for mask in np.packbits(rows, axis=1)]
        found = values(rows)
        time.sleep(0.001)
        append(self.log, entries.tobytes())
        try:
            self.flag.unlink()
        except FileNotFoundError:
            return found
        raise RuntimeError("the model is out of memory")


def append(path: Path, octets: bytes) -> None:
    """Write at the end of a file that others append to as well, all at once."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, octets)
    os.close(file)


def tell(line: str) -> None:
    os.write(1, f"{line}\n".encode())  # at once: what is in a buffer dies with the process


class Striker(threading.Thread):
    """Strikes when it is time."""

    def __init__(self, start: Start) -> None:
        super().__init__(daemon=True)
        self.start_ = start
        self.rng = np.random.default_rng(start.seed)
        self.before = self.length()

    def length(self) -> int:
        return self.start_.log.stat().st_size if self.start_.log.exists() else 0

    def run(self) -> None:
        entry = 70 if self.start_.way == "server" else ENTRY.itemsize  # bytes, or nearly
        strikes: dict[str, Callable[[], object]] = {
            "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
            "worker": self._kill_worker,
            "exception": Path(self.start_.folder, "raise").touch,
            "disk": self._fill,
            "server": lambda: os.kill(self.start_.server, signal.SIGKILL),
            "clock": lambda: jump(JUMPS[self.rng.integers(len(JUMPS))]),
        }
        for fault, when in self.start_.strikes:
            # not before this start has evaluated something
            while self.length() < max(when * entry, self.before + 1):
                time.sleep(0.001)
            time.sleep(float(self.rng.uniform(0, 0.01)))  # anywhere in a batch, and in a commit
            tell(f"struck {fault}")
            strikes[fault]()

    def _kill_worker(self) -> None:
        mine = np.frombuffer(self.start_.log.read_bytes()[self.before :], dtype=ENTRY)
        last = mine["process"][-2 * WORKERS * BATCH :]
        os.kill(int(self.rng.choice(np.unique(last))), signal.SIGKILL)

    def _fill(self) -> None:
        """Let no file grow by more than some pages from here on."""
        import resource

        left = int(self.rng.integers(0, 60_000))
        store = Path(self.start_.store)
        if self.start_.ballast:
            disk = os.statvfs(store.parent)
            with suppress(OSError):  # the store has grown meanwhile, and it is full
                Path(self.start_.ballast).write_bytes(
                    bytes(max(disk.f_bavail * disk.f_frsize - left, 0))
                )
            return
        largest = max(file.stat().st_size for file in store.parent.glob(f"{store.name}*"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest + left, largest + left))


def jump(by: timedelta) -> None:
    """Let the clock be another one from here on, for all of this process."""
    true, seconds = time.time, by.total_seconds()
    time.time = lambda: true() + seconds

    class Jumped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + by

    for name, module in list(sys.modules.items()):
        if name.startswith("interplay.") and getattr(module, "datetime", None) is not None:
            module.datetime = Jumped  # type: ignore[attr-defined]


def served(url: str) -> Any:
    """Return the value function of a text behind a server."""
    return ip.text(
        TEXT,
        model="openai:words",
        base_url=url,
        target=f"logprob:{RESPONSE}",
        concurrency=16,
        max_attempts=2,
    )


def truth(function: Any, asked: BoolArray) -> FloatArray:
    """Return the values of masks, computed apart from the run, float ``(m, q)``."""
    if isinstance(function, Struck):
        return values(asked)
    return exact(function, asked)[:, None]  # type: ignore[no-any-return]


def work(start: Start) -> int:
    """Go on with the run, to its end or to a fault."""
    function: Any = Struck(start.folder) if start.way != "server" else served(start.url)
    executor: AbstractContextManager[Any] = (
        RayExecutor(WORKERS) if start.way == "ray" else nullcontext()
    )

    def on_event(event: Event) -> None:
        if isinstance(event, Progress):
            tell(f"kept {event.done}")

    asked = masks(len(function.features))
    striker = Striker(start)
    tell(f"before {striker.before}")
    try:
        with Store(start.store) as store, executor as workers:
            striker.start()
            done = evaluate(
                function,
                asked,
                store=store,
                on_event=on_event,
                executor=workers,
                batch_size=BATCH,
            )
    except (BackendError, StoreError) as error:
        tell(f"error {error}")
        return RAISED if isinstance(error, BackendError) else FULL
    return 0 if right(done.values, truth(function, asked)).all() else OTHERWISE


def right(found: FloatArray, expected: FloatArray) -> BoolArray:
    """Which rows are what they shall be."""
    return (np.abs(found - expected) < 1e-9).all(axis=1)  # type: ignore[no-any-return]
