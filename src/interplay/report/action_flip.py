"""A flip in words and drawings: the edited text, the value before and after, other inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import ClassVar

from interplay.numbers import elide, percent, short
from interplay.report.action import Action
from interplay.report.dots import Dot, Dots, Mark
from interplay.report.phrases import Piece
from interplay.value_function import bare

LONG = 1500
"""Characters of a text that is shown whole; of a longer one what is around its removed units."""

AROUND = 6000
"""Characters of such a text that are shown at most, beside what was removed."""


@dataclass(frozen=True)
class Stretch:
    """A part of an edited text: as it was, removed (``by`` stands in its place), or left out."""

    text: str
    state: str
    by: str = ""


@dataclass(frozen=True)
class FlipAction(Action):
    """The result of :func:`interplay.flip`."""

    title: ClassVar[str] = "Flip"
    template: ClassVar[str] = "action_flip.html"

    @property
    def good(self) -> bool:
        return bool(self.content["found"])

    @property
    def noun(self) -> str:
        return str(self.content["noun"])

    @property
    def done(self) -> str:
        """What was done to the features: removed or replaced."""
        return str(self.content["verb"])

    @property
    def verified(self) -> str:
        return f"verified by {self._evaluations}" if self.good else f"{self._evaluations} tried"

    @property
    def size(self) -> str:
        """Whether it is the smallest, in a few words."""
        if not self.good:
            return ""
        if self.content["minimal"] or len(self.content["features"]) == 1:
            return "the smallest there is"
        if self.content["irreducible"]:
            return f"no {self.noun} of it can be put back"
        return "not shown to be the smallest"

    @property
    def evidence(self) -> list[str]:
        """How sure it is that this is the smallest, how often it holds, in sentences."""
        return list(map(str, self.content["evidence"]))

    @property
    def notes(self) -> list[str]:
        # why it ended early is among the evidence
        own, of_run = self.content.get("fingerprint"), self.content.get("explained")
        if own is None or of_run is None or own == of_run or self.done == "replaced":
            return []
        return [
            "Asked of another model, or with another ablation, than the run that it began with."
        ]

    @property
    def names(self) -> list[str]:
        return list(map(str, self.content["names"]))

    @property
    def by(self) -> dict[int, str]:
        """What stands in the place of a feature, where it was replaced."""
        texts = self.content.get("replaced_by")
        features = self.content["features"]
        if not isinstance(texts, list) or len(texts) != len(features):
            return {}
        return dict(zip(features, map(str, texts), strict=True))

    def edited(self, pieces: Sequence[Piece]) -> list[Stretch]:
        """Return a text, cut at its units, with what was removed of it marked."""
        removed = set(self.content["features"])
        room = 0
        if sum(len(piece.text) for piece in pieces) > LONG:
            room = max(20, min(120, AROUND // (2 * len(removed) + 2)))
        found: list[Stretch] = []
        groups = groupby(
            pieces, key=lambda piece: piece.feature if piece.feature in removed else -1
        )
        parts = [(key, "".join(piece.text for piece in group)) for key, group in groups]
        for place, (feature, text) in enumerate(parts):
            if feature in removed:
                shown = elide(text, 600) if room and len(text) > 1200 else text
                found.append(Stretch(shown, "removed", self.by.get(int(feature or 0), "")))
            else:
                ends = place > 0, place + 1 < len(parts)
                found += _around(text, room, *ends) if room else [Stretch(text, "kept")]
        return found

    @property
    def plot(self) -> Dots:
        """The value before and after, against the threshold."""
        before, after = self.content["before"], self.content["after"]
        threshold, predicted = self.content["threshold"], self.content["predicted"]
        rows = [Dot("before", before, short(before))]
        if after is not None:
            told = "" if predicted is None else f"predicted {short(predicted)}"
            dot = Dot("after", after, short(after), origin=before, aside=told)
            rows.append(replace(dot, predicted=predicted))
        marks = () if threshold is None else (Mark(threshold, f"threshold {short(threshold)}"),)
        beyond = 0 if threshold is None else -1 if before > threshold else 1
        return Dots(f"{self.target} before and after", tuple(rows), marks, beyond)

    @property
    def rates(self) -> Dots | None:
        """How often the original decision was made; None where nothing was asked repeatedly."""
        rows = []
        for name, key in (
            ("before", "rate_before"),
            ("after", "rate_after"),
            ("other inputs, before", "inputs_before"),
            ("other inputs, after", "inputs_after"),
        ):
            rate = self.content.get(key)
            if rate is not None and (rate["total"] > 1 or (rate["total"] and "inputs" in key)):
                told = f"{rate['count']:,} of {rate['total']:,}"
                value, low, high = float(rate["value"]), rate["low"], rate["high"]
                rows.append(Dot(name, value, percent(value), low, high, aside=told))
        if not rows:
            return None
        return Dots("How often the original decision was made", tuple(rows), axis=(0.0, 1.0))

    @property
    def alternatives(self) -> list[tuple[str, str]]:
        """Other sets that flip it, and the value with each."""
        return [
            (" + ".join(self._name(name) for name in one["names"]), short(one["value"]))
            for one in self.content["alternatives"]
        ]

    @property
    def inputs(self) -> list[tuple[str, str, str, str]]:
        """Other inputs: name, value before, value after, what became of the decision."""
        return [
            (
                one["id"],
                *("–" if one[key] is None else short(one[key]) for key in ("before", "after")),
                str(one.get("words") or ""),
            )
            for one in self.content["inputs"]
        ]

    def _name(self, name: str) -> str:
        """A feature that stands alone: a word without the punctuation around it."""
        return elide(bare(name) if self.noun == "word" else name, 40)


def _around(text: str, room: int, before: bool, after: bool) -> list[Stretch]:
    """The ends of a long stretch that stands between removed units (``before``, ``after``)."""
    if len(text) <= 3 * room:
        return [Stretch(text, "kept")]
    head = text[:room].rpartition(" ")[0] or text[:room]
    tail = text[-room:].partition(" ")[2] or text[-room:]
    found = [Stretch(head, "kept")] if before or not after else []
    found.append(Stretch("…", "skipped"))
    return [*found, Stretch(tail, "kept")] if after else found
