"""What a comparison of two runs found, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import comb
from typing import TYPE_CHECKING, Final

from interplay.comparison.sampling import INDEPENDENT, SAME_MASKS, SAME_NUMBERS
from interplay.explanation import Explanation
from interplay.numbers import Scale, count, elide, joined, percent
from interplay.report.reading import Reading

if TYPE_CHECKING:
    from interplay.comparison.differences import Difference
    from interplay.comparison.likeness import Likeness
    from interplay.comparison.pair import Pair

ALIKE: Final = 0.9
"""Correlation from which two functions are called alike."""

MOST: Final = 0.5
"""Share of the variation that shared features must carry for two runs to agree."""

FEW: Final = 1 / 3
"""Share of common features below which a reader is warned."""

OTHER_SCALE: Final = 1.25
"""Ratio of the two spreads from which it is told."""


def phrase(reading: Reading, features: Sequence[int]) -> str:
    """Return the names of features as the run's report has them."""
    return reading.row({"features": features, "value": 0.0}).numbered


def alike(found: Likeness) -> bool:
    """Whether two functions are alike as a whole."""
    if found.correlation is None:  # one of them is a constant: are both?
        return not any(found.shared_variance)
    return found.correlation >= ALIKE


def listed(names: Sequence[str], most: int = 4) -> str:
    """Return names in a row: ``a, b and c``.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    told = [elide(name, 40) for name in names[:most]]
    if len(names) > most:
        told.append(f"{len(names) - most} more")
    return joined(told)


@dataclass(frozen=True)
class Telling:
    """The one place that knows how a pair of runs is put into words."""

    pair: Pair
    names: tuple[str, str]
    first: Explanation
    second: Explanation

    @cached_property
    def readings(self) -> tuple[Reading, Reading]:
        return Reading(self.first.to_dict()), Reading(self.second.to_dict())

    @cached_property
    def called(self) -> tuple[str, str]:
        """The runs' names, short enough for a sentence."""
        return elide(self.names[0], 40), elide(self.names[1], 40)

    @property
    def sentence(self) -> str:
        """What was found."""
        return " ".join(part for part in (self._care, self._finding) if part)

    @property
    def _care(self) -> str:
        runs = zip(self.called, (self.first, self.second), strict=True)
        doubtful = [name for name, run in runs if run.faithfulness.verdict == "do not trust"]
        if not doubtful:
            return ""
        return f"Read this with care: {listed(doubtful)} cannot be trusted."

    @property
    def _finding(self) -> str:
        a, b = self.called
        rows, clear, they = self.pair.differences, self.pair.clear, "They"
        if self.pair.relation == SAME_NUMBERS:
            if not any(row.value for row in rows):
                return f"{a} and {b} say the same: they were fitted alike to the same numbers."
            opening = (
                f"{a} and {b} were fitted to the same masks and values: what differs is the fit. "
            )
        elif self.pair.same_function:
            opening = (
                f"{a} and {b} evaluate the same value function, so their differences are errors. "
            )
        else:
            opening = ""
        if not self.pair.alignment.whole:
            shared = count(len(self.pair.alignment), self.readings[0].noun)
            opening, they = f"{opening}On the {shared} that both have, ", "they"
        if not rows:
            return f"{opening}{they} agree: neither found an effect."
        if not any(row.error is not None for row in rows):
            return (
                f"{opening}{they} differ most in {self._worst(rows[0])}; without error bars "
                f"nothing says whether that is chance. {self._correlates.capitalize()}."
            )
        total = f"{len(rows):,} effects and combinations"
        if clear:
            agree = alike(self.pair.likeness) and len(clear) <= len(rows) / 10
            differ = "differs" if len(clear) == 1 else "differ"
            return (
                f"{opening}{they} {'agree by and large, and ' if agree else ''}differ most in "
                f"{self._worst(clear[0])}. {len(clear):,} of the {total} {differ} clearly; "
                f"{self._correlates}."
            )
        none = f"none of the {total} differs clearly"
        if len(rows) == 1:
            none = "their only effect does not differ clearly"
        if alike(self.pair.likeness):
            return f"{opening}{they} agree: {none}, and {self._correlates}."
        return f"{opening}{none if they == 'they' else none.capitalize()}; {self._correlates}."

    @property
    def _correlates(self) -> str:
        found, expected = self.pair.likeness.correlation, self.pair.likeness.expected
        if found is None:
            constant = "both predict" if alike(self.pair.likeness) else "one of them predicts"
            return f"{constant} the same for every mask"
        told = f"predictions correlate at {_two(found)}"
        if found < ALIKE and expected is not None and expected < 0.98:
            told += f" (two such fits of one function: {_two(expected)} or more)"
        return told

    def _worst(self, row: Difference) -> str:
        ends = [row.value] if row.low is None or row.high is None else [row.low, row.high]
        scale = Scale.of([row.first, row.second, *ends])
        told = (
            f"“{phrase(self.readings[0], row.features)}”: {scale.signed(row.first)} in "
            f"{self.called[0]}, {scale.signed(row.second)} in {self.called[1]}"
        )
        if row.low is None or row.high is None or row.low == row.high:
            return told
        interval = f"{scale.signed(row.low)} to {scale.signed(row.high)}"
        return f"{told} (difference {scale.signed(row.value)}, 90 % interval {interval})"

    @property
    def edit(self) -> str:
        """What the edit of a text, or another set of features, took away and brought."""
        found = self.pair.alignment
        if found.whole:
            return ""
        noun = self.readings[0].noun
        told = []
        for features, terms, reading, name in (
            (found.removed, self.pair.removed, self.readings[0], self.called[0]),
            (found.added, self.pair.added, self.readings[1], self.called[1]),
        ):
            if not features:
                continue
            sentence = f"{name} has {count(len(features), noun)} that the other has not"
            if terms:
                value = Scale.of([terms[0].value]).signed(terms[0].value)
                strongest = phrase(reading, terms[0].features)
                sentence += f"; strongest there is “{strongest}”, {value}"
            told.append(f"{sentence}.")
        parts = self.pair.likeness.shared_variance
        if parts[0] is not None and parts[1] is not None:
            told.append(
                f"What both have carries {percent(parts[0])} of the variation in {self.called[0]}, "
                f"{percent(parts[1])} in {self.called[1]}."
            )
        return " ".join(told)

    @property
    def notes(self) -> list[str]:
        """What else a reader should know."""
        told = [
            self._sampling,
            self._function,
            self._common,
            self._scale,
            self._no_errors,
            self._assumed,
            self._chance,
        ]
        return [sentence for sentence in told if sentence]

    @property
    def _sampling(self) -> str:
        a, b = self.called
        if self.pair.relation == SAME_NUMBERS:
            return (
                f"{a} and {b} were fitted to the same masks and values: their errors are not "
                "independent. Intervals of differences, which take them as independent, are wider "
                "than they need be, and there is no probability of a difference: both estimate the "
                "same numbers."
            )
        if self.pair.relation == INDEPENDENT:
            return ""
        the = "the " if self.pair.relation == SAME_MASKS else ""
        return (
            f"{a} and {b} were fitted to {the}{self.pair.relation}: their errors are not "
            "independent. Where the two functions are alike, so are the errors, and intervals of "
            "differences, which take them as independent, are wider than they need be."
        )

    @property
    def _function(self) -> str:
        a, b = self.called
        kinds = [str(run.subject.get("kind")) for run in (self.first, self.second)]
        if kinds[0] != kinds[1]:
            return f"{a} explains a subject of kind {kinds[0]}, {b} one of kind {kinds[1]}."
        scored = [reading.scored for reading in self.readings]
        if scored[0] != scored[1]:
            return f"What is measured is not the same: {scored[0]} in {a}, {scored[1]} in {b}."
        return ""

    @property
    def _common(self) -> str:
        found = self.pair.alignment
        if found.whole:
            return ""
        shared, noun = len(found), self.readings[0].noun
        least = min(shared + len(found.removed), shared + len(found.added))
        told = (
            f"{count(shared, noun)} of {self.called[0]} correspond to those of {self.called[1]}; "
            "effects are means over what is done to the others."
        )
        if shared < FEW * least:
            told += " That is little in common: what corresponds may do so by chance."
        return told

    @property
    def _scale(self) -> str:
        ratio, found = self.pair.likeness.ratio, self.pair.likeness.correlation
        if ratio is None or found is None or found < 0.5:
            return ""
        if 1 / OTHER_SCALE < ratio < OTHER_SCALE:
            return ""
        a, b = self.called if ratio >= 1 else self.called[::-1]
        return (
            f"Effects are larger in {b} than in {a}: its predictions vary "
            f"{max(ratio, 1 / ratio):.1f} times as much."
        )

    @property
    def _no_errors(self) -> str:
        runs = zip(self.called, (self.first, self.second), strict=True)
        without = [name for name, run in runs if run.spectrum.standard_errors is None]
        if not without:
            return ""
        return f"{listed(without)} {'has' if len(without) == 1 else 'have'} no error bars."

    @property
    def _assumed(self) -> str:
        number = sum(row.assumed for row in self.pair.differences)
        if not number:
            return ""
        return (
            f"{number:,} of the {len(self.pair.differences):,} differences are marked ≈: one run "
            "does not list the term, which counts as 0 there, with an error like that of its terms "
            "of the same order."
        )

    @property
    def _chance(self) -> str:
        if self.pair.relation == SAME_NUMBERS or all(
            row.q is None for row in self.pair.differences
        ):
            return ""
        shared = len(self.pair.alignment)
        orders = sorted({row.order for row in self.pair.differences if row.q is not None})
        nouns = {1: self.readings[0].noun, 2: "pair", 3: "triple"}
        told = [count(comb(shared, t), nouns.get(t, f"group of {t}")) for t in orders[:3]]
        return (
            f"Looked at were {listed(told)}"
            f"{' and larger groups' if len(orders) > 3 else ''}. q is the share of chance finds "
            "among the differences of an order that are at least as clear, all of these counted."
        )


def _two(share: float) -> str:
    """A correlation in two digits; 1 only where it is 1.

    >>> _two(0.9996), _two(1.0), _two(-0.2)
    ('0.99', '1.00', '−0.20')
    """
    shown = min(share, 0.99) if share < 0.999999 else share
    return Scale(1.0, 2).plain(shown)
