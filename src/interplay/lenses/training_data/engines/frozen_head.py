"""The head of a Hugging Face classifier, trained anew on each subset; all below it is frozen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from interplay.errors import BadInput
from interplay.lenses.training_data.dataset import Dataset
from interplay.lenses.training_data.engines import trainer_of
from interplay.lenses.training_data.engines.engine import Retrainer, Trainer
from interplay.models.hf_classifier import HFClassifier
from interplay.models.hf_loading import architectures
from interplay.models.hf_vision import HFVisionClassifier
from interplay.value_function import FloatArray

Classifier = HFClassifier | HFVisionClassifier

TRIED: Final = 2
"""Examples on which the head that was found is compared with the model."""


class FrozenHead(Trainer):
    """A head on what a classifier's last layer reads, trained on each subset.

    Parameters
    ----------
    model : str, Path, HFClassifier or HFVisionClassifier
        A folder in Hugging Face format, or ``hf:OWNER/NAME``, of a classifier of texts or of
        pictures; or one that is loaded. Its own labels need not be those of the dataset.
    head : str or Trainer
        What is trained on the features: ``"logistic"``, ``"ridge"``, ``"kernel-ridge"``, ``"knn"``,
        ``"mlp"``, or any other trainer that takes features.
    **options
        Of a head that is named, such as ``penalty``.

    Raises
    ------
    BadInput
        If the model is no such classifier, or its scores are not those of a linear last layer; when
        bound, if the dataset has texts and the model reads pictures, or the other way round, or if
        a text is longer than the model reads.
    MissingExtra
        If torch or transformers is not installed.
    BackendError
        If the model fails.

    Notes
    -----
    Features are what the last linear layer with an output for each label reads, of the pooled
    sequence where there is one. They are computed once for a dataset, and kept.

    Examples
    --------
    >>> from interplay import demo
    >>> texts = ["good film", "bad film", "a fine cast", "so dull"]
    >>> data = Dataset.of((texts, ["+", "-", "+", "-"]))
    >>> head = FrozenHead(demo.model_path(), "logistic", penalty=1.0)
    >>> retrain = head.bind(data, data.take([0, 1]))
    >>> retrain(np.ones((1, 4), dtype=bool), np.zeros(1, dtype=np.int64)).argmax(axis=2)
    array([[0, 1]])
    """

    def __init__(
        self, model: str | Path | Classifier, head: str | Trainer = "logistic", **options: Any
    ) -> None:
        self.model = model if isinstance(model, Classifier) else _loaded(str(model))
        self.head = trainer_of(head, **options)
        self.layer = _last_layer(self.model)
        self.name = f"{self.head.name} on {Path(self.model.name).name}"
        self.scale, self.seeded = self.head.scale, self.head.seeded
        self.classifies, self.regresses = self.head.classifies, self.head.regresses
        self._features: dict[str, FloatArray] = {}

    def identity(self) -> dict[str, Any]:
        return {
            "trainer": "frozen-head",
            "model": self.model.fingerprint,
            "head": self.head.identity(),
        }

    def bind(self, data: Dataset, tests: Dataset) -> Retrainer:
        known, asked = (replace(one, inputs=self.features(one)) for one in (data, tests))
        return self.head.bind(known, asked)

    def features(self, data: Dataset) -> FloatArray:
        """Return what the last layer reads of each example, float64 ``(N, d)``."""
        if data.digest not in self._features:
            self._features[data.digest] = self._read(data)
        return self._features[data.digest]

    def _read(self, data: Dataset) -> FloatArray:
        name: str = self.model.name
        given: Any = data.inputs
        reads_text = isinstance(self.model, HFClassifier)
        if data.is_text != reads_text:
            reads, are = ("texts", "none") if reads_text else ("pictures", "texts")
            raise BadInput(f"{name!r} reads {reads}, and the examples are {are}")
        if isinstance(self.model, HFClassifier):
            given = self.model.encode(given)
            self.model.check_lengths(
                [len(ids) for ids in given],
                what="the longest of the texts",
                way_out="shorten it, or leave it out",
            )
        else:
            given = _coloured(given, name)
        with _headless(self.model, self.layer) as head:
            features = self.model.logits(given)
        scores = self.model.logits(given[:TRIED])
        weight, bias = head
        apart = np.abs(features[:TRIED] @ weight.T + bias - scores).max()
        if not apart <= 1e-3 * max(1.0, float(np.abs(scores).max())):
            raise BadInput(
                f"the scores of {name!r} are not those of its layer {self.layer!r} on what that "
                "reads; use a classifier whose last layer is linear"
            )
        return features


def _loaded(name: str) -> Classifier:
    pictures = any(one.endswith("ForImageClassification") for one in architectures(name))
    return HFVisionClassifier.load(name) if pictures else HFClassifier.load(name)


def _last_layer(model: Classifier) -> str:
    """Return the name of the last linear layer that has an output for each label."""
    import torch

    found: list[str] = [
        name
        for name, module in model.model.named_modules()
        if isinstance(module, torch.nn.Linear) and module.out_features == len(model.labels)
    ]
    if not found:
        raise BadInput(
            f"{model.name!r} has no linear layer with an output for each of its "
            f"{len(model.labels)} labels; use a classifier whose last layer is linear"
        )
    return found[-1]


@contextmanager
def _headless(model: Classifier, layer: str) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Let the model give what its last layer reads; yield that layer's weight and bias."""
    import torch

    parent_name, _, own_name = layer.rpartition(".")
    parent = model.model.get_submodule(parent_name)
    head, labels = getattr(parent, own_name), model.labels
    weight = head.weight.detach().double().cpu().numpy()
    bias = np.zeros(len(labels)) if head.bias is None else head.bias.detach().double().cpu().numpy()
    try:
        setattr(parent, own_name, torch.nn.Identity())
        model.labels = tuple(map(str, range(head.in_features)))
        yield weight, bias
    finally:
        setattr(parent, own_name, head)
        model.labels = labels


def _coloured(inputs: Any, name: str) -> Any:
    """Pictures uint8 ``(N, h, w, 3)``, of grey ones too."""
    if inputs.dtype != np.uint8 or inputs.ndim not in (3, 4) or inputs.shape[3:] not in ((), (3,)):
        raise BadInput(
            f"{name!r} reads pictures, uint8 (N, height, width) or (N, height, width, 3); got "
            f"{inputs.dtype} {inputs.shape}"
        )
    return inputs if inputs.ndim == 4 else np.repeat(inputs[..., None], 3, axis=3)
