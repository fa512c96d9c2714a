"""What prune and select chose, beside what other methods choose, in words and drawings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, Self

from interplay.actions.prune import pruning
from interplay.actions.select import selection
from interplay.numbers import Scale, count
from interplay.report.action import Action
from interplay.report.dots import Dot, Dots, Mark
from interplay.report.network import NetworkDrawing

LEFT, TOP, SIDE, STEP = 28, 14, 12, 15
"""Room for what is written at a grid, the width of a square, and how far it is to the next."""

LABELS = 24
"""Rows and columns that are named at most."""


@dataclass(frozen=True)
class Contest:
    """The choices of one size: what was kept, beside what other methods keep."""

    sentence: str
    evidence: list[str]
    plot: Dots
    told: Mapping[str, Any]
    title: str = ""

    @property
    def choices(self) -> list[Mapping[str, Any]]:
        """What each method keeps, and its values; the choice is the first."""
        return list(self.told["choices"])

    @property
    def differences(self) -> list[Mapping[str, Any]]:
        """The choice less each rival."""
        return list(self.told["differences"])

    @property
    def left_out(self) -> dict[str, str]:
        """Methods that could not be compared, and why."""
        return dict(self.told["left_out"])

    @property
    def kept(self) -> frozenset[int]:
        """What the choice keeps."""
        return frozenset(self.choices[0]["kept"]) if self.choices else frozenset()


def contest(
    told: Mapping[str, Any],
    before: Mapping[str, Any],
    methods: Mapping[str, str],
    *,
    title: str,
    sentence: str,
    evidence: list[str],
    whole: str,
) -> Contest:
    """Return the choices of one size, as dots.

    Of the choice the interval is that of its value. That of a rival is the paired one of the
    difference, laid around the rival's value: it leaves the choice's line out where the difference
    is clear.
    """
    apart = {one["method"]: one for one in told["differences"]}
    scale = Scale.of([before["test"], *(one["test"] for one in told["choices"])])
    apart_scale = Scale.of([one["value"] for one in apart.values()])
    ours = told["choices"][0] if told["choices"] else None
    rows = []
    for one in told["choices"]:
        low, high, more = one["low"], one["high"], ""
        paired = None if one is ours or ours is None else apart.get(one["method"])
        if paired is not None:
            low, high = paired["low"], paired["high"]
            between = apart_scale.between(low, high)
            more = apart_scale.signed(paired["value"]) + (f" ({between})" if between else "")
            more += " ✱" if paired["clear"] else ""
            if low is not None and high is not None and ours is not None:
                low, high = ours["test"] - high, ours["test"] - low
        rows.append(
            Dot(
                str(one["method"]),
                one["test"],
                scale.plain(one["test"]),
                low,
                high,
                note=methods.get(one["method"], ""),
                aside=more,
                kind="chosen" if one is ours else "rival",
            )
        )
    marks = [Mark(before["test"], f"{whole} {scale.plain(before['test'])}")]
    if ours is not None:
        marks.append(Mark(ours["test"], ""))
    return Contest(
        sentence,
        evidence,
        Dots(sentence, tuple(rows), tuple(marks)),
        told,
        title,
    )


class Label(NamedTuple):
    """What is written at a row or column of a grid."""

    x: float
    y: float
    words: str
    anchor: str


@dataclass(frozen=True)
class Grid:
    """The parts of a network, layers down: squares that stay, crossed out ones that go.

    ``kept`` and ``gone`` are the paths of all squares of a kind: a network may have thousands.
    """

    width: int
    height: int
    labels: list[Label]
    kept: str
    gone: str

    @classmethod
    def of(cls, network: NetworkDrawing, kept: frozenset[int]) -> Self:
        """Return the grid of a network."""
        heads = network.heads_of_columns
        names = [network.layer(row) for row in range(len(network.layers))]
        labels = [
            Label(LEFT + STEP * column + SIDE / 2, TOP - 4, heads[column], "middle")
            for column in range(0, len(heads), -(-len(heads) // LABELS))
        ]
        labels += [
            Label(LEFT - 5, TOP + STEP * row + SIDE - 2, names[row], "end")
            for row in range(0, len(names), -(-len(names) // LABELS))
        ]
        paths: dict[bool, list[str]] = {True: [], False: []}
        for cell in network.cells:
            stays = cell.feature in kept
            x, y = LEFT + STEP * cell.column, TOP + STEP * cell.row
            square = f"M{x} {y}h{SIDE}v{SIDE}h-{SIDE}z"
            paths[stays].append(square if stays else f"{square}m0 {SIDE}l{SIDE} -{SIDE}")
        return cls(
            LEFT + STEP * len(heads),
            TOP + STEP * len(names),
            labels,
            "".join(paths[True]),
            "".join(paths[False]),
        )


@dataclass(frozen=True)
class PruneAction(Action):
    """The result of :func:`interplay.prune`."""

    title: ClassVar[str] = "Prune"
    template: ClassVar[str] = "action_prune.html"

    @property
    def sentences(self) -> list[str]:
        return list(map(str, self.content["sentences"]))

    @cached_property
    def contests(self) -> list[Contest]:
        n = len(self.content["features"])
        return [
            contest(
                one,
                self.content["before"],
                pruning.METHODS,
                title=f"{one['size']} of {n} parts",
                sentence=sentence,
                evidence=list(map(str, one["evidence"])),
                whole="with all",
            )
            for one, sentence in zip(self.content["contests"], self.sentences, strict=False)
        ]

    @property
    def tests(self) -> int:
        """How many prompts it was tested on."""
        return int(self.content["prompts"]["test"])

    def names(self, one: Contest, *, kept: bool) -> list[str]:
        """Return the parts that are kept, or those that go."""
        features = enumerate(self.content["features"])
        return [str(name) for i, name in features if (i in one.kept) == kept]

    def grid(self, one: Contest, network: NetworkDrawing) -> Grid:
        """Return what stays of a network, as a picture."""
        return Grid.of(network, one.kept)

    @property
    def checkpoint(self) -> str | None:
        """What was written as a checkpoint, in a sentence; None where nothing was."""
        told = self.content.get("checkpoint")
        if not isinstance(told, Mapping) or not isinstance(told.get("sentence"), str):
            return None
        return f"{told['sentence']} It is in {told.get('folder')}."

    @property
    def notes(self) -> list[str]:
        return [*super().notes, *([self.checkpoint] if self.checkpoint else [])]


@dataclass(frozen=True)
class Dropped:
    """Examples that go for one reason: it in words, how many, numbers of the first."""

    why: str
    total: int
    first: list[int]


@dataclass(frozen=True)
class SelectAction(Action):
    """The result of :func:`interplay.select`."""

    title: ClassVar[str] = "Select"
    template: ClassVar[str] = "action_select.html"
    listed: ClassVar[int] = 8
    """Examples of a reason that are shown."""

    @property
    def sentences(self) -> list[str]:
        return list(map(str, self.content["sentences"]))

    @property
    def good(self) -> bool | None:
        return None if self.content["verified"] else False

    @property
    def verified(self) -> str:
        if not self.content["verified"]:
            return "not verified: there are no holdout examples"
        holdout = int(self.content["tests"]["holdout"])
        return f"verified on {count(holdout, 'holdout example')}"

    @cached_property
    def contest(self) -> Contest:
        sets = int(self.content["random"]["sets"])
        methods = {**selection.METHODS, "random": f"mean of {count(sets, 'random set')}"}
        return contest(
            self.content,
            self.content["before"],
            methods,
            title="",
            sentence=self.sentences[0],
            evidence=self.sentences[1:],
            whole="with all",
        )

    @property
    def quantity(self) -> str:
        """What is measured, and where."""
        where = "on the holdout" if self.content["verified"] else "on the targets"
        better = ", lower is better" if self.content["lower_is_better"] else ""
        return f"{self.content['value']} {where}{better}"

    @property
    def spread(self) -> str | None:
        """How much the values of random sets differ, in a sentence."""
        sd, sets = self.content["random"]["sd"], int(self.content["random"]["sets"])
        if sd is None:
            return None
        return f"The values of the {sets} random sets have a standard deviation of {sd:.2g}."

    @cached_property
    def reasons(self) -> list[Dropped]:
        """Why examples go, the reasons that most have first."""
        gone = [one for one in self.content["examples"] if not one["keep"]]
        words = {one["feature"]: _reason(one) for one in gone}
        gone.sort(key=lambda one: (one["gain"] is None, one["gain"] or 0.0, one["feature"]))
        return [
            Dropped(
                why,
                total,
                [one["feature"] for one in gone if words[one["feature"]] == why][: self.listed],
            )
            for why, total in Counter(words[one["feature"]] for one in gone).most_common()
        ]

    def repeats(self, feature: int) -> int | None:
        """Return the kept example that a dropped one repeats."""
        found: int | None = self.content["examples"][feature]["repeats"]
        return found

    def name(self, feature: int) -> str:
        """Return the name of an example."""
        return str(self.content["examples"][feature]["name"])

    @property
    def kept(self) -> tuple[int, int]:
        """How many of how many."""
        return int(self.content["size"]), len(self.content["examples"])

    @property
    def saved(self) -> str | None:
        """The file that the whole list was written to."""
        path = self.content.get("saved")
        return path if isinstance(path, str) else None


def _reason(one: Mapping[str, Any]) -> str:
    return "repeats one that is kept" if one["repeats"] is not None else str(one["why"])
