"""Tasks: a given response, right classes, the probability of a text, and a user's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interplay.errors import BackendError, BadInput, check_whole, unknown
from interplay.fingerprint import fingerprint
from interplay.lenses.components.network import Network
from interplay.lenses.components.task import (
    METRICS,
    Questions,
    Reading,
    Task,
    check_split,
    judged,
)
from interplay.models.causal_passes import log_probabilities
from interplay.models.language import Prompt
from interplay.value_function import FloatArray

Ids = tuple[int, ...]


def response_reading(prompt: int, ids: Sequence[int], response: Sequence[int]) -> Reading:
    """Return what is read for the log-probability of a response after a prompt's token ids."""
    read = np.array([*ids, *response[:-1]], dtype=np.int64)
    positions = np.arange(len(ids) - 1, len(read))
    return Reading({"input_ids": read}, prompt, positions, np.array(response, dtype=np.int64))


def sums_of_logprobs(readings: Sequence[Reading], logits: Any) -> FloatArray:
    """Return for each reading the summed log-probability of its wanted tokens, and their number."""
    import torch

    wanted = [one.wanted for one in readings]
    counts = np.array([0 if one is None else len(one) for one in wanted])
    tokens = torch.from_numpy(np.concatenate([one for one in wanted if one is not None]))
    values = log_probabilities(logits, tokens.to(logits.device))
    starts = np.concatenate([[0], counts.cumsum()[:-1]])
    return np.stack([np.add.reduceat(values, starts), counts], axis=1)


def token_ids(network: Network, text: str | Sequence[int], *, prompt: bool = True) -> Ids:
    """Return the token ids of a text, or those that were given."""
    if not isinstance(text, str):
        ids = tuple(int(one) for one in text)
        if not ids:
            raise BadInput("a prompt or response has no tokens; give one at least")
        return ids
    if prompt and network.causal:
        (query,) = network.language_model().read([Prompt.plain(text)])
        return query.ids  # type: ignore[union-attr]
    (encoded,) = network.texts().encode([text], special=prompt)
    return tuple(encoded)


def check_readings(network: Network, readings: Sequence[Reading]) -> None:
    """Raise BadInput where the network cannot read something: too long, or not in its words."""
    reader = network.reader
    if reader is None:
        return
    of_tokens = [one for one in readings if "input_ids" in one.inputs]
    reader.check_lengths(
        [one.length for one in of_tokens],
        what="a prompt of the task",
        way_out="shorten it, or leave it out",
    )
    if of_tokens:
        ids = np.concatenate([one.inputs["input_ids"] for one in of_tokens])
        reader.check_vocabulary({int(ids.max())})


@dataclass(frozen=True, eq=False)
class ResponseTask(Task):
    """The log-probability of a response; made by :meth:`Task.response`."""

    given: tuple[str | Sequence[int], ...]
    responses: tuple[str | Sequence[int], ...]

    def __post_init__(self) -> None:
        if len(self.given) != len(self.responses):
            raise BadInput(
                f"there are {len(self.given)} prompts and {len(self.responses)} responses; give "
                "one response for each prompt"
            )
        check_split(len(self.given), self.share, self.seed, "prompts")

    kind = "response"

    @property
    def targets(self) -> tuple[str, ...]:
        return ("logprob", "logprob:mean")

    @property
    def size(self) -> int:
        return len(self.given)

    def identity(self) -> dict[str, Any]:
        return {"kind": self.kind}

    def questions(self, network: Network) -> Questions:
        readings = []
        for i, (prompt, response) in enumerate(zip(self.given, self.responses, strict=True)):
            ids = token_ids(network, prompt)
            if isinstance(response, str):
                model = network.language_model()
                (query,) = model.read([Prompt.plain(prompt)]) if isinstance(prompt, str) else [None]
                if query is None:
                    raise BadInput("prompts of token ids need responses of token ids")
                response = model.fix(query, response).ids
            readings.append(response_reading(i, ids, [int(one) for one in response]))
        check_readings(network, readings)
        return Questions(tuple(readings), sums_of_logprobs, _sum_and_mean)


def _sum_and_mean(_: int, numbers: FloatArray) -> FloatArray:
    total, count = numbers[:, 0, 0], numbers[:, 0, 1]
    return np.stack([total, total / count], axis=1)


@dataclass(frozen=True, eq=False)
class PerplexityTask(Task):
    """The mean log-probability of a token; made by :meth:`Task.perplexity`."""

    texts: tuple[str | Sequence[int], ...]
    window: int

    kind = "perplexity"
    _pieces: list[Ids] = field(default_factory=list, init=False, repr=False)

    @classmethod
    def made(cls, texts: Any, window: int, *, share: float, seed: int) -> PerplexityTask:
        """Return the task, checked."""
        window = check_whole("window", window, 2)
        several = (texts,) if isinstance(texts, str) else tuple(texts)
        if not several or not all(len(one) for one in several):
            raise BadInput("there is no text, or an empty one; give texts with words in them")
        check_split(2, share, seed, "pieces")
        return cls(several, window, share=share, seed=seed)

    @property
    def targets(self) -> tuple[str, ...]:
        return ("logprob:mean",)

    @property
    def size(self) -> int:
        if not self._pieces:
            raise BadInput("how many pieces a text makes is known once a network has read it")
        return len(self._pieces)

    def identity(self) -> dict[str, Any]:
        return {"kind": self.kind, "window": self.window}

    def questions(self, network: Network) -> Questions:
        first: Ids = ()
        pieces: list[Ids] = []
        for text in self.texts:
            if isinstance(text, str):
                model = network.language_model()
                (ids,) = model.encode([text], special=False)
                (around,) = model.encode(["a"])
                (bare,) = model.encode(["a"], special=False)
                first = tuple(around[: around.index(bare[0])]) if bare[0] in around else ()
            else:
                ids = [int(one) for one in text]
            room = self.window - len(first)
            if room < 2:
                raise BadInput(f"window {self.window} is too small for {len(first)} special tokens")
            parts = -(-len(ids) // room)
            pieces += [tuple(part.tolist()) for part in np.array_split(np.array(ids), parts)]
        pieces = [piece for piece in pieces if len(piece) + len(first) > 1]
        check_split(len(pieces), self.share, self.seed, f"pieces of {self.window} tokens")
        self._pieces[:] = pieces
        self._splits.clear()
        readings = []
        for i, piece in enumerate(pieces):
            # the first token of a piece is predicted where something stands before it
            start = max(len(first), 1)
            whole = (*first, *piece)
            readings.append(response_reading(i, whole[:start], whole[start:]))
        check_readings(network, readings)
        return Questions(tuple(readings), sums_of_logprobs, _mean)


def _mean(_: int, numbers: FloatArray) -> FloatArray:
    return (numbers[:, 0, 0] / numbers[:, 0, 1])[:, None]


@dataclass(frozen=True, eq=False)
class ClassificationTask(Task):
    """Accuracy and margin of right classes; made by :meth:`Task.classification`."""

    inputs: Sequence[Any] | NDArray[Any]
    labels: tuple[str | int, ...]
    metrics: tuple[str, ...] = METRICS

    kind = "classification"

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.labels):
            raise BadInput(
                f"there are {len(self.inputs)} inputs and {len(self.labels)} labels; give one "
                "label for each"
            )
        check_split(len(self.inputs), self.share, self.seed, "inputs")

    @property
    def targets(self) -> tuple[str, ...]:
        return self.metrics

    @property
    def size(self) -> int:
        return len(self.labels)

    def identity(self) -> dict[str, Any]:
        return {"kind": self.kind, "metrics": list(self.metrics)}

    def questions(self, network: Network) -> Questions:
        right = _classes(network, self.labels)
        readings = []
        for i, one in enumerate(self.inputs):
            if isinstance(one, np.ndarray) and one.ndim == 3:
                inputs: dict[str, NDArray[Any]] = {
                    "pixel_values": np.ascontiguousarray(one, dtype=np.float32)
                }
            else:
                ids = np.array(token_ids(network, one), dtype=np.int64)
                inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
            readings.append(Reading(inputs, i, wanted=np.array([right[i]])))
        check_readings(network, readings)
        wanted = self.metrics

        def combine(prompt: int, numbers: FloatArray) -> FloatArray:
            return judged(numbers[:, 0], right[prompt], wanted)

        return Questions(tuple(readings), _as_they_are, combine)


def _as_they_are(_: Sequence[Reading], outputs: Any) -> FloatArray:
    numbers: FloatArray = outputs.double().flatten(1).cpu().numpy()
    return numbers


def _classes(network: Network, labels: Sequence[str | int]) -> list[int]:
    config = getattr(network.module, "config", None)
    count = int(getattr(config, "num_labels", 0)) or None
    names = getattr(config, "id2label", None) or {}
    known = [str(names[i]) for i in range(count or 0)] if names else []
    folded = [name.casefold() for name in known]
    if count is not None and count < 2:
        raise BadInput(f"{network.name!r} has {count} class; a right one needs another beside it")
    found = []
    for label in labels:
        if isinstance(label, str):
            if folded.count(label.casefold()) != 1 and label not in known:
                raise unknown("label", label, known or ["numbers, for this network names none"])
            exact = label in known
            found.append(known.index(label) if exact else folded.index(label.casefold()))
        else:
            if not 0 <= int(label) < (count or 2**31):
                raise BadInput(f"label {label} is none of the network's {count} classes")
            found.append(int(label))
    return found


@dataclass(frozen=True, eq=False)
class CallableTask(Task):
    """A user's own score of the outputs; made by :meth:`Task.callable`."""

    inputs: tuple[Any, ...]
    user: Callable[..., Any]
    names: tuple[str, ...]
    positions: str = "all"

    kind = "callable"

    def __post_init__(self) -> None:
        if not callable(self.user):
            raise BadInput(f"score must be a callable; got {type(self.user).__name__}")
        if self.positions not in ("all", "last"):
            raise unknown("positions", self.positions, ("all", "last"))
        if not self.names or len(set(self.names)) < len(self.names):
            raise BadInput(f"targets must be different names, one or more; got {self.names}")
        check_split(len(self.inputs), self.share, self.seed, "prompts")

    @property
    def targets(self) -> tuple[str, ...]:
        return self.names

    @property
    def size(self) -> int:
        return len(self.inputs)

    def identity(self) -> dict[str, Any]:
        return {"kind": self.kind, "code": fingerprint(self.user).digest}

    def questions(self, network: Network) -> Questions:
        readings = []
        for i, one in enumerate(self.inputs):
            if isinstance(one, dict):
                inputs = {name: np.asarray(array) for name, array in one.items()}
            elif isinstance(one, np.ndarray) and one.dtype.kind == "f":
                inputs = {"pixel_values" if one.ndim == 3 else "inputs_embeds": one}
            else:
                inputs = {"input_ids": np.array(token_ids(network, one), dtype=np.int64)}
            last = None
            if self.positions == "last":
                last = np.array([len(next(iter(inputs.values()))) - 1])
            readings.append(Reading(inputs, i, last))
        check_readings(network, readings)
        return Questions(tuple(readings), self._asked, _first)

    def _asked(self, readings: Sequence[Reading], outputs: Any) -> FloatArray:
        logits: FloatArray = outputs.double().cpu().numpy()
        prompts = np.array([one.prompt for one in readings])
        try:
            told = self.user(logits, prompts)
        except Exception as error:
            raise BackendError(
                f"the task's score raised {type(error).__name__} on outputs of shape "
                f"{logits.shape}: {error}"
            ) from error
        values = np.asarray(told, dtype=np.float64)
        expected = (len(readings), len(self.names))
        if values.shape != expected and not (expected[1] == 1 and values.shape == expected[:1]):
            raise BadInput(
                f"the task's score must return shape {expected}, a row for each prompt and a "
                f"column for each target; got {values.shape}"
            )
        return values.reshape(expected)


def _first(_: int, numbers: FloatArray) -> FloatArray:
    return numbers[:, 0]
