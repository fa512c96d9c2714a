"""Before the first paid call: does this server tell log-probabilities of the text that was sent?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from interplay.errors import BackendError, BadInput, InterplayError
from interplay.models.language import Prompt
from interplay.models.openai_server import alignment
from interplay.models.openai_server.batch import Outcome, Request
from interplay.models.openai_server.connection import Connection
from interplay.models.openai_server.payload import (
    CHAT,
    COMPLETIONS,
    FEW_LABELS,
    Content,
    Echoed,
    NotOffered,
    Way,
    Writer,
    echoed,
    generated,
    likeliest,
)

MODES: Final = ("auto", "echo", "prompt_logprobs", "labels", "text")

START: Final = "The old town lies"
ENDS: Final = (" north of the river", " south of the river")
# Their faults are not about one way of asking: no other way will do better.
FINAL: Final = (401, 403)


@dataclass(frozen=True)
class Probed:
    """The way that works, what the server's tokens show before a text, and why others do not."""

    way: Way
    before: str
    refusals: tuple[str, ...] = ()


class Probe:
    """Tiny requests that find the way to score with a server, or say why there is none."""

    def __init__(
        self, connection: Connection, writer: Writer, tokenizer: Any, tolerance: float
    ) -> None:
        self.connection = connection
        self.writer = writer
        self.tokenizer = tokenizer
        self.tolerance = tolerance

    def models(self) -> int | None:
        """Check the model's name where the server lists its models; return its longest text."""
        outcomes, failure = self.connection.ask([Request("/models", None)], attempts=4)
        fault = outcomes[0].fault
        if fault is not None and failure is not None and fault.status in (0, *FINAL):
            raise failure
        data = outcomes[0].data or {}
        listed = data.get("data")
        found = {}
        if isinstance(listed, list):
            found = {str(one["id"]): one for one in listed if isinstance(one, dict) and "id" in one}
        name = self.writer.model
        if found and name not in found:
            some = ", ".join(list(found)[:8]) + (", ..." if len(found) > 8 else "")
            raise BadInput(
                f"{self.connection.options.where} has no model {name!r}; it lists {some}"
            )
        longest = found.get(name, {}).get("max_model_len")
        return longest if isinstance(longest, int) and longest > 0 else None

    def find(self, mode: str, chat: bool) -> Probed:
        """Return the first way that works for plain texts, or for chats.

        Raises
        ------
        BadInput, BackendError
            none does, or one does but gives wrong log-probabilities.
        """
        refusals: list[str] = []
        error: InterplayError | None = None
        for way in self._ways(mode, chat):
            try:
                before = self._try(way)
            except _Refused as refused:
                error = error or refused.error
                refusals.append(f"{way}: {refused.error}")
                continue
            return Probed(way, before, tuple(refusals))
        assert error is not None
        if len(refusals) == 1 or not isinstance(error, NotOffered):
            raise error
        raise BackendError(
            f"{self.connection.options.where} can be used in none of the ways that were tried. "
            + "; ".join(refusals)
        )

    def _ways(self, mode: str, chat: bool) -> Iterable[Way]:
        ids = self.tokenizer is not None  # a chat's template is applied here then
        texts, chats = (CHAT,) if chat and not ids else (COMPLETIONS,), (CHAT,)
        ways = {
            "echo": [Way("echo", COMPLETIONS)] if ids or not chat else [],
            "prompt_logprobs": [Way("prompt_logprobs", where) for where in texts],
            "labels": [Way("labels", where) for where in dict.fromkeys(texts + chats)],
            "text": [Way("text", where) for where in dict.fromkeys(texts + chats)],
        }
        if mode == "auto":
            return [way for kind in ways.values() for way in kind]
        if not ways[mode]:
            raise BadInput(
                "mode='echo' scores plain texts, and this is a chat. Use mode='prompt_logprobs' "
                "(vLLM), or pass tokenizer=FOLDER, whose chat template then makes a text of it"
            )
        return ways[mode]

    def _try(self, way: Way) -> str:
        """Check one way; return what the server's tokens show before a text."""
        if way.kind == "text":
            self._check_text(way)
            return ""
        if way.kind == "labels":
            self._check_labels(way)
            return ""
        return self._check_scores(way)

    def _check_text(self, way: Way) -> None:
        content, _ = self._sample(way, 0)
        self._first(lambda: self.writer.text(way, content, 1), lambda data: generated(way, data))

    def _check_labels(self, way: Way) -> None:
        contents = [self._sample(way, i)[0] for i in (0, 1)]
        first = self._first(
            lambda: self.writer.score(way, contents[0]), lambda data: likeliest(way, data)
        )
        told = self._all([self.writer.score(way, contents[i]) for i in (1, 0, 0, 1)])
        found = [likeliest(way, data) for data in told]
        for one, other in ((first, found[1]), (first, found[2]), (found[0], found[3])):
            shared = one.keys() & other.keys()
            drift = max((abs(one[t] - other[t]) for t in shared), default=float("inf"))
            self._check_drift(drift)

    def _check_scores(self, way: Way) -> str:
        samples = [self._sample(way, i) for i in (0, 1)]

        def ask(i: int) -> Request:
            return self.writer.score(way, *samples[i])

        def read(i: int, data: dict[str, Any]) -> tuple[str, Echoed]:
            return self._read(way, samples[i], data)

        before: str
        first: Echoed
        before, first = self._first(lambda: ask(0), lambda data: read(0, data))
        order = (1, 0, 0, 1)
        told = [
            read(i, data)[1]
            for i, data in zip(order, self._all([ask(i) for i in order]), strict=True)
        ]
        for one, other in ((first, told[1]), (first, told[2]), (told[0], told[3])):
            if one.pieces != other.pieces:
                raise BackendError(self._unsteady("other tokens"))
            self._check_drift(_drift(one, other, len(one.pieces)))
        self._check_dependence(first, told[0])
        if way.endpoint == COMPLETIONS:
            self._check_generation(way, samples[0])
        return before

    def _read(
        self, way: Way, sample: tuple[Content, str], data: dict[str, Any]
    ) -> tuple[str, Echoed]:
        content, response = sample
        found = echoed(way, data)
        if isinstance(content, (str, Prompt)):
            alignment.spans(found.pieces, content if isinstance(content, str) else None, response)
        before: str | None = ""
        if isinstance(content, str):
            before = alignment.preamble(found.pieces, content + response)
        elif not isinstance(content, Prompt) and not same_ids(found, content):
            before = None
        if before is None:
            raise BackendError(
                "the server's log-probabilities are not for the text that was sent: it tells "
                f"{''.join(found.pieces)[:200]!r}, and what was sent is "
                f"{content + response if isinstance(content, str) else content!r}"
            )
        if any(value is None for value in found.logprobs[1:]):
            raise BackendError("the server leaves out log-probabilities of tokens after the first")
        return before, found

    def _check_dependence(self, one: Echoed, other: Echoed) -> None:
        """The two texts share their start: equal there, and not what no model would give."""
        shared = 0
        for a, b in zip(one.pieces, other.pieces, strict=False):
            if a != b:
                break
            shared += 1
        drift = _drift(one, other, shared)
        if not drift <= self.tolerance:
            raise BackendError(
                "the server's log-probabilities are not for the text that was sent: two texts with "
                f"the same start differ there by {drift:.3g} (tolerance {self.tolerance:g}). They "
                "may be those of the token after"
            )
        values = {value for value in one.logprobs if value is not None}
        if len(values) < 2:
            raise BackendError(
                f"the server gives every token the same log-probability, {values or 'none'}: these "
                "are not a model's"
            )

    def _check_generation(self, way: Way, sample: tuple[Content, str]) -> None:
        """What is most likely next has the same log-probability when it is sent as text.

        This finds values that belong to the token before or after: their texts are right.
        """
        content, response = sample
        if not isinstance(content, str):
            return
        text = content + response
        next_up = Way("labels", COMPLETIONS)
        outcomes, _ = self.connection.ask([self.writer.score(next_up, text)], attempts=4)
        try:
            likely = likeliest(next_up, outcomes[0].data or {})
        except BackendError:
            return  # nothing to compare with
        words = [t for t in likely if t.isascii() and t.strip() and not t.startswith("<")]
        for token in sorted(words, key=lambda t: -likely[t])[:3]:
            data = self._all([self.writer.score(way, text, token)])[0]
            found = echoed(way, data)
            if found.pieces[-1] != token and found.pieces[-1] != token.strip():
                continue  # read as other tokens when it is sent as text
            value = found.logprobs[-1]
            assert value is not None
            if abs(value - likely[token]) > self.tolerance:
                raise BackendError(
                    f"the server's log-probabilities are not for the text that was sent: "
                    f"{token!r} has {likely[token]:.4f} when it is generated, and {value:.4f} when "
                    "it is sent. They may be those of the token before or after"
                )
            return

    def _check_drift(self, drift: float) -> None:
        if not drift <= self.tolerance:
            raise BackendError(self._unsteady(f"log-probabilities that differ by {drift:.3g}"))

    def _unsteady(self, what: str) -> str:
        return (
            f"the server gives {what} for the same text, depending on what was asked before or at "
            f"the same time (tolerance {self.tolerance:g}). Turn prefix caching off (vLLM: "
            "--no-enable-prefix-caching; llama.cpp: a float32 cache, type_k=0 and type_v=0), or "
            "pass tolerance= if such values will do"
        )

    def _sample(self, way: Way, which: int) -> tuple[Content, str]:
        """One of two prompts with a response."""
        if way.endpoint == CHAT:
            if way.scores:
                prompt = Prompt((("user", START + " where?"),))
                return prompt, ENDS[which].strip()
            return Prompt((("user", START + ENDS[which]),)), ""
        text = START + ENDS[which]
        if self.tokenizer is not None:
            return list(self.tokenizer(text)["input_ids"]), ""
        return (START, ENDS[which]) if way.scores else (text, "")

    def _first(self, make: Any, read: Any) -> Any:
        """Ask for the first time in a way that may turn out not to be offered."""
        while True:
            request: Request = make()
            assert request.body is not None
            outcomes, failure = self.connection.ask([request], attempts=4)
            fault = outcomes[0].fault
            if failure is None:
                break
            if fault is None or fault.status in (0, *FINAL):
                raise failure
            words = fault.words
            if "max_completion_tokens" in words and self.writer.limit_name == "max_tokens":
                self.writer.limit_name = "max_completion_tokens"
            elif "temperature" in words and self.writer.temperature:
                self.writer.temperature = False
            elif "logprobs" in words and request.body.get("top_logprobs", 0) > FEW_LABELS:
                self.writer.labels[CHAT] = FEW_LABELS
            elif "insufficient_quota" in str(failure):
                raise failure
            else:
                raise _Refused(failure)
        self._learn(request, outcomes[0])
        try:
            return read(outcomes[0].data)
        except NotOffered as error:
            raise _Refused(error) from None

    def _learn(self, request: Request, outcome: Outcome) -> None:
        """A template adds no more than all that the server counted."""
        usage = (outcome.data or {}).get("usage")
        told = usage.get("prompt_tokens") if isinstance(usage, dict) else None
        if isinstance(told, int):
            self.writer.overhead = max(told + 8, 16) if request.path == CHAT else 8

    def _all(self, requests: Sequence[Request]) -> list[dict[str, Any]]:
        outcomes, failure = self.connection.ask(requests, attempts=4)
        if failure is not None:
            raise failure
        return [outcome.data or {} for outcome in outcomes]


class _Refused(Exception):
    def __init__(self, error: InterplayError) -> None:
        super().__init__(str(error))
        self.error = error


def same_ids(found: Echoed, ids: Sequence[int]) -> bool:
    """Whether the tokens are those that were sent, as far as the server tells."""
    if len(found.pieces) != len(ids):
        return False
    return found.ids is None or found.ids[1:] == list(ids[1:])


def _drift(one: Echoed, other: Echoed, count: int) -> float:
    pairs = zip(one.logprobs[:count], other.logprobs[:count], strict=False)
    return max((abs(a - b) for a, b in pairs if a is not None and b is not None), default=0.0)
