"""The values of a response in an answer, once it is sure that they are of what was sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from interplay.errors import BackendError, BadInput
from interplay.models.language import Prompt, Response
from interplay.models.openai_server import alignment
from interplay.models.openai_server.payload import CHAT, echoed
from interplay.models.openai_server.probe import Probed, same_ids
from interplay.value_function import Span


def text_scores(
    prompt: Prompt, text: str, probed: Probed, data: dict[str, Any]
) -> tuple[list[Span], tuple[int, ...], list[float]]:
    """Read the response's tokens: their characters, ids where told, and values."""
    found = echoed(probed.way, data)
    if probed.way.endpoint == CHAT:
        squeezed = "".join("".join(found.pieces).split())
        for _, part in prompt.messages:
            if all(map(alignment.whole, found.pieces[1:])) and (
                "".join(part.split()) not in squeezed
            ):
                raise BackendError(
                    "the server's log-probabilities are not for the chat that was sent: "
                    f"{part[:100]!r} is not in it"
                )
        spans = alignment.spans(found.pieces, None, text)
    else:
        spans = alignment.spans(found.pieces, prompt.text, text)
        before = alignment.preamble(found.pieces, prompt.text + text)
        if before is None or before not in (probed.before, ""):
            raise BackendError(
                "the server's log-probabilities are not for the text that was sent: it tells "
                f"{''.join(found.pieces)[:200]!r} and was sent "
                f"{(prompt.text + text)[:200]!r}"
            )
    count = len(spans)
    ids = tuple(found.ids[-count:]) if found.ids is not None else ()
    return spans, ids, _values(found.logprobs[-count:])


def scores_of_text(
    prompt: Prompt, response: Response, probed: Probed, data: dict[str, Any]
) -> list[float]:
    """The values of an answer to a text, whose last tokens must be the response's."""
    spans, ids, scores = text_scores(prompt, response.text, probed, data)
    if tuple(spans) != response.spans or (response.ids and ids != response.ids):
        raise BadInput(
            f"the response {response.text[:60]!r} is read as other tokens after one of the "
            f"masked prompts, which ends in {prompt.text[-40:]!r}. Let a fixed part come right "
            "before the response, or pass tokenizer=FOLDER so that token ids are sent"
        )
    return scores


def scores_of_ids(
    sent: Sequence[int], count: int, probed: Probed, data: dict[str, Any]
) -> list[float]:
    """The values of the last ``count`` token ids of those that were sent."""
    found = echoed(probed.way, data)
    if not same_ids(found, sent):
        raise BackendError(
            f"the server tells log-probabilities of {len(found.pieces)} tokens that are "
            "not those that were sent: is tokenizer= the one of its model?"
        )
    return _values(found.logprobs[-count:])


def label_as_told(told: Mapping[str, float], text: str, why: str) -> Response:
    """Return a label as one of the tokens that are told, in the spelling that is there."""
    for spelling in (text, text.strip(), f" {text.strip()}"):
        if spelling in told:
            return Response(spelling, (), ((0, len(spelling)),))
    top = max(told, key=lambda token: told[token])
    if top.strip() and text.strip().startswith(top.strip()):
        raise BadInput(
            f"{text!r} is more than one token (the first is {top!r}), and this server tells "
            f"log-probabilities of the first token of an answer only: use labels of one token "
            f"each.{why}"
        )
    return Response(text, (), ((0, len(text)),))


def _values(logprobs: Sequence[float | None]) -> list[float]:
    values = [min(value, 0.0) for value in logprobs if value is not None]
    if len(values) < len(logprobs):
        raise BadInput(
            "the response's first token has no log-probability, for nothing is before it: keep "
            "a fixed part before the response"
        )
    return values
