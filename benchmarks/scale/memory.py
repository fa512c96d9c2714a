"""Memory of a large run: 1,000 features, 20,000 masks, every process on its own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from benchmarks.ground.row import Row

FEATURES, MASKS, BAR = 1000, 20_000, 1500
"""Megabytes outside the model: here the value function keeps next to nothing."""

PROGRAM = """
import json, resource, sys, tempfile, time
from pathlib import Path
import interplay as ip
from benchmarks.scale.constants import game
n, m, method = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
began = time.perf_counter()
with tempfile.TemporaryDirectory() as folder:
    game.batch_size = 512
    found = ip.explain(game, n, budget=m, method=method, store=Path(folder, "runs.db"))
    found.save(Path(folder, "run.json"))
    found.report(Path(folder, "run.html"))
print(json.dumps({
    "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
    "seconds": time.perf_counter() - began,
    "R^2": found.faithfulness.value,
}))
"""


def rows(quick: bool) -> list[Row]:
    """The lines of the table."""
    n, m = (200, 2000) if quick else (FEATURES, MASKS)
    return [_row(n, m, method) for method in ("lasso", "proxyspex", "auto")]


def _row(n: int, m: int, method: str) -> Row:
    command = [sys.executable, "-c", PROGRAM, str(n), str(m), method]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    measured = (
        f"{told['peak MB']:,.0f} MB at most, imports included; {told['seconds']:.0f} s; "
        f"R^2 {told['R^2']:.3f}"
    )
    print(f"memory: {method}: {measured}", flush=True)
    return Row(
        f"explain, save and report of {n:,} features from {m:,} masks, method {method}",
        f"<= {BAR:,} MB outside the model",
        measured,
        told["peak MB"] <= BAR,
        told,
    )
