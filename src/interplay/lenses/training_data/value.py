"""The value function of a training set: masks of examples or groups -> values of test examples."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from interplay.errors import BadInput
from interplay.fingerprint import identity_fingerprint
from interplay.lenses.remake import Recipe, recipe_of
from interplay.lenses.training_data.dataset import Dataset
from interplay.lenses.training_data.engines.engine import Retrainer, Trainer
from interplay.lenses.training_data.scores import ignorant, measured
from interplay.lenses.training_data.subject import subject_of
from interplay.lenses.value import LensValueFunction
from interplay.value_function import BoolArray, FloatArray, Measured, check_masks

MEAN: Final = "mean"
"""Name of the target that is the mean over all test examples."""


class TrainingDataValueFunction(LensValueFunction):
    """Retrains a model on what each mask keeps, and measures it on test examples.

    Made by :func:`interplay.training_data`. Called with masks, bool ``(m, n)``, returns float64
    ``(m, q)``, or ``(m,)`` for one target. Of several test examples the first target is their mean.

    Attributes
    ----------
    data, tests : Dataset
        The training set of N examples, and the t test examples.
    holdout : Dataset or None
        Other test examples, to judge on: ``value.on(value.holdout)``.
    owners : int64 (N,)
        The feature that each training example belongs to; -1: it is always kept.
    features, targets : tuple of str
    fingerprint : str
        Of the trainer, the data, the groups, the value and the seed.
    subject : dict
        What is explained, for reports.
    """

    def __init__(
        self,
        trainer: Trainer,
        data: Dataset,
        tests: Dataset,
        owners: NDArray[np.int64],
        features: Sequence[str],
        *,
        value: str,
        seed: int,
        holdout: Dataset | None = None,
        subject: Mapping[str, Any] | None = None,
    ) -> None:
        self.trainer, self.data, self.tests, self.holdout = trainer, data, tests, holdout
        self.owners, self.features = owners, tuple(features)
        self.value, self.seed = value, seed
        names = tests.names
        self.targets = (MEAN, *names) if len(names) > 1 else names
        self._retrainer: Retrainer | None = None
        self._replicate = 0
        self.fingerprint = identity_fingerprint(
            {
                "kind": "training_data",
                "trainer": trainer.identity(),
                "data": data.digest,
                "test_data": tests.digest,
                "owners": hashlib.sha256(owners.tobytes()).hexdigest(),
                "value": value,
                "seed": seed if trainer.seeded else None,
                "version": 1,
            }
        )
        self.subject: dict[str, Any] = {
            **(subject or {}),
            **subject_of(data, tests, owners, len(self.features)),
            "kind": "training_data",
            "name": f"{trainer.name} on {len(data):,} examples",
            "trainer": trainer.name,
            "value": value,
            "examples": len(data),
            "tests": len(tests),
            "data": data.digest,
            "test_data": tests.digest,
        }

    def __repr__(self) -> str:
        return (
            f"<TrainingDataValueFunction: {self.trainer.name}, {len(self.features)} features of "
            f"{len(self.data)} examples, {len(self.tests)} test examples>"
        )

    @property
    def recipe(self) -> Recipe | None:
        """What makes it again from its files; None where it is made of Python objects."""
        return recipe_of(self) if self.subject.get("arguments") else None

    def replicate(self, r: int) -> TrainingDataValueFunction:
        """Return the same with other seeds of the trainings: those of the r-th time."""
        self.retrainer  # noqa: B018 - made once, for all
        other = copy(self)
        other._replicate = r
        return other

    @property
    def retrainer(self) -> Retrainer:
        """The trainer, bound to the data; made when it is first needed."""
        if self._retrainer is None:
            self._retrainer = self.trainer.bind(self.data, self.tests)
        return self._retrainer

    @property
    def batch_size(self) -> int:
        """How many masks the trainer likes to see at once."""
        return self.retrainer.batch_size

    def kept(self, masks: BoolArray) -> BoolArray:
        """Return which examples masks ``(m, n)`` keep, bool ``(m, N)``."""
        masks = check_masks(masks, n=len(self.features))
        always = np.ones((len(masks), 1), dtype=np.bool_)
        return np.ascontiguousarray(np.hstack([masks, always])[:, self.owners])

    def measure(self, masks: BoolArray) -> Measured:
        """Return the values; rows whose training gave no finite ones are ``excluded``."""
        values = self.scores(masks)
        lost = ~np.isfinite(values).all(axis=1)
        values[lost] = np.nan
        if len(self.targets) > 1:
            values = np.concatenate([values.mean(axis=1, keepdims=True), values], axis=1)
        else:
            values = values[:, 0]
        return Measured(values, excluded=lost if lost.any() else None)

    def scores(self, masks: BoolArray) -> FloatArray:
        """Return the value of each test example, float64 ``(m, t)``; NaN where it diverged."""
        kept = self.kept(masks)
        scale, shape = self.trainer.scale, (len(kept), len(self.tests), self.tests.outputs)
        scores = np.broadcast_to(ignorant(self.tests, scale), shape).copy()
        some = np.flatnonzero(kept.any(axis=1))
        if len(some):
            seeds = np.array([self._seed(kept[row]) for row in some], dtype=np.int64)
            scores[some] = self.retrainer(kept[some], seeds)
        with np.errstate(invalid="ignore", over="ignore"):
            return measured(scores, self.tests, self.value, scale)

    def on(self, tests: Dataset) -> TrainingDataValueFunction:
        """Return the same, measured on other test examples, such as its own ``holdout``."""
        if not isinstance(tests, Dataset):
            raise BadInput(
                "tests must be a Dataset, such as the .holdout of this value function or "
                f"Dataset.of((inputs, labels)); got {type(tests).__name__}"
            )
        return TrainingDataValueFunction(
            self.trainer,
            self.data,
            tests,
            self.owners,
            self.features,
            value=self.value,
            seed=self.seed,
            subject=self.subject,
        )

    def _seed(self, kept: BoolArray) -> int:
        """The seed of a mask's training: the same whenever and beside what it comes."""
        if not self.trainer.seeded:
            return 0
        told = f"{self.seed} {self._replicate} ".encode() + np.packbits(kept).tobytes()
        return int.from_bytes(hashlib.sha256(told).digest()[:4], "little") >> 1
