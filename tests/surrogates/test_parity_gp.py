"""The parity-product Gaussian process against brute force over all masks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import cho_solve
from scipy.optimize import approx_fprime

import interplay as ip
from interplay.packing import Term
from interplay.surrogates.parity_gp import ParityGP, likelihood, posterior, solve
from interplay.surrogates.parity_gp.kernel import Kernel
from interplay.surrogates.parity_gp.posterior import Posterior
from interplay.surrogates.parity_gp.product import Waves
from interplay.value_function import BoolArray, FloatArray
from interplay.walsh import transform


def all_masks(n: int) -> BoolArray:
    return (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(bool)


def signs_of(masks: BoolArray) -> FloatArray:
    return 1.0 - 2.0 * masks


def terms_of(n: int) -> list[Term]:
    return [tuple(np.flatnonzero(row).tolist()) for row in all_masks(n)]


def kernel_of(n: int, seed: int, coupled: bool = True) -> Kernel:
    rng = np.random.default_rng(seed)
    return Kernel(
        relevances=np.exp(rng.normal(-1, 1, n)),
        direction=rng.normal(size=n) * 0.5 if coupled else np.zeros(n),
        constant=1.0,
        linear=float(rng.uniform(0.1, 1)),
        product=float(rng.uniform(0.1, 1)),
        coupled=float(rng.uniform(0.1, 1)) if coupled else 0.0,
        noise=float(rng.uniform(0.01, 0.3)),
    )


def posterior_of(n: int, m: int, seed: int, coupled: bool = True) -> Posterior:
    rng = np.random.default_rng(seed)
    kernel = kernel_of(n, seed, coupled)
    signs, weights = signs_of(rng.random((m, n)) < 0.5), rng.uniform(0.5, 2, m)
    alpha = solve.solve(kernel, signs, rng.normal(size=m), weights)
    norm = float(np.sqrt(alpha @ kernel(signs, signs) @ alpha))
    return Posterior(kernel, signs, weights, alpha, norm)


def test_the_norm_is_that_of_the_mean() -> None:
    rng = np.random.default_rng(0)
    signs, weights = signs_of(rng.random((60, 8)) < 0.5), rng.uniform(0.5, 2, 60)
    values = signs[:, 0] + signs[:, 1] * signs[:, 2]
    fitted = Posterior.fit(signs, values / values.std(), weights, 0.4)
    truth = np.sqrt(fitted.alpha @ fitted.kernel(signs, signs) @ fitted.alpha)
    assert fitted.norm == pytest.approx(truth, rel=1e-6)


SMALL = given(st.integers(1, 7), st.integers(5, 40), st.integers(0, 10**6), st.booleans())


@settings(max_examples=25)
@SMALL
def test_coefficients_are_those_of_the_prediction(n: int, m: int, seed: int, coupled: bool) -> None:
    process = posterior_of(n, m, seed, coupled)
    truth = transform(process.predict(signs_of(all_masks(n))))
    np.testing.assert_allclose(process.coefficients(terms_of(n)), truth, atol=1e-7)


@settings(max_examples=25)
@SMALL
def test_variances_are_those_of_the_posterior(n: int, m: int, seed: int, coupled: bool) -> None:
    process = posterior_of(n, m, seed, coupled)
    kernel, every = process.kernel, signs_of(all_masks(n))
    noisy = kernel(process.signs, process.signs) + np.diag(kernel.noise / process.weights)
    across = kernel(every, process.signs)
    left = kernel(every, every) - across @ np.linalg.solve(noisy, across.T)
    walsh = np.array([transform(row) for row in np.eye(2**n)])  # symmetric
    truth = np.einsum("ij,jk,ki->i", walsh, left, walsh)
    found = process.variances(terms_of(n))
    np.testing.assert_allclose(found, truth, atol=1e-7)
    assert (found > 0).all()


@settings(max_examples=25)
@SMALL
def test_prior_variances(n: int, m: int, seed: int, coupled: bool) -> None:
    kernel, every = kernel_of(n, seed, coupled), signs_of(all_masks(n))
    walsh = np.array([transform(row) for row in np.eye(2**n)])
    truth = np.einsum("ij,jk,ki->i", walsh, kernel(every, every), walsh)
    found = Waves.of(kernel).prior(terms_of(n))
    found[[len(term) == 1 for term in terms_of(n)]] += kernel.linear * kernel.linear_shares
    found[0] += kernel.constant
    np.testing.assert_allclose(found, truth, atol=1e-7)


@pytest.mark.parametrize("seed", range(6))
def test_the_largest_terms_are_found_without_enumeration(seed: int) -> None:
    n = 9
    process = posterior_of(n, 60, seed, coupled=seed % 2 == 0)
    truth = dict(zip(terms_of(n), process.coefficients(terms_of(n)).tolist(), strict=True))
    del truth[()]
    best = sorted(truth.items(), key=lambda item: -abs(item[1]))[:30]
    terms, coefficients, complete = process.largest(30)
    assert complete
    assert set(terms) == {term for term, _ in best}
    np.testing.assert_allclose(coefficients, [value for _, value in best], atol=1e-9)


def test_a_search_that_is_cut_short_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    process = posterior_of(12, 60, 0)
    monkeypatch.setattr(posterior, "MOST_PARENTS", 8)
    terms, _, complete = process.largest(30)
    assert len(terms) == 30
    assert not complete


def test_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    checked = []

    def check(objective: Any, start: FloatArray, steps: int) -> FloatArray:
        point = start + np.random.default_rng(1).normal(size=len(start)) * 0.3
        _, slope = objective(point)
        numeric = approx_fprime(point, lambda p: objective(p)[0], 1e-6)
        np.testing.assert_allclose(slope, numeric, atol=2e-4 * max(1.0, np.abs(slope).max()))
        checked.append(len(start))
        return start

    monkeypatch.setattr(likelihood, "_minimum", check)
    rng = np.random.default_rng(0)
    signs = signs_of(rng.random((50, 6)) < 0.5)
    values = signs[:, 0] + signs[:, 1] * signs[:, 2] + 0.1 * rng.normal(size=50)
    likelihood.fit_kernel(signs, values / values.std(), rng.uniform(0.5, 2, 50), 0.4)
    assert checked == [6 + 4, 5]


def test_conjugate_gradients_are_the_factor(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    kernel, masks = kernel_of(20, 3), rng.random((600, 20)) < 0.5
    signs, weights = signs_of(masks), rng.uniform(0.5, 2, 600)
    values = np.sin(signs.sum(axis=1)) + signs[:, 0]
    exact = kernel(signs, signs) @ solve.solve(kernel, signs, values, weights)
    monkeypatch.setattr(solve, "CHOLESKY_ROWS", 100)
    monkeypatch.setattr(solve, "LANDMARKS", 64)
    monkeypatch.setattr(solve, "ROWS_HELD", 70)
    stepped = kernel(signs, signs) @ solve.solve(kernel, signs, values, weights)
    np.testing.assert_allclose(stepped, exact, atol=2e-3)


def test_a_preconditioner_that_rounding_made_indefinite_is_mended() -> None:
    one = np.ones((200, 1), np.float32)
    core = (one @ one.T).astype(np.float64)
    core -= 1e-5 * np.eye(200)  # what sums in single precision are off by
    factored = solve._factor_of(core)
    assert np.isfinite(cho_solve(factored, np.ones(200))).all()
    hopeless = core - 10 * np.eye(200)  # then the diagonal alone scales
    assert np.isfinite(cho_solve(solve._factor_of(hopeless), np.ones(200))).all()


def test_error_bars_of_a_part_of_the_rows_are_scaled_up(monkeypatch: pytest.MonkeyPatch) -> None:
    process = posterior_of(8, 400, 1)
    terms = terms_of(8)[1:40]
    whole = process.variances(terms)
    monkeypatch.setattr(posterior, "VARIANCE_ROWS", 200)
    ratio = process.variances(terms) / whole
    assert 0.6 < np.median(ratio) < 1.7


def test_a_game_of_pairs_is_learnt_better_than_by_single_features() -> None:
    rng = np.random.default_rng(0)
    masks, test = rng.random((200, 15)) < 0.5, rng.random((1000, 15)) < 0.5

    def game(masks: BoolArray) -> FloatArray:
        score = 2.0 * masks[:, 0] + masks[:, 1] * masks[:, 2] - 1.5 * (masks[:, 3] | masks[:, 4])
        return np.tanh(score)

    values = game(masks)
    fitted = ip.fit(masks, values, method="parity-gp")
    truth = game(test)
    error = np.square(truth - fitted.predict(test)).mean() / truth.var()
    linear = ip.fit(masks, values, method="lasso")
    assert error < 0.25 * np.square(truth - linear.predict(test)).mean() / truth.var()
    assert fitted.faithfulness.verdict == "trust"
    assert "features have a relevance" in fitted.diagnostics()[-1]
    spectrum = fitted.spectrum(50)
    assert len(spectrum) == 51
    assert spectrum.standard_errors is not None
    found, errors = fitted.coefficients([(), (0,), (1, 2)])
    assert found.tolist() == [spectrum.terms[term] for term in ((), (0,), (1, 2))]
    assert (errors > 0).all()


def test_arrays_make_the_same_surrogate_again() -> None:
    rng = np.random.default_rng(0)
    masks = rng.random((60, 11)) < 0.5
    fitted = ip.fit(masks, masks @ np.arange(11.0) + masks[:, 0] * masks[:, 1], method="parity-gp")
    again = ParityGP.from_arrays(fitted.arrays(), 11)
    again.features = fitted.features
    np.testing.assert_array_equal(again.predict(masks), fitted.predict(masks))
    assert again.spectrum(20) == fitted.spectrum(20)
    damaged = fitted.arrays() | {"alpha": np.ones(3)}
    with pytest.raises(ValueError, match="do not fit together"):
        ParityGP.from_arrays(damaged, 11)
    with pytest.raises(ValueError, match="not finite"):
        ParityGP.from_arrays(fitted.arrays() | {"relevances": np.full(11, np.nan)}, 11)


def test_what_would_not_fit_into_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interplay.surrogates.memory.available", lambda: 10_000)
    masks = np.random.default_rng(0).random((100, 5)) < 0.5
    with pytest.raises(ip.BadInput, match=r"100 masks needs some .* GB of memory"):
        ip.fit(masks, masks @ np.arange(5.0), method="parity-gp")


@pytest.mark.parametrize(("seed", "coupled"), [(0, False), (1, True), (2, True)])
def test_shapley_interactions_of_all_terms(seed: int, coupled: bool) -> None:
    n = 7
    process = posterior_of(n, 50, seed, coupled)
    every = signs_of(all_masks(n))
    whole = ip.Spectrum.from_values(process.predict(every), n)
    for index, order in (("SV", 1), ("SII", 2)):
        table, found = whole.interactions(index, order), process.shapley(order)
        assert found == pytest.approx({term: table[term] for term in found}, abs=1e-7)
    values = process.shapley(1)
    full, empty = process.predict(np.array([-np.ones(n), np.ones(n)]))
    assert sum(values.values()) == pytest.approx(full - empty, abs=1e-9)
    kernel = process.kernel
    noisy = kernel(process.signs, process.signs) + np.diag(kernel.noise / process.weights)
    across = kernel(every, process.signs)
    left = kernel(every, every) - across @ np.linalg.solve(noisy, across.T)
    terms: list[Term] = [(0,), (3,), (0, 1), (2, 5)]
    rows = np.array(
        [
            [ip.Spectrum.from_values(one, n).interactions("SII", 2)[term] for one in np.eye(2**n)]
            for term in terms
        ]
    )
    truth = np.einsum("ij,jk,ik->i", rows, left, rows)
    np.testing.assert_allclose(process.shapley_variances(terms), truth, atol=1e-7)
    assert process.empty_variance() == pytest.approx(left[0, 0], abs=1e-9)


@pytest.mark.parametrize("method", ["parity-gp", "auto"])
def test_indices_of_the_whole_surrogate(method: str) -> None:
    rng = np.random.default_rng(0)
    masks = rng.random((150, 9)) < 0.5
    surrogate = ip.fit(masks, np.tanh(masks @ np.arange(9.0) / 9), method=method)
    table = surrogate.interactions("SV")
    full, empty = surrogate.predict(np.array([[True] * 9, [False] * 9]))
    assert sum(table[i] for i in range(9)) == pytest.approx(full - empty, abs=1e-8)
    assert table[()] == pytest.approx(empty)
    whole = ip.Spectrum.from_values(surrogate.predict(all_masks(9)), 9)
    pairs, truth = surrogate.interactions("SII", 2), whole.interactions("SII", 2)
    assert dict(pairs) == pytest.approx({term: truth[term] for term in pairs}, abs=1e-6)
    assert pairs.errors is not None
    assert all(error > 0 for error in pairs.errors.values())
    assert 0.5 <= (pairs.sign_probability((0, 1)) or 0.0) <= 1.0
    assert (table.sign_probability(8) or 0.0) > 0.99
    assert len(surrogate.interactions("BII", 2)) >= 9


def test_too_many_pairs_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interplay.surrogates.parity_gp.shapley.MOST_WORK", 10.0)
    with pytest.raises(ip.BadInput, match="take them from the spectrum"):
        posterior_of(6, 30, 0).shapley(2)
