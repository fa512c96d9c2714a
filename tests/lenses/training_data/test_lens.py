"""The lens of training data: datasets, groups, values, seeds, what is excluded."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import interplay as ip
from interplay.errors import BadInput
from interplay.lenses.training_data import Dataset
from interplay.lenses.training_data.dataset import IntArray
from interplay.lenses.training_data.engines import Trainer, trainer_of
from interplay.lenses.training_data.engines.engine import Retrainer
from interplay.lenses.training_data.scores import LEAST, measured
from interplay.value_function import BoolArray, FloatArray

RNG = np.random.default_rng(0)
INPUTS = RNG.normal(size=(40, 3))
LABELS = (INPUTS @ [1.0, -1.0, 0.5] > 0).astype(int)
TRAIN, TESTS = (INPUTS[:24], LABELS[:24]), (INPUTS[24:30], LABELS[24:30])


class Centroids(Trainer):
    """Scores are minus the distances to the means of the classes, plus noise by the seed."""

    name, scale, seeded = "centroids", "logits", True

    def __init__(self, noise: float = 0.0, diverges: bool = False) -> None:
        self.noise, self.diverges = noise, diverges

    def identity(self) -> dict[str, Any]:
        return {"trainer": "centroids", "noise": self.noise}

    def bind(self, data: Dataset, tests: Dataset) -> Retrainer:
        return Bound(self, data, tests)


class Bound:
    batch_size = 12

    def __init__(self, trainer: Centroids, data: Dataset, tests: Dataset) -> None:
        self.trainer, self.data, self.tests = trainer, data, tests
        self.seen: list[int] = []

    def __call__(self, kept: BoolArray, seeds: IntArray) -> FloatArray:
        assert kept.any(axis=1).all(), "empty subsets never come here"
        found = []
        for row, seed in zip(kept, seeds, strict=True):
            self.seen.append(int(seed))
            rng = np.random.default_rng(seed)
            scores = np.full((len(self.tests), self.data.outputs), -10.0)
            for c in range(self.data.outputs):
                own = self.data.features[row & (self.data.labels == c)]
                if len(own):
                    off = self.tests.features - own.mean(axis=0)
                    scores[:, c] = -np.linalg.norm(off, axis=1)
            scores += self.trainer.noise * rng.normal(size=scores.shape)
            if self.trainer.diverges and seed % 2:
                scores[:] = np.nan
            found.append(scores)
        return np.stack(found)


def test_values_are_margins_of_each_target_and_their_mean_comes_first() -> None:
    value = ip.training_data(Centroids(), TRAIN, TESTS)
    masks = np.random.default_rng(1).random((7, 24)) < 0.5
    found = value(masks)
    assert value.targets[0] == "mean"
    assert found.shape == (7, 7)
    np.testing.assert_allclose(found[:, 0], found[:, 1:].mean(axis=1))
    scores = value.retrainer(value.kept(masks), np.zeros(7, dtype=np.int64))
    right, wrong = scores[0, 2, LABELS[26]], scores[0, 2, 1 - LABELS[26]]
    np.testing.assert_allclose(found[0, 3], right - wrong)


def test_one_target_has_no_mean() -> None:
    value = ip.training_data(Centroids(), TRAIN, (INPUTS[24:25], LABELS[24:25]))
    assert value.targets == (f"test #0 {LABELS[24]}",)
    assert value(np.ones((2, 24), dtype=bool)).shape == (2,)


def test_with_nothing_kept_all_answers_are_alike() -> None:
    nothing = np.zeros((1, 24), dtype=bool)
    assert (ip.training_data(Centroids(), TRAIN, TESTS)(nothing) == 0).all()
    probability = ip.training_data(Centroids(), TRAIN, TESTS, value="probability")
    np.testing.assert_allclose(probability(nothing), 0.5)


def test_a_class_that_is_missing_stays_an_answer() -> None:
    value = ip.training_data(Centroids(), TRAIN, TESTS)
    only = (LABELS[:24] == 0)[None]
    assert np.isfinite(value(only)).all()


@pytest.mark.parametrize(
    ("groups", "names", "owner_of_5"),
    [
        ("class", ("0", "1"), None),
        ([f"g{i % 3}" for i in range(24)], ("g0", "g1", "g2"), 2),
        ({"a": [0, 1], "b": [5, 7, 9]}, ("a", "b"), 1),
        ([None if i < 4 else i % 2 for i in range(24)], ("0", "1"), 1),
    ],
)
def test_groups_are_left_out_together(groups: Any, names: tuple[str, ...], owner_of_5: Any) -> None:
    value = ip.training_data(Centroids(), TRAIN, TESTS, groups=groups)
    assert value.features == names
    masks = np.eye(len(names), dtype=bool)
    kept = value.kept(masks)
    for example in range(24):
        owner = value.owners[example]
        expected = np.ones(len(names), dtype=bool) if owner < 0 else masks[:, owner]
        np.testing.assert_array_equal(kept[:, example], expected)
    if owner_of_5 is not None:
        assert value.owners[5] == owner_of_5


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ("source", "groups must be 'class'"),
        ([0, 1], "groups must name the group of each of 24 examples; got 2"),
        ({"a": [0, 1], "b": [1]}, "example 1 is in two groups, the second of them 'b'"),
        ({"a": [0], "b": []}, "group 'b' must be numbers of examples, one at least"),
        ({"a": [0], "b": [24]}, "group 'b': there are examples 0 to 23"),
        ([0] * 24, "there are 1 groups, and nothing to combine"),
    ],
)
def test_groups_that_are_none(groups: Any, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        ip.training_data(Centroids(), TRAIN, TESTS, groups=groups)


def test_seeds_are_a_masks_own() -> None:
    value = ip.training_data(Centroids(noise=0.3), TRAIN, TESTS, seed=7)
    masks = np.random.default_rng(2).random((5, 24)) < 0.5
    np.testing.assert_array_equal(value(masks)[3], value(masks[3:4])[0])
    other = ip.training_data(Centroids(noise=0.3), TRAIN, TESTS, seed=8)
    assert other.fingerprint != value.fingerprint
    assert (other(masks) != value(masks)).all()


def test_trainings_that_diverge_are_excluded_with_a_count() -> None:
    value = ip.training_data(Centroids(diverges=True), TRAIN, TESTS)
    masks = np.random.default_rng(3).random((20, 24)) < 0.5
    found = value.measure(masks)
    lost = np.array(value.retrainer.seen) % 2 == 1
    assert found.excluded is not None
    np.testing.assert_array_equal(found.excluded, lost)
    assert np.isfinite(np.asarray(found.values)[~lost]).all()
    explained = ip.explain(value, budget=100, method="lasso", store=None)
    assert any("gave no value" in note for note in explained.diagnostics())
    # of several trainings those that converge count
    several = ip.explain(value, budget=600, replicates=6, method="lasso", store=None)
    assert several.evaluations is not None
    assert len(several.evaluations.masks) > 0.9 * 100


def test_the_fingerprint_changes_with_all_that_matters() -> None:
    def made(**changes: Any) -> str:
        given: Mapping[str, Any] = {
            "trainer": "ridge",
            "dataset": TRAIN,
            "targets": TESTS,
            **changes,
        }
        return ip.training_data(**given).fingerprint

    noisy = LABELS[:24].copy()
    noisy[3] = 1 - noisy[3]  # label noise
    moved = INPUTS[:24].copy()
    moved[3, 0] += 1e-9
    prints = [
        made(),
        made(dataset=(INPUTS[:24], noisy)),
        made(dataset=(moved, LABELS[:24])),
        made(targets=(INPUTS[25:31], LABELS[25:31])),
        made(groups="class"),
        made(value="loss"),
        made(trainer=trainer_of("ridge", penalty=2.0)),
    ]
    assert len(set(prints)) == len(prints)
    assert made() == prints[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": (INPUTS[:3], LABELS[:4])}, "dataset has 3 inputs and 4 labels"),
        ({"dataset": INPUTS}, r"dataset must be a Dataset, or \(inputs, labels\); got ndarray"),
        ({"dataset": (INPUTS[:0], LABELS[:0])}, "dataset is empty"),
        ({"dataset": (INPUTS[:, 0], LABELS)}, r"inputs must have a row for each example"),
        ({"dataset": (np.full((3, 2), np.nan), [0, 1, 0])}, "finite; example 0 is not"),
        ({"dataset": (INPUTS[:2], [-1, 0])}, "class numbers begin at 0"),
        ({"targets": (INPUTS[24:30, :2], LABELS[24:30])}, r"targets has inputs of shape \(2,\)"),
        ({"targets": (INPUTS[24:30], LABELS[24:30] + 1)}, "class number 2 is none of 2 classes"),
        ({"targets": (["a"] * 6, LABELS[24:30])}, "must both be texts, or neither"),
        ({"value": "prediction"}, "of classes there are margin, loss"),
        ({"value": "probability", "trainer": "ridge"}, "predicts numbers, which are no prob"),
        ({"value": "accuracy"}, "accuracy"),
        ({"trainer": "rigde"}, "ridge"),
        ({"trainer": 3}, "trainer must be one of ridge"),
        ({"seed": -1}, "seed"),
        ({"dataset": (INPUTS[:24], INPUTS[:24, 0])}, "centroids learns classes"),
    ],
)
def test_bad_input(changes: dict[str, Any], message: str) -> None:
    given = {"trainer": Centroids(), "dataset": TRAIN, "targets": TESTS, **changes}
    with pytest.raises(BadInput, match=message):
        ip.training_data(**given)


def test_values_of_scores() -> None:
    tests = Dataset.of((np.eye(2), [0, 2]), classes=("a", "b", "c"))
    logits = RNG.normal(size=(4, 2, 3))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    own = np.stack([probabilities[:, 0, 0], probabilities[:, 1, 2]], axis=1)
    np.testing.assert_allclose(measured(logits, tests, "probability", "logits"), own)
    np.testing.assert_allclose(measured(logits, tests, "loss", "logits"), -np.log(own))
    np.testing.assert_allclose(measured(probabilities, tests, "probability", "probabilities"), own)
    margin = logits[:, 1, 2] - logits[:, 1, :2].max(axis=1)
    np.testing.assert_allclose(measured(logits, tests, "margin", "logits")[:, 1], margin)
    sure = np.zeros((1, 2, 3))
    np.testing.assert_allclose(measured(sure, tests, "loss", "probabilities"), -np.log(LEAST))
    onto = measured(logits, tests, "loss", "predictions")
    np.testing.assert_allclose(onto[:, 0], ((logits[:, 0] - [1, 0, 0]) ** 2).sum(axis=1))
    numbers = Dataset.of((np.eye(2), [0.5, -1.0]))
    np.testing.assert_allclose(
        measured(logits[..., :1], numbers, "loss", "predictions"),
        (logits[..., 0] - [0.5, -1.0]) ** 2,
    )


def test_other_test_examples_of_the_same_trainings() -> None:
    value = ip.training_data(Centroids(), TRAIN, TESTS, holdout=(INPUTS[30:], LABELS[30:]))
    assert value.holdout is not None
    other = value.on(value.holdout)
    masks = np.ones((1, 24), dtype=bool)
    assert other(masks).shape == (1, 11)
    assert other.scores(masks).shape == (1, 10)
    assert other.fingerprint != value.fingerprint
    assert value.holdout.names[0] == f"holdout #0 {LABELS[30]}"
    with pytest.raises(BadInput, match=r"tests must be a Dataset, such as the .holdout .* got str"):
        value.on("test")  # type: ignore[arg-type]


def test_replicates_of_a_run_have_other_seeds() -> None:
    value = ip.training_data(Centroids(noise=0.3), TRAIN, TESTS)
    masks = np.random.default_rng(2).random((5, 24)) < 0.5
    first, second = value.replicate(1)(masks), value.replicate(2)(masks)
    np.testing.assert_array_equal(first, value.replicate(1)(masks))
    assert (first != second).all()
    assert (first != value(masks)).all()
    found = ip.explain(value, budget=60, replicates=3, method="lasso", store=None)
    assert found.evaluations is not None
    assert found.evaluations.noise_var is not None
    noise = found.evaluations.noise_var[:, 1:].mean()
    np.testing.assert_allclose(noise, 2 * 0.3**2 / 3, rtol=0.2)


def test_wrong_labels_are_what_lowers_the_mean_most() -> None:
    rng = np.random.default_rng(4)
    inputs = rng.normal(size=(90, 3))
    labels = (inputs @ [1.0, -1.0, 0.5] > 0).astype(int)
    noisy = labels[:40].copy()
    wrong = [3, 11, 20, 31]
    noisy[wrong] = 1 - noisy[wrong]
    value = ip.training_data("ridge", (inputs[:40], noisy), (inputs[40:], labels[40:]))
    found = ip.explain(value, budget=600, method="lasso", store=None).target("mean")
    effects = found.spectrum.main_effects
    assert len(set(np.argsort(effects)[:6].tolist()) & set(wrong)) >= 3


@pytest.mark.skipif(os.name != "posix", reason="needs a limit on the size of files")
def test_a_full_disk_ends_a_run_cleanly_and_it_goes_on(tmp_path: Path) -> None:
    """In a process of its own, for the limit cannot be taken back."""
    script = """
import resource, signal, sys
import numpy as np
import interplay as ip
from interplay.errors import StoreError

rng = np.random.default_rng(0)
x, y = rng.normal(size=(70, 4)), rng.integers(0, 2, 70)
value = ip.training_data("ridge", (x[:20], y[:20]), (x[20:], y[20:]))
try:
    if sys.argv[2] == "full":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, resource.RLIM_INFINITY))
        value.retrainer.batch_size = 16
    found = ip.explain(value, budget=600, method="lasso", store=sys.argv[1], fingerprint="a")
    print("reused", found.cost.reused)
except StoreError as error:
    print("stopped", error)
"""
    arguments = [sys.executable, "-c", script, str(tmp_path / "runs.db")]
    full, again = (
        subprocess.run([*arguments, word], capture_output=True, text=True, check=True)
        for word in ("full", "again")
    )
    assert full.stdout.startswith("stopped"), full.stdout + full.stderr
    assert "are stored in" in full.stdout
    assert int(again.stdout.split()[1]) > 0
