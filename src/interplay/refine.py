"""Nested refinement: the groups that matter first, then what matters inside them, in one budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from interplay import masks as designs
from interplay.errors import BadInput
from interplay.evaluate import SPENT, Budget, Meter
from interplay.evaluate.budget import KINDS
from interplay.explanation import Explanation
from interplay.groups import Grouped, Nesting, check_groups
from interplay.rounds import default_cap
from interplay.value_function import FloatArray

FIRST_SHARE: Final = 3
"""The first pass has at most one part in so many of the budget."""

MASKS_PER_UNIT: Final = 8
"""So many masks of the second pass explain one fine unit: it has no more units than that allows."""

LEAST_SHARE: Final = 0.01
"""Groups that carry less of the variance are left whole, whatever the fit is worth."""


@dataclass(frozen=True)
class Nested:
    """A value function whose features lie in groups, and the budget of both passes.

    Attributes
    ----------
    names
        of the n fine features.
    budget
        of both passes together.
    """

    value_function: Callable[..., Any]
    names: tuple[str, ...]
    nesting: Nesting
    budget: Budget
    replicates: int

    @classmethod
    def of(
        cls,
        value_function: Callable[..., Any],
        names: tuple[str, ...],
        budget: Budget,
        replicates: int,
    ) -> Nested | None:
        """Return what is nested, or None where there is nothing to find first."""
        nesting = getattr(value_function, "nesting", None)
        if nesting is None:
            return None
        if not isinstance(nesting, Nesting):
            raise BadInput(
                "nesting of the value function must be an interplay.groups.Nesting; "
                f"got {type(nesting).__name__}"
            )
        check_groups(nesting.groups, nesting.names, len(names))
        if nesting.spans is not None and len(nesting.spans) != len(nesting.groups):
            raise BadInput(
                f"nesting has {len(nesting.groups)} groups and {len(nesting.spans)} spans of them"
            )
        if len(nesting.groups) == 1 or len(nesting.groups) == len(names):
            return None
        if budget.auto and budget.calls is None and not budget.priced:
            budget = replace(budget, calls=default_cap(len(names)) * replicates)
        return cls(value_function, names, nesting, budget, replicates)

    @property
    def whole(self) -> Grouped:
        """The value function over the groups."""
        return self.of_groups(())

    @property
    def first_budget(self) -> Budget:
        """What the first pass may cost: a third of everything, but no fewer calls than it needs."""
        parts = {
            kind: getattr(self.budget, kind) / FIRST_SHARE
            for kind in KINDS[1:]
            if getattr(self.budget, kind) is not None
        }
        calls, g = self.budget.calls, len(self.nesting.groups)
        if calls is not None:
            needed = min(designs.least(g, "uniform"), 2**g) * self.replicates
            calls = min(max(calls // FIRST_SHARE, needed), calls)
        return replace(self.budget, calls=calls, **parts)

    def left(self, spent: Meter) -> Budget | None:
        """Return what the first pass has left over; None where that is nothing."""
        parts = {
            kind: getattr(self.budget, kind) - getattr(spent, kind)
            for kind in KINDS
            if getattr(self.budget, kind) is not None
        }
        return None if min(parts.values()) <= 0 else replace(self.budget, **parts)

    def second(
        self, first: Explanation, spent: Meter
    ) -> tuple[Grouped | None, Budget, Explanation]:
        """Choose the features of the second pass.

        Returns
        -------
        tuple
            their value function, or None where there is to be no second pass; its budget; and the
            first pass's explanation, which now says what was chosen.
        """
        left = self.left(spent)
        shares, least = influence(first)
        chosen, omitted = self.chosen(shares, least, self.units(left, spent, first))
        if interrupted(first):
            reason = "the run ended before the second"
        elif left is None:
            reason = "nothing was left for a second"
        elif not chosen:
            reason = f"no {self.noun} was found to matter"
        else:
            reason = ""
        said = self.noted(first, shares, () if reason else chosen)
        if reason or left is None:
            return None, self.budget, self.alone(said, reason)
        told = f"{_of(len(chosen), len(shares), self.noun)} carr{'y' if len(chosen) > 1 else 'ies'}"
        notes = [
            f"A first pass over {len(shares)} {self.noun}s ({first.sample.masks:,} masks, "
            f"{_r2(first)}) found that {told} {_percent(shares[list(chosen)].sum())} of the "
            f"influence: taken apart here, the others whole."
        ]
        if omitted:
            notes.append(
                f"{_of(omitted, len(shares), self.noun)} that mattered too stayed whole, for want "
                "of budget: a larger one takes them apart."
            )
        return self.of_groups(chosen), left, replace(said, run_notes=tuple(notes))

    def units(self, left: Budget | None, spent: Meter, first: Explanation) -> int:
        """Return how many fine units the rest of the budget can explain."""
        if left is None:
            return 0
        evaluations = first.sample.masks * self.replicates
        affordable = [float(left.calls)] if left.calls is not None else []
        for kind in KINDS[1:]:
            limit, paid = getattr(left, kind), getattr(spent, kind)
            if limit is not None and paid > 0:
                affordable.append(limit / paid * evaluations)
        return int(min(affordable, default=0) / self.replicates) // MASKS_PER_UNIT

    def chosen(self, shares: FloatArray, least: float, units: int) -> tuple[tuple[int, ...], int]:
        """Return the groups to take apart, and how many others the budget is too small for.

        The strongest is taken in any case: without it there would be nothing to refine.
        """
        taken: list[int] = []
        omitted = used = 0
        for group in np.argsort(-shares, kind="stable").tolist():
            if shares[group] < least or shares[group] <= 0:
                break
            size = len(self.nesting.groups[group])
            if taken and used + size > units:
                omitted += 1
                continue
            taken.append(group)
            used += size
        return tuple(sorted(taken)), omitted

    def of_groups(self, apart: Sequence[int]) -> Grouped:
        """Return the value function over the groups, of which some are taken ``apart``."""
        nesting = self.nesting
        own = dict(getattr(self.value_function, "subject", None) or {}).get("spans")
        spans = own if isinstance(own, Sequence) and len(own) == len(self.names) else None
        features: list[tuple[tuple[int, ...], str, Any]] = []
        for number, (group, name) in enumerate(zip(nesting.groups, nesting.names, strict=True)):
            if number in apart or len(group) == 1:
                features += [((i,), self.names[i], spans and spans[i]) for i in group]
            else:
                features.append((tuple(group), name, nesting.spans and nesting.spans[number]))
        features.sort(key=lambda one: min(one[0]))
        groups, names, where = zip(*features, strict=True)
        known = None if any(span is None for span in where) else where
        return Grouped(self.value_function, groups, names, spans=known)

    def noted(self, first: Explanation, shares: FloatArray, chosen: Sequence[int]) -> Explanation:
        """Return the first pass with the record of it in its ``config``."""
        faithfulness = [finding.faithfulness.value for finding in first.findings]
        record = {
            "masks": first.sample.masks,
            "digest": first.sample.digest,
            "method": first.config["method"],
            "design": first.config["design"],
            "planned": first.config["planned"],
            "budget": first.config["budget"],
            "fingerprint": first.config["fingerprint"],
            "faithfulness": [None if np.isnan(value) else value for value in faithfulness],
            "groups": [list(group) for group in self.nesting.groups],
            "names": list(self.nesting.names),
            "influence": [round(share, 6) for share in shares.tolist()],
            "apart": list(chosen),
        }
        config = {**first.config, "budget": str(self.budget), "first_pass": record}
        return replace(first, config=config)

    def alone(self, first: Explanation, reason: str) -> Explanation:
        """Return the first pass as the result, with the reason why there is no second."""
        note = f"This is the first of two passes, over whole {self.noun}s: {reason.rstrip('.')}."
        return replace(first, run_notes=(*first.run_notes, note))

    def joined(self, first: Explanation, second: Explanation) -> Explanation:
        """Return the second pass as the result, with what both have cost.

        One that was interrupted so early that it deserves less trust gives way to the first.
        """
        cost = first.cost + second.cost
        if interrupted(second) and _trust(second) < _trust(first):
            first = replace(first, cost=cost)
            reason = f"the second was {second.sample.stopped} after {second.sample.masks:,} masks"
            return self.alone(first, f"{reason}. The same run goes on from there")
        config = {
            **second.config,
            "budget": str(self.budget),
            "first_pass": first.config["first_pass"],
        }
        notes = (*first.run_notes, *second.run_notes)
        before = first.cost.calls + first.cost.reused
        findings = tuple(found.after(before) for found in second.findings)
        return replace(second, findings=findings, cost=cost, config=config, run_notes=notes)

    @property
    def noun(self) -> str:
        """What a group is called: ``"sentence"`` where the units are ``"sentence+word"``."""
        units = dict(getattr(self.value_function, "subject", None) or {}).get("units")
        coarse, plus, _ = str(units).partition("+")
        return coarse if plus else "group"


def first_method(method: str) -> str:
    """Return the method of the first pass: "spex" and "exact" need masks that it has not.

    >>> first_method("lasso"), first_method("spex")
    ('lasso', 'auto')
    """
    return "auto" if method in ("spex", "exact") else method


def interrupted(explanation: Explanation) -> bool:
    """Whether somebody ended the run, not its budget or its plan."""
    return explanation.sample.stopped not in (None, "stable", SPENT)


def influence(explanation: Explanation) -> tuple[FloatArray, float]:
    """Return each feature's influence, and below which share it is noise.

    Influence is the part of the variance in terms that hold the feature, the sum of F(T)² over T
    that do, as a share of the sum over all features; where there are several targets, the largest.
    Noise is what is less than an even part of the variance that the surrogate does not explain.
    """
    n = len(explanation.features)
    shares, least = np.zeros(n), 1.0
    for finding in explanation.findings:
        total = np.zeros(n)
        for term, coefficient in finding.spectrum.terms.items():
            total[list(term)] += coefficient**2
        whole = total.sum()
        r2 = finding.faithfulness.value
        unexplained = 1.0 - min(max(r2, 0.0), 1.0) if np.isfinite(r2) else 0.0
        least = min(least, max(LEAST_SHARE, unexplained / n))
        if whole > 1e-18 * max(1.0, float(finding.spectrum.terms.get((), 0.0)) ** 2):
            shares = np.maximum(shares, total / whole)
    return shares, least


def _r2(explanation: Explanation) -> str:
    known = [
        finding.faithfulness.value
        for finding in explanation.findings
        if np.isfinite(finding.faithfulness.value)
    ]
    if explanation.sample.design == "complete":
        return "all there are"
    return f"R² {min(known):.2f}" if known else "R² unknown"


def _trust(explanation: Explanation) -> int:
    verdicts = [finding.faithfulness.verdict for finding in explanation.findings]
    return min(("do not trust", "trust in part", "trust").index(verdict) for verdict in verdicts)


def _of(count: int, total: int, noun: str) -> str:
    return f"{count} of {total} {noun}s"


def _percent(share: float) -> str:
    return f"{100 * min(share, 1.0):.0f} %"
