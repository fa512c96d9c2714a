"""What the search for a flip found, in figures and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from interplay.actions.flip.inputs import Transfer, totals
from interplay.actions.flip.rates import Rate
from interplay.numbers import count, short

FORMAT: Final = "interplay.flip"
VERSION: Final = 1

_SHOWN: Final = 6
"""Names that a sentence lists."""


@dataclass(frozen=True)
class Alternative:
    """Another set that was tried and flips too.

    ``value`` is its measured value, of the first target that the decision looks at.
    """

    features: tuple[int, ...]
    names: tuple[str, ...]
    value: float


@dataclass(frozen=True)
class Flip:
    """The result of :func:`interplay.flip`.

    Attributes
    ----------
    found
        whether a set was found whose removal changes the decision. All else speaks of the set that
        came closest where it is False.
    features, names
        of the removed features; none where nothing was tried.
    n
        how many features there are.
    noun, verb
        what a feature is called, and what was done to it: removed or replaced.
    target, threshold
        what the decision is about; threshold is None for a callable.
    before, after
        measured value with every feature in place, and without these: means of the samples.
    predicted
        what the spectrum alone said of ``after``.
    rate_before, rate_after
        how often the original decision was made, of so many samples.
    minimal
        whether every smaller set was tried by real calls, and flips nothing.
    tried, smaller
        how many smaller sets were tried, values that the run holds included, and how many there
        are. Where no flip was found, of all that were allowed.
    at_most
        how many features were allowed.
    irreducible
        whether putting any one feature back was tried, and undoes the flip.
    alternatives
        other sets of the same size that flip; those of one more follow. Where no flip was found,
        sets of more features than were allowed.
    inputs
        what the same edit does to other inputs.
    text
        the text that is left, where there is one.
    replaced_by
        what stands in the place of each of ``names``; empty where they were removed.
    calls, reused, seconds, tokens, usd
        what the search has cost; ``reused`` evaluations came from the store.
    budget, stopped
        of the search, and why it ended early; None where it did not.
    fingerprint, explained
        of the value function that was asked, and of the one that was explained.
    """

    found: bool
    features: tuple[int, ...]
    names: tuple[str, ...]
    n: int
    noun: str
    verb: str
    target: str
    threshold: float | None
    before: float
    after: float | None
    predicted: float | None
    rate_before: Rate
    rate_after: Rate
    minimal: bool
    tried: int
    smaller: int
    at_most: int
    irreducible: bool
    alternatives: tuple[Alternative, ...]
    inputs: tuple[Transfer, ...]
    text: str | None
    calls: int
    reused: int
    seconds: float
    tokens: float | None
    usd: float | None
    budget: str
    stopped: str | None
    fingerprint: str = field(repr=False)
    explained: str | None = field(default=None, repr=False)
    replaced_by: tuple[str, ...] = ()

    @property
    def verified(self) -> bool:
        """Whether the flip was measured; nothing is ever called a flip that was only predicted."""
        return self.found

    @property
    def sentence(self) -> str:
        """What was found, in a sentence."""
        done = "Replacing" if self.verb == "replaced" else "Removing"
        what = f"{done} {_count(len(self.features), self.n, self.noun)}, {quoted(self.names)},"
        rule = "" if self.threshold is None else f" (threshold {short(self.threshold)})"
        if self.found:
            return f"{what} changes the decision: {self._change}{rule}."
        sets = f"sets of at most {count(self.at_most, self.noun)}"
        if self.tried == self.smaller:
            told = f"There is no flip: all {_large(self.smaller)} {sets} were tried"
        else:
            told = (
                f"No flip was found within {count(self.calls + self.reused, 'evaluation')}: "
                f"{self.tried:,} of {_large(self.smaller)} {sets} were tried"
            )
        if not self.features or self.after is None:
            return f"{told}."
        return (
            f"{told}. The closest: {what[0].lower()}{what[1:]} leaves the decision as it was, "
            f"{self._change}{rule}."
        )

    @property
    def evidence(self) -> list[str]:
        """How sure it is that this is the smallest, how often it holds, in sentences."""
        told = [self._size] if self.found else []
        if not self.found and self.alternatives:
            told.append(
                f"The smallest set that was seen to flip it has "
                f"{len(self.alternatives[0].features):,} {self.noun}s, more than were allowed."
            )
        if self.rate_before.total > 1:
            told.append(
                f"Of repeated samples the original decision was made in {self.rate_before.words} "
                f"before and in {self.rate_after.words} after."
            )
        if self.inputs:
            told.append(self._inputs)
        if self.stopped is not None:
            told.append(f"The search ended early: {self.stopped} ({self.budget}).")
        return told

    @property
    def input_rates(self) -> tuple[Rate, Rate]:
        """How often other inputs are decided as the explained one was, before and after the edit.

        Of those that have all of what the edit takes away.
        """
        return totals(self.inputs)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as a JSON-able mapping."""
        plain = {
            name: getattr(self, name)
            for name in (
                *("found", "n", "noun", "verb", "target", "threshold", "before", "after"),
                *(
                    "predicted",
                    "minimal",
                    "tried",
                    "smaller",
                    "at_most",
                    "irreducible",
                    "text",
                    "calls",
                ),
                *("reused", "seconds", "tokens", "usd", "budget", "stopped", "fingerprint"),
                "explained",
            )
        }
        before, after = self.input_rates
        return {
            "format": FORMAT,
            "version": VERSION,
            "sentence": self.sentence,
            "evidence": self.evidence,
            **plain,
            "verified": self.verified,
            "features": list(self.features),
            "names": list(self.names),
            "replaced_by": list(self.replaced_by),
            "rate_before": self.rate_before.to_dict(),
            "rate_after": self.rate_after.to_dict(),
            "alternatives": [
                asdict(one) | {"features": list(one.features), "names": list(one.names)}
                for one in self.alternatives
            ],
            "inputs": [one.to_dict() for one in self.inputs],
            "inputs_before": before.to_dict() if self.inputs else None,
            "inputs_after": after.to_dict() if self.inputs else None,
        }

    @property
    def _change(self) -> str:
        after = "unknown" if self.after is None else short(self.after)
        return f"{self.target} goes from {short(self.before)} to {after}"

    @property
    def _size(self) -> str:
        if len(self.features) == 1:
            return "No smaller set exists."
        if self.minimal:
            return f"No smaller set flips it: all {_large(self.smaller)} were tried."
        told = (
            f"Putting any one {self.noun} back undoes it; whether"
            if self.irreducible
            else "Whether"
        )
        return (
            f"{told} a smaller set flips it was not settled: {self.tried:,} of "
            f"{_large(self.smaller)} were tried, and none does."
        )

    @property
    def _inputs(self) -> str:
        before, after = self.input_rates
        having = sum(bool(one.names) for one in self.inputs)
        told = (
            f"On other inputs the original decision was made in {before.words} before and in "
            f"{after.words} after the same edit"
        )
        lack = len(self.inputs) - having
        return f"{told}; {count(lack, 'input')} could not be edited so." if lack else f"{told}."


def quoted(names: Sequence[str]) -> str:
    """Join names for a sentence.

    >>> quoted(["not", "bad", "at"])
    '“not”, “bad” and “at”'
    """
    told = [_quoted(name) for name in names]
    if len(told) > _SHOWN:
        told = [*told[: _SHOWN - 1], f"{len(names) - _SHOWN + 1} more"]
    return "".join(told) if len(told) < 2 else f"{', '.join(told[:-1])} and {told[-1]}"


def _quoted(name: str) -> str:
    name = " ".join(name.split())
    return f"“{name}”" if len(name) <= 60 else f"“{name[:40]}…{name[-18:]}”"


def _count(k: int, n: int, noun: str) -> str:
    return f"{k} of {n:,} {noun}s"


def _large(k: int) -> str:
    return f"{k:,}" if k < 10**7 else f"{k:.1e}"
