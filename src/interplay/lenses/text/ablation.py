"""What a masked text is: which characters or tokens stand where a unit was taken out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from interplay.errors import BadInput
from interplay.lenses.text.chunks import Chunks, joinable, trial_masks
from interplay.lenses.text.document import Document
from interplay.lenses.text.units import Units, check_units, cover
from interplay.models.hf_classifier import HFClassifier
from interplay.models.language import Prompt, Query, Tokens
from interplay.value_function import BoolArray, bare

DELETE = "delete"
ATTENTION = "attention"
Mask = str | Mapping[str, str]
"""What stands for a unit: a text, ``"delete"``, ``"attention"``, or a text for each of some."""

# Spelled as BERT spells them, these mean the tokenizer's own token.
_ROLES = {"[MASK]": "mask_token", "[UNK]": "unk_token", "[PAD]": "pad_token"}


class Reader(Protocol):
    """A model that reads prompts: a language model, local or behind a server."""

    name: str

    def read(self, prompts: Sequence[Prompt]) -> list[Query]: ...


class Ablation(Protocol):
    """Units of one document, and how a mask turns them into a model's input."""

    document: Document

    @property
    def mask(self) -> Mask: ...

    def masked_text(self, keep: BoolArray) -> str:
        """Return the text with the units where ``keep`` (n,) is False ablated."""
        ...

    def queries(self, masks: BoolArray) -> Sequence[Query]:
        """Return what the model reads for each row of ``masks`` (m, n)."""
        ...

    def longest(self) -> BoolArray:
        """Return the mask (n,) whose ablated text has the most tokens."""
        ...


def replacement(mask: Mask | None, model: Any) -> Mask:
    """Return what replaces a unit: a literal string, ``"delete"``, ``"attention"`` or a mapping.

    The default of a classifier is the tokenizer's mask token; one that has none gives its unknown
    token, and one that has neither deletes. Language models delete: they have not learned what a
    gap means. ``"[MASK]"``, ``"[UNK]"`` and ``"[PAD]"`` mean the tokenizer's own token, however it
    spells it (``<mask>``); any other string is taken literally.
    """
    tokenizer = getattr(model, "tokenizer", None)
    if mask is None:
        if not isinstance(model, HFClassifier):
            return DELETE
        return str(model.tokenizer.mask_token or model.tokenizer.unk_token or DELETE)
    if isinstance(mask, Mapping):
        return dict(mask)
    if mask == "":
        raise BadInput("mask is the empty string; to delete units say mask='delete'")
    if mask in _ROLES:
        if tokenizer is None:
            raise BadInput(
                f"mask {mask!r}: {model.name!r} is behind a server, whose tokenizer is not known; "
                "use mask='delete' or a literal such as '...'"
            )
        own = getattr(tokenizer, _ROLES[mask])
        if own is None:
            has = [role for role, name in _ROLES.items() if getattr(tokenizer, name) is not None]
            raise BadInput(
                f"mask {mask!r}: the tokenizer of {model.name!r} has no such token; use "
                f"{', '.join(repr(one) for one in [*has, DELETE])} or a literal such as '...'"
            )
        return str(own)
    return mask


def stand_ins(document: Document, mask: Mask) -> tuple[str, ...]:
    """Return what stands for each unit when it is ablated; an empty text deletes it.

    A mapping names units, with or without the punctuation around them, and what replaces them;
    units that it does not name are deleted.
    """
    names = document.features
    if isinstance(mask, Mapping):
        known = {*names, *(bare(name) for name in names)}
        for name, text in mask.items():
            if not isinstance(name, str) or not isinstance(text, str):
                raise BadInput(f"mask must map units to texts; got {name!r}: {text!r}")
            if name not in known:
                raise BadInput(f"mask has a text for {name!r}, which is not a unit of the text")
        return tuple(mask.get(name, mask.get(bare(name), "")) for name in names)
    if mask == DELETE:
        return ("",) * len(names)
    if document.fields is not None:
        return (_json(mask),) * len(names)
    return (mask,) * len(names)


def _json(mask: str) -> str:
    """A value of JSON: ``null`` and numbers as they are, anything else as a string."""
    try:
        value = json.loads(mask)
    except ValueError:
        return json.dumps(mask, ensure_ascii=False)
    return json.dumps(mask) if isinstance(value, dict | list) else mask


class _Rendered:
    """A document whose masked text is put together as text."""

    def __init__(self, document: Document, mask: Mask) -> None:
        self.document = document
        self.mask: Mask = mask
        self._gone = stand_ins(document, mask)

    def _messages(self, keep: BoolArray) -> list[tuple[str, str]]:
        return self.document.render(
            [None if kept else gone for kept, gone in zip(keep.tolist(), self._gone, strict=True)]
        )

    def masked_text(self, keep: BoolArray) -> str:
        """Return the text with the units where ``keep`` (n,) is False ablated."""
        return "\n\n".join(text for _, text in self._messages(keep))


class PromptAblation(_Rendered):
    """For language models: every masked prompt is put together and tokenised as a whole."""

    def __init__(self, document: Document, model: Reader, mask: Mask) -> None:
        super().__init__(document, mask)
        self._model = model

    def queries(self, masks: BoolArray) -> Sequence[Query]:
        """Return what the model reads for each row of ``masks`` (m, n)."""
        return self._model.read([Prompt(tuple(self._messages(row))) for row in masks])

    def longest(self) -> BoolArray:
        """Return the mask (n,) whose ablated text is longest, counting unit by unit."""
        pairs = zip(self.document.units.features, self._gone, strict=True)
        return np.array([len(kept) >= len(gone) for kept, gone in pairs])


class TextAblation(_Rendered):
    """For classifiers: as a whole too, but from chunks where that gives the same tokens.

    A replaced unit leaves the white space around it as it was. Of the white space between units
    that are left, the gap with most line breaks stays (see :meth:`Document.render`); no capital is
    moved.
    """

    def __init__(self, document: Document, model: HFClassifier, mask: Mask) -> None:
        super().__init__(document, mask)
        if document.chat:
            raise BadInput(
                f"{model.name!r} is a classifier, which reads one text, not the messages of a chat"
            )
        self._model = model
        self._chunks = self._trusted_chunks()

    def queries(self, masks: BoolArray) -> Sequence[Tokens]:
        """Return what the model reads for each row of ``masks`` (m, n)."""
        return [Tokens(tuple(ids)) for ids in self.token_ids(masks)]

    def token_ids(self, masks: BoolArray) -> list[list[int]]:
        """Return the token ids of each row of ``masks`` (m, n).

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
        if not isinstance(self.mask, str) or not joinable(self.document):
            return None
        units = self.document.units
        trial = trial_masks(len(units))
        chunks = Chunks(units, self._model, None if self.mask == DELETE else self.mask)
        return chunks if chunks.token_ids(trial) == self._whole(trial) else None

    def longest(self) -> BoolArray:
        """Return the mask (n,) whose ablated text has the most tokens, counting unit by unit."""
        kept = self._model.encode(self.document.units.features, special=False)
        gone = self._model.encode(self._gone, special=False)
        return np.array([len(ids) >= len(other) for ids, other in zip(kept, gone, strict=True)])


class TokenAblation:
    """Token ids are replaced, left out or hidden from attention, never re-tokenised.

    The units of a document of tokens are the tokenizer's own; those that share a character (the
    bytes of one emoji) are one unit. Of other documents, whose units may be hidden only, a unit is
    the tokens that share a character with it. Tokens of what is fixed, and special tokens, stay.

    ``"attention"`` keeps every token and its position, and lets no other attend to those that are
    ablated.
    """

    def __init__(self, document: Document, model: Any, mask: Mask) -> None:
        if not isinstance(mask, str):
            raise BadInput("units='token' are replaced by one text, deleted or hidden")
        if not model.tokenizer.is_fast:
            raise BadInput(
                f"units='token' needs character offsets, which the tokenizer of {model.name!r} "
                "does not give; use units='word'"
            )
        self.mask = mask
        self._model = model
        self._ids, offsets, own = _offsets(document, model)
        cores = document.units.cores
        if document.units.kind.endswith("token"):
            tokens = [i for i in own if _unit_at(cores, *offsets[i]) is not None]
            units = cover(document.text, [offsets[i] for i in tokens])
            units = Units(units.text, document.units.kind, units.cores)
            document = replace(document, units=units, groups=_regrouped(document, units))
        self.document = document
        check_units(document.units)
        self._unit_of = {
            i: unit
            for i in own
            if (unit := _unit_at(document.units.cores, *offsets[i])) is not None
        }
        self._mask_ids = (
            [] if mask in (DELETE, ATTENTION) else model.encode([mask], special=False)[0]
        )

    def masked_text(self, keep: BoolArray) -> str:
        """Return the text to read; hidden units are left out of it."""
        mask = DELETE if self.mask == ATTENTION else self.mask
        return _Rendered(self.document, mask).masked_text(keep)

    def queries(self, masks: BoolArray) -> Sequence[Tokens]:
        """Return what the model reads for each row of ``masks`` (m, n)."""
        if self.mask == ATTENTION:
            units = np.array([self._unit_of.get(i, -1) for i in range(len(self._ids))])
            ids = tuple(self._ids)
            return [
                Tokens(ids, tuple(np.flatnonzero((units >= 0) & ~row[units]).tolist()))
                for row in masks
            ]
        return [Tokens(tuple(ids)) for ids in self.token_ids(masks)]

    def token_ids(self, masks: BoolArray) -> list[list[int]]:
        """Return the token ids of each row of ``masks`` (m, n), replaced or left out."""
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
        size = np.bincount(list(self._unit_of.values()), minlength=len(self.document.units))
        return np.asarray(size >= len(self._mask_ids))


def _offsets(document: Document, model: Any) -> tuple[list[int], list[tuple[int, int]], list[int]]:
    """The ids of the whole prompt, where in the document each stands, and which are of its text."""
    tokenizer, text = model.tokenizer, document.text
    shift: list[tuple[int, int, int]] = []  # start and end in what is tokenised, and back
    if document.chat:
        text = tokenizer.apply_chat_template(
            [
                {"role": one.role, "content": document.text[one.start : one.end]}
                for one in document.messages
            ],
            tokenize=False,
            add_generation_prompt=True,
        )
        at = 0
        for one in document.messages:
            content = document.text[one.start : one.end]
            found = text.find(content, at)
            if found < 0:
                raise BadInput(
                    f"the chat template of {model.name!r} changes the {one.role} message "
                    f"{content[:40]!r}, so that its tokens cannot be told; use units='word'"
                )
            at = found + len(content)
            shift.append((found, at, one.start - found))
    else:
        shift.append((0, len(text), 0))
    encoded = tokenizer(
        text,
        add_special_tokens=not document.chat,
        return_offsets_mapping=True,
        return_special_tokens_mask=True,
        truncation=False,
        verbose=False,
    )
    ids: list[int] = encoded["input_ids"]
    offsets, own = [], []
    for i, (start, end) in enumerate(encoded["offset_mapping"]):
        for first, last, by in shift:
            if first < end and start < last and not encoded["special_tokens_mask"][i]:
                own.append(i)
                start, end = max(start, first) + by, min(end, last) + by
                break
        offsets.append((start, end))
    return ids, offsets, own


def _unit_at(cores: Sequence[tuple[int, int]], start: int, end: int) -> int | None:
    """The unit whose core a stretch overlaps, the first of several; white space has none."""
    from bisect import bisect_right

    unit = bisect_right(cores, start, key=lambda core: core[1])
    if unit < len(cores) and start < cores[unit][1] and end > cores[unit][0]:
        return unit
    return None


def _regrouped(document: Document, units: Units) -> tuple[tuple[int, ...], ...]:
    """The groups of a nested document, of its tokens."""
    groups: list[list[int]] = [[] for _ in document.group_cores]
    for i, core in enumerate(units.cores):
        group = _unit_at(document.group_cores, *core)
        if group is not None:
            groups[group].append(i)
    return tuple(map(tuple, groups))
