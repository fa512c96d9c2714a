"""A Ray that is not there: its workers live by a clock of their own, and evaluate nothing.

``RayExecutor`` and all that is behind it run as they are; what they import as ``ray`` is a cluster
of simulated machines, on which hours pass in a moment.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from interplay.evaluate import RayExecutor, evaluate, ray_executor
from interplay.evaluate.answer import Answer
from interplay.evaluate.executors import Reply
from interplay.value_function import BoolArray


@dataclass(frozen=True)
class Machines:
    """Workers, and how long what they do takes; times in seconds.

    Attributes
    ----------
    workers
        how many.
    evaluation
        of one mask, on average.
    call
        of a call of the value function, whatever the number of its masks.
    spread
        standard deviation of the logarithm of a chunk's time.
    slow, slower
        this share of the chunks takes so many times as long.
    load
        what a worker takes until it has its model.
    lives
        mean time until a worker is lost; infinite: none is.
    notice
        from the loss of a worker until the driver hears of it.
    way
        from the driver to a worker, and back.
    driver_chunk, driver_mask
        what the driver does for a chunk, and for a mask in it.
    seconds
        of a call with these masks, where it is not drawn from the above.
    """

    workers: int
    evaluation: float
    call: float = 0.0
    spread: float = 0.0
    slow: float = 0.0
    slower: float = 1.0
    load: float = 0.0
    lives: float = float("inf")
    notice: float = 5.0
    way: float = 0.001
    driver_chunk: float = 0.0
    driver_mask: float = 0.0
    seconds: Callable[[BoolArray], float] | None = None


class _Lost(Exception):
    """What Ray raises for a worker that is gone."""


class _TaskError(Exception):
    """What Ray raises for an error on the way; there is none here."""


@dataclass(eq=False)
class _Promise:
    """What comes back at a time: a value, or the loss of the worker."""

    at: float
    value: Any = None
    lost: bool = False
    masks: int = 0  # of a chunk


@dataclass
class Past:
    """What happened, in seconds of the simulated clock, summed over workers.

    Attributes
    ----------
    whole
        the run, from its start to its end.
    busy
        evaluating what counted.
    wasted
        evaluating, or loading, what was lost with a worker.
    loading
        getting their models, first and again.
    dead
        lost, and nobody had noticed.
    waiting
        without a chunk while there were some to hand out.
    tail
        without a chunk when there were none any more.
    driver
        what the driver worked; it is one.
    deaths
        workers lost.
    queue
        chunks at a worker, the one in work included, when another arrived; by number of times.
    """

    workers: int
    whole: float = 0.0
    busy: float = 0.0
    wasted: float = 0.0
    loading: float = 0.0
    dead: float = 0.0
    waiting: float = 0.0
    tail: float = 0.0
    driver: float = 0.0
    deaths: int = 0
    queue: dict[int, int] = field(default_factory=dict)

    def share(self, what: str) -> float:
        """Return one of the above as a share of the time of all workers."""
        return float(getattr(self, what)) / (self.workers * self.whole)


class Cluster:
    """The clock, the workers, and what of Ray's interface is used."""

    def __init__(self, machines: Machines, seed: int = 0) -> None:
        self.machines = machines
        self.rng = np.random.default_rng(seed)
        self.now = 0.0
        self.handed_out = 0.0  # when the last chunk was
        self.past = Past(machines.workers)
        self.actors: list[_Actor] = []

    def wait(
        self, promises: list[_Promise], timeout: float
    ) -> tuple[list[_Promise], list[_Promise]]:
        """Let time pass until one of the promises is kept."""
        first = min(promises, key=lambda promise: promise.at)
        self.now = max(self.now, first.at)
        return [first], [promise for promise in promises if promise is not first]

    def get(self, promise: _Promise) -> Any:
        """Return what was promised; the driver then works on it."""
        if promise.lost:
            raise _Lost("the worker is gone")
        if promise.masks:
            work = self.machines.driver_chunk + promise.masks * self.machines.driver_mask
            self.now += work
            self.past.driver += work
        return promise.value

    def seconds(self, masks: BoolArray) -> float:
        """Return what one call takes."""
        of = self.machines
        if of.seconds is not None:
            return of.seconds(masks)
        drawn = of.call + of.evaluation * len(masks)
        drawn *= float(np.exp(self.rng.normal(-(of.spread**2) / 2, of.spread)))
        return drawn * (of.slower if self.rng.random() < of.slow else 1.0)

    def ended(self) -> Past:
        """Return what happened, now that the run has ended."""
        past, past.whole = self.past, self.now
        for actor in self.actors:
            actor.account(self.now)
        return past

    def module(self) -> ModuleType:
        """Return what is to be imported as ray."""
        ray: Any = ModuleType("ray")
        ray.exceptions = SimpleNamespace(RayError=_Lost, RayTaskError=_TaskError)
        ray.is_initialized = lambda: True
        ray.cluster_resources = lambda: {"CPU": np.inf, "GPU": np.inf}
        ray.remote = lambda **options: lambda kind: SimpleNamespace(remote=self._actor)
        ray.kill = lambda actor: actor.account(self.now)
        ray.put = lambda content: object()
        ray.wait, ray.get = self.wait, self.get
        return ray  # type: ignore[no-any-return]

    def _actor(self) -> _Actor:
        self.actors.append(_Actor(self))
        return self.actors[-1]


class _Actor:
    """One worker, in the order of what it is told to do."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.born = self.free_at = cluster.now
        lives = cluster.machines.lives
        self.dies_at = self.born + (
            float(cluster.rng.exponential(lives)) if np.isfinite(lives) else lives
        )
        self.spans: list[tuple[str, float, float]] = []  # what it did, from, to
        self.load = SimpleNamespace(remote=self._load)
        self.call = SimpleNamespace(remote=self._call)

    def _load(self, *arguments: Any) -> _Promise:
        return self._promise("loading", self.cluster.machines.load, None, 0)

    def _call(self, number: int, packed: NDArray[np.uint8], n: int, replicate: int) -> _Promise:
        cluster = self.cluster
        waiting = sum(1 for _, _, end in self.spans[-16:] if end > cluster.now)
        cluster.past.queue[waiting] = cluster.past.queue.get(waiting, 0) + 1
        cluster.handed_out = cluster.now
        masks = np.unpackbits(packed, axis=1, count=n).view(np.bool_)
        seconds = cluster.seconds(masks)
        answer = Answer.of(np.zeros(len(masks)), len(masks), seconds)
        return self._promise("busy", seconds, Reply(number, answer), len(masks))

    def _promise(self, what: str, seconds: float, value: Any, masks: int) -> _Promise:
        machines = self.cluster.machines
        begins = max(self.free_at, self.cluster.now + machines.way)
        ends = self.free_at = begins + seconds
        if ends <= self.dies_at:
            self.spans.append((what, begins, ends))
            return _Promise(ends + machines.way, value, masks=masks)
        if begins < self.dies_at:  # it dies of this one
            self.spans.append(("wasted", begins, self.dies_at))
            self.cluster.past.deaths += 1
        return _Promise(max(self.dies_at + machines.notice, self.cluster.now), lost=True)

    def account(self, now: float) -> None:
        """Add up what it did until now; it is killed, or the run has ended."""
        if self.born == np.inf:
            return
        past, last = self.cluster.past, self.born
        handed_out = self.cluster.handed_out
        for what, begins, ends in self.spans:
            setattr(past, what, getattr(past, what) + min(ends, now) - min(begins, now))
            past.waiting += max(begins - last, 0.0)
            last = ends
        rest = max(now - last, 0.0)
        if last == self.dies_at:
            past.dead += rest
        else:
            tail = max(now - max(last, handed_out), 0.0)
            past.tail += tail
            past.waiting += rest - tail
        self.born = np.inf


def simulated(
    machines: Machines,
    masks: BoolArray,
    *,
    batch: int,
    ahead: int = ray_executor.AHEAD,
    seed: int = 0,
) -> Past:
    """Run masks through the executor of Ray on simulated machines; return what happened."""
    cluster = Cluster(machines, seed)
    with _imported(cluster, ahead), RayExecutor(machines.workers) as executor:
        done = evaluate(_Nothing(), masks, batch_size=batch, executor=executor)
        past = cluster.ended()
    assert done.calls == len(masks)
    return past


class _Nothing:
    """A value function that nobody calls."""

    fingerprint = "nothing"

    def __call__(self, masks: BoolArray) -> Any:
        raise AssertionError("simulated workers call nothing")


@contextmanager
def _imported(cluster: Cluster, ahead: int) -> Iterator[None]:
    """Let ``import ray`` give the simulated one, and each worker have ``ahead`` chunks."""
    with (
        patch.dict(sys.modules, {"ray": cluster.module()}),
        patch.object(ray_executor, "packed", lambda value_function, make: b""),
        patch.object(ray_executor, "AHEAD", ahead),
    ):
        yield
