"""Runs from the page: queued, followed, stopped after a batch, stored; and deleting."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from view_server import Serve, fill, served

from interplay.demo import PHRASES, context, question
from interplay.errors import BadInput
from interplay.evaluate import Store
from interplay.evaluate.functions import Identity
from interplay.view import library
from interplay.view.running import Order


class Slow:
    """A value function of twelve features that waits in each batch until it may go on."""

    features = tuple(f"w{i}" for i in range(12))
    targets = ("value",)
    batch_size = 20
    fingerprint = "5low"

    def __init__(self, subject: dict[str, Any]) -> None:
        self.subject = subject
        self.begun, self.go = threading.Semaphore(0), threading.Semaphore(0)

    def __call__(self, masks: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        self.begun.release()
        assert self.go.acquire(timeout=20)
        return 1.0 * masks[:, 0] - 2.0 * (masks[:, 1] & masks[:, 2])


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Slow]:
    """Have every order be of such a function, of which the last one is returned."""
    made: list[Slow] = []

    def value_function(order: Order) -> Slow:
        made.append(Slow({"kind": "text", "text": order.text}))
        return made[-1]

    monkeypatch.setattr(Order, "value_function", value_function)
    return lambda: made[-1]


ORDER = {"model": "sentiment", "text": "so bad", "budget": "100"}


def test_a_run_is_followed_to_its_end_and_opened_without_another_fit(
    serve: Serve, slow: Callable[[], Slow], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from interplay.view import opening

    monkeypatch.setattr(opening, "fitted", None)  # whoever calls it fails
    one = serve(write=True)
    assert one.started() == []
    assert one.post("/api/explain", ORDER).json == {"number": 1}
    one.until(lambda runs: runs[0]["phase"] == "evaluating")
    slow().go.release()
    (run,) = one.until(lambda runs: runs[0]["done"] == 20)
    assert (run["total"], run["phase"], run["title"]) == (100, "evaluating", "so bad")
    assert [row["evaluations"] for row in one.rows()] == ["20"], "what is there is listed"
    slow().go.release(10)
    (run,) = one.until(lambda runs: runs[0]["phase"] == "done")
    (row,) = one.rows()
    assert run["entry"] == row["id"]
    assert row["evaluations"] == "100"
    report = one.opened(row["id"])
    assert "explained here; its 100 masks are in runs.db" in report.text
    assert "interplay explain --context" in report.text


def test_stopping_finishes_the_batch_and_fits_what_there_is(
    serve: Serve, slow: Callable[[], Slow], tmp_path: Path
) -> None:
    one = serve(write=True)
    one.post("/api/explain", ORDER)
    one.until(lambda runs: runs[0]["phase"] == "evaluating")
    slow().go.release(2)
    one.until(lambda runs: runs[0]["done"] == 40)
    assert slow().begun.acquire(timeout=5)
    assert one.post("/api/stop", {"number": 1}).json == {}
    (run,) = one.until(lambda runs: runs[0]["stopping"])
    slow().go.release()
    (run,) = one.until(lambda runs: runs[0]["phase"] == "stopped")
    assert run["message"] == "60 masks were fitted."
    assert "its 60 masks are in runs.db" in one.opened(run["entry"]).text
    told = one.post("/api/stop", {"number": 1})
    assert (told.status, told.json["error"]) == (400, "there is no run 1 that could be stopped")
    # the same text goes on from there
    one.post("/api/explain", ORDER)
    one.until(lambda runs: runs[0]["phase"] == "evaluating")
    slow().go.release(10)
    run = one.until(lambda runs: runs[0]["phase"] == "done")[0]
    with Store(tmp_path / "runs.db", read_only=True) as store:
        assert store.count() == 100


def test_stopped_before_there_is_enough_nothing_is_lost(
    serve: Serve, slow: Callable[[], Slow], tmp_path: Path
) -> None:
    one = serve(write=True)
    one.post("/api/explain", ORDER | {"budget": "8"})
    (run,) = one.until(lambda runs: runs[0]["phase"] == "failed")
    assert "8" in run["message"]
    Slow.batch_size, batch = 5, Slow.batch_size
    try:
        one.post("/api/explain", ORDER)
        one.until(lambda runs: runs[0]["phase"] == "evaluating")
        one.post("/api/stop", {"number": 2})
        slow().go.release()
        run = one.until(lambda runs: runs[0]["phase"] == "stopped")[0]
    finally:
        Slow.batch_size = batch
    assert "5 evaluations are stored; the same text goes on" in run["message"]
    assert run["entry"] is None
    with Store(tmp_path / "runs.db", read_only=True) as store:
        assert store.count() == 5


def test_one_at_a_time_and_few_may_wait(serve: Serve, slow: Callable[[], Slow]) -> None:
    one = serve(write=True)
    for _ in range(9):
        assert one.post("/api/explain", ORDER).status == 200
        one.until(lambda runs: runs[-1]["phase"] == "evaluating")
    told = one.post("/api/explain", ORDER)
    assert told.status == 400
    assert "8 tasks are waiting already" in told.json["error"]
    assert [run["phase"] for run in one.started()] == ["waiting"] * 8 + ["evaluating"]
    one.post("/api/stop", {"number": 2})
    phases = {run["number"]: (run["phase"], run["message"]) for run in one.started()}
    assert phases[2] == ("stopped", "It had not begun.")
    slow().go.release(100)  # and the server is closed with runs in the queue


def test_closing_finishes_the_batch_and_fits_nothing(
    slow: Callable[[], Slow], tmp_path: Path
) -> None:
    with served(tmp_path, write=True) as one:
        one.post("/api/explain", ORDER)
        one.post("/api/explain", ORDER)
        one.until(lambda runs: runs[-1]["phase"] == "evaluating")
        slow().go.release(2)
        one.until(lambda runs: runs[-1]["done"] == 40)
        assert slow().begun.acquire(timeout=5)
        first = slow()
        threading.Timer(0.3, first.go.release).start()
    assert slow() is first, "the second did not begin"
    last, second = one.view.runs.told()[1], one.view.runs.told()[0]
    assert (last["phase"], last["done"]) == ("stopped", 60)
    assert "The server is being closed; what was evaluated is stored." in last["message"]
    assert second["phase"] == "waiting"
    with Store(tmp_path / "runs.db", read_only=True) as store:
        assert store.count() == 60
    with pytest.raises(BadInput, match="the server is being closed"):
        one.view.runs.start(Order("sentiment", "so bad"))


def test_an_error_of_the_model_is_told_and_the_next_run_begins(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(order: Order) -> Any:
        raise RuntimeError("no <b>memory</b>" if order.text == "a b" else "gone")

    monkeypatch.setattr(Order, "value_function", fails)
    one = serve(write=True)
    one.post("/api/explain", ORDER | {"text": "a b"})
    one.post("/api/explain", ORDER)
    runs = one.until(lambda runs: len(runs) == 2 and runs[0]["phase"] == "failed")
    assert [run["message"] for run in runs] == [
        "unexpected RuntimeError: gone",
        "unexpected RuntimeError: no <b>memory</b>",
    ]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"text": "  \n"}, "there is no text: type one in"),
        ({"text": "x" * 100_001}, "the text has 100,001 characters; at most 100,000 go"),
        ({"model": "gpt"}, "unknown model 'gpt'; valid: sentiment, facts"),
        ({"model": "../../etc"}, "unknown model '../../etc'; valid: sentiment, facts"),
        ({"model": "facts"}, "the language model answers a question about the text"),
        ({"budget": "much"}, "budget"),
        ({"budget": ""}, "budget"),
        ({"text": 7}, "model, text, question and budget must be texts"),
        ({"budget": 500}, "model, text, question and budget must be texts"),
    ],
    ids=str,
)
def test_what_cannot_be_explained_says_why(
    serve: Serve, changed: dict[str, Any], told: str
) -> None:
    one = serve(write=True)
    answer = one.post("/api/explain", ORDER | changed)
    assert answer.status == 400
    assert told in answer.json["error"]
    assert one.started() == []


def test_the_embedded_models_explain_a_text(serve: Serve, tmp_path: Path) -> None:
    one = serve(write=True)
    facts = {"model": "facts", "text": context(), "question": question(), "budget": "24"}
    one.post("/api/explain", {"model": "sentiment", "text": PHRASES[0], "budget": "100"})
    one.post("/api/explain", facts)
    runs = one.until(lambda runs: all(run["phase"] in ("done", "failed") for run in runs))
    assert [run["phase"] for run in runs] == ["done", "done"], runs
    assert runs[0]["question"] == question()
    phrase, answer = one.opened(runs[1]["entry"]).text, one.opened(runs[0]["entry"]).text
    assert "Trust this explanation: it is exact" in phrase
    assert "impress" in phrase
    assert "Where is the key?" in answer


# --- deleting -----------------------------------------------------------------------------------


def test_a_function_is_deleted_and_its_namesake_is_not(serve: Serve, tmp_path: Path) -> None:
    for name in ("beef", "beefcake"):
        fill(tmp_path / "runs.db", fingerprint=name)
    one = serve(write=True)
    rows = {row["name"]: row for row in one.rows()}
    what = {"id": rows["beef"]["id"], "version": rows["beef"]["version"]}
    assert one.post("/api/delete", what).json == {}
    assert [row["name"] for row in one.rows()] == ["beefcake"]
    assert one.post("/api/delete", what).status == 404
    with Store(tmp_path / "runs.db", read_only=True) as store:
        assert store.count() == 32


def test_what_has_grown_since_it_was_shown_is_not_deleted(serve: Serve, tmp_path: Path) -> None:
    with Store(tmp_path / "runs.db") as store:
        store.put("f", [[True, False]], [1.0], identity=Identity(["t"]))
        one = serve(write=True)
        (row,) = one.rows()
        store.put("f", [[True, True]], [1.0])
        answer = one.post("/api/delete", {"id": row["id"], "version": row["version"]})
        assert answer.status == 409
        assert "This has changed since it was shown" in answer.json["error"]
        assert store.count() == 2


def test_a_locked_store_is_told(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "PATIENCE", 0.1)
    fill(tmp_path / "runs.db")
    one = serve(write=True)
    (row,) = one.rows()
    with Store(tmp_path / "runs.db") as other, other.writing():
        answer = one.post("/api/delete", {"id": row["id"], "version": row["version"]})
    assert answer.status == 400
    assert "Another process keeps it locked" in answer.json["error"]
    assert len(one.rows()) == 1


def test_a_run_file_goes_with_its_arrays_and_nothing_else(
    serve: Serve, tmp_path: Path, plain_run: dict[str, Any]
) -> None:
    for name in ("run.json", "run.npz", "other.json", "many.npz", "wrong.npz", "run.html"):
        (tmp_path / name).write_text(json.dumps(plain_run))
    many = {"format": "interplay.runs", "version": 1, "inputs": [{"id": "a", "run": plain_run}]}
    (tmp_path / "many.json").write_text(json.dumps(many))
    (tmp_path / "wrong.json").write_text('{"format": "interplay.run", "version": 99}')
    one = serve(write=True)
    rows = {row["name"]: row for row in one.rows()}
    assert rows["run.json"]["goes"] == "run.json and run.npz"
    assert rows["many.json"]["goes"] == "many.json"
    for name in ("run.json", "many.json", "wrong.json"):
        what = {"id": rows[name]["id"], "version": rows[name]["version"]}
        assert one.post("/api/delete", what).json == {}
    left = sorted(path.name for path in tmp_path.iterdir())
    # those of a file of many inputs, and of one that cannot be read, are not known to be its own
    assert left == ["many.npz", "other.json", "run.html", "wrong.npz"]
