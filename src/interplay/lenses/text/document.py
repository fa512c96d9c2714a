"""A document: a text with its units, what is fixed in it, and what is left when some units go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from interplay.groups import Nesting
from interplay.lenses.text.fields import Fields
from interplay.lenses.text.units import Units
from interplay.value_function import Span

_SPACE = "\u200b\ufeff"


@dataclass(frozen=True)
class Message:
    """Where a message of a chat stands in the document; a plain text is one of role ``""``."""

    role: str
    start: int
    end: int


@dataclass(frozen=True)
class Document:
    """A text with its units and what is fixed in it; made by ``compose.document``.

    Attributes
    ----------
    units : Units
        The whole text, and where its units stand. What is in no unit is fixed, but for white space
        between two units, which goes with what it separates.
    messages : tuple of Message
        A chat's, in order; of a plain text one.
    groups : tuple of tuple of int
        The coarser units of nested ones (``"sentence+word"``), as indices of units; else empty.
    group_cores : tuple of (start, end)
    """

    units: Units
    messages: tuple[Message, ...]
    fields: Fields | None = field(default=None, compare=False)
    groups: tuple[tuple[int, ...], ...] = ()
    group_cores: tuple[Span, ...] = ()

    @property
    def text(self) -> str:
        return self.units.text

    @property
    def chat(self) -> bool:
        return any(message.role for message in self.messages)

    @property
    def nesting(self) -> Nesting | None:
        """The coarser units of nested ones."""
        if not self.groups:
            return None
        names = tuple(self.text[start:end] for start, end in self.group_cores)
        return Nesting(self.groups, names, self.group_cores)

    @property
    def features(self) -> tuple[str, ...]:
        """The units as names; fields by their path."""
        if self.fields is not None:
            return tuple(one.path for one in self.fields)
        return self.units.features

    @property
    def told(self) -> dict[str, Any]:
        """What reports need of it: the text, where its units are, and the messages of a chat."""
        told: dict[str, Any] = {
            "text": self.text,
            "spans": [list(span) for span in self.units.cores],
            "units": self.units.kind,
        }
        if self.chat:
            told["messages"] = [
                {"role": one.role, "start": one.start, "end": one.end} for one in self.messages
            ]
        return told

    def render(self, instead: Sequence[str | None]) -> list[tuple[str, str]]:
        """Return ``(role, text)`` of each message that is left.

        ``instead`` says of each unit what stands in its place: None keeps it, ``""`` deletes it.
        Of the white space between two units that are left, the gap with most line breaks stays;
        what stands before the first and after the last unit of a stretch stays in any case, but for
        white space at the very beginning. A message of a chat of which nothing is left goes, unless
        it is the last of all.
        """
        if self.fields is not None:
            return [("", self.fields.without(instead))]
        out: list[tuple[str, str]] = []
        for message, parts in zip(self.messages, self._parts, strict=True):
            text = _joined(parts, instead)
            if not _blank(self.text[message.start : message.start + 1]):
                text = text.lstrip()
            last = message is self.messages[-1] and not out
            if text or not message.role or message.start == message.end or last:
                out.append((message.role, text))
        return out

    @cached_property
    def _parts(self) -> tuple[list[Part], ...]:
        return tuple(self._cut_message(message) for message in self.messages)

    def _cut_message(self, message: Message) -> list[Part]:
        cores = self.units.cores
        inside = [
            i for i, (start, end) in enumerate(cores) if start < message.end and end > message.start
        ]
        parts: list[Part] = []
        done = message.start
        for number, i in enumerate(inside):
            # one that covers several messages, an example of a chat, is in each with its share
            start, end = max(cores[i][0], message.start), min(cores[i][1], message.end)
            between = self.text[done:start]
            gap = number > 0 and _blank(between)
            if gap or between:
                parts.append(Part(between, gap=gap))
            parts.append(Part(self.text[start:end], unit=i))
            done = end
        if done < message.end:
            parts.append(Part(self.text[done : message.end]))
        return parts


@dataclass(frozen=True)
class Part:
    """A stretch of a message: a unit, white space between two of them, or what is fixed."""

    text: str
    unit: int | None = None
    gap: bool = False


def _joined(parts: Sequence[Part], instead: Sequence[str | None]) -> str:
    out: list[str] = []
    gaps: list[str] = []
    begun = False  # whether something of this stretch stands already
    for part in parts:
        if part.unit is not None:
            given = instead[part.unit]
            if given == "":
                continue
            if begun and gaps:
                out.append(max(gaps, key=breaks))  # the first of several
            out.append(part.text if given is None else given)
            begun, gaps = True, []
        elif part.gap:
            gaps.append(part.text)
        else:
            out.append(part.text)
            begun, gaps = False, []
    return "".join(out)


def breaks(gap: str) -> int:
    """Return how many lines end in a gap."""
    return gap.count("\n")


def _blank(text: str) -> bool:
    return not text.strip(f"{_SPACE} \t\n\r\x0b\x0c").strip()
