"""HTTP as servers speak it: chunks, compression, connections that close, TLS, proxies."""

from __future__ import annotations

import asyncio
import gzip
import json
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai_server import Server, WordModel

from interplay.errors import BadInput
from interplay.models.openai_server import OpenAIServer
from interplay.models.openai_server.wire import OneConnection

Answer = Callable[[int], list[bytes]]
"""The parts of the answer to a request; an empty part ends the connection, None waits."""


@contextmanager
def answering(answer: Answer, pause: float = 0.0) -> Iterator[tuple[str, list[int]]]:
    """A server that sends raw bytes; gives its address and the connection of each request."""
    connections: list[int] = []
    loop = asyncio.new_event_loop()
    opened = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        mine = opened
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                await reader.readexactly(length)
                connections.append(mine)
                for part in answer(len(connections)):
                    if not part:
                        return
                    writer.write(part)
                    await writer.drain()
                    await asyncio.sleep(pause)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    async def start() -> Any:
        return await asyncio.start_server(serve, "127.0.0.1", 0)

    async def stop() -> None:
        server.close()
        rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(start(), loop).result(5)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", connections
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


def ask(url: str, times: int = 1, timeout: float = 5.0) -> list[httpx2.Response]:
    async def run() -> list[httpx2.Response]:
        async with httpx2.AsyncClient(transport=OneConnection(None), timeout=timeout) as client:
            return [await client.post(url, json={"a": 1}) for _ in range(times)]

    return asyncio.run(run())


def response(body: bytes, *headers: bytes) -> bytes:
    lines = [b"HTTP/1.1 200 OK", b"content-length: %d" % len(body), *headers, b"", b""]
    return b"\r\n".join(lines) + body


def test_one_connection_is_used_again() -> None:
    with answering(lambda n: [response(b"%d" % n)]) as (url, connections):
        assert [one.text for one in ask(url, 3)] == ["1", "2", "3"]
        assert connections == [1, 1, 1]


def test_a_closed_connection_is_opened_again() -> None:
    with answering(lambda n: [response(b"yes", b"connection: close"), b""]) as (url, connections):
        assert [one.text for one in ask(url, 2)] == ["yes", "yes"]
        assert connections == [1, 2]


def test_chunks_and_compression() -> None:
    body = gzip.compress("über".encode() * 1000)
    chunks = [b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:])]
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-encoding: gzip\r\n\r\n"
    parts = [b"HTTP/1.1 103 Early Hints\r\n\r\n", head, *chunks, b"0\r\n\r\n"]
    with answering(lambda n: parts, pause=0.01) as (url, connections):
        assert [one.text for one in ask(url, 2)] == ["über" * 1000] * 2
        assert connections == [1, 1]


def test_a_body_that_ends_with_the_connection() -> None:
    with answering(lambda n: [b"HTTP/1.0 200 OK\r\n\r\nall of it", b""]) as (url, _):
        assert ask(url)[0].text == "all of it"


@pytest.mark.parametrize(
    "parts",
    [
        [b""],
        [b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", b""],
        [b"220 smtp ready\r\n\r\n"],
    ],
)
def test_what_is_no_whole_answer(parts: list[bytes]) -> None:
    with answering(lambda n: parts) as (url, _), pytest.raises(httpx2.RemoteProtocolError):
        ask(url)


def test_an_answer_that_trickles_is_given_up() -> None:
    parts = [b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n", *[b"x"] * 50]
    with answering(lambda n: parts, pause=0.05) as (url, _), pytest.raises(httpx2.ReadTimeout):
        ask(url, timeout=0.3)


def test_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
               "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key),
               "-out", str(certificate)]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate, key)
    with Server(WordModel(), tls=served) as server:
        url = f"https://localhost:{server.port}/v1"
        with pytest.raises(BadInput, match="has no certificate that this machine trusts"):
            OpenAIServer.connect("words", base_url=url)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with OpenAIServer.connect("words", base_url=url) as client:
            assert client.mode == "echo"


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(WordModel()) as proxy:  # it is asked for the whole address, and answers
        monkeypatch.setenv("http_proxy", proxy.url.removesuffix("/v1"))
        monkeypatch.setenv("no_proxy", "")
        with OpenAIServer.connect("words", base_url="http://no-such-host.invalid/v1") as client:
            assert client.mode == "echo"
            assert json.dumps(proxy.calls[0].body)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        with Server(WordModel()) as server:
            OpenAIServer.connect("words", base_url=server.url).close()
            assert server.calls
