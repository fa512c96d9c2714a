"""Independent fits side by side, in threads: numpy lets go of the lock where the time goes."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Result = TypeVar("Result")


def workers() -> int:
    """Return how many threads a fit takes: ``OMP_NUM_THREADS``, or one for each core, at most 8.

    Results do not depend on it.
    """
    told = os.environ.get("OMP_NUM_THREADS", "")
    if told.isdigit() and int(told) > 0:
        return int(told)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(cores or 1, 8))


def in_parallel(
    function: Callable[..., Result], jobs: Sequence[tuple[Any, ...]], most: int | None = None
) -> list[Result]:
    """Return ``[function(*job) for job in jobs]``, ``most`` at a time.

    >>> in_parallel(pow, [(2, 3), (3, 2)])
    [8, 9]
    """
    threads = min(workers(), len(jobs), most or len(jobs))
    if threads <= 1:
        return [function(*job) for job in jobs]
    with ThreadPoolExecutor(threads, thread_name_prefix="interplay-fit") as pool:
        return list(pool.map(lambda job: function(*job), jobs))
