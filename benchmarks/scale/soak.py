"""One process that explains for an hour, with faults; its memory, and its store at the end.

Texts of all lengths, put together from the sentences of the embedded reviews, are explained on the
embedded classifier, one run after the other, all into one store. Half of the runs meet a fault and
are then run again. Another process deletes from the store every minute.
"""

from __future__ import annotations

import ctypes
import gc
import math
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

import interplay as ip
from benchmarks.ground.row import Row
from benchmarks.table import REPOSITORY
from interplay.demo import PHRASES, long_review, model_path, short_review
from interplay.errors import BackendError, BudgetExceeded, StoreError
from interplay.evaluate import Store
from interplay.evaluate.pruning import prune
from interplay.evaluate.verification import verify
from interplay.models.hf_classifier import HFClassifier
from interplay.value_function import BoolArray

SEED = 11
SETTLED = 10.0
"""Minutes after which memory shall not grow any more."""

WINDOW = 5.0
"""Minutes at the start and the end of the rest, whose medians are compared."""

SAMPLED = 2.0
"""Seconds between two looks at the memory."""

FAULTS = ("exception", "Ctrl-C", "cancelled", "full disk")
PRUNED = 60.0
"""Seconds between two prunings."""

SAME = 1e-4
"""Values of a float model agree that well, whichever masks share a batch."""


def rows(quick: bool) -> list[Row]:
    """The lines of the table."""
    minutes = float(os.environ.get("SOAK_MINUTES", 1 if quick else 60))
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(Path(folder))
        soak.run(minutes)
    return soak.rows(minutes)


@dataclass
class Soak:
    """What it has done and seen."""

    folder: Path
    runs: int = 0
    evaluations: int = 0
    reused: int = 0
    struck: Counter[str] = field(default_factory=Counter)
    missed: int = 0  # faults that came after the end of their run
    checked: int = 0  # stored values that were asked again
    wrong: int = 0
    prunings: int = 0
    deleted: int = 0
    problems: list[str] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)  # minutes, MB
    held: list[tuple[float, float]] = field(default_factory=list)  # minutes, MB that malloc gave

    @property
    def store(self) -> Path:
        return self.folder / "runs.db"

    def run(self, minutes: float) -> None:
        """Explain until the time is over."""
        rng = np.random.default_rng(SEED)
        model = HFClassifier.load(str(model_path()))
        with Store(self.store):
            pass
        over = threading.Event()
        beside = [
            threading.Thread(target=self._sample, args=(over,)),
            threading.Thread(target=self._prune, args=(over,)),
        ]
        for thread in beside:
            thread.start()
        began = time.monotonic()
        try:
            while time.monotonic() - began < 60 * minutes:
                if self.runs % 20 == 19:  # as whoever starts again would
                    model = HFClassifier.load(str(model_path()))
                self._explain(_value(rng, model), rng)
                if self.runs % 10 == 0:
                    gc.collect()
                    self.held.append(((time.monotonic() - began) / 60, allocated()))
                if self.runs % 100 == 0:
                    print(f"soak: {self.runs} runs, {self.memory[-1][1]:.0f} MB", flush=True)
        finally:
            over.set()
            for thread in beside:
                thread.join()
        with Store(self.store, read_only=True) as store:
            self.problems += verify(store).problems

    def _explain(self, value: Any, rng: np.random.Generator) -> None:
        options = {
            "budget": int(rng.integers(40, 400)),
            "seed": int(rng.integers(10)),
            "store": self.store,
            "on_event": lambda event: None,
        }
        fault = str(rng.choice(FAULTS)) if rng.random() < 0.5 else None
        if fault is not None:
            self._struck(fault, value, options, int(rng.integers(1, 6)))
        found = ip.explain(value, **options)
        self.runs += 1
        self.evaluations += found.cost.calls
        self.reused += found.cost.reused
        found.interactions("SII", order=2)
        found.save(self.folder / "run.json")
        ip.load(self.folder / "run.json")
        self._check(value, found.config["fingerprint"], rng)

    def _struck(self, fault: str, value: Any, options: dict[str, Any], when: int) -> None:
        strike = _Strike(value, fault, when)
        more = {"stop": strike.stop} if fault == "cancelled" else {}
        try:
            with _room(self.store, when * 2_000) if fault == "full disk" else _nothing():
                ip.explain(strike, **options, **more)
        except (BackendError, BudgetExceeded, KeyboardInterrupt, StoreError) as error:
            expected = {
                "exception": BackendError,
                "Ctrl-C": KeyboardInterrupt,
                "cancelled": BudgetExceeded,
                "full disk": StoreError,
            }
            if not isinstance(error, expected[fault]):
                self.problems.append(f"{fault}: {error!r}")
            self.struck[fault] += 1
        else:
            cut = fault == "cancelled" and strike.stopped
            self.struck[fault] += cut
            self.missed += not cut

    def _check(self, value: Any, fingerprint: str, rng: np.random.Generator) -> None:
        """Ask some stored masks again."""
        with Store(self.store, read_only=True) as store:
            if not store.count(fingerprint):  # pruned meanwhile, or of groups in two passes
                return
            masks, stored, _ = store.recording(fingerprint)
        some = rng.choice(len(masks), min(4, len(masks)), replace=False)
        if masks.shape[1] != len(value.features):
            return
        now = np.asarray(value(masks[some])).reshape(len(some), -1)
        self.checked += len(some)
        self.wrong += int((np.abs(now - stored[some]) > SAME).any(axis=1).sum())

    # --- beside it --------------------------------------------------------------------------

    def _sample(self, over: threading.Event) -> None:
        page, began = os.sysconf("SC_PAGE_SIZE"), time.monotonic()
        while True:
            resident = int(Path("/proc/self/statm").read_text().split()[1]) * page
            self.memory.append(((time.monotonic() - began) / 60, resident / 1e6))
            if over.wait(SAMPLED):
                return

    def _prune(self, over: threading.Event) -> None:
        while not over.wait(PRUNED):
            # in turn: all that there is, also of the run that is under way; what is a minute old
            age = 60 * (self.prunings % 2)
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.scale.soak", str(self.store), str(age)],
                cwd=REPOSITORY,
                capture_output=True,
                text=True,
            )
            self.prunings += 1
            if done.returncode:
                self.problems.append(f"pruning: {done.stderr[-500:]}")
            else:
                self.deleted += int(done.stdout)

    # --- what it came to --------------------------------------------------------------------

    def minutes(self) -> list[float]:
        """The median of each minute, in MB."""
        of: dict[int, list[float]] = {}
        for minute, megabytes in self.memory:
            of.setdefault(int(minute), []).append(megabytes)
        return [round(statistics.median(of[minute]), 1) for minute in sorted(of)]

    def growth(self, minutes: float) -> tuple[float, float, float]:
        """MB after the first ten minutes, MB at the end, and the highest of the time between."""
        settled = min(SETTLED, minutes / 3)
        window = min(WINDOW, minutes / 4)
        early = [mb for at, mb in self.memory if settled <= at < settled + window]
        late = [mb for at, mb in self.memory if at >= minutes - window]
        peak = max(mb for at, mb in self.memory if at >= settled)
        return statistics.median(early), statistics.median(late), peak

    def rows(self, minutes: float) -> list[Row]:
        """The lines of the table."""
        early, late, peak = self.growth(minutes)
        grown = 100 * (late / early - 1)
        held = [mb for at, mb in self.held if at >= min(SETTLED, minutes / 3)] or [math.nan]
        struck = ", ".join(f"{number} {fault}" for fault, number in sorted(self.struck.items()))
        what = f"{minutes:g} minutes of explaining on the embedded model in one process"
        counts = {
            "runs": self.runs,
            "evaluations": self.evaluations,
            "reused": self.reused,
            "struck": dict(self.struck),
            "faults that came too late": self.missed,
            "stored values asked again": self.checked,
            "prunings": self.prunings,
            "evaluations deleted": self.deleted,
            "problems": self.problems,
        }
        sound = not (self.problems or self.wrong) and min(map(self.struck.__getitem__, FAULTS)) > 0
        return [
            Row(
                what=f"{what}: memory",
                bar="< 5 % growth after the first ten minutes",
                measured=(
                    f"{grown:+.1f} %: {early:.0f} MB after ten minutes, {late:.0f} MB at the end "
                    f"(medians of {WINDOW:g} minutes; highest since then {peak:.0f} MB); between "
                    f"runs {held[0]:.0f} and {held[-1]:.0f} MB of it are allocated, the rest is "
                    "libraries, and free pieces that the allocator keeps"
                ),
                met=grown < 5 and minutes >= 60,
                detail={
                    "MB, median of each minute": self.minutes(),
                    "MB allocated between runs": [
                        (round(at, 1), round(mb, 1)) for at, mb in self.held
                    ],
                },
            ),
            Row(
                what=f"{what}: its store",
                bar="verified at the end",
                measured=(
                    f"{self.runs:,} runs, {self.evaluations:,} evaluations made; {struck}; "
                    f"{self.prunings} prunings beside it deleted {self.deleted:,}; "
                    f"{len(self.problems)} problems, {self.wrong} wrong of {self.checked:,} values "
                    "asked again"
                ),
                met=sound,
                detail=counts,
            ),
        ]


class _Malloc(ctypes.Structure):
    """``struct mallinfo2`` of glibc."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


def allocated() -> float:
    """MB that malloc has given and not got back, in all threads: what a leak would add to."""
    told = ctypes.CDLL("libc.so.6").mallinfo2
    told.restype = _Malloc
    now = told()
    return float(now.uordblks + now.hblkhd) / 1e6


class _Strike:
    """A value function with a fault in its ``when``-th call."""

    def __init__(self, value: Any, fault: str, when: int) -> None:
        self._value, self._fault, self._left = value, fault, when
        self.stopped = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._value, name)

    def __call__(self, masks: BoolArray) -> Any:
        return self.measure(masks)

    def measure(self, masks: BoolArray) -> Any:
        self._left -= 1
        if not self._left and self._fault == "exception":
            raise RuntimeError("the model is out of memory")
        if not self._left and self._fault == "Ctrl-C":
            raise KeyboardInterrupt
        ask: Callable[[BoolArray], Any] = getattr(self._value, "measure", self._value)
        return ask(masks)

    def stop(self) -> str | None:
        self.stopped = self._left <= 0
        return "cancelled" if self.stopped else None


@contextmanager
def _room(store: Path, left: int) -> Iterator[None]:
    """Let no file grow beyond the store's and some more, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    largest = max(file.stat().st_size for file in store.parent.glob(f"{store.name}*"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest + left, hard))
    try:
        yield
    finally:
        gc.collect()  # the store of a run that failed is closed before there is room again
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def _nothing() -> Iterator[None]:
    yield


SENTENCES = [
    *PHRASES,
    *re.split(r"(?<=[.!?])\s+", f"{short_review()} {long_review()}".replace("\n", " ")),
]


def _value(rng: np.random.Generator, model: HFClassifier) -> Any:
    """A text of one to twelve sentences, in words, in sentences, or in words within sentences."""
    some = rng.choice(len(SENTENCES), int(rng.integers(1, 13)), replace=False)
    text = " ".join(SENTENCES[i] for i in some)
    units = "word" if len(some) < 3 else str(rng.choice(["word", "sentence", "sentence+word"]))
    return ip.text(text, model=model, units=units)


def main(path: Path, age: float) -> None:
    """Delete from a store what nothing was added to for some seconds; print how much."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))  # the full disk is not this one's
    with Store(path) as store:
        before = datetime.now(UTC) - timedelta(seconds=age)
        pruned = prune(store, before=before, delete=True)
    print(sum(function.evaluations for function in pruned.functions))


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
