"""Malformed inputs of every kind: a clear error or a right read, in bounded time and memory.

Bytes of sound files are flipped, cut, doubled and replaced (as in benchmarks.ground), and their
JSON and arrays are made again with something hostile in one place: nested a thousand deep, numbers
that are none, a million digits, keys that come twice, halves of characters, other types, shapes
and dtypes, heads that claim terabytes. A server answers such bytes too.

What is read must be right: what has a checksum (stores, archives) gives the values that were
written, and every number that anything gives is finite.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import resource
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import interplay as ip
from benchmarks.ground import mutations, mutations_store
from benchmarks.ground.apart import PATIENCE, tried
from benchmarks.ground.row import Row
from benchmarks.scale.answers import Answers
from benchmarks.scale.hostile import INSIDE
from benchmarks.scale.sound import SOUND

COUNTS = {
    "store": 350,
    "recording": 500,
    "run": 300,
    "subject": 200,
    "configuration": 250,
    "result": 150,
    "server": 250,
}
"""Inputs of each kind; a subject is a run of one of the lenses."""

MOST_MEMORY = 600.0
"""MB that all the inputs of a process may take beyond what it had."""

CEILING = 8 * 2**30
"""Bytes of address space, beyond which a process fails instead of the machine."""

# ---- trying them


def run(kind: str, first: int, count: int) -> None:
    """Try inputs ``first`` to ``first + count`` of a kind, and print what came of each."""
    resource.setrlimit(resource.RLIMIT_AS, (CEILING, CEILING))
    warnings.simplefilter("ignore")
    if kind == "store":
        mutations_store.run(first, count)
    elif kind == "server":
        _answers(first, count)
    else:
        _files(kind, first, count)


def _files(kind: str, first: int, count: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = SOUND[kind](folder)
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        right = {one.path: _numbers(one.read(one.path)) for one in files}
        _tidy(folder, before)
        base = _memory()
        for number in range(first, first + count):
            rng = np.random.default_rng(number)
            one = files[number % len(files)]
            inside = INSIDE.get(one.path.suffix)
            whole = inside is None or rng.random() < 0.4
            mutated = (mutations.mutate if whole else inside)(before[one.path], rng)  # type: ignore[misc]
            one.path.write_bytes(mutated)
            began = time.perf_counter()
            told = _outcome(partial(one.read, one.path), one.path.stem if one.named else "")
            seconds = time.perf_counter() - began
            if one.guarded and whole and isinstance(told, list) and told != right[one.path]:
                told = "wrong values"
            if one.path.read_bytes() != mutated or not _untouched(before, one.path):
                told = f"touched; {told}"
            _tidy(folder, before)
            _print(kind, number, one.path.name, told, right[one.path], seconds, _memory() - base)


def _answers(first: int, count: int) -> None:
    server = Answers()
    right = _numbers(server.scored())
    base = _memory()
    for number, ask in server.tried(first, count):
        began = time.perf_counter()
        told = _outcome(ask, "")
        seconds = time.perf_counter() - began
        _print("server", number, "answers", told, right, seconds, _memory() - base)


def _outcome(read: Callable[[], Any], name: str) -> list[float] | str:
    """The numbers that were read; or ``error``, or what was wrong, in words."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            numbers = _numbers(read())
    except ip.InterplayError as error:
        clear = name in str(error) and len(str(error)) > 30
        return "error" if clear else f"unclear error: {error}"
    except BaseException as error:
        if os.environ.get("INTERPLAY_DEBUG") == "1":
            raise
        return f"unexpected {type(error).__name__}: {error}"
    return numbers if all(map(math.isfinite, numbers)) else "numbers that are not finite"


def _numbers(found: Any) -> list[float]:
    return [float(one) for one in np.asarray(found, dtype=np.float64).ravel()]


def _untouched(before: dict[Path, bytes], but: Path) -> bool:
    return all(path == but or path.read_bytes() == octets for path, octets in before.items())


def _tidy(folder: Path, before: dict[Path, bytes]) -> None:
    """Put all files back as they were."""
    for path in folder.rglob("*"):
        if path.is_file() and path not in before:
            path.unlink()
    for path, octets in before.items():
        path.write_bytes(octets)


def _print(
    kind: str,
    number: int,
    name: str,
    told: list[float] | str,
    right: list[float],
    seconds: float,
    memory: float,
) -> None:
    if isinstance(told, list):
        told = "read, the same" if told == right else "read, other numbers"
    if memory > MOST_MEMORY:
        told = f"{memory:.0f} MB; {told}"
    result = {"number": number, "kind": name, "told": told, "seconds": seconds, "memory": memory}
    print(json.dumps(result), flush=True)


def _memory() -> float:
    """The most that this process has had, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def rows(quick: bool) -> list[Row]:
    """The line of the table."""
    counts = {kind: count // (20 if quick else 1) for kind, count in COUNTS.items()}
    found = {kind: tried(__name__, kind, total=count) for kind, count in counts.items()}
    told = Counter[str]()
    bad, crashes, slow = [], [], []
    for kind, one in found.items():
        for result in one.results:
            short = result["told"].split(":")[0] if kind == "store" else result["told"]
            fine = short in ("error", "right", "read, the same", "read, other numbers")
            told["read, the same" if short == "right" else short if fine else "bad"] += 1
            if not fine:
                bad.append({"of": kind, **result})
        crashes += [f"{kind}, {crash}" for crash in one.crashes]
        slow += one.slow
    total = sum(counts.values())
    every = [result for one in found.values() for result in one.results]
    slowest = max(result["seconds"] for result in every)
    memory = max(result.get("memory", 0.0) for result in every)
    return [
        Row(
            what=f"{total:,} malformed inputs: "
            + ", ".join(f"{count} of a {kind}" for kind, count in counts.items()),
            bar="each a clear InterplayError; no crash, no hang, no file touched",
            measured=(
                f"{told['error']:,} clear errors, {told['read, the same']:,} read with the same "
                f"values (the damage was where it does not matter), "
                f"{told['read, other numbers']:,} read as other finite numbers, which is what the "
                f"file then says; {len(bad)} otherwise, {len(crashes)} crashes, {len(slow)} hangs "
                f"(beyond {PATIENCE:g} s); slowest {slowest:.1f} s, most memory of 50 inputs "
                f"{memory:.0f} MB beyond the start"
            ),
            met=not (bad or crashes or slow) and len(every) == total,
            detail={
                "by kind": {
                    kind: dict(Counter(str(r["told"])[:24] for r in one.results))
                    for kind, one in found.items()
                },
                "bad": bad[:40],
                "crashes": crashes,
                "slowest": slowest,
                "memory": memory,
            },
        )
    ]


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
