"""Groups of features: a value function whose features are ablated together, in groups.

>>> game = Grouped(lambda masks: masks.sum(axis=1), [(0, 1), (2,)], ["a pair", "one"])
>>> game(np.array([[True, False], [False, True]]))
array([2, 1])
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from interplay.errors import BadInput
from interplay.fingerprint import identity_fingerprint
from interplay.value_function import BoolArray, Measured, Span, check_masks, subject_of

_FORWARDED: Final = ("targets", "batch_size", "noisy", "allow")
_OF_MASKS: Final = ("measure", "forecast", "masked_text")


@dataclass(frozen=True)
class Nesting:
    """Coarse features above the fine ones: sentences above words, paragraphs above sentences.

    Carried as ``nesting`` by a value function over the fine features;
    :func:`interplay.explain` then looks for the groups that matter first, and for what matters
    inside them with the rest of the budget.

    Attributes
    ----------
    groups
        indices of fine features: each of the n fine ones is in just one group, no group is empty.
    names
        one per group.
    spans
        where each group stands in ``subject["text"]``, ``(start, end)`` in characters; None: from
        its first to its last fine feature.
    """

    groups: tuple[tuple[int, ...], ...]
    names: tuple[str, ...]
    spans: tuple[Span, ...] | None = None


class Grouped:
    """A value function over groups of another one's features.

    Called with masks, bool ``(m, g)``, True = all features of the group are kept; returns what the
    other returns. ``measure``, ``forecast``, ``targets`` and the like are the other's own.

    Parameters
    ----------
    value_function
        over n features.
    groups
        g sequences of indices, each of the n features in just one of them.
    names
        one per group: ``features``.
    spans
        where the groups stand in the text of the subject, if it is one and is not simply from the
        first to the last of their features.

    Attributes
    ----------
    subject : dict
        the other's, with ``"groups"``; :func:`regrouped` makes the value function again from it.
    fingerprint : str
        derived from the other's, where it has one of its own.

    Raises
    ------
    BadInput
        an index is missing, occurs twice or is none, or there are not as many names as groups.
    """

    fingerprint: str

    def __init__(
        self,
        value_function: Callable[..., Any],
        groups: Sequence[Sequence[int]],
        names: Sequence[str],
        *,
        spans: Sequence[Sequence[int]] | None = None,
    ) -> None:
        own = getattr(value_function, "features", None)
        self.groups = check_groups(groups, names, None if own is None else len(own))
        self.base = value_function
        self.features = tuple(map(str, names))
        self._owner = owners(self.groups)
        self._spans = None if spans is None else [[int(a), int(b)] for a, b in spans]
        given = getattr(value_function, "fingerprint", None)
        if isinstance(given, str) and given:  # else it is found from the code, ours and the other's
            self.fingerprint = self.under(given)

    def __call__(self, masks: BoolArray, /) -> NDArray[Any] | Measured:
        answer: NDArray[Any] | Measured = self.base(self.expanded(masks))
        return answer

    def __getattr__(self, name: str) -> Any:
        if name in _FORWARDED:
            return getattr(self.base, name)
        if name in _OF_MASKS:
            method = getattr(self.base, name)
            return lambda masks: method(self.expanded(masks))
        if name == "replicate":
            base = self.base.replicate  # type: ignore[attr-defined]
            return lambda r: Grouped(base(r), self.groups, self.features, spans=self._spans)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def expanded(self, masks: BoolArray) -> BoolArray:
        """Return masks of groups, ``(m, g)`` or ``(g,)``, as masks of the other's features."""
        table = np.asarray(masks)
        rows = check_masks(table[None] if table.ndim == 1 else table, n=len(self.groups))
        fine: BoolArray = rows[:, self._owner]
        return fine.reshape(*table.shape[:-1], -1)

    def under(self, fingerprint: str) -> str:
        """Return the fingerprint of these groups, where the other's is ``fingerprint``."""
        return identity_fingerprint({"base": fingerprint, "groups": self.groups, "version": 1})

    @property
    def subject(self) -> Mapping[str, Any]:
        """The other's subject, with the groups, and spans that are theirs."""
        subject = {**subject_of(self.base), "groups": [list(group) for group in self.groups]}
        subject.pop("parts", None)  # a group of heads has no one place in the network
        for name, per_feature in (
            ("spans", self._spans or self._merged(subject.get("spans"))),
            ("slots", self._shared(subject.get("slots"))),
        ):
            subject.pop(name, None)
            if per_feature is not None:
                subject[name] = per_feature
        return subject

    def _merged(self, spans: Any) -> list[list[int]] | None:
        """From the first to the last feature of each group; None where that would overlap."""
        if not isinstance(spans, Sequence) or len(spans) != len(self._owner):
            return None
        merged = [
            [min(spans[i][0] for i in group), max(spans[i][1] for i in group)]
            for group in self.groups
        ]
        ordered = sorted(merged)
        return merged if all(a[1] <= b[0] for a, b in pairwise(ordered)) else None

    def _shared(self, slots: Any) -> list[Any] | None:
        """What all features of each group have in common; None where they differ."""
        if not isinstance(slots, Sequence) or len(slots) != len(self._owner):
            return None
        return [
            slots[group[0]] if len({slots[i] for i in group}) == 1 else None
            for group in self.groups
        ]


def regrouped(
    value_function: Callable[..., Any], subject: Mapping[str, Any], names: Sequence[str]
) -> Callable[..., Any]:
    """Return the value function of a run whose ``subject`` may speak of groups.

    ``value_function`` is the one over the features that were grouped; one that is over the groups
    already comes back as it is.
    """
    groups = subject.get("groups")
    if groups is None or isinstance(value_function, Grouped):
        return value_function
    return Grouped(value_function, groups, names, spans=subject.get("spans"))


def check_groups(
    groups: Sequence[Sequence[int]], names: Sequence[str], n: int | None
) -> tuple[tuple[int, ...], ...]:
    """Return groups that cover n features (None: as many as they name), each once, or raise.

    >>> check_groups([[1, 0], [2]], ["a", "b"], 3)
    ((0, 1), (2,))
    """
    try:
        checked = tuple(tuple(sorted(int(i) for i in group)) for group in groups)
    except (TypeError, ValueError) as error:
        raise BadInput(f"groups must be sequences of feature indices: {error}") from error
    if len(names) != len(checked):
        raise BadInput(f"there are {len(checked)} groups and {len(names)} names of them")
    if not checked or not all(checked):
        raise BadInput(
            "groups must each hold at least one feature; "
            + (f"group {checked.index(()) + 1} is empty" if checked else "there is none")
        )
    found = sorted(chain.from_iterable(checked))
    wanted = len(found) if n is None else n
    for i, (a, b) in enumerate(pairwise(found)):
        if a == b:
            raise BadInput(f"feature {found[i]} is in two groups, or twice in one")
    if found != list(range(wanted)):
        odd = sorted(set(found) ^ set(range(wanted)))[0]
        raise BadInput(
            f"groups must hold each of the {wanted} features once: "
            + (f"{odd} is in none" if 0 <= odd < wanted else f"there is no feature {odd}")
        )
    return checked


def owners(groups: Sequence[Sequence[int]]) -> NDArray[np.intp]:
    """Return the group of each feature, ``(n,)``."""
    owner = np.empty(sum(map(len, groups)), dtype=np.intp)
    for number, group in enumerate(groups):
        owner[list(group)] = number
    return owner
