"""Value functions called by Ray's workers: on this machine, or on a cluster."""

from __future__ import annotations

import atexit
import math
import re
import sys
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import shorten
from typing import Any, Final, Self

import numpy as np

from interplay.errors import BackendError, BadInput, InterplayError, check_whole, required
from interplay.evaluate.executors import Chunk, Reply, Workers
from interplay.evaluate.ray_cluster import connect
from interplay.evaluate.ray_worker import Worker, packed
from interplay.version import __version__

AHEAD: Final = 2
"""Chunks that one worker has at a time: the next is there when it has done the first."""

DEATHS: Final = 3
"""So many workers may die of one chunk, or in a row while they make the value function."""

PATIENCE: Final = 60.0
"""Seconds after which it is said that no worker is ready yet."""

POLL: Final = 1.0
"""Seconds that one wait takes at most, so that Ctrl-C is noticed."""


class RayExecutor:
    """Calls value functions in worker processes, each with a value function of its own.

    A value function that a lens made is made again in each worker from what it says of itself: a
    model is loaded there, and is never sent. So are those that ``make`` returns. Any other is sent
    as it is. Where both have a fingerprint of their own, another one in a worker (another model
    under the same name on its disk) is refused.

    Of a worker that dies its chunk is asked again on a new one; a chunk of which three workers die
    ends the run with a :class:`~interplay.errors.BackendError`, and what the others gave is kept.

    Parameters
    ----------
    workers
        how many.
    make
        called without arguments in each worker; returns the value function. For one of groups of
        features, the one over the features that were grouped.
    address
        of a cluster that is there: ``"auto"`` or ``"HOST:PORT"``. None: Ray is started on this
        machine, bound to 127.0.0.1, without dashboard and usage statistics, and ended with the
        executor. Where this process has called ``ray.init``, that Ray is used.
    num_cpus
        cores for each worker, and threads of its numpy and torch.
    num_gpus
        GPUs for each worker, such as 1 or 0.5; a worker sees no other, and with 0 none.

    Raises
    ------
    MissingExtra
        Ray is not installed.
    BadInput
        a number is out of range, or there is not the room for it.
    BackendError
        Ray cannot be started, or reached.

    Notes
    -----
    Nothing is started before the first value is missing from the store. A value function that keeps
    to its budget by itself (a server's) is called in this process, whatever the executor: several
    would each spend the budget, and a server answers many requests at a time anyway.

    Examples
    --------
    >>> import interplay as ip
    >>> with RayExecutor(workers=2) as executor:  # doctest: +SKIP
    ...     found = ip.explain(value_function, executor=executor)
    """

    def __init__(
        self,
        workers: int = 2,
        *,
        make: Callable[[], Callable[..., Any]] | None = None,
        address: str | None = None,
        num_cpus: float = 1,
        num_gpus: float = 0,
    ) -> None:
        self.size = check_whole("workers", workers, 1)
        for name, share, least in (("num_cpus", num_cpus, "more than"), ("num_gpus", num_gpus, "")):
            number = isinstance(share, int | float) and not isinstance(share, bool)
            if not number or not math.isfinite(share) or share < 0 or (least and not share):
                raise BadInput(f"{name} must be a number of {least or 'at least'} 0; got {share!r}")
        if make is not None and not callable(make):
            raise BadInput(f"make must be a function that returns the value function; got {make!r}")
        self.make, self.address = make, address
        self.num_cpus, self.num_gpus = float(num_cpus), float(num_gpus)
        self._pool: _Pool | None = None

    @contextmanager
    def workers(self, value_function: Callable[..., Any]) -> Iterator[Workers]:
        """Return the workers for a run; they outlive it, as does what they have loaded."""
        run = _Run(self, value_function)
        try:
            yield run
        finally:
            run.give_up()

    @property
    def pool(self) -> _Pool:
        """The workers; started where they are not."""
        if self._pool is None:
            self._pool = _Pool(self)
            atexit.register(self.close)
        return self._pool

    def close(self) -> None:
        """End the workers, and Ray if it was started here; closing twice is allowed."""
        if self._pool is not None:
            atexit.unregister(self.close)
            self._pool.close()
            self._pool = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


@dataclass
class _Slot:
    """The place of a worker: its actor, what it has loaded, and its chunks in order."""

    actor: Any
    loading: Any = None  # the promise of its answer to load
    loaded: object = None  # the payload that it has
    chunks: deque[tuple[Any, Chunk]] = field(default_factory=deque)  # promise, chunk

    @property
    def due(self) -> Any:
        """What comes back from it next; None where it has nothing to do."""
        return self.loading or (self.chunks[0][0] if self.chunks else None)


class _Run:
    """The workers of one run of evaluations."""

    def __init__(self, executor: RayExecutor, value_function: Callable[..., Any]) -> None:
        self.executor, self.value_function = executor, value_function
        self.most = AHEAD * executor.size
        self.waiting: deque[Chunk] = deque()
        self.replies: deque[Reply] = deque()
        self.deaths: dict[int | None, int] = {}  # by the chunk they died of; None: of loading
        self.broken: InterplayError | None = None
        self.warn_at = time.monotonic() + PATIENCE

    def submit(self, chunk: Chunk) -> None:
        self.executor.pool.load(self.value_function)
        self.waiting.append(chunk)
        self.hand_out()

    def reply(self) -> Reply:
        while not self.replies:
            if self.broken is not None and self.waiting:
                return Reply(self.waiting.popleft().number, error=self.broken)
            self.wait()
            self.hand_out()
        return self.replies.popleft()

    def hand_out(self) -> None:
        """Give each worker that is ready the chunks that it may have."""
        pool = self.executor.pool
        ready = [slot for slot in pool.slots if slot.loaded is pool.payload]
        while self.waiting and ready and self.broken is None:
            slot = min(ready, key=lambda one: len(one.chunks))
            if len(slot.chunks) >= AHEAD:
                return
            chunk = self.waiting.popleft()
            n = chunk.masks.shape[1]
            promise = slot.actor.call.remote(
                chunk.number, np.packbits(chunk.masks, axis=1), n, chunk.replicate
            )
            slot.chunks.append((promise, chunk))

    def wait(self) -> None:
        """Wait for something to come back from any worker, and see to it."""
        import ray

        pool = self.executor.pool
        first = {slot.due: slot for slot in pool.slots if slot.due is not None}
        ready, _ = ray.wait(list(first), timeout=POLL)
        if not ready and time.monotonic() > self.warn_at and all(s.loading for s in pool.slots):
            self.warn_at = math.inf
            free = ray.available_resources()
            warnings.warn(
                f"no worker is ready after {PATIENCE:.0f} s: each wants "
                f"{self.executor.num_cpus:g} CPUs and {self.executor.num_gpus:g} GPUs, and free "
                f"are {free.get('CPU', 0):g} and {free.get('GPU', 0):g}. If they have begun, the "
                "machine is busy or the model large",
                stacklevel=2,
            )
        for promise in ready:
            slot = first[promise]
            try:
                told = ray.get(promise)
            except ray.exceptions.RayTaskError as error:  # Ray could not bring it there or back
                told = error
            except ray.exceptions.RayError as error:
                self.bury(slot, error)
                continue
            if slot.loading is not None:
                self.made(slot, told)
                continue
            _, chunk = slot.chunks.popleft()
            failed = isinstance(told, Exception)
            self.replies.append(Reply(chunk.number, error=told) if failed else told)

    def made(self, slot: _Slot, error: Exception | None) -> None:
        """Note that a worker has its value function, or why not."""
        slot.loading = None
        if error is None:
            slot.loaded = self.executor.pool.payload
            self.deaths.pop(None, None)  # in a long run a few are lost while they load
        elif self.broken is None:
            self.broken = BackendError(
                f"a worker could not make the value function: {type(error).__name__}: {error}. "
                "RayExecutor(make=...) takes a function that makes it there"
            )
            self.broken.__cause__ = error

    def bury(self, slot: _Slot, error: Exception) -> None:
        """Replace a worker that is lost; what it had is asked again."""
        pool = self.executor.pool
        lost = [chunk for _, chunk in slot.chunks]
        suspect = lost[0] if slot.loading is None else None  # the others had not begun
        number = None if suspect is None else suspect.number
        self.deaths[number] = self.deaths.get(number, 0) + 1
        if self.deaths[number] < DEATHS:
            self.waiting.extendleft(reversed(lost))
        else:
            told = BackendError(_died_of(suspect, error))
            if suspect is None:
                self.broken = self.broken or told
            else:
                self.replies.append(Reply(suspect.number, error=told))
                lost = lost[1:]
            self.waiting.extendleft(reversed(lost))
        pool.replace(slot)

    def give_up(self) -> None:
        """Replace the workers that are still at it: nobody waits for their replies any more."""
        pool = self.executor._pool
        if pool is not None:
            for slot in [slot for slot in pool.slots if slot.chunks]:
                pool.replace(slot)


def _died_of(chunk: Chunk | None, error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    last = re.sub(r"\x1b\[[0-9;]*m", "", lines[-1] if lines else type(error).__name__)
    what = (
        "while they made the value function"
        if chunk is None
        else f"of the same batch of {len(chunk.masks)} masks"
    )
    return (
        f"{DEATHS} workers died {what} (out of memory, or killed?). Fewer workers or smaller "
        f"batches need less memory. Ray says: {shorten(last, 200)}"
    )


class _Pool:
    """The actors of an executor, and the value function that they have or are to have."""

    def __init__(self, executor: RayExecutor) -> None:
        ray = required("ray", "ray")
        self.executor = executor
        self.ends = ExitStack()
        connect(
            self.ends,
            address=executor.address,
            workers=executor.size,
            num_cpus=executor.num_cpus,
            num_gpus=executor.num_gpus,
        )
        threads = str(max(int(executor.num_cpus), 1))
        variables = {
            f"{library}_NUM_THREADS": threads for library in ("OMP", "MKL", "OPENBLAS", "NUMEXPR")
        }
        if not executor.num_gpus:
            variables["CUDA_VISIBLE_DEVICES"] = ""
        self.kind = ray.remote(
            num_cpus=executor.num_cpus,
            num_gpus=executor.num_gpus,
            max_restarts=0,
            max_task_retries=0,
            runtime_env={"env_vars": variables},
        )(Worker)
        self.value_function: Callable[..., Any] | None = None
        self.payload: Any = None
        self.slots = [_Slot(self.kind.remote()) for _ in range(executor.size)]

    def load(self, value_function: Callable[..., Any]) -> None:
        """Have all workers make a value function, unless that is what they have."""
        import ray

        if self.value_function is not value_function:
            self.payload = ray.put(packed(value_function, self.executor.make))
            self.value_function = value_function
            for slot in self.slots:
                slot.loading = None
        for slot in self.slots:
            if slot.loaded is not self.payload and slot.loading is None:
                self.begin(slot)

    def begin(self, slot: _Slot) -> None:
        slot.loading = slot.actor.load.remote(self.payload, str(Path.cwd()), sys.path, __version__)

    def replace(self, slot: _Slot) -> None:
        """Put a new worker in the place of one that is lost, or of no use any more."""
        import ray

        ray.kill(slot.actor)
        slot.actor, slot.loaded = self.kind.remote(), None
        slot.chunks.clear()
        self.begin(slot)

    def close(self) -> None:
        import ray

        if ray.is_initialized():
            for slot in self.slots:
                ray.kill(slot.actor)
        self.ends.close()
