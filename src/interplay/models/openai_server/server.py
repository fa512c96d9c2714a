"""A language model behind a server that speaks OpenAI's protocol."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import numpy as np

from interplay.errors import BadInput, check_whole, unknown
from interplay.fingerprint import identity_fingerprint
from interplay.models import responses as tokenized
from interplay.models.language import Generated, Prompt, Query, Response, Scored
from interplay.models.openai_server.batch import Request
from interplay.models.openai_server.connection import Connection
from interplay.models.openai_server.key import Key
from interplay.models.openai_server.ledger import Cap, Ledger, Prices
from interplay.models.openai_server.limits import Pace
from interplay.models.openai_server.options import (
    OPENAI,
    Options,
    address,
    model_name,
    positive,
)
from interplay.models.openai_server.payload import (
    CHAT,
    Content,
    Way,
    Writer,
    generated,
    likeliest,
)
from interplay.models.openai_server.probe import MODES, Probe, Probed
from interplay.models.openai_server.reading import (
    label_as_told,
    scores_of_ids,
    scores_of_text,
    text_scores,
)
from interplay.models.openai_server.tokenizing import digest, ids_of, load

# One batch of the evaluation loop is many rounds of requests: its last round waits for stragglers.
ROUNDS_PER_BATCH = 32
# The next prompts may take more tokens for their bytes than those so far.
MARGIN = 1.1


class OpenAIServer:
    """A model behind OpenAI's API or a server like it: vLLM, llama.cpp and others.

    Made by :meth:`connect`. A :class:`~interplay.models.language.LanguageModel`.

    Attributes
    ----------
    name : str
        ``openai:NAME``.
    fingerprint : str
        Digest of the server's host and path, the model's name, the way of scoring and the
        tokenizer. No key is in it.
    batch_size : int
        How many prompts it likes to be given at once.
    max_tokens : int or None
        The longest prompt and response together, where the server says.
    ledger : Ledger
        What all requests so far have cost.
    mode : str
        How prompts are scored: ``echo``, ``prompt_logprobs``, ``labels`` or ``text``.
    """

    def __init__(
        self, connection: Connection, writer: Writer, probe: Probe, mode: str, chat: bool
    ) -> None:
        options = connection.options
        self.name = f"openai:{options.model}"
        self.base_url = options.base_url
        self.ledger = connection.ledger
        self.batch_size = ROUNDS_PER_BATCH * connection.pace.concurrency
        self._connection, self._writer, self._probe = connection, writer, probe
        self._tokenizer = probe.tokenizer
        self._wanted = self.mode = mode
        self._probed: dict[bool, Probed] = {}
        self._bounded: tuple[str, int] | None = None
        self._warned = False
        self.max_tokens = probe.models()
        self.mode = self._ready(chat).way.kind
        url = urlsplit(options.base_url)
        identity = {
            "server": f"{url.hostname}:{url.port or ''}{url.path}",
            "model": options.model,
            "way": str(self._ready(chat).way),
            "tokenizer": digest(self._tokenizer),
            "version": 1,
        }
        self.fingerprint = identity_fingerprint(identity)

    @classmethod
    def connect(
        cls,
        name: str,
        *,
        base_url: str = OPENAI,
        api_key_env: str = "OPENAI_API_KEY",
        mode: str = "auto",
        chat: bool = False,
        tokenizer: Any = None,
        concurrency: int = 32,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        timeout: float = 120.0,
        connect_timeout: float = 10.0,
        max_attempts: int = 8,
        usd_per_million: tuple[float, float] | None = None,
        max_usd: float | None = None,
        tolerance: float = 0.01,
        seed: int = 0,
    ) -> Self:
        """Connect, and find out with a few tiny requests what the server can do.

        Parameters
        ----------
        name : str
            The model's name there, with or without ``openai:`` before it.
        base_url : str
            What comes before ``/completions``; most often it ends in ``/v1``.
        api_key_env : str
            The environment variable that holds the key; ``""`` to send none. It may be unset for
            servers without keys.
        mode : str
            ``"echo"`` (completions with ``echo``), ``"prompt_logprobs"`` (vLLM), ``"labels"`` (the
            most likely first tokens: single-token labels alone), ``"text"`` (no
            log-probabilities), or ``"auto"``: the first of these that works.
        chat : bool
            Whether the prompts will be chats; they are tried out when the first one comes
            otherwise.
        tokenizer : str, Path or tokenizer, optional
            The model's tokenizer (a folder, ``hf:OWNER/NAME``, or an object of transformers).
            Prompts and responses are then sent as token ids, and chats as its template makes them.
        concurrency : int
            The most requests in flight.
        requests_per_minute, tokens_per_minute : float, optional
            Limits of the account.
        timeout, connect_timeout : float
            Seconds that an answer, and a connection, may take.
        max_attempts : int
            How often one request is sent at most.
        usd_per_million : (float, float), optional
            USD for a million tokens of prompts, and of completions.
        max_usd : float, optional
            What this connection may spend in all, the first tiny requests included.
        tolerance : float
            How much log-probabilities of the same text may differ, in nats.
        seed : int
            Of the waiting times between attempts.

        Raises
        ------
        BadInput
            A wrong option, address, name or key.
        BackendError
            The server cannot be reached, or its log-probabilities are not to be trusted.
        MissingExtra
            If aiohttp is not installed.

        Examples
        --------
        >>> model = OpenAIServer.connect(
        ...     "llama", base_url="http://127.0.0.1:8000/v1"
        ... )  # doctest: +SKIP
        >>> model.mode  # doctest: +SKIP
        'echo'
        """
        if mode not in MODES:
            raise unknown("mode", mode, MODES)
        model = model_name(name)
        prices = Prices.of(usd_per_million)
        if max_usd is not None:
            positive("max_usd", max_usd)
            if prices is None:
                raise BadInput("max_usd needs prices: pass usd_per_million=(prompt, completion)")
        ledger = Ledger(prices)
        options = Options(
            base_url=address(base_url),
            model=model,
            key=Key.from_environment(api_key_env),
            connect_timeout=positive("connect_timeout", connect_timeout),
            read_timeout=positive("timeout", timeout),
            max_attempts=check_whole("max_attempts", max_attempts, 1),
            seed=seed,
        )
        at_once = check_whole("concurrency", concurrency, 1)
        pace = Pace(at_once, requests_per_minute, tokens_per_minute)
        positive("tolerance", tolerance)
        reader = load(tokenizer)
        connection = Connection(options, pace, ledger, Cap(ledger, max_usd))
        writer = Writer(model)
        try:
            return cls(connection, writer, Probe(connection, writer, reader, tolerance), mode, chat)
        except BaseException:
            connection.close()
            raise

    def __repr__(self) -> str:
        return f"OpenAIServer({self.name!r}, base_url={self.base_url!r}, mode={self.mode!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; nothing more can be asked."""
        self._connection.close()

    def allow(self, *, usd: float | None = None, tokens: float | None = None) -> bool:
        """Let so much more be spent from now on, at most; None is no limit.

        A request that could pass it, with all those in flight, is not sent: its row is NaN, and the
        ``failure`` a :class:`~interplay.errors.BudgetExceeded`. Returns True.

        Raises
        ------
        BadInput
            ``usd`` without prices.
        """
        self._connection.cap.allow(usd, tokens)
        return True

    def read(self, prompts: Sequence[Prompt]) -> list[Query]:
        """Return the prompts: the server tokenises them."""
        return list(prompts)

    def fix(self, query: Query, text: str) -> Response:
        """Return ``text`` with the characters of each of its tokens; asks the server once.

        Raises
        ------
        BadInput
            It shares a token with the prompt, or this server cannot score it.
        """
        prompt = _prompt(query)
        probed = self._ready(prompt.chat)
        if not text:
            raise BadInput("a response must have at least one character to be scored; got ''")
        if probed.way.kind == "text":
            raise BadInput(
                f"{self._connection.options.where} tells no log-probabilities, so no response can "
                "be scored. Use a target that reads the generated text (similarity, or a "
                f"callable).{_why(probed)}"
            )
        if probed.way.kind == "labels":
            request = self._writer.score(probed.way, self._content(prompt, "", probed.way)[0])
            return label_as_told(likeliest(probed.way, self._once(request)), text, _why(probed))
        if self._tokenizer is not None:
            before = ids_of(self._tokenizer, prompt)
            known = None if prompt.chat else prompt.text
            return tokenized.fixed(self._tokenizer, before, text, name=self.name, prompt=known)
        request = self._writer.score(probed.way, *self._content(prompt, text, probed.way))
        spans, ids, _ = text_scores(prompt, text, probed, self._once(request))
        return Response(text, ids, tuple(spans))

    def respond(self, query: Query, *, max_tokens: int) -> Response:
        """Return the model's own most likely response, without its end token.

        Raises
        ------
        BadInput
            It answers with nothing.
        """
        prompt = _prompt(query)
        way = self._ready(prompt.chat).way
        content = self._content(prompt, "", way)[0]
        text = generated(way, self._once(self._writer.text(way, content, max_tokens)))
        if not text.strip():
            raise BadInput(f"the response of {self.name!r} to this prompt is empty")
        if way.scores:
            return self.fix(prompt, text)
        return Response(text, (), ((0, len(text)),))

    def score(self, queries: Sequence[Query], responses: Sequence[Response]) -> Scored:
        """Return the log-probabilities of each response after each query.

        Equal prompts are asked once. Rows that were not answered are NaN; ``failure`` says why.
        """
        prompts = [_prompt(query) for query in queries]
        values = [np.full((len(prompts), max(len(r.spans), 1)), np.nan) for r in responses]
        tokens, usd = np.zeros(len(prompts)), np.zeros(len(prompts))
        places: dict[tuple[Prompt, int], list[int]] = {}
        for row, prompt in enumerate(prompts):
            labels = self._ready(prompt.chat).way.kind == "labels"
            for which in range(1 if labels else len(responses)):
                places.setdefault((prompt, which), []).append(row)
        asked = list(places)
        requests = [self._question(prompt, responses[which]) for prompt, which in asked]

        def read(number: int, data: dict[str, Any]) -> list[list[float]]:
            prompt, which = asked[number]
            probed = self._ready(prompt.chat)
            if probed.way.kind == "labels":
                return self._labels(likeliest(probed.way, data), responses)
            response = responses[which]
            if self._tokenizer is None:
                return [scores_of_text(prompt, response, probed, data)]
            sent = [*ids_of(self._tokenizer, prompt), *response.ids]
            return [scores_of_ids(sent, len(response.ids), probed, data)]

        outcomes, failure = self._connection.ask(requests, read=read)
        for ((_, which), rows), outcome in zip(places.items(), outcomes, strict=True):
            tokens[rows[0]] += outcome.tokens
            usd[rows[0]] += outcome.usd
            for place, value in enumerate(outcome.value or ()):
                values[which + place][rows] = value
        self._warn()
        return Scored(values, tokens, usd if self.ledger.prices else None, failure)

    def generate(self, queries: Sequence[Query], *, max_tokens: int) -> Generated:
        """Return the most likely text after each query; equal prompts are asked once."""
        prompts = [_prompt(query) for query in queries]
        texts: list[str | None] = [None] * len(prompts)
        tokens, usd = np.zeros(len(prompts)), np.zeros(len(prompts))
        places: dict[Prompt, list[int]] = {}
        for row, prompt in enumerate(prompts):
            places.setdefault(prompt, []).append(row)
        requests = []
        for prompt in places:
            way = self._ready(prompt.chat).way
            content = self._content(prompt, "", way)[0]
            requests.append(self._writer.text(way, content, max_tokens))
        asked = list(places)

        def read(number: int, data: dict[str, Any]) -> str:
            return generated(self._ready(asked[number].chat).way, data)

        outcomes, failure = self._connection.ask(requests, read=read)
        for rows, outcome in zip(places.values(), outcomes, strict=True):
            tokens[rows[0]], usd[rows[0]] = outcome.tokens, outcome.usd
            for row in rows:
                texts[row] = outcome.value
        return Generated(texts, tokens, usd if self.ledger.prices else None, failure)

    def forecast(
        self, queries: Sequence[Query], responses: Sequence[Response]
    ) -> dict[str, tuple[float, float]]:
        """Return what scoring will cost in all, ``"tokens"`` and, with prices, ``"usd"``.

        Before the first answer the upper end is one token per byte, which is never passed; then it
        is a little more than the prompts so far took for their bytes.
        """
        seen = set()
        prompt = completion = 0
        for query in queries:
            asked = _prompt(query)
            labels = self._ready(asked.chat).way.kind == "labels"
            for response in responses[:1] if labels else responses:
                if (asked, response.text) not in seen:
                    seen.add((asked, response.text))
                    request = self._question(asked, response)
                    prompt += request.prompt
                    completion += request.completion
        low, high = self.ledger.density
        low, high = (low / MARGIN, min(high * MARGIN, 1.0)) if high else (0.1, 1.0)
        told = {"tokens": (low * prompt, high * prompt + completion)}
        prices = self.ledger.prices
        if prices is not None:
            told["usd"] = (prices.usd(low * prompt, 0), prices.usd(high * prompt, completion))
        return told

    def _warn(self) -> None:
        """Say once that values of labels may be bounds."""
        if self._bounded is not None and not self._warned:
            self._warned = True
            label, count = self._bounded
            warnings.warn(
                f"label {label!r} is not among the {count} most likely tokens that {self.name!r} "
                "tells after some prompts: the least of these stands for it, and it may be less "
                "likely (ledger.bounded counts these)",
                stacklevel=3,
            )

    def _ready(self, chat: bool) -> Probed:
        """The way for plain texts, or chats; tried out once for each."""
        if self._tokenizer is not None:
            chat = False
        if chat not in self._probed:
            self._probed[chat] = self._probe.find(self._wanted, chat)
        return self._probed[chat]

    def _question(self, prompt: Prompt, response: Response) -> Request:
        way = self._ready(prompt.chat).way
        if way.kind == "labels":
            return self._writer.score(way, self._content(prompt, "", way)[0])
        if self._tokenizer is not None:
            return self._writer.score(way, [*ids_of(self._tokenizer, prompt), *response.ids])
        return self._writer.score(way, *self._content(prompt, response.text, way))

    def _content(self, prompt: Prompt, response: str, way: Way) -> tuple[Content, str]:
        if way.endpoint == CHAT:
            return prompt, response
        if self._tokenizer is not None:
            return ids_of(self._tokenizer, prompt), response
        if prompt.chat:
            raise BadInput(
                "a chat cannot be sent to /completions: pass tokenizer=FOLDER, whose chat template "
                "makes a text of it"
            )
        return prompt.text, response

    def _once(self, request: Request) -> dict[str, Any]:
        outcomes, failure = self._connection.ask([request])
        if failure is not None:
            raise failure
        return outcomes[0].data or {}

    def _labels(self, told: dict[str, float], responses: Sequence[Response]) -> list[list[float]]:
        found = []
        for response in responses:
            value = told.get(response.text)
            if value is None:
                value = min(told.values())
                self.ledger.bounded += 1
                self._bounded = response.text, len(told)
            found.append([min(value, 0.0)])
        return found


def _prompt(query: Query) -> Prompt:
    if not isinstance(query, Prompt):
        raise BadInput(
            "a server is given prompts, as text: hiding tokens from attention needs a local model"
        )
    return query


def _why(probed: Probed) -> str:
    return f" Other ways: {'; '.join(probed.refusals)}" if probed.refusals else ""
