"""A comparison of runs as a person reads it: what the page and the terminal lay out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from interplay.errors import BadInput
from interplay.numbers import Scale, elide
from interplay.report.reading import Reading
from interplay.report.scatter import Point, Scatter

FORMAT = "interplay.comparison"

MOST = 100
"""Differences of a table that the page holds; the file has them all."""

NAME = 32
"""Characters of a run's name that are shown."""

HIDDEN = ("text", "fingerprint", "fitted")
"""Settings that are told elsewhere, or tell a person nothing."""


@dataclass(frozen=True)
class Shaded(Reading):
    """A run whose words are shaded on a scale that all runs share."""

    largest: float = 0.0

    @cached_property
    def largest_effect(self) -> float:
        return self.largest


@dataclass(frozen=True)
class Line:
    """One difference, ready to be shown."""

    features: tuple[int, ...]
    others: tuple[int, ...]
    words: str
    first: float
    second: float
    value: float
    low: float | None
    high: float | None
    errors: tuple[float | None, float | None]
    q: float | None
    assumed: bool
    clear: bool
    scale: Scale

    @classmethod
    def of(cls, row: Mapping[str, Any], scale: Scale) -> Line:
        low, high, q = (row[key] for key in ("low", "high", "q"))
        return cls(
            features=tuple(int(i) for i in row["features"]),
            others=tuple(int(i) for i in row["others"]),
            words=str(row["words"]),
            first=float(row["first"]),
            second=float(row["second"]),
            value=float(row["value"]),
            low=None if low is None else float(low),
            high=None if high is None else float(high),
            errors=(row["first_error"], row["second_error"]),
            q=None if q is None else float(q),
            assumed=bool(row["assumed"]),
            clear=bool(row["clear"]),
            scale=scale,
        )

    @property
    def order(self) -> int:
        return len(self.features)

    @property
    def ends(self) -> tuple[str, str]:
        """The effect in the first run, and in the other."""
        return self.scale.signed(self.first), self.scale.signed(self.second)

    @property
    def signed(self) -> str:
        return ("≈" if self.assumed else "") + self.scale.signed(self.value)

    @property
    def interval(self) -> str:
        return self.scale.between(self.low, self.high)

    @property
    def certainty(self) -> str:
        if self.q is None:
            return "–"
        return "< 0.001" if self.q < 0.001 else f"{self.q:.2g}" if self.q < 0.1 else f"{self.q:.1f}"


@dataclass(frozen=True)
class Only:
    """A term with a feature that only one of two runs has."""

    words: str
    value: float
    signed: str
    interval: str


@dataclass(frozen=True)
class Beside:
    """One run beside the first, for one target."""

    content: Mapping[str, Any]
    reference: str

    @property
    def name(self) -> str:
        return str(self.content["name"])

    @property
    def sentence(self) -> str:
        return str(self.content["sentence"])

    @property
    def edit(self) -> str:
        return str(self.content["edit"])

    @property
    def notes(self) -> list[str]:
        return [str(note) for note in self.content["notes"]]

    @cached_property
    def scale(self) -> Scale:
        """How every number of these two runs is written."""
        rows = self.content["differences"]
        terms = [*self.content["removed"], *self.content["added"]]
        ends = [float(row[key]) for row in rows for key in ("first", "second")]
        return Scale.of([*ends, *(float(term["value"]) for term in terms)])

    @cached_property
    def lines(self) -> list[Line]:
        return [Line.of(row, self.scale) for row in self.content["differences"]]

    @cached_property
    def alone(self) -> list[Line]:
        """Single features."""
        return [line for line in self.lines if line.order == 1][:MOST]

    @cached_property
    def together(self) -> list[Line]:
        """Combinations that do not round to nothing in both runs."""
        lines = [line for line in self.lines if line.order > 1]
        return [line for line in lines if any(_shows(end) for end in line.ends)][:MOST]

    @cached_property
    def clear(self) -> list[Line]:
        return [line for line in self.lines if line.clear]

    @property
    def likeness(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.content["likeness"]
        return found

    @property
    def correlation(self) -> str:
        found = self.likeness["correlation"]
        return "–" if found is None else Scale(1.0, 2).plain(float(found))

    @property
    def ranks(self) -> str:
        found = self.likeness["rank_correlation"]
        return "–" if found is None else Scale(1.0, 2).plain(float(found))

    @property
    def top(self) -> str:
        """How many of the strongest terms both have."""
        return f"{self.likeness['top']} of {self.likeness['top_of']}"

    @cached_property
    def removed(self) -> list[Only]:
        return self._only("removed")

    @cached_property
    def added(self) -> list[Only]:
        return self._only("added")

    def _only(self, which: str) -> list[Only]:
        return [
            Only(
                words=str(term["words"]),
                value=float(term["value"]),
                signed=self.scale.signed(float(term["value"])),
                interval=self.scale.between(term["low"], term["high"]),
            )
            for term in self.content[which][:MOST]
        ]

    def missing(self, which: str) -> set[int]:
        """Features that only the first run has (``"removed"``), or only this one (``"added"``)."""
        return {int(i) for i in self.content["alignment"][which]}

    @cached_property
    def scatter(self) -> Scatter:
        """Effects in this run against effects in the first: single features, pairs, clear ones."""
        shown = [line for line in self.lines if line.order <= 2 or line.clear][:MOST]
        return Scatter(
            [
                Point(line.words, line.first, line.second, line.value, line.clear, line.order > 1)
                for line in shown
            ]
        )


@dataclass(frozen=True)
class Column:
    """One run."""

    name: str
    run: Shaded
    fit: str
    full: str
    empty: str

    @property
    def evaluations(self) -> str:
        """How many masks were evaluated."""
        return f"{int(self.run.summary['sample']['masks']):,}"


@dataclass(frozen=True)
class Target:
    """What is compared of one target."""

    name: str
    told: str
    columns: list[Column]
    pairs: list[Beside]
    spread: str | None

    @property
    def sentence(self) -> str:
        """What was found; what an edit brought is told apart."""
        return self.pairs[0].sentence if len(self.pairs) == 1 else self.told

    @property
    def notes(self) -> list[str]:
        notes = [note for pair in self.pairs for note in pair.notes]
        return list(dict.fromkeys([*notes, *([self.spread] if self.spread else [])]))

    @property
    def beside(self) -> list[tuple[Column, Beside | None]]:
        """Each run, with what it is beside the first."""
        return list(zip(self.columns, [None, *self.pairs], strict=True))

    @cached_property
    def rows(self) -> list[tuple[str, list[Line | None], str]]:
        """For each difference its words, what every other run has, and the first run's effect.

        The rows that are clear in most runs come first, then those that stand high in any.
        """
        found: dict[tuple[int, ...], list[Line | None]] = {}
        height: dict[tuple[int, ...], tuple[int, int]] = {}
        for k, pair in enumerate(self.pairs):
            for place, line in enumerate(pair.lines):
                found.setdefault(line.features, [None] * len(self.pairs))[k] = line
                clear, best = height.get(line.features, (0, place))
                height[line.features] = (clear - line.clear, min(best, place))
        ordered = sorted(found, key=lambda features: height[features])[:MOST]
        rows = []
        for features in ordered:
            known = next(line for line in found[features] if line is not None)
            rows.append((known.words, found[features], known.ends[0]))
        return rows

    @property
    def is_text(self) -> bool:
        return all(column.run.kind == "text" for column in self.columns)

    def mark(self, place: int, feature: int) -> str:
        """What is to be seen on a word: ``"gone"``, ``"new"``, ``"apart"``, or nothing."""
        return self._marks[place].get(feature, "")

    @cached_property
    def _marks(self) -> list[dict[int, str]]:
        marks: list[dict[int, str]] = [{} for _ in self.columns]
        for k, pair in enumerate(self.pairs, 1):
            for line in pair.alone:
                if line.clear:
                    marks[k][line.others[0]] = marks[0][line.features[0]] = "apart"
            marks[k] |= dict.fromkeys(pair.missing("added"), "new")
        for pair in self.pairs:
            marks[0] |= dict.fromkeys(pair.missing("removed"), "gone")
        return marks


@dataclass(frozen=True)
class Overview:
    """A comparison in words: what the page and the terminal lay out.

    Parameters
    ----------
    content
        what ``Comparison.to_dict()`` returns.

    Raises
    ------
    BadInput
        where ``content`` is not of the format ``interplay.comparison``, or lacks a part of it.
    """

    content: Mapping[str, Any] = field(repr=False)

    def __post_init__(self) -> None:
        if self.content.get("format") != FORMAT:
            raise BadInput(
                f'this is not a comparison of runs: its "format" is '
                f'{self.content.get("format")!r} and should be "{FORMAT}"; pass what '
                "Comparison.to_dict() returns"
            )
        try:
            for target in self.targets:
                _ = target.rows, target.notes, [pair.scatter for pair in target.pairs]
        except BadInput:
            raise
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise BadInput(
                f"this comparison is damaged or edited: {type(error).__name__}: {error}; compare "
                "the runs again"
            ) from error

    @cached_property
    def names(self) -> list[str]:
        return [elide(str(name), NAME) for name in self.content["names"]]

    @cached_property
    def targets(self) -> list[Target]:
        return [self._target(j, found) for j, found in enumerate(self.content["targets"])]

    def _target(self, j: int, found: Mapping[str, Any]) -> Target:
        plain = [Reading(run, j) for run in self.content["runs"]]
        largest = max(run.largest_effect for run in plain)
        values = [run.found["values"] for run in plain]
        scale = Scale.of(
            float(value[key])
            for value in values
            for key in ("full", "empty")
            if value.get(key) is not None
        )

        def shown(value: Any) -> str:
            return "–" if value is None else scale.plain(float(value))

        columns = [
            Column(
                name=name,
                run=Shaded(run, j, largest),
                fit=_fit(one),
                full=shown(value.get("full")),
                empty=shown(value.get("empty")),
            )
            for name, run, one, value in zip(
                self.names, self.content["runs"], plain, values, strict=True
            )
        ]
        spread = found["spread"]
        return Target(
            name=str(found["target"]),
            told=str(found["sentence"]),
            columns=columns,
            pairs=[Beside(pair, self.names[0]) for pair in found["pairs"]],
            spread=None if spread is None else str(spread["sentence"]),
        )

    @property
    def title(self) -> str:
        return ", ".join(self.names)

    @property
    def notes(self) -> list[str]:
        return [str(note) for note in self.content["notes"]]

    @property
    def differing(self) -> list[tuple[str, list[str]]]:
        """Settings that are not the same in all runs: name, and value in each."""
        return [
            (str(one["name"]), ["–" if v is None else str(v) for v in one["values"]])
            for one in self.content["settings"]
            if not one["same"] and one["name"] not in HIDDEN
        ]

    @property
    def same(self) -> list[tuple[str, str]]:
        """Settings that are."""
        return [
            (str(one["name"]), str(one["values"][0]))
            for one in self.content["settings"]
            if one["same"] and one["name"] not in HIDDEN
        ]


def _shows(number: str) -> bool:
    return any(digit in "123456789" for digit in number)


def _fit(run: Reading) -> str:
    """R² with its interval, in short."""
    if run.found["faithfulness"]["distribution"] == "exact" and run.verdict == "trust":
        return "1 (exact)"
    if run.faithfulness is None:
        return "unknown"
    value, low, high = run.faithfulness
    ends = [f"{end:.2f}" if end >= 0 else "0" for end in (low, high)]
    return f"{max(value, 0.0):.2f} ({ends[0]} to {ends[1]})"
