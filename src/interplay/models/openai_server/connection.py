"""The way to a server: an event loop of its own, clients, and what one attempt gives."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from interplay.errors import BackendError, BadInput, InterplayError, MissingExtra
from interplay.models.openai_server.batch import Batch, Outcome, Request
from interplay.models.openai_server.faults import Fault, from_status
from interplay.models.openai_server.ledger import Cap, Ledger
from interplay.models.openai_server.limits import Pace
from interplay.models.openai_server.options import Options


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
        self._trust = httpx2.create_ssl_context() if https else None
        self._direct = not _proxied(options.base_url)
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
            batch = Batch(self, requests, attempts or self.options.max_attempts, read)
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

        from interplay.models.openai_server.wire import OneConnection

        if self._free:
            return self._free.pop()
        options = self.options
        client = httpx2.AsyncClient(
            timeout=httpx2.Timeout(options.read_timeout, connect=options.connect_timeout),
            limits=httpx2.Limits(max_connections=1, max_keepalive_connections=1),
            verify=self._trust or False,
            transport=OneConnection(self._trust) if self._direct else None,
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
            body = answer.content
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
                body.decode("utf-8", "replace"),
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
                    f"{where} sent an answer that is not whole JSON ({len(body):,} bytes of it)"
                ),
                again=True,
                billed=True,
            )
        return data


def _proxied(url: str) -> bool:
    """Whether the environment names a proxy for an address."""
    parts = urlsplit(url)
    named = getproxies()
    through = parts.scheme in named or "all" in named
    return through and not proxy_bypass(parts.hostname or "")


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
