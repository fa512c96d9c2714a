"""Masks are evaluated round by round; why no more were, and what a reader should know of that."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from interplay import masks as designs
from interplay.errors import BackendError, BudgetExceeded
from interplay.evaluate import (
    SPENT,
    Evaluation,
    Event,
    Executor,
    Forecasted,
    Meter,
    OnEvent,
    Stop,
    Store,
    Warned,
    evaluate,
    join,
)
from interplay.packing import among
from interplay.recording import Recording
from interplay.rounds.plan import Plan
from interplay.rounds.stability import AUTO_ROUNDS, COMPARED
from interplay.surrogates import MIN_MASKS, Surrogate
from interplay.value_function import BoolArray


@dataclass
class Sampling:
    """The evaluations of a run, round by round.

    ``stopped`` is why it ended before the plan did; None where it did not.
    """

    value_function: Callable[..., Any]
    features: tuple[str, ...]
    plan: Plan
    store: Store | None
    fingerprint: str | None
    stop: Stop | None
    on_event: OnEvent | None
    executor: Executor | None = None
    parts: list[Evaluation] = field(default_factory=list)
    stable: bool = False
    surrogates: Mapping[str, Surrogate] | None = None
    """What the last round gave; who fits it says so here. An adaptive design asks for it."""
    meter: Meter = field(init=False)
    """What the evaluations have cost so far, stored ones included."""

    def __post_init__(self) -> None:
        self.meter = Meter(self.plan.budget, planned=self.plan.planned)

    def rounds(self) -> Iterator[Recording]:
        """Evaluate; yield all masks and values so far wherever they are to be fitted.

        That is once, at the end; with ``budget="auto"`` and adaptive designs after every round.
        """
        plan, meter = self.plan, self.meter
        design: designs.Design | None = None
        masks = np.empty((0, plan.n), dtype=np.bool_)
        for size in plan.sizes:
            design = self.grown(design, size)
            new = ~among(design.masks, masks)
            part = evaluate(
                self.value_function,
                design.masks[new],
                store=self.store,
                replicates=plan.replicates,
                fingerprint=self.fingerprint,
                meter=meter,
                stop=self.stop,
                on_event=lambda event: self.tell(event, meter),
                executor=self.executor,
            )
            self.parts.append(part)
            masks = np.concatenate([masks, design.masks[new][: len(part.values)]])
            done = len(masks)
            last = part.stopped is not None or size == plan.most
            # a coded mask may by chance be there twice, and is evaluated once
            if last and done < min(plan.least, len(design.masks)):
                raise self.too_few(done)
            if last or plan.fits_between:
                yield self.recording(masks, design)
            if last or self.stable:
                return

    def grown(self, design: designs.Design | None, size: int) -> designs.Design:
        """Return the design of a round: an adaptive one goes on from the surrogates so far."""
        if self.plan.kind != "adaptive":
            return self.plan.design(size)
        if (
            design is None
        ):  # of its budget, half is drawn at once; a budget of all is no such design
            return self.plan.design(min(2 * size, 2**self.plan.n - 1))
        assert self.surrogates is not None
        design.next(self.surrogates, size - len(design.masks))
        return design

    @property
    def evaluation(self) -> Evaluation:
        """All rounds together."""
        return join(self.parts)

    @property
    def stopped(self) -> str | None:
        """Why the run ended before its plan did."""
        evaluation = self.evaluation
        if self.stable and len(evaluation.values) < self.plan.most:
            return "stable"
        return evaluation.stopped

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know of the masks, and of how the run ended."""
        told = [one for one in (self.plan.sentence, self.plan.nearly_exact) if one]
        excluded = int(np.isnan(self.evaluation.values).all(axis=1).sum())
        if excluded:
            told.append(
                f"{excluded:,} of {len(self.evaluation.values):,} evaluations gave no value (a "
                "training that diverged, say): they are recorded, and left out of what follows."
            )
        return (*told, *self.ended)

    @property
    def ended(self) -> tuple[str, ...]:
        """How the run ended, where that says something."""
        evaluation, most = self.evaluation, self.plan.most
        done = len(evaluation.values)
        if self.stopped == "stable":
            return (
                f"Stopped at {done:,} of at most {most:,} masks: over the last {AUTO_ROUNDS} "
                f"rounds faithfulness and the {COMPARED} strongest terms had changed little.",
            )
        if self.stopped == SPENT:
            return (f"The budget {self.plan.budget} was spent after {done:,} masks.",)
        if self.stopped:
            return (
                f"{self.stopped[:1].upper()}{self.stopped[1:]} after {done:,} masks: this is an "
                "explanation of those. The same run goes on from there.",
            )
        if self.plan.budget.auto and not self.stable and done < 2**self.plan.n:
            return (
                f"At {done:,} masks, the cap of the budget, the strongest terms had not settled: "
                "more masks may change them.",
            )
        return ()

    def recording(self, masks: BoolArray, design: designs.Design) -> Recording:
        """All masks and values so far, with the names of both."""
        evaluation = self.evaluation
        told = ~np.isnan(evaluation.values).all(axis=1)
        if told.sum() < min(MIN_MASKS, len(masks)):
            raise BackendError(
                f"{int((~told).sum()):,} of {len(masks):,} evaluations gave no value, and too few "
                "are left for a fit: the value function excludes these masks (trainings that "
                "diverge, say)"
            )
        masks = masks[told]
        own = getattr(self.value_function, "targets", None)
        complete = len(masks) == 2**self.plan.n
        noise = evaluation.noise_var
        aside = design.masks[design.test]
        return Recording(
            masks,
            evaluation.values[told],
            features=self.features,
            targets=tuple(own) if own else None,
            design="complete" if complete else self.plan.kind,
            noise_var=None if noise is None else noise[told],
            test=among(masks, aside) if len(aside) else None,
            code=design.code,
        ).named()

    def tell(self, event: Event, meter: Meter) -> None:
        """Pass an event on; refuse a budget that, by the forecast, cannot buy enough for a fit."""
        if self.on_event is not None:
            self.on_event(event)
        elif isinstance(event, Warned):
            warnings.warn(event.message, stacklevel=2)
        if isinstance(event, Forecasted) and not meter.calls:
            told, least = event.forecast, self.plan.least * self.plan.replicates
            affordable = told.reused + told.calls[1]
            if affordable < least:
                raise BudgetExceeded(
                    f"budget={str(meter.budget)!r} is too small: it buys some {int(affordable)} "
                    f"evaluations, and a fit needs {least}. {told.sentence}"
                )

    def too_few(self, done: int) -> BudgetExceeded:
        """The error for a run that ended before there was enough for a fit."""
        kept = (
            f"they are stored in {self.store.path}, and the same run goes on from there"
            if self.store is not None
            else "they are lost, for no store was given"
        )
        return BudgetExceeded(
            f"{self.stopped or SPENT} after {done} masks, too few for a fit (it needs "
            f"{self.plan.least}); {kept}"
        )
