"""The regressions: against brute force on complete games, and other implementations on samples."""

from __future__ import annotations

from collections.abc import Callable
from math import comb

import numpy as np
import pytest
from baseline_games import ends_only, random_game, with_ends
from index_oracles import banzhaf, fbii, fsii, shapley

import interplay as ip
from interplay.masks import all_masks
from interplay.surrogates.baselines.kernels import lime_kernel, shapley_kernel

Oracle = Callable[[np.ndarray, int, int], dict[tuple[int, ...], float]]


@pytest.mark.parametrize("n", [2, 3, 5, 7])
@pytest.mark.parametrize(
    ("method", "index", "order", "oracle"),
    [
        ("kernel-shap", "SV", 1, shapley),
        ("banzhaf-regression", "BV", 1, banzhaf),
        ("faith-banzhaf-2", "FBII", 2, fbii),
        ("faith-banzhaf-3", "FBII", 3, fbii),
        ("faith-shap-2", "FSII", 2, fsii),
        ("faith-shap-3", "FSII", 3, fsii),
    ],
)
def test_a_complete_game_gives_the_index_itself(
    n: int, method: str, index: str, order: int, oracle: Oracle
) -> None:
    if order > n:
        order = n
    masks, values = random_game(n, seed=n)
    series = ip.fit(masks, 5.0 + values, method=method).spectrum(None)
    found = series.interactions(index, order)
    for term, truth in oracle(5.0 + values, n, order).items():
        assert found.get(term, 0.0) == pytest.approx(truth, abs=1e-9), term
    exact = ip.fit(masks, 5.0 + values, method="exact").spectrum(None).interactions(index, order)
    assert dict(found) == pytest.approx({term: exact[term] for term in found}, abs=1e-9)
    assert series.standard_errors == pytest.approx(0.0, abs=1e-7)  # nothing is left to chance


@pytest.mark.parametrize("method", ["kernel-shap", "faith-shap-2", "faith-shap-3"])
@pytest.mark.parametrize("m", [15, 60, 300])
def test_both_ends_are_met_exactly(method: str, m: int) -> None:
    masks = ends_only(m, 9)
    values = 1e3 + np.random.default_rng(0).normal(size=len(masks))
    fitted = ip.fit(masks, values, method=method)
    assert fitted.predict(masks[:2]) == pytest.approx(values[:2], rel=1e-12)
    shapley_values = fitted.spectrum(None).interactions("SV")
    total = sum(shapley_values[(i,)] for i in range(9))
    assert total == pytest.approx(values[0] - values[1], abs=1e-8)


def test_an_end_that_was_asked_repeatedly_is_met_in_the_mean() -> None:
    masks = np.concatenate([ends_only(60, 6), np.ones((1, 6), bool)])
    values = np.random.default_rng(0).normal(size=len(masks))
    fitted = ip.fit(masks, values, method="kernel-shap")
    assert fitted.predict(masks[:1])[0] == pytest.approx((values[0] + values[-1]) / 2)


def test_kernel_shap_of_a_sample_is_the_constrained_regression() -> None:
    masks = ends_only(120, 8)
    inner = masks[(masks.sum(axis=1) > 0) & (masks.sum(axis=1) < 8)]
    masks = np.concatenate([masks[:2], inner])  # each end once
    values = np.random.default_rng(1).normal(size=len(masks)) + masks @ np.arange(8.0)
    y = values[2:]
    size = inner.sum(axis=1)
    weight = np.array([7 / (comb(8, s) * s * (8 - s)) for s in size])
    # the last feature takes what the others leave of f(full) - f(empty)
    left = y - values[1] - inner[:, -1] * (values[0] - values[1])
    design = inner[:, :-1].astype(float) - inner[:, -1:]
    root = np.sqrt(weight)
    some = np.linalg.lstsq(design * root[:, None], left * root, rcond=None)[0]
    expected = np.append(some, values[0] - values[1] - some.sum())
    found = ip.fit(masks, values, method="kernel-shap").spectrum(None).interactions("SV")
    assert [found[(i,)] for i in range(8)] == pytest.approx(expected.tolist(), abs=1e-9)


def test_lime_is_a_ridge_with_its_kernel() -> None:
    from sklearn.linear_model import Ridge

    masks = ends_only(90, 7)
    values = np.random.default_rng(2).normal(size=len(masks)) + masks[:, 0]
    distance = np.array([1.0 - np.sqrt(s / 7) for s in masks.sum(axis=1)])
    weight = np.sqrt(np.exp(-(distance**2) / 0.25**2))
    assert lime_kernel(masks) == pytest.approx(weight)
    ridge = Ridge(alpha=1.0).fit(masks, values, sample_weight=weight)
    fitted = ip.fit(masks, values, method="lime")
    assert fitted.predict(masks) == pytest.approx(ridge.predict(masks), abs=1e-9)
    effects = fitted.spectrum(None).interactions("BV")
    assert [effects[(i,)] for i in range(7)] == pytest.approx(ridge.coef_.tolist(), abs=1e-9)


def test_banzhaf_regression_of_a_sample_is_least_squares() -> None:
    masks = with_ends(60, 10)
    values = np.random.default_rng(3).normal(size=len(masks))
    design = np.column_stack([np.ones(len(masks)), masks])
    expected = design @ np.linalg.lstsq(design, values, rcond=None)[0]
    fitted = ip.fit(masks, values, method="banzhaf-regression")
    assert fitted.predict(masks) == pytest.approx(expected, abs=1e-9)


def test_more_features_than_masks_give_the_solution_of_least_norm() -> None:
    masks = np.random.default_rng(0).random((20, 50)) < 0.5
    values = masks[:, 0] + np.random.default_rng(1).normal(size=20)
    fitted = ip.fit(masks, values, method="banzhaf-regression")
    assert fitted.predict(masks) == pytest.approx(values, abs=1e-9)
    assert "51 coefficients, more than masks that count (20)" in fitted.diagnostics()[-1]


@pytest.mark.parametrize("order", [2, 3])
def test_terms_above_rows_and_below_are_one_estimator(order: int) -> None:
    """The dual form equals the primal one: ridge with the chosen penalty, solved directly."""
    from interplay.surrogates.baselines.low_order import low_order_terms
    from interplay.surrogates.baselines.ridge import WeightedRidge
    from interplay.walsh import parities

    rng = np.random.default_rng(0)
    masks, values = rng.random((30, 7)) < 0.5, rng.normal(size=30)
    weights = rng.uniform(0.1, 2.0, 30)
    columns = parities(masks, low_order_terms(7, order))
    for some in (columns[:, :12], columns):  # fewer and (order 3) more terms than rows
        ridge = WeightedRidge(some, weights)
        constants, slopes = ridge.solve(values, np.array([0.5, 20.0]))
        centred = some - weights @ some / weights.sum()
        for j, penalty in enumerate((0.5, 20.0)):
            gram = (centred * weights[:, None]).T @ centred + penalty * np.eye(some.shape[1])
            expected = np.linalg.solve(gram, (centred * weights[:, None]).T @ values)
            assert slopes[:, j] == pytest.approx(expected, abs=1e-9)
            fitted = constants[j] + some @ slopes[:, j]
            assert weights @ (values - fitted) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("t", [10, 40])
def test_errors_of_equal_spreads_are_the_posterior_of_the_ridge(t: int) -> None:
    from interplay.surrogates.baselines.ridge import WeightedRidge

    rng = np.random.default_rng(0)
    columns, noise, penalty = rng.choice([-1.0, 1.0], (25, t)), 0.3, 2.0
    ridge = WeightedRidge(columns, np.ones(25))
    _, errors = ridge.errors(penalty, np.full(25, noise), noise / penalty, np.ones(t))
    centred = columns - columns.mean(axis=0)
    posterior = noise * np.linalg.inv(centred.T @ centred + penalty * np.eye(t))
    assert errors == pytest.approx(np.sqrt(np.diag(posterior)), rel=1e-6)


def test_penalties_find_a_game_of_pairs() -> None:
    masks = np.random.default_rng(0).random((300, 12)) < 0.5
    values = masks[:, 0] + 2.0 * (masks[:, 1] & masks[:, 2])
    fitted = ip.fit(
        masks, values + 0.1 * np.random.default_rng(1).normal(size=300), method="faith-banzhaf-2"
    )
    assert fitted.faithfulness.verdict == "trust"
    assert fitted.spectrum(None).interactions("FBII", 2)[1, 2] == pytest.approx(2.0, abs=0.2)


def test_the_shapley_kernel_of_many_features_is_finite() -> None:
    masks = np.zeros((3, 2000), bool)
    masks[0, 0] = masks[1, :1000] = True
    weights = shapley_kernel(masks)
    assert weights[0] == 1.0
    assert weights[2] == 0.0
    assert 0 <= weights[1] < 1e-300


def test_what_is_missing_is_named() -> None:
    inner = np.random.default_rng(0).random((50, 20)) < 0.5
    values = np.arange(50.0)
    with pytest.raises(ip.BadInput, match="the full and the empty mask are not among the 50 rows"):
        ip.fit(inner, values, method="kernel-shap")
    inner[0] = True
    with pytest.raises(ip.BadInput, match=r'"faith-shap-2".*the empty mask is not among'):
        ip.fit(inner, values, method="faith-shap-2")


def test_too_many_terms_are_refused_with_the_figure() -> None:
    masks = np.random.default_rng(0).random((50, 128)) < 0.5
    with pytest.raises(
        ip.BadInput, match=r'"faith-banzhaf-3".*at most 3 of n = 128.*349,632 terms'
    ):
        ip.fit(masks, np.arange(50.0), method="faith-banzhaf-3")
    masks = np.random.default_rng(0).random((9000, 150)) < 0.5
    with pytest.raises(ip.BadInput, match=r"11,325 terms; with 9,000 masks that takes 5\.\d GB"):
        ip.fit(masks, np.arange(9000.0), method="faith-banzhaf-2")


def test_weights_that_undo_another_law() -> None:
    """Masks of another law, weighed by one over their probability, give the same values."""
    n, rng = 8, np.random.default_rng(0)
    everything = all_masks(n)
    game = everything @ rng.normal(size=n) + 3.0 * (everything[:, 0] & everything[:, 1])
    truth = shapley(game, n, 1)
    inner = np.arange(1, 2**n - 1)
    size = everything[inner].sum(axis=1)
    law = 1.0 / (size * (n - size))
    law /= law.sum()
    drawn = inner[rng.choice(len(inner), 3000, p=law)]
    weights = np.concatenate([[1.0, 1.0], 1.0 / law[drawn - 1]])
    rows = np.concatenate([[0, 2**n - 1], drawn])
    fitted = ip.fit(everything[rows], game[rows], method="kernel-shap", weights=weights)
    found = fitted.spectrum(None).interactions("SV")
    assert [found[(i,)] for i in range(n)] == pytest.approx(
        [truth[(i,)] for i in range(n)], abs=0.1
    )
