"""Faults at random moments, many of them: what is stored stays, and stays right."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks.ground import faults, mutations_store

from interplay.errors import StoreError
from interplay.evaluate import Store, evaluate
from interplay.evaluate.upkeep import verify


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [1, 2])
def test_runs_that_are_struck_again_and_again(seed: int) -> None:
    tally = faults.campaign(60, seed=seed)
    assert tally.clean, tally
    assert set(tally.struck) == set(faults.ENDS)


@pytest.mark.timeout(900)
def test_one_of_several_writers_is_killed(tmp_path: Path) -> None:
    """All evaluate the same masks into one store; those that live on are not disturbed."""
    rng = np.random.default_rng(3)
    masks = faults.masks()
    for attempt in range(10):
        path = tmp_path / f"{attempt}.db"
        ends = [
            ("kill", int(rng.integers(1, 100))),
            ("none", 1),
            ("kill", int(rng.integers(1, 60))),
        ]
        runs = [
            subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "benchmarks.ground.faults",
                    str(path),
                    fault,
                    str(when),
                    "5",
                ],
                stdout=subprocess.DEVNULL,
            )
            for fault, when in ends
        ]
        codes = [run.wait(120) for run in runs]
        assert codes[1] == 0
        assert set(codes) <= {0, -signal.SIGKILL}
        with Store(path) as store:
            stored = store.get("struck", masks)
            assert stored.found.all()
            assert (stored.values == faults.values(masks)).all()
            assert store.count() == len(masks)  # each once
            assert verify(store).problems == []


@pytest.mark.skipif(shutil.which("mount") is None, reason="needs mount")
def test_a_small_disk_that_is_really_full(tmp_path: Path) -> None:
    """A file system of 400 kB, where one may be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("may not mount a file system")
    try:
        masks = faults.masks()
        kept = 0

        def function(rows: np.ndarray) -> np.ndarray:
            return faults.values(rows)

        with Store(disk / "runs.db") as store:
            with pytest.raises(StoreError, match="Free some space on its disk"):
                evaluate(function, masks, store=store, fingerprint="f", batch_size=64)
            kept = store.count("f")
            assert kept > 0
        with Store(disk / "runs.db", read_only=True) as store:
            assert verify(store).problems == []
            stored = store.get("f", masks)
            assert stored.found.sum() == kept
            assert (stored.values == faults.values(masks[stored.found])).all()
        subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
        with Store(disk / "runs.db") as store:
            done = evaluate(function, masks, store=store, fingerprint="f", batch_size=64)
            assert (done.calls, done.reused) == (len(masks) - kept, kept)
            assert (done.values == faults.values(masks)).all()
    finally:
        subprocess.run(["umount", str(disk)], check=False)


@pytest.mark.timeout(900)
def test_mutated_files() -> None:
    (row,) = mutations_store.rows(quick=False)
    assert row.met, row.detail
