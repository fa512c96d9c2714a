"""What is read off a picture, by the kind of model: logits, fits of captions, responses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import log_expit, log_softmax

from interplay.errors import BadInput
from interplay.lenses.targets import ClassTarget, class_target
from interplay.lenses.text.response_targets import ResponseTarget, TextTarget, response_target
from interplay.models.hf_contrastive import HFContrastive
from interplay.models.hf_image_text import HFImageText
from interplay.models.hf_pictures import Picture
from interplay.models.hf_vision import HFVisionClassifier
from interplay.models.language import Response
from interplay.value_function import FloatArray

MAX_NEW_TOKENS = 64
Model = HFVisionClassifier | HFContrastive | HFImageText


class ClassScores:
    """Targets of a classifier's logits.

    Like the two below it has: ``targets``, the names of the q values; ``told``, what of it belongs
    into the subject, JSON-able; ``identity``, what else into the fingerprint.
    """

    def __init__(
        self, model: HFVisionClassifier, picture: Picture, wanted: Sequence[str], batch_size: int
    ) -> None:
        self.model, self._batch = model, batch_size
        if wanted:
            targets = [class_target(one, model.labels, multi_label=model.multi_label)
                       for one in wanted]  # fmt: skip
        else:
            logits = model.logits([picture])[0]
            targets = [class_target(f"logit:{model.labels[int(logits.argmax())]}", model.labels)]
        self._wanted = targets
        self.targets = tuple(target.name for target in targets)
        self.told: dict[str, Any] = {}
        self.identity: dict[str, Any] = {}

    def __call__(
        self, pictures: Iterable[Picture], which: Sequence[int], captions: Sequence[str]
    ) -> tuple[FloatArray, FloatArray | None]:
        """Return the values ``(m, q)`` of m rows, and the tokens ``(m,)`` that were read, if any.

        Row i is of picture ``which[i]`` among the distinct ``pictures``; ``captions[i]`` is what
        is left there of the first caption, for scores that read one.
        """
        logits = self.model.logits(pictures, batch_size=self._batch)[list(which)]
        return np.stack([target(logits) for target in self._wanted], axis=1), None


@dataclass(frozen=True)
class LogProb:
    """The log-probability of a caption: against the others, or (SigLIP) of its own."""

    label: ClassTarget
    multi_label: bool

    @property
    def name(self) -> str:
        return f"logprob:{self.label.labels[0]}"

    def __call__(self, logits: FloatArray) -> FloatArray:
        each = log_expit(logits) if self.multi_label else log_softmax(logits, axis=1)
        return np.asarray(self.label(np.asarray(each)))


class CaptionScores:
    """Targets of how well each of several captions fits."""

    def __init__(
        self,
        model: HFContrastive,
        captions: Sequence[str],
        wanted: Sequence[str],
        batch_size: int,
    ) -> None:
        self.model, self._batch = model, batch_size
        self.captions = _checked(captions)
        self._embedded = model.embed_captions(self.captions)
        if not wanted:
            kind = "logit" if len(self.captions) == 1 else "logprob"
            wanted = [f"{kind}:{self.captions[0]}"]
        self._wanted = [self._target(one) for one in wanted]
        self.targets = tuple(target.name for target in self._wanted)
        self.told = {"captions": list(self.captions)}
        self.identity: dict[str, Any] = {}

    def __call__(
        self, pictures: Iterable[Picture], which: Sequence[int], captions: Sequence[str]
    ) -> tuple[FloatArray, FloatArray | None]:
        model = self.model
        seen = model.embed_pictures(pictures, batch_size=self._batch)[list(which)]
        read = np.repeat(self._embedded[None], len(which), axis=0)
        distinct = list(dict.fromkeys(captions))
        if distinct != [self.captions[0]]:
            embedded = model.embed_captions(distinct, batch_size=self._batch)
            place = {text: k for k, text in enumerate(distinct)}
            read[:, 0] = embedded[[place[text] for text in captions]]
        logits = model.scores(seen[:, None], read)
        return np.stack([target(logits) for target in self._wanted], axis=1), None

    def _target(self, wanted: str) -> ClassTarget | LogProb:
        kind, colon, rest = wanted.partition(":")
        several = self.model.multi_label
        if kind.strip().lower() == "logprob" and colon:
            if len(self.captions) == 1 and not several:
                raise BadInput(
                    f"target {wanted!r} is always 0: there is one caption; give other captions to "
                    f"compare it with, or use 'logit:{self.captions[0]}'"
                )
            return LogProb(class_target(f"logit:{rest}", self.captions), several)
        return class_target(wanted, self.captions, multi_label=several)


class ResponseScores:
    """Targets of a language model's log-probabilities of fixed responses to a question."""

    def __init__(
        self,
        model: HFImageText,
        picture: Picture,
        question: str,
        wanted: Sequence[str],
        response: str | None,
        max_new_tokens: int,
        batch_size: int,
    ) -> None:
        if not question.strip():
            raise BadInput("question is empty; ask something about the image")
        self.model, self._batch, self._question = model, batch_size, question
        targets = [_response_target(one) for one in wanted or ["logprob"]]
        fixed: dict[str | None, Response] = {}
        self._read: list[tuple[ResponseTarget, list[str | None], list[slice]]] = []
        for target in targets:
            for text in target.responses:
                if text in fixed:
                    continue
                given = response if text is None else text
                fixed[text] = (
                    model.respond(picture, question, max_tokens=max_new_tokens)
                    if given is None
                    else model.fix(question, self._spaced(given))
                )
            tokens = [target.tokens(fixed[text]) for text in target.responses]
            self._read.append((target, list(target.responses), tokens))
        if response is not None and None not in fixed:
            raise BadInput(
                f"response {response[:60]!r} is not used: no target is about it; use target "
                "'logprob', or leave it out"
            )
        self._fixed = fixed
        self.targets = tuple(target.name for target in targets)
        self.told = {
            "question": question,
            "response": fixed[None].text if None in fixed else None,
        }
        self.identity = {"responses": [[one.text, list(one.ids)] for one in fixed.values()]}

    def __call__(
        self, pictures: Iterable[Picture], which: Sequence[int], captions: Sequence[str]
    ) -> tuple[FloatArray, FloatArray | None]:
        answered = self.model.score(
            pictures, self._question, list(self._fixed.values()), batch_size=self._batch
        )
        found = dict(zip(self._fixed, answered.logprobs, strict=True))
        values = np.stack(
            [
                target([found[text] for text in texts], tokens)
                for target, texts, tokens in self._read
            ],
            axis=1,
        )
        return values[list(which)], answered.tokens[list(which)]

    def _spaced(self, text: str) -> str:
        """A response with a space before it where the prompt ends without one."""
        if not text.strip():
            raise BadInput("response is empty; leave it out to explain the model's own")
        prompt = self.model.prompt(self._question)
        return text if text[0].isspace() or prompt[-1:].isspace() else f" {text}"


Scores = ClassScores | CaptionScores | ResponseScores


def _response_target(target: str) -> ResponseTarget:
    found = response_target(target)
    if isinstance(found, TextTarget):
        raise BadInput(
            f"target {target!r} is of generated texts, which the image lens does not judge; use "
            "logprob, prob or margin:A|B"
        )
    return found


def _checked(captions: Sequence[str]) -> tuple[str, ...]:
    if isinstance(captions, str):
        captions = [captions]
    found = tuple(captions)
    if not found or not all(isinstance(one, str) and one.strip() for one in found):
        raise BadInput(f"captions must be texts that are not empty; got {list(found)!r}")
    if len(set(found)) < len(found):
        raise BadInput("captions hold the same caption twice")
    return found
