"""The way to a server: many requests at once, each tried until it is answered or hopeless."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import json
import random
import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from interplay.errors import BackendError, BadInput, InterplayError, MissingExtra
from interplay.models.openai_server.faults import Fault, from_status
from interplay.models.openai_server.key import Key
from interplay.models.openai_server.ledger import Cap, Ledger
from interplay.models.openai_server.limits import Pace

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


@dataclass(frozen=True)
class Options:
    """How a server is talked to; times in seconds."""

    base_url: str
    model: str
    key: Key
    connect_timeout: float
    read_timeout: float
    max_attempts: int
    seed: int

    @property
    def where(self) -> str:
        """The server, for messages."""
        return f"the server at {self.base_url}"


class Connection:
    """Sends requests from an event loop of its own, in a thread, so that notebooks can use it.

    Every request that is answered is kept, whatever happens to the others. A request that waits
    for its next attempt holds no place, and goes before those that have not been sent.
    """

    def __init__(self, options: Options, pace: Pace, ledger: Ledger, cap: Cap) -> None:
        try:
            import httpx2
        except ImportError as error:
            raise MissingExtra("httpx2", "api") from error
        self.options, self.pace, self.ledger, self.cap = options, pace, ledger, cap
        self.random = random.Random(options.seed)
        self._one = threading.Lock()
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self.loop.run_forever, name="interplay-server", daemon=True
        )
        self._thread.start()
        https = options.base_url.startswith("https:")
        # plain http has no certificates, and reading the system's takes a quarter of a second
        self._trust = httpx2.create_ssl_context() if https else False
        self._all: list[Any] = []
        self._free: list[Any] = []
        self.close = weakref.finalize(self, _close, self.loop, self._thread, self._all)

    def __repr__(self) -> str:
        return f"Connection({self.options.base_url!r})"

    def ask(
        self,
        requests: Sequence[Request],
        *,
        attempts: int | None = None,
        read: Callable[[int, dict[str, Any]], Any] | None = None,
    ) -> tuple[list[Outcome], InterplayError | None]:
        """Send all requests; return what came back, and why some of it is missing.

        Parameters
        ----------
        attempts
            how often a request is tried; default: as the connection was told.
        read
            called with a request's number and its answer as it arrives, while others are on their
            way; what it returns is kept in place of the answer. An error that it raises is the
            failure: an answer that cannot be used is a reason to ask no more.
        """
        if not self.close.alive:
            raise BadInput("this connection to a server was closed: connect again")
        if not requests:
            return [], None
        with self._one:
            batch = _Batch(self, requests, attempts or self.options.max_attempts, read)
            future = asyncio.run_coroutine_threadsafe(batch.run(), self.loop)
            try:
                future.result()
            except BaseException:  # Ctrl-C: nothing more is sent
                self.loop.call_soon_threadsafe(batch.cancel)
                raise
        return batch.outcomes, batch.failure

    def _client(self) -> Any:
        """A client with one connection, for each request in flight.

        One pool of many connections looks through all of them at every request, which takes longer
        than all else.
        """
        import httpx2

        if self._free:
            return self._free.pop()
        options = self.options
        client = httpx2.AsyncClient(
            timeout=httpx2.Timeout(options.read_timeout, connect=options.connect_timeout),
            limits=httpx2.Limits(max_connections=1, max_keepalive_connections=1),
            verify=self._trust,
        )
        self._all.append(client)
        return client

    async def attempt(self, request: Request) -> dict[str, Any] | Fault:
        """Send a request once."""
        import httpx2

        options = self.options
        where = options.where
        client = self._client()
        try:
            # the key is put in here, and not kept by the client
            answer = await client.request(
                "GET" if request.body is None else "POST",
                options.base_url + request.path,
                json=request.body,
                headers=options.key.header(),
            )
            body = answer.text
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            return Fault(_unreachable(error, options), again=not _hopeless(error))
        except httpx2.TimeoutException:
            return Fault(
                BackendError(f"{where} did not answer within {options.read_timeout:g} s"),
                again=True,
                billed=True,
            )
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            told = options.key.redact(str(error)) or type(error).__name__
            return Fault(
                BackendError(f"{where} broke the connection off: {told}"), again=True, billed=True
            )
        except (httpx2.InvalidURL, ValueError) as error:
            told = options.key.redact(str(error))
            return Fault(BadInput(f"cannot send to {options.base_url!r}: {told}"), again=False)
        finally:
            self._free.append(client)
        self.pace.read(answer.headers, self.loop.time())
        if answer.status_code != 200:
            return from_status(
                answer.status_code,
                answer.headers,
                body,
                where=where,
                model=options.model,
                key=options.key,
            )
        try:
            data = json.loads(body)
        except ValueError:
            data = None
        if not isinstance(data, dict):
            return Fault(
                BackendError(
                    f"{where} sent an answer that is not whole JSON "
                    f"({len(body):,} characters of it)"
                ),
                again=True,
                billed=True,
            )
        return data


@dataclass
class _Batch:
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


def _causes(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _hopeless(error: Exception) -> bool:
    told = " ".join(str(one) for one in _causes(error)).lower()
    return any(word in told for word in ("ssl", "certificate", "name or service", "nodename"))


def _unreachable(error: Exception, options: Options) -> InterplayError:
    told = " ".join(str(one) for one in _causes(error)).lower()
    where = options.where
    if "ssl" in told or "certificate" in told:
        return BadInput(
            f"{where} has no certificate that this machine trusts, or does not speak TLS: check "
            "https:// against http:// in base_url, or set SSL_CERT_FILE to the right authority"
        )
    if _hopeless(error):
        return BadInput(f"{where} cannot be found: no such host. Check base_url")
    if "timed out" in told or "timeout" in type(error).__name__.lower():
        return BackendError(
            f"{where} cannot be reached within {options.connect_timeout:g} s: check host and port "
            "of base_url, and whether a firewall is between"
        )
    return BackendError(
        f"nothing listens at {options.base_url} (connection refused): start the server, or check "
        "host and port of base_url"
    )


def _close(
    loop: asyncio.AbstractEventLoop, thread: threading.Thread, clients: Sequence[Any]
) -> None:
    if not thread.is_alive():
        return
    with contextlib.suppress(Exception):  # what will not close is closed with the process
        asyncio.run_coroutine_threadsafe(_close_all(clients), loop).result(timeout=2)
    loop.call_soon_threadsafe(loop.stop)
    if thread is not threading.current_thread():
        thread.join(timeout=2)
    if not loop.is_running():
        loop.close()


async def _close_all(clients: Sequence[Any]) -> None:
    for client in clients:
        await client.aclose()
