"""What the sections of a run share: where rows go, which methods there are, how much time."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from types import FrameType
from typing import Protocol, TypeVar

import numpy as np

import interplay as ip
from benchmarks.engine.data import Data
from benchmarks.engine.peers import Peer
from benchmarks.engine.results import Measured, Results
from benchmarks.ground.row import Row
from interplay.metrics import r_squared

T = TypeVar("T")

LONGEST_FIT, QUICK_FIT = 300, 60
"""Seconds after which one fit is given up, and its row says so."""


@dataclass
class Run:
    """One run of the benchmark.

    Attributes
    ----------
    subject
        the method that is held to the bars.
    methods
        all methods that are compared, the subject first.
    deadline
        on the clock of ``time.monotonic``: no cell is begun after it.
    """

    results: Results
    subject: str
    methods: Sequence[str]
    peers: Mapping[str, Peer] = field(default_factory=dict)
    quick: bool = False
    deadline: float = inf

    @property
    def seeds(self) -> tuple[int, ...]:
        return (0,) if self.quick else (0, 1, 2)

    def in_time(self, cells: Iterable[T]) -> Iterator[T]:
        """Yield cells until the deadline."""
        for cell in cells:
            if time.monotonic() > self.deadline:
                print("no more cells: this section's time is over", flush=True)
                return
            yield cell

    def fit(
        self,
        section: str,
        data: Data,
        method: str,
        seed: int,
        figures: Callable[[Data, str, int], Measured] | None = None,
    ) -> Measured:
        """Return the row of one fit, from the results where it is there."""

        def measure() -> Measured:
            with at_most(QUICK_FIT if self.quick else LONGEST_FIT):
                return (figures or faithfulness_figures)(data, method, seed)

        return self.results.row(section, f"{data.name} m={data.m}", method, seed, measure)


@dataclass(frozen=True)
class Part:
    """What a section says: rows that are held to a bar, and its text with tables."""

    bars: list[Row]
    text: str


class Section(Protocol):
    """A module of this package.

    ``SECTION`` is the key of its rows, ``MINUTES`` its share of a quick run.
    """

    SECTION: str
    MINUTES: float

    def measure(self, run: Run) -> None: ...

    def report(self, run: Run) -> Part: ...


def faithfulness_figures(data: Data, method: str, seed: int) -> Measured:
    """Return R² of the surrogate and of its 200 largest terms, its own estimate, and its time."""
    started = time.perf_counter()
    surrogate = ip.fit(data.masks, data.values, method=method, seed=seed)
    seconds = time.perf_counter() - started
    own = surrogate.faithfulness
    figures = {
        "name": data.name,
        "family": data.family,
        "n": data.n,
        "m": data.m,
        "r2": r_squared(data.truth, surrogate.predict(data.test)),
        "own": own.value,
        "low": own.low,
        "high": own.high,
        "seconds": seconds,
    }
    started = time.perf_counter()
    spectrum = surrogate.spectrum(200)
    figures["spectrum_seconds"] = time.perf_counter() - started
    figures["shown"] = r_squared(data.truth, spectrum.predict(data.test))
    figures["terms"] = len(spectrum)
    # JSON knows no NaN and no infinity
    return {
        k: None if isinstance(v, float) and not np.isfinite(v) else v for k, v in figures.items()
    }


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """Raise TimeoutError in the block after so many seconds, where the system can."""
    if not hasattr(signal, "setitimer") or signal.getitimer(signal.ITIMER_REAL)[0] > 0:
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
