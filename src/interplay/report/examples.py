"""A training set in a report: its examples as tiles, what is asked, which pairs repeat or help."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interplay.lenses.pairs import Pair, pairs_of
from interplay.numbers import Scale
from interplay.report.drawing import ADDRESS
from interplay.spectrum import Spectrum

LISTED = 10
"""Pairs of a kind that are listed."""
CLASSES = 20
"""Classes that have a part of their own among the tiles at most."""


@dataclass(frozen=True)
class Sheet:
    """The one picture that holds all pictures, each ``width`` by ``height`` pixels."""

    address: str
    columns: int
    rows: int
    width: int
    height: int

    @property
    def style(self) -> str:
        """What the style sheet finds a picture's part by, inherited by all that is below."""
        ratio = f"{self.width}/{self.height}"
        named = f"--columns:{self.columns};--rows:{self.rows};--ratio:{ratio}"
        return f"--sheet:url({self.address});{named}"


@dataclass(frozen=True)
class Example:
    """A training example, a group of them, or a test example, as it is drawn.

    ``place`` is the column and row of its picture in the sheet.
    """

    name: str
    label: str | None = None
    text: str | None = None
    size: int | None = None
    place: tuple[int, int] | None = None


@dataclass(frozen=True)
class Measurement:
    """What retraining said of a pair, with its interval; ``full``: with all others in place."""

    value: float
    low: float | None
    high: float | None
    full: float | None
    agrees: bool


@dataclass(frozen=True)
class ListedPair:
    """A pair with its Banzhaf and Moebius interactions, and what was measured of it.

    ``reading`` is the word that the ProxySPEX paper has for it, where the target is of one class.
    """

    pair: Pair
    moebius: float
    measured: Measurement | None
    reading: str | None = None

    @property
    def vague(self) -> bool:
        """Whether its interval holds zero."""
        low, high = self.pair.low, self.pair.high
        return low is not None and high is not None and low <= 0 <= high

    def interval(self, scale: Scale) -> str:
        """Its interval in words; nothing where it has none."""
        return scale.between(self.pair.low, self.pair.high)


@dataclass(frozen=True)
class NamedSet:
    """Examples that repeat each other, or act together; ``share`` says how much, from 0 to 1."""

    names: tuple[str, ...]
    share: float
    targets: Sequence[str] = ()


@dataclass(frozen=True)
class OverTargets:
    """What was found over all targets at once: see :mod:`interplay.lenses.training_data`."""

    sentence: str
    repeated: list[NamedSet]
    groups: list[NamedSet]


@dataclass(frozen=True)
class Kind:
    """The pairs of a kind: its name, a heading, what it means, those listed, how many there are."""

    name: str
    heading: str
    meaning: str
    pairs: list[ListedPair]
    found: int


@dataclass(frozen=True)
class ExamplesDrawing:
    """What is drawn of a subject of kind ``"training_data"``; made by :func:`examples_drawing`.

    Attributes
    ----------
    features : list of Example
    asked : list of Example
        The test example that is the target; of a mean the first ones of those that it is of.
    tests : int
        How many test examples the target is of.
    sections : list of (str or None, list of int)
        Classes, and their features, what raises the target most first.
    redundant, synergistic : list of ListedPair
        The strongest of each kind; ``found`` says how many there are.
    sheet : Sheet, optional
    """

    subject: Mapping[str, Any]
    features: list[Example]
    asked: list[Example]
    tests: int
    sections: list[tuple[str | None, list[int]]]
    redundant: list[ListedPair]
    synergistic: list[ListedPair]
    found: dict[str, int]
    sheet: Sheet | None

    @property
    def kinds(self) -> list[Kind]:
        """Redundant and synergistic pairs, with words for what that means."""
        noun = str(self.subject.get("units") or "example")
        return [
            Kind(
                "redundant",
                "Repeat each other",
                f"Each {noun} does what the other does: together they do less than their sum. "
                "Their interaction has the sign opposite to both of their effects.",
                self.redundant,
                self.found["redundant"],
            ),
            Kind(
                "synergistic",
                "Reinforce each other",
                "Together they do more than their sum: their interaction has the sign of both of "
                "their effects.",
                self.synergistic,
                self.found["synergistic"],
            ),
        ]

    def measured_of(self, target: str) -> str:
        """What is measured, in words: ``"mean margin of 20 test examples"``."""
        value = str(self.subject.get("value") or "value")
        if self.tests > 1:
            return f"mean {value} of {self.tests:,} test examples"
        return f"{value} of {target}"

    @property
    def sentence(self) -> str:
        """What was done, in a sentence."""
        noun, subject = str(self.subject.get("units") or "example"), self.subject
        count, examples = len(self.features), subject.get("examples")
        told = f"{count:,} {noun}s"
        if noun != "example" and isinstance(examples, int):
            told += f" of {examples:,} examples"
        if subject.get("source"):
            told += f" from {subject['source']}"
        asked = " and ".join(one.name for one in self.asked[:2])
        more = self.tests - min(len(self.asked), 2)
        if more > 0:
            asked = f"{self.tests:,} test examples"
        trainer = subject.get("trainer") or "a model"
        words = f"Trained on random subsets of {told} ({trainer}), asked about {asked}."
        unused = _texts(subject.get("unused"))
        if unused:
            words += f" Columns that are not numbers were not used: {', '.join(unused)}."
        return words

    @property
    def is_measured(self) -> bool:
        """Whether retraining has measured any of the listed pairs."""
        return any(one.measured is not None for one in (*self.redundant, *self.synergistic))

    @property
    def checked(self) -> str | None:
        """How measured interactions agree with predicted ones, in a sentence."""
        told = self.subject.get("counterfactuals")
        if not self.is_measured or not isinstance(told, Mapping) or not told.get("sentence"):
            return None
        return f"Measured by retraining without the one, the other and both. {told['sentence']}"

    @property
    def over_targets(self) -> OverTargets | None:
        """What repeats, and what acts together, over all targets; None where nobody looked."""
        told = self.subject.get("together")
        if not isinstance(told, Mapping) or not told.get("sentence"):
            return None
        return OverTargets(
            str(told["sentence"]),
            _sets(told.get("repeated"), "share"),
            _sets(told.get("groups"), "strength"),
        )

    @property
    def configuration(self) -> list[tuple[str, Any]]:
        """What was set, as name and value."""
        subject = self.subject
        sizes = [one.size for one in self.features if one.size is not None]
        return [
            ("trained", subject.get("trainer")),
            ("value", subject.get("value")),
            ("training examples", subject.get("examples")),
            ("examples in a group", f"{min(sizes)} to {max(sizes)}" if sizes else None),
            ("test examples", subject.get("tests")),
            ("data", subject.get("source")),
        ]


def _sets(told: Any, share: str) -> list[NamedSet]:
    """Sets as ``Together`` of the lens tells them, those that fit."""
    found = []
    for one in told if isinstance(told, list) else ():
        names, value = (one.get("names"), one.get(share)) if isinstance(one, Mapping) else ((), 0)
        if isinstance(names, list | tuple) and len(names) > 1:
            number = float(value) if isinstance(value, int | float) else math.nan
            found.append(NamedSet(tuple(map(str, names)), number, _texts(one.get("targets")) or []))
    return found


def examples_drawing(
    subject: Mapping[str, Any],
    found: Mapping[str, Any],
    spectrum: Spectrum | None,
    names: Sequence[str],
) -> ExamplesDrawing | None:
    """Return what is drawn of a training set; None where its parts do not fit together.

    A run's file may come from anywhere: what is not of the right form is not drawn.
    """
    n, labels = len(names), subject.get("labels")
    fits = isinstance(labels, Sequence) and not isinstance(labels, str) and len(labels) == n
    if spectrum is None or labels is None or not fits:
        return None
    if not all(isinstance(one, str | None) for one in labels):
        return None
    if spectrum.n != n:
        return None
    texts, sizes = _texts(subject.get("texts"), n), _whole(subject.get("sizes"), n)
    tests, asked = _asked(subject, str(found["target"]))
    sheet = _sheet(subject.get("pictures"), n, subject.get("tests"))
    features = [
        Example(
            str(names[i]),
            labels[i],
            None if texts is None else texts[i],
            None if sizes is None else sizes[i],
            None if sheet is None else (i % sheet.columns, i // sheet.columns),
        )
        for i in range(n)
    ]
    drawn = [_test(subject, i, sheet, n) for i in asked]
    pairs = pairs_of(spectrum)
    kinds = {kind: [p for p in pairs if p.kind == kind] for kind in ("redundant", "synergistic")}
    moebius = spectrum.interactions("Moebius") if pairs else {}
    readings = _readings(subject, spectrum, labels, drawn) if pairs and tests == 1 else {}
    measured = _measured(subject.get("counterfactuals"), str(found["target"]))
    listed = {
        kind: [
            ListedPair(
                pair,
                float(moebius.get(pair.features, 0.0)),
                measured.get(pair.features),
                readings.get(pair.features),
            )
            for pair in chosen[:LISTED]
        ]
        for kind, chosen in kinds.items()
    }
    return ExamplesDrawing(
        subject,
        features,
        drawn,
        tests,
        _sections(features, found["main_effects"], _texts(subject.get("classes"))),
        listed["redundant"],
        listed["synergistic"],
        {kind: len(chosen) for kind, chosen in kinds.items()},
        sheet,
    )


def _readings(
    subject: Mapping[str, Any],
    spectrum: Spectrum,
    labels: Sequence[str | None],
    asked: list[Example],
) -> dict[tuple[int, ...], str]:
    """What the ProxySPEX paper calls each pair, by the sign of its Moebius term and its classes."""
    if subject.get("classes") is None or not asked or asked[0].label is None:
        return {}
    from interplay.lenses.training_data.together import moebius_reading

    helps = -1.0 if subject.get("value") == "loss" else 1.0
    count = len(spectrum.features) ** 2
    found = moebius_reading(spectrum, labels, asked[0].label, count=count, helps=helps)
    return {term: word for word, terms in found.items() for term, _ in terms}


def _sections(
    features: list[Example], effects: Sequence[float], classes: list[str] | None
) -> list[tuple[str | None, list[int]]]:
    ranked = sorted(range(len(features)), key=lambda i: (-float(effects[i]), i))
    labels = {one.label for one in features if one.label is not None}
    if classes is None or not 1 < len(labels) <= CLASSES or len(features) < 3 * len(labels):
        return [(None, ranked)]
    order = [*(label for label in classes if label in labels), None]
    order += sorted(labels - {*classes})
    found = [(label, [i for i in ranked if features[i].label == label]) for label in order]
    return [(label, rows) for label, rows in found if rows]


# ---- what is asked


def _asked(subject: Mapping[str, Any], target: str) -> tuple[int, list[int]]:
    """How many test examples the target is of, and which of them can be drawn."""
    names, tests = _texts(subject.get("test_names")), subject.get("tests")
    if names is None:
        return 1, []
    if target in names:
        return 1, [names.index(target)]
    return tests if isinstance(tests, int) else len(names), list(range(len(names)))


def _test(subject: Mapping[str, Any], i: int, sheet: Sheet | None, n: int) -> Example:
    labels, texts = subject.get("test_labels"), subject.get("test_texts")
    place = None
    if sheet is not None and i < _drawn(subject.get("tests")):
        place = ((n + i) % sheet.columns, (n + i) // sheet.columns)
    return Example(
        str(subject["test_names"][i]),
        str(labels[i]) if isinstance(labels, Sequence) and i < len(labels) else None,
        str(texts[i]) if isinstance(texts, Sequence) and i < len(texts) else None,
        place=place,
    )


def _drawn(tests: Any) -> int:
    from interplay.lenses.training_data.subject import TESTS_DRAWN

    return min(tests, TESTS_DRAWN) if isinstance(tests, int) else 0


# ---- reading what a file says


def _sheet(given: Any, n: int, tests: Any) -> Sheet | None:
    if not isinstance(given, Mapping):
        return None
    address, size = given.get("sheet"), _whole(given.get("size"), 2)
    shape = _whole([given.get("columns"), given.get("rows")], 2)
    if not isinstance(address, str) or not ADDRESS.fullmatch(address):
        return None
    if size is None or shape is None or 0 in size or min(shape) < 2:
        return None
    if shape[0] * shape[1] < n + _drawn(tests):
        return None
    return Sheet(address, shape[0], shape[1], size[0], size[1])


def _measured(given: Any, target: str) -> dict[tuple[int, ...], Measurement]:
    """Measurements of the target by pair; those that are of another form are left out."""
    if not isinstance(given, Mapping) or given.get("target") != target:
        return {}
    pairs = given.get("pairs")
    found = {}
    for one in pairs if isinstance(pairs, Sequence) else ():
        if not isinstance(one, Mapping) or not _number(one.get("measured")):
            continue
        features = _whole(one.get("features"), 2)
        if features is None:
            continue
        low, high, full = (
            float(one[key]) if _number(one.get(key)) else None for key in ("low", "high", "full")
        )
        found[tuple(sorted(features))] = Measurement(
            float(one["measured"]), low, high, full, bool(one.get("agrees"))
        )
    return found


def _texts(given: Any, count: int | None = None) -> list[str] | None:
    return _listed(given, str, count)


def _whole(given: Any, count: int) -> list[int] | None:
    found: list[int] | None = _listed(given, int, count)
    return (
        None if found is None or any(isinstance(one, bool) or one < 0 for one in found) else found
    )


def _listed(given: Any, kind: type, count: int | None) -> list[Any] | None:
    if not isinstance(given, Sequence) or isinstance(given, str):
        return None
    fits = count is None or len(given) == count
    return list(given) if fits and all(isinstance(one, kind) for one in given) else None


def _number(given: Any) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool) and math.isfinite(given)
