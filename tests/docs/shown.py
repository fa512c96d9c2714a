"""Whether a program printed what a page shows.

Numbers may differ by one in the last digit that is shown, since processors round differently;
whole numbers must be equal, but for percentages. Times are not compared. ``...`` stands for
anything: within a line for some of it, alone in a line for any number of lines.
"""

from __future__ import annotations

import re
from decimal import Decimal
from textwrap import dedent

_NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?"
_UNIT = r"(?:s|ms|min|h|seconds)\b"
_TIME = re.compile(rf"{_NUMBER}(?: to {_NUMBER})? {_UNIT}(?: {_NUMBER} {_UNIT})*")
_TOKEN = re.compile(rf"(?P<gap>\.\.\.)|(?P<number>{_NUMBER})|(?P<space>\s+)")


def difference(shown: str, printed: str) -> str | None:
    """Return what of ``shown`` was not printed, in words; None where all of it was.

    >>> difference("never fails +3.03  51 %", "never fails  +3.04  51 %")
    >>> difference("...\\nwrote report.html", "one\\ntwo\\nwrote report.html\\n")
    >>> difference("1 min 5 s fitting", "3.34 s fitting")
    >>> difference("10 to 9.4 ms", "5.46 to 4.98 ms")
    >>> difference("+3.0 a\\n+2.7 b", " +3.0 a\\n +2.7 b\\n")
    >>> print(difference("R² 0.97", "R² 0.93"))
    line 1 of what is shown
        R² 0.97
    is not what was printed:
        R² 0.93
    """
    expected, found = _lines(shown), _lines(printed)
    at, anywhere = 0, False
    for number, line in enumerate(expected, 1):
        if line.strip() == "...":
            anywhere = True
            continue
        hits = (i for i in range(at, len(found)) if _alike(line, found[i]))
        hit = next(hits, None) if anywhere else at if at < len(found) else None
        if hit is None or not _alike(line, found[hit]):
            rest = "\n    ".join(found[at : at + 20]) or "(nothing more)"
            return (
                f"line {number} of what is shown\n    {line}\nis not what was printed:\n    {rest}"
            )
        at, anywhere = hit + 1, False
    if at < len(found) and not anywhere:
        return "more was printed than is shown:\n    " + "\n    ".join(found[at : at + 20])
    return None


def _lines(text: str) -> list[str]:
    """Return the lines that hold anything, without what all of them are indented by."""
    return [line.rstrip() for line in dedent(text).splitlines() if line.strip()]


def _alike(shown: str, printed: str) -> bool:
    shown, printed = _TIME.sub("0 s", shown), _TIME.sub("0 s", printed)
    numbers: list[str] = []
    pattern, end = "", 0
    for token in _TOKEN.finditer(shown):
        pattern += re.escape(shown[end : token.start()])
        end = token.end()
        if token["gap"]:
            pattern += ".*?"
        elif token["space"]:
            pattern += r"\s+"
        else:
            percent = shown[end:].lstrip().startswith("%")
            numbers.append(token["number"] + "%" * percent)
            pattern += f"({_NUMBER})"
    match = re.fullmatch(pattern + re.escape(shown[end:]), printed)
    return match is not None and all(map(_near, numbers, match.groups()))


def _near(shown: str, printed: str) -> bool:
    percent = shown.endswith("%")
    one, other = (Decimal(text.strip("%").replace(",", "")) for text in (shown, printed))
    if one.as_tuple().exponent == 0 and not percent:
        return one == other
    last = Decimal(1).scaleb(min(0, int(one.as_tuple().exponent)))
    return abs(one - other) <= last
