"""Best subsets against brute force; limits, robust choices, and what cannot be asked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interplay import Spectrum
from interplay.errors import BadInput
from interplay.masks import all_masks
from interplay.optimize import best_subset, top_removal


def spectrum_of(seed: int, n: int, k: int, order: int = 5) -> Spectrum:
    """A random spectrum of up to k terms, its constant among them."""
    rng = np.random.default_rng(seed)
    terms: dict[tuple[int, ...], float] = {(): float(rng.normal())}
    for _ in range(k):
        size = int(rng.integers(1, min(n, order) + 1))
        members = tuple(sorted(rng.choice(n, size, replace=False).tolist()))
        terms[members] = float(rng.normal())
    return Spectrum(terms, n)


def hierarchical(seed: int, n: int, k: int) -> Spectrum:
    """Main effects of unequal features, and combinations of the important ones that decay."""
    rng = np.random.default_rng(seed)
    weight = rng.exponential(size=n)
    terms: dict[tuple[int, ...], float] = {
        (i,): float(rng.normal() * weight[i]) for i in range(min(n, k // 3))
    }
    while len(terms) < k:
        size = int(rng.choice([2, 3, 4, 5], p=[0.55, 0.25, 0.12, 0.08]))
        members = rng.choice(n, size, replace=False, p=weight / weight.sum())
        terms[tuple(sorted(members.tolist()))] = float(rng.normal() * 0.5 ** (size - 1))
    return Spectrum(terms, n)


@settings(max_examples=60)
@given(
    st.integers(0, 10**6), st.integers(1, 11), st.integers(0, 40), st.booleans(),
    st.sampled_from(["auto", "milp"]), st.data(),
)  # fmt: skip
def test_brute_force_finds_nothing_better(
    seed: int, n: int, k: int, maximize: bool, method: str, data: st.DataObject
) -> None:
    spectrum = spectrum_of(seed, n, k)
    low = data.draw(st.integers(0, n))
    high = data.draw(st.integers(low, n))
    features = data.draw(st.permutations(range(n)))
    forced = data.draw(st.integers(0, min(low, n)))
    banned = data.draw(st.integers(0, n - max(high, forced)))
    keep, drop = features[:forced], features[n - banned :] if banned else []
    masks = all_masks(n)
    count = masks.sum(axis=1)
    good = (count >= low) & (count <= high)
    good &= masks[:, keep].all(axis=1) & ~masks[:, drop].any(axis=1)
    values = spectrum.predict(masks[good])
    found = best_subset(
        spectrum, at_least=low, at_most=high, maximize=maximize, keep=keep, drop=drop, method=method
    )
    best = values.max() if maximize else values.min()
    assert found.value == pytest.approx(best, abs=1e-5 * max(1, np.abs(values).max()))
    assert found.optimal
    assert found.gap == 0
    assert low <= found.mask.sum() <= high
    assert found.mask[keep].all()
    assert not found.mask[drop].any()
    assert spectrum.predict(found.mask[None])[0] == pytest.approx(found.value)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("method", ["auto", "milp"])
def test_robust_choices_by_brute_force(seed: int, method: str) -> None:
    rng = np.random.default_rng(seed)
    n, size = 10, int(rng.integers(2, 9))
    spectrum = spectrum_of(seed, n, 25, order=4)
    terms = list(spectrum.terms)
    draws = np.array([spectrum.terms[t] for t in terms]) + rng.normal(
        scale=0.5, size=(6, len(terms))
    )
    masks = all_masks(n)
    masks = masks[masks.sum(axis=1) == size]
    told = np.array(
        [Spectrum(dict(zip(terms, row.tolist(), strict=True)), n).predict(masks) for row in draws]
    )
    for maximize, sign in ((True, 1.0), (False, -1.0)):
        objective = sign * told.mean(axis=0) - told.std(axis=0)
        found = best_subset(
            spectrum, size, draws=draws, kappa=1.0, maximize=maximize, method=method
        )
        assert sign * found.objective == pytest.approx(objective.max(), abs=1e-4)
        assert found.optimal


@pytest.mark.parametrize("seed", range(8))
def test_top_removal_by_brute_force(seed: int) -> None:
    spectrum = spectrum_of(seed, 10, 30)
    masks = all_masks(10)
    full = spectrum.predict(np.ones((1, 10), bool))[0]
    for r in (0, 1, 3, 9, 10):
        left = masks[masks.sum(axis=1) == 10 - r]
        found = top_removal(spectrum, r)
        assert found.mask.sum() == 10 - r
        assert abs(found.value - full) == pytest.approx(
            np.abs(spectrum.predict(left) - full).max(), abs=1e-5
        )
        assert found.optimal


@pytest.mark.parametrize("size", [5, 50, 100, 150, 195])
def test_five_hundred_terms_over_two_hundred_features(size: int) -> None:
    spectrum = hierarchical(0, 200, 500)
    found = best_subset(spectrum, size, time_limit=30)
    assert found.optimal
    assert found.mask.sum() == size
    local = best_subset(spectrum, size, method="local")
    assert local.value <= found.value + 1e-6
    assert local.bound >= found.value - 1e-6
    rng = np.random.default_rng(0)
    tried = np.zeros((2000, 200), bool)
    for row in tried:
        row[rng.choice(200, size, replace=False)] = True
    assert spectrum.predict(tried).max() <= found.value + 1e-6


def test_a_bound_holds_where_time_runs_out() -> None:
    spectrum = spectrum_of(0, 120, 300)
    quick = best_subset(spectrum, 60, time_limit=0.5)
    longer = best_subset(spectrum, 60, time_limit=4)
    assert quick.seconds < 20
    for found in (quick, longer):
        assert found.bound >= longer.value - 1e-6
        assert found.gap >= 0
        assert found.mask.sum() == 60


def test_spectra_with_little_in_them() -> None:
    empty = best_subset(Spectrum({}, 5), 2)
    assert (empty.value, empty.mask.sum(), empty.optimal) == (0.0, 2, True)
    constant = best_subset(Spectrum({(): 3.0}, 5), at_least=1)
    assert (constant.value, constant.optimal) == (3.0, True)
    single = best_subset(Spectrum({(2,): -1.0}, 5))
    assert single.mask[2]
    assert single.value == 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 6}, "6"),
        ({"size": -1}, "-1"),
        ({"size": 2, "at_most": 3}, "size"),
        ({"at_least": 4, "at_most": 2}, "4"),
        ({"size": 2, "keep": [7]}, "7"),
        ({"size": 2, "keep": [0], "drop": [0]}, "keep and drop|both"),
        ({"size": 1, "keep": [0, 1]}, "must be kept"),
        ({"size": 5, "drop": [0]}, "drop"),
        ({"size": 2, "method": "gurobi"}, "unknown method 'gurobi'"),
        ({"size": 2, "kappa": -1.0}, "kappa"),
        ({"size": 2, "kappa": 1.0, "draws": np.ones((3, 7))}, "draws"),
        ({"size": 2, "kappa": 1.0, "draws": np.full((3, 2), np.nan)}, "draws"),
        ({"size": 2, "time_limit": 0}, "time_limit"),
    ],
)
def test_what_cannot_be_asked(options: dict[str, object], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        best_subset(Spectrum({(0,): 1.0, (1, 2): 1.0}, 5), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("r", [-1, 6, 1.5])
def test_a_removal_of_so_many_cannot_be(r: object) -> None:
    with pytest.raises(BadInput):
        top_removal(Spectrum({(0,): 1.0}, 5), r)  # type: ignore[arg-type]
