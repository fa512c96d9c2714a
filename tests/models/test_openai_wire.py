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

import pytest
from openai_server import Server, WordModel

from interplay.errors import BadInput
from interplay.models.openai_server import OpenAIServer
from interplay.models.openai_server.batch import Request
from interplay.models.openai_server.connection import Connection
from interplay.models.openai_server.faults import Fault
from interplay.models.openai_server.key import Key
from interplay.models.openai_server.ledger import Cap, Ledger
from interplay.models.openai_server.limits import Pace
from interplay.models.openai_server.options import Options

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


def ask(url: str, times: int = 1, timeout: float = 5.0) -> list[Any]:
    """What single attempts, one after the other, give: answers or faults."""
    options = Options(url, "words", Key(""), 5.0, timeout, 1, 0)
    ledger = Ledger(None)
    connection = Connection(options, Pace(32, None, None), ledger, Cap(ledger, None))

    async def run() -> list[Any]:
        return [await connection.attempt(Request("", {"a": 1})) for _ in range(times)]

    try:
        return asyncio.run_coroutine_threadsafe(run(), connection.loop).result(20)
    finally:
        connection.close()


def response(body: bytes, *headers: bytes) -> bytes:
    lines = [b"HTTP/1.1 200 OK", b"content-length: %d" % len(body), *headers, b"", b""]
    return b"\r\n".join(lines) + body


def test_one_connection_is_used_again() -> None:
    with answering(lambda n: [response(b'{"n": %d}' % n)]) as (url, connections):
        assert ask(url, 3) == [{"n": 1}, {"n": 2}, {"n": 3}]
        assert connections == [1, 1, 1]


def test_a_closed_connection_is_opened_again() -> None:
    answer = [response(b'{"yes": 1}', b"connection: close"), b""]
    with answering(lambda n: answer) as (url, connections):
        assert ask(url, 2) == [{"yes": 1}, {"yes": 1}]
        assert connections == [1, 2]


def test_chunks_and_compression() -> None:
    body = gzip.compress(json.dumps({"text": "über" * 1000}, ensure_ascii=False).encode())
    chunks = [b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:])]
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-encoding: gzip\r\n\r\n"
    parts = [b"HTTP/1.1 103 Early Hints\r\n\r\n", head, *chunks, b"0\r\n\r\n"]
    with answering(lambda n: parts, pause=0.01) as (url, connections):
        assert ask(url, 2) == [{"text": "über" * 1000}] * 2
        assert connections == [1, 1]


def test_a_body_that_ends_with_the_connection() -> None:
    with answering(lambda n: [b'HTTP/1.0 200 OK\r\n\r\n{"all": "of it"}', b""]) as (url, _):
        assert ask(url) == [{"all": "of it"}]


@pytest.mark.parametrize(
    "parts",
    [
        [b""],
        [b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", b""],
        [b"220 smtp ready\r\n\r\n"],
    ],
)
def test_what_is_no_whole_answer(parts: list[bytes]) -> None:
    with answering(lambda n: parts) as (url, _):
        (fault,) = ask(url)
    assert isinstance(fault, Fault)
    assert (fault.again, fault.billed) == (True, True)
    assert "broke the connection off" in str(fault.error)


def test_an_answer_that_trickles_is_given_up() -> None:
    parts = [b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n", *[b"x"] * 50]
    with answering(lambda n: parts, pause=0.05) as (url, _):
        (fault,) = ask(url, timeout=0.3)
    assert isinstance(fault, Fault)
    assert "did not answer within 0.3 s" in str(fault.error)


def test_a_server_that_points_elsewhere_does_not_get_the_key_there() -> None:
    with answering(lambda n: [response(b'{"other": 1}')]) as (elsewhere, asked):
        head = f"HTTP/1.1 307 Moved\r\nlocation: {elsewhere}\r\ncontent-length: 0\r\n\r\n"
        with answering(lambda n: [head.encode()]) as (url, _):
            (fault,) = ask(url)
    assert isinstance(fault, Fault)
    assert fault.status == 307
    assert asked == []


def test_what_cannot_be_sent() -> None:
    with answering(lambda n: [response(b"{}")]) as (url, asked):
        options = Options(url, "words", Key(""), 5.0, 5.0, 1, 0)
        ledger = Ledger(None)
        connection = Connection(options, Pace(32, None, None), ledger, Cap(ledger, None))
        wrong = connection.attempt(Request("", {"prompt": "half of a pair: \ud800"}))
        fault = asyncio.run_coroutine_threadsafe(wrong, connection.loop).result(5)
        connection.close()
    assert isinstance(fault, Fault)
    assert isinstance(fault.error, BadInput)
    assert asked == []


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
