"""Ray: what an evaluation costs on its way through it, and two workers against one."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.ground.row import Row
from benchmarks.ground.store import BATCH, FEATURES, Free, random_masks
from interplay.evaluate import RayExecutor, Store, evaluate
from interplay.masks import uniform
from interplay.value_function import BoolArray

WORKERS = 2


def rows(quick: bool) -> list[Row]:
    """The lines of the table."""
    return [*_overhead(quick), _two_against_one(quick)]


def _overhead(quick: bool) -> list[Row]:
    m, repeats = (20_000, 3) if quick else (100_000, 7)
    masks = random_masks(m, 0)
    stored: list[float] = []
    unstored: list[float] = []
    bare: list[float] = []
    with RayExecutor(WORKERS) as executor:
        function = Free()
        _all_ready(executor, function, masks[: 4 * BATCH])
        actors = _bare_actors()
        for _ in range(repeats):  # in turns, so that what else the machine does meets all alike
            with tempfile.TemporaryDirectory() as folder, Store(f"{folder}/runs.db") as store:
                stored.append(
                    _each(m, lambda: evaluate(function, masks, store=store, executor=executor))
                )
            unstored.append(_each(m, lambda: evaluate(function, masks, executor=executor)))
            bare.append(_each(m, lambda: _bare(actors, masks)))
    what = f"value function of zero cost, n = {FEATURES:,}, batches of {BATCH}, {WORKERS} workers"
    return [
        Row(
            what=f"overhead per evaluation through Ray, with the store: {what}",
            bar="<= 40 us",
            measured=_spread(stored),
            met=statistics.median(stored) <= 40,
            detail={"microseconds": stored, "evaluations": m},
        ),
        Row(
            what="the same without a store",
            bar="(reported)",
            measured=_spread(unstored),
            met=True,
            detail={"microseconds": unstored},
        ),
        Row(
            what="the same masks through bare Ray: two actors, two calls each in flight",
            bar="(8 us)",
            measured=_spread(bare),
            met=True,
            detail={"microseconds": bare},
        ),
    ]


def _all_ready(executor: RayExecutor, function: Callable[..., Any], masks: BoolArray) -> None:
    """Evaluate until every worker has the value function: the first begin without the others."""
    while True:
        evaluate(function, masks, executor=executor)
        if all(slot.loaded is executor.pool.payload for slot in executor.pool.slots):
            return


def _each(m: int, run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return 1e6 * (time.perf_counter() - began) / m


def _spread(each: list[float]) -> str:
    return f"{statistics.median(each):.1f} us ({min(each):.1f} to {max(each):.1f})"


def _bare_actors() -> list[Any]:
    """The simplest actors that do the same, beside the executor's and on its cores."""
    import ray

    class Bare:
        def call(self, masks: BoolArray) -> np.ndarray:
            return np.zeros(len(masks))

    actor = ray.remote(num_cpus=0)(Bare)
    actors = [actor.remote() for _ in range(WORKERS)]
    ray.get([one.call.remote(np.ones((1, 1), dtype=bool)) for one in actors])
    return actors


def _bare(actors: list[Any], masks: BoolArray) -> np.ndarray:
    """Send the masks as they are, take the values in the order of the masks."""
    import ray

    values = np.empty(len(masks))
    flying: deque[tuple[int, Any]] = deque()
    for number, start in enumerate(range(0, len(masks), BATCH)):
        actor = actors[number % len(actors)]
        flying.append((start, actor.call.remote(masks[start : start + BATCH])))
        if len(flying) == 2 * len(actors):
            _take(values, *flying.popleft(), ray.get)
    while flying:
        _take(values, *flying.popleft(), ray.get)
    return values


def _take(values: np.ndarray, start: int, promise: Any, get: Callable[[Any], Any]) -> None:
    found = get(promise)
    values[start : start + len(found)] = found


def _two_against_one(quick: bool) -> Row:
    import interplay as ip
    from interplay.demo import model_path, short_review

    m, repeats = (1_000, 1) if quick else (10_000, 5)
    value = ip.text(short_review(), model=model_path())
    masks = uniform(len(value.features), m + 512, np.random.default_rng(0))
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(repeats):
        for workers, taken in seconds.items():
            with RayExecutor(workers) as executor:
                _all_ready(executor, value, masks[m:])
                began = time.perf_counter()
                evaluate(value, masks[:m], executor=executor)
                taken.append(time.perf_counter() - began)
    times = [one / two for one, two in zip(seconds[1], seconds[2], strict=True)]
    return Row(
        what=(
            f"{WORKERS} Ray workers against one: {m:,} masks of a review of {len(value.features)} "
            "words, embedded sentiment model, one thread each, 2 cores"
        ),
        bar=">= 1.7x",
        measured=(
            f"{statistics.median(times):.2f}x ({min(times):.2f} to {max(times):.2f}): "
            f"{statistics.median(seconds[1]):.1f} s and {statistics.median(seconds[2]):.1f} s"
        ),
        met=statistics.median(times) >= 1.7,
        detail={"one": seconds[1], "two": seconds[2]},
    )
