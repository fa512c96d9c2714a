"""ip.fit: every method passes the same checks; the faults of the published method cannot occur."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import interplay as ip
from interplay.masks import all_masks
from interplay.metrics import r_squared
from interplay.surrogates import METHODS
from interplay.surrogates.baselines import BASELINES

SAMPLED = [
    name for name in METHODS if name not in ("exact", "spex", *(cls.method for cls in BASELINES))
]  # baselines have checks of their own: they keep the faults of what they stand for


def uniform(m: int, n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((m, n)) < 0.5


@pytest.mark.parametrize("method", [*SAMPLED, "exact"])
def test_every_method_keeps_the_contract(method: str) -> None:
    masks = all_masks(6) if method == "exact" else uniform(200, 6)
    values = 3.0 + masks[:, 0] - 2.0 * masks[:, 1]
    surrogate = ip.fit(masks, values, method=method, features=list("abcdef"))
    assert surrogate.method == method
    assert surrogate.features == tuple("abcdef")
    assert surrogate.faithfulness.verdict == "trust"
    predicted = surrogate.predict(masks)
    assert predicted.shape == (len(masks),)
    assert r_squared(values, predicted) > 0.99
    spectrum = surrogate.spectrum(max_terms=1)
    assert len(spectrum) == 2  # the constant is not counted
    assert next(iter(surrogate.spectrum(None).terms)) == ()
    assert surrogate.diagnostics()[0] == surrogate.faithfulness.sentence
    assert surrogate.spectrum(None).predict(masks) == pytest.approx(predicted)


@pytest.mark.parametrize("method", SAMPLED)
def test_same_seed_same_bytes_whatever_the_order_of_rows(method: str) -> None:
    masks = uniform(150, 12)
    values = masks[:, 0] * 1.0 + (masks[:, 1] & masks[:, 2]) + 0.1 * masks.sum(1) ** 2
    shuffled = np.random.default_rng(5).permutation(len(masks))
    first = ip.fit(masks, values, method=method, seed=3)
    second = ip.fit(masks[shuffled], values[shuffled], method=method, seed=3)
    assert first.spectrum(None) == second.spectrum(None)
    assert first.faithfulness == second.faithfulness
    third = ip.fit(masks, values, method=method, seed=4)
    assert third.faithfulness != first.faithfulness


@pytest.mark.parametrize(
    ("k", "n", "m"), [(1, 16, 200), (2, 16, 200), (5, 16, 600), (20, 32, 2000)]
)
def test_equal_main_effects_are_all_kept(k: int, n: int, m: int) -> None:
    masks = uniform(m, n)
    surrogate = ip.fit(masks, masks[:, :k].sum(1).astype(float), method="proxyspex")
    terms = surrogate.spectrum().terms
    for i in range(k):
        assert terms[(i,)] == pytest.approx(-0.5, abs=0.01)
    assert terms[()] == pytest.approx(k / 2, abs=0.01)
    assert surrogate.faithfulness.value > 0.99


@pytest.mark.parametrize("method", SAMPLED)
def test_the_constant_is_kept_when_it_is_small_beside_the_effects(method: str) -> None:
    masks = uniform(300, 10)
    values = 10.0 * (masks[:, 0] - 0.5) + 0.01
    spectrum = ip.fit(masks, values, method=method).spectrum()
    assert spectrum.terms[()] == pytest.approx(0.01, abs=0.05)


@pytest.mark.parametrize("method", SAMPLED)
@pytest.mark.parametrize("constant", [0.0, 1.0, 1e9])
def test_a_constant_game_is_its_constant(method: str, constant: float) -> None:
    surrogate = ip.fit(uniform(50, 8), np.full(50, constant), method=method)
    assert surrogate.spectrum().terms == {(): constant}
    assert "found no effect" in " ".join(surrogate.diagnostics())
    assert "does the value function use its masks?" in surrogate.diagnostics()[-1]


@pytest.mark.parametrize("method", SAMPLED)
def test_effects_beside_a_huge_constant(method: str) -> None:
    masks = uniform(300, 10)
    surrogate = ip.fit(masks, 1e6 + masks[:, 3] * 1e-2, method=method)
    assert surrogate.spectrum().terms[(3,)] == pytest.approx(-5e-3, rel=0.05)


def test_interactions_of_higher_order_are_found() -> None:
    masks = uniform(600, 20)
    values = (
        masks[:, 0] * 1.0
        + 2.0 * (masks[:, 1] & masks[:, 2])
        + 3.0 * (masks[:, 3] & masks[:, 4] & masks[:, 5])
    )
    noise = np.random.default_rng(1).normal(scale=0.1, size=600)
    surrogate = ip.fit(masks, values + noise, method="proxyspex")
    banzhaf = surrogate.spectrum().interactions("BII", order=3)
    assert banzhaf[1, 2] == pytest.approx(2.0, abs=0.2)
    assert banzhaf[3, 4, 5] == pytest.approx(3.0, abs=0.3)


def test_error_bars_cover_the_truth() -> None:
    truth = np.array([1.0, -0.5, 0.3, 0.2, 0.0])
    covered = []
    for seed in range(12):
        masks = uniform(150, 5, seed)
        noise = np.random.default_rng(100 + seed).normal(scale=0.5, size=150)
        spectrum = ip.fit(masks, masks @ truth + noise, method="proxyspex").spectrum()
        for found in spectrum.top(50):
            if len(found.features) == 1:
                covered.append(found.low <= truth[found.features[0]] <= found.high)
    assert 0.75 <= np.mean(covered) <= 1.0  # nominal 0.9; shrinkage and selection cost some


def test_own_estimate_agrees_with_masks_that_nobody_saw() -> None:
    masks, values = uniform(400, 15), np.empty(400)
    test = uniform(2000, 15, seed=9)

    def game(x: np.ndarray) -> np.ndarray:
        noise = np.sin(1e4 * (x @ np.sqrt(np.arange(2, 17))))  # a fixed, unlearnable part
        return x[:, 0] + (x[:, 1] & x[:, 2]) * 2.0 + 0.5 * noise

    values = game(masks)
    surrogate = ip.fit(masks, values)
    truth = r_squared(game(test), surrogate.predict(test))
    assert surrogate.faithfulness.low - 0.03 <= truth <= surrogate.faithfulness.high + 0.03


def test_noise_is_not_to_be_trusted() -> None:
    values = np.random.default_rng(0).normal(size=200)
    surrogate = ip.fit(uniform(200, 20), values)
    assert surrogate.faithfulness.verdict == "do not trust"
    assert surrogate.faithfulness.sentence.startswith("Do not trust this explanation")


def test_all_masks_make_auto_exact() -> None:
    game = np.random.default_rng(0).normal(size=2**5)
    surrogate = ip.fit(all_masks(5), game)
    assert surrogate.faithfulness.distribution == "exact"
    assert surrogate.predict(all_masks(5)) == pytest.approx(game)
    assert surrogate.fitted_method == "exact"
    assert (surrogate.spectrum(None).standard_errors == 0).all()


def test_an_exact_spectrum_is_listed_whole() -> None:
    game = np.random.default_rng(0).normal(size=2**12)
    surrogate = ip.fit(all_masks(12), game)
    assert len(surrogate.spectrum(None)) == 2**12
    assert surrogate.spectrum(None).predict(all_masks(12)) == pytest.approx(game)
    assert len(surrogate.spectrum()) == 201


def test_exact_averages_repeated_masks() -> None:
    masks = np.concatenate([all_masks(2), all_masks(2)])
    surrogate = ip.fit(masks, np.arange(8.0), method="exact")
    assert surrogate.predict(all_masks(2)) == pytest.approx([2.0, 3.0, 4.0, 5.0])


@pytest.mark.parametrize("method", SAMPLED)
def test_awkward_sizes(method: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for m, n in [(12, 300), (40, 4), (40, 1000)]:
            masks = uniform(m, n)
            ip.fit(masks, masks[:, 0] * 1.0 + 0.3 * masks[:, -1], method=method)
        ip.fit(np.array([[True], [False]]), np.array([1.0, 0.0]), method=method)


def test_duplicate_masks_with_noise() -> None:
    masks = np.repeat(uniform(60, 8), 3, axis=0)
    values = masks[:, 0] + np.random.default_rng(0).normal(scale=0.1, size=180)
    assert ip.fit(masks, values).faithfulness.value > 0.8


@pytest.mark.parametrize(
    ("masks", "values", "options", "message"),
    [
        (np.ones((20, 3)), np.ones(20), {}, r"masks must be boolean.*float64"),
        (np.ones(20, bool), np.ones(20), {}, r"masks must have shape \(m, n\).*\(20,\)"),
        (uniform(20, 3), np.ones(19), {}, r"values must have shape \(20,\).*\(19,\)"),
        (uniform(20, 3), np.full(20, np.nan), {}, r"values must be finite; 20 of 20"),
        (
            uniform(20, 9),
            np.ones((20, 2)),
            {"targets": ["a"]},
            r"targets must name all 2.*got 1: a",
        ),
        (uniform(20, 9), np.ones((20, 2)), {"targets": ["a", "a"]}, r"differ; 'a' occurs 2 times"),
        (uniform(20, 9), np.ones((20, 2)), {"targets": "ab"}, r"targets must be a sequence"),
        (uniform(20, 9), np.ones((20, 0)), {}, r"at least one value per mask"),
        (uniform(20, 9), np.ones(20), {"noise_var": -1.0}, r"noise_var must be at least 0.*-1"),
        (uniform(20, 9), np.ones(20), {"noise_var": np.nan}, r"noise_var must be finite"),
        (uniform(20, 9), np.ones(20), {"noise_var": np.ones(3)}, r"noise_var must have shape \(20"),
        (
            uniform(20, 9),
            np.ones((20, 2)),
            {"noise_var": np.ones((20, 3))},
            r"noise_var must be a number, or have shape \(20,\) or \(20, 2\); got \(20, 3\)",
        ),
        (uniform(20, 9), np.ones(20), {"weights": np.zeros(20)}, r"weights are all 0"),
        (
            uniform(20, 9),
            np.ones(20),
            {"weights": -np.ones(20)},
            r"weights must be at least 0; 20 are not",
        ),
        (uniform(20, 9), np.ones(20), {"weights": np.full(20, np.inf)}, r"weights must be finite"),
        (uniform(20, 9), np.ones(20), {"weights": np.ones(3)}, r"weights must have shape \(20,"),
        (uniform(20, 9), np.ones(20), {"weights": np.ones((20, 2))}, r"weights must have shape"),
        (uniform(20, 9), np.ones(20), {"weights": np.eye(20)[0]}, r"1 different masks are too few"),
        (uniform(20, 9), np.ones(20), {"method": "shap"}, r"unknown method 'shap'; valid: auto"),
        (uniform(20, 9), np.ones(20), {"features": ["a"]}, r"features must name all 9 columns"),
        (uniform(20, 9), np.ones(20), {"seed": -1}, r"seed must be a whole number of at least 0"),
        (uniform(5, 9), np.ones(5), {}, r"5 different masks are too few.*at least 10"),
        (uniform(20, 9), np.ones(20), {"method": "exact"}, r'"exact" needs every one of the 2\^9'),
    ],
)
def test_bad_input(
    masks: np.ndarray, values: np.ndarray, options: dict[str, object], message: str
) -> None:
    with pytest.raises(ip.BadInput, match=message):
        ip.fit(masks, values, **options)


def test_a_surrogate_says_how_far_to_trust_it() -> None:
    masks = uniform(40, 6)
    fitted = ip.fit(masks, masks[:, 0] * 1.0, method="lasso")
    assert repr(fitted) == f"<Lasso of 6 features. {fitted.faithfulness.sentence}>"
