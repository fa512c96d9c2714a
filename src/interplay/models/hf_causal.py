"""Hugging Face causal language models: log-probabilities of fixed tokens after many prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from interplay.models.batching import out_of_memory
from interplay.models.causal_passes import IntArray, Passes, log_probabilities, rows_of
from interplay.models.causal_ways import Ways, tried
from interplay.models.hf_language import HFLanguageModel
from interplay.models.hf_loading import Loaded
from interplay.models.language import Tokens
from interplay.value_function import BoolArray, FloatArray


@dataclass(frozen=True)
class Beginning:
    """What all queries of a call begin with: so many tokens, and the cache after them."""

    length: int = 0
    cache: Any = None

    @property
    def saved(self) -> int:
        """How many tokens less a row takes: its beginning is kept, not read."""
        return 3 * self.length // 4


@dataclass
class _Read:
    """Queries that were read: what can go on from them."""

    logits: Any  # (m, vocabulary), after each query
    cache: Any
    visible: BoolArray
    ends: IntArray  # the next position of each row


class HFCausalLM(HFLanguageModel):
    """A causal language model in Hugging Face format, with its tokenizer; made by :meth:`load`.

    What all queries of a call begin with is read once, and its key-value cache is kept for the
    next call that begins alike. Several responses share the pass over their query. Sequences are
    padded on the right, where causal attention cannot see it. That all this leaves the network's
    scores as they are is tried once; what does not is not used.

    Hidden positions are attended to by none, and predict nothing: the first token of a response
    is predicted from the last position that is not hidden. Networks that take no ``position_ids``
    (Bloom) may count positions without the hidden ones.
    """

    auto = "AutoModelForCausalLM"
    kinds = ("ForCausalLM", "LMHeadModel")
    what = "causal language model"

    def __init__(self, loaded: Loaded) -> None:
        super().__init__(loaded)
        self._passes = Passes(loaded.network, loaded.device)
        self._tried: Ways | None = None
        self._last: tuple[Tokens, Any] | None = None
        self._behind = len(self._dressing()[1])

    def _open(self, ids: list[int]) -> list[int]:
        return ids[: len(ids) - self._behind]

    # --- scores

    def _score(
        self, queries: Sequence[Tokens], tails: Sequence[Sequence[int]], out: list[FloatArray]
    ) -> None:
        import torch

        ways = self._ways()
        with torch.inference_mode():
            beginning = self._beginning(queries, ways)
            if len(tails) > 1 and ways.reuse != "no":
                self._score_after(queries, tails, out, beginning, ways)
            else:
                self._score_whole(queries, tails, out, beginning, ways)

    def _score_whole(
        self,
        queries: Sequence[Tokens],
        tails: Sequence[Sequence[int]],
        out: list[FloatArray],
        beginning: Beginning,
        ways: Ways,
    ) -> None:
        """Each query with each response as one sequence."""
        items = [(q, r) for r, tail in enumerate(tails) if tail for q in range(len(queries))]

        def work(batch: list[int]) -> None:
            chosen = [items[i] for i in batch]
            following = [tails[r][:-1] for _, r in chosen]
            own = [queries[q] for q, _ in chosen]
            ids, visible, positions = self._arrays(own, following, beginning)
            width = ids.shape[1]
            targets = np.concatenate(
                [
                    row * width - beginning.length
                    + np.r_[_last(query), len(query.ids) : len(query.ids) + len(more)]
                    for row, (query, more) in enumerate(zip(own, following, strict=True))
                ]
            )  # fmt: skip
            logits, _ = self._passes(
                ids, targets, visible=visible, positions=positions,
                past=self._past(beginning, len(batch)),
            )  # fmt: skip
            tokens = self._passes.tensor(np.concatenate([tails[r] for _, r in chosen]))
            values = log_probabilities(logits, tokens)
            start = 0
            for q, r in chosen:
                out[r][q] = values[start : start + len(tails[r])]
                start += len(tails[r])

        read = [len(queries[q].ids) + len(tails[r]) - 1 for q, r in items]
        lengths = [
            self._cost(length, len(tails[r])) - beginning.saved
            for length, (_, r) in zip(read, items, strict=True)
        ]
        self._batches.run(lengths, work, equal=None if ways.ragged else read)

    def _score_after(
        self,
        queries: Sequence[Tokens],
        tails: Sequence[Sequence[int]],
        out: list[FloatArray],
        beginning: Beginning,
        ways: Ways,
    ) -> None:
        """Each query once; the responses go on from its cache, all but their first tokens."""
        longest = max(map(len, tails))

        def work(batch: list[int]) -> None:
            read = self._read([queries[q] for q in batch], beginning)
            for tail, values in zip(tails, out, strict=True):
                if not tail:
                    continue
                first = self._passes.tensor(np.full(len(batch), tail[0]))
                values[batch, 0] = log_probabilities(read.logits, first)
                if len(tail) == 1:
                    continue
                following = np.tile(np.array(tail[:-1], dtype=np.int64), (len(batch), 1))
                logits, _ = self._follow(read, following, rows_of(read.cache, slice(None)))
                tokens = self._passes.tensor(np.tile(tail[1:], len(batch)))
                values[batch, 1:] = log_probabilities(logits, tokens).reshape(len(batch), -1)

        read = [len(query.ids) for query in queries]
        lengths = [self._cost(one + longest, longest) - beginning.saved for one in read]
        self._batches.run(lengths, work, equal=read if ways.reuse == "equal" else None)

    def _read(self, queries: Sequence[Tokens], beginning: Beginning) -> _Read:
        ids, visible, positions = self._arrays(queries, [()] * len(queries), beginning)
        width = ids.shape[1]
        targets = np.array(
            [row * width - beginning.length + _last(query) for row, query in enumerate(queries)]
        )
        logits, cache = self._passes(
            ids, targets, visible=visible, positions=positions,
            past=self._past(beginning, len(queries)), keep=True,
        )  # fmt: skip
        if visible is None:
            visible = _visible(queries, [()] * len(queries), beginning.length + width)
        return _Read(logits, cache, visible, np.array([len(query.ids) for query in queries]))

    def _follow(self, read: _Read, ids: IntArray, past: Any) -> tuple[Any, Any]:
        """Return the logits at each of the tokens that follow what was read, and the cache."""
        m, k = ids.shape
        seen = np.concatenate([read.visible, np.ones((m, k), dtype=bool)], axis=1)
        return self._passes(
            ids,
            np.arange(m * k),
            visible=None if seen.all() else seen,
            positions=read.ends[:, None] + np.arange(k),
            past=past,
            keep=True,
        )

    def _arrays(
        self, queries: Sequence[Tokens], following: Sequence[Sequence[int]], beginning: Beginning
    ) -> tuple[IntArray, BoolArray | None, IntArray | None]:
        """Token ids without the beginning, what is visible (None: all), and positions."""
        start = beginning.length
        sequences = [(*q.ids[start:], *more) for q, more in zip(queries, following, strict=True)]
        width = max(map(len, sequences))
        ids = np.zeros((len(sequences), width), dtype=np.int64)
        for row, sequence in enumerate(sequences):
            ids[row, : len(sequence)] = sequence
        hides = any(query.hidden for query in queries)
        visible = _visible(queries, following, start + width) if hides else None
        # networks that are told nothing count from what they have seen
        told = hides or start
        positions = np.broadcast_to(np.arange(start, start + width), ids.shape) if told else None
        return ids, visible, positions

    # --- what queries share

    def _beginning(self, queries: Sequence[Tokens], ways: Ways) -> Beginning:
        """Read what all queries begin with, once; the last one is kept.

        Only the very same beginning is used again: part of another would differ in its last
        digits, so that a value would depend on the calls before.
        """
        if ways.reuse == "no" or len(queries) < 2:
            return Beginning()
        length = _shared(queries)
        if not ways.pays(length * (len(queries) - 1), sum(len(query.ids) for query in queries)):
            return Beginning()
        ids = queries[0].ids[:length]
        key = Tokens(ids, tuple(p for p in queries[0].hidden if p < length))
        if self._last is None or self._last[0] != key:
            row, visible, positions = self._arrays([key], [()], Beginning())
            self._last = None  # two of them may be too many
            try:
                _, cache = self._passes(
                    row, np.array([length - 1]), visible=visible, positions=positions, keep=True
                )
            except Exception as error:
                if not out_of_memory(error):
                    raise
                return Beginning()  # where nothing fits, the batches say so
            self._last = key, cache
        return Beginning(length, self._last[1])

    def _past(self, beginning: Beginning, rows: int) -> Any:
        return rows_of(beginning.cache, rows) if beginning.length else None

    # --- generation

    def _greedy(self, queries: Sequence[Tokens], max_tokens: int) -> list[list[int]]:
        import torch

        ways = self._ways()
        found: list[list[int]] = [[] for _ in queries]
        with torch.inference_mode():
            beginning = self._beginning(queries, ways)

            def work(batch: list[int]) -> None:
                step = self._stepwise if ways.reuse != "no" else self._again
                texts = step([queries[q] for q in batch], max_tokens, beginning)
                for q, ids in zip(batch, texts, strict=True):
                    found[q] = ids

            read = [len(query.ids) for query in queries]
            lengths = [self._cost(one + max_tokens, 1) - beginning.saved for one in read]
            mixes = ways.ragged if ways.reuse == "no" else ways.reuse == "ragged"
            self._batches.run(lengths, work, equal=None if mixes else read)
        return found

    def _stepwise(
        self, queries: Sequence[Tokens], max_tokens: int, beginning: Beginning
    ) -> list[list[int]]:
        """One token more at a time, from the cache of those before."""
        found: list[list[int]] = [[] for _ in queries]
        going = np.arange(len(queries))
        read = self._read(queries, beginning)
        while True:
            tokens = read.logits.argmax(dim=-1).cpu().numpy()
            on = np.array([token not in self.end_ids for token in tokens.tolist()])
            for row, token in zip(going[on], tokens[on].tolist(), strict=True):
                found[row].append(token)
            if not on.any() or len(found[going[on][0]]) == max_tokens:
                return found
            if not on.all():
                read.cache = rows_of(read.cache, self._passes.tensor(np.flatnonzero(on)))
                read.visible, read.ends = read.visible[on], read.ends[on]
                going, tokens = going[on], tokens[on]
            read.logits, read.cache = self._follow(read, tokens[:, None], read.cache)
            more = np.ones((len(going), 1), dtype=bool)
            read.visible = np.concatenate([read.visible, more], axis=1)
            read.ends = read.ends + 1

    def _again(self, queries: Sequence[Tokens], max_tokens: int, _: Beginning) -> list[list[int]]:
        """One token more at a time, without a cache: everything is read again."""
        found: list[list[int]] = [[] for _ in queries]
        going = list(range(len(queries)))
        while going:
            own = [queries[row] for row in going]
            following = [found[row] for row in going]
            ids, visible, positions = self._arrays(own, following, Beginning())
            targets = [
                i * ids.shape[1] + (len(q.ids) + len(more) - 1 if more else _last(q))
                for i, (q, more) in enumerate(zip(own, following, strict=True))
            ]
            logits, _unused = self._passes(
                ids, np.array(targets), visible=visible, positions=positions
            )
            tokens = logits.argmax(dim=-1).cpu().numpy().tolist()
            for row, token in zip(going, tokens, strict=True):
                if token not in self.end_ids:
                    found[row].append(token)
            going = [
                row
                for row, token in zip(going, tokens, strict=True)
                if token not in self.end_ids and len(found[row]) < max_tokens
            ]
        return found

    # --- what this network allows

    def _ways(self) -> Ways:
        if self._tried is None:
            import torch

            with torch.inference_mode():
                ways = tried(
                    self._scored,
                    self._passes.reuse,
                    name=self.name,
                    vocabulary=self._vocabulary,
                    max_tokens=self.max_tokens,
                    epsilon=float(torch.finfo(self.model.dtype).eps),
                )
            self._last = None
            self._tried, self._passes.narrow = ways, ways.narrow
        return self._tried

    def _scored(
        self, queries: Sequence[Tokens], tails: Sequence[Sequence[int]], ways: Ways
    ) -> FloatArray:
        self._tried, self._passes.narrow = ways, ways.narrow
        out = [np.full((len(queries), len(tail)), np.nan) for tail in tails]
        try:
            self._score(queries, tails, out)
        finally:
            self._tried = None
        return np.concatenate(out, axis=1)


def _last(query: Tokens) -> int:
    """The last position that is not hidden."""
    last = len(query.ids) - 1
    for place in reversed(query.hidden):
        if place != last:
            break
        last -= 1
    return last


def _visible(
    queries: Sequence[Tokens], following: Sequence[Sequence[int]], width: int
) -> BoolArray:
    lengths = [len(q.ids) + len(more) for q, more in zip(queries, following, strict=True)]
    visible: BoolArray = np.arange(width) < np.array(lengths)[:, None]
    for row, query in enumerate(queries):
        visible[row, list(query.hidden)] = False
    return visible


def _shared(queries: Sequence[Tokens]) -> int:
    """How many tokens all queries begin with, and hide alike; each keeps one that it sees."""
    every = [query.ids for query in queries]
    low, high = min(every), max(every)  # what these two share, all share
    length = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))
    hidden = [query.hidden for query in queries]
    if any(hidden):
        first = set(hidden[0])
        for other in hidden[1:]:
            length = min(length, min(first.symmetric_difference(other), default=length))
    return min(length, min(map(_last, queries)))
