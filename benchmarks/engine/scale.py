"""Thousands of features: recovery, time and memory of a fit, each in a process of its own.

``python -m benchmarks.engine.scale METHOD KIND N M SEED`` is such a process: it prints one JSON
object.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import interplay as ip
from benchmarks.engine.peers import ONE_THREAD
from benchmarks.engine.results import Measured
from benchmarks.engine.run import Part, Run
from benchmarks.engine.worker import peak
from benchmarks.ground.row import Row
from benchmarks.table import REPOSITORY, markdown
from interplay.metrics import r_squared
from interplay.packing import Term
from interplay.spectrum import Spectrum
from interplay.value_function import BoolArray, FloatArray

SECTION = "scale"
MINUTES = 0.4
SHARE, SECONDS, MEGABYTES = 0.95, 300.0, 8000.0
NOISE = 0.1
"""Share of the variance that is white noise in the values."""
KINDS = ("hierarchical", "free")
"""Pairs of features with main effects, or of others."""
LARGE = (10_000, 20_000)
CURVE = ((2_500, 4_000), (5_000, 4_000), (10_000, 4_000), (20_000, 4_000), (10_000, 10_000))
ARCHIVE = (50_000, 10_000)
COLUMNS = 2_000
"""Targets in the archive, of which one is fitted."""
SIMPLE = "simple code"
TESTS = 1000


def counts(m: int) -> tuple[int, int]:
    """Return how many main effects and pairs are planted: one for 100, and one for 200 masks.

    >>> counts(20_000)
    (200, 100)
    """
    return m // 100, m // 200


def planted(kind: str, n: int, m: int, seed: int) -> Spectrum:
    """Return main effects and pairs; sizes are uniform on (0.5, 1.5), signs random."""
    rng = np.random.default_rng([seed, n, m, 20])
    mains, pairs = counts(m)
    single = rng.choice(n, mains, replace=False)
    others = single if kind == "hierarchical" else np.setdiff1d(np.arange(n), single)
    terms: dict[Term, float] = {}
    for i in single.tolist():
        terms[(i,)] = float(rng.uniform(0.5, 1.5) * rng.choice([-1, 1]))
    while len(terms) < mains + pairs:
        pair = tuple(sorted(rng.choice(others, 2, replace=False).tolist()))
        terms.setdefault(pair, float(rng.uniform(0.5, 1.5) * rng.choice([-1, 1])))
    return Spectrum(terms, n)


def simple(masks: BoolArray, values: FloatArray, mains: int, pairs: int) -> set[Term]:
    """What a competent user writes: main effects, what they leave over, and all products with it.

    It is told how many terms there are, and says nothing about how well they predict.
    """
    signs = (1 - 2 * masks.view(np.int8)).astype(np.float32)
    rest = values - values.mean()
    chosen = np.argsort(-np.abs(rest @ signs))[:mains]
    rest = rest - signs[:, chosen] @ np.linalg.lstsq(signs[:, chosen], rest, rcond=None)[0]
    weighed = signs * rest[:, None].astype(np.float32)
    best = np.zeros((0, 3))
    for start in range(0, signs.shape[1], 500):
        sums = np.abs(signs[:, start : start + 500].T @ weighed)
        sums[np.arange(signs.shape[1]) <= start + np.arange(len(sums))[:, None]] = 0
        one, other = np.unravel_index(np.argpartition(sums.ravel(), -pairs)[-pairs:], sums.shape)
        found = np.stack([sums[one, other], start + one, other], axis=1)
        best = np.concatenate([best, found])
        best = best[np.argsort(-best[:, 0])[:pairs]]
    terms = {(int(i),) for i in chosen}
    return terms | {(int(a), int(b)) for _, a, b in best}


def measure(run: Run) -> None:
    if run.quick:
        in_process(run, run.subject, KINDS[0], 2_500, 2_000, 0, 1)
        return
    for kind in KINDS:
        for seed in run.seeds:
            in_process(run, run.subject, kind, *LARGE, seed, 2)
        in_process(run, SIMPLE, kind, *LARGE, 0, 2)
    for n, m in CURVE:
        for method in (run.subject, "lasso", SIMPLE):
            in_process(run, method, KINDS[0], n, m, 0, 1)
    in_process(run, "archive", KINDS[0], *ARCHIVE, 0, 2)


def in_process(
    run: Run, method: str, kind: str, n: int, m: int, seed: int, threads: int
) -> Measured:
    def measured() -> Measured:
        environment = {**os.environ, **{name: str(threads) for name in ONE_THREAD}}
        environment["OPENBLAS_NUM_THREADS"] = str(threads)
        numbers = [str(number) for number in (n, m, seed)]
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.engine.scale", method, kind, *numbers],
            cwd=REPOSITORY,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
        if done.returncode:
            return {"error": (done.stderr.strip() or "ended without a word").splitlines()[-1][:300]}
        told: Measured = json.loads(done.stdout.splitlines()[-1])
        return {"n": n, "m": m, "kind": kind, "threads": threads, **told}

    return run.results.row(SECTION, f"{kind} n={n} m={m} threads={threads}", method, seed, measured)


def main() -> None:
    method, kind, *numbers = sys.argv[1:]
    n, m, seed = map(int, numbers)
    truth, rng = planted(kind, n, m, seed), np.random.default_rng([seed, n, m, 21])
    test = rng.random((TESTS, n)) < 0.5
    if method == "archive":
        with tempfile.TemporaryDirectory() as folder:
            figures = archived(Path(folder), truth, m, rng, test)
        print(json.dumps(figures))
        return
    masks = np.empty((m, n), dtype=np.bool_)
    for start in range(0, m, 1000):
        masks[start : start + 1000] = rng.integers(
            0, 2, (len(masks[start : start + 1000]), n), np.uint8
        )
    values = noisy(truth.predict(masks), rng)
    if method == SIMPLE:
        started = time.perf_counter()
        found = simple(masks, values, *counts(m))
        seconds = time.perf_counter() - started
        print(json.dumps({"seconds": seconds, "megabytes": peak(), **hits(found, truth)}))
        return
    ip.fit(masks[:40, :10], values[:40], method=method)  # imports are not counted
    print(json.dumps(fitted(masks, values, method, truth, test, seed)))


def noisy(values: FloatArray, rng: np.random.Generator) -> FloatArray:
    sd = np.sqrt(NOISE / (1 - NOISE)) * values.std()
    noised: FloatArray = values + sd * rng.normal(size=len(values))
    return noised


def fitted(
    masks: BoolArray, values: FloatArray, method: str, truth: Spectrum, test: BoolArray, seed: int
) -> Measured:
    started = time.perf_counter()
    surrogate = ip.fit(masks, values, method=method, seed=seed)
    found = set(surrogate.spectrum(len(truth.terms)).terms)
    seconds = time.perf_counter() - started
    own = surrogate.faithfulness
    return {
        "seconds": seconds,
        "megabytes": peak(),
        **hits(found, truth),
        "r2": r_squared(truth.predict(test), surrogate.predict(test)),
        "own": [own.value, own.low, own.high],
    }


def hits(found: set[Term], truth: Spectrum) -> Measured:
    """Count the planted terms among as many that were found."""
    both = found & set(truth.terms) - {()}
    mains, pairs = (sum(len(term) == order for term in both) for order in (1, 2))
    return {"planted": len(truth.terms), "mains": mains, "pairs": pairs}


def archived(
    folder: Path, truth: Spectrum, m: int, rng: np.random.Generator, test: BoolArray
) -> Measured:
    """Fit one column of an archive on the disk that was written a part at a time."""
    n, masks_file, values_file = truth.n, folder / "masks.npy", folder / "margins.npy"
    masks = np.lib.format.open_memmap(masks_file, "w+", np.uint8, (m, n))
    margins = np.lib.format.open_memmap(values_file, "w+", np.float16, (m, COLUMNS))
    sd = np.sqrt(NOISE / (1 - NOISE) * truth.variance)
    for start in range(0, m, 500):
        part = rng.integers(0, 2, (500, n), np.uint8)
        masks[start : start + 500] = part
        told = truth.predict(part.astype(np.bool_)) + sd * rng.normal(size=500)
        margins[start : start + 500] = told[:, None]
    masks.flush()
    margins.flush()
    del masks, margins
    started = time.perf_counter()
    recording = ip.read_recording(masks_file, values=values_file, target=COLUMNS // 2)
    figures = fitted(recording.masks, recording.values, "auto", truth, test, 0)
    return {**figures, "seconds": time.perf_counter() - started, "bytes": m * n + 2 * m * COLUMNS}


def report(run: Run) -> Part:
    rows = [row for row in run.results.of(SECTION) if "error" not in row]
    if not rows:
        return Part([], "")
    bars = []
    for kind in KINDS:
        at = [
            r for r in rows
            if r["method"] == run.subject and (r["kind"], r["n"], r["m"]) == (kind, *LARGE)
        ]  # fmt: skip
        if at:
            found = [(r["mains"] + r["pairs"]) / r["planted"] for r in at]
            seconds, memory = max(r["seconds"] for r in at), max(r["megabytes"] for r in at)
            mains, pairs = min(r["mains"] for r in at), min(r["pairs"] for r in at)
            bars.append(
                Row(
                    f"n = 10,000, m = 20,000, 200 main effects and 100 {kind} pairs, 2 threads",
                    f">= {100 * SHARE:.0f} %, <= {SECONDS:.0f} s, <= {MEGABYTES / 1000:.0f} GB",
                    f"{100 * min(found):.1f} % (of the worst of {len(at)} seeds; at least {mains} "
                    f"and {pairs}), {seconds:.0f} s, {memory / 1000:.1f} GB at most",
                    min(found) >= SHARE and seconds <= SECONDS and memory <= MEGABYTES,
                    {"rows": at},
                )
            )
    table = [
        [
            f"{r['n']:,}", f"{r['m']:,}", r["kind"], r["method"], r["seed"], r["threads"],
            f"{r['mains']} + {r['pairs']} of {r['planted']}",
            f"{r['r2']:.3f}" if "r2" in r else "",
            "{:.2f} ({:.2f} to {:.2f})".format(*r["own"]) if "own" in r else "",
            f"{r['seconds']:.0f}", f"{r['megabytes']:,.0f}",
        ]
        for r in rows
    ]  # fmt: skip
    header = ["n", "m", "pairs", "method", "seed", "threads", "main effects + pairs found", "R²"]
    header += ["own estimate (90 %)", "s", "MB"]
    text = f"""## Thousands of features

One main effect for 100 masks and one pair for 200, of features with main effects ("hierarchical")
or of others ("free"); sizes uniform on (0.5, 1.5), signs random, {100 * NOISE:.0f} % of the
variance noise. Found: planted terms among as many of the largest. R² on {TESTS:,} other masks
without noise; the own estimate is of values with it, at most {1 - NOISE:.1f}. Time and memory of a
process: fit, evidence, spectrum; all that Python ever held. "{SIMPLE}" (in
`benchmarks/engine/scale.py`) is told how many terms there are: the largest main effects, what they
leave over, and one pass over all products; it predicts nothing and gives no evidence. "archive" is
{COLUMNS:,} targets in a float16 array on the disk beside masks of a byte each, of which one is
fitted; its memory counts the pages of the files that were read.

{markdown(header, table)}
"""
    return Part(bars, text)


if __name__ == "__main__":
    main()
