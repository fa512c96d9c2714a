"""The way of a run's chunks: admitted batch by batch, submitted, stored as they arrive."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np

from interplay.errors import BackendError, BadInput, BudgetExceeded, InterplayError, StoreError
from interplay.evaluate.account import IndexArray
from interplay.evaluate.answer import Answer
from interplay.evaluate.budget import KINDS, Meter, Range, forecast
from interplay.evaluate.events import Forecasted, Progress
from interplay.evaluate.executors import Chunk, Reply, Workers
from interplay.evaluate.job import Job
from interplay.evaluate.outlook import FIRST_BATCH_SPREAD, around
from interplay.evaluate.store import Stored
from interplay.value_function import BoolArray

Stop = Callable[[], str | None]
"""Asked before every batch: why the run shall end here, or None."""

SPENT: Final = "the budget is spent"
"""Why a run ends that its budget stopped."""


@dataclass
class _Batch:
    """Rows that are admitted together, and how many chunks of theirs have not come back."""

    rows: IndexArray
    open: int = 0


@dataclass(frozen=True)
class _Asked:
    """A chunk, its rows, and what one of its evaluations may cost, where that is told."""

    chunk: Chunk
    rows: IndexArray
    batch: _Batch
    prices: Mapping[str, Range]


@dataclass
class Pipeline:
    """Brings the masks of a job to its workers, and what comes back into the store.

    A batch of masks is admitted when the budget, with all that is in flight counted, allows it, and
    nobody has asked to stop. What is missing of it becomes a chunk for each replicate.

    Attributes
    ----------
    stopped
        why no more batches are admitted; None while they are.
    failures
        by the number of a chunk: makes the error that it ends the run with. What else is in flight
        is stored before that is raised, so that the error can say what is kept.
    """

    job: Job
    workers: Workers
    stop: Stop | None = None
    stopped: str | None = None
    failures: dict[float, Callable[[], Exception]] = field(default_factory=dict)
    batches: deque[IndexArray] = field(default_factory=deque)
    waiting: deque[_Asked] = field(default_factory=deque)
    in_flight: dict[int, _Asked] = field(default_factory=dict)
    chunks: int = 0
    began: float = field(default_factory=time.perf_counter)

    def through(self, size: int) -> str | None:
        """Bring all masks through, ``size`` to a batch; return why it ended before, or None."""
        rows = np.arange(len(self.job.masks))
        self.batches = deque(rows[start : start + size] for start in range(0, len(rows), size))
        while True:
            while len(self.in_flight) < self.workers.most and (asked := self.next()):
                self.submit(asked)
            if not self.in_flight:
                break
            reply = self.workers.reply()
            try:
                self.settle(self.in_flight.pop(reply.number), reply)
            except Exception as error:  # of the store, or of who is told of it
                self.fail(reply.number, partial(_same, error))
        self.raise_first()
        return self.stopped

    def probe(self, row: int) -> Answer:
        """Ask for one mask, and store nothing."""
        asked = self.asked(0, np.array([row]), _Batch(np.array([row])), {})
        self.submit(asked)
        answer = self.received(self.in_flight.pop(asked.chunk.number), self.workers.reply())
        self.raise_first()
        assert answer is not None
        return answer

    def raise_first(self) -> None:
        """Raise what the earliest chunk failed with, in whatever order they came back."""
        if self.failures:
            raise self.failures[min(self.failures)]()

    # --- the way there ----------------------------------------------------------------------

    def next(self) -> _Asked | None:
        """Return the chunk to submit, of a batch that is admitted for it; None: not now."""
        while not self.waiting and self.batches and not (self.stopped or self.failures):
            try:
                if self.stop is not None:
                    self.stopped = self.stop()
                if self.stopped or not self.admit():
                    return None
            except Exception as error:
                self.fail(float("inf"), partial(_same, error))
        return None if self.failures or not self.waiting else self.waiting.popleft()

    def admit(self) -> bool:
        """Look a batch up, place what is stored, line the rest up; False: it has to wait.

        A limit is kept as if the batches came one after the other: where it is not clear that it
        allows this one too, what is in flight is waited for, and has then told its price.
        """
        job, rows = self.job, self.batches[0]
        stored = job.stored(rows)
        missing = np.stack([~one.found for one in stored])
        prices = job.prices(rows[missing.any(axis=0)])
        wanted = int(missing.sum())
        if wanted and self.in_flight and job.unpriced(prices):
            return False
        allowed = self.affords(wanted, prices, stored)
        if allowed < wanted:
            if self.in_flight:
                return False
            self.stopped = SPENT
            whole = int(np.searchsorted(missing.sum(0).cumsum(), allowed, side="right"))
            rows, missing = rows[:whole], missing[:, :whole]
        self.batches.popleft()
        batch = _Batch(rows)
        for replicate, (one, absent) in enumerate(zip(stored, missing, strict=True)):
            hits = int((~absent).sum())
            if hits:
                job.take(replicate, rows[~absent], _first(one, hits))
            if absent.any():
                batch.open += 1
                self.waiting.append(self.asked(replicate, rows[absent], batch, prices))
        if len(rows) and not batch.open:
            self.progress()
        return True

    def affords(self, wanted: int, prices: Mapping[str, Range], stored: Sequence[Stored]) -> int:
        """How many of the wanted evaluations of a batch the budget allows."""
        spent = self.job.spent_with(stored)
        ahead = [_expected(spent, asked) for asked in self.in_flight.values()]
        for calls, *amounts in ahead:
            spent.add(calls, *amounts)
        return spent.affords(
            wanted, {kind: (low * wanted, high * wanted) for kind, (low, high) in prices.items()}
        )

    def asked(
        self, replicate: int, rows: IndexArray, batch: _Batch, prices: Mapping[str, Range]
    ) -> _Asked:
        self.chunks += 1
        chunk = Chunk(self.chunks, self.job.masks[rows], replicate)
        return _Asked(chunk, rows, batch, prices)

    def submit(self, asked: _Asked) -> None:
        self.in_flight[asked.chunk.number] = asked
        self.job.tell_left()
        self.workers.submit(asked.chunk)

    # --- the way back -----------------------------------------------------------------------

    def settle(self, asked: _Asked, reply: Reply) -> None:
        """Store and place what has come; note why something has not."""
        job, rows = self.job, asked.rows
        answer = self.received(asked, reply)
        if answer is None:
            return
        finite: BoolArray = np.isfinite(answer.values).min(axis=1) | answer.excluded
        if finite.any():
            try:
                job.put(asked.chunk.replicate, rows, answer, finite)
            except StoreError as error:
                self.fail(reply.number, partial(self.unusable, StoreError, error))
                return
        wrong = _not_finite(answer, finite, asked, job) or _untold(answer, job)
        if isinstance(answer.failure, BudgetExceeded):
            self.stopped = self.stopped or SPENT
            self.waiting.clear()
            if job.account.complete(asked.batch.rows):
                self.progress()
        elif answer.failure is not None:
            self.fail(reply.number, partial(self.failed, answer.failure, rows))
        elif wrong:
            self.fail(reply.number, partial(self.unusable, BadInput, wrong))
        else:
            if not job.meter.foretold:
                self.foretell()
            asked.batch.open -= 1
            if not asked.batch.open:
                self.progress()

    def received(self, asked: _Asked, reply: Reply) -> Answer | None:
        """Count an answer and return it; None where there is none that can be used."""
        number = asked.chunk.number
        if reply.error is not None and reply.raised:
            self.fail(number, partial(self.failed, reply.error, asked.rows))
            return None
        wrong = reply.error or _other_targets(reply.answer, self.job)
        if wrong or reply.answer is None:
            self.fail(number, partial(self.unusable, BadInput, wrong or "no answer came"))
            return None
        self.job.meter.add(*self.job.account.count(reply.answer))
        return reply.answer

    def fail(self, number: float, error: Callable[[], Exception]) -> None:
        """Submit nothing more; ``error`` is made when the rest has come back."""
        self.failures[number] = error
        self.waiting.clear()

    def failed(self, error: Exception, rows: IndexArray) -> Exception:
        """Return what to raise for an error of the value function: it says what is kept."""
        saved, asked_as = self.job.saved(), self.job.asked_as
        if isinstance(error, InterplayError):
            error.add_note(saved)
            return error
        told = BackendError(
            f"the value function raised {type(error).__name__} on a batch of {len(rows)} masks "
            f"(rows {asked_as[rows[0]]} to {asked_as[rows[-1]]} of masks): {error}. {saved}"
        )
        told.__cause__ = error
        return told

    def unusable(self, kind: type[InterplayError], wrong: Exception | str) -> Exception:
        """Return what to raise for values that cannot be used, or not be stored."""
        told = kind(f"{wrong}. {self.job.saved()}")
        told.__cause__ = wrong if isinstance(wrong, Exception) else None
        return told

    # --- what is told on the way ------------------------------------------------------------

    def progress(self) -> None:
        account = self.job.account
        elapsed = time.perf_counter() - self.began
        self.job.emit(Progress(account.kept, account.total, account.reused, elapsed))

    def foretell(self) -> None:
        """Say what the run will cost, now that its first batch has told."""
        job, account, meter = self.job, self.job.account, self.job.meter
        meter.foretold = True
        prices = {
            kind: around((account.cost(kind) or 0.0) / account.calls, FIRST_BATCH_SPREAD)
            for kind in account.paid
        }
        low, high = (end - account.kept for end in meter.planned or (account.total, account.total))
        told = forecast(meter.budget, meter, (max(low, 0), high), 0, prices, "the first batch")
        if told.calls[1] > 0:
            job.emit(Forecasted(told))


def _expected(spent: Meter, asked: _Asked) -> tuple[int, float, float, float]:
    """What a chunk in flight will cost at most by what is told; else what those before did."""
    count = len(asked.rows)
    tokens, usd, seconds = (
        count
        * (
            asked.prices[kind][1]
            if kind in asked.prices
            else getattr(spent, kind) / max(spent.calls, 1)
        )
        for kind in KINDS[1:]
    )
    return count, tokens, usd, seconds


def _same(error: Exception) -> Exception:
    return error


def _not_finite(answer: Answer, finite: BoolArray, asked: _Asked, job: Job) -> str | None:
    if finite.all():
        return None
    bad, masks = int(np.argmin(finite)), asked.chunk.masks
    return (
        f"the value function gave values that are not finite for {int((~finite).sum())} of "
        f"{len(finite)} masks, first for row {job.asked_as[asked.rows[bad]]} of masks "
        f"({int(masks[bad].sum())} of {masks.shape[1]} features kept): "
        f"{answer.values[bad]}. Make it return finite numbers"
    )


def _untold(answer: Answer, job: Job) -> str | None:
    """Refuse a limit on what the value function does not count, after its first batch."""
    for kind, amount in (("tokens", answer.tokens), ("usd", answer.usd)):
        if amount is None and getattr(job.meter.budget, kind) is not None:
            return (
                f"the budget limits {kind}, but the value function does not say what it costs: "
                f"limit calls or seconds, or let a function of yours return Measured(values, "
                f"{kind}=...)" + ("; a server's prices are usd_per_million" * (kind == "usd"))
            )
    return None


def _other_targets(answer: Answer | None, job: Job) -> str | None:
    """Refuse another number of values than there are targets, or than came before."""
    q = None if answer is None else answer.values.shape[1]
    targets, before = job.identity.targets, job.account.values
    if targets is not None and q is not None and q != len(targets):
        return (
            f"the value function gave {q} values per mask, but names {len(targets)} targets: "
            f"{', '.join(map(str, targets))}"
        )
    if before is not None and q is not None and q != before.shape[2]:
        return (
            f"the value function gave {q} values per mask, and {before.shape[2]} in the "
            "batches before"
        )
    return None


def _first(stored: Stored, k: int) -> Stored:
    """The first k of the rows that were found."""
    noise = None if stored.noise_var is None else stored.noise_var[:k]
    found = stored.found & (np.cumsum(stored.found) <= k)
    return Stored(
        found, stored.values[:k], noise, stored.tokens[:k], stored.usd[:k], stored.seconds[:k]
    )
