"""A server that is killed in mid-run: what was answered is kept, and paid once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import openai_server
import pytest
from openai_server import WordModel

import interplay as ip
from interplay.errors import BackendError
from interplay.evaluate import Store, evaluate
from interplay.models.openai_server import batch

TEXT = "The old town of Lyon lies far away in the hills"
RESPONSE = " north of the river"


class Process:
    """A server in a process of its own, which logs what it answers."""

    def __init__(self, log: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, openai_server.__file__, "--log", str(log), *arguments],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def value_of(port: int) -> Any:
    return ip.text(
        TEXT,
        model="openai:words",
        base_url=f"http://127.0.0.1:{port}/v1",
        target=f"logprob:{RESPONSE}",
        max_attempts=3,
    )


def kill(process: subprocess.Popen[str], log: Path, answers: int) -> None:
    while len(log.read_text().splitlines()) < answers:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("how", ["killed", "dies"])
def test_a_run_goes_on_where_its_server_died(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "FIRST_WAIT", 0.02)
    masks = np.random.default_rng(0).random((300, 11)) < 0.5
    masks = np.unique(masks, axis=0)
    log = tmp_path / "answered.txt"
    with Store(tmp_path / "runs.db") as store:
        arguments = ["--latency", "0.02", *(["--die-after", "120"] if how == "dies" else [])]
        with Process(log, *arguments) as server:
            port = server.port
            value = value_of(port)
            assert len(value.features) == 11
            value.batch_size = 100
            asked = len(log.read_text().splitlines())
            if how == "killed":
                threading.Thread(target=kill, args=(server.process, log, asked + 130)).start()
            with pytest.raises(BackendError) as caught:
                evaluate(value, masks, store=store)
            assert "connection" in str(caught.value)
            note = caught.value.__notes__[-1]
            assert "evaluations of this run are stored" in note
            value.model.close()
        first = log.read_text().splitlines()[asked:]
        kept = int(note.split()[0])
        # an answer that was sent and not received, because the process died, cannot be kept
        assert 80 <= kept <= len(first) <= kept + 32
        # the same address: the server is started again
        with Process(log, "--port", str(port)) as server:
            value = value_of(port)
            value.batch_size = 100
            before = len(log.read_text().splitlines())
            run = evaluate(value, masks, store=store)
            value.model.close()
        second = log.read_text().splitlines()[before:]
    assert run.reused == kept
    assert len(second) == len(masks) - kept
    received = set(first) - set(second)
    assert len(received) == kept  # what was received was not asked again
    model = WordModel()
    count = len(model.encode(RESPONSE, special=False)[0])
    for mask, value_there in zip(masks, run.values[:, 0], strict=True):
        text = value.masked_text(mask) + RESPONSE
        expected = model.logprobs(model.encode(text)[0])[-count:]
        assert value_there == pytest.approx(sum(map(float, expected)), abs=1e-9)  # type: ignore[arg-type]
