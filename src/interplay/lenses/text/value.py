"""The text lens: a text and a classifier become a value function."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from interplay.errors import BadInput, unknown
from interplay.lenses.targets import ClassTarget, class_target
from interplay.lenses.text.ablation import Ablation, TextAblation, TokenAblation, replacement
from interplay.lenses.text.units import SPLITTERS, Units, check_units, split
from interplay.models.hf_classifier import HFClassifier
from interplay.value_function import BoolArray, FloatArray, Measured, check_masks

UNITS = (*SPLITTERS, "token")
# One call takes several batches of the model, so that there is something to sort by length.
BATCHES_PER_CALL = 4


class TextValueFunction:
    """A value function over the units of one text; made by :func:`text`.

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
    ) -> None:
        self.model = model
        self.ablation = ablation
        self._model_batch = batch_size
        self.batch_size = BATCHES_PER_CALL * batch_size
        units = ablation.units
        self.features = units.features
        self._check_worst()
        if not wanted:
            full = self._logits(np.ones((1, len(units)), dtype=bool))[0][0]
            wanted = [class_target(f"logit:{model.labels[int(full.argmax())]}", model.labels)]
        self.wanted = tuple(wanted)
        self.targets = tuple(target.name for target in wanted)
        self.subject: Mapping[str, Any] = {
            "kind": "text",
            "text": units.text,
            "spans": [list(span) for span in units.cores],
            "units": units.kind,
            "mask": ablation.mask,
            "model": model.name,
            # of one target its name, so that fingerprints of older stores hold
            "target": self.targets[0] if len(wanted) == 1 else list(self.targets),
        }
        identity = {**self.subject, "model": model.fingerprint, "version": 1}
        self.fingerprint = hashlib.sha256(
            json.dumps(identity, sort_keys=True).encode()
        ).hexdigest()[:32]

    def __call__(self, masks: BoolArray, /) -> FloatArray:
        return np.asarray(self.measure(masks).values)

    def measure(self, masks: BoolArray) -> Measured:
        """Return the values with the tokens that the model read for each mask."""
        masks = check_masks(masks, n=len(self.features))
        logits, tokens = self._logits(masks)
        values = np.stack([target(logits) for target in self.wanted], axis=1)
        return Measured(values[:, 0] if len(self.wanted) == 1 else values, tokens=tokens)

    def forecast(self, masks: BoolArray) -> dict[str, tuple[float, float]]:
        """Return the tokens that the model will read for these masks, as ``(low, high)``."""
        tokens = float(sum(len(ids) for ids in self.ablation.token_ids(masks)))
        return {"tokens": (tokens, tokens)}

    def masked_text(self, mask: BoolArray) -> str:
        """Return the text that is scored for one mask, bool ``(n,)``.

        For token units this is the text to read; the model reads token ids.
        """
        return self.ablation.masked_text(check_masks([mask], n=len(self.features))[0])

    def _logits(self, masks: BoolArray) -> tuple[FloatArray, FloatArray]:
        """The logits ``(m, labels)``, and how many tokens each text has ``(m,)``."""
        sequences = [tuple(ids) for ids in self.ablation.token_ids(masks)]
        distinct = {ids: row for row, ids in enumerate(dict.fromkeys(sequences))}
        self.model.check_lengths(
            [len(ids) for ids in distinct], what="a masked text", way_out=self._way_out()
        )
        logits = self.model.logits(list(distinct), batch_size=self._model_batch)
        lengths = np.array([len(ids) for ids in sequences], dtype=np.float64)
        return logits[[distinct[ids] for ids in sequences]], lengths

    def _check_worst(self) -> None:
        full = np.ones(len(self.features), dtype=bool)
        lengths = [
            len(ids) for ids in self.ablation.token_ids(np.stack([full, self.ablation.longest()]))
        ]
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


def text(
    text: str,
    *,
    model: str | Path | HFClassifier,
    units: str = "word",
    mask: str | None = None,
    target: str | Sequence[str] | None = None,
    batch_size: int = 32,
    device: str | None = None,
    dtype: str | None = None,
) -> TextValueFunction:
    """Make a value function of a text: its words, sentences or tokens are masked for a classifier.

    Parameters
    ----------
    text : str
        The text to explain; at least two units.
    model : str, Path or HFClassifier
        A folder in Hugging Face format, ``hf:OWNER/NAME``, or a classifier that is loaded already
        (load it once to explain many texts).
    units : {"word", "sentence", "token"}
        What is masked together. Splitting loses no character.
    mask : str, optional
        What stands where a unit was: ``"[MASK]"`` or ``"[UNK]"`` (the tokenizer's own spelling is
        used), any literal string such as ``"..."``, or ``"delete"``, which takes the unit out
        together with the white space after it and tidies nothing else. Default: the tokenizer's
        mask token, else its unknown token, else ``"delete"``.
    target : str or sequence of str, optional
        ``logit:LABEL``, ``prob:LABEL`` or ``margin:A|B`` (logit of A minus logit of B); labels
        without regard to case. Several are explained from the same calls. Default: the logit of
        the label predicted for the full text.
    batch_size : int
        Texts in one forward pass.
    device, dtype : str, optional
        Where and in which format to load the model: see :meth:`HFClassifier.load`.

    Raises
    ------
    BadInput
        For an empty text or one of a single unit, a text or masked text longer than the model
        reads (nothing is ever truncated), unknown units, mask, target or label, or a folder that
        holds no sequence classifier.
    MissingExtra
        If torch or transformers is not installed.

    Notes
    -----
    Words and sentences are put together as text and tokenised like any text, so a capital or a
    space is read as it then stands. Tokens are replaced or left out as ids, never re-tokenised.

    Examples
    --------
    >>> value = text("not bad at all", model="folder")  # doctest: +SKIP
    >>> value.features  # doctest: +SKIP
    ('not', 'bad', 'at', 'all')
    >>> value.masked_text(np.array([False, True, True, True]))  # doctest: +SKIP
    '[MASK] bad at all'
    """
    _check_string("text", text)
    if mask is not None:
        _check_string("mask", mask)
    targets: list[str] = [] if target is None else [target]  # type: ignore[list-item]
    if isinstance(target, Sequence) and not isinstance(target, str):
        targets = list(target)
    for given in targets:
        _check_string("target", given)
    if units not in UNITS:
        raise unknown("units", units, UNITS)
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise BadInput(f"batch_size must be an integer of at least 1; got {batch_size!r}")
    # Cheap checks of the text come before the model is loaded.
    pieces: Units = split(text, "word" if units == "token" else units)
    if units != "token" or not pieces.cores:
        check_units(pieces)
    if isinstance(model, HFClassifier):
        if device is not None or dtype is not None:
            raise BadInput("device and dtype are fixed by a model that is loaded already")
    else:
        model = HFClassifier.load(model, device=device, dtype=dtype)
    wanted = [class_target(one, model.labels, multi_label=model.multi_label) for one in targets]
    if len({one.name for one in wanted}) < len(wanted):
        raise BadInput(f"target names the same twice: {', '.join(one.name for one in wanted)}")
    literal = replacement(mask, model)
    ablation: Ablation
    if units == "token":
        ablation = TokenAblation(text, model, literal)
        check_units(ablation.units)
    else:
        ablation = TextAblation(pieces, model, literal)
    return TextValueFunction(ablation, model, wanted, batch_size=batch_size)


def _check_string(name: str, given: object) -> None:
    if not isinstance(given, str):
        raise BadInput(f"{name} must be a string; got {type(given).__name__}")
    try:
        given.encode()
    except UnicodeEncodeError as error:
        raise BadInput(
            f"{name} is not valid Unicode: half of a surrogate pair at character {error.start}; "
            "read the file as UTF-8 and without errors='surrogateescape'"
        ) from error
