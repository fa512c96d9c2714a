"""The head of a classifier on frozen features: what its last layer reads, of texts and pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import interplay as ip
from interplay import demo
from interplay.errors import BadInput
from interplay.lenses.training_data.dataset import Dataset
from interplay.lenses.training_data.engines.frozen_head import FrozenHead
from interplay.lenses.training_data.engines.logistic import Logistic
from interplay.models.hf_classifier import HFClassifier
from interplay.models.hf_vision import HFVisionClassifier

TEXTS = (
    "A joy from start to finish.",
    "Slow, dull.",
    "The film is not bad at all, it is a joy from start to finish.",
    "No sense.",
    "Neither funny nor clever, and far too long a film for its small plot.",
    "Great!",
)
LABELS = ["good", "bad", "good", "bad", "bad", "good"]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def texts() -> Dataset:
    return Dataset.of((TEXTS, LABELS))


def last(network: Any, path: str) -> Any:
    for name in path.split("."):
        network = getattr(network, name)
    return network


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("bert", "classifier"),
        ("roberta", "classifier.out_proj"),
        ("gpt2", "score"),
        ("demo", "classifier"),
    ],
)
def test_features_are_what_the_last_layer_reads(
    name: str, path: str, request: pytest.FixtureRequest
) -> None:
    folder = demo.model_path() if name == "demo" else request.getfixturevalue(name)
    model = HFClassifier.load(folder)
    before = model.logits(model.encode(TEXTS))
    head = FrozenHead(model)
    features = head.features(texts())
    layer = last(model.model, path)
    assert head.layer == path
    assert isinstance(layer, torch.nn.Linear)  # it is back in its place
    bias = 0 if layer.bias is None else layer.bias.detach().double().numpy()
    scores = features @ layer.weight.detach().double().numpy().T + bias
    np.testing.assert_allclose(scores, before, atol=1e-4)
    np.testing.assert_allclose(model.logits(model.encode(TEXTS)), before, atol=1e-5)


def test_features_of_pictures(vit: Any) -> None:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, size=(5, 32, 32, 3), dtype=np.uint8)
    data = Dataset.of((pictures, [0, 1, 0, 1, 1]))
    model = HFVisionClassifier.load(vit)
    features = FrozenHead(str(vit), "ridge").features(data)
    layer = model.model.classifier
    scores = features @ layer.weight.detach().double().numpy().T
    scores += layer.bias.detach().double().numpy()
    np.testing.assert_allclose(scores, model.logits(list(pictures)), atol=1e-4)
    grey = Dataset.of((pictures[..., 0], [0, 1, 0, 1, 1]))
    assert FrozenHead(model).features(grey).shape == features.shape


def test_it_is_the_trainer_of_the_head_on_features() -> None:
    frozen = FrozenHead(demo.model_path(), "logistic", penalty=0.5)
    data = texts()
    kept = np.random.default_rng(0).random((4, 6)) < 0.7
    plain = Dataset(frozen.features(data), data.labels, data.classes, data.names)
    expected = Logistic(0.5).bind(plain, plain)(kept, np.zeros(4, dtype=np.int64))
    found = frozen.bind(data, data)(kept, np.zeros(4, dtype=np.int64))
    np.testing.assert_array_equal(found, expected)
    assert (frozen.scale, frozen.seeded, frozen.regresses) == ("logits", False, False)
    assert FrozenHead(demo.model_path(), "mlp", epochs=1).seeded
    assert FrozenHead(demo.model_path(), Logistic()).name == "logistic regression on sentiment"


def test_features_are_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen = FrozenHead(demo.model_path())
    calls = []
    logits = frozen.model.logits
    monkeypatch.setattr(frozen.model, "logits", lambda *given: calls.append(1) or logits(*given))
    data = texts()
    frozen.bind(data, data)
    made = len(calls)
    frozen.bind(data, Dataset.of((TEXTS, LABELS)))
    assert len(calls) == made


def test_the_fingerprint_is_of_model_and_head(bert: Any) -> None:
    head = FrozenHead(demo.model_path()).identity()
    assert FrozenHead(HFClassifier.load(demo.model_path())).identity() == head
    assert FrozenHead(demo.model_path(), penalty=2.0).identity() != head
    assert FrozenHead(bert).identity() != head


def test_in_the_lens() -> None:
    value = ip.training_data(
        FrozenHead(demo.model_path()), (TEXTS, LABELS), (TEXTS[:2], LABELS[:2])
    )
    values = value(np.array([[True] * 6, [False] * 6]))
    assert (values[0] > 0).all()
    assert (values[1] == 0).all()


def test_what_it_cannot_read(vit: Any, bert: Any) -> None:
    numbers = Dataset.of((np.eye(3), [0, 1, 0]))
    with pytest.raises(BadInput, match="reads texts, and the examples are none"):
        FrozenHead(demo.model_path()).bind(numbers, numbers)
    with pytest.raises(BadInput, match="reads pictures, and the examples are texts"):
        FrozenHead(vit).bind(texts(), texts())
    with pytest.raises(BadInput, match=r"reads pictures, uint8 .*; got float64 \(3, 3\)"):
        FrozenHead(vit).bind(numbers, numbers)
    long = Dataset.of((["film " * 300], [0]))
    with pytest.raises(BadInput, match=r"the longest of the texts has .* shorten it"):
        FrozenHead(bert).bind(long, long)
    with pytest.raises(BadInput, match="does not exist"):
        FrozenHead("nowhere")


def test_a_model_without_a_linear_head(bert: Any) -> None:
    model = HFClassifier.load(bert)
    model.model.classifier = torch.nn.Sequential(torch.nn.Linear(32, 5), torch.nn.Softmax(1))
    with pytest.raises(BadInput, match="no linear layer with an output for each of its 3 labels"):
        FrozenHead(model)
    model.model.classifier = torch.nn.Sequential(torch.nn.Linear(32, 3), torch.nn.Softmax(1))
    with pytest.raises(BadInput, match=r"not those of its layer 'classifier.0'"):
        FrozenHead(model).bind(texts(), texts())
