"""Draws of coefficients: their law against brute force, what they cost, what they cope with."""

from __future__ import annotations

import base64
import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import interplay as ip
from interplay.metrics import Estimate
from interplay.recording import Recording
from interplay.spectrum import Spectrum
from interplay.surrogates.draws import COUNT, MOST_ROWS, Draws
from interplay.walsh import parities


def trust(value: float) -> Estimate:
    return Estimate(value, value, value, "uniform")


def spectrum_of(n: int, t: int, seed: int, *, errors: bool = True) -> Spectrum:
    rng = np.random.default_rng(seed)
    terms: list[tuple[int, ...]] = [()]
    while len(terms) < t:
        term = tuple(sorted(rng.choice(n, int(rng.integers(1, min(n, 4))), replace=False).tolist()))
        if term not in terms:
            terms.append(term)
    sizes, spread = rng.normal(size=t), rng.uniform(0.01, 0.2, t)
    return Spectrum(
        dict(zip(terms, sizes.tolist(), strict=True)),
        n,
        errors=dict(zip(terms, spread.tolist(), strict=True)) if errors else None,
    )


def evaluated(n: int, m: int, seed: int = 0, **more: Any) -> Recording:
    masks = np.random.default_rng(seed).random((m, n)) < 0.5
    return Recording(masks, np.zeros(m), **more)


def many(spectrum: Spectrum, evaluations: Recording, r2: float, seeds: int) -> np.ndarray:
    """Draws of many seeds, in standard errors about the values."""
    parts = []
    for seed in range(seeds):
        draws = Draws.of(spectrum, trust(r2), evaluations, seed)
        assert draws is not None
        parts.append(draws.coefficients(spectrum) - spectrum.coefficients)
    return np.concatenate(parts) / spectrum.standard_errors


def correlations(
    spectrum: Spectrum, masks: np.ndarray, r2: float, noise: np.ndarray | None = None
) -> np.ndarray:
    """What the docstring of the module says, by a plain inverse."""
    columns = parities(masks, spectrum.packed)
    missed = spectrum.variance * (1 - r2) / r2 + (np.zeros(len(masks)) if noise is None else noise)
    size = np.maximum(np.square(spectrum.coefficients), np.square(spectrum.standard_errors))
    covariance = np.linalg.inv((columns.T / missed) @ columns + np.diag(1 / size))
    root = np.sqrt(np.diag(covariance))
    return covariance / np.outer(root, root)


@pytest.mark.parametrize("noisy", [False, True])
def test_draws_have_the_standard_errors_and_the_correlations_of_the_design(noisy: bool) -> None:
    spectrum, evaluations = spectrum_of(6, 10, seed=1), evaluated(6, 20)
    noise = np.random.default_rng(2).uniform(0, 3, 20) if noisy else None
    evaluations = Recording(evaluations.masks, evaluations.values, noise_var=noise)
    drawn = many(spectrum, evaluations, 0.8, 400)
    wanted = correlations(spectrum, evaluations.masks, 0.8, noise)
    assert np.abs(wanted - np.eye(10)).max() > 0.3  # or there would be nothing to test
    np.testing.assert_allclose(np.cov(drawn.T), wanted, atol=0.06)  # 8,000 draws: 4 sd are 0.06
    np.testing.assert_allclose(drawn.mean(axis=0), 0.0, atol=0.05)


def test_masks_that_were_evaluated_are_known_better_than_others() -> None:
    spectrum, evaluations = spectrum_of(10, 40, seed=3), evaluated(10, 45)
    drawn = many(spectrum, evaluations, 0.9, 100) * spectrum.standard_errors
    others = evaluated(10, 300, seed=9).masks
    seen, unseen = (
        np.square(drawn @ parities(masks, spectrum.packed).T).mean()
        for masks in (evaluations.masks, others)
    )
    assert seen < 0.75 * unseen
    alone = np.square(spectrum.standard_errors).sum()  # what independent draws give every mask
    assert seen < 0.8 * alone


def test_masks_set_aside_say_nothing_unless_they_are_trained_on() -> None:
    spectrum, plain = spectrum_of(6, 10, seed=1), evaluated(6, 40)
    aside = np.arange(40) >= 20
    first = Recording(plain.masks[:20], plain.values[:20])
    for design, same in (("paired", first), ("adaptive", plain)):
        some = Recording(plain.masks, plain.values, design=design, test=aside)
        drawn = Draws.of(spectrum, trust(0.8), some, 0)
        assert drawn == Draws.of(spectrum, trust(0.8), same, 0)


def test_exact_spectra_have_draws_of_zero_and_unknown_errors_have_none() -> None:
    evaluations = evaluated(6, 20)
    exact = Spectrum({(): 1.0, (0,): 2.0}, 6, errors={(): 0.0, (0,): 0.0})
    draws = Draws.of(exact, trust(1.0), evaluations, 0)
    assert draws is not None
    np.testing.assert_array_equal(draws.coefficients(exact), np.tile([1.0, 2.0], (COUNT, 1)))
    assert Draws.of(spectrum_of(6, 5, 0, errors=False), trust(0.9), evaluations, 0) is None


@pytest.mark.parametrize("r2", [float("nan"), -3.0, 0.0, 1.0])
def test_draws_of_hopeless_and_of_perfect_fits(r2: float) -> None:
    """More terms than masks, an error of zero among them: nothing is singular."""
    spectrum = spectrum_of(8, 60, seed=5)
    errors = {**dict.fromkeys(spectrum.terms, 0.1), (): 0.0}
    spectrum = Spectrum(spectrum.terms, 8, errors=errors)
    draws = Draws.of(spectrum, trust(r2), evaluated(8, 20), 0)
    assert draws is not None
    drawn = (draws.coefficients(spectrum) - spectrum.coefficients)[:, 1:] / 0.1
    assert drawn.std() == pytest.approx(1.0, abs=0.25)
    assert (draws.coefficients(spectrum)[:, 0] == spectrum.constant).all()


def test_the_constant_alone() -> None:
    spectrum = Spectrum({(): 5.0}, 4, errors={(): 0.5})
    draws = Draws.of(spectrum, trust(0.0), evaluated(4, 12), 0)
    assert draws is not None
    assert draws.coefficients(spectrum).std() == pytest.approx(0.5, rel=0.5)


def test_many_masks_are_looked_at_in_part_and_wide_ones_are_not_unpacked() -> None:
    n, m = 10_000, 2 * MOST_ROWS
    masks = np.zeros((m, n), dtype=np.bool_)
    masks[:, :10] = np.random.default_rng(0).random((m, 10)) < 0.5
    small = spectrum_of(10, 50, seed=0)
    spectrum = Spectrum(
        small.terms, n, errors=dict(zip(small.terms, small.standard_errors, strict=True))
    )
    evaluations = Recording(masks, np.zeros(m))
    tracemalloc.start()
    draws = Draws.of(spectrum, trust(0.9), evaluations, 0)
    assert tracemalloc.get_traced_memory()[1] < 60e6  # half of the masks are 41 MB
    tracemalloc.stop()
    narrow = Draws.of(small, trust(0.9), Recording(masks[:, :10], np.zeros(m)), 0)
    assert draws == narrow


@settings(max_examples=30)
@given(
    count=st.integers(1, 20),
    terms=st.integers(1, 8),
    scale=st.floats(1e-6, 1e3),
    data=st.data(),
)
def test_draws_survive_json(count: int, terms: int, scale: float, data: st.DataObject) -> None:
    spectrum = spectrum_of(6, terms, seed=terms)
    draws = Draws(
        count, data.draw(st.binary(min_size=count * terms, max_size=count * terms)), scale
    )
    content = draws.to_dict()
    assert Draws.from_dict(content, spectrum) == draws
    steps = np.frombuffer(base64.b64decode(content["data"]), np.int8).reshape(count, terms)
    expected = spectrum.coefficients + spectrum.standard_errors * content["scale"] * steps
    np.testing.assert_allclose(draws.coefficients(spectrum), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": 19}, r"do not fit its spectrum"),
        ({"count": True}, r"there are True draws"),
        ({"count": 0}, r"there are 0 draws"),
        ({"scale": 0.0}, r"the scale 0\.0"),
        ({"data": "AAA"}, r"is damaged"),
        ({"data": 3}, r"is damaged"),
        ({"count": None}, r"there are None draws"),
    ],
)
def test_damaged_draws_are_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    found = ip.explain(lambda masks: 1.0 * masks[:, 0], 12, budget=40, method="lasso", store=None)
    path = found.save(tmp_path / "run.json")
    content = json.loads(path.read_text("utf-8"))
    content["targets"][0]["draws"].update(change)
    path.write_text(json.dumps(content))
    with pytest.raises(ip.BadInput, match=message) as caught:
        ip.load(path)
    assert "run.json is damaged" in str(caught.value)


def test_an_explanation_gives_its_draws_and_a_saved_one_the_same(tmp_path: Path) -> None:
    class Two:
        features = tuple(f"w{i}" for i in range(12))
        targets = ("a", "b")

        def __call__(self, masks: np.ndarray) -> np.ndarray:
            one = masks[:, 0] + 2.0 * (masks[:, 1] & masks[:, 2])
            return np.stack([one, np.sin(masks @ np.arange(12))], axis=1)

    found = ip.explain(Two(), budget=120, store=None)
    assert "spread" not in found.finding.to_dict()["draws"]
    loaded = ip.load(found.save(tmp_path / "run.json"))
    for target in found.targets:
        view = found.target(target)
        drawn = view.coefficient_draws()
        assert drawn.shape == (20, len(view.spectrum))
        np.testing.assert_array_equal(loaded.target(target).coefficient_draws(), drawn)
        np.testing.assert_array_equal(view.coefficient_draws(3), drawn[:3])
    assert found.to_dict() == loaded.to_dict()
    alone = ip.explain(lambda masks: Two()(masks)[:, 1], list(Two.features), budget=120, store=None)
    np.testing.assert_array_equal(alone.coefficient_draws(), found.target("b").coefficient_draws())
    for count in (0, 21):
        with pytest.raises(ip.BadInput, match=r"count must be from 1 to 20"):
            found.coefficient_draws(count)
