"""The data that are measured: pairs of classes of CIFAR-10 as a ResNet-20 sees them, and digits."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.table import assets
from interplay.lenses.training_data import Dataset
from interplay.value_function import BoolArray, FloatArray

Pictures = NDArray[np.uint8]
FILES = {"train": "cifar10_train_10k.npz", "test": "cifar10_test_2k.npz"}
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the colours, as the ResNet-20 wants them."""


def pair_of_classes(
    name_a: str, name_b: str, train: int, test: int, seed: int
) -> tuple[Dataset, Dataset, Dataset]:
    """Return training examples, targets and a holdout of two classes, half of each class.

    The holdout is the rest of the test file, 400 of a pair in all.
    """
    return of_classes((name_a, name_b), train, test, seed)


def of_classes(
    names: Sequence[str], train: int, test: int, seed: int
) -> tuple[Dataset, Dataset, Dataset]:
    """Return training examples, targets and a holdout of some classes, as many of each.

    Inputs are the 64 numbers that the ResNet-20 has before its last layer. ``train`` examples are
    drawn from the training file, ``test`` targets from the test file; the holdout is the rest of
    the test file.
    """
    rng = np.random.default_rng([seed, 11])
    shown, kept = drawn("test", names, test, rng)
    return (
        _dataset("train", names, drawn("train", names, train, rng)[0]),
        _dataset("test", names, shown),
        _dataset("test", names, kept),
    )


def drawn(
    split: str, names: Sequence[str], count: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows of a file: ``count`` in all, as many of each class, and the rest of the classes.

    Classes take turns in both.
    """
    labels, known = _labels(split)
    each, left = divmod(count, len(names))
    if left:
        raise SystemExit(f"{count} examples are no equal shares of {len(names)} classes")
    orders = [rng.permutation(np.flatnonzero(labels == known.index(name))) for name in names]
    if each > len(orders[0]):
        raise SystemExit(f"{split} has {len(orders[0])} examples of a class; {each} are asked for")
    table = np.stack(orders, axis=1)
    return table[:each].ravel(), table[each:].ravel()


def pictures(split: str) -> Pictures:
    """Return the pictures of a file of CIFAR-10, ``"train"`` or ``"test"``, (N, 32, 32, 3)."""
    return _file(split)[0]


def _dataset(split: str, names: Sequence[str], rows: NDArray[np.int64]) -> Dataset:
    labels, known = _labels(split)
    places = {known.index(name): i for i, name in enumerate(names)}
    every = np.flatnonzero(np.isin(labels, list(places)))
    found = _features_of(split, tuple(sorted(places)))[np.searchsorted(every, rows)]
    return Dataset.of(
        (found, np.array([places[int(label)] for label in labels[rows]])),
        classes=names,
        names=[f"{known[int(labels[row])]} {split} {row}" for row in rows],
    )


@lru_cache(maxsize=12)
def _features_of(split: str, classes: tuple[int, ...]) -> FloatArray:
    shown, labels, _ = _file(split)
    return features(shown[np.isin(labels, classes)])


@lru_cache(maxsize=2)
def _file(split: str) -> tuple[Pictures, NDArray[np.int64], list[str]]:
    with np.load(assets() / "cifar10" / FILES[split], allow_pickle=False) as file:
        return file["images"], file["labels"].astype(np.int64), file["class_names"].tolist()


def _labels(split: str) -> tuple[NDArray[np.int64], list[str]]:
    return _file(split)[1:]


def features(shown: Pictures, batch: int = 250) -> FloatArray:
    """Return what the ResNet-20 makes of pictures (N, 32, 32, 3) before its last layer, (N, 64)."""
    import torch

    network = resnet20()
    mean, std = (torch.tensor(one).view(3, 1, 1) for one in (MEAN, STD))
    found = []
    with torch.inference_mode():
        for start in range(0, len(shown), batch):
            part = torch.from_numpy(np.ascontiguousarray(shown[start : start + batch]))
            part = part.permute(0, 3, 1, 2).float() / 255
            found.append(network((part - mean) / std))
    return np.concatenate([one.double().numpy() for one in found])


@lru_cache(maxsize=1)
def resnet20() -> Any:
    """Return the assets' ResNet-20 without its last layer: (N, 3, 32, 32) -> (N, 64)."""
    import torch.nn.functional as f
    from safetensors.torch import load_file

    held = load_file(assets() / "models" / "resnet20_cifar10" / "model.safetensors")

    def normed(x: Any, name: str) -> Any:
        return f.batch_norm(
            x,
            *(held[f"{name}.{one}"] for one in ("running_mean", "running_var", "weight", "bias")),
            training=False,
            eps=1e-5,
        )

    def block(x: Any, name: str, stride: int) -> Any:
        y = f.conv2d(x, held[f"{name}.conv1.weight"], stride=stride, padding=1)
        y = f.conv2d(f.relu(normed(y, f"{name}.bn1")), held[f"{name}.conv2.weight"], padding=1)
        if stride > 1:
            lacking = (y.shape[1] - x.shape[1]) // 2
            x = f.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, lacking, lacking))
        return f.relu(normed(y, f"{name}.bn2") + x)

    def network(x: Any) -> Any:
        x = f.relu(normed(f.conv2d(x, held["conv1.weight"], padding=1), "bn1"))
        for layer in (1, 2, 3):
            for place in range(3):
                x = block(x, f"layer{layer}.{place}", 2 if layer > 1 and place == 0 else 1)
        return x.mean(dim=(2, 3))

    return network


def digits(
    train: int, test: int, seed: int, classes: Sequence[int] = tuple(range(10))
) -> tuple[Dataset, Dataset, Dataset]:
    """Return training examples, targets and a holdout of scikit-learn's digits, 64 pixels each.

    ``train`` and ``test`` examples of the ``classes``, drawn at random; the holdout is the rest.
    """
    from sklearn.datasets import load_digits

    held = load_digits()
    rows = np.flatnonzero(np.isin(held.target, classes))
    if train + test >= len(rows):
        raise SystemExit(f"these digits are {len(rows)}; {train} + {test} leave no holdout")
    rows = np.random.default_rng([seed, 12]).permutation(rows)
    parts = np.split(rows, [train, train + test])
    places = {digit: i for i, digit in enumerate(classes)}
    shown, targets, kept = (
        Dataset.of(
            (held.data[part] / 16, np.array([places[int(label)] for label in held.target[part]])),
            classes=[str(digit) for digit in classes],
            names=[f"{held.target[row]} #{row}" for row in part],
        )
        for part in parts
    )
    return shown, targets, kept


def planted(count: int, copies: int, seed: int) -> tuple[NDArray[np.int64], set[tuple[int, int]]]:
    """Return which example each of ``count`` is a copy of, and the pairs of copies.

    ``count - copies`` examples are there once; so many of them, drawn at random, a second time. The
    order is shuffled: rows into the examples, int64 ``(count,)``.
    """
    rng = np.random.default_rng([seed, 13])
    distinct = count - copies
    sources = rng.choice(distinct, copies, replace=False)
    order = rng.permutation(count)
    places = np.argsort(order)
    pairs = {
        (min(i, j), max(i, j))
        for i, j in zip(places[sources].tolist(), places[distinct:].tolist(), strict=True)
    }
    return np.concatenate([np.arange(distinct), sources])[order], pairs


def uniform(n: int, m: int, seed: int) -> BoolArray:
    """Return m masks of n features, each kept with probability 1/2."""
    return np.random.default_rng([seed, 14]).random((m, n)) < 0.5


class MeanOnly:
    """The mean target of a value function: one surrogate is fitted, not hundreds."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.features, self.subject, self.batch_size = inner.features, inner.subject, 500
        self.targets = inner.targets[:1]
        self.fingerprint = f"mean of {inner.fingerprint}"

    def __call__(self, masks: BoolArray) -> FloatArray:
        values: FloatArray = self.inner(masks)[:, 0]
        return values
