"""Threads: independent fits side by side, and one thread inside each.

numpy lets go of the lock where the time goes. BLAS's own threads are kept out: on products of our
sizes they gain little, and on a machine where something else runs they cost tens of times more.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

from threadpoolctl import ThreadpoolController

Given = ParamSpec("Given")
Result = TypeVar("Result")

WORTH_IT = 4000
"""Rows from which on fits go side by side: below, threads wait for the interpreter's lock more than
they gain, on a busy machine by far."""


def workers() -> int:
    """Return how many threads a fit takes: ``OMP_NUM_THREADS``, or one for each core, at most 8.

    Results do not depend on it.
    """
    told = os.environ.get("OMP_NUM_THREADS", "")
    if told.isdigit() and int(told) > 0:
        return int(told)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(cores or 1, 8))


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def single_threaded(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """Let BLAS have one thread in a function; what it starts itself may have more."""

    @wraps(function)
    def limited(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        with _controller().limit(limits=1, user_api="blas"):
            return function(*args, **kwargs)

    return limited


def in_parallel(
    function: Callable[..., Result],
    jobs: Sequence[tuple[Any, ...]],
    *,
    rows: int,
    most: int | None = None,
) -> list[Result]:
    """Return ``[function(*job) for job in jobs]`` of fits to so many rows, ``most`` at a time.

    >>> in_parallel(pow, [(2, 3), (3, 2)], rows=5000)
    [8, 9]
    """
    threads = 1 if rows < WORTH_IT else min(workers(), len(jobs), most or len(jobs))
    if threads <= 1:
        return [function(*job) for job in jobs]
    with ThreadPoolExecutor(threads, thread_name_prefix="interplay-fit") as pool:
        return list(pool.map(lambda job: function(*job), jobs))
