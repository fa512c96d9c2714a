"""What a plan needs to know of us: time and bytes of masks, store, scheduler and fit."""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ground.row import Row
from benchmarks.scale.simulated_ray import Machines, simulated
from interplay.evaluate import Store, evaluate
from interplay.masks import uniform
from interplay.surrogates import fit
from interplay.value_function import BoolArray, FloatArray

FEATURES = 500
BATCH = 8
"""Masks to a call of a very large model."""

FITS = (10_000, 30_000, 100_000)
SEED = 4


def rows(quick: bool) -> list[Row]:
    """The lines of the table."""
    m = 5_000 if quick else 100_000
    began = time.process_time()
    masks = uniform(FEATURES, m, np.random.default_rng(SEED))
    drawing = 1e6 * (time.process_time() - began) / m
    found = [
        _reported(f"masks: drawing {m:,} of {FEATURES} features", f"{drawing:.1f} us each", {}),
        _scheduler(masks[: m // 5]),
        *(_store(n, min(m, 20_000)) for n in (FEATURES, 10_000)),
    ]
    for size in [m] if quick else FITS:
        found.append(_fit(masks[:size]))
        print(f"constants: {found[-1].what}: {found[-1].measured}", flush=True)
    return found


def _reported(what: str, measured: str, detail: dict[str, Any]) -> Row:
    return Row(what, "(reported)", measured, True, detail)


def game(masks: BoolArray) -> FloatArray:
    """Forty features of weight, thirty pairs, ten triples of them, and some noise."""
    rng = np.random.default_rng(SEED)
    some = rng.choice(masks.shape[1], 40, replace=False)
    values: FloatArray = masks[:, some] @ rng.normal(size=40)
    for size, count in ((2, 30), (3, 10)):
        for _ in range(count):
            members = rng.choice(some, size, replace=False)
            values += rng.normal() * masks[:, members].all(axis=1)
    return values + 0.1 * rng.normal(size=len(masks))


def _scheduler(masks: BoolArray) -> Row:
    """The driver's own work, for workers that take no time: everything but Ray itself."""
    each = {}
    for batch in (BATCH, 256):
        began = time.process_time()
        simulated(Machines(64, 0.0), masks, batch=batch)
        each[batch] = 1e6 * (time.process_time() - began) / len(masks)
    return _reported(
        f"scheduler with 64 simulated workers, {len(masks):,} masks, no store",
        f"{each[BATCH]:.0f} us of the processor for each evaluation in chunks of {BATCH}, "
        f"{each[256]:.0f} us in chunks of 256",
        {"microseconds by chunk": each},
    )


class Free:
    """A value function that costs nothing."""

    fingerprint = "free"

    def __call__(self, masks: BoolArray) -> FloatArray:
        return np.zeros(len(masks))


def _store(n: int, m: int) -> Row:
    octets = np.random.default_rng(SEED).integers(0, 256, (m, -(-n // 8)), dtype=np.uint8)
    masks = np.unpackbits(octets, axis=1, count=n).view(np.bool_)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "runs.db")
        began = time.process_time()
        with Store(path) as store:
            evaluate(Free(), masks, store=store, batch_size=BATCH)
        each = 1e6 * (time.process_time() - began) / m
        size = path.stat().st_size / m
    return _reported(
        f"store and pipeline: {m:,} evaluations of {n:,} features in chunks of {BATCH}",
        f"{each:.0f} us of the processor and {size:.0f} bytes for each evaluation",
        {"microseconds": each, "bytes": size},
    )


def _fit(masks: BoolArray) -> Row:
    values = game(masks)
    began = time.process_time()
    fitted = fit(masks, values, seed=0)
    seconds = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return _reported(
        f"fit of {len(masks):,} masks of {FEATURES} features, method auto",
        f"{seconds:.0f} s of the processor, {1e6 * seconds / len(masks):.0f} us for each "
        f"evaluation; R^2 {fitted.faithfulness.value:.3f}; the process had {peak:.0f} MB at most",
        {"seconds": seconds, "peak MB": peak},
    )
