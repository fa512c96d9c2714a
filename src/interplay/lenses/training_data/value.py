"""The value function of a training set: masks of examples or groups -> values of test examples."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from interplay.fingerprint import identity_fingerprint
from interplay.lenses.training_data.dataset import Dataset
from interplay.lenses.training_data.engines.engine import Retrainer, Trainer
from interplay.lenses.training_data.scores import ignorant, measured
from interplay.lenses.training_data.subject import subject_of
from interplay.value_function import BoolArray, FloatArray, Measured, check_masks

MEAN: Final = "mean"
"""Name of the target that is the mean over all test examples."""


class TrainingDataValueFunction:
    """Retrains a model on what each mask keeps, and measures it on test examples.

    Made by :func:`interplay.training_data`. Called with masks, bool ``(m, n)``, returns float64
    ``(m, q)``, or ``(m,)`` for one target. Of several test examples the first target is their mean.

    Attributes
    ----------
    data, tests : Dataset
        The training set of N examples, and the t test examples.
    owners : int64 (N,)
        The feature that each training example belongs to; -1: it is always kept.
    features, targets : tuple of str
    fingerprint : str
        Of the trainer, the data, the groups, the value and the seeds.
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
        seeds: int,
        seed: int,
        holdout: Dataset | None = None,
        subject: Mapping[str, Any] | None = None,
    ) -> None:
        self.trainer, self.data, self.tests, self.holdout = trainer, data, tests, holdout
        self.owners, self.features = owners, tuple(features)
        self.value, self.seeds, self.seed = value, seeds if trainer.seeded else 1, seed
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
                "tests": tests.digest,
                "owners": hashlib.sha256(owners.tobytes()).hexdigest(),
                "value": value,
                "seeds": self.seeds,
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
            "seeds": self.seeds,
            "data": data.digest,
            "test_data": tests.digest,
        }

    def __repr__(self) -> str:
        return (
            f"<TrainingDataValueFunction: {self.trainer.name}, {len(self.features)} features of "
            f"{len(self.data)} examples, {len(self.tests)} test examples>"
        )

    def __call__(self, masks: BoolArray, /) -> FloatArray:
        return np.asarray(self.measure(masks).values)

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
        return max(1, self.retrainer.batch_size // self.seeds)

    def kept(self, masks: BoolArray) -> BoolArray:
        """Return which examples masks ``(m, n)`` keep, bool ``(m, N)``."""
        masks = check_masks(masks, n=len(self.features))
        always = np.ones((len(masks), 1), dtype=np.bool_)
        return np.ascontiguousarray(np.hstack([masks, always])[:, self.owners])

    def measure(self, masks: BoolArray) -> Measured:
        """Return the means over training seeds, and of several the variance of those means.

        Rows of which no training gave a finite value are ``excluded``.
        """
        values = self._values(self.kept(masks))  # (m, seeds, t)
        finite: Any = np.isfinite(values).all(axis=2)
        count = finite.sum(axis=1)
        excluded = count == 0
        shown = np.where(finite[:, :, None], values, 0.0)
        if len(self.targets) > 1:
            shown = np.concatenate([shown.mean(axis=2, keepdims=True), shown], axis=2)
        with np.errstate(invalid="ignore", divide="ignore"):
            means = shown.sum(axis=1) / count[:, None]
            noise = None
            if self.seeds > 1:
                off = np.where(finite[:, :, None], shown - means[:, None], 0.0)
                spread = np.square(off).sum(axis=1) / (count - 1)[:, None]
                noise = spread / count[:, None]
                # of one training nothing is known: taken to be like the rest
                known: Any = np.isfinite(noise).all(axis=1)
                noise[~known] = noise[known].mean(axis=0) if known.any() else 0.0
        return Measured(
            means if len(self.targets) > 1 else means[:, 0],
            noise_var=noise if noise is None or len(self.targets) > 1 else noise[:, 0],
            excluded=excluded if excluded.any() else None,
        )

    def scores(self, masks: BoolArray) -> FloatArray:
        """Return the value of each test example, float64 ``(m, t)``, a mean over seeds.

        A row of which no training gave a finite value is NaN.
        """
        values = self._values(self.kept(masks))
        finite = np.isfinite(values).all(axis=2, keepdims=True)
        with np.errstate(invalid="ignore"):
            means: FloatArray = np.where(finite, values, 0.0).sum(axis=1) / finite.sum(axis=1)
        return means

    def on(self, tests: Dataset) -> TrainingDataValueFunction:
        """Return the same, measured on other test examples."""
        return TrainingDataValueFunction(
            self.trainer,
            self.data,
            tests,
            self.owners,
            self.features,
            value=self.value,
            seeds=self.seeds,
            seed=self.seed,
            subject=self.subject,
        )

    def _values(self, kept: BoolArray) -> FloatArray:
        """Values of each training and test example, ``(m, seeds, t)``; NaN where it diverged."""
        m = len(kept)
        scale = self.trainer.scale
        scores = np.broadcast_to(
            ignorant(self.tests, scale), (m, self.seeds, len(self.tests), self.tests.outputs)
        ).copy()
        some = np.flatnonzero(kept.any(axis=1))
        if len(some):
            rows = np.repeat(kept[some], self.seeds, axis=0)
            seeds = np.concatenate([self._seeds(kept[row]) for row in some])
            found = self.retrainer(rows, seeds)
            scores[some] = found.reshape(len(some), self.seeds, *found.shape[1:])
        with np.errstate(invalid="ignore", over="ignore"):
            flat = scores.reshape(m * self.seeds, *scores.shape[2:])
            values = measured(flat, self.tests, self.value, scale)
        return values.reshape(m, self.seeds, -1)

    def _seeds(self, kept: BoolArray) -> NDArray[np.int64]:
        """Seeds of the trainings of a mask: the same whenever and beside what it comes."""
        if not self.trainer.seeded:
            return np.zeros(1, dtype=np.int64)
        told = f"{self.seed} {self._replicate} ".encode()
        digest = hashlib.sha256(told + np.packbits(kept).tobytes()).digest()
        rng = np.random.default_rng(list(digest))
        return rng.integers(0, 2**31 - 1, size=self.seeds)
