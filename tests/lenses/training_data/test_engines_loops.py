"""Trainings that are called one by one: estimators of scikit-learn, and a user's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import KMeans
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeRegressor

import interplay as ip
from interplay.errors import BackendError, BadInput
from interplay.lenses.training_data import Dataset
from interplay.lenses.training_data.engines import trainer_of
from interplay.lenses.training_data.engines.looped import Looped
from interplay.lenses.training_data.engines.sklearn_estimator import SklearnEstimator

RNG = np.random.default_rng(0)
INPUTS = RNG.normal(size=(50, 4))
LABELS = (INPUTS[:, :3] + RNG.normal(size=(50, 3))).argmax(axis=1)
DATA = Dataset.of((INPUTS[:40], LABELS[:40]))
TESTS = Dataset.of((INPUTS[40:], LABELS[40:]), classes=DATA.classes)
TWO = Dataset.of((INPUTS[:40], (LABELS[:40] > 0).astype(int)))
NUMBERS = Dataset.of((INPUTS[:40], INPUTS[:40] @ [1.0, 2.0, 3.0, 4.0]))
HALF = np.arange(40)[None] % 2 == 0
SEEDS = np.array([5])


class Majority(ClassifierMixin, BaseEstimator):
    """Predicts the most frequent class; has neither probabilities nor decisions."""

    def fit(self, x: Any, y: Any) -> Majority:
        self.classes_, counts = np.unique(y, return_counts=True)
        self.most_ = self.classes_[counts.argmax()]
        return self

    def predict(self, x: Any) -> Any:
        return np.full(len(x), self.most_)


# estimators


def test_scores_are_decisions() -> None:
    model = make_pipeline(StandardScaler(), LogisticRegression())
    found = SklearnEstimator(model).bind(DATA, TESTS)(HALF, SEEDS)[0]
    fitted = model.fit(DATA.features[HALF[0]], DATA.labels[HALF[0]])
    np.testing.assert_allclose(found, fitted.decision_function(TESTS.features))
    two = SklearnEstimator(model).bind(TWO, TESTS)(HALF, SEEDS)[0]
    fitted = model.fit(TWO.features[HALF[0]], TWO.labels[HALF[0]])
    np.testing.assert_allclose(softmax(two, axis=1), fitted.predict_proba(TESTS.features))


def test_scores_are_logarithms_of_probabilities() -> None:
    trainer = SklearnEstimator(KNeighborsClassifier(3))
    found = trainer.bind(DATA, TESTS)(HALF, SEEDS)[0]
    fitted = KNeighborsClassifier(3).fit(DATA.features[HALF[0]], DATA.labels[HALF[0]])
    shares = fitted.predict_proba(TESTS.features)
    assert (shares == 0).any()
    np.testing.assert_allclose(np.exp(found), np.maximum(shares, 1e-6))
    assert (trainer.scale, trainer.seeded) == ("logits", False)


def test_scores_are_predictions() -> None:
    trainer = SklearnEstimator(Majority())
    assert trainer.scale == "predictions"
    kept = np.stack([DATA.labels != 1, DATA.labels == 1])
    found = trainer.bind(DATA, TESTS)(kept, np.zeros(2, dtype=np.int64))
    most = np.bincount(DATA.labels[kept[0]]).argmax()
    assert (found.argmax(axis=2) == [[most], [1]]).all()
    assert (found.sum(axis=2) == 1).all()


def test_regressors() -> None:
    trainer = SklearnEstimator(DecisionTreeRegressor(random_state=0))
    assert (trainer.regresses, trainer.classifies, trainer.seeded) == (True, False, False)
    found = trainer.bind(NUMBERS, TESTS)(HALF, SEEDS)[0]
    fitted = DecisionTreeRegressor(random_state=0)
    fitted.fit(NUMBERS.features[HALF[0]], NUMBERS.labels[HALF[0]])
    np.testing.assert_array_equal(found[:, 0], fitted.predict(TESTS.features))
    with pytest.raises(BadInput, match="learns numbers, and the labels are classes"):
        ip.training_data(trainer, DATA, TESTS)
    with pytest.raises(BadInput, match="learns classes, and the labels are numbers"):
        ip.training_data(GaussianNB(), NUMBERS, NUMBERS)


def test_a_class_that_is_missing() -> None:
    kept = (DATA.labels != 2)[None]
    for model in (GaussianNB(), LogisticRegression()):
        found = SklearnEstimator(model).bind(DATA, TESTS)(kept, SEEDS)[0]
        np.testing.assert_allclose(softmax(found, axis=1)[:, 2], 1 / (kept.sum() + 3))


def test_texts_go_to_a_pipeline() -> None:
    texts = [f"{word} film {i}" for i in range(8) for word in ("good", "bad")]
    data = Dataset.of((texts, ["+", "-"] * 8))
    model = make_pipeline(TfidfVectorizer(), LogisticRegression())
    value = ip.training_data(model, data, (["good", "bad"], ["+", "-"]))
    values = value(np.ones((1, 16), dtype=bool))
    assert (values > 0.5).all()
    assert value.trainer.name == "LogisticRegression"


def test_seeds_are_set_where_none_is() -> None:
    forest = RandomForestClassifier(n_estimators=5)
    trainer = SklearnEstimator(make_pipeline(StandardScaler(), forest))
    assert trainer.seeded
    retrain = trainer.bind(DATA, TESTS)
    kept = np.repeat(HALF, 3, axis=0)
    first, again, other = retrain(kept, np.array([1, 1, 2]))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    fixed = SklearnEstimator(RandomForestClassifier(n_estimators=5, random_state=3))
    assert not fixed.seeded
    same, one, _ = fixed.bind(DATA, TESTS)(kept, np.array([1, 2, 3]))
    np.testing.assert_array_equal(same, one)


def test_a_fit_that_does_not_converge_is_not_an_error() -> None:
    found = SklearnEstimator(MLPClassifier((4,), max_iter=2, random_state=0)).bind(DATA, TESTS)(
        HALF, SEEDS
    )
    assert np.isfinite(found).all()


def test_a_fit_that_overflows_is_excluded() -> None:
    model = SGDRegressor(eta0=1e307, learning_rate="constant", random_state=0)
    value = ip.training_data(model, NUMBERS, NUMBERS.take([0]))
    measured = value.measure(HALF)
    assert measured.excluded is not None
    assert np.isnan(measured.values).all()


def test_what_fails_says_on_what() -> None:
    kept = np.arange(40)[None] < 3
    with pytest.raises(BackendError, match=r"KNeighborsClassifier failed on 3 of 40 .*n_neighbors"):
        SklearnEstimator(KNeighborsClassifier(5)).bind(DATA, TESTS)(kept, SEEDS)
    data = Dataset.of((INPUTS, np.arange(50) % 4))
    with pytest.raises(BadInput, match=r"a score for each of 4 classes; got shape \(50, 6\)"):
        SklearnEstimator(SVC(decision_function_shape="ovo")).bind(data, data)(
            np.ones((1, 50), dtype=bool), SEEDS
        )
    with pytest.raises(BadInput, match="a classifier or a regressor; got KMeans"):
        SklearnEstimator(KMeans(2))
    with pytest.raises(BadInput, match="estimator is the class GaussianNB; give an object"):
        trainer_of(GaussianNB)


def test_identity_of_an_estimator_is_what_it_is_made_of() -> None:
    def told(model: Any) -> Any:
        return SklearnEstimator(model).identity()

    assert told(GaussianNB()) == told(GaussianNB())
    assert told(GaussianNB()) == told(GaussianNB().fit(DATA.features, DATA.labels))
    assert told(GaussianNB()) != told(GaussianNB(var_smoothing=1e-3))
    assert told(GaussianNB()) != told(KNeighborsClassifier())
    assert told(GaussianNB(priors=np.full(3, 1 / 3))) != told(GaussianNB(priors=[0.2, 0.3, 0.5]))
    assert trainer_of(GaussianNB()).arguments() is None


# a user's own training


def train(inputs: Any, labels: Any, seed: int) -> Callable[[Any], Any]:
    assert labels.dtype == np.int64
    assert isinstance(seed, int)
    weights = np.random.default_rng(seed).normal(size=(inputs.shape[1], 3)) + inputs.mean()
    return lambda tests: tests @ weights


def test_a_training_is_given_what_is_kept_and_its_seed() -> None:
    found = trainer_of(train).bind(DATA, TESTS)(np.repeat(HALF, 2, axis=0), np.array([3, 4]))
    for seed, scores in zip((3, 4), found, strict=True):
        expected = train(DATA.features[HALF[0]], DATA.labels[HALF[0]], seed)(TESTS.features)
        np.testing.assert_array_equal(scores, expected)


def test_one_score_is_enough_for_two_classes_and_for_numbers() -> None:
    def logit(inputs: Any, labels: Any, seed: int) -> Any:
        return lambda tests: np.full(len(tests), 3.0)

    two = Looped(logit).bind(TWO, TESTS)(HALF, SEEDS)[0]
    np.testing.assert_allclose(two[:, 1] - two[:, 0], 3.0)
    number = Looped(logit).bind(NUMBERS, TESTS)(HALF, SEEDS)[0]
    np.testing.assert_allclose(number, 3.0)


def test_texts_come_as_they_are() -> None:
    def count(inputs: Any, labels: Any, seed: int) -> Any:
        assert inputs == ("a b", "c")
        return lambda tests: [len(text) for text in tests]

    data = Dataset.of((["a b", "c", "d"], [0, 1, 1]))
    kept = np.array([[True, True, False]])
    assert Looped(count).bind(data, data)(kept, SEEDS)[0, :, 1].tolist() == [1.5, 0.5, 0.5]


def test_a_training_that_diverges_is_excluded() -> None:
    def diverges(inputs: Any, labels: Any, seed: int) -> Any:
        return lambda tests: np.full((len(tests), 3), np.nan if len(inputs) < 30 else 0.0)

    value = ip.training_data(diverges, DATA, TESTS)
    measured = value.measure(np.concatenate([HALF, HALF | True]))
    assert measured.excluded.tolist() == [True, False]  # type: ignore[union-attr]


def raises(inputs: Any, labels: Any, seed: int) -> Any:
    raise KeyError("weights")


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (raises, BackendError, "raises failed on 20 of 40 examples: KeyError: 'weights'"),
        (lambda x, y, s: 3, BadInput, "must return a callable, inputs -> scores; got int"),
        (lambda x, y, s: lambda t: 1 / 0, BackendError, "ZeroDivisionError"),
        (lambda x, y, s: lambda t: "good", BadInput, "must predict numbers"),
        (
            lambda x, y, s: lambda t: np.zeros((10, 2)),
            BadInput,
            r"scores of shape \(10, 3\) for 10 test examples; got \(10, 2\)",
        ),
    ],
)
def test_what_a_training_must_return(given: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Looped(given).bind(DATA, TESTS)(HALF, SEEDS)


def test_of_two_classes_the_message_names_both_shapes() -> None:
    with pytest.raises(BadInput, match=r"shape \(10, 2\) or \(10,\) for 10 .* got \(\)"):
        Looped(lambda x, y, s: lambda t: 1.0).bind(TWO, TESTS)(HALF, SEEDS)
    with pytest.raises(BadInput, match="train must be a callable"):
        Looped(3)  # type: ignore[arg-type]


def test_identity_of_a_training_is_its_code_and_what_it_holds() -> None:
    def made(rate: float) -> Any:
        return lambda inputs, labels, seed: lambda tests: tests[:, :3] * rate

    assert Looped(made(1.0)).identity() == Looped(made(1.0)).identity()
    assert Looped(made(1.0)).identity() != Looped(made(2.0)).identity()
    assert Looped(made(1.0)).arguments() is None
