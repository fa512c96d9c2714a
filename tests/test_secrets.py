"""A key is planted, every kind of failure happens, and then it is looked for everywhere.

In every file that was written, what was printed and logged, exceptions with their notes, causes
and the variables of their frames, and what is at hand in Python. tests/models/test_openai_key.py
has the parts one by one.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from models.test_openai_key import KEY, hidden, shown
from openai_server import Server, WordModel, _raw

import interplay as ip
from interplay.cli import run as command
from interplay.errors import InterplayError
from interplay.models.openai_server import OpenAIServer, batch
from interplay.models.openai_server.options import address

FAULTS = (
    *("429", "quota", "403", "408", "422", "500", "leak", "leak-400", "hang-up"),
    *("truncated", "stall", "other-text", "shifted", "positive", "constant", "no-logprobs"),
    *("echo-text", "echo-broken", "moved", "cookie", "wrong-key"),
)
PASSWORD = "pa55-of-the-proxy-7731"


class Echoing(Server):
    """Gives the key back in ways that the other servers do not, too."""

    async def _spoil(self, call: Any, data: dict[str, Any], auth: str) -> bytes | None:
        key = auth.removeprefix("Bearer ")
        if call.fault == "echo-text":  # an answer that is right otherwise
            data["id"] = data["system_fingerprint"] = key
            for choice in data["choices"]:
                choice["text"] = f"{choice.get('text')} {key}"
            return _raw(200, json.dumps(data).encode(), {})
        if call.fault == "echo-broken":
            return _raw(200, f'{{"authorization": "{auth}", "{key}": 1, "{key}": '.encode(), {})
        if call.fault == "moved":
            return _raw(307, b"", {"location": f"http://127.0.0.1:9/?key={key}"})
        if call.fault == "cookie":
            return _raw(500, auth.encode(), {"set-cookie": f"key={key}", "x-ratelimit": auth})
        if call.fault == "wrong-key":
            return _raw(401, f'{{"error": {{"message": "bad key {auth}"}}}}'.encode(), {})
        return await super()._spoil(call, data, auth)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "FIRST_WAIT", 0.0001)
    told = OpenAIServer.connect.__func__.__kwdefaults__  # type: ignore[attr-defined]
    monkeypatch.setitem(told, "timeout", 0.5)
    monkeypatch.setitem(told, "max_attempts", 2)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    caplog.set_level(logging.DEBUG)
    yield caplog
    for record in caplog.records:
        assert hidden(record.getMessage() + str(vars(record)))


def check_files(folder: Path, least: int) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) >= least
    for path in files:
        assert hidden(path.name + path.read_bytes().decode("latin-1")), path
        if path.suffix == ".npz":  # packed
            import numpy as np

            with np.load(path) as arrays:
                assert hidden(" ".join(str(arrays[name].tolist()) for name in arrays.files))


@pytest.mark.parametrize("fault", FAULTS)
def test_not_after_any_failure(
    fault: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    logged: pytest.LogCaptureFixture,
) -> None:
    """Explain and flip on the command line: well at first, then the server fails; and debugging."""
    monkeypatch.chdir(tmp_path)
    start = 10**9
    with (
        Echoing(
            WordModel(),
            key=KEY,
            faults=lambda number, body: fault if number >= start else None,
            retry_after="0",
        ) as server,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        where = ["--base-url", server.url, "--api-key-env", "OPENAI_API_KEY"]
        explain = [
            *("explain", "The old town lies", "--model", "openai:words", *where),
            *("--response", " north of the river", "--budget", "40", "--method", "lasso"),
        ]
        save = ["--save", "run.json", "--report", "run.html", "--force"]
        assert command([*explain, *save, "--store", "whole.db"]) == 0
        for begin in (0, len(server.calls) + 12):  # while it is tried out, and in the middle
            start = begin
            command([*explain, *save, "--store", f"from-{begin}.db"])
            if begin:
                start = len(server.calls) + 12
                command(["flip", "run.json", *where, "--store", "flip.db"])
        monkeypatch.setenv("INTERPLAY_DEBUG", "1")
        start, raised = 0, []
        for words in ([*explain, "--store", "debug.db"], ["flip", "run.json", *where]):
            try:
                command(words)
            except Exception as error:
                raised.append(error)
    for error in raised:
        assert hidden(shown(error) + str(getattr(error, "__notes__", "")))
    output = capfd.readouterr()
    assert "error" in output.err or fault in ("echo-text", "shifted", "other-text")
    assert hidden(output.out + output.err)
    check_files(tmp_path, 4)


@pytest.mark.parametrize("fault", ["leak", "echo-broken", "cookie", "hang-up"])
def test_not_in_python_either(fault: str, tmp_path: Path, logged: pytest.LogCaptureFixture) -> None:
    """What was evaluated before the failure is kept; objects show nothing while it happens."""
    start = 10**9
    with Echoing(
        WordModel(), key=KEY, faults=lambda number, body: fault if number >= start else None
    ) as server:
        value = ip.text(
            "The old town of Lyon lies",
            model="openai:words",
            base_url=server.url,
            target="logprob: north of the river",
        )
        start = len(server.calls) + 5
        events: list[Any] = []
        with pytest.raises(InterplayError) as caught:
            ip.explain(
                value, budget=32, store=tmp_path / "runs.db", on_event=events.append, method="lasso"
            )
        assert hidden(shown(caught.value) + str(getattr(caught.value, "__notes__", "")))
        assert hidden(repr(events) + str([vars(one) for one in events if hasattr(one, "__dict__")]))
        for thing in (value, value.model, value.model.ledger, value.model._connection):
            assert hidden(repr(thing) + str(thing) + repr(vars(thing)))
        assert hidden(repr(value.model._connection.options) + repr(value.model._connection.pace))
    check_files(tmp_path, 1)


@pytest.mark.parametrize(
    "given",
    [
        f"http://user:{KEY}@127.0.0.1:9/v1",
        f"http://{KEY}@127.0.0.1:9/v1",
        f"http://127.0.0.1:9/v1?api_key={KEY}",
        f"http://127.0.0.1:9/v1#{KEY}",
        f"user:{KEY}@127.0.0.1/v1",
        f"http://user:{KEY}@127.0.0.1:port/v1",
        f"ftp://user:{KEY}@127.0.0.1/v1",
        KEY,
        f"//{KEY}@host",
    ],
)
def test_addresses_that_hold_one_are_refused_and_not_shown(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InterplayError, match="base_url") as caught:
        address(given)
    assert hidden(str(caught.value) + repr(caught.value))
    assert command(["explain", "a b", "--model", "openai:x", "--base-url", given]) == 2
    output = capfd.readouterr()
    assert "base_url" in output.err
    assert hidden(output.out + output.err)


@pytest.mark.parametrize(
    "words",
    [
        ["--api-key", KEY],
        [f"--api-key={KEY}"],
        ["--openai-api-key", KEY],
        ["--key", KEY],
        ["--api-key-env", KEY],
        [f"--api-key-env={KEY}"],
    ],
)
def test_a_key_among_the_options_is_not_shown(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert command(["explain", "a b", "--model", "openai:x", *words]) == 2
    output = capfd.readouterr()
    assert hidden(output.out + output.err)
    assert not list(tmp_path.iterdir())


def test_the_password_of_a_proxy_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that refuses: what aiohttp says of it names its whole address."""
    with Server(WordModel(), key=KEY) as server:
        proxy = server.url.removesuffix("/v1").replace("//", f"//ann:{PASSWORD}@")
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.setenv("no_proxy", "")
        for target in ("http://models.invalid/v1", "https://models.invalid/v1"):
            monkeypatch.setenv("https_proxy", proxy)
            with pytest.raises(InterplayError) as caught:
                OpenAIServer.connect("no-such-model", base_url=target)
            told = shown(caught.value)
            assert PASSWORD not in str(caught.value)
            assert PASSWORD not in repr(caught.value)
            assert hidden(told)
