"""Run a value function over masks: in batches, within a budget, each stored as it arrives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from interplay.errors import BadInput, check_whole
from interplay.evaluate.account import Account, IndexArray
from interplay.evaluate.budget import Meter, forecast
from interplay.evaluate.evaluation import Evaluation
from interplay.evaluate.events import Forecasted, OnEvent, Started
from interplay.evaluate.executors import LOCAL, Executor
from interplay.evaluate.functions import Identity
from interplay.evaluate.job import Job
from interplay.evaluate.outlook import known_prices
from interplay.evaluate.pipeline import Pipeline, Stop
from interplay.evaluate.store import Store, Stored
from interplay.fingerprint import continue_fingerprint
from interplay.fingerprint import fingerprint as fingerprint_of
from interplay.value_function import BoolArray, check_masks

BATCH_SIZE: Final = 64
"""Masks per call for a value function that does not say how many it likes."""

SAME: Final = 1e-3
"""Values that differ by less, relative to the largest, come from the same value function: float
models agree to 1e-4 across batch sizes."""


def evaluate(
    value_function: Callable[..., Any],
    masks: BoolArray,
    *,
    store: Store | None = None,
    replicates: int = 1,
    batch_size: int | None = None,
    fingerprint: str | None = None,
    meter: Meter | None = None,
    stop: Stop | None = None,
    on_event: OnEvent | None = None,
    executor: Executor | None = None,
) -> Evaluation:
    """Return the values of masks, evaluating each different mask at most once per replicate.

    Parameters
    ----------
    value_function
        called with masks, bool ``(k, n)``, k at most ``batch_size``; returns ``(k,)`` or
        ``(k, q)``, or :class:`~interplay.value_function.Measured`.
    masks
        bool ``(m, n)``; equal rows are evaluated once.
    store
        evaluations found there are not made again, and each batch is stored there as it arrives.
    replicates
        how often each mask is asked; the mean is returned, and the spread is the noise.
    batch_size
        masks per call; by default the value function's ``batch_size``, else 64. Which masks share
        a call depends on ``masks`` and ``batch_size`` alone, so a run that was interrupted goes on
        with the same calls; only where a limit other than calls ends a run is its last call cut.
    fingerprint
        names the value function in the store; by default found from its code.
    meter
        holds a budget; the run ends before the batch that would overrun it.
    stop
        asked before every batch; a reason that it returns ends the run.
    on_event
        called with :class:`~interplay.evaluate.events.Started`, ``Forecasted``, one ``Progress``
        per batch, and ``Warned``. Without it a warning is a Python warning.
    executor
        who calls the value function, such as :class:`~interplay.evaluate.RayExecutor`; by default
        this process does. The masks of each call are the same; given equal values so is all that
        comes of them.

    Raises
    ------
    BadInput
        masks are not boolean; the value function gave a wrong shape, NaN or inf; or it is another
        one than that whose evaluations the store holds under its fingerprint.
    BackendError
        the value function raised; its exception is the cause of this one.
    Exception
        the ``failure`` that a :class:`~interplay.value_function.Measured` told.
    StoreError
        a batch could not be stored.

    Notes
    -----
    In each case, and after Ctrl-C, the batches before stay stored; so do the finite values of a
    batch in which others are not. What several workers have in flight when one of them fails is
    stored before that is raised.

    Examples
    --------
    >>> evaluate(lambda masks: masks.sum(1), np.array([[True, True], [True, False]])).values
    array([[2.],
           [1.]])
    """
    masks = check_masks(masks)
    if batch_size is None:
        batch_size = getattr(value_function, "batch_size", None)
    size = check_whole("batch_size", BATCH_SIZE if batch_size is None else batch_size, 1)
    replicates = check_whole("replicates", replicates, 1)
    found = fingerprint_of(value_function)
    position, first = _distinct(masks)
    job = Job(
        value_function=value_function,
        masks=masks[first],
        asked_as=first,
        store=store,
        fingerprint=found.digest if fingerprint is None else fingerprint,
        identity=Identity(
            targets=getattr(value_function, "targets", None),
            features=getattr(value_function, "features", None),
            subject=getattr(value_function, "subject", None),
            witness=None if fingerprint is None else found.digest,
        ),
        meter=meter or Meter(),
        on_event=on_event,
        account=Account(replicates, len(first)),
    )
    with _chosen(job, executor).workers(value_function) as workers:
        pipeline = Pipeline(job, workers, stop)
        _start(job, pipeline, size, found.unhashed if fingerprint is None else ())
        try:
            stopped = pipeline.through(size)
        finally:
            continue_fingerprint(value_function, found.digest)
    return job.account.evaluation(position, stopped, job.fingerprint)


def _chosen(job: Job, executor: Executor | None) -> Executor:
    """Return who is to call the value function: not several where each would spend the budget."""
    if executor is None or not job.tell_left():
        return executor or LOCAL
    if not job.meter.foretold:
        job.warn(
            "the value function keeps to its budget by itself, as that of a server does, and has "
            "many requests in flight at a time: it is called in this process, not by the workers"
        )
    return LOCAL


def _start(job: Job, pipeline: Pipeline, size: int, unhashed: Sequence[str]) -> None:
    """Say what lies ahead: what is stored, what the rest will cost."""
    if job.store is not None:
        job.store.check(job.fingerprint, job.masks.shape[1], job.identity)
    found = job.stored()
    reused = sum(int(stored.found.sum()) for stored in found)
    job.emit(Started(job.account.total, reused, size))
    if reused and job.store is not None:
        _check_witness(job, pipeline, found[0])
        if unhashed:
            rest = f" and {len(unhashed) - 5} more" if len(unhashed) > 5 else ""
            job.warn(
                f"{reused} evaluations are reused from {job.store.path}, but the fingerprint "
                f"of the value function cannot see {', '.join(unhashed[:5])}{rest}. If that "
                f"has changed since, pass fingerprint= or another store"
            )
    if not job.meter.foretold:
        _foretell(job, found, reused)


def _check_witness(job: Job, pipeline: Pipeline, stored: Stored) -> None:
    """Refuse another value function under a fingerprint that was given by hand.

    Where its code has changed since, one stored mask is asked again.
    """
    assert job.store is not None
    known = job.store.function(job.fingerprint)
    if known is None or None in (job.identity.witness, known.identity.witness):
        return
    if known.identity.witness == job.identity.witness or not stored.found.any():
        return
    told = f'fingerprint="{job.fingerprint}" was given for code that has changed since'
    if job.account.replicates > 1 or getattr(job.value_function, "noisy", False):
        job.warn(f"{told}; its values are noisy, so that it cannot be checked")
        return
    row = int(np.argmax(stored.found))
    now, before = pipeline.probe(row).values[0], stored.values[0]
    scale = max(float(np.abs(stored.values).max()), 1e-300)
    if not np.allclose(now, before, rtol=0, atol=SAME * scale):
        raise BadInput(
            f"two different value functions under one fingerprint: {job.store.path} holds "
            f"{before} for row {job.asked_as[row]} of masks under {job.fingerprint!r}, and "
            f"this one gives {now}. Pass another fingerprint= or another store"
        )


def _foretell(job: Job, found: Sequence[Stored], reused: int) -> None:
    """Say what the run will cost; once per meter, for a run may come in several calls."""
    meter, most = job.meter, job.account.total
    low, high = meter.planned or (most, most)
    prices, basis = known_prices(job.value_function, job.masks, job.store, job.fingerprint)
    meter.foretold = "seconds" in prices or reused == most
    ahead, spent = (max(low - reused, 0), max(high - reused, 0)), job.spent_with(found)
    job.emit(Forecasted(forecast(meter.budget, spent, ahead, reused, prices, basis)))


def _distinct(masks: BoolArray) -> tuple[IndexArray, IndexArray]:
    """Return each row's place among the different rows, and where those first occur."""
    packed = np.packbits(masks, axis=1)
    octets, width = packed.tobytes(), packed.shape[1]
    numbers: dict[bytes, int] = {}
    position = np.empty(len(masks), dtype=np.intp)
    first: list[int] = []
    for row in range(len(masks)):
        key = octets[row * width : (row + 1) * width]
        number = numbers.setdefault(key, len(numbers))
        if number == len(first):
            first.append(row)
        position[row] = number
    return position, np.array(first, dtype=np.intp)
