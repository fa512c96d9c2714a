"""What holds for every baseline: the contract of a surrogate, evidence, order of rows, targets."""

from __future__ import annotations

import numpy as np
import pytest
from baseline_games import with_ends
from sklearn.ensemble import GradientBoostingRegressor

import interplay as ip
from interplay.metrics import r_squared
from interplay.surrogates import METHODS, Surrogate, check_method
from interplay.surrogates.baselines import (
    BASELINES,
    SklearnTrees,
    proxyspex_published,
)

QUICK = proxyspex_published(SklearnTrees(GradientBoostingRegressor(n_estimators=40)))
"""The published method with few trees: LightGBM's grid takes a quarter of a minute."""

FITTED = [QUICK if cls.method == "proxyspex-published" else cls for cls in BASELINES]
LOW_ORDER = [cls for cls in FITTED if cls not in (QUICK, METHODS["leave-one-out"])]
by_name = pytest.mark.parametrize("method", FITTED, ids=lambda cls: cls.method)


def game(masks: np.ndarray) -> np.ndarray:
    return 3.0 + masks[:, 0] - 2.0 * masks[:, 1] + 0.5 * masks[:, 3]


def test_all_are_in_the_registry() -> None:
    for cls in BASELINES:
        assert check_method(cls.method) is cls


@by_name
def test_the_contract_of_a_surrogate(method: type[Surrogate]) -> None:
    masks = with_ends(200, 6)
    values = game(masks)
    surrogate = ip.fit(masks, values, method=method, features=list("abcdef"))
    assert surrogate.method == method.method
    assert surrogate.features == tuple("abcdef")
    assert surrogate.faithfulness.distribution == "uniform"
    if method is QUICK:  # its cut keeps one effect of three
        assert surrogate.faithfulness.verdict == "trust in part"
    else:
        assert surrogate.faithfulness.verdict == "trust"
        assert r_squared(values, surrogate.predict(masks)) > 0.98
    series = surrogate.spectrum(None)
    assert next(iter(series.terms)) == ()
    assert (series.standard_errors >= 0).all()
    assert len(surrogate.spectrum(1)) == 2
    assert series.predict(masks) == pytest.approx(surrogate.predict(masks))
    said = surrogate.diagnostics()
    assert said[0] == surrogate.faithfulness.sentence
    assert len(said) >= 3  # what it is, in words


@by_name
def test_same_seed_same_bytes_whatever_the_order_of_rows(method: type[Surrogate]) -> None:
    masks = with_ends(90, 9)
    values = game(masks) + 0.1 * masks.sum(1) ** 2
    shuffled = np.random.default_rng(5).permutation(len(masks))
    first = ip.fit(masks, values, method=method, seed=3)
    second = ip.fit(masks[shuffled], values[shuffled], method=method, seed=3)
    assert first.spectrum(None) == second.spectrum(None)
    assert first.faithfulness == second.faithfulness


@by_name
def test_each_target_is_what_it_is_alone(method: type[Surrogate]) -> None:
    masks = with_ends(90, 7)
    values = np.stack([game(masks), np.full(len(masks), 2.0), masks[:, 4] * masks.sum(1)], axis=1)
    together = ip.fit(masks, values, method=method, seed=1)
    for j in range(3):
        alone = ip.fit(masks, values[:, j], method=method, seed=1)
        assert together[str(j)].spectrum(None) == alone.spectrum(None)
        assert together[str(j)].faithfulness == alone.faithfulness


@by_name
@pytest.mark.parametrize("constant", [0.0, 1.0, 1e9])
def test_a_constant_game_is_its_constant(method: type[Surrogate], constant: float) -> None:
    masks = with_ends(50, 8)
    surrogate = ip.fit(masks, np.full(len(masks), constant), method=method)
    assert surrogate.spectrum().terms == {(): constant}
    assert "found no effect" in " ".join(surrogate.diagnostics())


@by_name
def test_sizes_that_are_awkward(method: type[Surrogate]) -> None:
    for m, n in [(12, 30), (15, 4), (40, 45)]:
        masks = with_ends(m, n)
        values = masks[:, 0] * 1.0 + 0.3 * masks[:, -1]
        assert np.isfinite(ip.fit(masks, values, method=method).predict(masks)).all()
    for masks in (np.array([[True], [False]]), np.array([[1, 1], [0, 1], [1, 0], [0, 0]]) > 0):
        ip.fit(masks, masks[:, 0] * 1.0, method=method).diagnostics()


@pytest.mark.parametrize("name", ["kernel-shap", "faith-shap-2", "leave-one-out"])
def test_one_feature_is_exact_for_those_that_meet_the_ends(name: str) -> None:
    fitted = ip.fit(np.array([[True], [False]]), np.array([3.0, 1.0]), method=name)
    assert fitted.spectrum(None).terms == pytest.approx({(): 2.0, (0,): -1.0})
    assert "too few masks" in fitted.diagnostics()[0]


@pytest.mark.parametrize("method", LOW_ORDER, ids=lambda cls: cls.method)
def test_evidence_agrees_with_masks_that_nobody_saw(method: type[Surrogate]) -> None:
    def bent(masks: np.ndarray) -> np.ndarray:
        return game(masks) + 2.0 * (masks[:, 2] & masks[:, 4] & masks[:, 5])

    masks = np.delete(with_ends(600, 10), np.arange(2, 12), axis=0)
    unseen = np.random.default_rng(9).random((4000, 10)) < 0.5
    fitted = ip.fit(masks, bent(masks), method=method)
    truth = r_squared(bent(unseen), fitted.predict(unseen))
    assert fitted.faithfulness.low - 0.05 <= truth <= fitted.faithfulness.high + 0.05


@pytest.mark.parametrize("method", LOW_ORDER, ids=lambda cls: cls.method)
def test_weights_stand_for_rows(method: type[Surrogate]) -> None:
    """A weight of 2 is a row given twice, in what is fitted without a choice of penalty."""
    masks = with_ends(80, 5)
    values = game(masks) + np.random.default_rng(0).normal(size=len(masks))
    twice = np.arange(len(masks)) % 3 == 0
    fitted = ip.fit(masks, values, method=method, weights=1.0 + twice)
    again = ip.fit(
        np.concatenate([masks, masks[twice]]),
        np.concatenate([values, values[twice]]),
        method=method,
    )
    # all masks of 5 features are there, so that no penalty is chosen
    tolerance = 0.02 if method.method == "lime" else 1e-9  # its penalty of 1 counts rows
    assert fitted.predict(masks) == pytest.approx(again.predict(masks), abs=tolerance)


@by_name
def test_uneven_noise_is_taken(method: type[Surrogate]) -> None:
    rng = np.random.default_rng(0)
    masks = with_ends(150, 6)
    noise = rng.uniform(0.001, 0.5, len(masks))
    values = game(masks) + rng.normal(size=len(masks)) * np.sqrt(noise)
    fitted = ip.fit(masks, values, method=method, noise_var=noise)
    assert "Noise makes up" in " ".join(fitted.diagnostics())
    errors = fitted.spectrum(None).standard_errors
    assert errors is not None
    assert (errors[1:] > 0).all()


@pytest.mark.parametrize(
    "name", ["lime", "banzhaf-regression", "kernel-shap", "faith-banzhaf-2", "faith-shap-2"]
)
def test_error_bars_cover_what_all_masks_would_give(name: str) -> None:
    """The truth is the same method on the complete game: 90 % intervals over 20 samples."""
    n, rng = 9, np.random.default_rng(4)
    from interplay.masks import all_masks

    everything = all_masks(n)
    additive = everything @ rng.normal(size=n)
    game = additive + (everything[:, 0] & everything[:, 1]) + 0.3 * rng.normal(size=2**n)
    truth = ip.fit(everything, game, method=name).spectrum(None).terms
    covered = []
    for seed in range(20):
        rows = np.random.default_rng(seed).choice(np.arange(1, 2**n - 1), 150, replace=False)
        rows = np.concatenate([[0, 2**n - 1], rows])
        found = ip.fit(everything[rows], game[rows], method=name).spectrum(None)
        errors = dict(zip(found.terms, found.standard_errors.tolist(), strict=True))
        covered += [abs(found.terms[(i,)] - truth[(i,)]) <= 1.645 * errors[(i,)] for i in range(n)]
    assert 0.8 <= np.mean(covered) <= 0.98


def test_a_method_is_a_name_or_a_class() -> None:
    masks = with_ends(20, 4)
    with pytest.raises(ip.BadInput, match="unknown method <class 'int'>"):
        ip.fit(masks, game(masks), method=int)
    with pytest.raises(ip.BadInput, match="unknown method"):  # a run is stored: names only
        ip.explain(lambda rows: rows[:, 0] * 1.0, features=12, budget=50, method=QUICK, store=None)


@pytest.mark.parametrize(
    ("method", "n", "message"),
    [
        ("leave-one-out", 30, "a run draws uniform ones"),
        ("faith-banzhaf-3", 60, "36,050 terms. At most 20,000"),
        ("faith-shap-2", 250, "31,375 terms. At most 20,000"),
    ],
)
def test_a_run_that_could_not_be_fitted_costs_nothing(method: str, n: int, message: str) -> None:
    def never(masks: np.ndarray) -> np.ndarray:
        raise AssertionError("it was asked")

    with pytest.raises(ip.BadInput, match=message):
        ip.explain(never, features=n, budget=100, method=method, store=None)


@pytest.mark.parametrize("method", ["kernel-shap", "faith-shap-2", "lime"])
def test_a_run_meets_what_the_method_needs(method: str) -> None:
    explanation = ip.explain(game, features=12, budget=120, method=method, store=None)
    assert explanation.surrogate.method == method
    assert explanation.faithfulness.verdict == "trust"


def test_a_small_run_can_leave_one_out() -> None:
    explanation = ip.explain(game, features=6, budget=64, method="leave-one-out", store=None)
    assert explanation.spectrum.terms[(1,)] == pytest.approx(1.0)
