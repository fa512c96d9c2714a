"""Any estimator of scikit-learn, fitted to each subset."""

from __future__ import annotations

import warnings
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from interplay.errors import BackendError, BadInput
from interplay.fingerprint import fingerprint
from interplay.lenses.training_data.dataset import Dataset, IntArray
from interplay.lenses.training_data.engines.answers import two_columns, with_unseen
from interplay.lenses.training_data.engines.engine import Retrainer, Scale, Trainer
from interplay.lenses.training_data.scores import LEAST
from interplay.value_function import BoolArray, FloatArray

DIVERGED: Final = ("overflow", "non-finite")
"""What scikit-learn says of a training that diverges, in the ValueError that it raises."""


class SklearnEstimator(Trainer):
    """An estimator or a pipeline of scikit-learn: a copy is fitted to each subset.

    Parameters
    ----------
    estimator : classifier or regressor
        It is given the inputs of :attr:`Dataset.features <interplay.lenses.training_data.Dataset>`,
        or a list of texts, and labels as class numbers, or as numbers. Where it, or a part of it,
        has a ``random_state`` that is None, that is set by the seed of each training; one that is
        set is left as it is.

    Raises
    ------
    BadInput
        If it is neither a classifier nor a regressor; when called, if its scores are not one for
        each class.
    BackendError
        If it cannot be fitted to a subset.

    Notes
    -----
    Of a classifier the scores are its ``decision_function`` (of two classes, half of it for the
    second and minus half for the first); where it has none the logarithm of ``predict_proba``, of
    1e-6 at least; where it has neither, 1 for the class that it predicts and 0 for others.

    A class of which no example is kept is unknown to the copy; it gets the probability
    ``1 / (kept + c)`` in the softmax of the scores, and 0 where the class is merely predicted. With
    one class kept nothing is fitted. Warnings that a fit has not converged are not shown: the
    estimator's options are the place to look to that. A fit that overflows is NaN.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> data = Dataset.of((np.array([[0.0], [1.0], [4.0], [5.0]]), [0, 0, 1, 1]))
    >>> retrain = SklearnEstimator(GaussianNB()).bind(data, data.take([3]))
    >>> retrain(np.ones((1, 4), dtype=bool), np.zeros(1, dtype=np.int64)).round(1).tolist()
    [[[-13.8, 0.0]]]
    """

    def __init__(self, estimator: Any) -> None:
        from sklearn.base import clone, is_classifier, is_regressor

        if isinstance(estimator, type):
            raise BadInput(f"estimator is the class {estimator.__name__}; give an object of it")
        self.classifies, self.regresses = is_classifier(estimator), is_regressor(estimator)
        if not (self.classifies or self.regresses):
            raise BadInput(
                f"estimator must be a classifier or a regressor; got {type(estimator).__name__}"
            )
        self.estimator = clone(estimator)
        self.name = _name(estimator)
        self.random = tuple(
            name
            for name, value in estimator.get_params().items()
            if value is None and name.rsplit("__", 1)[-1] == "random_state"
        )
        self.seeded = bool(self.random)
        self.method = _method(estimator) if self.classifies else "predict"
        self.scale: Scale = "predictions" if self.method == "predict" else "logits"

    def identity(self) -> dict[str, Any]:
        import sklearn

        return {
            "trainer": "scikit-learn",
            "version": sklearn.__version__,
            "estimator": fingerprint(self.estimator).digest,
        }

    def bind(self, data: Dataset, tests: Dataset) -> Retrainer:
        return BoundEstimator(self, data, tests)


def _name(estimator: Any) -> str:
    steps = getattr(estimator, "steps", None)
    return type(steps[-1][1] if steps else estimator).__name__


def _method(estimator: Any) -> str:
    for name in ("decision_function", "predict_proba"):
        if hasattr(estimator, name):
            return name
    return "predict"


class BoundEstimator:
    """An estimator that knows its examples and the tests."""

    batch_size = 16

    def __init__(self, trainer: SklearnEstimator, data: Dataset, tests: Dataset) -> None:
        self.trainer, self.labels, self.classes = trainer, data.labels, data.outputs
        self.texts = isinstance(data.inputs, tuple)
        self.inputs, self.tests = (
            np.array(one.inputs, dtype=object) if self.texts else one.features
            for one in (data, tests)
        )

    def __call__(self, kept: BoolArray, seeds: IntArray) -> FloatArray:
        return np.stack([self._scores(*one) for one in zip(kept, seeds, strict=True)])

    def _scores(self, row: BoolArray, seed: int) -> FloatArray:
        """Scores of the tests ``(t, c)``, of a copy that is fitted to some examples."""
        scores = np.zeros((len(self.tests), self.classes))
        if self.trainer.regresses:
            scores[:, 0] = self._told(row, seed)
            return scores
        known = np.unique(self.labels[row].astype(np.int64))
        predicts = self.trainer.method == "predict"
        if len(known) == 1:
            scores[:, known] = 1.0 if predicts else 0.0
        else:
            scores[:, known] = self._of_classes(self._told(row, seed), known)
        seen = np.isin(np.arange(self.classes), known)
        return scores if predicts else with_unseen(scores, seen, int(row.sum()))

    def _told(self, row: BoolArray, seed: int) -> NDArray[Any]:
        """What a copy says of the tests; NaN where its training overflows."""
        from sklearn.base import clone
        from sklearn.exceptions import ConvergenceWarning

        trainer = self.trainer
        copy = clone(trainer.estimator).set_params(**dict.fromkeys(trainer.random, int(seed)))
        inputs, tests = self.inputs[row], self.tests
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                copy.fit(inputs.tolist() if self.texts else inputs, self.labels[row])
                told = getattr(copy, trainer.method)(tests.tolist() if self.texts else tests)
        except Exception as error:  # the estimator may be the caller's own code
            if isinstance(error, ValueError) and any(word in str(error) for word in DIVERGED):
                return np.full(len(tests), np.nan)
            raise BackendError(
                f"{trainer.name} failed on {int(row.sum())} of {len(row)} examples: "
                f"{type(error).__name__}: {error}"
            ) from error
        return np.asarray(told)

    def _of_classes(self, told: NDArray[Any], known: IntArray) -> FloatArray:
        """Scores of the classes that a copy knows, ``(t, classes known)``."""
        if told.dtype.kind == "f" and np.isnan(told).all():
            return np.full((len(self.tests), len(known)), np.nan)
        if self.trainer.method == "predict":
            told = np.equal(told[:, None], known)
        found: FloatArray = told.astype(np.float64)
        if self.trainer.method == "decision_function" and found.ndim == 1 and len(known) == 2:
            return two_columns(found)
        if found.shape != (len(self.tests), len(known)):
            raise BadInput(
                f"{self.trainer.method} of {self.trainer.name} must give a score for each of "
                f"{len(known)} classes; got shape {found.shape} for {len(self.tests)} examples "
                "(of an SVC: decision_function_shape='ovr')"
            )
        if self.trainer.method == "predict_proba":
            found = np.log(np.maximum(found, LEAST))
        return found
