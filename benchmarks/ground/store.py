"""The store's own cost: per evaluation, in a file of a million, and with eight writers."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ground.row import Row
from interplay.evaluate import Store, evaluate
from interplay.evaluate.parquet import export
from interplay.value_function import BoolArray, FloatArray

FEATURES = 1_000
BATCH = 256
WRITERS = 8


def rows(quick: bool) -> list[Row]:
    """The lines of the table."""
    return [_overhead(quick), *_million(quick), _writers(quick)]


def random_masks(m: int, seed: int) -> BoolArray:
    """Random masks without the check that they differ, which takes longer than what is measured."""
    octets = np.random.default_rng(seed).integers(0, 256, (m, FEATURES // 8), dtype=np.uint8)
    return np.unpackbits(octets, axis=1).view(np.bool_)


class Free:
    """A value function that costs nothing."""

    batch_size = BATCH
    fingerprint = "free"

    def __call__(self, masks: BoolArray) -> FloatArray:
        return np.zeros(len(masks))


def _overhead(quick: bool) -> Row:
    m, repeats = (20_000, 3) if quick else (100_000, 5)
    masks = random_masks(m, 0)
    each = []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder, Store(f"{folder}/runs.db") as store:
            began = time.perf_counter()
            evaluate(Free(), masks, store=store)
            each.append(1e6 * (time.perf_counter() - began) / m)
    return Row(
        what=(
            f"overhead of store + executor per evaluation: value function of zero cost, n = "
            f"{FEATURES:,}, batches of {BATCH}"
        ),
        bar="<= 20 us",
        measured=f"{statistics.median(each):.1f} us ({min(each):.1f} to {max(each):.1f})",
        met=max(each) <= 20,
        detail={"microseconds": each, "evaluations": m},
    )


def _million(quick: bool) -> list[Row]:
    m, repeats = (100_000, 1) if quick else (1_000_000, 3)
    masks = random_masks(m, 1)
    values = np.random.default_rng(2).normal(size=m)
    opening, exporting = [], []
    with tempfile.TemporaryDirectory() as folder:
        path, parquet = Path(folder, "runs.db"), Path(folder, "runs.parquet")
        began = time.perf_counter()
        with Store(path) as store:
            for start in range(0, m, BATCH):
                part = slice(start, start + BATCH)
                store.put(
                    "f",
                    masks[part],
                    values[part],
                    tokens=np.full(len(values[part]), 100.0),
                    usd=np.full(len(values[part]), 1e-4),
                    seconds=0.5,
                )
        writing = time.perf_counter() - began
        megabytes = path.stat().st_size / 1e6
        for _ in range(repeats):
            began = time.perf_counter()
            with Store(path) as store:
                stored = store.get("f", masks)
            opening.append(time.perf_counter() - began)
            assert (stored.values[:, 0] == values).all()
            del stored
            began = time.perf_counter()
            with Store(path, read_only=True) as store:
                export(store, parquet)
            exporting.append(time.perf_counter() - began)
            parquet_megabytes = parquet.stat().st_size / 1e6
            parquet.unlink()
    what = f"{m:,} stored evaluations with tokens and money, n = {FEATURES:,}"
    detail = {
        "seconds to write": writing,
        "megabytes": megabytes,
        "seconds to open and get all": opening,
        "seconds to Parquet": exporting,
        "megabytes of Parquet": parquet_megabytes,
    }
    return [
        Row(f"{what}: file", "<= 200 MB", f"{megabytes:.0f} MB", megabytes <= 200, detail),
        Row(f"{what}: open + resume", "<= 3 s", _seconds(opening), max(opening) <= 3, detail),
        Row(
            f"{what}: to Parquet",
            "<= 10 s",
            f"{_seconds(exporting)}, {parquet_megabytes:.0f} MB",
            max(exporting) <= 10,
            detail,
        ),
    ]


def _seconds(times: list[float]) -> str:
    return f"{statistics.median(times):.1f} s ({min(times):.1f} to {max(times):.1f})"


def _writers(quick: bool) -> Row:
    each = 10_000 if quick else 50_000
    tries = []
    for _ in range(1 if quick else 3):
        tries.append(_write_together(each))
    rates = [one["rate"] for one in tries]
    sound = all(one["errors"] == 0 and one["stored"] == WRITERS * each for one in tries)
    return Row(
        what=f"{WRITERS} processes writing one store, n = {FEATURES:,}, batches of {BATCH}",
        bar="no error, no loss; >= 20,000 evaluations/s together",
        measured=(
            f"{statistics.median(rates):,.0f}/s ({min(rates):,.0f} to {max(rates):,.0f}); "
            f"{sum(one['errors'] for one in tries)} errors, "
            f"{sum(WRITERS * each - one['stored'] for one in tries)} lost"
        ),
        met=sound and min(rates) >= 20_000,
        detail={"tries": tries, "evaluations of each process": each},
    )


def _write_together(each: int) -> dict[str, Any]:
    """Start writers that wait for each other, then write; every one also reads what others do."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "runs.db")
        writers = [
            subprocess.Popen(
                [sys.executable, "-m", __name__, str(path), str(seed), str(each)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for seed in range(WRITERS)
        ]
        for writer in writers:
            assert writer.stdout is not None
            writer.stdout.readline()  # ready
        began = time.perf_counter()
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write("go\n")
            writer.stdin.flush()
        told = [writer.communicate()[0] for writer in writers]
        seconds = time.perf_counter() - began
        with Store(path) as store:
            stored = store.count()
        lost = sum(not json.loads(line) for line in told if line)
        errors = sum(writer.returncode != 0 for writer in writers) + lost
    return {
        "rate": WRITERS * each / seconds,
        "seconds": seconds,
        "stored": stored,
        "errors": errors,
    }


def write(path: str, seed: int, each: int) -> None:
    """One of the writers: evaluate, then look whether everything is there."""
    masks = random_masks(each, 100 + seed)
    function = Free()
    print("ready", flush=True)
    sys.stdin.readline()
    with Store(path) as store:
        evaluate(function, masks, store=store)
        print(json.dumps(bool(store.get("free", masks).found.all())))


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
