"""What results of flip, prune, select and counterfactuals must hold to be shown, checked.

A run's file may come from anywhere: what is not of the right form is not drawn, and said to be so.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from interplay.actions import counterfactuals
from interplay.actions.flip import flipped
from interplay.actions.prune import pruning
from interplay.actions.select import selection
from interplay.errors import BadInput

Check = Callable[[Any, int], bool]
"""Says whether a value is what it should be, where there are so many features."""


LARGEST: Final = sys.float_info.max


class Kind(NamedTuple):
    """A kind of value: what it is called, whether something is one, may it be None, or lack."""

    name: str
    check: Check
    optional: bool = False
    may_lack: bool = False

    def or_none(self) -> Kind:
        """Return the same kind of a value that may be None."""
        return self._replace(name=f"{self.name} or null", optional=True)

    def or_lacking(self) -> Kind:
        """Return the same kind of a value that may be None, and that not all results have."""
        return self.or_none()._replace(may_lack=True)


def _is_number(given: Any, n: int) -> bool:
    number = isinstance(given, int | float) and not isinstance(given, bool)
    return number and -LARGEST <= given <= LARGEST  # what is not finite is neither


def _is_rate(given: Any, n: int) -> bool:
    if not isinstance(given, Mapping):
        return False
    if not all(_is_whole(given.get(key), n) for key in ("count", "total")):
        return False
    shares = [given.get(key) for key in ("value", "low", "high")]
    return all(_is_number(one, n) or (one is None and not given["total"]) for one in shares)


def _is_whole(given: Any, n: int) -> bool:
    return isinstance(given, int) and not isinstance(given, bool) and 0 <= given < 2**63


TEXT: Final = Kind("a text", lambda given, n: isinstance(given, str))
FLAG: Final = Kind("true or false", lambda given, n: isinstance(given, bool))
NUMBER: Final = Kind("a finite number", _is_number)
WHOLE: Final = Kind("a whole number", _is_whole)
FEATURE: Final = Kind(
    "the number of a feature", lambda given, n: _is_whole(given, n) and given < max(n, 1)
)
RATE: Final = Kind("a rate", _is_rate)
TEXTS: Final = Kind(
    "a mapping to texts",
    lambda given, n: isinstance(given, Mapping) and all(isinstance(v, str) for v in given.values()),
)

_ENDS: Final = {"low": NUMBER.or_none(), "high": NUMBER.or_none()}
_COST: Final = {
    "target": TEXT,
    "sentence": TEXT,
    "calls": WHOLE,
    "reused": WHOLE,
    "seconds": NUMBER,
    "tokens": NUMBER.or_lacking(),
    "usd": NUMBER.or_lacking(),
    "budget": TEXT.or_lacking(),
    "stopped": TEXT.or_none(),
    "explained": TEXT.or_lacking(),
    "fingerprint": TEXT.or_lacking(),
    "command": TEXT.or_lacking(),
}
_CHOICE: Final = {
    "method": TEXT,
    "kept": [FEATURE],
    "train": NUMBER,
    "test": NUMBER,
    "tried": WHOLE,
    **_ENDS,
}
_DIFFERENCE: Final = {"method": TEXT, "value": NUMBER, "clear": FLAG, **_ENDS}
_COMPARED: Final = {"choices": [_CHOICE], "differences": [_DIFFERENCE], "left_out": TEXTS}

FORMS: Final[Mapping[str, tuple[int, Mapping[str, Any]]]] = {
    flipped.FORMAT: (
        flipped.VERSION,
        {
            **_COST,
            "evidence": [TEXT],
            "found": FLAG,
            "n": WHOLE,
            "noun": TEXT,
            "verb": TEXT,
            "threshold": NUMBER.or_none(),
            "before": NUMBER,
            "after": NUMBER.or_none(),
            "predicted": NUMBER.or_none(),
            "minimal": FLAG,
            "irreducible": FLAG,
            "features": [FEATURE],
            "names": [TEXT],
            "text": TEXT.or_none(),
            "rate_before": RATE,
            "rate_after": RATE,
            "inputs_before": RATE.or_lacking(),
            "inputs_after": RATE.or_lacking(),
            "alternatives": [{"features": [FEATURE], "names": [TEXT], "value": NUMBER}],
            "inputs": [{"id": TEXT, "before": NUMBER.or_none(), "after": NUMBER.or_none()}],
        },
    ),
    pruning.FORMAT: (
        pruning.VERSION,
        {
            **_COST,
            "sentences": [TEXT],
            "features": [TEXT],
            "prompts": {"train": WHOLE, "test": WHOLE},
            "before": _CHOICE,
            "contests": [{"share": NUMBER, "size": WHOLE, "evidence": [TEXT], **_COMPARED}],
        },
    ),
    selection.FORMAT: (
        selection.VERSION,
        {
            **_COST,
            "sentences": [TEXT],
            "value": TEXT,
            "lower_is_better": FLAG,
            "verified": FLAG,
            "tests": {"targets": WHOLE, "holdout": WHOLE},
            "size": WHOLE,
            "examples": [
                {
                    "feature": FEATURE,
                    "name": TEXT,
                    "keep": FLAG,
                    "why": TEXT,
                    "repeats": FEATURE.or_none(),
                    "gain": NUMBER.or_none(),
                }
            ],
            "before": _CHOICE,
            "random": {"sets": WHOLE, "sd": NUMBER.or_none()},
            **_COMPARED,
        },
    ),
    counterfactuals.FORMAT: (
        counterfactuals.VERSION,
        {
            **_COST,
            "rate": NUMBER,
            "backgrounds": WHOLE,
            "pairs": [
                {
                    "features": [FEATURE],
                    "names": [TEXT],
                    "predicted": NUMBER,
                    "measured": NUMBER,
                    "full": NUMBER.or_none(),
                    "agrees": FLAG,
                    **_ENDS,
                }
            ],
        },
    ),
}
"""Version and form of each format; a list holds the form of its members."""


def checked_action(content: Any, features: Sequence[str], source: str) -> Mapping[str, Any]:
    """Return the JSON of a result whose form is right, about as many features as there are.

    Raises
    ------
    BadInput
        it is no such result, of a newer version, damaged, or of other features; the message begins
        with ``source``.
    """
    if not isinstance(content, Mapping) or str(content.get("format")) not in FORMS:
        given = content.get("format") if isinstance(content, Mapping) else type(content).__name__
        raise BadInput(
            f"{source} is not a result of flip, prune, select or counterfactuals: its format is "
            f"{given!r:.60}; give what `interplay flip --json` and the like print"
        )
    version, form = FORMS[str(content["format"])]
    stated = content.get("version")
    if not isinstance(stated, int) or isinstance(stated, bool) or not 1 <= stated <= version:
        raise BadInput(
            f"{source} has version {stated!r:.20} of the format {content['format']}, and this "
            f"interplay reads 1 to {version}: install a newer one, pip install -U interplay"
        )
    count = _count(content)
    _check(content, form, source, len(features) if count is None else count)
    if count is not None and count != len(features):
        raise BadInput(
            f"{source} is about another run: it is of {count:,} features, and the run has "
            f"{len(features):,}"
        )
    return content


def named_features(content: Mapping[str, Any]) -> list[tuple[int, str]]:
    """Return the features that a result names, and what it calls them."""
    own = _features_of(content)
    if own is not None:
        return list(enumerate(own))
    lists = [content, *content.get("alternatives", ()), *content.get("pairs", ())]
    return [
        pair
        for one in lists
        if "features" in one
        for pair in zip(one["features"], one["names"], strict=True)
    ]


def _features_of(content: Mapping[str, Any]) -> list[str] | None:
    """The names of all features, where a result has them."""
    if content["format"] == pruning.FORMAT:
        return list(content["features"])
    if content["format"] == selection.FORMAT:
        return [one["name"] for one in content["examples"]]
    return None


def _count(content: Mapping[str, Any]) -> int | None:
    """How many features there are by a result whose form is not known to be right."""
    if content["format"] == flipped.FORMAT:
        return content["n"] if _is_whole(content.get("n"), 0) else None
    told = content.get({pruning.FORMAT: "features"}.get(content["format"], "examples"))
    return len(told) if isinstance(told, list) else None


def _check(given: Any, form: Any, where: str, n: int) -> None:
    if isinstance(form, Kind):
        if not (given is None and form.optional) and not form.check(given, n):
            raise BadInput(f"{where} is {given!r:.40}, and should be {form.name}: it is damaged")
    elif isinstance(form, list):
        if not isinstance(given, list | tuple):
            raise BadInput(f"{where} is {given!r:.40}, and should be a list: it is damaged")
        for place, one in enumerate(given):
            _check(one, form[0], f"{where}[{place}]", n)
    else:
        if not isinstance(given, Mapping):
            raise BadInput(f"{where} is {given!r:.40}, and should be a mapping: it is damaged")
        for key, kind in form.items():
            if key not in given and not getattr(kind, "may_lack", False):
                raise BadInput(f"{where} lacks {key}: it is damaged")
            _check(given.get(key), kind, f"{where}: {key}", n)
        if {"features", "names"} <= form.keys() and len(given["features"]) != len(given["names"]):
            raise BadInput(f"{where} has not as many names as features: it is damaged")
