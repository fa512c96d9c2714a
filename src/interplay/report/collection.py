"""Many inputs in one HTML file: an index, what they have in common, and a page for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from interplay.errors import BadInput
from interplay.numbers import Scale, count, duration, elide, percent
from interplay.report import html, pages
from interplay.report.axis import Axis
from interplay.report.reading import Reading

FORMAT = "interplay.runs"

LISTED = 15
"""Aggregated rows of a table that are listed at once; the others are a click away."""

CHANCE = 0.5
"""Rows with a larger q value are set back: more likely than not, chance has made them."""

PAGE_TERMS = 30
"""Strongest terms on the page of an input; its run has them all."""

VERDICTS = ("trust", "trust in part", "do not trust")


@dataclass(frozen=True)
class Entry:
    """One input: its explanation as read, or the error that it met."""

    place: int
    id: str
    run: Reading | None
    error: str | None

    @cached_property
    def title(self) -> str:
        """The beginning and the end of what was explained."""
        return "" if self.run is None else elide(self.run.title, 60)

    @property
    def verdict(self) -> str:
        """How far to trust it: the least trusted target tells."""
        return "" if self.run is None else str(self.run.summary["trust"]["verdict"])

    @cached_property
    def fit(self) -> str:
        """R² in short."""
        if self.run is None or self.run.faithfulness is None:
            return "unknown"
        return f"{self.run.faithfulness[0]:.2f}"

    @cached_property
    def full(self) -> float | None:
        """What the whole input scores."""
        return None if self.run is None else _full(self.run.summary)

    @property
    def page(self) -> str:
        """The report of this input, without the style and the script that all pages share."""
        assert self.run is not None
        summary = _shortened(self.run.summary, PAGE_TERMS)
        return html.fragment(summary, shared=False, what_if=False)


@dataclass(frozen=True)
class Line:
    """One row of an aggregated table, ready to be shown."""

    labels: tuple[str, ...]
    value: float
    low: float
    high: float
    inputs: int
    agree: int
    q: float
    sentence: str
    signed: str
    interval: str
    values: tuple[tuple[int, float, str], ...]
    """Place of each input, its value, and the value in words; the strongest first."""

    @property
    def words(self) -> str:
        return " × ".join(elide(label, 60) for label in self.labels)

    @property
    def unclear(self) -> bool:
        """Whether this may be nothing: the interval holds 0, or chance is the likelier source."""
        return self.low <= 0 <= self.high or self.q > CHANCE

    @property
    def certainty(self) -> str:
        return "< 0.001" if self.q < 0.001 else f"{self.q:.2g}" if self.q < 0.1 else f"{self.q:.1f}"


@dataclass(frozen=True)
class Table:
    """What the inputs of one target have in common, by one kind of label."""

    content: Mapping[str, Any]
    places: Mapping[str, int]
    noun: str
    """What its labels are labels of."""
    name: str
    """How it differs from the other tables; empty where it is the only one."""

    @property
    def target(self) -> str:
        return str(self.content["target"])

    @property
    def notes(self) -> list[str]:
        return [str(sentence) for sentence in self.content["notes"]]

    @cached_property
    def lines(self) -> list[Line]:
        rows = self.content["rows"]
        scale = Scale.of(float(row["value"]) for row in rows)
        return [self._line(row, scale) for row in rows]

    def _line(self, row: Mapping[str, Any], scale: Scale) -> Line:
        values = sorted(row["values"].items(), key=lambda item: -abs(item[1]))
        low, high = float(row["low"]), float(row["high"])
        return Line(
            labels=tuple(map(str, row["labels"])),
            value=float(row["value"]),
            low=low,
            high=high,
            inputs=int(row["inputs"]),
            agree=int(row["agree"]),
            q=float(row["q"]),
            sentence=str(row["sentence"]),
            signed=scale.signed(float(row["value"])),
            interval="" if low == high else f"{scale.signed(low)} to {scale.signed(high)}",
            values=tuple((self.places[i], float(v), scale.signed(v)) for i, v in values),
        )

    @cached_property
    def together(self) -> list[Line]:
        """What acts together: rows of two labels or more."""
        return [line for line in self.lines if len(line.labels) > 1]

    @property
    def finding(self) -> str:
        """What stands out, in a sentence; or that nothing does."""
        clear = [line for line in self.together if not line.unclear]
        if clear:
            return clear[0].sentence
        return "No combination stands out from what chance makes of so many." * bool(self.together)

    @cached_property
    def alone(self) -> list[Line]:
        return [line for line in self.lines if len(line.labels) == 1]


@dataclass(frozen=True)
class Overview:
    """A collection in words: what the index page and the terminal lay out.

    Parameters
    ----------
    content
        what ``Explanations.to_dict()`` returns, or the content of the file that ``save`` wrote.

    Raises
    ------
    BadInput
        where ``content`` is not of the format ``interplay.runs``, or a run in it is not a run.
    """

    content: Mapping[str, Any]

    def __post_init__(self) -> None:
        if self.content.get("format") != FORMAT:
            raise BadInput(
                f'these are not runs of many inputs: "format" is {self.content.get("format")!r} '
                f'and should be "{FORMAT}"; pass what Explanations.to_dict() returns'
            )
        try:
            _ = self.entries, self.scale, [table.lines for table in self.tables]
        except BadInput:
            raise
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise BadInput(
                f"these runs of many inputs are damaged or edited: {type(error).__name__}: "
                f"{error}; load them with Explanations.load, or explain the inputs again"
            ) from error

    @cached_property
    def entries(self) -> list[Entry]:
        return [
            Entry(
                place,
                str(entry["id"]),
                Reading(entry["run"]) if "run" in entry else None,
                None if "run" in entry else str(entry["error"]),
            )
            for place, entry in enumerate(self.content["inputs"])
        ]

    @cached_property
    def runs(self) -> list[tuple[Entry, Reading]]:
        """The inputs that were explained."""
        return [(entry, entry.run) for entry in self.entries if entry.run is not None]

    @cached_property
    def failed(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.run is None]

    @cached_property
    def tables(self) -> list[Table]:
        places = {entry.id: entry.place for entry in self.entries}
        nouns = {run.noun for _, run in self.runs}
        unit = nouns.pop() if len(nouns) == 1 else "unit"
        found = self.content["aggregated"]
        several = [len({str(table[key]) for table in found}) > 1 for key in ("target", "by")]
        tables = []
        for table in found:
            noun = unit if table["by"] == "unit" else str(table["by"])
            names = (str(table["target"]), f"by {noun}")
            told = ", ".join(name for name, differs in zip(names, several, strict=True) if differs)
            tables.append(Table(table, places, noun, told))
        return tables

    @cached_property
    def trust(self) -> list[tuple[str, str, int]]:
        """Icon, verdict and how many explanations have it; those that occur."""
        counted = Counter(entry.verdict for entry, _ in self.runs)
        return [(pages.ICONS[word], word, counted[word]) for word in VERDICTS if counted[word]]

    @property
    def title(self) -> str:
        return f"{count(len(self.runs), 'input')} explained"

    @property
    def headline(self) -> str:
        """How many explanations can be trusted, and how many inputs failed."""
        counted = {word: number for _, word, number in self.trust}
        trusted, part, no = (counted.get(word, 0) for word in VERDICTS)
        if not self.runs:
            told = "There is nothing to trust"
        elif trusted == len(self.runs):
            told = "Trust all of them" if trusted > 1 else "Trust it"
        else:
            parts = [f"Trust {trusted or 'none'} of them"]
            parts += [f"{part} in part"] if part else []
            parts += [f"{no} not at all"] if no else []
            told = ", ".join(parts)
        more = "more input" if self.runs else "input"
        failed = f"; {count(len(self.failed), more)} failed" if self.failed else ""
        return f"{told}{failed}."

    @cached_property
    def targets(self) -> list[tuple[str, int]]:
        return Counter(name for _, run in self.runs for name in _targets(run.summary)).most_common()

    @cached_property
    def scale(self) -> Scale:
        """How the scores of whole inputs are written."""
        return Scale.of(entry.full for entry, _ in self.runs if entry.full is not None)

    @property
    def explained(self) -> str:
        """What the numbers speak of."""
        if not self.differing:
            return ", ".join(name for name, _ in self.targets)
        return ", ".join(f"{name} ({count(n, 'input')})" for name, n in self.targets)

    @property
    def differing(self) -> str:
        """What to do where the inputs were explained for different targets."""
        if all(number == len(self.runs) for _, number in self.targets):
            return ""
        return (
            "Numbers of different targets have no common mean: they are aggregated apart. "
            "Explain all inputs for one target to compare them."
        )

    @property
    def cost(self) -> str:
        costs = [run.summary["cost"] for _, run in self.runs]
        total = {key: _sum(cost.get(key) for cost in costs) for key in (costs[0] if costs else {})}
        words = [count(int(total.get("calls", 0)), "call") if total.get("calls") else "no calls"]
        if total.get("reused"):
            words.append(f"{count(int(total['reused']), 'stored evaluation')} reused")
        if total.get("tokens"):
            words.append(f"{total['tokens']:,.0f} tokens")
        if total.get("usd"):
            words.append(f"{total['usd']:.2f} USD")
        model, fit = (duration(total.get(key, 0)) for key in ("model_seconds", "fit_seconds"))
        return f"{', '.join(words)}: {model} in the model, {fit} fitting"

    @property
    def command(self) -> str | None:
        return self.runs[0][1].command if self.runs else None

    @property
    def links(self) -> dict[str, Any]:
        """What the script needs: which inputs are behind each aggregated row."""
        return {
            "ids": [entry.id for entry in self.entries],
            "titles": [entry.title for entry in self.entries],
            "rows": [
                [[place, words] for place, _, words in line.values]
                for table in self.tables
                for line in (*table.together, *table.alone)
            ],
        }


def render(content: Mapping[str, Any]) -> str:
    """Return the report of many inputs as one HTML document, without an external reference.

    Parameters
    ----------
    content
        what ``Explanations.to_dict()`` returns.

    Raises
    ------
    BadInput
        where ``content`` is not that.
    """
    overview = Overview(content)
    return pages.template("collection.html").render(
        all=overview,
        strip=Strip,
        listed=LISTED,
        page_terms=PAGE_TERMS,
        percent=percent,
        report_css=html.style(),
        report_js=html.script(),
        css=pages.source("collection.css"),
        js=pages.source("collection.js"),
    )


def write(content: Mapping[str, Any], path: str | Path) -> Path:
    """Write the report of many inputs to ``path``, and return the path.

    Raises
    ------
    BadInput
        where ``content`` is not a collection, or ``path`` cannot be written.
    """
    return pages.write(render(content), path)


class Strip(Axis):
    """The axis that the rows of a table share: wide enough for every mean and for the clear rows.

    What lies beyond it is drawn at its edge: single inputs of unclear rows, and intervals of means
    over two or three inputs, which are often far wider than all the rest.
    """

    WIDTH = 200.0

    def __init__(self, lines: Sequence[Line]) -> None:
        inputs = sorted(value for line in lines for _, value, _ in line.values)
        few = len(inputs) // 20
        ends = [inputs[few], inputs[-1 - few], *(line.value for line in lines)]
        ends += [value for line in lines if not line.unclear for _, value, _ in line.values]
        super().__init__(ends)

    def dots(self, line: Line) -> str:
        """The inputs as a path of points: one element, however many there are."""
        return "".join(f"M{self.at(value)} 8h0" for _, value, _ in line.values)


# The few places where a summary is read without Reading: its layout may grow, these stay short.


def _shortened(summary: Mapping[str, Any], terms: int) -> dict[str, Any]:
    """The summary with its strongest terms only."""
    targets = [{**target, "top": target["top"][:terms]} for target in summary["targets"]]
    return {**summary, "targets": targets}


def _targets(summary: Mapping[str, Any]) -> list[str]:
    return [str(target["target"]) for target in summary["targets"]]


def _full(summary: Mapping[str, Any]) -> float | None:
    full = summary["targets"][0]["values"].get("full")
    return None if full is None else float(full)


def _sum(numbers: Iterable[float | None]) -> float:
    return sum(number for number in numbers if number is not None)
