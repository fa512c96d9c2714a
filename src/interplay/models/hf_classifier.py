"""Hugging Face sequence classifiers: token ids in, logits out."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature

import numpy as np

from interplay.errors import BadInput
from interplay.models.batching import Batches
from interplay.models.hf_loading import Loaded
from interplay.models.hf_model import HFModel
from interplay.value_function import FloatArray


class HFClassifier(HFModel):
    """A sequence classifier in Hugging Face format, with its tokenizer.

    Made by :meth:`load`. Texts go in as lists of token ids (:meth:`encode` makes them), so that
    whoever masks them decides where tokenisation happens.

    Attributes
    ----------
    name : str
        What was asked for: the folder, or ``hf:ID``.
    labels : tuple of str
        The model's classes, in the order of the logits.
    max_tokens : int or None
        The longest sequence it reads, special tokens included; None where there is no limit.
    fingerprint : str
        Digest of the contents of the weight, configuration and tokenizer files (for ``hf:ID``, of
        the commit) and of the number format. The folder's name and the device are not in it.
    multi_label : bool
        True where each label is a yes or no of its own (a sigmoid, not a softmax).
    """

    auto = "AutoModelForSequenceClassification"
    kinds = ("ForSequenceClassification",)
    what = "sequence classifier"

    def __init__(self, loaded: Loaded) -> None:
        import torch

        super().__init__(loaded)
        config = self.model.config
        self.labels = tuple(str(config.id2label[i]) for i in range(config.num_labels))
        self.multi_label = config.problem_type == "multi_label_classification"
        self._text_config = config.get_text_config()
        self._pad_id: int | None = self._text_config.pad_token_id
        self._side: str | None = None  # of the padding; found out at the first batch
        self._types = _reads_token_types(loaded)
        self._batches = Batches(loaded.name)
        self._epsilon = float(torch.finfo(self.model.dtype).eps)

    def logits(
        self,
        sequences: Sequence[Sequence[int]],
        *,
        batch_size: int = 32,
        hidden: Sequence[Sequence[int]] | None = None,
    ) -> FloatArray:
        """Return the logits of token-id sequences, float64 ``(m, labels)``, in the given order.

        The positions in ``hidden``, a sequence for each, keep their place and are attended to by
        none.

        Sequences are scored in batches of similar length, the longest first, each padded to its
        own longest. The result does not depend on order or batch size beyond rounding (1e-4): that
        padding does not change this model's logits is tried once, and where it does, only
        sequences of equal length share a batch. Batches that run out of memory are halved.

        Raises
        ------
        BadInput
            If a token id is outside the model's vocabulary.
        BackendError
            If memory does not suffice for a single sequence.
        """
        used = set().union(*sequences)
        rows = self.check_vocabulary(used)
        pad = self._pad_id
        if pad is None or not 0 <= pad < rows:
            # Decoders take the logits at the last token that is not padding, and refuse batches
            # without a padding token. Any id that occurs nowhere will do; -1 is never read.
            pad = next((i for i in range(rows) if i not in used), -1)
            self._text_config.pad_token_id = pad
        side = self._padding_side(sequences, pad) if pad >= 0 else ""
        out = np.empty((len(sequences), len(self.labels)))

        def forward(batch: list[int]) -> None:
            out[batch] = self._forward(
                [sequences[i] for i in batch],
                pad,
                side,
                () if hidden is None else [hidden[i] for i in batch],
            )

        lengths = [len(ids) for ids in sequences]
        self._batches.run(lengths, forward, rows=batch_size, equal=None if side else lengths)
        return out

    def _padding_side(self, sequences: Sequence[Sequence[int]], pad: int) -> str:
        """Return ``"right"``, ``"left"`` or, where padding changes logits, ``""``."""
        if self._side is None:
            pair = [min(sequences, key=len), max(sequences, key=len)] if sequences else []
            if len({len(ids) for ids in pair}) < 2:
                return ""
            alone = np.concatenate([self._forward([ids], pad, "") for ids in pair])
            tolerance = max(1e-4, 4 * self._epsilon) * max(1.0, float(np.abs(alone).max()))
            self._side = next(
                (
                    side
                    for side in ("right", "left")
                    if np.abs(self._forward(pair, pad, side) - alone).max() <= tolerance
                ),
                "",
            )
        return self._side

    def _forward(
        self,
        batch: Sequence[Sequence[int]],
        pad: int,
        side: str,
        hidden: Sequence[Sequence[int]] = (),
    ) -> FloatArray:
        import torch

        width = max(map(len, batch))
        ids = np.full((len(batch), width), max(pad, 0), dtype=np.int64)
        attention = np.zeros((len(batch), width), dtype=np.int64)
        for row, sequence in enumerate(batch):
            start = width - len(sequence) if side == "left" else 0
            where = slice(start, start + len(sequence))
            ids[row, where] = sequence
            attention[row, where] = 1
            if hidden:
                attention[row, [start + position for position in hidden[row]]] = 0
        inputs = {"input_ids": ids, "attention_mask": attention}
        if self._types:
            inputs["token_type_ids"] = np.zeros_like(ids)
        with torch.inference_mode():
            result = self.model(
                **{name: torch.from_numpy(value).to(self.device) for name, value in inputs.items()}
            )
        logits: FloatArray = result.logits.double().cpu().numpy()
        return logits


def _reads_token_types(loaded: Loaded) -> bool:
    """Whether the tokenizer makes token types that the network reads (to some, 0 is not nothing).

    Raises BadInput where one text has several types (XLNet), which token ids alone do not carry.
    """
    if "token_type_ids" not in loaded.tokenizer.model_input_names:
        return False
    if "token_type_ids" not in signature(loaded.network.forward).parameters:
        return False
    if any(loaded.tokenizer("a b", verbose=False).get("token_type_ids", ())):
        raise BadInput(
            f"{loaded.name!r} cannot be used: its tokenizer gives the tokens of one text several "
            "token_type_ids, which interplay does not pass on; use another model"
        )
    return True
