"""Inputs that might crash, hang or fill the memory are tried in processes apart.

One that does is counted, and does not take the benchmark with it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

PATIENCE = 10.0
"""Seconds that one input may take before it counts as a hang."""

MOST_CRASHES = 10


@dataclass
class Told:
    """What came of them: a result for each, in order, and the processes that died, in words."""

    results: list[dict[str, Any]] = field(default_factory=list)
    crashes: list[str] = field(default_factory=list)

    @property
    def slow(self) -> list[dict[str, Any]]:
        return [result for result in self.results if result["seconds"] > PATIENCE]


def tried(module: str, *arguments: str, total: int, per_process: int = 50) -> Told:
    """Run ``python -m MODULE ARGUMENTS FIRST COUNT`` until all inputs were tried.

    It prints a JSON object for each of them, with how long it took as ``seconds``.
    """
    told, first = Told(), 0
    while first < total and len(told.crashes) < MOST_CRASHES:
        count = min(per_process, total - first)
        command = [sys.executable, "-m", module, *arguments, str(first), str(count)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=60 + PATIENCE * count
            )
            output, why = done.stdout, f"exit {done.returncode}: {done.stderr[-300:]}"
            died = done.returncode != 0
        except subprocess.TimeoutExpired as hang:
            found = hang.stdout or b""
            output, why, died = found.decode() if isinstance(found, bytes) else found, "hangs", True
        results = [json.loads(line) for line in output.splitlines()]
        told.results += results
        if died:  # the input after the last one told
            told.crashes.append(f"input {first + len(results)}: {why}")
            count = len(results) + 1
        first += count
    return told
