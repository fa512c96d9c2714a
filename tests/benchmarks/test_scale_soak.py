"""The soak's own arithmetic and faults; the soak itself takes an hour."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest
from benchmarks.scale import soak
from benchmarks.scale.soak import Soak

from interplay.evaluate import Store


def _after(folder: Path, minutes: float, megabytes: list[float]) -> Soak:
    done = Soak(folder)
    times = np.linspace(0, minutes, len(megabytes))
    done.memory = list(zip(times.tolist(), megabytes, strict=True))
    return done


def test_memory_that_settles_in_ten_minutes_has_not_grown(tmp_path: Path) -> None:
    done = _after(tmp_path, 60, [min(500 + 20.0 * minute, 700) for minute in range(61)])
    done.struck.update(soak.FAULTS)
    memory, store = done.rows(60)
    assert done.growth(60) == (700, 700, 700)
    assert memory.met
    assert store.met
    assert memory.measured.startswith("+0.0 %: 700 MB after ten minutes")
    assert memory.detail["MB, median of each minute"][:2] == [500, 520]


def test_memory_that_grows_a_little_every_minute_has(tmp_path: Path) -> None:
    done = _after(tmp_path, 60, [500 + 1.0 * minute for minute in range(61)])
    done.struck.update(soak.FAULTS)
    memory, _ = done.rows(60)
    assert memory.measured.startswith("+8.9 %")
    assert not memory.met


def test_an_hour_is_an_hour_and_problems_are_told(tmp_path: Path) -> None:
    done = _after(tmp_path, 6, [500.0] * 7)
    done.problems.append("batch 7 of 64 evaluations")
    done.struck.update(soak.FAULTS)
    assert [row.met for row in done.rows(6)] == [False, False]


@pytest.mark.parametrize(
    ("fault", "error"), [("exception", RuntimeError), ("Ctrl-C", KeyboardInterrupt)]
)
def test_a_fault_strikes_once(fault: str, error: type[BaseException]) -> None:
    strike = soak._Strike(lambda masks: masks.sum(1), fault, 2)
    masks = np.ones((3, 2), dtype=bool)
    assert strike(masks).tolist() == [2, 2, 2]
    with pytest.raises(error):
        strike(masks)
    assert strike(masks).tolist() == [2, 2, 2]
    assert strike.stop() == "cancelled"


def test_a_full_disk_has_room_again(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    path = tmp_path / "runs.db"
    with Store(path):
        pass
    with pytest.raises(OSError, match="File too large"), soak._room(path, 100):
        (tmp_path / "large").write_bytes(bytes(1_000_000))
    assert resource.getrlimit(resource.RLIMIT_FSIZE) == before


def test_pruning_beside_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Store(tmp_path / "runs.db") as store:
        store.put("f", np.eye(4, dtype=bool), np.zeros(4))
    soak.main(tmp_path / "runs.db", 60)
    soak.main(tmp_path / "runs.db", -60)  # also of the last minute
    assert capsys.readouterr().out.split() == ["0", "4"]
