"""The key is sent, and appears nowhere else."""

from __future__ import annotations

import gc
import json
import logging
import pickle
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai_server import Server, WordModel

import interplay as ip
from interplay.errors import BadInput, InterplayError
from interplay.models.openai_server import OpenAIServer
from interplay.models.openai_server.key import HIDDEN, Key

KEY = "sk-proj-Zk3vXq81LmTeuW5yHr07"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def hidden(text: str) -> bool:
    """Whether no eight characters of the key in a row are there."""
    return not any(KEY[i : i + 8] in text for i in range(len(KEY) - 7))


def shown(error: BaseException) -> str:
    """All that a person or a log sees of an exception, its causes and its variables."""
    trace = traceback.TracebackException.from_exception(error, capture_locals=True)
    parts = ["".join(trace.format()), repr(error), str(error), str(error.args)]
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
        parts.append(repr(error) + str(vars(error)))
    return "\n".join(parts)


def test_nowhere_in_a_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with Server(WordModel(), key=KEY) as server:
        value = ip.text(
            "The old town of Lyon lies",
            model="openai:words",
            base_url=server.url,
            target="logprob: north of the river",
        )
        found = ip.explain(value, budget=32, store=tmp_path / "runs.db", method="lasso")
        found.save(tmp_path / "run.json")
        found.report(tmp_path / "report.html")
        value.model.close()
        assert any(call.answered for call in server.calls)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 3
    for path in files:
        assert hidden(path.read_bytes().decode("latin-1")), path
    output = capfd.readouterr()
    assert hidden(caplog.text + output.out + output.err)
    assert hidden(repr(value.model) + repr(vars(value.model)) + repr(value) + repr(found))
    assert hidden(json.dumps(value.subject) + value.fingerprint + value.model.fingerprint)


@pytest.mark.parametrize("fault", ["leak", "leak-400"])
def test_not_in_an_error_that_quotes_it(fault: str) -> None:
    server = Server(WordModel(), key=KEY, faults=lambda number, body: fault)
    with server, pytest.raises(InterplayError) as caught:
        OpenAIServer.connect("words", base_url=server.url, mode="echo")
    assert hidden(shown(caught.value))
    assert HIDDEN in str(caught.value)


def test_not_in_an_error_about_the_key() -> None:
    with Server(WordModel(), key="another") as server, pytest.raises(BadInput) as caught:
        OpenAIServer.connect("words", base_url=server.url)
    assert hidden(shown(caught.value))


def test_not_in_a_failed_connection() -> None:
    with pytest.raises(InterplayError) as caught:
        OpenAIServer.connect("words", base_url="http://127.0.0.1:9/v1")
    assert hidden(shown(caught.value))


def test_not_where_it_is_given_instead_of_its_variable() -> None:
    with pytest.raises(BadInput, match="must be the name of an environment variable") as caught:
        OpenAIServer.connect("words", api_key_env=KEY)
    assert hidden(str(caught.value))


def test_not_if_it_cannot_be_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_KEY", KEY[:12] + "\n" + KEY[12:])
    with pytest.raises(BadInput, match="the environment variable OTHER_KEY holds char") as caught:
        OpenAIServer.connect("words", api_key_env="OTHER_KEY")
    assert hidden(str(caught.value))


def test_not_in_objects() -> None:
    key = Key(KEY)
    assert hidden(repr(key) + str(key) + f"{key!r}")
    with pytest.raises(TypeError, match="not written to files"):
        pickle.dumps(key)
    assert not Key("")
    assert Key("EMPTY").redact("EMPTY") == HIDDEN
    assert Key("x").redact("an example") == "an example"


@given(st.text(max_size=30), st.integers(0, 20), st.integers(8, 30), st.text(max_size=30))
def test_every_part_of_it_is_hidden(before: str, start: int, length: int, after: str) -> None:
    part = KEY[start : start + length]
    if len(part) >= 8:
        assert hidden(Key(KEY).redact(before + part + after))


def test_no_request_object_is_left_behind() -> None:
    with Server(WordModel(), key=KEY) as server:
        client = OpenAIServer.connect("words", base_url=server.url)
        client.close()
    gc.collect()
    assert hidden(str(vars(client)))
