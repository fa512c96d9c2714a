"""A server of ``interplay view`` on a free port, and raw requests to it."""

from __future__ import annotations

import http.client
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from interplay.evaluate import Store
from interplay.evaluate.functions import Identity
from interplay.masks import all_masks
from interplay.view.app import View
from interplay.view.server import listening, make

WORDS = ("The", "film", "is", "not", "bad")
TEXT = " ".join(WORDS)
SPANS = [[0, 3], [4, 8], [9, 11], [12, 15], [16, 19]]
SUBJECT = {"kind": "text", "text": TEXT, "spans": SPANS, "units": "word", "model": "a/model"}


def not_bad(masks: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """3 where both "not" and "bad" are kept, less 1 for each of them."""
    return 3.0 * (masks[:, 3] & masks[:, 4]) - masks[:, 3] - masks[:, 4]


def fill(store: Path, fingerprint: str = "0123456789abcdef", **options: Any) -> None:
    """Put a function of five words into a store, with what it cost."""
    masks = all_masks(5)
    identity = Identity(["logit:positive"], WORDS, SUBJECT)
    with Store(store) as opened:
        opened.put(
            fingerprint,
            masks,
            not_bad(masks),
            seconds=75.0,
            tokens=np.full(32, 1000.0),
            **({"identity": identity} | options),
        )


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8")

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Served:
    """A server that runs, and how to talk to it."""

    view: View
    port: int
    folder: Path

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}/"

    def ask(
        self,
        method: str,
        path: str,
        headers: dict[str, str | None] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """Send a request with these headers and no other; None leaves one out."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            given = {"Host": self.host, **(headers or {})}
            if body is not None:
                given.setdefault("Content-Length", str(len(body)))
            for name, value in given.items():
                if value is not None:
                    connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, dict(headers))

    @property
    def token(self) -> str:
        """The secret, as the script of the page finds it."""
        return re.search(r'data-token="([^"]+)"', self.get("/").text)[1]  # type: ignore[index]

    def headers(self) -> dict[str, str | None]:
        """Those that a browser and the script of our page send."""
        return {
            "Origin": f"http://{self.host}",
            "Sec-Fetch-Site": "same-origin",
            "Sec-Fetch-Mode": "cors",
            "Content-Type": "application/json",
            "X-Interplay-Token": self.token,
        }

    def post(self, path: str, what: Any) -> Answer:
        """Ask as the script of our page does."""
        return self.ask("POST", path, self.headers(), json.dumps(what).encode())

    def rows(self) -> list[dict[str, str]]:
        """The ``data-`` attributes of each row of the list."""
        import html

        rows = re.findall(r'<tr role="row" (data-id=[^>]*)>', self.get("/").text)
        return [
            {name: html.unescape(value) for name, value in re.findall(r'data-(\w+)="([^"]*)"', row)}
            for row in rows
        ]

    def opened(self, *ids: str) -> Answer:
        """Have a page made, wait, and return it; or what the server says of it."""
        for _ in range(200):
            told = self.post("/api/open", {"ids": ids})
            if told.status != 200 or told.json["state"] != "working":
                break
        if told.status != 200 or told.json["state"] == "failed":
            return told
        return self.get("/open?" + "&".join(f"id={one}" for one in ids))

    def started(self) -> list[dict[str, Any]]:
        """How far the runs are, from the stream of events."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", "/events", headers={"Host": self.host})
            answer = connection.getresponse()
            assert answer.headers["content-type"].startswith("text/event-stream")
            line = answer.readline()
            assert line.startswith(b"data: ")
            found: list[dict[str, Any]] = json.loads(line[6:])
            return found
        finally:
            connection.close()

    def until(self, wanted: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """Wait until the runs are as wanted."""
        for _ in range(300):
            runs = self.started()
            if wanted(runs):
                return runs
            time.sleep(0.05)
        raise AssertionError(f"it did not come: {runs}")


@contextmanager
def served(folder: Path, *, write: bool = False, store: str = "runs.db") -> Iterator[Served]:
    """Serve a folder for a while."""
    listener = listening(0)
    view, server = make(folder / store, None, listener, write=write)
    port = listener.getsockname()[1]
    thread = threading.Thread(target=lambda: server.run(sockets=[listener]))
    thread.start()
    try:
        for _ in range(400):
            if server.started:
                break
            time.sleep(0.01)
        yield Served(view, port, folder)
    finally:
        view.close()
        server.should_exit = True
        thread.join(timeout=20)
        listener.close()
        assert not thread.is_alive(), "the server does not end"
        view.runs.join()


Serve = Callable[..., Served]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Return a function that serves the test's folder: ``serve(write=True)``."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(served(tmp_path, **options))
