"""Comparison: two or more runs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from interplay.comparison import words
from interplay.comparison.alignment import Alignment, align
from interplay.comparison.differences import Difference, differences, only
from interplay.comparison.likeness import likeness
from interplay.comparison.pair import Pair
from interplay.comparison.sampling import SAME_NUMBERS, relation, same_function
from interplay.comparison.settings import Setting, differing, settings
from interplay.comparison.spread import Spread, spread
from interplay.errors import BadInput, required, unknown
from interplay.explanation import Explanation
from interplay.intervals import LEVEL
from interplay.report.comparison_reading import FORMAT
from interplay.report.reading import Reading

VERSION: Final = 1

TOLD: Final = ("kind", "name", "text", "spans", "units", "mask", "model", "response", "caption")
"""What of a run's subject a comparison keeps: no pictures."""

HEAVY: Final = ("spectrum", "network", "draws", "convergence")
"""What of a finding it does not keep: what is compared of it stands among the differences."""


@dataclass(frozen=True)
class Comparison:
    """Two or more runs side by side; made by :func:`interplay.compare`.

    It may speak of several targets; ``pairs``, ``differences``, ``sentence`` and ``spread`` are
    those of the first, or of the one that ``target(name)`` shows.

    Attributes
    ----------
    names
        of the runs; all are compared with the first.
    targets
        that all runs have.
    settings
        what was set, in each run.
    by_target
        for each target, every run but the first beside it.
    spreads
        for each target, how those runs vary that evaluated one value function; None where fewer
        than two did so independently.
    """

    names: tuple[str, ...]
    targets: tuple[str, ...]
    settings: tuple[Setting, ...]
    by_target: tuple[tuple[Pair, ...], ...]
    spreads: tuple[Spread | None, ...]
    runs: tuple[Explanation, ...]
    left_out: tuple[str, ...] = ()
    shown: int = 0

    def __repr__(self) -> str:
        return f"<Comparison of {', '.join(self.names)}: {self.sentence}>"

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Every run but the first beside the first, for the target that is shown."""
        return self.by_target[self.shown]

    @property
    def spread(self) -> Spread | None:
        """How the runs vary that evaluated one value function, for the target that is shown."""
        return self.spreads[self.shown]

    @property
    def target_name(self) -> str:
        """Name of the target that is shown."""
        return self.targets[self.shown]

    @property
    def differences(self) -> tuple[Difference, ...]:
        """The differences of the second run from the first, clear and large ones first."""
        return self.pairs[0].differences

    @property
    def sentence(self) -> str:
        """What was found, in words; of more than two runs, how many agree with the first."""
        if len(self.pairs) == 1:
            return " ".join(part for part in (self.pairs[0].sentence, self.pairs[0].edit) if part)
        agree = sum(pair.agrees for pair in self.pairs)
        others = [pair.name for pair in self.pairs if not pair.agrees]
        verb = "agrees" if agree == 1 else "agree"
        told = f"{agree or 'None'} of the {len(self.pairs)} other runs {verb} with {self.names[0]}"
        if agree and others:
            told += f"; {words.listed(others)} {'does' if len(others) == 1 else 'do'} not"
        return f"{told}."

    def target(self, name: str) -> Comparison:
        """Return the view of one target; nothing is computed again."""
        if name not in self.targets:
            raise unknown("target", name, self.targets)
        return replace(self, shown=self.targets.index(name))

    def pair(self, name: str) -> Pair:
        """Return one run beside the first, by its name."""
        for pair in self.pairs:
            if pair.name == name:
                return pair
        raise unknown("run to compare with the first", name, self.names[1:])

    def diagnostics(self) -> list[str]:
        """Return what a reader should know, in sentences."""
        told = [note for pair in self.pairs for note in pair.notes]
        told += [self.spread.sentence] if self.spread else []
        return [*dict.fromkeys(told), *self.left_out]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able mapping; the target that is shown comes first."""
        order = sorted(range(len(self.targets)), key=lambda j: j != self.shown)
        targets = [self.targets[j] for j in order]
        return {
            "format": FORMAT,
            "version": VERSION,
            "level": LEVEL,
            "names": list(self.names),
            "notes": list(self.left_out),
            "settings": [setting.to_dict() for setting in self.settings],
            "runs": [_told(run, targets) for run in self.runs],
            "targets": [self._target(j) for j in order],
        }

    def _target(self, j: int) -> dict[str, Any]:
        name, found = self.targets[j], self.spreads[j]
        readings = [Reading(run.target(name).to_dict()) for run in self.runs]
        return {
            "target": name,
            "sentence": self.target(name).sentence,
            "spread": None if found is None else found.to_dict(),
            "pairs": [
                pair.to_dict(readings[0], reading)
                for pair, reading in zip(self.by_target[j], readings[1:], strict=True)
            ],
        }

    def to_dataframe(self) -> Any:
        """Return a pandas DataFrame, one row per difference and run, of the target that is shown.

        Raises
        ------
        MissingExtra
            if pandas is not installed.
        """
        pandas = required("pandas", "plots")
        fields = ["features", "names", "order", "first", "second", "value", "low", "high"]
        fields += ["sign_probability", "q", "listed", "assumed", "clear"]
        rows = [(pair.name, row) for pair in self.pairs for row in pair.differences]
        table = {field: [getattr(row, field) for _, row in rows] for field in fields}
        return pandas.DataFrame({"run": [name for name, _ in rows]} | table)

    def report(self, path: str | Path) -> Path:
        """Write one self-contained HTML file, and return its path."""
        from interplay.report import comparison

        return comparison.write(self.to_dict(), path)

    def _repr_html_(self) -> str:
        from interplay.report import comparison

        return comparison.fragment(self.to_dict())


def compare(
    first: Explanation,
    second: Explanation,
    *others: Explanation,
    names: Sequence[str] | None = None,
    target: str | None = None,
) -> Comparison:
    """Put runs side by side: how alike they are, and where they differ, with intervals.

    The first run is the reference: each other one is compared with it.

    Parameters
    ----------
    first, second, others
        runs of different models, prompts, seeds, budgets or methods: whatever has features in
        common. Features correspond by place where they are the same; in an edited text by what the
        edit left; else by name.
    names
        one for each run; ``A``, ``B``, ... by default.
    target
        which target comes first; those that all runs have are compared, by name.

    Notes
    -----
    Differences are of Banzhaf effects and interactions of the spectra, as ``top`` shows them,
    second less first, with 90 % intervals for independent fits. A difference is *clear* where its
    interval leaves out 0 and its q value, which allows for all sets that there were to look at, is
    at most 0.1.

    Raises
    ------
    BadInput
        fewer than two runs; a target that a run does not have, or none in common; no feature in
        common; names that are not one for each run, and all different.

    Examples
    --------
    >>> from interplay import explain
    >>> words = ["the", "acting", "is", "not", "bad"]
    >>> def without(masks):
    ...     return -1.0 * masks[:, 4]
    >>> def with_not(masks):
    ...     return -1.0 * masks[:, 4] + 3.0 * (masks[:, 3] & masks[:, 4])
    >>> both = compare(
    ...     explain(without, words, store=None), explain(with_not, words, store=None)
    ... )
    >>> both.sentence
    'They differ most in “not × bad”: 0 in A, +3.00 in B. 3 of the 3 effects and combinations differ
    clearly; predictions correlate at −0.23.'
    >>> both.pairs[0]["bad"].value
    1.5
    """
    runs = (first, second, *others)
    labels = _names(runs, names)
    targets, left_out = _targets(runs, labels, target)
    alignments = [align(first, run, (labels[0], label)) for run, label in _after(runs, labels)]
    readings = [Reading(run.target(targets[0]).to_dict()) for run in runs]
    found = settings(readings)
    by_target = []
    for name in targets:
        views = [run.target(name) for run in runs]
        by_target.append(
            tuple(
                _compared(views[0], view, alignment, (labels[0], label))
                for (view, label), alignment in zip(_after(views, labels), alignments, strict=True)
            )
        )
    return Comparison(
        names=labels,
        targets=targets,
        settings=tuple(found),
        by_target=tuple(by_target),
        spreads=tuple(
            _spread([run.target(name) for run in runs], labels, alignments, found)
            for name in targets
        ),
        runs=runs,
        left_out=left_out,
    )


def _after(runs: Sequence[Explanation], names: Sequence[str]) -> list[tuple[Explanation, str]]:
    """Every run but the first, with its name."""
    return list(zip(runs[1:], names[1:], strict=True))


def _names(runs: Sequence[object], names: Sequence[str] | None) -> tuple[str, ...]:
    for place, run in enumerate(runs, 1):
        if not isinstance(run, Explanation):
            raise BadInput(
                f"run {place} must be an Explanation, as interplay.load returns; got "
                f"{type(run).__name__}"
            )
    if names is None:
        return tuple(chr(ord("A") + k) if k < 26 else f"run {k + 1}" for k in range(len(runs)))
    if isinstance(names, str):
        raise BadInput(f"names must be a sequence of names, one for each run; got {names!r}")
    told = tuple(str(name) for name in names)
    if len(told) != len(runs) or len(set(told)) != len(told):
        raise BadInput(f"names must be {len(runs)} different ones, one for each run; got {told}")
    return told


def _targets(
    runs: Sequence[Explanation], names: Sequence[str], target: str | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the targets that all runs have, the wanted one first, and in words what is left out.

    By default the one that the first run shows comes first.
    """
    has = "; ".join(
        f"{name} has {', '.join(run.targets)}" for name, run in zip(names, runs, strict=True)
    )
    common = [name for name in runs[0].targets if all(name in run.targets for run in runs)]
    if target is not None and target not in common:
        raise BadInput(f"not every run has the target {target!r}: {has}")
    if not common:
        raise BadInput(
            f"the runs have no target in common, and targets are compared by name: {has}"
        )
    wanted = runs[0].target_name if target is None else target
    others = [name for run in runs for name in run.targets if name not in common]
    told = f"Not compared, for not every run has it: {', '.join(dict.fromkeys(others))}."
    return tuple(sorted(common, key=lambda name: name != wanted)), (told,) * bool(others)


def _compared(
    first: Explanation,
    second: Explanation,
    alignment: Alignment,
    names: tuple[str, str],
) -> Pair:
    how = relation(first, second, alignment)
    pair = Pair(
        name=names[1],
        alignment=alignment,
        differences=tuple(differences(first, second, alignment, same_numbers=how == SAME_NUMBERS)),
        removed=tuple(only(first, alignment.removed)),
        added=tuple(only(second, alignment.added)),
        likeness=likeness(first, second, alignment),
        relation=how,
        same_function=same_function(first, second, alignment),
    )
    told = words.Telling(pair, names, first, second)
    return replace(pair, sentence=told.sentence, edit=told.edit, notes=tuple(told.notes))


def _spread(
    views: Sequence[Explanation],
    names: Sequence[str],
    alignments: Sequence[Alignment],
    found: Sequence[Setting],
) -> Spread | None:
    """The spread of the first run and those that are of the same function, each fit once."""
    chosen, seen = [0], {views[0].sample.digest}
    for k, alignment in enumerate(alignments, 1):
        digest = views[k].sample.digest
        if digest not in seen and same_function(views[0], views[k], alignment):
            seen.add(digest)
            chosen.append(k)
    if len(chosen) < 2:
        return None
    return spread({names[k]: views[k] for k in chosen}, differing(found, chosen))


def _told(run: Explanation, targets: Sequence[str]) -> dict[str, Any]:
    """The summary of a run without its series and pictures, with the compared targets alone."""
    summary = run.to_dict()
    by_name = {found["target"]: found for found in summary["targets"]}
    kept = {key: value for key, value in run.subject.items() if key in TOLD}
    shown = [
        {key: value for key, value in by_name[name].items() if key not in HEAVY} | {"top": []}
        for name in targets
    ]
    told = {key: value for key, value in summary.items() if key != "actions"}
    return told | {"subject": kept, "targets": shown}
