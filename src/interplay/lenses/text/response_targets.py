"""Targets of a language model: one number out of the log-probabilities of fixed responses."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from interplay.errors import BadInput
from interplay.fingerprint import fingerprint
from interplay.models.language import Response
from interplay.value_function import FloatArray

FORMS = ("logprob", "logprob:mean", "prob", "prob:ANSWER", "logprob:ANSWER", "margin:A|B")
SIMILARITY = "similarity"

Judge = Callable[[Sequence[str]], Sequence[float]]
"""Called with the texts that were generated; returns a number for each."""

_SPAN = re.compile(r"(?P<form>.*?)\[(?P<span>.+)\]", re.DOTALL)
_OFFSETS = re.compile(r"(\d+):(\d+)")


@dataclass(frozen=True)
class ResponseTarget:
    """One number per row of log-probabilities; made by :func:`response_target`.

    Attributes
    ----------
    name : str
        As a user would write it.
    kind : str
        ``"logprob"``, ``"mean"``, ``"prob"`` or ``"margin"``.
    responses : tuple of str or None
        What is scored: one response, for a margin two; None is the response of the run.
    span : str, optional
        What of the response counts: ``"3:10"`` characters, or a text in it; None: all.
    """

    name: str
    kind: str
    responses: tuple[str | None, ...]
    span: str | None = None

    def tokens(self, response: Response) -> slice:
        """Return the tokens of ``response`` that count.

        Raises
        ------
        BadInput
            the span is not in the response.
        """
        if self.span is None:
            return slice(None)
        lead = len(response.text) - len(response.text.lstrip())
        text = response.text[lead:]
        offsets = _OFFSETS.fullmatch(self.span)
        if offsets is not None:
            start, end = int(offsets[1]), int(offsets[2])
            if not start < end <= len(text):
                raise BadInput(
                    f"target {self.name!r}: the response has {len(text)} characters, "
                    f"{text[:60]!r}, so that {start}:{end} is no stretch of it"
                )
        else:
            start = text.find(self.span)
            if start < 0:
                raise BadInput(
                    f"target {self.name!r}: {self.span!r} is not in the response {text[:200]!r}"
                )
            if text.find(self.span, start + 1) >= 0:
                raise BadInput(
                    f"target {self.name!r}: {self.span!r} occurs several times in the response; "
                    f"say which by characters, such as [{start}:{start + len(self.span)}]"
                )
            end = start + len(self.span)
        if len(response.spans) != len(response.ids) or not response.spans:
            raise BadInput(
                f"target {self.name!r}: it is not known which characters the tokens of the "
                "response stand for; leave the span out"
            )
        inside = [
            i
            for i, (first, last) in enumerate(response.spans)
            if first - lead < end and last - lead > start
        ]
        return slice(inside[0], inside[-1] + 1)

    def __call__(self, logprobs: Sequence[FloatArray], tokens: Sequence[slice]) -> FloatArray:
        """Return the values ``(m,)`` of one array ``(m, tokens)`` for each of the responses."""
        sums = [array[:, which] for array, which in zip(logprobs, tokens, strict=True)]
        if self.kind == "mean":
            return np.asarray(sums[0].mean(axis=1))
        value = sums[0].sum(axis=1)
        if self.kind == "margin":
            return np.asarray(value - sums[1].sum(axis=1))
        return np.asarray(np.exp(value) if self.kind == "prob" else value)


@dataclass(frozen=True)
class TextTarget:
    """One number per generated text: its likeness to the response, or what a callable says."""

    name: str
    judge: Judge | None
    reference: str = ""

    def __call__(self, texts: Sequence[str]) -> FloatArray:
        if self.judge is None:
            return np.array([similarity(text, self.reference) for text in texts])
        values = np.asarray(self.judge(texts), dtype=np.float64)
        if values.shape != (len(texts),):
            raise BadInput(
                f"target {self.name!r} must return one number for each of {len(texts)} texts; "
                f"got shape {values.shape}"
            )
        return values

    @property
    def identity(self) -> str:
        """What names it in a fingerprint."""
        return self.name if self.judge is None else fingerprint(self.judge).digest


def response_target(target: str | Judge) -> ResponseTarget | TextTarget:
    """Return the target that ``target`` names.

    Raises BadInput for an unknown form; the message lists the valid ones.

    >>> response_target("margin:yes|no").responses
    ('yes', 'no')
    >>> response_target("logprob[garden]").span
    'garden'
    """
    if callable(target):
        return TextTarget(getattr(target, "__qualname__", type(target).__qualname__), target)
    text = target.strip()
    if text.lower() == SIMILARITY:
        return TextTarget(SIMILARITY, None)
    form, span = text, None
    match = _SPAN.fullmatch(text)
    if match is not None and ":" not in match["form"].removesuffix(":mean"):
        form, span = match["form"], match["span"]
    kind, colon, rest = form.partition(":")
    kind = kind.strip().lower()
    if kind not in ("logprob", "prob", "margin") or (colon and not rest):
        raise BadInput(
            f"unknown target {target!r} of a language model; valid: {', '.join(FORMS)}, "
            f"{SIMILARITY}; the first three also of a part of the response: logprob[3:10] "
            "(characters), logprob[word]"
        )
    if kind == "margin":
        parts = rest.split("|")
        if len(parts) != 2 or not all(part.strip() for part in parts):
            raise BadInput(f"target {target!r} must name two answers, margin:A|B")
        if parts[0] == parts[1]:
            raise BadInput(f"target {target!r} is always 0: it names {parts[0]!r} twice")
        return ResponseTarget(text, kind, tuple(parts))
    if kind == "logprob" and rest.strip().lower() == "mean":
        return ResponseTarget(text, "mean", (None,), span)
    return ResponseTarget(text, kind, (rest or None,), span)


def similarity(text: str, reference: str) -> float:
    """Return how alike two texts are by their words: F1 of the two bags, from 0 to 1.

    >>> similarity("in the garden", "The garden")
    0.8
    """
    words = [[word.strip(".,;:!?\"'()") for word in one.casefold().split()]
             for one in (text, reference)]  # fmt: skip
    if not words[0] or not words[1]:
        return float(words[0] == words[1])
    left = list(words[1])
    common = 0
    for word in words[0]:
        if word in left:
            left.remove(word)
            common += 1
    return 2 * common / (len(words[0]) + len(words[1]))
