"""One run beside another, for one target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from interplay.comparison import words
from interplay.comparison.alignment import Alignment
from interplay.comparison.differences import Difference
from interplay.comparison.likeness import Likeness
from interplay.interactions import Interaction
from interplay.report.reading import Reading


@dataclass(frozen=True)
class Pair:
    """One run beside the first, for one target.

    Attributes
    ----------
    name
        of the run that is compared with the first.
    alignment
        which features are the same.
    differences
        of all effects and interactions of shared features that either run lists: the clear and
        large ones first.
    removed, added
        terms of the first run with a feature that only it has, and of the second; largest first.
    likeness
        how alike the two are as a whole.
    relation
        what they were fitted to: ``"independent"`` masks, ``"same masks"``, ``"some of the same
        masks"``, or the ``"same numbers"``, masks and values.
    same_function
        whether both evaluated the same value function: what differs is then error.
    sentence
        what was found, in words.
    edit
        what only one of the runs has, in words; empty where both have the same features.
    notes
        what a reader should know, in sentences.
    """

    name: str
    alignment: Alignment
    differences: tuple[Difference, ...]
    removed: tuple[Interaction, ...]
    added: tuple[Interaction, ...]
    likeness: Likeness
    relation: str
    same_function: bool
    sentence: str = ""
    edit: str = ""
    notes: tuple[str, ...] = ()

    @property
    def clear(self) -> list[Difference]:
        """The differences that are clear."""
        return [row for row in self.differences if row.clear]

    @property
    def agrees(self) -> bool:
        """Whether no difference is clear, the predictions are alike, and both speak of the same.

        Where features of one run are missing in the other, those that both have must carry most of
        the variation.
        """
        shares = [share for share in self.likeness.shared_variance if share is not None]
        most = self.alignment.whole or min(shares, default=1.0) >= words.MOST
        return most and not self.clear and words.alike(self.likeness)

    def __getitem__(self, features: str | Sequence[str]) -> Difference:
        """Return the difference of features, by their names in the first run."""
        wanted = sorted([features] if isinstance(features, str) else features)
        for row in self.differences:
            if sorted(row.names) == wanted:
                return row
        raise KeyError(f"no difference of {features!r}: neither run lists such a term")

    def to_dict(self, first: Reading, second: Reading) -> dict[str, Any]:
        """Return a JSON-able mapping, with the terms as the reports of both runs have them."""
        return {
            "name": self.name,
            "sentence": self.sentence,
            "edit": self.edit,
            "notes": list(self.notes),
            "relation": self.relation,
            "same_function": self.same_function,
            "alignment": self.alignment.to_dict(),
            "likeness": self.likeness.to_dict(),
            "differences": [
                row.to_dict() | {"words": words.phrase(first, row.features)}
                for row in self.differences
            ],
            "removed": [
                row.to_dict() | {"words": words.phrase(first, row.features)} for row in self.removed
            ],
            "added": [
                row.to_dict() | {"words": words.phrase(second, row.features)} for row in self.added
            ],
        }
