"""Hugging Face encoder-decoders: the prompt is encoded once, each response is read after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from interplay.errors import BadInput
from interplay.models.causal_passes import log_probabilities
from interplay.models.hf_language import HFLanguageModel
from interplay.models.hf_loading import Loaded
from interplay.models.language import Query, Response, Tokens
from interplay.models.responses import decoded, fixed
from interplay.value_function import FloatArray


class HFSeq2SeqLM(HFLanguageModel):
    """An encoder-decoder in Hugging Face format, with its tokenizer; made by :meth:`load`.

    All responses share what the encoder made of a prompt. Hidden positions are not attended to,
    by encoder and decoder. ``max_tokens`` bounds prompt and response each by itself. That padding
    leaves the scores as they are is tried once; where it does not, only prompts of one length
    share a batch.

    The decoder reads its start token, then the token that the configuration forces to be first
    (``forced_bos_token_id``) or else the special tokens that the tokenizer puts before a text, then
    the response.
    """

    _end_names = ("eos_token_id",)  # decoders may begin with BOS, after their start token

    auto = "AutoModelForSeq2SeqLM"
    kinds = ("ForConditionalGeneration",)
    what = "encoder-decoder language model"

    def __init__(self, loaded: Loaded) -> None:
        super().__init__(loaded)
        self._ragged: bool | None = None
        self._opening = self._decoder_opening()

    def fix(self, query: Query, text: str) -> Response:
        """Return ``text`` as the decoder's tokens, with the characters of each.

        A response is a text of its own here, so that nothing merges with the prompt. Raises as
        :meth:`HFCausalLM.fix` does.
        """
        return fixed(self.tokenizer, (), text, name=self.name, prompt="")

    def check_lengths_together(
        self, queries: Sequence[Tokens], responses: Sequence[Sequence[int]]
    ) -> None:
        """Raise BadInput if a prompt, or a response, is longer than the model reads."""
        way_out = "shorten it, or use a model that reads more"
        self.check_lengths([len(one.ids) for one in queries], what="a prompt", way_out=way_out)
        lengths = [len(self._opening) - 1 + len(ids) for ids in responses]
        self.check_lengths(lengths, what="a response", way_out=way_out)

    def _room(self, queries: Sequence[Tokens]) -> int | None:
        self.check_lengths_together(queries, ())
        return None if self.max_tokens is None else self.max_tokens - len(self._opening)

    def _decoded(self, query: Tokens, ids: Sequence[int]) -> Response:
        return decoded(self.tokenizer, (), ids)

    def _decoder_opening(self) -> list[int]:
        """What the decoder reads before a response."""
        config, generation = self.model.config, self.model.generation_config
        for name in ("decoder_start_token_id", "bos_token_id", "pad_token_id"):
            start = getattr(generation, name, None)
            start = getattr(config, name, None) if start is None else start
            if isinstance(start, list):
                start = start[0]
            if start is not None:
                break
        else:
            raise BadInput(
                f"{self.name!r} does not say what its decoder starts with; set "
                "decoder_start_token_id in its config.json"
            )
        forced = getattr(generation, "forced_bos_token_id", None)
        if forced is None:
            forced = getattr(config, "forced_bos_token_id", None)
        if forced is not None:
            return [int(start), int(forced)]
        return [int(start), *self._dressing()[0]]

    # --- scores

    def _score(
        self, queries: Sequence[Tokens], tails: Sequence[Sequence[int]], out: list[FloatArray]
    ) -> None:
        import torch

        with torch.inference_mode():
            self._score_padded(queries, tails, out, ragged=self._pads())

    def _score_padded(
        self,
        queries: Sequence[Tokens],
        tails: Sequence[Sequence[int]],
        out: list[FloatArray],
        *,
        ragged: bool,
    ) -> None:
        longest = max(map(len, tails))

        def work(batch: list[int]) -> None:
            encoded, mask = self._encoded([queries[q] for q in batch])
            for tail, values in zip(tails, out, strict=True):
                if tail:
                    rows = np.tile([*self._opening, *tail[:-1]], (len(batch), 1))
                    logits = self._decoder(encoded, mask, rows).logits
                    logits = logits[:, len(self._opening) - 1 :].flatten(0, 1)
                    tokens = self._tensor(np.tile(tail, len(batch)))
                    values[batch] = log_probabilities(logits, tokens).reshape(len(batch), -1)

        lengths = [self._cost(len(query.ids) + longest, longest) for query in queries]
        read = [len(query.ids) for query in queries]
        self._batches.run(lengths, work, equal=None if ragged else read)

    def _greedy(self, queries: Sequence[Tokens], max_tokens: int) -> list[list[int]]:
        import torch

        found: list[list[int]] = [[] for _ in queries]

        def work(batch: list[int]) -> None:
            encoded, mask = self._encoded([queries[q] for q in batch])
            rows = np.tile(self._opening, (len(batch), 1))
            texts: list[list[int]] = [[] for _ in batch]
            going = np.ones(len(batch), dtype=bool)
            past = None
            for _ in range(max_tokens):
                result = self._decoder(encoded, mask, rows, past=past, keep=True)
                tokens = result.logits[:, -1].argmax(dim=-1).cpu().numpy()
                going &= [token not in self.end_ids for token in tokens.tolist()]
                if not going.any():
                    break
                for row in np.flatnonzero(going):
                    texts[row].append(int(tokens[row]))
                past = result.past_key_values
                rows = tokens[:, None] if past is not None else np.c_[rows, tokens]
            for q, ids in zip(batch, texts, strict=True):
                found[q] = ids

        lengths = [self._cost(len(query.ids) + max_tokens, 1) for query in queries]
        with torch.inference_mode():
            read = [len(query.ids) for query in queries]
            self._batches.run(lengths, work, equal=None if self._pads() else read)
        return found

    def _encoded(self, queries: Sequence[Tokens]) -> tuple[Any, Any]:
        """What the encoder makes of the queries, and where it may be attended to."""
        width = max(len(query.ids) for query in queries)
        ids = np.zeros((len(queries), width), dtype=np.int64)
        visible = np.zeros((len(queries), width), dtype=np.int64)
        for row, query in enumerate(queries):
            ids[row, : len(query.ids)] = query.ids
            visible[row, : len(query.ids)] = 1
            visible[row, list(query.hidden)] = 0
        mask = self._tensor(visible)
        encoder = self.model.get_encoder()
        return encoder(input_ids=self._tensor(ids), attention_mask=mask, return_dict=True), mask

    def _decoder(
        self, encoded: Any, mask: Any, rows: Any, *, past: Any = None, keep: bool = False
    ) -> Any:
        return self.model(
            encoder_outputs=encoded,
            attention_mask=mask,
            decoder_input_ids=self._tensor(rows),
            past_key_values=past,
            use_cache=keep,
        )

    def _tensor(self, array: Any) -> Any:
        import torch

        return torch.from_numpy(np.array(array, dtype=np.int64)).to(self.device)

    def _pads(self) -> bool:
        """Whether padding leaves scores alone: tried once, on tokens drawn once and for all."""
        if self._ragged is None:
            import torch

            size = 4 if self.max_tokens is None else min(4, self.max_tokens // 3)
            if size < 1:
                return False
            rng = np.random.default_rng(0)
            queries = [
                Tokens(tuple(rng.integers(self._vocabulary, size=length).tolist()))
                for length in (size, 2 * size + 1)
            ]
            tails = [rng.integers(self._vocabulary, size=size).tolist()]
            plain, padded = np.empty((2, size)), np.empty((2, size))
            with torch.inference_mode():
                self._score_padded(queries, tails, [plain], ragged=False)
                self._score_padded(queries, tails, [padded], ragged=True)
            epsilon = float(torch.finfo(self.model.dtype).eps)
            tolerance = max(1e-4, 16 * epsilon) * max(1.0, float(np.abs(plain).max()))
            self._ragged = bool(np.abs(plain - padded).max() <= tolerance)
        return self._ragged
