"""What every trainer without torch must pass, and each of them beside fits made one by one."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.kernel_ridge import KernelRidge as SklearnKernelRidge
from sklearn.linear_model import LogisticRegression
from sklearn.linear_model import Ridge as SklearnRidge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

import interplay as ip
from interplay.errors import BadInput
from interplay.lenses.training_data import Dataset
from interplay.lenses.training_data.engines import (
    Trainer,
    kernel_ridge,
    least_squares,
    logistic,
    trainer_of,
)
from interplay.lenses.training_data.engines.answers import two_columns, with_unseen
from interplay.lenses.training_data.engines.conjugate import conjugate_gradients
from interplay.lenses.training_data.engines.kernel_ridge import KernelRidge
from interplay.lenses.training_data.engines.knn import KNN, knn_shapley
from interplay.lenses.training_data.engines.logistic import Logistic
from interplay.lenses.training_data.engines.looped import Looped
from interplay.lenses.training_data.engines.ridge import Ridge
from interplay.lenses.training_data.engines.sklearn_estimator import SklearnEstimator
from interplay.value_function import BoolArray, FloatArray

KINDS = ("numbers", "two", "four")


def drawn(kind: str, *, N: int = 60, d: int = 7, t: int = 9, seed: int = 0) -> tuple[Any, Any]:
    """N examples and t test examples, of two or four classes, or with numbers as labels."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(N + t, d)) + 2
    classes = {"numbers": 1, "two": 2, "four": 4}[kind]
    told = (inputs - 2) @ rng.normal(size=(d, classes)) / np.sqrt(d)
    told += rng.gumbel(size=told.shape)
    labels = told[:, 0] + 30 if kind == "numbers" else told.argmax(axis=1)
    names = None if kind == "numbers" else [f"class {k}" for k in range(classes)]
    every = Dataset.of((inputs, labels), classes=names)
    return every.take(np.arange(N)), every.take(np.arange(N, N + t))


def subsets(data: Dataset, m: int = 12, seed: int = 1) -> BoolArray:
    """Subsets of many sizes; one of everything, one of a single example, one without class 0."""
    rng = np.random.default_rng(seed)
    kept = rng.random((m, len(data))) < rng.choice([0.1, 0.5, 0.9, 0.97], m)[:, None]
    kept[0], kept[1] = True, np.arange(len(data)) == 3
    if data.classes is not None:
        kept[2] = data.labels != 0
    kept[~kept.any(axis=1), 0] = True
    return kept


def means(inputs: Any, labels: Any, seed: int) -> Callable[[Any], FloatArray]:
    """A user's own training: minus the squared distances to the means of four classes."""
    known = [inputs[labels == k].mean(axis=0) if (labels == k).any() else 99.0 for k in range(4)]
    return lambda tests: -np.stack([((tests - one) ** 2).sum(axis=1) for one in known], axis=1)


TRAINERS: dict[str, Callable[[], Trainer]] = {
    **{
        f"ridge, {solver}": (lambda solver=solver: Ridge(0.5, solver=solver, tolerance=1e-12))
        for solver in ("auto", "primal", "dual", "downdate", "cg")
    },
    "ridge without intercept": lambda: Ridge(0.5, intercept=False),
    **{
        f"kernel ridge, {kernel}": (lambda kernel=kernel: KernelRidge(kernel, penalty=0.3))
        for kernel in kernel_ridge.KERNELS
    },
    "logistic": lambda: Logistic(0.7),
    "knn": lambda: KNN(5),
    "estimator": lambda: SklearnEstimator(LogisticRegression(random_state=0)),
    "estimator, regression": lambda: SklearnEstimator(SklearnRidge(random_state=0)),
    "callable": lambda: Looped(means),
}
PAIRS = [
    (name, kind)
    for name, kind in itertools.product(TRAINERS, KINDS)
    if (TRAINERS[name]().regresses if kind == "numbers" else TRAINERS[name]().classifies)
    and (name != "callable" or kind == "four")
]


def scores_of(trainer: Trainer, data: Dataset, tests: Dataset, kept: BoolArray) -> FloatArray:
    return trainer.bind(data, tests)(kept, np.arange(len(kept)))


@pytest.mark.parametrize(("name", "kind"), PAIRS)
class TestEveryTrainer:
    def test_scores_are_finite_numbers_for_every_class(self, name: str, kind: str) -> None:
        data, tests = drawn(kind)
        scores = scores_of(TRAINERS[name](), data, tests, subsets(data))
        assert scores.shape == (12, len(tests), data.outputs)
        assert scores.dtype == np.float64
        assert np.isfinite(scores).all()

    def test_a_row_does_not_depend_on_those_beside_it(self, name: str, kind: str) -> None:
        data, tests = drawn(kind)
        kept = subsets(data, 9)
        retrain = TRAINERS[name]().bind(data, tests)
        seeds = np.zeros(len(kept), dtype=np.int64)
        together = retrain(kept, seeds)
        alone = np.concatenate([retrain(kept[i : i + 1], seeds[:1]) for i in range(len(kept))])
        turned = retrain(kept[::-1], seeds)[::-1]
        np.testing.assert_allclose(together, alone, atol=1e-8, rtol=0)
        np.testing.assert_allclose(together, turned, atol=1e-8, rtol=0)

    def test_the_order_of_the_examples_is_of_no_account(self, name: str, kind: str) -> None:
        data, tests = drawn(kind)
        kept = subsets(data, 8)
        order = np.random.default_rng(2).permutation(len(data))
        plain = scores_of(TRAINERS[name](), data, tests, kept)
        moved = scores_of(TRAINERS[name](), data.take(order), tests, kept[:, order])
        # scikit-learn's lbfgs stops at a gradient of 1e-4
        np.testing.assert_allclose(plain, moved, atol=1e-3 if name == "estimator" else 1e-7)

    def test_what_is_left_out_does_not_count(self, name: str, kind: str) -> None:
        """Beyond the origin and the bandwidth that all examples share."""
        data, tests = drawn(kind)
        kept = subsets(data, 8)
        kept[:, :4] = False
        kept[:, 5] = True
        other = Dataset(data.inputs, data.labels.copy(), data.classes, data.names)
        other.labels[:4] = other.labels[4]
        plain = scores_of(TRAINERS[name](), data, tests, kept)
        np.testing.assert_allclose(
            plain, scores_of(TRAINERS[name](), other, tests, kept), atol=1e-7
        )

    def test_is_made_again_from_its_arguments(self, name: str, kind: str) -> None:
        trainer = TRAINERS[name]()
        assert json.dumps(trainer.identity()) == json.dumps(TRAINERS[name]().identity())
        arguments = trainer.arguments()
        if arguments is not None:
            again = trainer_of(arguments.pop("trainer"), **arguments)
            assert again.identity() == trainer.identity()
            assert again.scale == trainer.scale

    def test_is_a_value_function(self, name: str, kind: str) -> None:
        data, tests = drawn(kind)
        value = ip.training_data(TRAINERS[name](), data, tests)
        masks = subsets(data, 5)
        masks[1] = False
        values = value(masks)
        assert values.shape == (5, 10)
        assert np.isfinite(values).all()
        assert (values[1] == 0).all()
        np.testing.assert_allclose(values[:, 0], values[:, 1:].mean(axis=1))


# ridge


def fitted_ridge(data: Dataset, tests: Dataset, kept: BoolArray, penalty: float) -> FloatArray:
    model = SklearnRidge(alpha=penalty, solver="cholesky")
    found = [
        model.fit(data.features[row], data.targets[row]).predict(tests.features) for row in kept
    ]
    return np.stack(found).reshape(len(kept), len(tests), -1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("solver", ["auto", "primal", "dual", "downdate"])
@pytest.mark.parametrize(("N", "d"), [(60, 7), (40, 90)])
def test_every_way_of_ridge_agrees_with_a_plain_fit(kind: str, solver: str, N: int, d: int) -> None:
    data, tests = drawn(kind, N=N, d=d)
    kept = subsets(data, 20)
    expected = fitted_ridge(data, tests, kept, 0.3)
    exact = scores_of(Ridge(0.3, solver=solver), data, tests, kept)
    np.testing.assert_allclose(exact, expected, atol=1e-8, rtol=0)
    single = scores_of(Ridge(0.3, solver=solver, dtype="float32"), data, tests, kept)
    np.testing.assert_allclose(single, expected, atol=0.02, rtol=0)


def test_the_iterative_way_keeps_its_tolerance() -> None:
    data, tests = drawn("four", N=300, d=20)
    kept = subsets(data, 20)[3:]
    expected = fitted_ridge(data, tests, kept, 1.0)
    errors = [
        np.abs(
            scores_of(Ridge(1.0, solver="cg", tolerance=told), data, tests, kept) - expected
        ).max()
        for told in (1e-3, 1e-6, 1e-9)
    ]
    assert errors[0] > errors[1] > errors[2]
    assert errors[0] < 1e-2
    assert errors[2] < 1e-8


def test_what_does_not_arrive_is_nan_and_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interplay.lenses.training_data.engines.ridge.STEPS", 2)
    data, tests = drawn("two")
    kept = subsets(data)
    kept[4] = True
    scores = scores_of(Ridge(solver="cg", tolerance=1e-9), data, tests, kept)
    assert np.isfinite(scores[[0, 4]]).all()  # nothing is left out: that is the fit to all
    assert np.isnan(scores[1]).all()
    value = ip.training_data(Ridge(solver="cg", tolerance=1e-9), data, tests)
    assert value.measure(kept).excluded[1]  # type: ignore[index]


def test_the_cheapest_way_is_taken() -> None:
    data, tests = drawn("two", N=400, d=60)
    retrain: Any = Ridge().bind(data, tests)
    places = np.arange(400)
    kept = np.stack([places < 10, places < 200, places < 390])
    assert retrain.ways(kept).tolist() == ["dual", "primal", "downdate"]


@pytest.mark.parametrize("solver", ["dual", "downdate"])
def test_products_need_not_be_held(solver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data, tests = drawn("two", N=90)
    kept = subsets(data, 9)
    plain = scores_of(Ridge(solver=solver), data, tests, kept)
    monkeypatch.setattr(least_squares, "STORED", 100)
    np.testing.assert_allclose(scores_of(Ridge(solver=solver), data, tests, kept), plain, atol=1e-9)


@settings(max_examples=60)
@given(
    N=st.integers(2, 25),
    d=st.integers(1, 30),
    kind=st.sampled_from(KINDS),
    penalty=st.sampled_from([1e-2, 1.0, 100.0]),
    seed=st.integers(0, 10**6),
)
def test_ridge_of_any_shape(N: int, d: int, kind: str, penalty: float, seed: int) -> None:
    data, tests = drawn(kind, N=N, d=d, t=3, seed=seed)
    kept = np.random.default_rng(seed).random((6, N)) < 0.6
    kept[~kept.any(axis=1), 0] = True
    expected = fitted_ridge(data, tests, kept, penalty)
    for solver in ("primal", "dual", "downdate"):
        scores = scores_of(Ridge(penalty, solver=solver), data, tests, kept)
        np.testing.assert_allclose(scores, expected, atol=1e-8, rtol=1e-8)


def test_a_penalty_too_small_for_the_features() -> None:
    inputs = np.ones((6, 3)) * np.arange(6)[:, None] * 1e8
    data = Dataset.of((inputs, [0, 1, 0, 1, 0, 1]))
    kept = np.ones((2, 6), dtype=bool)
    with pytest.raises(BadInput, match="penalty 1e-300 is too small for these features"):
        scores_of(Ridge(1e-300, solver="cg"), data, data, kept)
    scores = scores_of(Ridge(1e-300, solver="primal", intercept=False), data, data, kept)
    assert np.isnan(scores).all()
    with pytest.raises(BadInput, match="the kernel matrix of all examples is singular"):
        scores_of(KernelRidge("linear", penalty=1e-300), data, data, kept)


# kernel ridge


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kernel", kernel_ridge.KERNELS)
def test_kernel_ridge_agrees_with_a_plain_fit(kernel: str, kind: str) -> None:
    data, tests = drawn(kind)
    kept = subsets(data, 16)
    width = None if kernel == "linear" else 3.0
    scores = scores_of(KernelRidge(kernel, penalty=0.2, bandwidth=width), data, tests, kept)
    gamma = {"rbf": 1 / 18, "polynomial": 1 / 9, "linear": None}[kernel]
    model = SklearnKernelRidge(alpha=0.2, kernel=kernel, gamma=gamma, degree=3, coef0=1)
    for row, found in zip(kept, scores, strict=True):
        expected = model.fit(data.features[row], data.targets[row]).predict(tests.features)
        np.testing.assert_allclose(found, expected.reshape(found.shape), atol=1e-8, rtol=1e-8)


def test_the_bandwidth_is_the_median_distance() -> None:
    data, tests = drawn("two")
    x = data.features
    apart = [np.linalg.norm(a - b) for a, b in itertools.combinations(x, 2)]
    kept = subsets(data, 5)
    given = KernelRidge(bandwidth=float(np.median(apart)))
    np.testing.assert_allclose(
        scores_of(KernelRidge(), data, tests, kept), scores_of(given, data, tests, kept)
    )


def test_kernel_ridge_refuses_more_pairs_than_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_ridge, "LARGEST", 50)
    data, tests = drawn("two")
    with pytest.raises(BadInput, match="at most 50 of them; got 60: use ridge on features"):
        KernelRidge().bind(data, tests)


# logistic regression


@pytest.mark.parametrize("penalty", [0.01, 1.0, 30.0])
@pytest.mark.parametrize("kind", ["two", "four"])
def test_logistic_regression_agrees_with_scikit_learn(kind: str, penalty: float) -> None:
    data, tests = drawn(kind, N=120)
    kept = np.random.default_rng(1).random((10, 120)) < 0.5
    scores = scores_of(Logistic(penalty), data, tests, kept)
    model = LogisticRegression(C=1 / penalty, solver="newton-cholesky", tol=1e-10)
    for row, found in zip(kept, scores, strict=True):
        model.fit(data.features[row], data.labels[row])
        expected = model.decision_function(tests.features)
        if kind == "two":
            expected = two_columns(expected)
        np.testing.assert_allclose(found, expected, atol=1e-5, rtol=0)


def test_features_of_any_size_and_classes_that_are_told_apart_exactly() -> None:
    data, tests = drawn("two", N=50, d=60)
    scaled = Dataset(data.inputs * np.logspace(-3, 3, 60), data.labels, data.classes, data.names)
    kept = subsets(data, 8)
    for one in (data, scaled):
        scores = scores_of(Logistic(0.05), one, tests, kept)
        model = LogisticRegression(C=20, solver="newton-cholesky", tol=1e-12)
        for row, found in zip(kept[3:], scores[3:], strict=True):
            model.fit(one.features[row], one.labels[row])
            expected = model.decision_function(tests.features)
            np.testing.assert_allclose(found[:, 1] - found[:, 0], expected, rtol=1e-5, atol=1e-5)


def test_of_four_classes_two_are_kept() -> None:
    """The model is one of the two, with a vector of coefficients for each."""
    data, tests = drawn("four", N=120)
    row = data.labels < 2
    found = scores_of(Logistic(1.0), data, tests, row[None])[0]
    model = LogisticRegression(C=2.0, solver="newton-cholesky", tol=1e-10)  # |w/2|^2 + |w/2|^2
    expected = model.fit(data.features[row], data.labels[row]).decision_function(tests.features)
    np.testing.assert_allclose(found[:, 1] - found[:, 0], expected, atol=1e-5)
    shares = softmax(found, axis=1)
    np.testing.assert_allclose(shares[:, 2:], 1 / (row.sum() + 4))


def test_of_a_single_class_nothing_is_trained() -> None:
    for kind, classes in (("two", 2), ("four", 4)):
        data, tests = drawn(kind)
        row = data.labels == 1
        for trainer in (Logistic(), SklearnEstimator(GaussianNB())):
            shares = softmax(scores_of(trainer, data, tests, row[None])[0], axis=1)
            others = np.delete(shares, 1, axis=1)
            np.testing.assert_allclose(others, 1 / (row.sum() + classes))


def test_a_class_that_no_example_of_the_dataset_has() -> None:
    given, tests = drawn("two")
    data = Dataset(given.inputs, given.labels, ("a", "b", "c"), given.names)
    for trainer in (Logistic(), Ridge(), KNN(), SklearnEstimator(GaussianNB())):
        scores = scores_of(trainer, data, tests, subsets(data))
        assert np.isfinite(scores).all()
        assert (scores[0].argmax(axis=1) < 2).all()
    one = Dataset(given.inputs, np.zeros_like(given.labels), ("a", "b", "c"), given.names)
    assert np.isfinite(scores_of(Logistic(), one, tests, subsets(one))).all()


def test_trainings_that_do_not_arrive_are_nan(monkeypatch: pytest.MonkeyPatch) -> None:
    data, tests = drawn("two")
    retrain = Logistic(1e-3).bind(data, tests)
    kept = np.random.default_rng(0).random((9, 60)) < 0.5
    kept[0], kept[1] = True, data.labels == 0
    retrain(kept, np.zeros(9, dtype=np.int64))  # the fit to all, from which others start
    monkeypatch.setattr(logistic, "NEWTON_STEPS", 1)
    scores = retrain(kept, np.zeros(9, dtype=np.int64))
    assert np.isfinite(scores[:2]).all()  # of a single class nothing is trained
    assert np.isnan(scores[2:]).all()


# nearest neighbours


@pytest.mark.parametrize("kind", KINDS)
def test_nearest_neighbours_agree_with_scikit_learn(kind: str) -> None:
    data, tests = drawn(kind, N=150)
    kept = np.random.default_rng(1).random((15, 150)) < np.linspace(0.05, 1, 15)[:, None]
    kept[0, :7] = True
    scores = scores_of(KNN(7), data, tests, kept)
    for row, found in zip(kept, scores, strict=True):
        if kind == "numbers":
            model = KNeighborsRegressor(7).fit(data.features[row], data.labels[row])
            np.testing.assert_allclose(found[:, 0], model.predict(tests.features))
        else:
            model = KNeighborsClassifier(7).fit(data.features[row], data.labels[row])
            np.testing.assert_allclose(
                found[:, model.classes_], model.predict_proba(tests.features)
            )


def test_fewer_are_kept_than_k() -> None:
    data, tests = drawn("two")
    kept = np.zeros((1, 60), dtype=bool)
    kept[0, [2, 5, 11]] = True
    share = (data.labels[[2, 5, 11]] == 1).mean()
    found = scores_of(KNN(9), data, tests, kept)[0]
    np.testing.assert_allclose(found, np.tile([1 - share, share], (len(tests), 1)))


def test_of_equal_distances_the_first_example_is_nearer() -> None:
    data = Dataset.of((np.zeros((4, 2)), [0, 1, 1, 0]))
    kept = np.array([[True, True, True, True], [False, True, True, True]])
    assert scores_of(KNN(1), data, data.take([0]), kept).argmax(axis=2).ravel().tolist() == [0, 1]


@pytest.mark.parametrize("k", [1, 3, 12])
def test_shapley_values_of_neighbours_by_brute_force(k: int) -> None:
    data, tests = drawn("two", N=8, t=3)
    found = knn_shapley(data, tests, k=k)
    x, n = data.features, len(data)
    for test in range(len(tests)):
        order = np.argsort(((x - tests.features[test]) ** 2).sum(axis=1))
        right = data.labels == tests.labels[test]

        def game(kept: frozenset[int], order: Any = order, right: Any = right) -> float:
            return sum(right[i] for i in [i for i in order if i in kept][:k]) / k

        for i in range(n):
            rest = [j for j in range(n) if j != i]
            value = sum(
                math.factorial(size) * math.factorial(n - 1 - size) / math.factorial(n)
                * (game(frozenset(one) | {i}) - game(frozenset(one)))
                for size in range(n)
                for one in itertools.combinations(rest, size)
            )  # fmt: skip
            assert found[test, i] == pytest.approx(value, abs=1e-12)


def test_shapley_values_of_neighbours_need_classes() -> None:
    data, tests = drawn("numbers")
    with pytest.raises(BadInput, match="are for classes, not numbers"):
        knn_shapley(data, tests)


# linear algebra that they share


def test_conjugate_gradients_on_systems_that_take_different_times() -> None:
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(9, 30, 30)) * np.linspace(0.01, 1, 9)[:, None, None]
    matrices = np.eye(30) + factors @ factors.transpose(0, 2, 1)
    right = rng.normal(size=(9, 30))

    def systems(rows: Any) -> Any:
        inverse = 1 / np.einsum("rii->ri", matrices[rows])
        own = matrices[rows]
        return lambda v: np.einsum("rij,rj->ri", own, v), lambda v: v * inverse

    found, solved = conjugate_gradients(systems, right, tolerance=1e-12, most=200)
    assert solved.all()
    np.testing.assert_allclose(found, np.linalg.solve(matrices, right[..., None])[..., 0])
    _, few = conjugate_gradients(systems, right, tolerance=1e-12, most=12)
    assert few[0]
    assert not few[-1]


def test_unseen_classes_are_less_likely_the_more_is_seen() -> None:
    logits, seen = np.array([[1.0, 2.0, 0.0]]), np.array([True, True, False])
    shares = [softmax(with_unseen(logits, seen, kept))[0, 2] for kept in (2, 20, 200)]
    np.testing.assert_allclose(shares, [1 / 5, 1 / 23, 1 / 203])
    assert with_unseen(logits, np.ones(3, dtype=bool), 5) is logits


# what they refuse


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Ridge(0), "penalty must be a finite number above 0; got 0"),
        (lambda: Ridge(float("nan")), "penalty must be a finite number above 0; got nan"),
        (lambda: Ridge(True), "penalty must be a finite number above 0; got True"),
        (lambda: Ridge(dtype="half"), "unknown dtype 'half'; valid: float32, float64"),
        (lambda: Ridge(solver="qr"), "unknown solver 'qr'; valid: auto, primal, dual"),
        (lambda: Ridge(tolerance=-1), "tolerance must be a finite number above 0; got -1"),
        (lambda: KernelRidge("cosine"), "unknown kernel 'cosine'; valid: rbf, linear"),
        (lambda: KernelRidge(bandwidth=0), "bandwidth must be a finite number above 0; got 0"),
        (lambda: KernelRidge("linear", bandwidth=1), "the linear one has none"),
        (lambda: KernelRidge(degree=0), "degree must be a whole number of at least 1; got 0"),
        (lambda: Logistic("strong"), "penalty must be a finite number above 0; got 'strong'"),  # type: ignore[arg-type]
        (lambda: KNN(0), "k must be a whole number of at least 1; got 0"),
    ],
)
def test_options_that_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        make()


def test_logistic_regression_refuses_numbers() -> None:
    data, tests = drawn("numbers")
    with pytest.raises(BadInput, match="logistic regression learns classes"):
        Logistic().bind(data, tests)


def test_texts_need_a_pipeline() -> None:
    data = Dataset.of((["good film", "bad film"], ["+", "-"]))
    for trainer in (Ridge(), KernelRidge(), Logistic(), KNN()):
        with pytest.raises(BadInput, match="give a scikit-learn pipeline"):
            trainer.bind(data, data)
