"""Run a value function over masks: in batches, within a budget, each stored as it arrives."""

from __future__ import annotations

import operator
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from interplay.errors import BackendError, BadInput, BudgetExceeded, InterplayError, StoreError
from interplay.evaluate.answer import Answer
from interplay.evaluate.budget import Meter, forecast
from interplay.evaluate.evaluation import Evaluation, mean_of, noise_of_means
from interplay.evaluate.events import Event, Forecasted, OnEvent, Progress, Started, Warned
from interplay.evaluate.outlook import FIRST_BATCH_SPREAD, around, known_prices, told_prices
from interplay.evaluate.store import Identity, Store, Stored
from interplay.fingerprint import continue_fingerprint
from interplay.fingerprint import fingerprint as fingerprint_of
from interplay.value_function import BoolArray, FloatArray, check_masks

IndexArray = NDArray[np.intp]
Stop = Callable[[], str | None]
"""Asked before every batch: why the run shall end here, or None."""

BATCH_SIZE: Final = 64
"""Masks per call for a value function that does not say how many it likes."""

SPENT: Final = "the budget is spent"
"""Why a run ends that its budget stopped."""

KEPT: Final = ("usd", "tokens")
"""What a value function may keep to by itself, request by request."""

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

    In each case, and after Ctrl-C, the batches before stay stored; so do the finite values of a
    batch in which others are not.

    Examples
    --------
    >>> evaluate(lambda masks: masks.sum(1), np.array([[True, True], [True, False]])).values
    array([[2.],
           [1.]])
    """
    masks = check_masks(masks)
    size = _at_least_one(
        getattr(value_function, "batch_size", None) if batch_size is None else batch_size,
        "batch_size",
        BATCH_SIZE,
    )
    replicates = _at_least_one(replicates, "replicates", 1)
    found = fingerprint_of(value_function)
    position, first = _distinct(masks)
    run = _Run(
        value_function=value_function,
        masks=masks[first],
        asked_as=first,
        store=store,
        replicates=replicates,
        fingerprint=found.digest if fingerprint is None else fingerprint,
        identity=Identity(
            targets=getattr(value_function, "targets", None),
            features=getattr(value_function, "features", None),
            subject=getattr(value_function, "subject", None),
            witness=None if fingerprint is None else found.digest,
        ),
        meter=meter or Meter(),
        on_event=on_event,
    )
    run.start(size, found.unhashed if fingerprint is None else ())
    stopped = None
    try:
        for start in range(0, len(first), size):
            stopped = (stop and stop()) or run.batch(
                np.arange(start, min(start + size, len(first)))
            )
            if stopped:
                break
    finally:
        continue_fingerprint(value_function, found.digest)
    return run.result(position, stopped)


def _at_least_one(given: Any, name: str, default: int) -> int:
    if given is None:
        return default
    try:
        number = operator.index(given)
    except TypeError:
        raise BadInput(f"{name} must be a whole number; got {given!r}") from None
    if number < 1:
        raise BadInput(f"{name} must be at least 1; got {number}")
    return number


@dataclass
class _Run:
    """One call of :func:`evaluate`: its different masks, their values so far, and the cost."""

    value_function: Callable[..., Any]
    masks: BoolArray  # different from each other
    asked_as: IndexArray  # their rows among the masks that the caller gave, for messages
    store: Store | None
    replicates: int
    fingerprint: str
    identity: Identity
    meter: Meter
    on_event: OnEvent | None
    values: FloatArray | None = None  # (replicates, len(masks), q), once q is known
    noise: FloatArray | None = None  # likewise, once the value function reports any
    there: BoolArray | None = None  # (replicates, len(masks)): evaluated, if only to no value
    done: int = 0  # masks whose replicates are all there
    kept: int = 0  # evaluations that are safe
    calls: int = 0
    reused: int = 0
    seconds: float = 0.0
    prices: dict[str, float] = field(default_factory=dict)  # tokens and usd paid now, if told
    began: float = field(default_factory=time.perf_counter)

    def start(self, size: int, unhashed: Sequence[str]) -> None:
        """Say what lies ahead: what is stored, what the rest will cost."""
        if self.store is not None:
            self.store.check(self.fingerprint, self.masks.shape[1], self.identity)
        found = [self.stored(self.masks, r) for r in range(self.replicates)]
        reused = sum(int(stored.found.sum()) for stored in found)
        self.emit(Started(len(self.masks) * self.replicates, reused, size))
        if reused and self.store is not None:
            self.check_witness(found[0])
            if unhashed:
                rest = f" and {len(unhashed) - 5} more" if len(unhashed) > 5 else ""
                self.warn(
                    f"{reused} evaluations are reused from {self.store.path}, but the fingerprint "
                    f"of the value function cannot see {', '.join(unhashed[:5])}{rest}. If that "
                    f"has changed since, pass fingerprint= or another store"
                )
        self.foretell(found)

    def check_witness(self, stored: Stored) -> None:
        """Refuse another value function under a fingerprint that was given by hand.

        Where its code has changed since, one stored mask is asked again.
        """
        assert self.store is not None
        known = self.store.function(self.fingerprint)
        if known is None or None in (self.identity.witness, known.identity.witness):
            return
        if known.identity.witness == self.identity.witness or not stored.found.any():
            return
        told = f'fingerprint="{self.fingerprint}" was given for code that has changed since'
        if self.replicates > 1 or getattr(self.value_function, "noisy", False):
            self.warn(f"{told}; its values are noisy, so that it cannot be checked")
            return
        row = int(np.argmax(stored.found))
        answer = self.ask(np.array([row]))
        before = stored.values[0]
        scale = max(float(np.abs(stored.values).max()), 1e-300)
        if not np.allclose(answer.values[0], before, rtol=0, atol=SAME * scale):
            raise BadInput(
                f"two different value functions under one fingerprint: {self.store.path} holds "
                f"{before} for row {self.asked_as[row]} of masks under {self.fingerprint!r}, and "
                f"this one gives {answer.values[0]}. Pass another fingerprint= or another store"
            )

    def foretell(self, found: Sequence[Stored]) -> None:
        """Say what the run will cost; once per meter, for a run may come in several calls."""
        if self.meter.foretold:
            return
        reused = sum(int(stored.found.sum()) for stored in found)
        most = len(self.masks) * self.replicates
        low, high = self.meter.planned or (most, most)
        spent = self.spent_with(found)
        prices, basis = known_prices(self.value_function, self.masks, self.store, self.fingerprint)
        self.meter.foretold = "seconds" in prices or reused == most
        ahead = (max(low - reused, 0), max(high - reused, 0))
        self.emit(Forecasted(forecast(self.meter.budget, spent, ahead, reused, prices, basis)))

    def foretell_from_first_batch(self) -> None:
        self.meter.foretold = True
        paid = {**self.prices, "seconds": self.seconds}
        prices = {
            kind: around(total / self.calls, FIRST_BATCH_SPREAD) for kind, total in paid.items()
        }
        most = len(self.masks) * self.replicates
        low, high = (end - self.kept for end in self.meter.planned or (most, most))
        told = forecast(
            self.meter.budget, self.meter, (max(low, 0), high), 0, prices, "the first batch"
        )
        if told.calls[1] > 0:
            self.emit(Forecasted(told))

    def spent_with(self, found: Sequence[Stored]) -> Meter:
        """The meter as it will stand when these are counted."""
        spent = replace(self.meter)
        for stored in found:
            spent.add(int(stored.found.sum()), *_prices(stored))
        return spent

    def batch(self, rows: IndexArray) -> str | None:
        """Look the rows up, evaluate those that are missing, store them; or say why not."""
        stored = [self.stored(self.masks[rows], r) for r in range(self.replicates)]
        missing = np.stack([~one.found for one in stored])
        stopped = None
        allowed = self.allowed(self.masks[rows], stored, missing)
        if allowed < missing.sum():
            rows = rows[: int(np.searchsorted(missing.sum(0).cumsum(), allowed, side="right"))]
            stopped = SPENT
        k = len(rows)
        for replicate, (one, absent) in enumerate(zip(stored, missing[:, :k], strict=True)):
            hits = int((~absent).sum())
            if hits:
                self.keep(replicate, rows[~absent], _first(one, hits))
                self.reused += hits
                self.meter.add(hits, *_prices(_first(one, hits)))
        for replicate, absent in enumerate(missing[:, :k]):
            if absent.any() and not self.call(replicate, rows[absent]):
                stopped = SPENT
                k = self.complete(rows)
                break
        self.done += k
        if k:
            elapsed = time.perf_counter() - self.began
            total = len(self.masks) * self.replicates
            self.emit(Progress(self.kept, total, self.reused, elapsed))
        return stopped

    def allowed(
        self, masks: BoolArray, stored: Sequence[Stored], missing: NDArray[np.bool_]
    ) -> int:
        """How many of the missing evaluations of a batch the budget allows."""
        wanted = int(missing.sum())
        told = {}
        if self.meter.priced and wanted:
            prices = told_prices(self.value_function, masks[missing.any(axis=0)])
            told = {kind: (low * wanted, high * wanted) for kind, (low, high) in prices.items()}
        if wanted and self.tell_left():
            told |= dict.fromkeys(KEPT, (0.0, 0.0))
        return self.spent_with(stored).affords(wanted, told)

    def tell_left(self) -> bool:
        """Tell the value function what is left; return whether it keeps to it by itself."""
        allow = getattr(self.value_function, "allow", None)
        return allow is not None and bool(allow(**{kind: self.meter.left(kind) for kind in KEPT}))

    def complete(self, rows: IndexArray) -> int:
        """How many of the rows, from the first on, have all their values."""
        if self.there is None:
            return 0
        there = self.there[:, rows].all(axis=0)
        return len(rows) if there.all() else int(np.argmin(there))

    def call(self, replicate: int, rows: IndexArray) -> bool:
        """Evaluate and keep what comes; False where the value function met the budget."""
        masks = self.masks[rows]
        answer = self.ask(rows, replicate)
        finite = np.isfinite(answer.values).min(axis=1) | answer.excluded
        if finite.any():
            self.keep(replicate, rows[finite], self.put(replicate, masks[finite], answer, finite))
        if isinstance(answer.failure, BudgetExceeded):
            return False
        if answer.failure is not None:
            raise self.failed(answer.failure, rows) from answer.failure.__cause__
        if not finite.all():
            bad = int(np.argmin(finite))
            raise BadInput(
                f"the value function gave values that are not finite for {int((~finite).sum())} of "
                f"{len(rows)} masks, first for row {self.asked_as[rows[bad]]} of masks "
                f"({int(masks[bad].sum())} of {masks.shape[1]} features kept): "
                f"{answer.values[bad]}. Make it return finite numbers. {self.saved()}"
            )
        self.check_prices(answer)
        if not self.meter.foretold:
            self.foretell_from_first_batch()
        return True

    def failed(self, error: Exception, rows: IndexArray) -> InterplayError:
        """Return what to raise for an error of the value function: it says what is kept."""
        if isinstance(error, InterplayError):
            error.add_note(self.saved())
            return error
        return BackendError(
            f"the value function raised {type(error).__name__} on a batch of {len(rows)} masks "
            f"(rows {self.asked_as[rows[0]]} to {self.asked_as[rows[-1]]} of masks): {error}. "
            f"{self.saved()}"
        )

    def ask(self, rows: IndexArray, replicate: int = 0) -> Answer:
        """Call the value function, time it, check what it says."""
        masks, function = self.masks[rows], self.value_function
        began = time.perf_counter()
        try:
            self.tell_left()
            if replicate and hasattr(function, "replicate"):
                function = function.replicate(replicate)
            # a copy: what the value function does to its argument must not reach the store
            told = getattr(function, "measure", function)(masks.copy())
        except Exception as error:
            failure = self.failed(error, rows)
            if failure is error:
                raise
            raise failure from error
        seconds = time.perf_counter() - began
        try:
            answer = Answer.of(told, len(rows), seconds)
        except BadInput as error:
            raise BadInput(f"{error}. {self.saved()}") from error
        self.check_targets(answer.values.shape[1])
        self.count(answer)
        return answer

    def count(self, answer: Answer) -> None:
        calls = len(answer.values)
        self.calls += calls
        self.seconds += answer.seconds
        paid = {
            kind: float(amount.sum())
            for kind, amount in (("tokens", answer.tokens), ("usd", answer.usd))
            if amount is not None
        }
        for kind, amount in paid.items():
            self.prices[kind] = self.prices.get(kind, 0.0) + amount
        self.meter.add(calls, paid.get("tokens", 0.0), paid.get("usd", 0.0), answer.seconds)

    def check_prices(self, answer: Answer) -> None:
        """Refuse a limit on what the value function does not count, after its first batch."""
        for kind, amount in (("tokens", answer.tokens), ("usd", answer.usd)):
            if amount is None and getattr(self.meter.budget, kind) is not None:
                raise BadInput(
                    f"the budget limits {kind}, but the value function does not say what it costs: "
                    f"let it return Measured(values, {kind}=...), or limit calls or seconds. "
                    f"{self.saved()}"
                )

    def check_targets(self, q: int) -> None:
        targets = self.identity.targets
        if targets is not None and q != len(targets):
            raise BadInput(
                f"the value function gave {q} values per mask, but names {len(targets)} targets: "
                f"{', '.join(map(str, targets))}. {self.saved()}"
            )
        if self.values is not None and q != self.values.shape[2]:
            raise BadInput(
                f"the value function gave {q} values per mask, and {self.values.shape[2]} in the "
                f"batches before. {self.saved()}"
            )

    def put(self, replicate: int, masks: BoolArray, answer: Answer, rows: BoolArray) -> Stored:
        part = answer.only(rows)
        if self.store is None:
            k = len(masks)
            unknown = np.full(k, np.nan)
            return Stored(
                np.ones(k, dtype=np.bool_), part.values, part.noise_var, unknown, unknown, unknown
            )
        try:
            return self.store.put(
                self.fingerprint,
                masks,
                part.values,
                excluded=part.excluded if part.excluded.any() else None,
                noise_var=part.noise_var,
                tokens=part.tokens,
                usd=part.usd,
                seconds=part.seconds,
                replicate=replicate,
                identity=self.identity,
            )
        except StoreError as error:
            raise StoreError(
                f"{error}. Nothing stored before is lost; the {len(masks)} evaluations of this "
                f"batch are not stored. {self.saved()}"
            ) from error

    def keep(self, replicate: int, rows: IndexArray, stored: Stored) -> None:
        shape = (self.replicates, len(self.masks), stored.values.shape[1])
        if self.values is None or self.there is None:
            self.values = np.full(shape, np.nan)
            self.there = np.zeros(shape[:2], dtype=np.bool_)
        self.values[replicate, rows] = stored.values
        self.there[replicate, rows] = True
        self.kept += len(rows)
        if stored.noise_var is not None:
            if self.noise is None:
                self.noise = np.full(shape, np.nan)
            self.noise[replicate, rows] = stored.noise_var

    def stored(self, masks: BoolArray, replicate: int) -> Stored:
        if self.store is None:
            return Stored(np.zeros(len(masks), dtype=np.bool_), np.empty((0, 1)))
        return self.store.get(self.fingerprint, masks, replicate=replicate)

    def result(self, position: IndexArray, stopped: str | None) -> Evaluation:
        """The rows, from the first on, whose masks are all evaluated."""
        absent = position >= self.done
        k = int(np.argmax(absent)) if absent.any() else len(position)
        values, noise_var = np.empty((0, 1)), None
        samples = np.empty((self.replicates, 0, 1))
        if self.values is not None:
            samples = self.values[:, position[:k]]
            values = mean_of(self.values[:, : self.done])[position[:k]]
            noise = None if self.noise is None else self.noise[:, : self.done]
            noise_var = noise_of_means(self.values[:, : self.done], noise)
            noise_var = None if noise_var is None else noise_var[position[:k]]
        return Evaluation(
            values,
            noise_var,
            self.calls,
            self.reused,
            self.seconds,
            self.prices.get("tokens"),
            self.prices.get("usd"),
            self.fingerprint,
            stopped if k < len(position) else None,
            samples,
        )

    def saved(self) -> str:
        """What an interrupted run has kept, and what running again does."""
        done = self.kept
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


def _first(stored: Stored, k: int) -> Stored:
    """The first k of the rows that were found."""
    noise = None if stored.noise_var is None else stored.noise_var[:k]
    found = stored.found & (np.cumsum(stored.found) <= k)
    return Stored(
        found, stored.values[:k], noise, stored.tokens[:k], stored.usd[:k], stored.seconds[:k]
    )


def _prices(stored: Stored) -> tuple[float, float, float]:
    """What stored evaluations cost when they were made: tokens, usd, seconds."""
    return tuple(  # type: ignore[return-value]
        float(np.nansum(price)) for price in (stored.tokens, stored.usd, stored.seconds)
    )


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
