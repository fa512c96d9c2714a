"""What scores responses: the protocol that local language models and servers share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from interplay.value_function import FloatArray, Span


@dataclass(frozen=True)
class Prompt:
    """What a language model is given: the messages of a chat, or one plain text.

    Attributes
    ----------
    messages : tuple of (role, text)
        In order. A plain text is one message whose role is ``""``: no chat template is applied.

    Examples
    --------
    >>> Prompt.plain("Once upon a time").text
    'Once upon a time'
    """

    messages: tuple[tuple[str, str], ...]

    @classmethod
    def plain(cls, text: str) -> Prompt:
        """Return the prompt that is just this text."""
        return cls((("", text),))

    @property
    def chat(self) -> bool:
        """Whether it is a chat, which the model's own template puts into one text."""
        return any(role for role, _ in self.messages)

    @property
    def text(self) -> str:
        """The texts of all messages, a line between them, without their roles."""
        return "\n".join(text for _, text in self.messages)


@dataclass(frozen=True)
class Tokens:
    """A prompt as a local model reads it.

    Attributes
    ----------
    ids : tuple of int
        Token ids, special tokens included.
    hidden : tuple of int
        Positions, in order, that keep their place but are attended to by none.
    """

    ids: tuple[int, ...]
    hidden: tuple[int, ...] = ()


@dataclass(frozen=True)
class Response:
    """A response whose tokens are fixed: what is scored after every masked prompt.

    Attributes
    ----------
    text : str
        As it follows the prompt, a space before it included.
    ids : tuple of int
        Its token ids, without an end token; empty where a server tells none.
    spans : tuple of (start, end)
        The characters of ``text`` that each token stands for.
    """

    text: str
    ids: tuple[int, ...]
    spans: tuple[Span, ...]


@dataclass(frozen=True, eq=False)
class Scored:
    """The log-probabilities of responses after each of m prompts, and what that cost.

    Attributes
    ----------
    logprobs : list of float64 (m, tokens)
        One array per response: the natural log-probability of each of its tokens. Rows that could
        not be had are NaN.
    tokens, usd : float64 (m,)
        What each row cost; None where it has no such price.
    failure : Exception or None
        Why rows are missing. What was received before is in the other rows.
    """

    logprobs: list[FloatArray]
    tokens: FloatArray | None = None
    usd: FloatArray | None = None
    failure: Exception | None = None


@dataclass(frozen=True, eq=False)
class Generated:
    """The texts that a model generates after each of m prompts; None where there is none."""

    texts: list[str | None]
    tokens: FloatArray | None = None
    usd: FloatArray | None = None
    failure: Exception | None = None


Query = Prompt | Tokens
"""What is scored: a server takes prompts, a local model the tokens that it reads."""


class LanguageModel(Protocol):
    """A model that gives a response to a prompt, and log-probabilities of a given one.

    Attributes
    ----------
    name : str
        What was asked for: the folder, ``hf:ID`` or ``openai:NAME``.
    fingerprint : str
        Changes whenever a score could change; holds no key.
    batch_size : int
        How many prompts it likes to be given at once.
    max_tokens : int or None
        The longest prompt and response together; None where nobody says.
    """

    name: str
    fingerprint: str
    batch_size: int
    max_tokens: int | None

    def read(self, prompts: Sequence[Prompt]) -> list[Query]:
        """Return the prompts as the model reads them."""
        ...

    def fix(self, query: Query, text: str) -> Response:
        """Return ``text`` as the tokens that follow ``query``.

        Raises BadInput where it has no tokens of its own there.
        """
        ...

    def respond(self, query: Query, *, max_tokens: int) -> Response:
        """Return the model's own most likely response, token by token, without its end token."""
        ...

    def score(self, queries: Sequence[Query], responses: Sequence[Response]) -> Scored:
        """Return the log-probabilities of each response after each query."""
        ...

    def generate(self, queries: Sequence[Query], *, max_tokens: int) -> Generated:
        """Return the most likely text after each query."""
        ...

    def forecast(
        self, queries: Sequence[Query], responses: Sequence[Response]
    ) -> dict[str, tuple[float, float]]:
        """Return what scoring will cost, ``"tokens"`` and ``"usd"``, as ``(low, high)`` in all."""
        ...
