"""Noise in the values, and weights of rows: what they do to fit, evidence and error bars.

Every simulation fixes its seeds; margins are several standard errors of its means.
"""

from __future__ import annotations

import numpy as np
import pytest

import interplay as ip
from interplay.masks import all_masks
from interplay.metrics import r_squared
from interplay.surrogates.evidence import misfit_variance

N = 10
ALL = all_masks(N)


def truth(masks: np.ndarray) -> np.ndarray:
    return 1.0 * masks[:, 0] - masks[:, 1] + 2.0 * (masks[:, 2] & masks[:, 3])


TERMS = ip.Spectrum.from_values(truth(ALL), N).terms


def sample(seed: int, m: int = 300) -> tuple[np.ndarray, np.random.Generator]:
    """Different masks, uniformly drawn."""
    rng = np.random.default_rng(seed)
    return ALL[rng.permutation(len(ALL))[:m]], rng


# --- evidence -----------------------------------------------------------------------------------


def test_evidence_speaks_of_the_values_without_noise() -> None:
    """With half of the variance noise, uncorrected R² would be near .5 and mean nothing."""
    told, real, raw = [], [], []
    for seed in range(8):
        masks, rng = sample(seed)
        noisy = truth(masks) + rng.normal(size=len(masks))
        fitted = ip.fit(masks, noisy, noise_var=1.0, method="proxyspex", seed=seed)
        told.append(fitted.faithfulness.value)
        plain = ip.fit(masks, noisy, method="proxyspex", seed=seed)
        raw.append(plain.faithfulness.value)
        real.append(r_squared(truth(ALL), fitted.predict(ALL)))
    assert np.mean(real) > 0.85
    assert np.mean(raw) < 0.6
    assert np.mean(told) == pytest.approx(np.mean(real), abs=0.06)  # slightly pessimistic


def test_intervals_widen_with_noise() -> None:
    masks, rng = sample(0)
    draw = rng.normal(size=len(masks))
    widths, errors = [], []
    for sd in (0.01, 0.3, 1.0):
        fitted = ip.fit(masks, truth(masks) + sd * draw, noise_var=sd**2, method="lasso")
        widths.append(fitted.faithfulness.high - fitted.faithfulness.low)
        errors.append(fitted.spectrum().standard_errors[1:].mean())
    assert widths == sorted(widths)
    assert errors == sorted(errors)


@pytest.mark.parametrize("noise_var", [1.0, 1.5])
def test_nothing_but_noise_is_not_trusted(noise_var: float) -> None:
    masks, rng = sample(1)
    fitted = ip.fit(masks, rng.normal(size=len(masks)), noise_var=noise_var)
    found = fitted.faithfulness
    assert (found.value, found.low, found.high) == (0.0, 0.0, 1.0)
    assert found.verdict == "do not trust"
    assert "vary too little to tell anything" in fitted.diagnostics()[1]


def test_diagnostics_tell_the_share_of_noise() -> None:
    masks, rng = sample(2)
    fitted = ip.fit(masks, truth(masks) + rng.normal(scale=0.5, size=len(masks)), noise_var=0.25)
    sentences = fitted.diagnostics()
    assert sentences[1].startswith("Noise makes up 17 % of the variance of the values and is taken")
    assert sentences[1].endswith("with it left in, R² is 0.81.")
    # the scores that chose between the members are of the values without noise, too
    assert max(fitted.scores.values()) == pytest.approx(fitted.faithfulness.value, abs=0.01)
    slight, none = (
        ip.fit(masks, truth(masks), noise_var=noise, method="lasso").diagnostics()
        for noise in (1e-9, 0.0)
    )
    assert "Noise makes up less than 1 % of the variance" in slight[1]
    assert none == [slight[0], *slight[2:]]


# --- weights by noise ---------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["lasso", "proxyspex"])
@pytest.mark.parametrize("quiet", [0.01, 0.0])
def test_rows_of_unequal_noise_count_unequally(method: str, quiet: float) -> None:
    weighed, plain = [], []
    for seed in range(5):
        masks, rng = sample(seed, 200)
        noise = np.where(rng.random(200) < 0.5, quiet, 9.0)
        values = truth(masks) + rng.normal(size=200) * np.sqrt(noise)
        fitted = ip.fit(masks, values, method=method, noise_var=noise)
        weighed.append(r_squared(truth(ALL), fitted.predict(ALL)))
        plain.append(r_squared(truth(ALL), ip.fit(masks, values, method=method).predict(ALL)))
    assert np.mean(weighed) > np.mean(plain) + 0.1
    assert np.mean(np.array(weighed) > np.array(plain)) > 0.9


def test_a_few_wild_rows_do_not_spoil_the_pilot() -> None:
    masks, rng = sample(3)
    noise = np.where(np.arange(300) < 30, 1e6, 0.01)
    values = truth(masks) + rng.normal(size=300) * np.sqrt(noise)
    fitted = ip.fit(masks, values, noise_var=noise)
    assert r_squared(truth(ALL), fitted.predict(ALL)) > 0.98


@pytest.mark.parametrize("misfit", [0.1, 1.0, 10.0])
def test_the_misfit_is_found_beside_the_noise(misfit: float) -> None:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(100):
        noise = rng.exponential(size=200)
        residual = rng.normal(size=200) * np.sqrt(misfit + noise)
        found.append(misfit_variance(residual, noise, np.ones(200)))
    assert misfit < np.mean(found) < 1.5 * misfit  # one standard error above


def test_a_misfit_of_nothing_is_bounded() -> None:
    """Three exact rows among many of noise 1 do not count alone."""
    noise = np.where(np.arange(200) < 3, 0.0, 1.0)
    residual = np.random.default_rng(0).normal(size=200) * np.sqrt(noise)
    assert 0.01 < misfit_variance(np.where(noise, residual, 0.2), noise, np.ones(200)) < 0.3
    assert misfit_variance(np.zeros(5), np.ones(5), np.ones(5)) > 0


@pytest.mark.parametrize("method", ["auto", "proxyspex", "lasso"])
def test_equal_noise_or_weights_change_no_prediction(method: str) -> None:
    masks, rng = sample(3, 120)
    values = truth(masks) + rng.normal(scale=0.1, size=len(masks))
    plain = ip.fit(masks, values, method=method)
    same_noise = ip.fit(masks, values, method=method, noise_var=0.01)
    assert same_noise.spectrum(None) == plain.spectrum(None)
    for options in ({"weights": np.full(120, 0.7)}, {"noise_var": 0.0}):
        other = ip.fit(masks, values, method=method, **options)
        assert other.spectrum(None) == plain.spectrum(None)
        assert other.faithfulness == plain.faithfulness


# --- weights of rows ----------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["auto", "proxyspex", "lasso"])
def test_rows_of_weight_zero_take_no_part(method: str) -> None:
    masks, rng = sample(4)
    values = truth(masks) + rng.normal(scale=0.1, size=len(masks))
    spoiled = np.where(np.arange(300) < 50, 1e6, values)
    weights = np.where(np.arange(300) < 50, 0.0, 1.0)
    some = ip.fit(masks, spoiled, method=method, weights=weights)
    only = ip.fit(masks[50:], values[50:], method=method)
    assert some.spectrum(None) == only.spectrum(None)
    assert some.faithfulness == only.faithfulness


@pytest.mark.parametrize("method", ["proxyspex", "lasso"])
def test_a_weight_of_two_is_a_row_twice(method: str) -> None:
    masks, rng = sample(5)
    values = truth(masks) + rng.normal(scale=0.3, size=len(masks))
    twice = np.concatenate([np.arange(300), np.arange(100)])
    weights = np.where(np.arange(300) < 100, 2.0, 1.0)
    a = ip.fit(masks, values, method=method, weights=weights, seed=1)
    b = ip.fit(masks[twice], values[twice], method=method, seed=1)
    assert r_squared(b.predict(ALL), a.predict(ALL)) > 0.97
    assert a.faithfulness.value == pytest.approx(b.faithfulness.value, abs=0.05)


def test_weights_speak_of_another_law() -> None:
    """Uniform masks weighed to be near-full ones: fit and evidence follow the weights."""
    masks, rng = sample(6, 900)
    keep = 0.8
    kept = masks.sum(axis=1)
    weights = (2 * keep) ** kept * (2 * (1 - keep)) ** (N - kept)
    values = truth(masks) + 3.0 * np.square(masks.sum(axis=1) / N - 0.5)
    near = rng.random((4000, N)) < keep
    real = truth(near) + 3.0 * np.square(near.sum(axis=1) / N - 0.5)
    told, here = [], []
    for options in ({"weights": weights}, {}):
        fitted = ip.fit(masks, values, method="lasso", **options)
        here.append(r_squared(real, fitted.predict(near)))
        told.append(fitted.faithfulness)
    assert here[0] > here[1] + 0.2
    assert told[0].low - 0.02 <= here[0] <= told[0].high + 0.02


# --- error bars ---------------------------------------------------------------------------------


def covered(spectrum: ip.Spectrum) -> list[bool]:
    """Whether the 90 % interval of each term of the truth holds it."""
    errors = dict(zip(spectrum.terms, spectrum.standard_errors, strict=True))
    return [
        abs(spectrum.terms[term] - TERMS[term]) <= 1.645 * errors[term]
        for term in [(0,), (1,), (2,), (3,), (2, 3)]
        if term in spectrum.terms
    ]


def test_coefficient_errors_cover_with_replicates() -> None:
    """Few masks, each asked up to 12 times: 80 to 97 % of the 90 % intervals hold the truth."""
    hits = []
    for seed in range(16):
        masks, rng = sample(seed, 100)
        masks = np.repeat(masks, rng.integers(1, 13, 100), axis=0)
        values = truth(masks) + rng.normal(size=len(masks))
        hits += covered(ip.fit(masks, values, noise_var=1.0, method="proxyspex").spectrum())
    assert len(hits) > 74
    assert 0.8 <= np.mean(hits) <= 0.97


def test_replicates_do_not_make_up_for_masks() -> None:
    """What a surrogate misses stays missed however often a mask is asked."""
    hits: dict[bool, list[bool]] = {False: [], True: []}
    for seed in range(16):
        masks, rng = sample(seed, 80)
        extra = np.sin(1e4 * (masks @ np.sqrt(np.arange(2, N + 2))))  # a fixed, unlearnable part
        masks, extra = np.repeat(masks, 10, axis=0), np.repeat(extra, 10)
        values = truth(masks) + extra + rng.normal(scale=0.1, size=len(masks))
        for known in hits:
            options = {"noise_var": 0.01} if known else {}
            hits[known] += covered(ip.fit(masks, values, method="lasso", **options).spectrum())
    assert 0.8 <= np.mean(hits[True]) <= 0.98
    assert np.mean(hits[False]) < 0.6  # without noise_var every row is taken for a witness


def test_coefficient_errors_cover_with_unequal_noise() -> None:
    hits = []
    for seed in range(16):
        masks, rng = sample(seed, 150)
        noise = np.exp(rng.normal(scale=1.5, size=150))
        values = truth(masks) + rng.normal(size=150) * np.sqrt(noise)
        hits += covered(ip.fit(masks, values, noise_var=noise, method="proxyspex").spectrum())
    assert len(hits) > 68
    assert 0.78 <= np.mean(hits) <= 0.97


def test_coefficient_errors_cover_with_unequal_weights() -> None:
    hits = []
    for seed in range(16):
        masks, rng = sample(seed, 200)
        values = truth(masks) + rng.normal(scale=0.5, size=200)
        weights = np.exp(rng.normal(scale=1.0, size=200))
        hits += covered(ip.fit(masks, values, weights=weights, method="proxyspex").spectrum())
    assert len(hits) > 74
    assert 0.8 <= np.mean(hits) <= 0.97


# --- exact games --------------------------------------------------------------------------------


def test_an_exact_game_with_noise_has_error_bars() -> None:
    masks = all_masks(6)
    z = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        values = masks[:, 0] + 2.0 * (masks[:, 1] & masks[:, 2]) + rng.normal(scale=0.5, size=64)
        spectrum = ip.fit(masks, values, noise_var=0.25).spectrum(None)
        assert spectrum.standard_errors == pytest.approx(np.full(64, 0.5 / 8))
        z.append((spectrum.terms[(1, 2)] - 0.5) / (0.5 / 8))
    assert np.std(z) == pytest.approx(1.0, abs=0.35)


@pytest.mark.parametrize("method", ["auto", "exact"])
def test_replicates_of_an_exact_game_lessen_its_error_bars(method: str) -> None:
    rng = np.random.default_rng(0)
    masks = np.repeat(all_masks(5), np.arange(1, 33), axis=0)
    noise = rng.uniform(0.5, 2.0, len(masks))
    fitted = ip.fit(masks, masks[:, 0] * 1.0, noise_var=noise, method=method)
    left = [noise[(masks == mask).all(axis=1)].sum() / (k + 1) ** 2
            for k, mask in enumerate(all_masks(5))]  # fmt: skip
    errors = fitted.spectrum(None).standard_errors
    assert errors == pytest.approx(np.full(len(errors), np.sqrt(np.sum(left)) / 32))


def test_the_faithfulness_of_a_noisy_exact_game() -> None:
    """Told and real R², and how often the 90 % interval holds the real one."""
    masks = all_masks(8)
    game = truth(masks)
    told, real, held = [], [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        noise = np.exp(rng.normal(scale=0.5, size=256)) * 0.3
        fitted = ip.fit(masks, game + rng.normal(size=256) * np.sqrt(noise), noise_var=noise)
        found = fitted.faithfulness
        real.append(r_squared(game, fitted.predict(masks)))
        told.append(found.value)
        held.append(found.low <= real[-1] <= found.high)
    assert found.distribution == "exact"
    assert "every mask was evaluated, but the values are noisy (R²" in found.sentence
    assert "Every mask was evaluated, but the values are noisy" in fitted.diagnostics()[1]
    assert np.mean(told) == pytest.approx(np.mean(real), abs=0.02)
    assert 0.83 <= np.mean(held) <= 0.97


def test_an_exact_game_of_noise_is_not_trusted() -> None:
    rng = np.random.default_rng(0)
    fitted = ip.fit(all_masks(8), rng.normal(size=256), noise_var=1.0)
    assert fitted.faithfulness.verdict == "do not trust"
    assert fitted.faithfulness.tells_nothing


def test_an_exact_game_without_noise_is_exact() -> None:
    fitted = ip.fit(all_masks(5), truth(all_masks(5)), noise_var=0.0)
    assert fitted.faithfulness.sentence.endswith("it is exact, every mask was evaluated.")
