"""The same edit on other inputs: how many of them it changes, and which edit changes most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from interplay.actions.flip.decision import Decision
from interplay.actions.flip.probe import Probe, Removed
from interplay.actions.flip.rates import Rate, rate_of
from interplay.errors import BadInput
from interplay.value_function import FloatArray, bare


@dataclass(frozen=True)
class Transfer:
    """What the same edit does to another input.

    Attributes
    ----------
    id
        of the input.
    names
        what was removed of it; empty where it lacks a part of the edit, and then nothing was asked.
    before, after
        its values, the means of the samples; None where nothing was asked.
    rate_before, rate_after
        how often it is decided as the explained input was.
    """

    id: str
    names: tuple[str, ...]
    before: float | None
    after: float | None
    rate_before: Rate
    rate_after: Rate

    @property
    def words(self) -> str:
        """What became of the decision."""
        if not self.names or not self.rate_before.total:
            return "cannot be edited so"
        if self.rate_before.total > 1:
            before, after = self.rate_before.value, self.rate_after.value
            return f"as the original {100 * before:.0f} %, then {100 * after:.0f} %"
        held, holds = self.rate_before.count > 0, self.rate_after.count > 0
        return {
            (True, False): "changed",
            (True, True): "stays",
            (False, False): "was the other already",
            (False, True): "turned to the original",
        }[held, holds]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as a JSON-able mapping."""
        return {
            "id": self.id,
            "names": list(self.names),
            "before": self.before,
            "after": self.after,
            "rate_before": self.rate_before.to_dict(),
            "rate_after": self.rate_after.to_dict(),
            "words": self.words,
        }


@dataclass
class Inputs:
    """Other inputs of the same kind, and what edits do to them.

    Attributes
    ----------
    decisions
        makes the rule for an input out of its values with every feature in place.
    """

    functions: Mapping[str, Callable[..., Any]]
    explained: Callable[..., Any]
    features: tuple[str, ...]
    probe: Probe
    repeats: int
    original: Decision
    decisions: Callable[[FloatArray], Decision]

    def __post_init__(self) -> None:
        self._columns = list(self.probe.columns)
        self._full: dict[str, tuple[Decision, FloatArray]] = {}
        self._keys = keys_of(self.explained, self.features)

    def cost(self) -> int:
        """Return how many calls one edit takes at most, the values before included."""
        return 2 * len(self.functions) * self.repeats

    def after(self, removed: Removed) -> list[Transfer]:
        """Return what an edit of the explained input does to each of the others."""
        return [self._one(name, function, removed) for name, function in self.functions.items()]

    def _one(self, name: str, function: Callable[..., Any], removed: Removed) -> Transfer:
        features = tuple(map(str, function.features))  # type: ignore[attr-defined]
        place = {key: i for i, key in enumerate(keys_of(function, features))}
        there = [place.get(self._keys[i]) for i in removed]
        nothing = Transfer(name, (), None, None, Rate(0, 0), Rate(0, 0))
        if self.probe.stopped or not there or any(i is None for i in there):
            return nothing
        masks = np.ones((2, len(features)), dtype=np.bool_)
        masks[1, [i for i in there if i is not None]] = False
        found = self.probe.ask(function, masks, self.repeats)
        if len(found.values) < 2:
            return nothing
        full, edited = found.samples[:, 0, self._columns], found.samples[:, 1, self._columns]
        decision = self.decisions(full.mean(axis=0))
        return Transfer(
            name,
            tuple(features[i] for i in there if i is not None),
            float(full[:, 0].mean()),
            float(edited[:, 0].mean()),
            self._same(decision, full),
            self._same(decision, edited),
        )

    def _same(self, decision: Decision, samples: FloatArray) -> Rate:
        """How often samples are decided as the explained input was, whatever this one was."""
        return rate_of(replace(decision, before=self.original.before), samples)


def totals(transfers: Sequence[Transfer]) -> tuple[Rate, Rate]:
    """Return the rates before and after over all inputs that have the edit."""
    before, after = Rate(0, 0), Rate(0, 0)
    for one in transfers:
        before, after = before + one.rate_before, after + one.rate_after
    return before, after


def check_inputs(inputs: object) -> dict[str, Callable[..., Any]]:
    """Return inputs as value functions by id, or raise :class:`BadInput`."""
    if isinstance(inputs, Mapping):
        named = {str(name): function for name, function in inputs.items()}
    elif isinstance(inputs, Iterable) and not isinstance(inputs, str):
        named = {str(k): function for k, function in enumerate(inputs, 1)}
    else:
        raise BadInput(
            f"inputs must be value functions, by id or in a sequence; got {type(inputs).__name__}"
        )
    for name, function in named.items():
        if not callable(function) or getattr(function, "features", None) is None:
            raise BadInput(
                f"input {name!r} must be a value function that knows its features, such as ip.text "
                f"makes; got {type(function).__name__}"
            )
    return named


def keys_of(function: Callable[..., Any], features: Sequence[str]) -> list[tuple[Any, ...]]:
    """Return what tells each feature of an input apart, the same in all that share a template.

    That is its text without punctuation around it, and the how manyth of its like it is; what
    fills a field of the template is told by field and place, for it differs between inputs.
    """
    subject = getattr(function, "subject", None) or {}
    slots = subject.get("slots")
    if not isinstance(slots, Sequence) or len(slots) != len(features):
        slots = [None] * len(features)
    seen: Counter[tuple[Any, ...]] = Counter()
    keys = []
    for name, slot in zip(features, slots, strict=True):
        kind = ("text", bare(name).casefold()) if slot is None else ("field", slot)
        seen[kind] += 1
        keys.append((*kind, seen[kind]))
    return keys
