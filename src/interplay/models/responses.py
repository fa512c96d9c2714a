"""Responses as tokens of their own after a prompt, and the characters of each token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from interplay.errors import BadInput
from interplay.models.language import Response
from interplay.value_function import Span

# What a response is tokenised after where its first token would merge with the prompt's last.
STAND_INS = ("\n", ".", "0", "a", "。")
# Decoding needs some tokens before a response: the first of a text may lose its space.
CONTEXT = 16


def fixed(
    tokenizer: Any, before: Sequence[int], text: str, *, name: str, prompt: str | None = None
) -> Response:
    """Return ``text`` as tokens that follow the tokens ``before``.

    ``prompt`` is the text that they were made of without further special tokens, where it is known:
    a tokenizer may drop or change characters, which decoding does not bring back.

    Prompt and response are tokenised as one text where the prompt's own tokens survive that. Where
    the last of them would merge with the response, the response gets tokens of its own: those that
    it has after another character, if they decode to it.

    Raises
    ------
    BadInput
        If the text is empty, merges with the prompt and has no tokens of its own, holds a
        special token, or has characters that the tokenizer does not know.
    """
    if not text:
        raise BadInput("a response must have at least one character to be scored; got ''")
    if prompt is None:
        special = set(tokenizer.all_special_ids)
        start = max((i + 1 for i, token in enumerate(before) if token in special), default=0)
        tail = list(before[start:])  # special tokens as text would be read as something else
        prompt = _decode(tokenizer, tail)
    else:
        alone = _encode(tokenizer, prompt)[0]
        tail = list(before[len(before) - len(alone) :])
    joint, spans = _encode(tokenizer, prompt + text)
    if joint[: len(tail)] == tail:
        ids = joint[len(tail) :]
        cut = None if spans is None else spans[len(tail) :]
        _check_tokens(tokenizer, ids, text, name)
        return _response(tokenizer, before, text, ids, cut, len(prompt))
    for stand_in in STAND_INS:
        alone, _ = _encode(tokenizer, stand_in)
        both, spans = _encode(tokenizer, stand_in + text)
        ids = both[len(alone) :]
        if both[: len(alone)] == alone and _added(tokenizer, before, ids) == text:
            cut = None if spans is None else spans[len(alone) :]
            _check_tokens(tokenizer, ids, text, name)
            return _response(tokenizer, before, text, ids, cut, len(stand_in))
    place = next((i for i, (a, b) in enumerate(zip(joint, tail, strict=False)) if a != b), 0)
    merged = _decode(tokenizer, joint[place : place + 1])
    raise BadInput(
        f"response {_short(text)} has no tokens of its own after this prompt: where they meet, "
        f"the tokenizer of {name!r} makes one token {merged!r}. Start the response with a space, "
        "or end the prompt where a word ends"
    )


def decoded(tokenizer: Any, before: Sequence[int], ids: Sequence[int]) -> Response:
    """Return generated tokens as a response: its text is what they add to the prompt's."""
    text = _added(tokenizer, before, ids)
    if text is None:
        text = _decode(tokenizer, ids)
    return Response(text, tuple(ids), tuple(_grown(tokenizer, before, ids, text)))


def _response(
    tokenizer: Any,
    before: Sequence[int],
    text: str,
    ids: Sequence[int],
    spans: Sequence[Span] | None,
    offset: int,
) -> Response:
    if spans is None:
        found = _grown(tokenizer, before, ids, text)
    else:
        found = _tiled([(a - offset, b - offset) for a, b in spans], len(text))
    return Response(text, tuple(ids), tuple(found))


def _tiled(spans: Sequence[Span], length: int) -> list[Span]:
    """Spans that leave no character out: what lies between two tokens belongs to the later one."""
    tiled: list[Span] = []
    end = 0
    for place, (low, high) in enumerate(spans):
        if place and spans[place] == spans[place - 1] and high > low:  # bytes of one character
            tiled.append(tiled[-1])
            continue
        low, high = min(max(low, 0), end), min(max(high, 0), length)
        tiled.append((low, max(low, high)))
        end = max(end, high)
    if tiled and end < length:  # trailing space that the tokenizer drops
        last = tiled[-1]
        tiled = [(span[0], length) if span == last else span for span in tiled]
    return tiled


def _grown(tokenizer: Any, before: Sequence[int], ids: Sequence[int], text: str) -> list[Span]:
    """Spans from decoding one token more at a time; bytes of one character share its span."""
    spans: list[Span] = []
    start = waiting = 0
    for count in range(1, len(ids) + 1):
        waiting += 1
        so_far = _added(tokenizer, before, ids[:count])
        if so_far is not None and text.startswith(so_far) and count < len(ids):
            spans += [(start, len(so_far))] * waiting
            start, waiting = len(so_far), 0
    return spans + [(start, len(text))] * waiting


def _check_tokens(tokenizer: Any, ids: Sequence[int], text: str, name: str) -> None:
    if not ids:
        raise BadInput(
            f"the tokenizer of {name!r} makes no token of the response {_short(text)}; "
            "nothing of it could be scored"
        )
    unknown = tokenizer.unk_token_id
    if unknown is not None and unknown in ids:
        strange = [c for c in dict.fromkeys(text) if unknown in _encode(tokenizer, c)[0]]
        raise BadInput(
            f"the tokenizer of {name!r} does not know "
            f"{', '.join(map(repr, strange)) or 'some characters'} in the response {_short(text)}; "
            "leave that out, or use a model that knows it"
        )
    special = [token for token in ids if token in set(tokenizer.all_special_ids)]
    if special:
        raise BadInput(
            f"the response {_short(text)} holds the special token "
            f"{tokenizer.convert_ids_to_tokens(special[0])!r}; leave it out: what ends or frames a "
            "response is no part of it"
        )


def _added(tokenizer: Any, before: Sequence[int], ids: Sequence[int]) -> str | None:
    """Return what the tokens add to the text before them; None where they change it."""
    context = list(before[-CONTEXT:])
    base = _decode(tokenizer, context)
    whole = _decode(tokenizer, [*context, *ids])
    return whole[len(base) :] if whole.startswith(base) else None


def _encode(tokenizer: Any, text: str) -> tuple[list[int], list[Span] | None]:
    found = tokenizer(
        text,
        add_special_tokens=False,
        truncation=False,
        return_offsets_mapping=bool(tokenizer.is_fast),
        verbose=False,
    )
    spans = [(int(a), int(b)) for a, b in found["offset_mapping"]] if tokenizer.is_fast else None
    return list(found["input_ids"]), spans


def _decode(tokenizer: Any, ids: Sequence[int]) -> str:
    text: str = tokenizer.decode(
        list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False
    )
    return text


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
