"""What the features are in the input that was explained, for shap's plots."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any


def contents(subject: Mapping[str, Any], features: tuple[str, ...]) -> list[Any] | None:
    """Return the cells of a table's row, or the pieces of a text; None for other subjects.

    The pieces make up the text: what stands between two units goes to the one before, what stands
    before all to the first.

    >>> contents({"text": " so bad.", "spans": [[1, 3], [4, 7]]}, ("so", "bad"))
    [' so ', 'bad.']
    >>> contents({"columns": ["age"], "values": [39]}, ("age",))
    [39]
    """
    spans, text = subject.get("spans"), subject.get("text")
    if isinstance(text, str) and spans and len(spans) == len(features):
        cuts = [0, *(start for start, _ in spans[1:]), len(text)]
        if cuts == sorted(cuts):
            return [text[start:end] for start, end in pairwise(cuts)]
    if list(subject.get("columns", ())) == list(features):
        return list(subject["values"])
    return None
