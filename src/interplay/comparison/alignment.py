"""Which features of two runs are the same: by place, by an edit of a text, or by name."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from typing import Any

from interplay.collection.labels import labels_of
from interplay.errors import BadInput
from interplay.explanation import Explanation
from interplay.packing import Term

MOVES = ("sentence", "paragraph", "chunk", "message", "example", "field")
"""Units that are the same wherever they stand; a word elsewhere is another word."""


@dataclass(frozen=True)
class Alignment:
    """Which features of a second run are the same as those of a first.

    Attributes
    ----------
    how
        ``"position"``: both have the same features; ``"edit"``: of a text that was edited, those
        that an edit leaves; ``"name"``: those of the same name.
    first, second
        feature ``second[k]`` of the second run is feature ``first[k]`` of the first.
    removed, added
        features that only the first run has, and only the second.
    """

    how: str
    first: tuple[int, ...]
    second: tuple[int, ...]
    removed: tuple[int, ...]
    added: tuple[int, ...]

    @classmethod
    def of(cls, how: str, pairs: Iterable[tuple[int, int]], n: int, others: int) -> Alignment:
        """Return the alignment of runs of ``n`` and ``others`` features with these in common."""
        ordered = sorted(pairs)
        first, second = tuple(i for i, _ in ordered), tuple(j for _, j in ordered)
        return cls(
            how=how,
            first=first,
            second=second,
            removed=tuple(sorted(set(range(n)) - set(first))),
            added=tuple(sorted(set(range(others)) - set(second))),
        )

    def __len__(self) -> int:
        return len(self.first)

    @property
    def whole(self) -> bool:
        """Whether no feature was removed or added."""
        return not self.removed and not self.added

    def from_first(self, term: Term) -> Term | None:
        """Return a set of the first run's features as numbers of shared ones, or None."""
        return _renamed(term, self._places[0])

    def from_second(self, term: Term) -> Term | None:
        """Return a set of the second run's features as numbers of shared ones, or None."""
        return _renamed(term, self._places[1])

    @cached_property
    def _places(self) -> tuple[dict[int, int], dict[int, int]]:
        first, second = (
            {feature: k for k, feature in enumerate(features)}
            for features in (self.first, self.second)
        )
        return first, second

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able mapping."""
        return {
            "how": self.how,
            "shared": [list(pair) for pair in zip(self.first, self.second, strict=True)],
            "removed": list(self.removed),
            "added": list(self.added),
        }


def _renamed(term: Term, place: Mapping[int, int]) -> Term | None:
    if any(i not in place for i in term):
        return None
    return tuple(sorted(place[i] for i in term))


def align(first: Explanation, second: Explanation, names: tuple[str, str]) -> Alignment:
    """Return which features of two runs are the same.

    Names are compared without case, words also without the punctuation around them. Where all are
    alike, features correspond by their place. Two texts are taken as one that was edited, and units
    larger than words may have moved; features of other subjects correspond by name, the k-th of a
    name to the k-th.

    Parameters
    ----------
    first, second
        the runs.
    names
        what messages call them.

    Raises
    ------
    BadInput
        no feature is in both.
    """
    mine, others = labels_of(first, "unit"), labels_of(second, "unit")
    if mine == others:
        how, pairs = "position", [(i, i) for i in range(len(mine))]
    elif first.subject.get("kind") == second.subject.get("kind") == "text":
        how, pairs = "edit", _edited(mine, others)
        if first.subject.get("units") in MOVES:
            pairs += _by_name(mine, others, pairs)
    else:
        how, pairs = "name", _by_name(mine, others, [])
    if not pairs:
        raise BadInput(
            f"{names[0]} and {names[1]} have no feature in common, so there is nothing to compare: "
            f"one has {_some(first.features)}, the other {_some(second.features)}. Compare runs of "
            "the same features, or of a text and an edit of it, in the same units"
        )
    return Alignment.of(how, pairs, len(mine), len(others))


def _edited(mine: Sequence[str], others: Sequence[str]) -> list[tuple[int, int]]:
    # what is alike at both ends needs no search, whose time grows as the square of the length
    least = min(len(mine), len(others))
    before = next((k for k in range(least) if mine[k] != others[k]), least)
    left = range(least - before)
    after = next((k for k in left if mine[-1 - k] != others[-1 - k]), least - before)
    a, b = mine[before : len(mine) - after], others[before : len(others) - after]
    blocks = SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks()
    pairs = [(i + k, j + k) for i, j, size in blocks for k in range(size)]
    return [
        *((k, k) for k in range(before)),
        *((before + i, before + j) for i, j in pairs),
        *((len(mine) - k, len(others) - k) for k in range(after, 0, -1)),
    ]


def _by_name(
    mine: Sequence[str], others: Sequence[str], known: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Pair the features that are in no pair yet, by name."""
    taken, given = {i for i, _ in known}, {j for _, j in known}
    waiting: dict[str, deque[int]] = defaultdict(deque)
    for j, name in enumerate(others):
        if j not in given:
            waiting[name].append(j)
    return [
        (i, waiting[name].popleft())
        for i, name in enumerate(mine)
        if i not in taken and waiting[name]
    ]


def _some(features: Sequence[str], most: int = 3) -> str:
    told = ", ".join(repr(name if len(name) <= 40 else f"{name[:39]}…") for name in features[:most])
    return told if len(features) <= most else f"{told} and {len(features) - most} more"
