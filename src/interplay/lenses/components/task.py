"""What a network is judged by: prompts, split into train and test, and scores of its outputs."""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from interplay.errors import BadInput, check_whole, unknown
from interplay.value_function import FloatArray

if TYPE_CHECKING:
    from pathlib import Path

    from interplay.lenses.components.network import Network

IntArray = NDArray[np.int64]
SPLITS = ("train", "test", "all")


@dataclass(frozen=True, eq=False)
class Reading:
    """What the network reads once for a prompt.

    Attributes
    ----------
    inputs : mapping from str to array
        Arguments of the network's forward, without an axis of rows.
    prompt : int
        Which prompt it is of; several readings may be of one.
    positions : int64 (t,), optional
        Where logits are needed; None: what the network gives as a whole.
    wanted : array, optional
        What the task wants to know there, such as the tokens whose probability counts.
    """

    inputs: Mapping[str, NDArray[Any]]
    prompt: int
    positions: IntArray | None = None
    wanted: NDArray[Any] | None = None

    @property
    def length(self) -> int:
        """How many positions it has: tokens, or pixels in units of a thousand."""
        ids = self.inputs.get("input_ids")
        first = next(iter(self.inputs.values())) if ids is None else ids
        return first.shape[0] if first.ndim == 1 else max(1, first.size // 1000)

    @property
    def shape(self) -> tuple[Any, ...]:
        """Readings of the same shape share a batch."""
        return tuple((name, one.shape) for name, one in self.inputs.items())


Score = Callable[[Sequence[Reading], Any], FloatArray]
"""Readings and a network's outputs -> numbers ``(rows, s)``: one row for each reading."""
Combine = Callable[[int, FloatArray], FloatArray]
"""A prompt and the numbers of its readings ``(m, readings, s)`` -> values ``(m, q)``."""


@dataclass(frozen=True, eq=False)
class Questions:
    """A task as one network reads it.

    Attributes
    ----------
    readings : tuple of Reading
        Those of one prompt side by side, in the order of the prompts.
    score, combine : callables
    """

    readings: tuple[Reading, ...]
    score: Score
    combine: Combine

    def of(self, prompts: Sequence[int]) -> list[int]:
        """Return the places of the readings of some prompts."""
        chosen = set(prompts)
        return [i for i, reading in enumerate(self.readings) if reading.prompt in chosen]

    def digest(self, prompts: Sequence[int]) -> str:
        """Return a digest of all that is read and wanted of some prompts."""
        digest = hashlib.sha256()
        for i in self.of(prompts):
            reading = self.readings[i]
            for name, array in sorted(reading.inputs.items()):
                digest.update(f"{name} {array.shape} {array.dtype} ".encode() + array.tobytes())
            for array_or_none in (reading.positions, reading.wanted):
                if array_or_none is not None:
                    digest.update(b"|" + array_or_none.tobytes())
        return digest.hexdigest()[:32]


@dataclass(frozen=True, eq=False, kw_only=True)
class Task(ABC):
    """Prompts and how a network's outputs are scored; made by the class methods.

    Attributes
    ----------
    share : float
        The part of the prompts that the fit sees; the others test what was found.
    seed : int
        Of the split.
    """

    share: float = 0.5
    seed: int = 0
    arguments: Mapping[str, Any] | None = None
    """What makes it again, with the file that it was read from; None where there is no such."""
    _splits: dict[str, IntArray] = field(default_factory=dict, init=False, repr=False)

    kind: ClassVar[str]
    """What kind of task it is, in one word."""

    # --- what each kind of task says

    @property
    @abstractmethod
    def targets(self) -> tuple[str, ...]:
        """What is measured, all from the same passes; each value is a mean over prompts."""

    @property
    @abstractmethod
    def size(self) -> int:
        """How many prompts it has."""

    @abstractmethod
    def questions(self, network: Network) -> Questions:
        """Return the task as a network reads it."""

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """Return what tells it from other tasks, beyond what is read: JSON-able."""

    # --- the split

    def prompts(self, split: str) -> IntArray:
        """Return the prompts of ``"train"``, ``"test"`` or ``"all"``, in order."""
        if split not in SPLITS:
            raise unknown("split", split, SPLITS)
        if not self._splits:
            self._splits.update(_split(self.size, self.share, self.seed))
        return self._splits[split]

    @property
    def train(self) -> IntArray:
        """The prompts that the fit sees."""
        return self.prompts("train")

    @property
    def test(self) -> IntArray:
        """The prompts that it does not see."""
        return self.prompts("test")

    # --- the kinds of tasks

    @classmethod
    def response(
        cls,
        prompts: Sequence[str | Sequence[int]],
        responses: Sequence[str | Sequence[int]],
        *,
        share: float = 0.5,
        seed: int = 0,
    ) -> Task:
        """Log-probabilities of given responses; targets ``logprob`` and ``logprob:mean``.

        Parameters
        ----------
        prompts, responses : sequences of str, or of sequences of token ids
            Each response follows its prompt as it stands: begin it with a space where one belongs.
        """
        from interplay.lenses.components.tasks import ResponseTask

        return ResponseTask(tuple(prompts), tuple(responses), share=share, seed=seed)

    @classmethod
    def multiple_choice(
        cls,
        items: str | Path | Sequence[Mapping[str, Any]],
        *,
        metric: str | Sequence[str] = ("accuracy", "margin"),
        score: str = "letter",
        template: str | None = None,
        examples: str | Path | Sequence[Mapping[str, Any]] = (),
        share: float = 0.5,
        seed: int = 0,
    ) -> Task:
        """Questions with several answers, one of which is right.

        Parameters
        ----------
        items : path of a CSV file in MMLU's layout or of JSON lines, or sequence of mappings
            With ``question``, ``A``, ``B``, ``C``, ``D`` and ``answer`` (a letter); or mappings
            with ``question``, ``choices`` and ``answer`` (a letter, or a number from 0 on).
        metric : str or sequence
            ``"accuracy"`` (the share of questions whose right answer is the most probable), and
            ``"margin"`` (its log-probability minus that of the best wrong one).
        score : str
            ``"letter"``: the probability of the answer's letter after ``Answer:``; where choices
            are not listed ``"answer"``: of the whole answer, ``"answer:mean"``: per token, or
            ``"token"``: of its first token, which costs one reading for each question.
        template : str, optional
            How a question is asked, with ``{question}`` and, for letters, ``{choices}``.
        examples : as items
            Questions with their answers that are told before each question.
        """
        from interplay.lenses.components.choices import ChoiceTask

        return ChoiceTask.made(
            items,
            metric=metric,
            score=score,
            template=template,
            examples=examples,
            share=share,
            seed=seed,
        )

    @classmethod
    def classification(
        cls,
        inputs: Sequence[Any] | NDArray[Any],
        labels: Sequence[str | int],
        *,
        metric: str | Sequence[str] = ("accuracy", "margin"),
        share: float = 0.5,
        seed: int = 0,
    ) -> Task:
        """Texts or pictures with their right classes.

        Parameters
        ----------
        inputs : sequence of str, or array (m, channels, h, w)
            Texts, or pixels as the network takes them (normalised).
        labels : sequence of str or int
            The right class of each, by name or number.
        metric : str or sequence
            ``"accuracy"``, and ``"margin"``: the logit of the right class minus the best other.
        """
        from interplay.lenses.components.tasks import ClassificationTask

        return ClassificationTask(
            inputs, tuple(labels), metrics=metrics(metric), share=share, seed=seed
        )

    @classmethod
    def perplexity(
        cls,
        texts: str | Sequence[str],
        *,
        window: int = 128,
        share: float = 0.5,
        seed: int = 0,
    ) -> Task:
        """The mean log-probability of a token of texts: minus the logarithm of the perplexity.

        Parameters
        ----------
        texts : str or sequence of str
            Cut into pieces of at most ``window`` tokens, as equal as can be; each is a prompt.
        """
        from interplay.lenses.components.tasks import PerplexityTask

        return PerplexityTask.made(texts, window, share=share, seed=seed)

    @classmethod
    def callable(
        cls,
        inputs: Sequence[Any],
        score: Callable[..., Any],
        *,
        targets: Sequence[str] = ("value",),
        positions: str = "all",
        share: float = 0.5,
        seed: int = 0,
    ) -> Task:
        """Anything that can be read off a network's outputs.

        Parameters
        ----------
        inputs : sequence of str, of token ids, or of mappings of arrays
            One for each prompt; mappings are arguments of the network's forward, without an axis
            of rows.
        score : callable
            ``score(outputs, prompts) -> (rows,)`` or ``(rows, q)``: the network's logits as float64
            array, one row for each prompt, and the numbers of the prompts.
        targets : sequence of str
            Names of what it returns.
        positions : str
            ``"all"``, or ``"last"``: logits of the last position only.
        """
        from interplay.lenses.components.tasks import CallableTask

        return CallableTask(tuple(inputs), score, tuple(targets), positions, share=share, seed=seed)


METRICS = ("accuracy", "margin")


def metrics(metric: str | Sequence[str]) -> tuple[str, ...]:
    """Return the metrics that were asked for, checked."""
    wanted = (metric,) if isinstance(metric, str) else tuple(metric)
    for one in wanted:
        if one not in METRICS:
            raise unknown("metric", one, METRICS)
    if not wanted or len(set(wanted)) < len(wanted):
        raise BadInput(f"metric must name one or two of {', '.join(METRICS)}; got {metric!r}")
    return wanted


def judged(scores: FloatArray, right: int, wanted: Sequence[str]) -> FloatArray:
    """Return accuracy and margin ``(m, q)`` of scores of all answers ``(m, answers)``."""
    others = np.delete(scores, right, axis=1)
    margin = scores[:, right] - others.max(axis=1)
    found = {"accuracy": (margin > 0).astype(np.float64), "margin": margin}
    return np.stack([found[one] for one in wanted], axis=1)


def _split(size: int, share: float, seed: int) -> dict[str, IntArray]:
    order = np.random.default_rng([seed, size]).permutation(size)
    count = min(max(math.floor(size * share + 0.5), 1), size - 1)
    return {
        "train": np.sort(order[:count]),
        "test": np.sort(order[count:]),
        "all": np.arange(size),
    }


def check_split(size: int, share: float, seed: int, what: str) -> None:
    """Raise BadInput for prompts that cannot be split into train and test."""
    if size < 2:
        raise BadInput(
            f"a task needs two {what} at least, one to fit and one to test on; got {size}. Parts "
            "that are found on one prompt are of that prompt: give more of the kind"
        )
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < 1:
        raise BadInput(f"share, the part of the prompts to fit on, must be in (0, 1); got {share}")
    check_whole("seed", seed, 0)
