"""What a report is laid out of: stretches of a text, and terms as phrases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from interplay.numbers import elide

_LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True)
class Piece:
    """A stretch of the text: a unit that was ablated, or (``feature`` None) what stands between."""

    text: str
    feature: int | None


@dataclass(frozen=True)
class Part:
    """One feature as it stands in a phrase: what goes before it, its name, which of its like."""

    feature: int
    gap: str
    name: str
    occurrence: int
    """1, 2, ... where several features have this name; 0 where it is the only one."""


@dataclass(frozen=True)
class Row:
    """One interaction, ready to be shown."""

    features: tuple[int, ...]
    parts: tuple[Part, ...]
    value: float
    low: float | None
    high: float | None
    share: float
    signed: str
    interval: str

    @property
    def order(self) -> int:
        return len(self.features)

    @property
    def half(self) -> float | None:
        """Half the width of the interval; None where there is none."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2

    @property
    def words(self) -> str:
        """The phrase as plain text; long names keep their two ends."""
        return "".join(part.gap + elide(part.name, 60) for part in self.parts)

    @property
    def numbered(self) -> str:
        """The same, with a small number at names that several features have: ``not₂ … bad``."""
        return "".join(
            part.gap
            + elide(part.name, 60)
            + (str(part.occurrence).translate(_LOWERED) if part.occurrence else "")
            for part in self.parts
        )


def cut(text: str, spans: Sequence[Sequence[int]], first: int) -> list[Piece]:
    """Return a text cut at the spans of its features, which are numbered from ``first`` on."""
    pieces: list[Piece] = []
    done = 0
    for feature, (start, end) in enumerate(spans, first):
        if start > done:
            pieces.append(Piece(text[done:start], None))
        pieces.append(Piece(text[start:end], feature))
        done = end
    if done < len(text):
        pieces.append(Piece(text[done:], None))
    return pieces


def in_order(spans: Sequence[Sequence[int]], length: int) -> bool:
    """Whether spans follow each other in a text of so many characters."""
    done = 0
    for span in spans:
        if len(span) != 2 or not done <= span[0] <= span[1] <= length:
            return False
        done = span[1]
    return True
