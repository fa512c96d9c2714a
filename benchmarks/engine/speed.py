"""Time and memory of a fit, in processes of their own: at the sizes of the bars, and as curves."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np

from benchmarks.engine.peers import ONE_THREAD
from benchmarks.engine.results import Measured
from benchmarks.engine.run import Part, Run
from benchmarks.ground.row import Row
from benchmarks.table import REPOSITORY, markdown

SECTION = "speed"
MINUTES = 1.2
THREADS = (1, 2)
BARS = {(128, 2000): (10.0, None), (1000, 8000): (60.0, 2000.0)}
"""Seconds and MB at most by (n, m), with two cores."""
REPEATS = {(128, 2000): (0, 1, 2), (1000, 8000): (0,)}
"""Seeds, of the function as of the fit."""
CURVE_M = [(64, m) for m in (100, 200, 400, 800, 1600, 3200, 6400)]
CURVE_N = [(n, 1000) for n in (16, 32, 64, 128, 256, 512, 1000)]
GIVE_UP = 120.0
"""A method whose fit took longer is not timed at the larger sizes of the curve."""
LIMIT, QUICK_LIMIT = 600.0, 60.0
"""Seconds after which a process is ended."""


def measure(run: Run) -> None:
    for (n, m), seeds in REPEATS.items():
        if run.quick and m > 2000:
            continue
        for threads in THREADS:
            for seed in run.in_time(seeds[:1] if run.quick else seeds):
                timed(run, run.subject, n, m, threads, seed)
    for curve in (CURVE_M, CURVE_N):
        for method in run.methods:
            for n, m in run.in_time(curve[:4] if run.quick else curve):
                row = timed(run, method, n, m, 1, 0)
                if "error" in row or row["seconds"] > GIVE_UP:
                    break


def timed(run: Run, method: str, n: int, m: int, threads: int, seed: int) -> Measured:
    """Return seconds and memory of one fit in a process with so many threads."""
    cell = f"n={n} m={m} threads={threads}"
    limit = QUICK_LIMIT if run.quick else LIMIT
    return run.results.row(
        SECTION, cell, method, seed, lambda: in_process(method, n, m, threads, seed, limit)
    )


def in_process(method: str, n: int, m: int, threads: int, seed: int, limit: float) -> Measured:
    environment = {**os.environ, **{name: str(threads) for name in ONE_THREAD}}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.engine.worker", method, str(n), str(m), str(seed)],
            cwd=REPOSITORY,
            env=environment,
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"took more than {limit:g} s", "n": n, "m": m}
    if done.returncode != 0:
        return {"error": (done.stderr.strip() or "ended without a word").splitlines()[-1][:300]}
    return {"n": n, "m": m, "threads": threads, **json.loads(done.stdout.splitlines()[-1])}


def report(run: Run) -> Part:
    rows = run.results.of(SECTION)
    bars, table = [], []
    for (n, m), (most_seconds, most_memory) in BARS.items():
        for threads in THREADS:
            here = [
                row
                for row in rows
                if row["method"] == run.subject and row["cell"] == f"n={n} m={m} threads={threads}"
            ]
            if not here:
                continue
            if failed := [row["error"] for row in here if "error" in row]:
                measured, met = failed[0], False
            else:
                seconds = [row["seconds"] for row in here]
                memory = max(row["megabytes"] or 0.0 for row in here)
                middle = float(np.median(seconds))
                measured = f"{middle:.1f} s ({min(seconds):.1f} to {max(seconds):.1f})"
                measured += f", {memory:,.0f} MB"
                met = middle <= most_seconds and (most_memory is None or memory <= most_memory)
                r2 = np.mean([row["r2"] for row in here])
                table.append([n, m, threads, len(here), measured, f"{r2:.3f}"])
            if threads == max(THREADS):
                limit = f"<= {most_seconds:g} s"
                limit += "" if most_memory is None else f" and {most_memory / 1000:g} GB"
                what = f"fit of {run.subject}, n = {n:,}, m = {m:,}, {threads} threads"
                bars.append(Row(what, limit, measured, bool(met), {"rows": here}))
    curves = [curve_table(run, CURVE_M, "m"), curve_table(run, CURVE_N, "n")]
    text = f"""## Time

Fits of a known function with many main effects, pairs, triples and terms of order 4 among
features of unequal importance, 10 % of the variance noise; each in a process of its own, evidence
included; the memory is all that the process ever held, Python and numpy included.

{markdown(["n", "m", "threads", "fits", "median (range), peak", "R²"], table)}

![Time against m and n](engine_time.svg)

Seconds of a fit, one thread, n = 64, by m ("-": not run, for a smaller one took more than
{GIVE_UP:g} s):

{curves[0]}

and m = 1,000, by n:

{curves[1]}
"""
    return Part(bars, text)


def curve(run: Run, method: str, sizes: list[tuple[int, int]]) -> list[float | None]:
    """Return the seconds of a method at sizes (n, m)."""
    found = {
        row["cell"]: row.get("seconds")
        for row in run.results.of(SECTION)
        if row["method"] == method and row["seed"] == 0
    }
    return [found.get(f"n={n} m={m} threads=1") for n, m in sizes]


def curve_table(run: Run, sizes: list[tuple[int, int]], varied: str) -> str:
    header = ["method", *(f"{varied} = {(m if varied == 'm' else n):,}" for n, m in sizes)]
    rows = []
    for method in run.methods:
        seconds = curve(run, method, sizes)
        if any(s is not None for s in seconds):
            rows.append([method, *("-" if s is None else f"{s:.2f}" for s in seconds)])
    return markdown(header, rows)
