"""What a masked text is: which characters or tokens stand where a unit was taken out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from interplay.errors import BadInput
from interplay.lenses.text.chunks import Chunks, joinable, trial_masks
from interplay.lenses.text.units import Units, cover
from interplay.models.hf_classifier import HFClassifier
from interplay.value_function import BoolArray

DELETE = "delete"
# Spelled as BERT spells them, these mean the tokenizer's own token.
_ROLES = {"[MASK]": "mask_token", "[UNK]": "unk_token", "[PAD]": "pad_token"}


class Ablation(Protocol):
    """Units of one text, and how a mask turns them into a model's input."""

    units: Units
    mask: str

    def masked_text(self, keep: BoolArray) -> str:
        """Return the text with the units where ``keep`` (n,) is False ablated."""
        ...

    def token_ids(self, masks: BoolArray) -> list[list[int]]:
        """Return what the model reads for each row of ``masks`` (m, n)."""
        ...

    def longest(self) -> BoolArray:
        """Return the mask (n,) whose ablated text has the most tokens."""
        ...


def replacement(mask: str | None, model: HFClassifier) -> str:
    """Return the literal string that replaces a unit, or ``"delete"``.

    The default is the tokenizer's mask token; one that has none gives its unknown token, and one
    that has neither deletes. ``"[MASK]"``, ``"[UNK]"`` and ``"[PAD]"`` mean the tokenizer's own
    token, however it spells it (``<mask>``); any other string is taken literally.
    """
    tokenizer = model.tokenizer
    if mask is None:
        return str(tokenizer.mask_token or tokenizer.unk_token or DELETE)
    if mask == "":
        raise BadInput("mask is the empty string; to delete units say mask='delete'")
    if mask in _ROLES:
        own = getattr(tokenizer, _ROLES[mask])
        if own is None:
            has = [role for role, name in _ROLES.items() if getattr(tokenizer, name) is not None]
            raise BadInput(
                f"mask {mask!r}: the tokenizer of {model.name!r} has no such token; use "
                f"{', '.join(repr(one) for one in [*has, DELETE])} or a literal such as '...'"
            )
        return str(own)
    return mask


class TextAblation:
    """Units are stretches of text: the masked text is put together and tokenised as a whole.

    A replaced unit leaves the white space around it as it was. A deleted unit goes with its piece,
    that is with the white space after it (the first also with what stands before it); nothing else
    is tidied: no capital is moved and no space closed up.
    """

    def __init__(self, units: Units, model: HFClassifier, mask: str) -> None:
        self.units = units
        self.mask = mask
        self._model = model
        self._kept = units.pieces
        if mask == DELETE:
            self._gone: tuple[str, ...] = ("",) * len(units)
        else:
            self._gone = tuple(
                units.text[start:core_start] + mask + units.text[core_end:end]
                for (start, end), (core_start, core_end) in zip(
                    units.spans, units.cores, strict=True
                )
            )
        self._chunks = self._trusted_chunks()

    def masked_text(self, keep: BoolArray) -> str:
        """Return the text with the units where ``keep`` (n,) is False ablated."""
        kept, gone = self._kept, self._gone
        return "".join([kept[i] if k else gone[i] for i, k in enumerate(keep.tolist())])

    def token_ids(self, masks: BoolArray) -> list[list[int]]:
        """Return what the model reads for each row of ``masks`` (m, n).

        These are the tokens of the masked texts as wholes. Where the tokens of their chunks in a
        row were the same on every trial mask, and are on the first row of this call, chunks are
        used, which is faster.
        """
        if self._chunks is not None and len(masks):
            rows = self._chunks.token_ids(masks)
            if rows[0] == self._whole(masks[:1])[0]:
                return rows
            self._chunks = None
        return self._whole(masks)

    def _whole(self, masks: BoolArray) -> list[list[int]]:
        return self._model.encode([self.masked_text(row) for row in masks])

    def _trusted_chunks(self) -> Chunks | None:
        if not joinable(self.units):
            return None
        trial = trial_masks(len(self.units))
        chunks = Chunks(self.units, self._model, None if self.mask == DELETE else self.mask)
        return chunks if chunks.token_ids(trial) == self._whole(trial) else None

    def longest(self) -> BoolArray:
        """Return the mask (n,) whose ablated text has the most tokens, counting unit by unit."""
        kept = self._model.encode(self.units.features, special=False)
        gone = 0 if self.mask == DELETE else len(self._model.encode([self.mask], special=False)[0])
        return np.array([len(ids) >= gone for ids in kept])


class TokenAblation:
    """Units are the tokenizer's own tokens: ids are replaced or left out, never re-tokenised.

    Tokens that share a character (the bytes of one emoji) are one unit. Special tokens around the
    text are always kept.
    """

    def __init__(self, text: str, model: HFClassifier, mask: str) -> None:
        if not model.tokenizer.is_fast:
            raise BadInput(
                f"units='token' needs character offsets, which the tokenizer of {model.name!r} "
                "does not give; use units='word'"
            )
        self.mask = mask
        self._model = model
        encoded = model.tokenizer(
            text,
            return_offsets_mapping=True,
            return_special_tokens_mask=True,
            truncation=False,
            verbose=False,
        )
        self._ids: list[int] = encoded["input_ids"]
        special = encoded["special_tokens_mask"]
        offsets = encoded["offset_mapping"]
        own = [i for i in range(len(self._ids)) if not special[i]]
        self.units = cover(text, [offsets[i] for i in own])
        self._unit_of = _units_of(self.units, own, offsets)
        self._mask_ids = [] if mask == DELETE else model.encode([mask], special=False)[0]

    def masked_text(self, keep: BoolArray) -> str:
        """Return the text with the units where ``keep`` (n,) is False ablated."""
        return TextAblation(self.units, self._model, self.mask).masked_text(keep)

    def token_ids(self, masks: BoolArray) -> list[list[int]]:
        """Return what the model reads for each row of ``masks`` (m, n)."""
        rows = []
        for keep in masks.tolist():
            ids: list[int] = []
            replaced = -1
            for i, token in enumerate(self._ids):
                unit = self._unit_of.get(i)
                if unit is None or keep[unit]:
                    ids.append(token)
                elif unit != replaced:
                    ids.extend(self._mask_ids)
                    replaced = unit
            rows.append(self._model.not_empty(ids))
        return rows

    def longest(self) -> BoolArray:
        """Return the mask (n,) whose ablated text has the most tokens."""
        size = np.bincount(list(self._unit_of.values()), minlength=len(self.units))
        return np.asarray(size >= len(self._mask_ids))


def _units_of(
    units: Units, tokens: Sequence[int], offsets: Sequence[tuple[int, int]]
) -> dict[int, int]:
    """Map each token to the unit whose core it overlaps; tokens of white space have none."""
    unit_of: dict[int, int] = {}
    unit = 0
    for i in tokens:
        start, end = offsets[i]
        while unit < len(units) and units.cores[unit][1] <= start:
            unit += 1
        if unit < len(units) and start < units.cores[unit][1] and end > units.cores[unit][0]:
            unit_of[i] = unit
    return unit_of
