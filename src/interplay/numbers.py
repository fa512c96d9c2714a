"""Numbers as people read them: signs that line up, shares, durations, counts, names in a row."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Scale:
    """One way of writing numbers of like size, so that a column of them lines up.

    >>> Scale.of([0.012, -1.5]).signed(0.012), Scale.of([1234.5]).signed(-1234.5)
    ('+0.01', '−1234')
    """

    largest: float
    decimals: int | None
    """Digits after the point; None where the numbers are so large or small as to need a power."""

    @classmethod
    def of(cls, numbers: Iterable[float]) -> Scale:
        """Return the scale on which the largest of ``numbers`` has about three digits."""
        largest = max((abs(number) for number in numbers if math.isfinite(number)), default=0.0)
        if largest == 0:
            return cls(0.0, 2)
        power = math.floor(math.log10(largest))
        return cls(largest, min(max(2 - power, 0), 4) if -3 <= power <= 5 else None)

    def plain(self, number: float) -> str:
        """Write a number with a sign only where it is negative."""
        if not math.isfinite(number):
            return "not a number"
        if number == 0:
            return "0"
        digits = (
            f"{abs(number):.2e}" if self.decimals is None else f"{abs(number):.{self.decimals}f}"
        )
        # what rounds to nothing has no sign
        return f"{MINUS}{digits}" if number < 0 and float(digits) != 0 else digits

    def signed(self, number: float) -> str:
        """Write a number with its sign, whichever it is."""
        text = self.plain(number)
        return text if text.startswith((MINUS, "not")) or float(text) == 0 else f"+{text}"

    def between(self, low: float | None, high: float | None) -> str:
        """Write an interval; nothing where there is none.

        >>> Scale.of([0.5]).between(0.1, 0.25), Scale.of([0.5]).between(None, None)
        ('+0.100 to +0.250', '')
        """
        if low is None or high is None or low == high:
            return ""
        return f"{self.signed(low)} to {self.signed(high)}"


def short(value: float, *, signed: bool = False) -> str:
    """Write a number within a sentence, with three digits or so.

    >>> short(-0.43612), short(1234.6), short(0.0), short(0.25, signed=True)
    ('−0.436', '1235', '0', '+0.25')
    """
    sign = MINUS if value < 0 else "+" if signed else ""
    return sign + (f"{abs(value):.0f}" if abs(value) >= 1000 else f"{abs(value):.3g}")


def percent(share: float) -> str:
    """Write a share.

    >>> percent(0.914), percent(0.034), percent(0.0004), percent(0)
    ('91 %', '3.4 %', '< 0.1 %', '0 %')
    """
    if not math.isfinite(share):
        return "unknown"
    if share == 0:
        return "0 %"
    if abs(share) < 0.001:
        return "< 0.1 %"
    return f"{100 * share:.0f} %" if abs(share) >= 0.0995 else f"{100 * share:.1f} %"


def duration(seconds: float) -> str:
    """Write a time.

    >>> duration(0.0132), duration(12.34), duration(125), duration(7380)
    ('0.01 s', '12.3 s', '2 min 5 s', '2 h 3 min')
    """
    if 0 < seconds < 0.005:
        return "< 0.01 s"
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{int(seconds) // 60} min {int(seconds) % 60} s"
    return f"{int(seconds) // 3600} h {int(seconds) % 3600 // 60} min"


def count(number: int, noun: str) -> str:
    """Write a number of things.

    >>> count(1, "word"), count(1500, "call")
    ('1 word', '1,500 calls')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def joined(names: Sequence[str]) -> str:
    """Write names in a row.

    >>> joined(["a"]), joined(["a", "b"]), joined(["a", "b", "c"])
    ('a', 'a and b', 'a, b and c')
    """
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def elide(text: str, width: int) -> str:
    """Shorten ``text`` to ``width`` characters, keeping both of its ends; white space is closed up.

    >>> elide("neither shocking nor very interesting", 21)
    'neither sho…teresting'
    """
    text = " ".join(text.split())
    if len(text) <= width:
        return text
    if width < 3:
        return text[:width]
    end = (width - 1) * 9 // 20
    return f"{text[: width - 1 - end]}…{text[len(text) - end :]}"
