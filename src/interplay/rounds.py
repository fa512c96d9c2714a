"""How many masks are evaluated, in how many rounds, and why no more."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from interplay import masks as designs
from interplay.codes import LEAST_BITS
from interplay.errors import BackendError, BadInput, BudgetExceeded, unknown
from interplay.evaluate import (
    SPENT,
    Budget,
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
from interplay.surrogates import MIN_MASKS, Surrogate, check_method
from interplay.surrogates.exact import MAX_FEATURES
from interplay.value_function import BoolArray

MOST_MASKS: Final = 2**20
"""Where nothing but money or time limits a run."""

FIRST_OPEN_ROUND: Final = 1024
AUTO_GROWTH: Final = 1.5
AUTO_ROUNDS: Final = 2
"""So many rounds in a row must change little before ``budget="auto"`` stops."""

COMPARED: Final = 10
"""Strongest terms that are compared between rounds."""

STABLE_R2: Final = 0.02
STABLE_VALUES: Final = 0.15
"""A change of R² and a relative change of the strongest terms that counts as little."""


@dataclass(frozen=True)
class Plan:
    """The masks of a run: how many, of which design, in which rounds.

    The first k masks are the same for every budget under one seed, also where all 2^n are meant to
    come: a run that ends early has a sample of its law. Coded masks come in designs, each about
    twice as large as the one before, which it includes.
    """

    n: int
    budget: Budget
    kind: str
    """Of the mask design: see :func:`interplay.design`."""
    seed: int
    replicates: int
    most: int
    least: int
    """Most masks that the budget allows, and fewest that a fit needs."""

    @classmethod
    def of(
        cls,
        n: int,
        budget: Budget,
        method: str,
        replicates: int,
        seed: int,
        design: str | None = None,
    ) -> Plan:
        """Check that a fit is possible at all, before anything is paid for."""
        chosen, kind = check_method(method), check_design(method, design)
        complete = 2**n if n <= MAX_FEATURES else None
        calls = budget.calls
        if calls is None and budget.auto and not _limited(budget):
            calls = default_cap(n) * replicates
        if kind == "adaptive" and calls is None:
            raise BadInput(
                "an adaptive design is made for a number of calls: add one to the budget, such as "
                f'"{budget},{default_cap(n)}"'
            )
        most = MOST_MASKS if calls is None else calls // replicates
        if complete is not None and most >= complete:
            if method == "spex":
                raise BadInput(
                    f'method "spex" decodes coded masks, and the budget allows all {complete:,} '
                    f'masks of {n} features: take "auto", which is exact then'
                )
            kind = "uniform"  # of which all come
        least = designs.least(n, kind)
        if complete is not None:
            least = min(least, complete)
        if method == "exact":
            if complete is None:
                raise BadInput(f'method "exact" is for at most {MAX_FEATURES} features; got {n}')
            budget.require(
                complete * replicates,
                f'because method "exact" evaluates every mask of {n} features',
            )
            least = complete
        each = f" (each mask {replicates} times)" if replicates > 1 else ""
        budget.require(least * replicates, f"{_needs(n, kind)}{each}")
        most = most if complete is None else min(most, complete)
        if kind in designs.CODED:
            steps = designs.coded_sizes(n, most)
            most = steps[-1] if kind == "coded" or calls is None else most
        chosen.check_run(n, most)
        return cls(n, budget, kind, seed, replicates, most, least)

    @property
    def sizes(self) -> Iterator[int]:
        """Masks after each round: one round, or growing ones where the end is not known."""
        open_ended = self.budget.auto or self.budget.calls is None
        if self.kind in designs.CODED and open_ended:
            yield from (size for size in designs.coded_sizes(self.n, self.most) if size < self.most)
        elif self.kind == "adaptive" and not open_ended:
            yield from (s for s in designs.adaptive_sizes(self.most) if s < self.most)
        elif open_ended:
            size = float(max(64, 2 * self.n) if self.budget.auto else FIRST_OPEN_ROUND)
            size = max(size, self.least)
            while size < self.most:
                yield int(size)
                size *= AUTO_GROWTH if self.budget.auto else 2
        yield self.most

    @property
    def fits_between(self) -> bool:
        """Whether there is a fit after every round, not only after the last."""
        return self.budget.auto or self.kind == "adaptive"

    @property
    def planned(self) -> tuple[float, float]:
        """Fewest and most evaluations, prices aside."""
        most = float(self.most) if self.budget.calls is not None or self.budget.auto else np.inf
        if self.n <= MAX_FEATURES:
            most = min(most, 2.0**self.n)
        low = most
        if self.budget.auto:
            rounds = [size for size, _ in zip(self.sizes, range(AUTO_ROUNDS + 1), strict=False)]
            low = float(rounds[-1])
        return low * self.replicates, most * self.replicates

    @property
    def sentence(self) -> str:
        """What a coded design comes to, which may be less than the budget; else nothing."""
        if self.kind not in designs.CODED:
            return ""
        bits = LEAST_BITS + len(designs.coded_sizes(self.n, self.most)) - 1
        told = f"{self.most:,} masks: {designs.coded_parts(self.n, bits)}"
        calls = self.budget.calls
        if self.kind == "mixed":
            told += ", and uniform ones for the rest"
        elif calls is not None and calls // self.replicates > self.most:
            following = designs.coded_sizes(self.n, 4 * self.most)[bits - LEAST_BITS + 1 :]
            more = f"; the next design takes {following[0]:,}" if following else ""
            told += f". The budget of {calls:,} calls is not used up{more}"
        return f"{told}."

    def design(self, size: int) -> designs.Design:
        """Return the design of the first ``size`` masks."""
        return designs.design(self.n, size, self.kind, self.seed)


def check_design(method: str, design: str | None) -> str:
    """Return the kind of design that is meant, or raise :class:`BadInput` that says what is wrong.

    >>> check_design("spex", None), check_design("auto", "paired")
    ('coded', 'paired')
    """
    check_method(method)
    kind = design or ("coded" if method == "spex" else "uniform")
    if kind not in designs.KINDS:
        raise unknown("design", kind, designs.KINDS)
    if method == "spex" and kind not in designs.CODED:
        raise BadInput(f'method "spex" needs a design of coded masks, coded or mixed; got {kind!r}')
    if method == "exact" and kind != "uniform":
        raise BadInput(
            f'method "exact" evaluates every mask: a design ({kind!r}) has no part in it'
        )
    return kind


def _needs(n: int, kind: str) -> str:
    """What the fewest masks of a run are needed for."""
    if kind in designs.CODED:
        return f"because that is the smallest design: {designs.coded_parts(n)}"
    aside = (
        f", and {designs.SET_ASIDE} uniform ones to judge by"
        if kind in ("paired", "near_full")
        else ""
    )
    return (
        f"{MIN_MASKS} for a fit beside the full and the empty mask{aside}; "
        f"some {max(4 * n, 50)} are a sensible start for {n} features"
    )


def default_cap(n: int) -> int:
    """Most masks of ``budget="auto"`` without a cap of its own."""
    return max(500, 20 * n)


def _limited(budget: Budget) -> bool:
    return any(limit is not None for limit in (budget.tokens, budget.usd, budget.seconds))


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
        told = [self.plan.sentence] if self.plan.sentence else []
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


@dataclass
class Stability:
    """Whether more masks still change what is found; told after each round."""

    rounds: int = 0
    before: dict[str, Surrogate] = field(default_factory=dict)

    def after(self, surrogates: Mapping[str, Surrogate]) -> bool:
        """Return whether the last rounds have changed little, for every target.

        An explanation that is not to be trusted is never stable: more masks are what it needs.
        """
        steady = bool(self.before) and all(
            surrogate.faithfulness.verdict != "do not trust"
            and alike(self.before[target], surrogate)
            for target, surrogate in surrogates.items()
        )
        self.rounds = self.rounds + 1 if steady else 0
        self.before = dict(surrogates)
        return self.rounds >= AUTO_ROUNDS


def alike(a: Surrogate, b: Surrogate) -> bool:
    """Whether two fits agree on faithfulness and on their strongest terms."""
    if not abs(a.faithfulness.value - b.faithfulness.value) <= STABLE_R2:  # a NaN is no agreement
        return False
    strongest = list({*a.largest(COMPARED), *b.largest(COMPARED)})
    x, y = a.values_of(strongest), b.values_of(strongest)
    return bool(np.linalg.norm(x - y) <= STABLE_VALUES * np.linalg.norm(y))
