"""What a selection of training examples found, in figures and in words."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from interplay.actions.subset.choice import Choice, Difference
from interplay.errors import BadInput
from interplay.files import write_whole
from interplay.interactions.csv_file import guarded, write_csv
from interplay.json_text import json_octets
from interplay.numbers import short
from interplay.value_function import BoolArray

FORMAT: Final = "interplay.selection"
VERSION: Final = 1

METHODS: Final = {
    "auto": "exchanges by retraining on the targets, from what the fits choose",
    "order-1": "largest main effects of LASSO on the same masks",
    "random": "random sets of the size: their mean",
    "k-nn": "of nearest neighbours in the inputs, one is dropped",
}


@dataclass(frozen=True)
class Reason:
    """Why an example is kept or dropped.

    Attributes
    ----------
    keep : bool
    why : str
        In a few words: ``"repeats #12"``.
    repeats : int, optional
        The kept example that it repeats.
    gain : float, optional
        What the value on the targets gains by it, beside what is kept; of a lower value that is
        better, what it falls.
    """

    keep: bool
    why: str
    repeats: int | None
    gain: float | None


@dataclass(frozen=True)
class Selection:
    """The result of :func:`interplay.select`.

    Of a :class:`~interplay.actions.subset.choice.Choice` here, ``train`` is the value on the
    targets, by which all choices are made, ``test`` that on the holdout (on the targets, where
    there is none), ``each`` of each of its examples.

    Attributes
    ----------
    target : str
    value : str
        What is measured: ``"margin"``, ``"loss"``, ...
    features : tuple of str
        Names of all n examples or groups.
    share : float
    reasons : tuple of Reason
        One for each feature.
    choices : dict of str to Choice
        By method, the chosen one first.
    differences : tuple of Difference
        Of the first choice to each other, paired by test example.
    left_out : dict of str to str
        Methods that could not be compared, and why.
    before : Choice
        With all examples.
    verified : bool
        Whether there were holdout examples.
    lower_is_better : bool
    sets : int
        How many random sets there were.
    spread : float, optional
        Standard deviation of their values on the holdout.
    tests : (int, int)
        How many targets and holdout examples.
    calls, reused, seconds
        What it has cost; ``reused`` evaluations came from the store.
    stopped : str, optional
        Why it ended early.
    explained : str, optional
        Fingerprint of the value function that was explained.
    """

    target: str
    value: str
    features: tuple[str, ...]
    share: float
    reasons: tuple[Reason, ...]
    choices: dict[str, Choice]
    differences: tuple[Difference, ...]
    left_out: dict[str, str]
    before: Choice
    verified: bool
    lower_is_better: bool
    sets: int
    spread: float | None
    tests: tuple[int, int]
    seed: int
    calls: int
    reused: int
    seconds: float
    stopped: str | None
    explained: str | None = field(default=None, repr=False)

    @property
    def best(self) -> Choice:
        """What was chosen: not the winner on the holdout, which no choice has seen."""
        return next(iter(self.choices.values()))

    @property
    def mask(self) -> BoolArray:
        """What is kept, bool ``(n,)``."""
        mask = np.zeros(len(self.features), dtype=np.bool_)
        mask[list(self.best.kept)] = True
        return mask

    @property
    def kept(self) -> tuple[str, ...]:
        """Names of what is kept."""
        return tuple(self.features[i] for i in self.best.kept)

    @property
    def dropped(self) -> tuple[str, ...]:
        """Names of what is dropped."""
        return tuple(
            name for name, one in zip(self.features, self.reasons, strict=True) if not one.keep
        )

    @property
    def sentence(self) -> str:
        """What was found, in a sentence."""
        return self.sentences[0]

    @property
    def sentences(self) -> list[str]:
        """What was found: the value, why examples go, and how it compares with other methods."""
        best, n = self.best, len(self.features)
        between = (
            ""
            if best.low is None or best.high is None
            else f" (90 % interval {short(best.low)} to {short(best.high)})"
        )
        where = (
            f"on {self.tests[1]} holdout examples"
            if self.verified
            else "on the targets themselves (not verified: there are no holdout examples)"
        )
        told = [
            f"Keeping {len(best.kept)} of {n}, the mean {self.value} {where} is "
            f"{short(best.test)}{between}; with all of them {short(self.before.test)}."
        ]
        repeated = sum(one.repeats is not None for one in self.reasons)
        if repeated:
            told.append(f"Of {n - len(best.kept)} dropped, {repeated} repeat one that is kept.")
        for sign, words in ((1, "better than"), (-1, "worse than")):
            direction = -sign if self.lower_is_better else sign
            clear = [d for d in self.differences if d.clear and d.value * direction > 0]
            if clear:
                names = ", ".join(f"{d.method} ({short(d.value, signed=True)})" for d in clear)
                told.append(f"It is {words} {names}: the intervals leave zero out.")
        open_ones = [d.method for d in self.differences if not d.clear]
        if open_ones:
            told.append(f"No difference to {', '.join(open_ones)} is certain.")
        return told

    def to_dict(self) -> dict[str, Any]:
        """Return everything as a JSON-able mapping."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "sentence": self.sentence,
            "sentences": self.sentences,
            "target": self.target,
            "value": self.value,
            "lower_is_better": self.lower_is_better,
            "verified": self.verified,
            "tests": {"targets": self.tests[0], "holdout": self.tests[1]},
            "share": self.share,
            "size": len(self.best.kept),
            "examples": [
                {"feature": i, "name": name, **asdict(reason)}
                for i, (name, reason) in enumerate(zip(self.features, self.reasons, strict=True))
            ],
            "before": self._plain(self.before),
            "choices": [self._plain(choice) for choice in self.choices.values()],
            "differences": [asdict(one) | {"clear": one.clear} for one in self.differences],
            "left_out": dict(self.left_out),
            "random": {"sets": self.sets, "sd": self.spread},
            "seed": self.seed,
            "calls": self.calls,
            "reused": self.reused,
            "seconds": self.seconds,
            "stopped": self.stopped,
            "explained": self.explained,
        }

    def save(self, path: str | Path) -> Path:
        """Write the keep/drop list, and return its path: all of it as .json, a table as .csv.

        The table has a row for each example: its number, name, ``keep`` (1 or 0), why, the number
        of the example that it repeats, and what the value gains by it. A name that a spreadsheet
        would take for a formula (``=1+1``) is written with an apostrophe before it.
        """
        path = Path(path)
        if path.suffix == ".json":
            write_whole(path, json_octets(self.to_dict(), "this selection", indent=1) + b"\n")
        elif path.suffix == ".csv":
            write_csv(path, self._table())
        else:
            raise BadInput(f"a selection is saved as .json or .csv; got {path}")
        return path

    def _table(self) -> str:
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["feature", "name", "keep", "why", "repeats", "gain"])
        for i, (name, one) in enumerate(zip(self.features, self.reasons, strict=True)):
            writer.writerow([i, guarded(name), int(one.keep), one.why, one.repeats, one.gain])
        return file.getvalue()

    def _plain(self, choice: Choice) -> dict[str, Any]:
        return asdict(choice) | {"kept": list(choice.kept), "each": list(choice.each)}
