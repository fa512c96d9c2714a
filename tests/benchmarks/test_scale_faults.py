"""The fault harness itself: it sees what is lost, wrong, and paid twice."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from benchmarks.ground import faults, struck
from benchmarks.ground.faults import Run, Tally

import interplay.evaluate.store as store_module
from interplay.evaluate import Store


@pytest.fixture
def run() -> Iterator[Run]:
    with ExitStack() as ends:
        yield Run("local", [("exception", 5)], np.random.default_rng(0), Tally(), ends)


def _look(run: Run, stored: int, *, kept: int, made: int, fault: str, wrong: int = 0) -> Tally:
    with Store(run.start.store) as store:
        values = struck.values(run.masks[:stored])
        values[:wrong] += 1
        store.put("struck", run.masks[:stored], values)
    run._look(kept, made, [fault])
    return run.tally


def test_nothing_is_wrong(run: Run) -> None:
    tally = _look(run, 640, kept=640, made=704, fault="kill")
    assert tally.clean
    assert tally.again == 64  # the chunk in flight


def test_what_was_said_to_be_stored_and_is_not(run: Run) -> None:
    assert _look(run, 640, kept=704, made=704, fault="kill").lost == 64


def test_a_value_that_is_wrong(run: Run) -> None:
    assert _look(run, 640, kept=640, made=640, fault="kill", wrong=3).wrong == 3


def test_more_than_the_chunk_in_flight_was_paid_twice(run: Run) -> None:
    assert _look(run, 640, kept=640, made=640 + 65, fault="kill").repeated == 1


def test_the_clock_costs_nothing(run: Run) -> None:
    assert _look(run, 640, kept=640, made=641, fault="clock").repeated == 1


def test_every_evaluation_is_in_the_log_also_of_a_call_that_raises(run: Run) -> None:
    function = struck.Struck(run.start.folder)
    function(run.masks[:5])
    function.flag.touch()
    with pytest.raises(RuntimeError, match="out of memory"):
        function(run.masks[7:9])
    entries = np.frombuffer(run.start.log.read_bytes(), dtype=struck.ENTRY)
    assert entries["row"].tolist() == [0, 1, 2, 3, 4, 7, 8]
    assert set(entries["process"]) == {os.getpid()}
    assert run._made(before=2 * struck.ENTRY.itemsize) == 5


def test_a_clock_that_jumps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", time.time)
    for name, module in list(sys.modules.items()):
        if name.startswith("interplay.") and hasattr(module, "datetime"):
            monkeypatch.setattr(module, "datetime", module.datetime)
    before, by = time.time(), timedelta(days=4000)
    struck.jump(by)
    assert time.time() - before >= by.total_seconds()
    there = datetime.fromisoformat(store_module.now())
    assert there > datetime.now(UTC) + by - timedelta(minutes=1)


def test_processes_that_stay_are_found_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "PATIENCE", 0.2)
    stays = subprocess.Popen(
        [sys.executable, "-c", "input()"],
        stdin=subprocess.PIPE,
        env={**os.environ, faults.MARK: "a mark of this test"},
    )
    with stays:
        (told,) = faults._left("a mark of this test")
        assert "input()" in told
        assert stays.wait(10) < 0
    assert faults._left("a mark of this test") == []


@pytest.mark.skipif(os.name != "posix" or not Path("/proc/self/environ").exists(), reason="/proc")
def test_a_start_tells_what_struck_it(tmp_path: Path) -> None:
    start = struck.Start(
        "local", str(tmp_path / "runs.db"), str(tmp_path), (("clock", 10), ("exception", 300))
    )
    lines, code, _ = faults.run(start)
    assert code == struck.RAISED
    assert lines[0] == "before 0"
    assert [line for line in lines if line.startswith("struck")] == [
        "struck clock",
        "struck exception",
    ]
    assert lines[-1].startswith("error the value function raised RuntimeError")


def test_campaigns_side_by_side_are_counted_together() -> None:
    one, other = Tally(starts=2, lost=1, disk={"tmpfs"}), Tally(starts=3, unexpected=["no"])
    one.struck.update(["kill (ray)", "disk (ray)"])
    other.struck.update(["kill (ray)"])
    one.add(other)
    assert one.struck == {"kill (ray)": 2, "disk (ray)": 1}
    assert (one.starts, one.lost, one.disk, one.unexpected) == (5, 1, {"tmpfs"}, ["no"])
    assert not one.clean
