"""Faults at random moments, many of them: what is stored stays, and stays right."""

from __future__ import annotations

import shutil
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from benchmarks.ground import faults, mutations_store, struck

from interplay.errors import StoreError
from interplay.evaluate import Store, evaluate
from interplay.evaluate.verification import verify


def _campaign(count: int, seed: int, way: str) -> None:
    tally = faults.campaign(count, seed=seed, ways=(way,))
    assert tally.clean, tally
    assert {kind.split(" (")[0] for kind in tally.struck} == set(faults.WAYS[way])


@pytest.mark.timeout(900)
def test_runs_that_are_struck_again_and_again() -> None:
    _campaign(16, 1, "local")


@pytest.mark.timeout(900)
def test_workers_of_ray_that_are_struck() -> None:
    """Real Ray, two workers on this machine; the processes of a killed run end by themselves."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'interplay[ray]'")
    _campaign(8, 2, "ray")


@pytest.mark.timeout(900)
def test_a_server_that_dies() -> None:
    _campaign(6, 3, "server")


@pytest.mark.timeout(900)
def test_one_of_several_writers_is_killed(tmp_path: Path) -> None:
    """All evaluate the same masks into one store; those that live on are not disturbed."""
    rng = np.random.default_rng(3)
    masks = struck.masks()
    for attempt in range(3):
        path = tmp_path / f"{attempt}.db"
        starts = []
        for number, after in enumerate([int(rng.integers(10_000)), None, int(rng.integers(6_000))]):
            folder = tmp_path / f"{attempt}-{number}"
            folder.mkdir()
            strikes = () if after is None else (("kill", after),)
            starts.append(struck.Start("local", str(path), str(folder), strikes, seed=attempt))
        with ThreadPoolExecutor(len(starts)) as together:
            codes = [code for _, code, _ in together.map(faults.run, starts)]
        assert codes[1] == 0
        assert set(codes) <= {0, -signal.SIGKILL}
        with Store(path) as store:
            stored = store.get("struck", masks)
            assert stored.found.all()
            assert (stored.values == struck.values(masks)).all()
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
        masks = struck.masks()
        kept = 0

        def function(rows: np.ndarray) -> np.ndarray:
            return struck.values(rows)

        with Store(disk / "runs.db") as store:
            with pytest.raises(StoreError, match="Free some space on its disk"):
                evaluate(function, masks, store=store, fingerprint="f", batch_size=64)
            kept = store.count("f")
            assert kept > 0
        with Store(disk / "runs.db", read_only=True) as store:
            assert verify(store).problems == []
            stored = store.get("f", masks)
            assert stored.found.sum() == kept
            assert (stored.values == struck.values(masks[stored.found])).all()
        subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
        with Store(disk / "runs.db") as store:
            done = evaluate(function, masks, store=store, fingerprint="f", batch_size=64)
            assert (done.calls, done.reused) == (len(masks) - kept, kept)
            assert (done.values == struck.values(masks)).all()
    finally:
        subprocess.run(["umount", str(disk)], check=False)


@pytest.mark.timeout(900)
def test_mutated_files() -> None:
    (row,) = mutations_store.rows(quick=False)
    assert row.met, row.detail
