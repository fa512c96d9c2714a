"""A prompt and a language model as a value function: how likely a fixed response stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from interplay.errors import BadInput
from interplay.fingerprint import identity_fingerprint
from interplay.lenses.text.ablation import Ablation
from interplay.lenses.text.response_targets import ResponseTarget, TextTarget
from interplay.lenses.value import LensValueFunction
from interplay.models.language import LanguageModel, Query, Response, Tokens
from interplay.value_function import BoolArray, FloatArray, Measured, check_masks

MAX_NEW_TOKENS = 64


class ResponseValueFunction(LensValueFunction):
    """A value function over the units of one prompt; made by :func:`interplay.text`.

    Called with ``masks``, bool ``(m, n)``, True = unit kept; returns float64 ``(m,)``, or
    ``(m, q)`` for q > 1 targets. The tokens of the response are fixed when it is made: what is
    scored is the same after every masked prompt.

    Attributes
    ----------
    features : tuple of str
        The n units, without surrounding white space.
    targets : tuple of str
        The q targets, such as ``("logprob", "margin:yes|no")``: all from the same calls.
    responses : tuple of Response
        What is scored: the given or the model's own response, answers that targets name.
    nesting : Nesting
        The coarser units of nested ones; None for others.
    """

    def __init__(
        self,
        ablation: Ablation,
        model: LanguageModel,
        wanted: Sequence[ResponseTarget | TextTarget],
        *,
        response: str | None = None,
        max_new_tokens: int = MAX_NEW_TOKENS,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.ablation = ablation
        self._max_new_tokens = max_new_tokens
        document = ablation.document
        self.features = document.features
        self.nesting = document.nesting
        full = np.ones((1, len(self.features)), dtype=bool)
        self._full: Query = ablation.queries(full)[0]
        self._fix(wanted, response)
        self._check_worst()
        self.batch_size = model.batch_size
        self.wanted = tuple(wanted)
        self.targets = tuple(target.name for target in wanted)
        self.subject: dict[str, Any] = {
            "kind": "text",
            **document.told,
            "mask": ablation.mask,
            "model": model.name,
            "target": self.target_told,
        }
        identity = {
            **self.subject,
            "model": model.fingerprint,
            "version": 1,
            "responses": [[one.text, list(one.ids)] for one in self.responses],
            "judges": [one.identity for one in wanted if isinstance(one, TextTarget)],
            "reference": self.reference,
            "max_new_tokens": max_new_tokens if self._generates else None,
        }
        self.subject["response"] = self.reference
        if arguments is not None:
            self.subject["arguments"] = dict(arguments)
        self.fingerprint = identity_fingerprint(identity)

    def measure(self, masks: BoolArray) -> Measured:
        """Return the values with the tokens, and the money where there is a price, of each mask.

        Rows that could not be had are NaN, and ``failure`` says why.
        """
        queries = self.ablation.queries(check_masks(masks, n=len(self.features)))
        if self._generates:
            told = self.model.generate(queries, max_tokens=self._max_new_tokens)
            values = self._judged(told.texts)
            tokens, usd, failure = told.tokens, told.usd, told.failure
        else:
            scored = self.model.score(queries, self.responses)
            values = np.stack(
                [
                    target([scored.logprobs[k] for k in which], tokens)
                    for target, which, tokens in self._read
                ],
                axis=1,
            )
            tokens, usd, failure = scored.tokens, scored.usd, scored.failure
        return Measured(
            self.column(values),
            tokens=tokens,
            usd=usd,
            failure=failure,
        )

    def forecast(self, masks: BoolArray) -> dict[str, tuple[float, float]]:
        """Return what these masks will cost, as ``(low, high)`` in all."""
        queries = self.ablation.queries(check_masks(masks, n=len(self.features)))
        return self.model.forecast(queries, self.responses)

    def allow(self, **left: float | None) -> bool:
        """Pass on what is left of the budget to a model that has a price, and keeps to it."""
        allow = getattr(self.model, "allow", None)
        return allow is not None and bool(allow(**left))

    def masked_text(self, mask: BoolArray) -> str:
        """Return the prompt that is scored for one mask, bool ``(n,)``; a chat's roles left out."""
        return self.ablation.masked_text(check_masks([mask], n=len(self.features))[0])

    # ---- how it is made

    def _fix(self, wanted: Sequence[ResponseTarget | TextTarget], response: str | None) -> None:
        """Fix the tokens of all that is scored, and which of them each target reads."""
        judged = [one for one in wanted if isinstance(one, TextTarget)]
        if judged and len(judged) < len(wanted):
            raise BadInput(
                "targets of generated texts (similarity, a callable) and of log-probabilities take "
                "different calls; explain them one after the other"
            )
        self._generates = bool(judged)
        self.reference = ""
        needs_own = any(
            (isinstance(one, ResponseTarget) and None in one.responses)
            or (isinstance(one, TextTarget) and one.judge is None)
            for one in wanted
        )
        fixed: dict[str | None, Response] = {}
        if needs_own:
            fixed[None] = self._own() if response is None else self._given(response)
            self.reference = fixed[None].text
        elif response is not None:
            raise BadInput(
                f"response {response[:60]!r} is not used: no target is about it; use target "
                f"'logprob', or leave it out"
            )
        if self._generates:
            self._judges = [
                TextTarget(one.name, one.judge, self.reference.strip()) for one in judged
            ]
            self.responses: tuple[Response, ...] = ()
            return
        self._read = []
        for target in wanted:
            assert isinstance(target, ResponseTarget)
            for text in target.responses:
                if text is not None and text not in fixed:
                    fixed[text] = self._given(text)
            order = list(fixed)
            which = [order.index(text) for text in target.responses]
            tokens = [target.tokens(fixed[text]) for text in target.responses]
            self._read.append((target, which, tokens))
        self.responses = tuple(fixed.values())

    def _own(self) -> Response:
        response = self.model.respond(self._full, max_tokens=self._max_new_tokens)
        if not response.text.strip():
            raise BadInput(
                f"{self.model.name!r} answers the full prompt with nothing; give the response to "
                "explain, response='...', or another target"
            )
        return response

    def _given(self, text: str) -> Response:
        """The tokens of a given response, with a space before it where the prompt ends without."""
        if not text.strip():
            raise BadInput("response is empty; leave it out to explain the model's own")
        document = self.ablation.document
        if not document.chat and not text[0].isspace() and not document.text[-1:].isspace():
            text = f" {text}"
        return self.model.fix(self._full, text)

    def _judged(self, texts: Sequence[str | None]) -> FloatArray:
        values = np.full((len(texts), len(self._judges)), np.nan)
        there = [i for i, text in enumerate(texts) if text is not None]
        known = [text for text in texts if text is not None]
        if there:
            values[there] = np.stack([judge(known) for judge in self._judges], axis=1)
        return values

    def _check_worst(self) -> None:
        """Refuse, before anything is paid for, what the model could not read; never truncate."""
        limit = self.model.max_tokens
        if limit is None or not isinstance(self._full, Tokens):
            return
        rows = np.stack([np.ones(len(self.features), dtype=bool), self.ablation.longest()])
        if self._generates:
            extra, what = self._max_new_tokens, f"{self._max_new_tokens} new tokens"
        else:
            extra = max(len(one.ids) for one in self.responses)
            what = f"the response of {extra}"
        for query, name in zip(self.ablation.queries(rows), ("prompt", "longest masked prompt"),
                               strict=True):  # fmt: skip
            assert isinstance(query, Tokens)
            if len(query.ids) + extra > limit:
                way_out = (
                    "shorten it, explain a part of it, or use a model that reads more"
                    if name == "prompt"
                    else "use mask='delete', or a shorter one"
                )
                raise BadInput(
                    f"the {name} has {len(query.ids)} tokens, with {what} more than the {limit} "
                    f"that {self.model.name!r} reads, and interplay never truncates; {way_out}"
                )
