"""What features of different inputs have in common: their text, their place, or their slot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from interplay.errors import BadInput
from interplay.explanation import Explanation
from interplay.value_function import bare

Labels = tuple[str, ...]

BY: Final = ("unit", "position", "slot")
"""What may be a label."""


def labels_of(explanation: Explanation, by: str, id: str = "") -> list[str]:
    """Return the label of every feature: its text without case and punctuation, place or slot.

    By slot, the units of the template's own words are labelled by their text.
    """
    n = len(explanation.features)
    if by == "position":
        return [f"#{i + 1}" for i in range(n)]
    words = explanation.subject.get("units") == "word"
    texts = [(bare(name) if words else name).casefold() for name in explanation.features]
    if by == "unit":
        return texts
    slots = explanation.subject.get("slots")
    if not isinstance(slots, Sequence) or len(slots) != n:
        raise BadInput(
            f'by="slot" needs inputs that were made from a template; input {id!r} has no slots in '
            'its subject. Use by="unit", or explain with --template'
        )
    return [
        text if slot is None else f"{{{slot}}}" for slot, text in zip(slots, texts, strict=True)
    ]
