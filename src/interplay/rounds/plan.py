"""How many masks a run has at most, in which rounds, and whether a fit is possible at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from interplay import masks as designs
from interplay.codes import LEAST_BITS
from interplay.errors import BadInput, unknown
from interplay.evaluate import Budget
from interplay.rounds.stability import AUTO_ROUNDS
from interplay.surrogates import MIN_MASKS, check_method
from interplay.surrogates.exact import MAX_FEATURES

MOST_MASKS: Final = 2**20
"""Where nothing but money or time limits a run."""

FIRST_OPEN_ROUND: Final = 1024
AUTO_GROWTH: Final = 1.5
"""Masks of the first round of a run that has no limit of calls; by how much rounds of
``budget="auto"`` grow."""

NEARLY: Final = 1.25
"""Times as many calls as a run has that it is told of, where with them it would be exact."""


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
        if calls is None and budget.auto and not budget.priced:
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

    @property
    def nearly_exact(self) -> str:
        """That a few more calls would have made the result exact, where that is so."""
        if self.n > MAX_FEATURES or self.budget.auto or self.budget.calls is None:
            return ""
        complete = 2**self.n
        if not self.most < complete <= NEARLY * self.most:
            return ""
        calls = f"{complete * self.replicates:,}"
        return f"With {calls} calls every mask would be evaluated, and the result be exact."

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
