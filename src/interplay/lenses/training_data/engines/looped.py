"""The plain loop: a user's own training, called for each subset."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from interplay.errors import BackendError, BadInput
from interplay.fingerprint import fingerprint
from interplay.lenses.training_data.dataset import Dataset, IntArray
from interplay.lenses.training_data.engines.answers import two_columns
from interplay.lenses.training_data.engines.engine import Retrainer, Scale, Trainer
from interplay.value_function import BoolArray, FloatArray

Predict = Callable[[Any], Any]


class Looped(Trainer):
    """Any training at all, one subset after the other.

    Parameters
    ----------
    train : callable
        ``train(inputs, labels, seed) -> predict``: inputs of the kept examples as the dataset has
        them (an array, or a tuple of texts), labels int64 or float64 ``(k,)``, an int. Then
        ``predict(inputs)`` of the test examples gives logits ``(t, c)``, a column for every class
        whether or not it was among the labels; or ``(t,)``: of two classes the logit of the second
        one, of regression the prediction.

    Raises
    ------
    BadInput
        If ``train`` is not callable; when called, if it returns something else than a callable, or
        that something else than such scores.
    BackendError
        If either raises.

    Notes
    -----
    Scores that are not finite are those of a training that diverged. Trainings are taken to depend
    on the seed. Runs of the same code, defaults and closure share the store's evaluations:
    :func:`interplay.fingerprint.fingerprint`.

    Examples
    --------
    >>> def train(inputs, labels, seed):
    ...     means = np.stack([inputs[labels == k].mean(axis=0) for k in (0, 1)])
    ...     return lambda tests: -np.abs(tests[:, None] - means).sum(axis=2)
    >>> data = Dataset.of((np.arange(4.0)[:, None], [0, 0, 1, 1]))
    >>> retrain = Looped(train).bind(data, data.take([3]))
    >>> retrain(np.ones((1, 4), dtype=bool), np.zeros(1, dtype=np.int64)).tolist()
    [[[-2.5, -0.5]]]
    """

    scale: Scale = "logits"
    seeded = True
    regresses = True

    def __init__(self, train: Callable[[Any, Any, int], Predict]) -> None:
        if not callable(train):
            raise BadInput(
                "train must be a callable (inputs, labels, seed) -> predict; got "
                f"{type(train).__name__}"
            )
        self.train = train
        self.name = getattr(train, "__name__", type(train).__name__)

    def identity(self) -> dict[str, Any]:
        return {"trainer": "callable", "code": fingerprint(self.train).digest}

    def bind(self, data: Dataset, tests: Dataset) -> Retrainer:
        return BoundLoop(self, data, tests)


class BoundLoop:
    """A user's own training that knows its examples and the tests."""

    batch_size = 1

    def __init__(self, trainer: Looped, data: Dataset, tests: Dataset) -> None:
        self.trainer, self.data, self.tests = trainer, data, tests

    def __call__(self, kept: BoolArray, seeds: IntArray) -> FloatArray:
        return np.stack([self._scores(*one) for one in zip(kept, seeds, strict=True)])

    def _scores(self, row: BoolArray, seed: int) -> FloatArray:
        name = self.trainer.name
        some = self.data.take(np.flatnonzero(row))
        try:
            predict = self.trainer.train(some.inputs, some.labels, int(seed))
            told = predict(self.tests.inputs) if callable(predict) else None
        except Exception as error:  # it is the caller's code
            raise BackendError(
                f"{name} failed on {len(some)} of {len(row)} examples: {type(error).__name__}: "
                f"{error}"
            ) from error
        if not callable(predict):
            raise BadInput(
                f"{name} must return a callable, inputs -> scores; got {type(predict).__name__}"
            )
        try:
            scores = np.asarray(told, dtype=np.float64)
        except (TypeError, ValueError, RuntimeError) as error:  # the last of a tensor with gradient
            raise BadInput(f"what {name} returns must predict numbers: {error}") from error
        t, c = len(self.tests), self.data.outputs
        if scores.shape == (t,) and c == 2:
            return two_columns(scores)
        if scores.shape == (t,) and c == 1:
            return scores[:, None]
        if scores.shape != (t, c):
            short = f" or ({t},)" if c <= 2 else ""
            raise BadInput(
                f"what {name} returns must predict scores of shape ({t}, {c}){short} for {t} test "
                f"examples; got {scores.shape}"
            )
        return scores
