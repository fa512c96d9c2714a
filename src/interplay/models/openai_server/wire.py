"""HTTP/1.1 on one connection of asyncio, for httpx.

What httpx brings itself goes through several layers and locks for every read and write, which made
up most of the time of a request. Here a request is one write, and an answer a few reads.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import Any

import h11
import httpx2

CHUNK = 65536


class OneConnection(httpx2.AsyncBaseTransport):
    """Sends one request after the other to one server, and opens the connection again if it closed.

    Timeouts are for the whole of connecting, and the whole of an answer. ``trust`` is for https.
    """

    def __init__(self, trust: ssl.SSLContext | None) -> None:
        self._trust = trust
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._protocol: h11.Connection | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request and read the whole answer."""
        limits = request.extensions["timeout"]
        body = await request.aread()
        protocol = await self._connected(request, limits["connect"])
        keep = False
        try:
            async with asyncio.timeout(limits["read"]):
                answer, content = await self._exchange(protocol, request, body)
            keep = protocol.our_state is h11.DONE and protocol.their_state is h11.DONE
        except TimeoutError as error:
            raise httpx2.ReadTimeout("no answer in time", request=request) from error
        except h11.ProtocolError as error:
            raise httpx2.RemoteProtocolError(str(error), request=request) from error
        except OSError as error:
            raise httpx2.ReadError(str(error), request=request) from error
        finally:
            if keep:
                protocol.start_next_cycle()
            else:
                self._drop()
        return httpx2.Response(
            answer.status_code, headers=answer.headers.raw_items(), content=content
        )

    async def _connected(self, request: httpx2.Request, limit: float) -> h11.Connection:
        reader = self._reader
        if self._protocol is not None and reader is not None and not reader.at_eof():
            return self._protocol
        self._drop()
        url = request.url
        host = url.raw_host.decode("ascii")
        secure = self._trust if url.scheme == "https" else None
        try:
            async with asyncio.timeout(limit):
                self._reader, self._writer = await asyncio.open_connection(
                    host,
                    url.port or (443 if secure else 80),
                    ssl=secure,
                    server_hostname=host if secure else None,
                )
        except TimeoutError as error:
            raise httpx2.ConnectTimeout("no connection in time", request=request) from error
        except OSError as error:
            raise httpx2.ConnectError(str(error), request=request) from error
        self._protocol = h11.Connection(h11.CLIENT)
        return self._protocol

    async def _exchange(
        self, protocol: h11.Connection, request: httpx2.Request, body: bytes
    ) -> tuple[h11.Response, bytes]:
        assert self._reader is not None
        assert self._writer is not None
        head = h11.Request(
            method=request.method, target=request.url.raw_path, headers=request.headers.raw
        )
        parts = [protocol.send(head), protocol.send(h11.Data(data=body))]
        parts.append(protocol.send(h11.EndOfMessage()))
        self._writer.write(b"".join(part for part in parts if part))
        await self._writer.drain()
        answer: h11.Response | None = None
        content = bytearray()
        while True:
            event: Any = protocol.next_event()
            if event is h11.NEED_DATA:
                protocol.receive_data(await self._reader.read(CHUNK))
            elif isinstance(event, h11.Response):
                answer = event
            elif isinstance(event, h11.Data):
                content += event.data
            elif isinstance(event, h11.EndOfMessage):
                assert answer is not None
                return answer, bytes(content)
            elif not isinstance(event, h11.InformationalResponse):
                raise h11.RemoteProtocolError("the server closed the connection")

    def _drop(self) -> None:
        if self._writer is not None:
            with contextlib.suppress(Exception):
                self._writer.close()
        self._reader = self._writer = self._protocol = None

    async def aclose(self) -> None:
        """Close the connection."""
        writer = self._writer
        self._drop()
        if writer is not None:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(writer.wait_closed(), 1.0)
