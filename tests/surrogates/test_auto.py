"""The stack: its weights, its exact spectrum, and how it stands to its members."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

import interplay as ip
from interplay.metrics import r_squared
from interplay.surrogates.auto import LABELS, Auto, simplex_weights
from interplay.value_function import BoolArray, FloatArray
from interplay.walsh import transform


def all_masks(n: int) -> BoolArray:
    return (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(bool)


def mixed(masks: BoolArray) -> FloatArray:
    """Main effects, two pairs, a threshold: no member alone is best at everything."""
    score = 1.5 * masks[:, 0] + masks[:, 1] - masks[:, 2] * masks[:, 3]
    return score + 2.0 * (masks[:, :6].sum(axis=1) > 3) + 0.3 * masks[:, 5:].sum(axis=1)


def fitted_to(m: int, n: int = 11, seed: int = 0) -> tuple[Auto, BoolArray, FloatArray]:
    masks = np.random.default_rng(seed).random((m, n)) < 0.5
    surrogate = ip.fit(masks, mixed(masks), seed=seed)
    assert isinstance(surrogate, Auto)
    return surrogate, masks, mixed(masks)


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(2, 30))
def test_weights_are_the_constrained_optimum(seed: int, k: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    errors = rng.normal(size=(m, k)) @ rng.normal(size=(k, k)) + rng.normal(size=k)
    counts = rng.uniform(0.1, 3, m)
    weights = simplex_weights(errors, counts)
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1)

    def loss(w: FloatArray) -> float:
        return float((counts * np.square(errors @ w)).sum())

    found = minimize(
        loss,
        np.full(k, 1 / k),
        bounds=[(0, 1)] * k,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        options={"maxiter": 500, "ftol": 1e-14},
    )
    assert loss(weights) <= found.fun * (1 + 1e-5) + 1e-8


def test_members_that_are_the_same_share_the_weight() -> None:
    errors = np.random.default_rng(0).normal(size=(20, 1)) @ np.ones((1, 3))
    weights = simplex_weights(errors, np.ones(20))
    assert weights.sum() == pytest.approx(1)
    assert weights.min() >= 0


def test_the_spectrum_is_that_of_the_prediction() -> None:
    surrogate, _, _ = fitted_to(150, n=9)
    truth = transform(surrogate.predict(all_masks(9)))
    terms = [tuple(np.flatnonzero(row).tolist()) for row in all_masks(9)]
    values, errors = surrogate.coefficients(terms)
    np.testing.assert_allclose(values, truth, atol=1e-6)
    np.testing.assert_array_equal(values, surrogate.values_of(terms))
    assert (errors > 0).all()
    whole = surrogate.spectrum(None)
    assert len(whole) == 2**9
    np.testing.assert_allclose(
        whole.predict(all_masks(9)), surrogate.predict(all_masks(9)), atol=1e-6
    )
    best = sorted(zip(np.abs(truth[1:]), terms[1:], strict=True), reverse=True)[:40]
    assert set(surrogate.largest(40)) == {term for _, term in best}


def test_the_stack_is_as_good_as_its_best_member() -> None:
    test = np.random.default_rng(9).random((4000, 11)) < 0.5
    gaps = []
    for seed in range(3):
        surrogate, _, _ = fitted_to(250, seed=seed)
        truth = mixed(test)
        best = max(r_squared(truth, one.predict(test)) for one in surrogate.members.values())
        gaps.append(best - r_squared(truth, surrogate.predict(test)))
    assert np.mean(gaps) < 0.01


def test_it_says_what_it_is_made_of() -> None:
    rng = np.random.default_rng(0)
    masks = rng.random((80, 11)) < 0.5
    several = ip.fit(masks, mixed(masks) + rng.normal(size=80))
    one, _, _ = fitted_to(200)
    assert len(several.members) > 1
    assert len(one.members) == 1  # a process, for which this game is made
    said = " ".join(several.diagnostics())
    assert "The surrogate is a stack, weighed by held-out errors:" in said
    assert "features have a relevance" in " ".join(one.diagnostics())
    assert one.fitted_method == next(iter(one.members))
    for surrogate in (several, one):
        assert set(surrogate.scores) == set(LABELS)
        for label, score in surrogate.scores.items():
            assert f"{label} {score:.2f}" in surrogate.diagnostics()[-1]
        assert surrogate.weights.sum() == pytest.approx(1)
        assert len(surrogate.weights) == len(surrogate.members)


def test_arrays_make_the_same_surrogate_again() -> None:
    surrogate, masks, _ = fitted_to(120)
    again = Auto.from_arrays(surrogate.arrays(), 11)
    again.features = surrogate.features
    np.testing.assert_array_equal(again.predict(masks), surrogate.predict(masks))
    assert again.spectrum(30) == surrogate.spectrum(30)
    with pytest.raises(ValueError, match="one weight for each"):
        Auto.from_arrays(surrogate.arrays() | {"weights": np.ones(7)}, 11)


def test_threads_change_no_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interplay.surrogates.parallel.WORTH_IT", 10)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    alone, _, _ = fitted_to(90)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    together, _, _ = fitted_to(90)
    assert alone.spectrum(50) == together.spectrum(50)
    assert alone.faithfulness == together.faithfulness


@pytest.mark.parametrize("shift", [0.0, 1e9, -1e6])
def test_a_constant_of_any_size_hides_no_effect(shift: float) -> None:
    masks = np.random.default_rng(0).random((150, 10)) < 0.5
    effects = masks[:, 0] * 1.0 + masks[:, 1] * masks[:, 2]
    surrogate = ip.fit(masks, shift + effects)
    top = surrogate.spectrum().top(1)[0]
    assert top.features == (0,)
    assert top.value == pytest.approx(1.0, abs=0.05)
    assert surrogate.faithfulness.value > 0.95


def test_twenty_equal_terms_are_all_found() -> None:
    masks = np.random.default_rng(0).random((400, 20)) < 0.5
    surrogate = ip.fit(masks, masks.sum(axis=1) * 1.0)
    assert {found.features for found in surrogate.spectrum().top(20)} == {(i,) for i in range(20)}
    assert surrogate.faithfulness.value > 0.999


def test_one_term_of_high_order_is_told_from_nothing_or_not_claimed() -> None:
    masks = np.random.default_rng(0).random((300, 8)) < 0.5
    surrogate = ip.fit(masks, (masks[:, [1, 3, 5]].sum(axis=1) % 2) * 1.0)
    if surrogate.faithfulness.verdict != "do not trust":
        assert surrogate.spectrum().top(1)[0].features == (1, 3, 5)


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_features(n: int) -> None:
    masks = np.repeat(all_masks(n), 6, axis=0)
    noise = np.random.default_rng(0).normal(size=len(masks)) * 0.01
    exact = ip.fit(masks, masks[:, 0] + noise)
    assert exact.fitted_method == "exact"
    process = ip.fit(masks, masks[:, 0] + noise, method="parity-gp")
    if n == 2:  # with one feature there is no mask to test on, and nothing is claimed
        assert process.predict(all_masks(n)) == pytest.approx(all_masks(n)[:, 0] * 1.0, abs=0.05)


def test_fewer_masks_than_features() -> None:
    masks = np.random.default_rng(0).random((25, 120)) < 0.5
    surrogate = ip.fit(masks, 3.0 * masks[:, 7] + 0.01 * masks.sum(axis=1))
    assert surrogate.spectrum().top(1)[0].features == (7,)


def test_contradictory_masks_are_noise() -> None:
    rng = np.random.default_rng(0)
    masks = np.repeat(rng.random((60, 9)) < 0.5, 4, axis=0)
    values = masks[:, 0] * 1.0 + rng.normal(size=len(masks)) * 0.5
    surrogate = ip.fit(masks, values)
    assert surrogate.spectrum().top(1)[0].features == (0,)
    assert 0.2 < surrogate.faithfulness.value < 0.75  # the noise cannot be predicted


def test_values_that_do_not_vary() -> None:
    masks = np.random.default_rng(0).random((40, 6)) < 0.5
    for method in ("auto", "parity-gp"):
        surrogate = ip.fit(masks, np.full(40, 7.5), method=method)
        assert surrogate.predict(masks).tolist() == [7.5] * 40
        assert surrogate.spectrum().terms == {(): 7.5}
        assert "no effect" in surrogate.diagnostics()[-1]


def test_gaussian_processes_are_left_out_of_very_large_samples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("interplay.surrogates.auto.MOST_ROWS", 100)
    surrogate, _, _ = fitted_to(150)
    assert set(surrogate.scores) == {"lasso", "proxyspex"}
    assert "Gaussian processes were left out" in surrogate.diagnostics()[-1]
    _, errors = surrogate.coefficients([(0,), (1, 2, 3)])
    assert (errors > 0).all()


@pytest.mark.parametrize("method", ["auto", "parity-gp"])
@pytest.mark.parametrize(
    ("masks", "values", "message"),
    [
        (np.ones((30, 4), dtype=np.int64), np.ones(30), "masks must be bool"),
        (np.ones((30, 4), dtype=bool), np.arange(30.0), "1 different masks are too few"),
        (all_masks(5), np.r_[np.nan, np.inf, np.zeros(30)], "2 of 32 are not, the first in row 0"),
    ],
)
def test_bad_input_is_named(
    method: str, masks: BoolArray, values: FloatArray, message: str
) -> None:
    with pytest.raises(ip.BadInput, match=message):
        ip.fit(masks, values, method=method)


def test_many_targets_share_their_work_and_leave_the_processes_out() -> None:
    rng = np.random.default_rng(0)
    masks = rng.random((120, 10)) < 0.5
    values = masks @ rng.normal(size=(10, 17)) + (masks[:, [0]] & masks[:, [1]])
    fits = ip.fit(masks, values)
    told = fits["3"].diagnostics()
    assert any("left out: of 17 targets each would need its own" in one for one in told)
    few = ip.fit(masks, values[:, :2])["1"]
    assert not any("left out" in one for one in few.diagnostics())
    assert fits["1"].faithfulness.value > 0.9
