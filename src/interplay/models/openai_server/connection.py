"""The way to a server: an event loop of its own, a session, and what one attempt gives."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import ssl
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from interplay.errors import BackendError, BadInput, InterplayError, required
from interplay.json_text import parse_json
from interplay.models.openai_server.batch import Batch, Outcome, Request
from interplay.models.openai_server.faults import Fault, from_status
from interplay.models.openai_server.ledger import Cap, Ledger
from interplay.models.openai_server.limits import Pace
from interplay.models.openai_server.options import Options

# Servers that close idle connections do so after five seconds or more.
KEPT_SECONDS = 4

MOST_ANSWER = 2**26
"""Bytes of one answer: the log-probabilities of a hundred thousand tokens take some ten million."""


class Connection:
    """Sends requests from an event loop of its own, in a thread, so that notebooks can use it.

    Every request that is answered is kept, whatever happens to the others. A request that waits
    for its next attempt holds no place, and goes before those that have not been sent.
    """

    def __init__(self, options: Options, pace: Pace, ledger: Ledger, cap: Cap) -> None:
        required("aiohttp", "api")
        self.options, self.pace, self.ledger, self.cap = options, pace, ledger, cap
        self.random = random.Random(options.seed)
        self._one = threading.Lock()
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self.loop.run_forever, name="interplay-server", daemon=True
        )
        self._thread.start()
        self._proxy = _proxy(options.base_url)
        self._sessions: list[Any] = []
        self.close = weakref.finalize(self, _close, self.loop, self._thread, self._sessions)

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

    def _session(self) -> Any:
        """The one session, made in the event loop when the first request is sent."""
        import aiohttp

        if not self._sessions:
            options = self.options
            https = options.base_url.startswith("https:")
            connector = aiohttp.TCPConnector(
                limit=0,  # how many requests are in flight is the batch's to say
                keepalive_timeout=KEPT_SECONDS,
                # reading the system's certificates takes a quarter of a second
                ssl=ssl.create_default_context() if https else False,
            )
            timeout = aiohttp.ClientTimeout(
                total=options.read_timeout, sock_connect=options.connect_timeout
            )
            self._sessions.append(aiohttp.ClientSession(connector=connector, timeout=timeout))
        return self._sessions[0]

    async def attempt(self, request: Request) -> dict[str, Any] | Fault:
        """Send a request once."""
        import aiohttp

        options = self.options
        where = options.where
        try:
            # the key is put in here, and not kept by the session; where a server points elsewhere,
            # the key must not follow
            async with self._session().request(
                "GET" if request.body is None else "POST",
                options.base_url + request.path,
                data=_payload(request.body),
                headers={**options.key.header(), "Content-Type": "application/json"},
                allow_redirects=False,
                proxy=self._proxy,
            ) as answer:
                body = await _body(answer)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return Fault(_unreachable(error, options), again=not isinstance(error, _hopeless()))
        except TimeoutError:
            return Fault(
                BackendError(f"{where} did not answer within {options.read_timeout:g} s"),
                again=True,
                billed=True,
            )
        except (aiohttp.InvalidURL, ValueError) as error:
            told = options.key.redact(str(error))
            return Fault(BadInput(f"cannot send to {options.base_url!r}: {told}"), again=False)
        except (aiohttp.ClientError, OSError) as error:
            told = options.key.redact(str(error)) or type(error).__name__
            return Fault(
                BackendError(f"{where} broke the connection off: {told}"), again=True, billed=True
            )
        if body is None:
            return Fault(
                BackendError(
                    f"{where} sent an answer of more than {MOST_ANSWER:,} bytes, which is not "
                    "read: is this the address of a server that speaks OpenAI's protocol?"
                ),
                again=False,
                billed=True,
            )
        body = options.key.take_out(body)
        self.pace.read(answer.headers, self.loop.time())
        if answer.status != 200:
            return from_status(
                answer.status,
                answer.headers,
                body.decode("utf-8", "replace"),
                where=where,
                model=options.model,
                key=options.key,
            )
        try:
            data, why = parse_json(body, strict=False), "it is no object"
        except ValueError as error:
            data, why = None, str(error)
        if not isinstance(data, dict):
            return Fault(
                BackendError(
                    f"{where} sent an answer that is not whole JSON ({len(body):,} bytes of it): "
                    f"{options.key.redact(why)}"
                ),
                again=True,
                billed=True,
            )
        return data


async def _body(answer: Any) -> bytes | None:
    """What a server answers; None where that is too much. What is packed counts unpacked."""
    body = bytearray()
    async for part in answer.content.iter_any():
        body += part
        if len(body) > MOST_ANSWER:
            return None
    return bytes(body)


def _payload(body: dict[str, Any] | None) -> bytes | None:
    """A request's body; raises ValueError where it holds what is no text or no number."""
    if body is None:
        return None
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _proxy(url: str) -> str | None:
    """The proxy that the environment names for an address."""
    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return None
    named = getproxies()
    return named.get(parts.scheme) or named.get("all")


def _hopeless() -> tuple[type[Exception], ...]:
    """What would be no better another time."""
    import aiohttp

    return (aiohttp.ClientSSLError, aiohttp.ClientConnectorDNSError)


def _unreachable(error: Exception, options: Options) -> InterplayError:
    import aiohttp

    where = options.where
    if isinstance(error, aiohttp.ClientSSLError):
        return BadInput(
            f"{where} has no certificate that this machine trusts, or does not speak TLS: check "
            "https:// against http:// in base_url, or set SSL_CERT_FILE to the right authority"
        )
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return BadInput(f"{where} cannot be found: no such host. Check base_url")
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return BackendError(
            f"the proxy that the environment names for {where} cannot be reached: check "
            "http_proxy, https_proxy and no_proxy"
        )
    if isinstance(error, TimeoutError):
        return BackendError(
            f"{where} cannot be reached within {options.connect_timeout:g} s: check host and port "
            "of base_url, and whether a firewall is between"
        )
    return BackendError(
        f"nothing listens at {options.base_url} (connection refused): start the server, or check "
        "host and port of base_url"
    )


def _close(
    loop: asyncio.AbstractEventLoop, thread: threading.Thread, sessions: Sequence[Any]
) -> None:
    if not thread.is_alive():
        return
    for session in sessions:
        with contextlib.suppress(Exception):  # what will not close is closed with the process
            asyncio.run_coroutine_threadsafe(session.close(), loop).result(timeout=2)
    loop.call_soon_threadsafe(loop.stop)
    if thread is not threading.current_thread():
        thread.join(timeout=2)
    if not loop.is_running():
        loop.close()
