"""What is sent for each way of scoring, and what is read from the answer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from interplay.errors import BackendError
from interplay.models.language import Prompt
from interplay.models.openai_server.batch import Request
from interplay.models.openai_server.ledger import most_tokens

COMPLETIONS: Final = "/completions"
CHAT: Final = "/chat/completions"
# llama.cpp reads 0 as "without limit": one token is generated, and dropped
ONE: Final = 1
MOST_LABELS: Final = {COMPLETIONS: 5, CHAT: 20}
FEW_LABELS: Final = 5
# A log-probability of 1e-6 is rounding; one of 0.1 is none.
ROUNDING: Final = 1e-4


@dataclass(frozen=True)
class Way:
    """How a prompt is sent and what is asked for: ``kind`` at an ``endpoint``."""

    kind: str  # echo, prompt_logprobs, labels or text
    endpoint: str

    @property
    def scores(self) -> bool:
        """Whether whole responses are scored."""
        return self.kind in ("echo", "prompt_logprobs")

    def __str__(self) -> str:
        return f"{self.kind} at {self.endpoint}"


@dataclass(frozen=True)
class Echoed:
    """The tokens of a text that was sent; ``ids`` where the server tells them."""

    pieces: list[str]
    logprobs: list[float | None]
    ids: list[int] | None


class NotOffered(BackendError):
    """The server does not do this at all, which is no mistake of its own."""


Content = str | Sequence[int] | Prompt


class Writer:
    """Makes requests for one model.

    ``overhead`` is the most tokens that a template adds; ``quirks`` are parameters that the server
    wants otherwise.
    """

    def __init__(self, model: str) -> None:
        self.model = model
        self.overhead = 64
        self.limit_name = "max_tokens"
        self.labels = MOST_LABELS.copy()
        self.temperature = True

    def score(self, way: Way, content: Content, response: str = "") -> Request:
        """Ask for the log-probabilities of a prompt with its response."""
        body = self._body(way, content, ONE, response)
        if way.kind == "prompt_logprobs":
            body["prompt_logprobs"] = 0
        elif way.kind == "echo":
            body |= {"echo": True, "logprobs": 1}
        elif way.endpoint == CHAT:
            body |= {"logprobs": True, "top_logprobs": self.labels[CHAT]}
        else:
            body["logprobs"] = self.labels[COMPLETIONS]
        return self._request(way, body, content, response, ONE)

    def text(self, way: Way, content: Content, max_tokens: int) -> Request:
        """Ask for the most likely text."""
        return self._request(way, self._body(way, content, max_tokens, ""), content, "", max_tokens)

    def _body(self, way: Way, content: Content, max_tokens: int, response: str) -> dict[str, Any]:
        body: dict[str, Any] = {"model": self.model}
        if way.endpoint == CHAT:
            assert isinstance(content, Prompt)
            body["messages"] = [
                {"role": role or "user", "content": text} for role, text in content.messages
            ]
            if response:
                body["messages"].append({"role": "assistant", "content": response})
                body |= {"add_generation_prompt": False, "continue_final_message": True}
            body[self.limit_name] = max_tokens
        else:
            ids = not isinstance(content, (str, Prompt))
            text = content.text if isinstance(content, Prompt) else content
            body["prompt"] = list(text) if ids else f"{text}{response}"
            body["max_tokens"] = max_tokens
        if self.temperature:
            body["temperature"] = 0
        return body

    def _request(
        self, way: Way, body: dict[str, Any], content: Content, response: str, completion: int
    ) -> Request:
        if isinstance(content, Prompt):
            roles = way.endpoint == CHAT
            most = sum(most_tokens(text) + 16 * roles for _, text in content.messages)
        elif isinstance(content, str):
            most = most_tokens(content)
        else:
            most = len(content)
        most += most_tokens(response) if response else 0
        return Request(way.endpoint, body, most + self.overhead, completion)


def echoed(way: Way, data: Mapping[str, Any]) -> Echoed:
    """Read the tokens of the text that was sent, without what was generated after it.

    Raises
    ------
    BackendError
        there are none, or they are no log-probabilities.
    """
    choice = _choice(data)
    if way.kind == "prompt_logprobs":
        told = data.get("prompt_logprobs") or choice.get("prompt_logprobs")
        found = _prompt_logprobs(told)
    else:
        found = _echo(choice, data)
    for place, value in enumerate(found.logprobs):
        if value is None and place == 0:
            continue
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if value is None or not number or not math.isfinite(value) or value > ROUNDING:
            raise BackendError(
                f"the server gives {value!r} as the log-probability of token {place} "
                f"({found.pieces[place]!r}); it must be a number of at most 0"
            )
    return found


def generated(way: Way, data: Mapping[str, Any]) -> str:
    """Read the text that was generated."""
    choice = _choice(data)
    text = choice.get("text")
    if way.endpoint == CHAT:
        message = choice.get("message")
        text = message.get("content") if isinstance(message, dict) else None
        if text is None and isinstance(message, dict):
            text = ""  # a refusal, or nothing but a tool call
    if not isinstance(text, str):
        raise NotOffered("the server's answer has no text")
    return text


def likeliest(way: Way, data: Mapping[str, Any]) -> dict[str, float]:
    """Read the most likely first tokens of the answer with their log-probabilities.

    Raises
    ------
    BackendError
        the answer has none.
    """
    logprobs = _choice(data).get("logprobs")
    found: dict[str, float] = {}
    try:
        if way.endpoint == CHAT:
            first = logprobs["content"][0]  # type: ignore[index]
            pairs = [(one["token"], one["logprob"]) for one in first["top_logprobs"]]
            pairs.append((first["token"], first["logprob"]))
        else:
            pairs = list(logprobs["top_logprobs"][0].items())  # type: ignore[index]
        for token, value in pairs:
            found[str(token)] = max(float(value), found.get(str(token), -math.inf))
    except (TypeError, KeyError, IndexError, ValueError, AttributeError):
        found = {}
    if not found or not all(math.isfinite(v) and v <= ROUNDING for v in found.values()):
        raise NotOffered(
            "the server's answer has no log-probabilities of its most likely tokens (where the "
            "model ends at once, there may be none)"
        )
    return found


def _choice(data: Mapping[str, Any]) -> dict[str, Any]:
    choices = data.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise NotOffered("the server's answer has no choices")
    return choices[0]


def _prompt_logprobs(told: Any) -> Echoed:
    if not isinstance(told, list) or not told:
        raise NotOffered("the server's answer has no prompt_logprobs")
    pieces: list[str] = []
    values: list[float | None] = []
    ids: list[int] = []
    for place, one in enumerate(told):
        if one is None and place == 0:
            pieces.append("")
            values.append(None)
            ids.append(-1)
            continue
        try:
            (number, entry), *more = one.items()
            if more and entry.get("rank") is None:
                raise ValueError
            ids.append(int(number))
            pieces.append(str(entry["decoded_token"]))
            values.append(entry["logprob"])
        except (AttributeError, KeyError, TypeError, ValueError):
            raise BackendError(
                f"the server's prompt_logprobs do not say which token is number {place} of the "
                "prompt"
            ) from None
    return Echoed(pieces, values, ids)


def _echo(choice: Mapping[str, Any], data: Mapping[str, Any]) -> Echoed:
    logprobs = choice.get("logprobs")
    if not isinstance(logprobs, dict):
        raise NotOffered("the server's answer has no log-probabilities")
    pieces, values = logprobs.get("tokens"), logprobs.get("token_logprobs")
    if not isinstance(pieces, list) or not isinstance(values, list) or len(pieces) != len(values):
        raise BackendError("the server's log-probabilities are not one for each token")
    pieces = [str(piece) for piece in pieces]
    usage = data.get("usage")
    made = usage.get("completion_tokens") if isinstance(usage, dict) else None
    if not isinstance(made, int) or isinstance(made, bool):
        made = ONE
    if made >= len(pieces):
        raise NotOffered(
            "the server tells log-probabilities of generated tokens only, not of the text that "
            "was sent"
        )
    return Echoed(pieces[: len(pieces) - made], values[: len(pieces) - made], None)
