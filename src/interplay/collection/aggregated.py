"""What inputs share, as numbers and in words: the rows of an aggregation, and the whole of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from interplay.collection.labels import Labels
from interplay.errors import required
from interplay.intervals import LEVEL
from interplay.numbers import Scale, count, joined


@dataclass(frozen=True)
class Shared:
    """What one set of labels does, over the inputs in which all of them occur.

    Attributes
    ----------
    labels
        in the order in which they mostly stand; a label twice means two features that have it.
    value
        mean of the index over the inputs.
    low, high
        90 % interval of that mean, for inputs like these.
    inputs
        in how many inputs all labels occur.
    found
        in how many of them the explanation has such a term; in the others it counts 0.
    agree
        in how many of them the value has the sign of the mean.
    p, q
        probability of a mean as far from 0 by chance; and the share of chance finds among the rows
        with a ``q`` no larger than this one (Benjamini and Hochberg 1995), counting every set of
        as many labels that was looked at.
    values
        id of each input -> its value.
    """

    labels: Labels
    value: float
    low: float
    high: float
    inputs: int
    found: int
    agree: int
    p: float
    q: float
    values: Mapping[str, float] = field(repr=False)

    @property
    def order(self) -> int:
        """Number of features that act together."""
        return len(self.labels)

    @property
    def agreement(self) -> float:
        """Share of the inputs whose value has the sign of the mean."""
        return self.agree / self.inputs

    @property
    def rank(self) -> tuple[float, float, Labels]:
        """The key by which rows are sorted: large *and* certain comes first.

        Rows whose interval leaves out 0 go by its end that is nearer to 0, the others after them
        by their mean in units of the interval.
        """
        half = (self.high - self.low) / 2
        distance = abs(self.value) - half
        return -max(distance, 0.0), -abs(self.value) / half if half else 0.0, self.labels


@dataclass(frozen=True)
class Aggregated:
    """Effects and interactions that inputs share, strongest first; made by ``Explanations``.

    Iterates over its rows, and gives one by its labels in any order: ``shared["not", "bad"]``.

    Attributes
    ----------
    rows
        large *and* certain first: ranked by the end of the interval that is nearer to zero.
    by, index, target
        what the labels are, the interaction index, the target that all inputs speak of.
    ids
        the inputs that were averaged.
    looked_at
        order -> how many sets of labels occur together in enough inputs (from order 3 on, at most
        that many): so many chances to find something there were.
    notes
        what a reader should know, in sentences: inputs left out, and chance.
    """

    rows: tuple[Shared, ...]
    by: str
    index: str
    target: str
    ids: tuple[str, ...]
    looked_at: Mapping[int, int]
    notes: tuple[str, ...]

    def __getitem__(self, labels: str | Labels) -> Shared:
        wanted = Counter([labels] if isinstance(labels, str) else labels)
        for row in self.rows:
            if Counter(row.labels) == wanted:
                return row
        raise KeyError(f"no row for {labels!r}: no explanation has it, or too few inputs do")

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Shared]:
        return iter(self.rows)

    def describe(self, row: Shared) -> str:
        """Return what a row says, as a sentence."""
        scale = Scale.of([row.value, row.low, row.high])
        whole = joined([f"“{label}”" for label in row.labels])
        verb = "raise" if row.value > 0 else "lower"
        does = (
            f"they {verb} {self.target} together" if row.order > 1 else f"it {verb}s {self.target}"
        )
        return (
            f"In {row.agree} of the {count(row.inputs, 'input')} with {whole} {does}: "
            f"mean {scale.signed(row.value)}, "
            f"90 % interval {scale.plain(row.low)} to {scale.plain(row.high)}."
        )

    def to_dict(self, rows: int | None = None) -> dict[str, Any]:
        """Return a JSON-able mapping with the first ``rows`` rows of each order; all by default."""
        kept, seen = [], Counter[int]()
        for row in self.rows:
            seen[row.order] += 1
            if rows is None or seen[row.order] <= rows:
                words = {"labels": list(row.labels), "sentence": self.describe(row)}
                kept.append(asdict(row) | words)
        return {
            "by": self.by,
            "index": self.index,
            "target": self.target,
            "level": LEVEL,
            "inputs": list(self.ids),
            "looked_at": {str(order): number for order, number in self.looked_at.items()},
            "notes": list(self.notes),
            "rows": kept,
        }

    def to_dataframe(self) -> Any:
        """Return a pandas DataFrame, one row per set of labels.

        Raises
        ------
        MissingExtra
            if pandas is not installed.
        """
        pandas = required("pandas", "plots")
        columns = ["labels", "order", "value", "low", "high"]
        columns += ["inputs", "found", "agree", "agreement", "p", "q"]
        return pandas.DataFrame(
            {column: [getattr(row, column) for row in self.rows] for column in columns}
        )
