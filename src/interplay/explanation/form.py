"""What kinds of things stand where in a run's JSON, as far as reports and actions rely on them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from interplay.errors import BadInput

TEXT: Final = "a text"
NUMBER: Final = "a number"
WHOLE: Final = "a whole number, at least 0"
PLACE: Final = "a whole number, at least -1"


class Maybe(NamedTuple):
    """It may be null, or missing."""

    form: Any


class Each(NamedTuple):
    """An object, whatever its keys are, whose values have one form."""

    form: Any


_TRUST: Final = {"verdict": TEXT, "sentence": TEXT}

_SUBJECT: Final = {
    "kind": Maybe(TEXT),
    "text": Maybe(TEXT),
    "caption": Maybe(TEXT),
    "captions": Maybe([TEXT]),
    "spans": Maybe([(WHOLE, WHOLE)]),
}
_OF_KIND: Final[Mapping[str, Any]] = {
    "table": {"columns": [TEXT], "values": [TEXT]},
    "components": {"parts": Maybe([(TEXT, PLACE, PLACE)])},
}
"""What a subject of a kind has besides. What is only drawn is checked where it is drawn: a picture
that is damaged is left out, and the numbers of the run are still there."""

FORM: Final[Mapping[str, Any]] = {
    "created": TEXT,
    "versions": Each(TEXT),
    "trust": _TRUST,
    "subject": _SUBJECT,
    "features": [TEXT],
    "cost": {
        "calls": WHOLE,
        "reused": WHOLE,
        "model_seconds": NUMBER,
        "fit_seconds": NUMBER,
        "tokens": Maybe(NUMBER),
        "usd": Maybe(NUMBER),
    },
    "config": {"seed": Maybe(WHOLE), "fingerprint": Maybe(TEXT), "method": Maybe(TEXT)},
    "notes": [TEXT],
    "sample": {"masks": WHOLE, "replicates": WHOLE, "design": TEXT, "stopped": Maybe(TEXT)},
    "actions": [{}],
    "targets": [
        {
            "target": TEXT,
            "trust": _TRUST,
            "faithfulness": {
                "value": Maybe(NUMBER),
                "low": Maybe(NUMBER),
                "high": Maybe(NUMBER),
                "level": NUMBER,
                "distribution": TEXT,
            },
            "values": {"full": Maybe(NUMBER), "empty": Maybe(NUMBER)},
            "noise_var": Maybe(NUMBER),
            "fitted": TEXT,
            "diagnostics": [TEXT],
            "energy": Each(NUMBER),
            "main_effects": [NUMBER],
            "top": [
                {
                    "features": [WHOLE],
                    "names": [TEXT],
                    "value": NUMBER,
                    "low": Maybe(NUMBER),
                    "high": Maybe(NUMBER),
                    "share": NUMBER,
                }
            ],
            "spectrum": {},
            "convergence": [{}],
        }
    ],
}
"""Names in an object are those that must be there; others are let be."""


def check_run(run: Mapping[str, Any]) -> None:
    """Raise ValueError or KeyError, which names the place, for what is not of the form of a run."""
    check_form(run)
    _check_kind(run["subject"], len(run["features"]))


def check_subject(subject: Mapping[str, Any], n: int) -> None:
    """Raise BadInput for a subject that reports and run files could not be made of.

    >>> check_subject({"kind": "components", "parts": [["head", 0, 1]]}, 2)
    Traceback (most recent call last):
    interplay.errors.BadInput: ..."subject.parts" must be a list of 2, one for each feature...
    """
    try:
        check_form(subject, _SUBJECT, "subject")
        _check_kind(subject, n)
    except (KeyError, ValueError) as error:
        reason = f"no entry {error}" if isinstance(error, KeyError) else error
        raise BadInput(
            f'the "subject" of the value function cannot be used: {reason}. Leave out what it '
            'cannot say, or take another "kind" than those of the lenses'
        ) from error


def _check_kind(subject: Mapping[str, Any], n: int) -> None:
    kind = subject.get("kind")
    check_form(subject, _OF_KIND.get(kind or "", {}), "subject")
    if kind == "components" and subject.get("parts") is not None:
        _check_count(subject["parts"], n, "feature", "subject.parts")
    elif kind == "table":
        _check_count(subject["values"], len(subject["columns"]), "column", "subject.values")


def _check_count(found: Any, count: int, of: str, where: str) -> None:
    _check(len(found) == count, f"a list of {count}, one for each {of}", found, where)


def check_form(found: Any, form: Any = FORM, where: str = "") -> None:
    """Raise ValueError, which names the place, for what is not of a form.

    >>> check_form({"verdict": 5, "sentence": ""}, _TRUST, "trust")
    Traceback (most recent call last):
    ValueError: "trust.verdict" must be a text; got 5
    """
    if isinstance(form, Maybe):
        if found is not None:
            check_form(found, form.form, where)
    elif isinstance(form, list):
        _check(isinstance(found, list | tuple), "a list", found, where)
        for i, one in enumerate(found):
            check_form(one, form[0], f"{where}[{i}]")
    elif isinstance(form, Each):
        _check(isinstance(found, dict), "an object", found, where)
        for name, one in found.items():
            check_form(one, form.form, f"{where}.{name}")
    elif isinstance(form, tuple):  # not one of the two above
        row = isinstance(found, list | tuple) and len(found) == len(form)
        _check(row, f"a list of {len(form)}", found, where)
        for i, (one, inner) in enumerate(zip(found, form, strict=True)):
            check_form(one, inner, f"{where}[{i}]")
    elif isinstance(form, Mapping):
        _check(isinstance(found, dict), "an object", found, where)
        for name, inner in form.items():
            if name in found:
                check_form(found[name], inner, f"{where}.{name}" if where else name)
            elif not isinstance(inner, Maybe):
                raise KeyError(f"{where}.{name}" if where else name)
    else:
        _check(_IS[form](found), form, found, where)


def _check(right: bool, form: str, found: Any, where: str) -> None:
    if not right:
        raise ValueError(f'"{where}" must be {form}; got {found!r:.60}')


def _is_whole(found: Any) -> bool:
    return isinstance(found, int) and not isinstance(found, bool) and 0 <= found < 2**63


def _is_place(found: Any) -> bool:
    return _is_whole(found) or (isinstance(found, int) and found == -1)


def _is_number(found: Any) -> bool:
    number = isinstance(found, int | float) and not isinstance(found, bool)
    return number and math.isfinite(found)


_IS: Final = {
    TEXT: lambda found: isinstance(found, str),
    NUMBER: _is_number,
    WHOLE: _is_whole,
    PLACE: _is_place,
}
