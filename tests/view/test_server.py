"""The command: its address, its port, how it ends."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from view_server import fill

from interplay.cli import run
from interplay.errors import BadInput, MissingExtra
from interplay.view import server as view_server_module
from interplay.view.server import listening, serve
from interplay.view.worker import Worker


@contextmanager
def command(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run ``interplay view`` until it says where it is; yield it and its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "interplay", "view", "--port", "0", "--no-open", *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", "BROWSER": "false"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/$", line.strip())
        assert found is not None, (line, process.stderr.read() if process.stderr else "")
        assert process.stdout.readline() == (
            "For this machine alone; read-only; --write lets it do more. Ctrl-C ends it.\n"
        )
        yield process, int(found[1])
    finally:
        process.kill()
        process.wait()
        process.stdout.close()  # type: ignore[union-attr]
        process.stderr.close()  # type: ignore[union-attr]


def get(port: int, path: str = "/") -> int:
    for _ in range(100):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", path)
            return connection.getresponse().status
        except ConnectionError:
            time.sleep(0.05)
        finally:
            connection.close()
    raise AssertionError("nobody answers")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_quietly(tmp_path: Path, number: signal.Signals) -> None:
    fill(tmp_path / "runs.db")
    with command(tmp_path) as (process, port):
        assert get(port) == 200
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/events")  # an open page does not keep it
        answer = connection.getresponse()
        answer.readline()
        began = time.monotonic()
        process.send_signal(number)
        output = process.communicate(timeout=10)
        assert time.monotonic() - began < 5
        answer.close()
        connection.close()
    assert process.returncode == 0
    assert output == ("", "")
    assert [path.name for path in tmp_path.iterdir()] == ["runs.db"]


def test_a_store_that_is_not_there_yet(tmp_path: Path) -> None:
    with command(tmp_path, "--store", "later.db") as (process, port):
        assert process.stdout is not None
        told = process.stdout.readline()
        assert told == f"There is no such store yet: only the run files in {tmp_path} show.\n"
        assert get(port) == 200


def test_a_port_in_use_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with listening(0) as taken:
        port = taken.getsockname()[1]
        assert run(["view", "--no-open", "--port", str(port)]) == 2
    told = capsys.readouterr().err
    assert told == (
        f"error: port {port} is in use, maybe by another `interplay view`: open "
        f"http://127.0.0.1:{port}/, or pass --port {port + 1}\n"
    )


@pytest.mark.parametrize("port", [-1, 65536, 10**9])
def test_a_port_that_is_none(port: int) -> None:
    with pytest.raises(BadInput, match=f"--port must be from 0 to 65535; got {port}"):
        listening(port)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no such folder: .*nowhere; name the one that holds"):
        serve(tmp_path / "runs.db", tmp_path / "nowhere", port=0)
    with pytest.raises(BadInput, match="no such folder"):
        serve(tmp_path / "nowhere" / "runs.db", port=0)


@pytest.mark.parametrize("absent", ["starlette", "uvicorn"])
def test_without_the_extra(absent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == absent]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, absent, None)
    with pytest.raises(MissingExtra, match=rf'"{absent}".*pip install "interplay\[view\]"'):
        serve(port=0)


def test_it_opens_the_browser_once_it_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, int]] = []
    done = threading.Event()

    def opened(address: str) -> bool:
        seen.append((address, get(int(address.rstrip("/").rpartition(":")[2]))))
        done.set()
        return True

    servers = []
    made = view_server_module.make

    def make(*given: object, **named: object) -> object:
        servers.append(made(*given, **named))  # type: ignore[arg-type]
        return servers[-1]

    monkeypatch.setattr(webbrowser, "open", opened)
    monkeypatch.setattr(view_server_module, "make", make)
    told: list[str] = []
    thread = threading.Thread(
        target=lambda: serve(tmp_path / "runs.db", port=0, open_browser=True, tell=told.append)
    )
    thread.start()
    assert done.wait(10)
    servers[0][1].should_exit = True
    thread.join(10)
    assert not thread.is_alive()
    assert seen == [(told[0].rpartition(" ")[2], 200)]


def test_no_option_names_another_host(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["view", "--host", "0.0.0.0"]) == 2
    assert "--host" in capsys.readouterr().err
    with listening(0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"
        assert listener.family is socket.AF_INET


def test_a_worker_does_one_thing_after_the_other_until_it_is_closed() -> None:
    worker, done, go = Worker("test", 2), [], threading.Event()
    worker.add(lambda: (go.wait(5), done.append(1)))
    while worker._tasks:
        time.sleep(0.001)
    worker.add(lambda: done.append(2))
    worker.add(lambda: done.append(3))
    with pytest.raises(BadInput, match="2 tasks are waiting already"):
        worker.add(lambda: done.append(4))
    go.set()
    while len(done) < 3:
        time.sleep(0.001)
    worker.close()
    worker.join()
    assert done == [1, 2, 3]
    with pytest.raises(BadInput, match="the server is being closed"):
        worker.add(lambda: done.append(5))
    Worker("never begun", 1).join()
