"""Run a value function over masks: in batches, each stored as it arrives."""

from __future__ import annotations

import operator
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from interplay.errors import BackendError, BadInput, InterplayError, StoreError
from interplay.evaluate.events import Event, OnEvent, Progress, Started, Warned
from interplay.evaluate.store import Store, Stored
from interplay.fingerprint import continue_fingerprint
from interplay.fingerprint import fingerprint as fingerprint_of
from interplay.value_function import BoolArray, FloatArray, check_masks, check_values

IndexArray = NDArray[np.intp]

BATCH_SIZE: Final = 64
"""Masks per call for a value function that does not say how many it likes."""


@dataclass(frozen=True)
class Evaluation:
    """The values of some masks, and what they cost.

    Attributes
    ----------
    values
        float64 ``(m, q)``, one row per mask asked for.
    calls
        how many masks were evaluated now.
    reused
        how many different masks came from the store.
    seconds
        time spent in the value function now.
    fingerprint
        under which the values are in the store.
    """

    values: FloatArray
    calls: int
    reused: int
    seconds: float
    fingerprint: str


def evaluate(
    value_function: Callable[..., Any],
    masks: BoolArray,
    *,
    store: Store | None = None,
    replicate: int = 0,
    batch_size: int | None = None,
    fingerprint: str | None = None,
    on_event: OnEvent | None = None,
) -> Evaluation:
    """Return the values of masks, evaluating each different mask at most once.

    Parameters
    ----------
    value_function
        called with masks, bool ``(k, n)``, k at most ``batch_size``; returns ``(k,)`` or
        ``(k, q)``.
    masks
        bool ``(m, n)``; equal rows are evaluated once.
    store
        evaluations found there are not made again, and each batch is stored there as it arrives.
    replicate
        which of several evaluations of the same masks this is.
    batch_size
        masks per call; by default the value function's ``batch_size``, else 64. Which masks share
        a call depends on ``masks`` and ``batch_size`` alone, so a run that was interrupted goes on
        with the same calls.
    fingerprint
        names the value function in the store; by default found from its code.
    on_event
        called with :class:`~interplay.evaluate.events.Started`, one ``Progress`` per batch, and
        ``Warned``. Without it a warning is a Python warning.

    Raises
    ------
    BadInput
        masks are not boolean, or the value function gave a wrong shape, NaN or inf.
    BackendError
        the value function raised; its exception is the cause of this one.
    StoreError
        a batch could not be stored.

    In each case, and after Ctrl-C, the batches before stay stored; so do the finite values of a
    batch in which others are not.

    Examples
    --------
    >>> evaluate(lambda masks: masks.sum(1), np.array([[True, True], [True, False]])).values
    array([[2.],
           [1.]])
    """
    masks = check_masks(masks)
    size = _batch_size(value_function, batch_size)
    unhashed: Sequence[str] = ()
    own_fingerprint = fingerprint is None
    if fingerprint is None:
        found = fingerprint_of(value_function)
        fingerprint, unhashed = found.digest, found.unhashed
    position, first = _distinct(masks)
    run = _Run(
        value_function=value_function,
        masks=masks[first],
        asked_as=first,
        store=store,
        replicate=replicate,
        fingerprint=fingerprint,
        on_event=on_event,
    )
    run.start(size, unhashed)
    try:
        for start in range(0, len(first), size):
            run.batch(np.arange(start, min(start + size, len(first))))
    finally:
        if own_fingerprint:
            continue_fingerprint(value_function, fingerprint)
    values = np.empty((0, 1)) if run.values is None else run.values[position]
    return Evaluation(values, run.calls, run.reused, run.seconds, fingerprint)


def _batch_size(value_function: Callable[..., Any], given: int | None) -> int:
    size = getattr(value_function, "batch_size", None) if given is None else given
    if size is None:
        return BATCH_SIZE
    try:
        size = operator.index(size)
    except TypeError:
        raise BadInput(f"batch_size must be a whole number of masks; got {size!r}") from None
    if size < 1:
        raise BadInput(f"batch_size must be at least 1 mask; got {size}")
    return size


@dataclass
class _Run:
    """One call of :func:`evaluate`: its different masks, their values so far, and the cost."""

    value_function: Callable[..., Any]
    masks: BoolArray  # different from each other
    asked_as: IndexArray  # their rows among the masks that the caller gave, for messages
    store: Store | None
    replicate: int
    fingerprint: str
    on_event: OnEvent | None
    values: FloatArray | None = None  # (len(masks), q), once q is known
    calls: int = 0
    reused: int = 0
    seconds: float = 0.0
    began: float = field(default_factory=time.perf_counter)

    def start(self, size: int, unhashed: Sequence[str]) -> None:
        reused = int(self.stored(self.masks).found.sum())
        self.emit(Started(len(self.masks), reused, size))
        if reused and unhashed and self.store is not None:
            rest = f" and {len(unhashed) - 5} more" if len(unhashed) > 5 else ""
            self.warn(
                f"{reused} evaluations are reused from {self.store.path}, but the fingerprint of "
                f"the value function cannot see {', '.join(unhashed[:5])}{rest}. If that has "
                f"changed since, pass fingerprint= or another store"
            )

    def batch(self, rows: IndexArray) -> None:
        """Look the rows up, evaluate those that are missing, store them."""
        stored = self.stored(self.masks[rows])
        if stored.found.any():
            self.keep(rows[stored.found], stored.values)
            self.reused += len(stored.values)
        if not stored.found.all():
            self.call(rows[~stored.found])
        elapsed = time.perf_counter() - self.began
        self.emit(Progress(self.calls + self.reused, len(self.masks), self.reused, elapsed))

    def call(self, rows: IndexArray) -> None:
        masks = self.masks[rows]
        began = time.perf_counter()
        try:
            # a copy: what the value function does to its argument must not reach the store
            answer = self.value_function(masks.copy())
        except InterplayError as error:
            error.add_note(self.saved())
            raise
        except Exception as error:
            raise BackendError(
                f"the value function raised {type(error).__name__} on a batch of {len(rows)} masks "
                f"(rows {self.asked_as[rows[0]]} to {self.asked_as[rows[-1]]} of masks): {error}. "
                f"{self.saved()}"
            ) from error
        seconds = time.perf_counter() - began
        self.seconds += seconds
        values = self.checked(answer, len(rows))
        finite = np.isfinite(values).all(axis=1)
        if finite.any():
            self.keep(rows[finite], self.put(masks[finite], values[finite], seconds))
            self.calls += int(finite.sum())
        if not finite.all():
            bad = int(np.argmin(finite))
            raise BadInput(
                f"the value function gave values that are not finite for {int((~finite).sum())} of "
                f"{len(rows)} masks, first for row {self.asked_as[rows[bad]]} of masks "
                f"({int(masks[bad].sum())} of {masks.shape[1]} features kept): {values[bad]}. "
                f"Make it return finite numbers. {self.saved()}"
            )

    def checked(self, answer: object, m: int) -> FloatArray:
        """Return what the value function returned as float64 ``(m, q)``, perhaps not finite."""
        try:
            values = check_values(
                answer, m, source="the values that the value function returned", finite=False
            ).reshape(m, -1)
        except BadInput as error:
            raise BadInput(f"{error}. {self.saved()}") from error
        q = values.shape[1]
        targets = self.targets()
        if targets is not None and q != len(targets):
            raise BadInput(
                f"the value function gave {q} values per mask, but names {len(targets)} targets: "
                f"{', '.join(map(str, targets))}. {self.saved()}"
            )
        if self.values is not None and q != self.values.shape[1]:
            raise BadInput(
                f"the value function gave {q} values per mask, and {self.values.shape[1]} in the "
                f"batches before. {self.saved()}"
            )
        return values

    def put(self, masks: BoolArray, values: FloatArray, seconds: float) -> FloatArray:
        if self.store is None:
            return values
        try:
            return self.store.put(
                self.fingerprint,
                masks,
                values,
                seconds=seconds,
                replicate=self.replicate,
                targets=self.targets(),
            )
        except StoreError as error:
            raise StoreError(
                f"{error}. Nothing stored before is lost; the {len(masks)} evaluations of this "
                f"batch are not stored. {self.saved()}"
            ) from error

    def keep(self, rows: IndexArray, values: FloatArray) -> None:
        if self.values is None:
            self.values = np.full((len(self.masks), values.shape[1]), np.nan)
        self.values[rows] = values

    def stored(self, masks: BoolArray) -> Stored:
        if self.store is None:
            return Stored(np.zeros(len(masks), dtype=np.bool_), np.empty((0, 1)))
        return self.store.get(self.fingerprint, masks, replicate=self.replicate)

    def targets(self) -> Sequence[str] | None:
        return getattr(self.value_function, "targets", None)

    def saved(self) -> str:
        """What an interrupted run has kept, and what running again does."""
        done = self.calls + self.reused
        if done == 0:
            return "Nothing had been evaluated before"
        if self.store is None:
            return (
                f"{done} evaluations were made before and are lost, for no store was given: pass "
                f'store="runs.db" to keep them'
            )
        return (
            f"{done} evaluations of this run are stored in {self.store.path}; running again reuses "
            f"them"
        )

    def emit(self, event: Event) -> None:
        if self.on_event is not None:
            self.on_event(event)

    def warn(self, message: str) -> None:
        if self.on_event is None:
            warnings.warn(message, stacklevel=4)
        else:
            self.on_event(Warned(message))


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
