"""Requests that are sent together: each is tried until it is answered or hopeless."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from interplay.errors import BackendError, InterplayError
from interplay.models.openai_server.faults import Fault

if TYPE_CHECKING:
    from interplay.models.openai_server.connection import Connection

FIRST_WAIT = 0.1
LONGEST_WAIT = 20.0
# A server that asks for more than this is not waited for.
PATIENCE = 600.0


@dataclass(frozen=True)
class Request:
    """What is sent, and the most tokens that prompt and completion may take.

    Without a ``body`` it only asks (GET).
    """

    path: str
    body: dict[str, Any] | None
    prompt: int = 0
    completion: int = 0


@dataclass
class Outcome:
    """What came back, None where nothing did, and what it cost, failed attempts included.

    ``value`` is what was read from it, ``fault`` what was wrong with the last attempt.
    """

    data: dict[str, Any] | None = None
    value: Any = None
    fault: Fault | None = None
    tokens: float = 0.0
    usd: float = 0.0
    attempts: int = 0


@dataclass
class Batch:
    """The requests of one call of :meth:`Connection.ask`; all of it runs in the loop's thread."""

    connection: Connection
    requests: Sequence[Request]
    max_attempts: int
    read: Callable[[int, dict[str, Any]], Any] | None
    outcomes: list[Outcome] = field(init=False)
    failure: InterplayError | None = None

    def __post_init__(self) -> None:
        self.outcomes = [Outcome() for _ in self.requests]
        # retries first: the last ones would wait alone otherwise
        self._ready = [(1, i) for i in range(len(self.requests))]
        self._waiting = 0  # for their next attempt
        self._flying: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        self._over = self.connection.loop.create_future()
        self._pump()
        await self._over

    def cancel(self) -> None:
        self._stop(BackendError("interrupted"))
        for task in self._flying:
            task.cancel()

    def _stop(self, failure: InterplayError) -> None:
        """Send nothing more; what is in flight is still received."""
        if self.failure is None:
            self.failure = failure
        self._ready.clear()

    def _pump(self) -> None:
        """Send what may be sent now."""
        connection, pace = self.connection, self.connection.pace
        while self._ready and not pace.full:
            number = self._ready[0][1]
            request = self.requests[number]
            now = connection.loop.time()
            wait = pace.wait(request.prompt + request.completion, now)
            if wait > 0:
                self._pump_in(wait)
                break
            if not connection.cap.fits(request.prompt, request.completion):
                if not self._flying:  # else: those in flight may cost less than they might
                    self._stop(connection.cap.spent())
                break
            heapq.heappop(self._ready)
            pace.take(request.prompt + request.completion, now)
            connection.cap.send(request.prompt, request.completion)
            task = connection.loop.create_task(self._one(number))
            self._flying.add(task)
            task.add_done_callback(self._landed)
        idle = not self._flying and not self._ready
        if idle and (self.failure is not None or not self._waiting) and not self._over.done():
            self._over.set_result(None)

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._flying.discard(task)
        if not task.cancelled() and task.exception() is not None and not self._over.done():
            self._over.set_exception(task.exception())  # type: ignore[arg-type]
        self._pump()

    def _pump_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.connection.loop.call_later(seconds, self._pump)

    async def _one(self, number: int) -> None:
        connection, request, outcome = (
            self.connection,
            self.requests[number],
            self.outcomes[number],
        )
        ledger, pace = connection.ledger, connection.pace
        if request.body is not None:
            ledger.attempts += 1
            ledger.retries += outcome.attempts > 0
        outcome.attempts += 1
        prompt = completion = 0
        answer: dict[str, Any] | Fault | None = None
        try:
            answer = await connection.attempt(request)
        finally:
            if request.body is None:
                pass  # asking what there is costs nothing
            elif isinstance(answer, dict):
                used = _usage(answer)
                prompt, completion = used or (request.prompt, request.completion)
                ledger.answer(prompt, completion, told=used is not None)
                ledger.learn(prompt, request.prompt)
                pace.answered()
            elif answer is None or answer.billed:  # None: cancelled
                prompt, completion = request.prompt, request.completion
                ledger.doubt(prompt, completion)
            connection.cap.settle(request.prompt, request.completion)
            excess = request.prompt + request.completion - prompt - completion
            pace.done(excess, connection.loop.time())
            outcome.tokens += prompt + completion
            if ledger.prices is not None:
                outcome.usd += ledger.prices.usd(prompt, completion)
        if isinstance(answer, dict) and self.read is None:
            outcome.data = answer
        elif isinstance(answer, dict):
            try:
                outcome.value = self.read(number, answer)  # type: ignore[misc]
            except InterplayError as error:
                self._stop(error)
        elif answer is not None:
            outcome.fault = answer
            self._failed(number, answer)

    def _failed(self, number: int, fault: Fault) -> None:
        connection, tried = self.connection, self.outcomes[number].attempts
        if fault.crowded:
            connection.pace.refused(fault.wait or 0.0, connection.loop.time())
        if self.failure is not None:
            return
        if fault.again and (fault.wait or 0.0) > PATIENCE:
            error = BackendError(f"{fault.error}; it asks to wait {fault.wait:,.0f} s")
            self._stop(error)
        elif not fault.again or tried >= self.max_attempts:
            self._stop(fault.error if tried == 1 else _after(fault.error, tried))
        else:
            self._waiting += 1
            connection.loop.call_later(self._wait(fault, tried), self._again, number)

    def _wait(self, fault: Fault, tried: int) -> float:
        """Seconds until the next attempt: doubled each time, and not the same for all."""
        backoff = min(FIRST_WAIT * 2.0 ** (tried - 1), LONGEST_WAIT)
        jitter = self.connection.random.uniform(0.5, 1.0)
        if fault.wait is not None:
            return fault.wait + 0.1 * backoff * jitter
        return backoff * jitter

    def _again(self, number: int) -> None:
        self._waiting -= 1
        if self.failure is None:
            heapq.heappush(self._ready, (0, number))
        self._pump()


def _usage(data: dict[str, Any]) -> tuple[int, int] | None:
    usage = data.get("usage")
    if not isinstance(usage, dict):
        return None
    counts = usage.get("prompt_tokens"), usage.get("completion_tokens", 0) or 0
    if all(isinstance(count, int) and count >= 0 for count in counts):
        return counts  # type: ignore[return-value]
    return None


def _after(error: InterplayError, tried: int) -> InterplayError:
    return type(error)(
        f"{error} (tried {tried} times). What was received is kept; the same run goes on from there"
    )
