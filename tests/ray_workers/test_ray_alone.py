"""Ray started, joined, killed and ended: what is left behind, and what is reachable from where."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ray_games import Game, Logged, made, made_otherwise

from interplay.errors import BackendError
from interplay.evaluate import RayExecutor, Store, evaluate
from interplay.masks import uniform

HERE = Path(__file__).parent
MASKS = uniform(12, 400, np.random.default_rng(0))


def _processes(word: str) -> set[int]:
    """Return the processes in whose command line a word is."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if word in path.read_text(errors="replace"):
                found.add(int(path.parent.name))
        except OSError:
            continue
    return found - {os.getpid()}


def _program(folder: Path, body: str) -> str:
    return (
        f"import sys; sys.path.insert(0, {str(HERE)!r})\n"
        "from pathlib import Path\nimport numpy as np\nimport interplay as ip\n"
        "from interplay.evaluate import Store, evaluate\nfrom ray_games import *\n"
        f"folder = Path({str(folder)!r})\n{body}"
    )


def _interplay(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "interplay", *arguments],
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_a_factory_makes_it_there() -> None:
    with RayExecutor(1, make=made) as executor:
        found = evaluate(Game(), MASKS[:40], executor=executor)
    assert found.values.tobytes() == evaluate(Game(), MASKS[:40]).values.tobytes()
    told = r"another one than here \(fingerprint another game, here game\)"
    with (
        RayExecutor(1, make=made_otherwise) as executor,
        pytest.raises(BackendError, match=told),
    ):
        evaluate(Game(), MASKS[:40], executor=executor)


def test_it_listens_on_this_machine_alone_and_leaves_nothing() -> None:
    home = set(Path.home().iterdir())
    before = set(Path("/tmp").glob("interplay-ray-*"))
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with RayExecutor(2) as executor:
        evaluate(Game(), MASKS[:40], executor=executor)
        (folder,) = set(Path("/tmp").glob("interplay-ray-*")) - before
        ours = _processes(folder.name) | _processes("ray::_Worker")
        assert _listening(ours)
        assert {address for address in _listening(ours) if not _loopback(address)} == set()
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert not folder.exists()
    assert not _processes(folder.name)
    assert set(Path.home().iterdir()) == home


def _listening(processes: set[int]) -> set[str]:
    """Return the addresses, in hexadecimal, on which processes listen (TCP)."""
    inodes = set()
    for pid in processes:
        try:
            inodes |= {str(one.readlink()) for one in Path(f"/proc/{pid}/fd").iterdir()}
        except OSError:
            continue
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            cells = line.split()
            if cells[3] == "0A" and f"socket:[{cells[9]}]" in inodes:
                found.add(cells[1].split(":")[0])
    return found


def _loopback(address: str) -> bool:
    return address[-8:] == "0100007F" or address == "00000000000000000000000001000000"


def test_a_killed_driver_loses_what_is_in_flight(tmp_path: Path) -> None:
    body = (
        "with ip.RayExecutor(2) as executor, Store(folder / 'runs.db') as store:\n"
        "    evaluate(Logged(folder, seconds=0.05), masks, store=store, executor=executor)\n"
    )
    masks = "masks = ip.masks.uniform(12, 1000, np.random.default_rng(0))\n"
    driver = subprocess.Popen([sys.executable, "-c", _program(tmp_path, masks + body)])
    while len(list(tmp_path.glob("*.npy"))) < 30:
        assert driver.poll() is None
        time.sleep(0.02)
    command = Path(f"/proc/{_raylet(driver.pid)}/cmdline").read_text()
    (folder,) = set(re.findall(r"/tmp/(interplay-ray-\w+)", command))
    driver.kill()
    driver.wait()
    begun = len(list(tmp_path.glob("*.npy")))
    with Store(tmp_path / "runs.db") as store:
        kept = store.count("logged")
        assert kept >= 8 * (begun - 2 * 2 - 2)  # two chunks for each of two workers, and a margin
        masks_now = uniform(12, 1000, np.random.default_rng(0))
        again = evaluate(Logged(tmp_path), masks_now, store=store)
    assert again.reused == kept
    assert again.values[:, 0].tolist() == masks_now.sum(1).tolist()
    end = time.monotonic() + 30
    while _processes(folder) and time.monotonic() < end:
        time.sleep(0.2)
    assert not _processes(folder)  # nobody goes on without the driver


def _raylet(driver: int) -> int:
    """Return the raylet that a driver has started."""
    for pid in _processes("raylet/raylet"):
        status = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        if int(status[1]) == driver:
            return pid
    raise AssertionError("no raylet")


ARGUMENTS = ("training-data", "--trainer", "mlp", "--seed", "1")


def test_the_command_line_gives_the_same_run(tmp_path: Path) -> None:
    runs = []
    for name, more in (("here", ()), ("there", ("--workers", "2"))):
        path = tmp_path / f"{name}.json"
        process = _interplay(
            *ARGUMENTS, "--examples", "8", "--budget", "60", "--save", str(path), "--store",
            str(tmp_path / f"{name}.db"), *more,
        )  # fmt: skip
        _, error = process.communicate(timeout=200)
        assert process.returncode == 0, error
        assert "Traceback" not in error
        runs.append(json.loads(path.read_text()))
    here, there = runs
    assert here["sample"] == there["sample"]
    assert here["subject"] == there["subject"]


def test_ctrl_c_on_the_command_line(tmp_path: Path) -> None:
    store = tmp_path / "runs.db"
    process = _interplay(
        *ARGUMENTS, "--budget", "20000", "--examples", "16", "--workers", "2", "--store",
        str(store),
    )  # fmt: skip
    while not store.exists() or _count(store) < 64:
        assert process.poll() is None, process.communicate()
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)  # what a terminal does: to all of its processes
    out, error = process.communicate(timeout=200)
    assert process.returncode == 130, error
    assert "Interrupted by Ctrl-C after" in out
    assert "Traceback" not in error


def _count(store: Path) -> int:
    with Store(store, read_only=True) as opened:
        return opened.count()


def test_a_cluster_that_is_there(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ray = str(Path(sys.executable).parent / "ray")
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    folder = Path("/tmp") / f"interplay-test-{os.getpid()}"
    head = subprocess.Popen(
        [
            ray, "start", "--head", "--block", f"--port={port}", "--num-cpus=2",
            "--include-dashboard=false", f"--temp-dir={folder}",
        ],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        end = time.monotonic() + 60
        while not _answers(port) and time.monotonic() < end:
            time.sleep(0.5)
        time.sleep(3)
        for _ in range(2):  # it is still there after the first
            process = _interplay(
                *ARGUMENTS, "--examples", "8", "--budget", "40", "--workers", "2", "--ray-address",
                f"127.0.0.1:{port}", "--store", str(tmp_path / "runs.db"), "--json",
                RAY_AUTH_MODE="disabled",
            )  # fmt: skip
            out, error = process.communicate(timeout=200)
            assert process.returncode == 0, error
            told: dict[str, Any] = json.loads(out)
            (tmp_path / "runs.db").unlink()
            assert told["cost"]["calls"] == 40
    finally:
        head.terminate()
        head.wait(30)
        subprocess.run(["rm", "-rf", str(folder)], check=True)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_no_cluster_there(tmp_path: Path) -> None:
    process = _interplay(
        *ARGUMENTS, "--examples", "8", "--budget", "40", "--workers", "2",
        "--ray-address", "127.0.0.1:9", "--store", str(tmp_path / "runs.db"),
        RAY_AUTH_MODE="disabled",
    )  # fmt: skip
    _, error = process.communicate(timeout=200)
    assert process.returncode == 1
    assert "Ray cannot be reached at 127.0.0.1:9" in error
