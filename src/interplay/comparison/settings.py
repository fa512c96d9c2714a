"""What the runs were asked: the settings that differ between them, and those that are the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from interplay.report.reading import Reading

LEFT_OUT: Final = ("made", "store", "target", "method", "versions")
"""Of a run, not of what it found; the target, which is what is compared; those told otherwise."""

CHOSEN: Final = ("fitted", "fingerprint")
"""What followed from settings and was not set."""

TOLD_ELSEWHERE: Final = (
    *("text", "model", "units", "mask", "target", "response", "batch_size"),
    *("ablation", "rescale", "trainer", "parts"),
)
"""Arguments of a lens that stand among the settings under a name of their own, or as the text."""

LONGEST: Final = 300
"""Characters of a setting that are kept."""


@dataclass(frozen=True)
class Setting:
    """One thing that was set or chosen, in every run.

    Attributes
    ----------
    name
        what it is.
    values
        in words, one for each run; None where a run has no such setting.
    """

    name: str
    values: tuple[str | None, ...]

    @property
    def same(self) -> bool:
        """Whether it is the same in all runs."""
        return len(set(self.values)) == 1

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able mapping."""
        return asdict(self) | {"values": list(self.values), "same": self.same}


def settings(readings: Sequence[Reading]) -> list[Setting]:
    """Return every setting that any of the runs has, in the order of their reports."""
    told = [dict(_of(reading)) for reading in readings]
    names = dict.fromkeys(name for one in told for name in one)
    return [Setting(name, tuple(one.get(name) for one in told)) for name in names]


def differing(found: Sequence[Setting], runs: Sequence[int]) -> list[str]:
    """Return the names of what was set differently for some of the runs, given by their places."""
    return [
        setting.name
        for setting in found
        if setting.name not in CHOSEN and len({setting.values[k] for k in runs}) > 1
    ]


def _of(reading: Reading) -> list[tuple[str, str]]:
    config, arguments = reading.summary["config"], reading.subject.get("arguments")
    rows: list[tuple[str, Any]] = [
        ("text", reading.subject.get("text")),
        *((name, value) for name, value in reading.configuration if name not in LEFT_OUT),
        ("method", config.get("method")),
        ("fitted", reading.found["fitted"]),
        *((f"version of {name}", one) for name, one in reading.summary["versions"].items()),
    ]
    if isinstance(arguments, Mapping):
        known = {name for name, _ in rows}
        rows += [
            (name.replace("_", " "), value)
            for name, value in arguments.items()
            if name not in TOLD_ELSEWHERE and name not in known
        ]
    words = [(name, str(value)) for name, value in rows if value not in (None, "")]
    return [(name, one if len(one) <= LONGEST else f"{one[: LONGEST - 1]}…") for name, one in words]
