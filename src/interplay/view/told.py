"""What files say, as a page can show it: whatever they hold, nothing here fails on it."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from interplay.numbers import duration, elide
from interplay.report.terminal_style import printable


def finite(number: object) -> float | None:
    """Return a number that is finite and not negative; None for all else.

    >>> finite(1.5), finite(float("nan")), finite("1.5"), finite(True)
    (1.5, None, None, None)
    """
    if isinstance(number, bool) or not isinstance(number, int | float):
        return None
    try:
        told = float(number)
    except OverflowError:
        return None
    return told if math.isfinite(told) and told >= 0 else None


def whole(number: object) -> int | None:
    """Return a whole number, 0 or more; None for all else, and for absurdly large ones.

    >>> whole(7), whole(-1), whole(10**400), whole("7")
    (7, None, None, None)
    """
    told = finite(number)
    return int(told) if told is not None and told.is_integer() and told < 2**53 else None


def moment(told: object) -> str | None:
    """Return a date and time in UTC, to the second; None for what is none.

    >>> moment("2026-03-13T13:00:00+01:00"), moment("yesterday"), moment(7)
    ('2026-03-13T12:00:00+00:00', None, None)
    """
    try:
        at = datetime.fromisoformat(told)  # type: ignore[arg-type]
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None
    return at.isoformat(timespec="seconds")


def shown(text: object, width: int) -> str:
    """Return a text in one line of at most ``width`` characters, both of its ends kept.

    >>> shown("so\\x00 bad", 20), shown("a" * 30, 9)
    ('so� bad', 'aaaaa…aaa')
    """
    # of a text of a million characters the ends are enough, and quickly there
    whole = str(text)
    part = whole if len(whole) <= 8 * width else whole[: 4 * width] + whole[-4 * width :]
    short = elide(printable(part), width)
    return short.encode("utf-8", "replace").decode("utf-8")


def cost_of(seconds: object, tokens: object, usd: object) -> str:
    """Return what evaluations cost, in words.

    >>> cost_of(75.0, 32000, 0.32), cost_of(None, None, None)
    ('1 min 15 s, 32,000 tokens, 0.32 usd', 'an unknown time')
    """
    took, read, paid = finite(seconds), finite(tokens), finite(usd)
    parts = [duration(took) if took is not None else "an unknown time"]
    if read is not None:
        parts.append(f"{read:,.0f} tokens")
    if paid is not None:
        parts.append(f"{paid:.2f} usd")
    return ", ".join(parts)
