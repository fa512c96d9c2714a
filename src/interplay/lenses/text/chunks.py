"""Token ids of masked texts, put together from chunks that are tokenised once.

To tokenise every masked text anew takes up to a sixth of a small model's time on two cores,
and more on a GPU. Most tokenizers never look across white space, so that the tokens of a
text are those of its words in a row. Whether that holds is not assumed: see :class:`TextAblation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from interplay.lenses.text.document import Document, breaks
from interplay.lenses.text.units import Units
from interplay.models.hf_classifier import HFClassifier
from interplay.value_function import BoolArray

# Rows tried beside the four that cover every pair of neighbours.
RANDOM_ROWS = 12


class Chunks:
    """A text in chunks: each unit with the white space *before* it, kept or replaced.

    White space goes to the front because byte-level tokenizers read it as part of the next word.

    Parameters
    ----------
    units : Units
        Units that are separated by white space.
    mask : str or None
        What replaces a unit; None deletes it, as :meth:`Document.render` does.
    """

    def __init__(self, units: Units, model: HFClassifier, mask: str | None) -> None:
        text, cores = units.text, units.cores
        ends = [start for start, _ in cores[1:]] + [len(text)]
        self._model = model
        self._delete = mask is None
        self._lead = text[: cores[0][0]]
        self._cores = units.features
        self._space = [text[core[1] : end] for core, end in zip(cores, ends, strict=True)]
        before = [self._lead, *self._space[:-1]]
        self._kept = [space + core for space, core in zip(before, self._cores, strict=True)]
        self._gone = [space + (mask or "") for space in before]
        self._ids: dict[str, list[int]] = {}
        bare, dressed = model.encode([text], special=False)[0], model.encode([text])[0]
        # where the text's own tokens stand between the special ones
        at = next((k for k in range(4) if dressed[k : k + len(bare)] == bare), 0)
        self._front, self._back = dressed[:at], dressed[at + len(bare) :]

    def token_ids(self, masks: BoolArray) -> list[list[int]]:
        """Return the token ids for each row of ``masks`` (m, n), special tokens included."""
        rows = [self._row(keep) for keep in masks.tolist()]
        new = [
            chunk
            for chunk in dict.fromkeys(c for row in rows for c in row)
            if chunk not in self._ids
        ]
        self._ids.update(zip(new, self._model.encode(new, special=False), strict=True))
        known = self._ids
        out = []
        for row in rows:
            ids = self._front.copy()
            for chunk in row:
                ids += known[chunk]
            ids += self._back
            out.append(self._model.not_empty(ids))
        return out

    def _row(self, keep: Sequence[bool]) -> list[str]:
        if not self._delete:
            row = [
                k if kept else g for kept, k, g in zip(keep, self._kept, self._gone, strict=True)
            ]
            return [*row, self._space[-1]]
        row = []
        space = self._lead
        for core, after, kept in zip(self._cores, self._space, keep, strict=True):
            if kept:
                row.append(space + core)
                space = after
            elif row and breaks(after) > breaks(space):
                space = after
        if row:
            return [*row, self._space[-1]]
        nothing = self._lead + self._space[-1]
        return [nothing if self._lead else nothing.lstrip()]


def joinable(document: Document) -> bool:
    """Whether only white space stands between the units; else chunks are not worth trying."""
    cores, text = document.units.cores, document.text
    lead, tail = text[: cores[0][0]], text[cores[-1][1] :]
    if lead.strip() or tail.strip() or document.fields is not None:
        return False
    gaps = [text[a[1] : b[0]] for a, b in pairwise(cores)]
    return all(gap and not gap.strip() for gap in gaps)


def trial_masks(n: int) -> BoolArray:
    """Return masks on which chunks are compared with the whole text before they are believed.

    The full, the empty and the two alternating masks put every unit, kept and ablated, beside its
    neighbours, kept and ablated; the rest are random.
    """
    even = np.arange(n) % 2 == 0
    structured = np.stack([np.ones(n, bool), np.zeros(n, bool), even, ~even])
    return np.concatenate([structured, np.random.default_rng(0).random((RANDOM_ROWS, n)) < 0.5])
