"""Split a text into units without losing a character.

A unit has a *core*, its characters without surrounding white space, and a *piece*, the core with
the white space after it (the first piece also has what stands before it). Pieces tile the text:
``"".join(units.pieces) == text``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

from interplay.errors import BadInput, unknown
from interplay.lenses.text.paragraphs import paragraphs
from interplay.lenses.text.sentences import sentences
from interplay.lenses.text.words import words
from interplay.value_function import Span

SPLITTERS: dict[str, Callable[[str], list[Span]]] = {
    "word": words,
    "sentence": sentences,
    "paragraph": paragraphs,
}


@dataclass(frozen=True)
class Units:
    """A text and the spans of its units; made by :func:`split`.

    Attributes
    ----------
    text : str
    kind : str
        ``"word"``, ``"sentence"``, ``"token"``, ...
    cores : tuple of (start, end)
        Character offsets of each unit without surrounding white space, in order, not overlapping.
    """

    text: str
    kind: str
    cores: tuple[Span, ...]

    def __len__(self) -> int:
        return len(self.cores)

    @property
    def spans(self) -> tuple[Span, ...]:
        """Offsets of the pieces: they tile the text."""
        if not self.cores:
            return ()
        starts = [0, *(start for start, _ in self.cores[1:]), len(self.text)]
        return tuple(pairwise(starts))

    @property
    def pieces(self) -> tuple[str, ...]:
        """The text in pieces; joined they are the text."""
        return tuple(self.text[start:end] for start, end in self.spans)

    @property
    def features(self) -> tuple[str, ...]:
        """The cores as strings."""
        return tuple(self.text[start:end] for start, end in self.cores)


def split(text: str, units: str) -> Units:
    """Split ``text`` into words, sentences or paragraphs.

    Raises BadInput for an unknown unit.

    >>> split("Not bad,  at all. ", "word").pieces
    ('Not ', 'bad,  ', 'at ', 'all. ')
    """
    if units not in SPLITTERS:
        raise unknown("units", units, SPLITTERS)
    return Units(text, units, tuple(SPLITTERS[units](text)))


def cover(text: str, spans: Iterable[Span]) -> Units:
    """Make token units of a tokenizer's character offsets, which may overlap, touch or leave gaps.

    Tokens that share a character (the bytes of one emoji, say) become one unit, white space at the
    ends of a span is not part of the core, and characters that no token covers belong to the piece
    before them. Tokens of white space alone make no unit.
    """
    cores: list[Span] = []
    for start, end in spans:
        start, end = _strip(text, start, end)
        if start >= end:
            continue
        if cores and start < cores[-1][1]:
            cores[-1] = (min(cores[-1][0], start), max(cores[-1][1], end))
        else:
            cores.append((start, end))
    return Units(text, "token", tuple(cores))


def check_units(units: Units) -> None:
    """Raise BadInput unless there are at least two units to combine."""
    if not units.text:
        raise BadInput("text is empty; give a text of at least two units")
    if not units.cores:
        told = f"{len(units.text)} characters"
        what = "nothing but white space"
        if units.text.strip():
            what, told = f"no {units.kind} to mask", f"{told}, what is fixed included"
        raise BadInput(f"text holds {what} ({told}); give a text of at least two units")
    if len(units) == 1:
        finer = {
            "paragraph": "units='sentence'",
            "sentence": "units='word'",
            "word": "units='token'",
        }.get(units.kind)
        raise BadInput(
            f"text has one {units.kind}, {_shorten(units.features[0])!r}, so there is nothing to "
            f"combine; give a longer text{f' or a finer unit, {finer}' if finer else ''}"
        )


def _strip(text: str, start: int, end: int) -> Span:
    while start < end and (text[start].isspace() or text[start] in "\u200b\ufeff"):
        start += 1
    while end > start and (text[end - 1].isspace() or text[end - 1] in "\u200b\ufeff"):
        end -= 1
    return start, end


def _shorten(text: str, limit: int = 40) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
