"""What is decided from values: which side of a threshold they are on, or what a callable says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import log
from numbers import Real
from typing import Any

import numpy as np

from interplay.errors import BadInput
from interplay.value_function import BoolArray, FloatArray

Decide = Callable[[FloatArray], Any]
"""Values ``(k,)``, or ``(k, q)`` of several targets -> k decisions: labels, numbers, booleans."""


@dataclass(frozen=True)
class Decision:
    """A rule, and what it says of the values with every feature in place.

    Attributes
    ----------
    columns
        which of the value function's targets the rule looks at.
    name
        of the target, for sentences.
    threshold
        a value above it is on one side, one at it or below on the other; None for a callable.
    decide
        the callable; None for a threshold.
    before
        the original decision: True for above the threshold, else what the callable says.
    full
        the values that it rests on, float ``(len(columns),)``.
    """

    columns: tuple[int, ...]
    name: str
    threshold: float | None
    decide: Decide | None
    before: Any
    full: FloatArray

    def flipped(self, values: FloatArray) -> BoolArray:
        """Return which of the values, ``(k, len(columns))``, are decided otherwise, ``(k,)``."""
        if self.threshold is not None:
            flipped: BoolArray = (values[:, 0] > self.threshold) != self.before
            return flipped
        return np.array([bool(one != self.before) for one in self._decided(values)], dtype=np.bool_)

    def distance(self, values: FloatArray) -> FloatArray:
        """Return how far values are from another decision, ``(k,)``; the less, the nearer.

        For a threshold this is the distance to it, negative beyond; a callable tells only sides, so
        that what has changed most counts as nearest.
        """
        if self.threshold is not None:
            away: FloatArray = values[:, 0] - self.threshold
            return away if self.before else -away
        scale = np.abs(self.full) + 1e-12
        change: FloatArray = (np.abs(values - self.full) / scale).max(axis=1)
        return np.where(self.flipped(values), -change, 1.0 / (1.0 + change))

    def of(self, full: FloatArray) -> Decision:
        """Return the same rule for other values with every feature in place."""
        rule = replace(self, full=full)
        if self.threshold is not None:
            return replace(rule, before=bool(full[0] > self.threshold))
        return replace(rule, before=rule._decided(full[None])[0])

    def _decided(self, values: FloatArray) -> list[Any]:
        assert self.decide is not None
        given = values[:, 0] if len(self.columns) == 1 else values
        found = self.decide(given)
        try:
            told = list(found)
        except TypeError:
            told = []
        if len(told) != len(values):
            shape = given.shape
            raise BadInput(
                f"decision must return one decision for each of {len(values)} values (it is called "
                f"with an array of shape {shape}); got {found!r:.60}"
            )
        return told


class Rule:
    """How decisions are made, before anything is evaluated.

    Attributes
    ----------
    columns
        which targets are looked at.
    name
        of the target, or targets.
    """

    def __init__(
        self,
        columns: tuple[int, ...],
        name: str,
        threshold: float | None,
        share: float | None,
        decide: Decide | None,
    ) -> None:
        self.columns, self.name = columns, name
        self._threshold, self._share, self._decide = threshold, share, decide

    @classmethod
    def of(
        cls,
        targets: Sequence[str],
        shown: str,
        threshold: float | None,
        drop: str | float | None,
        decide: Decide | None,
        *,
        every: bool,
    ) -> Rule:
        """Return what is meant, or raise :class:`BadInput`.

        ``shown`` is the target that it is about, of ``targets``; with ``every`` a callable is about
        all of them.
        """
        given = [
            name
            for name, value in (("threshold", threshold), ("drop", drop), ("decision", decide))
            if value is not None
        ]
        if len(given) > 1:
            raise BadInput(f"give one of threshold, drop and decision; got {' and '.join(given)}")
        name = shown
        columns: tuple[int, ...] = (list(targets).index(name),)
        if decide is not None:
            if not callable(decide):
                raise BadInput(
                    f"decision must be a callable of values; got {type(decide).__name__}"
                )
            if every and len(targets) > 1:
                columns, name = tuple(range(len(targets))), ", ".join(targets)
            return cls(columns, name, None, None, decide)
        share = None if drop is None else share_of(drop)
        if threshold is not None:
            threshold = check_threshold(threshold)
        elif share is None:
            threshold = default_threshold(name)
        return cls(columns, name, threshold, share, None)

    def decision(self, full: FloatArray, empty: float | None = None) -> Decision:
        """Return the rule with what it says of the ``full`` values of an input.

        ``empty`` is its value with no feature kept, where that is known.
        """
        threshold = self._threshold
        if self._share is not None:
            threshold = fallen(self.name, self._share, float(full[0]), empty)
        made = Decision(self.columns, self.name, threshold, self._decide, None, full)
        return made.of(full)


def default_threshold(target: str) -> float:
    """Return the threshold of a target where nobody says one: of probabilities a half, else 0.

    Raises BadInput for log-probabilities of a response and for accuracies, where no value means a
    decision.

    >>> default_threshold("prob:negative"), default_threshold("margin:yes|no")
    (0.5, 0.0)
    """
    if target.startswith("logprob") or target in ("similarity", "accuracy"):
        raise BadInput(
            f"{target} has no natural threshold: say threshold=, or by how much it shall fall, "
            'drop="50%"; or take a margin, of two answers margin:A|B'
        )
    return 0.5 if target == "prob" or target.startswith("prob:") else 0.0


def fallen(target: str, share: float, full: float, empty: float | None) -> float:
    """Return the value that is ``share`` below ``full``.

    Of a log-probability the probability has fallen by that share, of ``prob`` it is the value
    itself, and of anything else the value has gone that part of the way to the ``empty`` one.

    >>> fallen("prob", 0.5, 0.8, None), round(fallen("logprob", 0.5, -1.0, None), 3)
    (0.4, -1.693)
    >>> fallen("margin:a|b", 0.5, 3.0, -1.0)
    1.0
    """
    if target.startswith("logprob"):
        return full + log(1.0 - share) if share < 1.0 else -np.inf
    if target.startswith("prob") or empty is None:
        return full * (1.0 - share)
    return full - share * (full - empty)


def share_of(drop: object) -> float:
    """Return the share that ``drop`` means.

    >>> share_of("50%"), share_of(0.25)
    (0.5, 0.25)
    """
    text = str(drop).strip()
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = np.nan
    if isinstance(drop, bool) or not 0 < share < 1:
        raise BadInput(f'drop must be a share between 0 and 1, such as "50%" or 0.5; got {drop!r}')
    return share


def check_threshold(threshold: object) -> float:
    """Return a threshold that is a finite number, or raise BadInput."""
    if isinstance(threshold, bool) or not isinstance(threshold, Real):
        raise BadInput(f"threshold must be a number; got {threshold!r}")
    if not np.isfinite(float(threshold)):
        raise BadInput(f"threshold must be finite; got {threshold!r}")
    return float(threshold)
