"""What local language models share: reading prompts, fixing responses, checks, one query each."""

from __future__ import annotations

from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from interplay.errors import BadInput, check_whole
from interplay.models.batching import Batches
from interplay.models.hf_loading import Loaded
from interplay.models.hf_model import HFModel
from interplay.models.language import Generated, Prompt, Query, Response, Scored, Tokens
from interplay.models.responses import decoded, fixed
from interplay.value_function import FloatArray

# Tokens in one forward pass, padding included, by device. On CPUs what a pass makes should stay in
# the cache: 512 to 1,024 tokens were fastest for networks of .3 to 1 M parameters.
TOKENS = {"cpu": 1024, "cuda": 32768}
# Logits in float32 take memory too: so many of them count as one token.
LOGITS_PER_TOKEN = 8192
# How many prompts are worth a call: enough to find some of equal length.
PROMPTS = {"cpu": 128, "cuda": 512}
# Prompts of which the text is kept, for responses that are fixed after them.
REMEMBERED = 16


class HFLanguageModel(HFModel):
    """A language model in Hugging Face format that runs here.

    Attributes
    ----------
    batch_size : int
        How many prompts it likes to be given at once; batches of the network are made by tokens.
    end_ids : frozenset of int
        The tokens that end a response: what configuration and tokenizer call the end, and the
        beginning of another text.
    """

    dtype_on_gpu = "bfloat16"

    # a model that tells one text after the other begins the next one with BOS
    _end_names: tuple[str, ...] = ("eos_token_id", "bos_token_id")

    def __init__(self, loaded: Loaded) -> None:
        super().__init__(loaded)
        kind = loaded.device.partition(":")[0]
        self.batch_size = PROMPTS.get(kind, PROMPTS["cpu"])
        self.end_ids = self._ends()
        self._batches = Batches(loaded.name, TOKENS.get(kind, TOKENS["cpu"]))
        self._texts: OrderedDict[tuple[int, ...], str] = OrderedDict()
        self._vocabulary = self.check_vocabulary(())

    # --- prompts and responses as tokens

    def read(self, prompts: Sequence[Prompt]) -> list[Query]:
        """Return the token ids of each prompt, never truncated.

        A plain text gets the tokenizer's own special tokens, but none that ends it; a chat is put
        into one text by the tokenizer's chat template, which then asks for the answer.

        Raises
        ------
        BadInput
            For a chat where the tokenizer has no chat template, or the template refuses it; for
            a prompt without any token where there is no token to stand for it.
        """
        texts = [self._templated(one) if one.chat else one.text for one in prompts]
        encoded: list[list[int]] = [[] for _ in prompts]
        for chat in (False, True):
            rows = [i for i, one in enumerate(prompts) if one.chat is chat]
            # a template writes the special tokens itself
            found = self.encode([texts[i] for i in rows], special=not chat)
            for row, ids in zip(rows, found, strict=True):
                encoded[row] = self.not_empty(ids if chat else self._open(ids))
        for ids, text in zip(encoded[:REMEMBERED], texts, strict=False):
            self._texts[tuple(ids)] = text
        while len(self._texts) > REMEMBERED:
            self._texts.popitem(last=False)
        return [Tokens(tuple(ids)) for ids in encoded]

    def fix(self, query: Query, text: str) -> Response:
        """Return ``text`` as the tokens that follow ``query``, with the characters of each.

        Raises
        ------
        BadInput
            If the text is empty, has no tokens of its own there (its first token merges with the
            prompt's last), holds a special token, or characters that the tokenizer does not know.
        """
        ids = _tokens(query).ids
        return fixed(self.tokenizer, ids, text, name=self.name, prompt=self._texts.get(ids))

    def respond(self, query: Query, *, max_tokens: int) -> Response:
        """Return the most likely next token, again and again, until an end token (left out).

        At most ``max_tokens`` tokens, and no more than the model reads.

        Raises
        ------
        BadInput
            If the prompt leaves no room for a response, or ``max_tokens`` is below 1.
        """
        (ids,) = self._generated([query], max_tokens)
        return self._decoded(_tokens(query), ids)

    def generate(self, queries: Sequence[Query], *, max_tokens: int) -> Generated:
        """Return the most likely text after each query, without special tokens.

        ``tokens`` counts what was read and generated. Raises as :meth:`respond` does.
        """
        found = self._generated(queries, max_tokens)
        texts: list[str | None] = []
        for query, ids in zip(queries, found, strict=True):
            plain = [one for one in ids if one not in self._special]
            texts.append(self._decoded(_tokens(query), plain).text)
        read = [
            len(_tokens(query).ids) + len(ids) for query, ids in zip(queries, found, strict=True)
        ]
        return Generated(texts, tokens=np.array(read, dtype=np.float64))

    # --- scores

    def score(self, queries: Sequence[Query], responses: Sequence[Response]) -> Scored:
        """Return the natural log-probability of each token of each response after each query.

        Equal queries are scored once. Values agree to 1e-4 (float32) whatever the order and the
        batch. ``tokens`` counts each prompt and its responses once.

        Raises
        ------
        BadInput
            If a prompt and a response are longer together than the model reads, or a token is not
            in its vocabulary.
        BackendError
            If memory does not suffice for a single sequence.

        Examples
        --------
        >>> model = HFCausalLM.load("folder")  # doctest: +SKIP
        >>> (query,) = model.read([Prompt.plain("Once upon a")])  # doctest: +SKIP
        >>> response = model.fix(query, " time")  # doctest: +SKIP
        >>> model.score([query], [response]).logprobs[0].shape  # doctest: +SKIP
        (1, 1)
        """
        wanted = [_tokens(query) for query in queries]
        distinct = {query: row for row, query in enumerate(dict.fromkeys(wanted))}
        rows = np.array([distinct[query] for query in wanted], dtype=np.int64)
        tails = [response.ids for response in responses]
        self.check_lengths_together(list(distinct), tails)
        self.check_vocabulary(set().union(*(one.ids for one in distinct), *tails))
        out = [np.zeros((len(distinct), len(ids))) for ids in tails]
        if distinct and any(tails):
            self._score([self._seen(query) for query in distinct], tails, out)
        return Scored([values[rows] for values in out], tokens=_read(wanted, responses))

    def forecast(
        self, queries: Sequence[Query], responses: Sequence[Response]
    ) -> dict[str, tuple[float, float]]:
        """Return the tokens that scoring reads: each prompt and its responses once."""
        total = float(_read([_tokens(query) for query in queries], responses).sum())
        return {"tokens": (total, total)}

    def check_lengths_together(
        self, queries: Sequence[Tokens], responses: Sequence[Sequence[int]]
    ) -> None:
        """Raise BadInput if a prompt and a response are longer than the model reads."""
        prompt = max((len(query.ids) for query in queries), default=0)
        response = max(map(len, responses), default=0)
        self.check_lengths(
            [prompt + response],
            what=f"a prompt of {prompt} tokens with a response of {response}",
            way_out="shorten the context or the response, or use a model that reads more",
        )

    # --- what each kind of model does in its own way

    @abstractmethod
    def _score(
        self, queries: Sequence[Tokens], tails: Sequence[Sequence[int]], out: list[FloatArray]
    ) -> None:
        """Write the log-probabilities of ``tails`` after distinct queries into ``out``."""

    @abstractmethod
    def _greedy(self, queries: Sequence[Tokens], max_tokens: int) -> list[list[int]]:
        """Return the most likely tokens after distinct queries, end tokens left out."""

    def _room(self, queries: Sequence[Tokens]) -> int | None:
        """How many tokens a response to any of the queries may have; None: no limit."""
        if self.max_tokens is None:
            return None
        return self.max_tokens - max((len(query.ids) for query in queries), default=0)

    def _decoded(self, query: Tokens, ids: Sequence[int]) -> Response:
        return decoded(self.tokenizer, query.ids, ids)

    def _generated(self, queries: Sequence[Query], max_tokens: int) -> list[list[int]]:
        check_whole("max_tokens", max_tokens, 1)
        wanted = [_tokens(query) for query in queries]
        distinct = {query: row for row, query in enumerate(dict.fromkeys(wanted))}
        self.check_vocabulary(set().union(*(one.ids for one in distinct)))
        room = self._room(list(distinct))
        if room is not None and room < 1:
            raise BadInput(
                f"a prompt has {max(len(query.ids) for query in distinct)} tokens, and "
                f"{self.name!r} reads at most {self.max_tokens}, so that there is no room for a "
                "response; shorten the prompt, or use a model that reads more"
            )
        limit = max_tokens if room is None else min(max_tokens, room)
        found = self._greedy([self._seen(query) for query in distinct], limit) if distinct else []
        return [found[distinct[query]] for query in wanted]

    def _seen(self, query: Tokens) -> Tokens:
        """Return the query with something to attend to, also where all of it is hidden."""
        if len(query.hidden) < len(query.ids):
            return query
        (stand_in,) = self.not_empty([])
        return Tokens((*query.ids[:-1], stand_in), query.hidden[:-1])

    def _cost(self, length: int, targets: int) -> int:
        return length + targets * self._vocabulary // LOGITS_PER_TOKEN

    @property
    def _special(self) -> frozenset[int]:
        return frozenset(self.tokenizer.all_special_ids)

    def _ends(self) -> frozenset[int]:
        found: set[int] = set()
        generation = getattr(self.model, "generation_config", None)
        for source in (generation, self.model.config.get_text_config(), self.tokenizer):
            for name in self._end_names:
                value = getattr(source, name, None)
                several = value if isinstance(value, (list, tuple)) else [value]
                found.update(int(one) for one in several if one is not None)
        return frozenset(found)

    def _dressing(self) -> tuple[list[int], list[int]]:
        """The special tokens that the tokenizer puts before and behind a text."""
        bare, dressed = self.encode(["a"], special=False)[0], self.encode(["a"])[0]
        for start in range(len(dressed) - len(bare) + 1):
            end = start + len(bare)
            if dressed[start:end] == bare:
                return dressed[:start], dressed[end:]
        return [], []

    def _open(self, ids: list[int]) -> list[int]:
        """Token ids without the special tokens that a tokenizer puts behind a text."""
        return ids

    def _templated(self, prompt: Prompt) -> str:
        if not getattr(self.tokenizer, "chat_template", None):
            raise BadInput(
                f"the tokenizer of {self.name!r} has no chat template, so it cannot read the "
                f"messages of a chat ({', '.join(role or 'no role' for role, _ in prompt.messages)}"
                "); give a plain text, or use a model that was trained to chat"
            )
        messages = [{"role": role, "content": text} for role, text in prompt.messages]
        try:
            text: str = self.tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True
            )
        except Exception as error:  # jinja2's, raised by the template itself
            raise BadInput(
                f"the chat template of {self.name!r} refuses the messages: {error}. Check their "
                "roles and order (many models take no system message, or user and assistant in "
                "turn)"
            ) from error
        return text


def _tokens(query: Query) -> Tokens:
    if isinstance(query, Tokens):
        return query
    raise BadInput(
        f"a local model is given tokens, not {type(query).__name__}; make them with read()"
    )


def _read(queries: Sequence[Tokens], responses: Sequence[Response]) -> FloatArray:
    more = sum(len(response.ids) for response in responses)
    return np.array([len(query.ids) + more for query in queries], dtype=np.float64)
