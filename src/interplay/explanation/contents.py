"""What the features are in the input that was explained, as shap's plots want it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple


class Contents(NamedTuple):
    """Names of the n features, and what each is in the input; None where there is no such thing."""

    names: tuple[str, ...]
    data: list[Any] | None


def contents(subject: Mapping[str, Any], features: tuple[str, ...]) -> Contents:
    """Return the columns and cells of a table's row, or the pieces of a text.

    The pieces make up the text: what stands between two units goes to the one before, what stands
    before all to the first. Other subjects have no data.

    >>> contents({"text": " so bad.", "spans": [[1, 3], [4, 7]]}, ("so", "bad")).data
    [' so ', 'bad.']
    >>> contents({"kind": "table", "columns": ["age"], "values": ["39"]}, ("age=39",))
    Contents(names=('age',), data=['39'])
    """
    spans, text = subject.get("spans"), subject.get("text")
    if isinstance(text, str) and spans and len(spans) == len(features):
        cuts = [0, *(start for start, _ in spans[1:]), len(text)]
        if cuts == sorted(cuts):
            return Contents(features, [text[start:end] for start, end in pairwise(cuts)])
    # of a table whose columns are grouped, a feature is more than a cell
    if subject.get("kind") == "table" and len(subject["columns"]) == len(features):
        return Contents(tuple(map(str, subject["columns"])), list(subject["values"]))
    return Contents(features, None)
