"""Noise in the values, and weights of rows: what they do to fit, evidence and error bars.

Every simulation fixes its seeds; margins are several standard errors of its means.
"""

from __future__ import annotations

import numpy as np
import pytest

import interplay as ip
from interplay.masks import all_masks
from interplay.metrics import faithfulness, r_squared

N = 10


def truth(masks: np.ndarray) -> np.ndarray:
    return 1.0 * masks[:, 0] - masks[:, 1] + 2.0 * (masks[:, 2] & masks[:, 3])


def sample(seed: int, m: int = 300) -> tuple[np.ndarray, np.random.Generator]:
    rng = np.random.default_rng(seed)
    return rng.random((m, N)) < 0.5, rng


ALL = all_masks(N)


def test_evidence_speaks_of_the_values_without_noise() -> None:
    """With half of the variance noise, uncorrected R² would be near .5 and mean nothing."""
    told, real, raw = [], [], []
    for seed in range(12):
        masks, rng = sample(seed)
        noisy = truth(masks) + rng.normal(size=len(masks))
        fitted = ip.fit(masks, noisy, noise_var=1.0, seed=seed)
        told.append(fitted.faithfulness.value)
        raw.append(ip.fit(masks, noisy, seed=seed).faithfulness.value)
        real.append(r_squared(truth(ALL), fitted.predict(ALL)))
    assert np.mean(real) > 0.85
    assert np.mean(raw) < 0.6
    assert np.mean(told) == pytest.approx(np.mean(real), abs=0.06)  # slightly pessimistic


def test_the_correction_is_unbiased() -> None:
    rng = np.random.default_rng(0)
    told = []
    for _ in range(200):
        signal = rng.normal(size=150)
        predicted = signal + 0.3 * rng.normal(size=150)
        values = signal + rng.normal(size=150)
        told.append(faithfulness(values, predicted, rng, noise_var=np.ones(150), draws=20).value)
    assert np.mean(told) == pytest.approx(0.91, abs=0.03)


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


def test_nothing_but_noise_is_not_trusted() -> None:
    masks, rng = sample(1)
    fitted = ip.fit(masks, rng.normal(size=len(masks)), noise_var=1.0)
    assert fitted.faithfulness.value == 0
    assert fitted.faithfulness.verdict == "do not trust"
    assert "hardly more than noise" in " ".join(fitted.diagnostics())


def test_diagnostics_tell_the_share_of_noise() -> None:
    masks, rng = sample(2)
    fitted = ip.fit(masks, truth(masks) + rng.normal(scale=0.5, size=len(masks)), noise_var=0.25)
    sentence = fitted.diagnostics()[1]
    assert sentence.startswith("Noise makes up 18 % of the variance of the values; ")
    assert sentence.endswith("it is taken off the evidence. With it, R² is 0.78.")


def test_rows_of_unequal_noise_count_unequally() -> None:
    weighed, plain = [], []
    for seed in range(12):
        masks, rng = sample(seed, 200)
        noise = np.where(rng.random(200) < 0.5, 0.01, 9.0)
        values = truth(masks) + rng.normal(size=200) * np.sqrt(noise)
        weighed.append(r_squared(truth(ALL), ip.fit(masks, values, noise_var=noise).predict(ALL)))
        plain.append(r_squared(truth(ALL), ip.fit(masks, values).predict(ALL)))
    assert np.mean(weighed) > np.mean(plain) + 0.1
    assert np.mean(np.array(weighed) > np.array(plain)) > 0.9


@pytest.mark.parametrize("method", ["auto", "proxyspex", "lasso"])
def test_equal_noise_or_weights_change_no_prediction(method: str) -> None:
    masks, rng = sample(3)
    values = truth(masks) + rng.normal(scale=0.1, size=len(masks))
    plain = ip.fit(masks, values, method=method)
    for options in ({"noise_var": 0.01}, {"weights": np.full(300, 7.0)}):
        other = ip.fit(masks, values, method=method, **options)
        assert other.spectrum(None) == plain.spectrum(None)
    assert ip.fit(masks, values, method=method, noise_var=0).faithfulness.value == pytest.approx(
        plain.faithfulness.value
    )


@pytest.mark.parametrize("method", ["auto", "proxyspex", "lasso"])
def test_rows_of_weight_zero_take_no_part(method: str) -> None:
    masks, rng = sample(4)
    values = truth(masks) + rng.normal(scale=0.1, size=len(masks))
    spoiled = values.copy()
    spoiled[:50] = 1e6
    weights = np.where(np.arange(300) < 50, 0.0, 1.0)
    some = ip.fit(masks, spoiled, method=method, weights=weights)
    assert some.spectrum(None) == ip.fit(masks[50:], values[50:], method=method).spectrum(None)


@pytest.mark.parametrize("method", ["proxyspex", "lasso"])
def test_a_weight_of_two_is_a_row_twice(method: str) -> None:
    """Not to the last bit: the same row twice shares a fold, and so does one of weight two."""
    masks, rng = sample(5)
    values = truth(masks) + rng.normal(scale=0.3, size=len(masks))
    twice = np.concatenate([np.arange(300), np.arange(100)])
    weights = np.where(np.arange(300) < 100, 2.0, 1.0)
    a = ip.fit(masks, values, method=method, weights=weights, seed=1)
    b = ip.fit(masks[twice], values[twice], method=method, seed=1)
    assert r_squared(b.predict(ALL), a.predict(ALL)) > 0.97
    assert a.faithfulness.value == pytest.approx(b.faithfulness.value, abs=0.05)


def test_coefficient_errors_cover_with_replicates() -> None:
    """90 % intervals of main effects, with the mean of 4 replicates as value: 80 to 99 % cover."""
    true = ip.Spectrum.from_values(truth(ALL), N).terms
    covered = []
    for seed in range(20):
        masks, rng = sample(seed, 200)
        draws = truth(masks)[:, None] + rng.normal(size=(200, 4))
        noise = draws.var(axis=1, ddof=1).mean() / 4
        spectrum = ip.fit(masks, draws.mean(axis=1), noise_var=noise, method="proxyspex").spectrum()
        errors = dict(zip(spectrum.terms, spectrum.standard_errors, strict=True))
        for term in [(0,), (1,), (2,), (3,), (2, 3)]:
            if term in spectrum.terms:
                off = abs(spectrum.terms[term] - true[term])
                covered.append(off <= 1.645 * errors[term])
    assert len(covered) > 90
    assert 0.8 <= np.mean(covered) <= 0.99


def test_an_exact_game_with_noise_has_error_bars() -> None:
    masks = all_masks(6)
    z = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        values = masks[:, 0] + 2.0 * (masks[:, 1] & masks[:, 2]) + rng.normal(scale=0.5, size=64)
        fitted = ip.fit(masks, values, noise_var=0.25)
        assert fitted.faithfulness.distribution == "exact"
        spectrum = fitted.spectrum(None)
        assert spectrum.standard_errors == pytest.approx(np.full(64, 0.5 / 8))
        z.append((spectrum.terms[(1, 2)] - 0.5) / (0.5 / 8))
    assert "the error bars are what it leaves" in fitted.diagnostics()[1]
    assert np.std(z) == pytest.approx(1.0, abs=0.35)


class Design:
    """A stand-in: masks that were drawn near the full one, and uniform ones set aside."""

    def __init__(self, masks: np.ndarray, test: np.ndarray) -> None:
        self.masks, self.test = masks, test


def test_a_design_sets_rows_aside() -> None:
    rng = np.random.default_rng(0)
    masks = np.concatenate([rng.random((200, N)) < 0.85, rng.random((60, N)) < 0.5])
    design = Design(masks, np.arange(260) >= 200)
    values = truth(masks)
    fitted = ip.fit(masks, values, design=design)
    spoiled = np.where(design.test, values + 5.0, values)
    assert ip.fit(masks, spoiled, design=design).spectrum(None) == fitted.spectrum(None)
    assert fitted.faithfulness.distribution == "uniform"
    assert fitted.faithfulness.value == pytest.approx(
        r_squared(values[200:], fitted.predict(masks[200:]))
    )


def test_a_named_law_is_what_faithfulness_speaks_of() -> None:
    masks, _ = sample(0)
    assert ip.fit(masks, truth(masks), design="near-full").faithfulness.distribution == "near-full"
