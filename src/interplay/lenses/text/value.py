"""A text and a classifier as a value function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from interplay.fingerprint import identity_fingerprint
from interplay.lenses.targets import ClassTarget, class_target
from interplay.lenses.text.ablation import Ablation
from interplay.lenses.value import LensValueFunction
from interplay.models.hf_classifier import HFClassifier
from interplay.models.language import Tokens
from interplay.value_function import BoolArray, FloatArray, Measured, check_masks

# One call takes several batches of the model, so that there is something to sort by length.
BATCHES_PER_CALL = 4


class TextValueFunction(LensValueFunction):
    """A value function over the units of one text; made by :func:`interplay.text`.

    Called with ``masks``, bool ``(m, n)``, True = unit kept; returns float64 ``(m,)``, or
    ``(m, q)`` for q > 1 targets.

    Attributes
    ----------
    features : tuple of str
        The n units, without surrounding white space.
    targets : tuple of str
        The q targets, such as ``("logit:positive",)``: all are read off the same logits.
    batch_size : int
        How many masks it likes to see in one call: a few batches of the model.
    fingerprint : str
        Digest of model, text, units, mask and target.
    nesting : Nesting
        The coarser units of nested ones; None for others.
    subject : dict
        What is explained, for reports.
    """

    def __init__(
        self,
        ablation: Ablation,
        model: HFClassifier,
        wanted: Sequence[ClassTarget] = (),
        *,
        batch_size: int = 32,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.ablation = ablation
        self._model_batch = batch_size
        self.batch_size = BATCHES_PER_CALL * batch_size
        document = ablation.document
        self.features = document.features
        self.nesting = document.nesting
        self._check_worst()
        if not wanted:
            full = self._logits(np.ones((1, len(self.features)), dtype=bool))[0][0]
            wanted = [class_target(f"logit:{model.labels[int(full.argmax())]}", model.labels)]
        self.wanted = tuple(wanted)
        self.targets = tuple(target.name for target in wanted)
        self.subject: dict[str, Any] = {
            "kind": "text",
            **document.told,
            "mask": ablation.mask,
            "model": model.name,
            # of one target its name, so that fingerprints of older stores hold
            "target": self.target_told,
        }
        identity = {**self.subject, "model": model.fingerprint, "version": 2}
        if arguments is not None:
            self.subject["arguments"] = dict(arguments)
        self.fingerprint = identity_fingerprint(identity)

    def measure(self, masks: BoolArray) -> Measured:
        """Return the values with the tokens that the model read for each mask."""
        masks = check_masks(masks, n=len(self.features))
        logits, tokens = self._logits(masks)
        values = np.stack([target(logits) for target in self.wanted], axis=1)
        return Measured(self.column(values), tokens=tokens)

    def forecast(self, masks: BoolArray) -> dict[str, tuple[float, float]]:
        """Return the tokens that the model will read for these masks, as ``(low, high)``."""
        tokens = float(sum(len(ids) for ids, _ in self._read(masks)))
        return {"tokens": (tokens, tokens)}

    def masked_text(self, mask: BoolArray) -> str:
        """Return the text that is scored for one mask, bool ``(n,)``.

        For token units this is the text to read; the model reads token ids.
        """
        return self.ablation.masked_text(check_masks([mask], n=len(self.features))[0])

    def _read(self, masks: BoolArray) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        """Token ids of each row, and which of them are hidden."""
        queries = self.ablation.queries(masks)
        return [(query.ids, query.hidden) for query in queries if isinstance(query, Tokens)]

    def _logits(self, masks: BoolArray) -> tuple[FloatArray, FloatArray]:
        """The logits ``(m, labels)``, and how many tokens each text has ``(m,)``."""
        sequences = self._read(masks)
        distinct = {sequence: row for row, sequence in enumerate(dict.fromkeys(sequences))}
        self.model.check_lengths(
            [len(ids) for ids, _ in distinct], what="a masked text", way_out=self._way_out()
        )
        logits = self.model.logits(
            [ids for ids, _ in distinct],
            batch_size=self._model_batch,
            hidden=[hidden for _, hidden in distinct],
        )
        lengths = np.array([len(ids) for ids, _ in sequences], dtype=np.float64)
        return logits[[distinct[sequence] for sequence in sequences]], lengths

    def _check_worst(self) -> None:
        full = np.ones(len(self.features), dtype=bool)
        lengths = [len(ids) for ids, _ in self._read(np.stack([full, self.ablation.longest()]))]
        self.model.check_lengths(
            lengths[:1],
            what="text",
            way_out="shorten it, explain a part of it, or use a model that reads more",
        )
        self.model.check_lengths(
            lengths[1:], what="the longest masked text", way_out=self._way_out()
        )

    def _way_out(self) -> str:
        return (
            f"mask {self.ablation.mask!r} makes it longer than the text: use the tokenizer's mask "
            "token or mask='delete', or shorten the text"
        )
