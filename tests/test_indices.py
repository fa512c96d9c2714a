"""Every index against brute force from its definition, and what the conversion refuses."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import index_oracles as oracles
import numpy as np
import pytest

from interplay import indices
from interplay.errors import BadInput
from interplay.indices import INDICES, canonical_name, resolve_order, weight
from interplay.spectrum import Spectrum

GAMES = [
    (1, 1),
    (2, 1),
    (2, 2),
    (3, 3),
    (4, 2),
    (5, 1),
    (5, 3),
    (5, 5),
    (6, 4),
    (7, 2),
    (8, 3),
    (10, 2),
]


def compare(spectrum: Spectrum, index: str, order: int, expected: dict[tuple[int, ...], float]):
    """Every value to 1e-9, and no set of its own."""
    found = spectrum.interactions(index, order)
    assert set(found) <= set(expected)
    for term, value in expected.items():
        assert found[term] == pytest.approx(value, abs=1e-9), (index, term)


def test_every_index_has_an_oracle():
    assert set(oracles.BRUTE_FORCE) == set(INDICES)


@pytest.mark.parametrize(("n", "order"), GAMES)
@pytest.mark.parametrize("index", INDICES)
def test_brute_force(index: str, n: int, order: int):
    if index in ("SV", "BV", "influence"):
        order = 1
    values = np.random.default_rng(100 * n + order).normal(size=2**n)
    expected = oracles.BRUTE_FORCE[index](values, n, order)
    compare(Spectrum.from_values(values, n), index, order, expected)


@pytest.mark.parametrize("index", INDICES)
def test_brute_force_ten_features_sparse(index: str):
    """A sparse spectrum of ten features with high and low orders, its game written out in full."""
    rng = np.random.default_rng(7)
    terms = {(): 0.3} | {
        tuple(sorted(rng.choice(10, size, replace=False).tolist())): float(rng.normal())
        for size in (1, 1, 2, 2, 3, 4, 5, 7, 10)
    }
    spectrum = Spectrum(terms, 10)
    masks = (np.arange(2**10)[:, None] >> np.arange(10) & 1).astype(bool)
    values = spectrum.predict(masks)
    order = 1 if index in ("SV", "BV", "influence") else 2
    compare(spectrum, index, order, oracles.BRUTE_FORCE[index](values, 10, order))


def test_shapley_by_permutations():
    values = np.random.default_rng(0).normal(size=2**6)
    table = Spectrum.from_values(values, 6).interactions("SV")
    expected = oracles.shapley_by_permutations(values, 6)
    np.testing.assert_allclose([table[i] for i in range(6)], expected, atol=1e-9)


@pytest.mark.parametrize("name", ["sentiment_00", "resnet18_00", "vit9_00"])
def test_real_games(assets: Path, name: str):
    """Shapley values and interactions of recorded models, from their definitions."""
    values = np.load(assets / "games" / f"{name}.npz")["values"].astype(np.float64)
    n = len(values).bit_length() - 1
    spectrum = Spectrum.from_values(values, n)
    compare(spectrum, "SV", 1, oracles.shapley(values, n, 1))
    found = spectrum.interactions("SII")
    for term in [(0,), (0, 1), (2, n - 1)]:
        gain, s = oracles.derivatives(values, term, n)
        by_size = [gain[s == k].mean() for k in range(n - len(term) + 1)]
        assert found[term] == pytest.approx(np.mean(by_size), abs=1e-9)


def wide_spectrum(n: int, count: int, highest: int, seed: int) -> Spectrum:
    rng = np.random.default_rng(seed)
    terms = {(): 1.0}
    while len(terms) < count:
        size = int(rng.integers(1, highest + 1))
        terms[tuple(sorted(rng.choice(n, size, replace=False).tolist()))] = float(rng.normal())
    return Spectrum(terms, n, errors=dict.fromkeys(terms, 0.1))


@pytest.mark.parametrize("index", INDICES)
def test_features_far_apart(index: str):
    """The same game on features scattered over a thousand has the same values."""
    rng = np.random.default_rng(3)
    small = Spectrum.from_values(rng.normal(size=2**6), 6)
    places = np.sort(rng.choice(1000, 6, replace=False))
    wide = Spectrum({tuple(places[list(t)].tolist()): c for t, c in small.terms.items()}, 1000)
    order = None if index in ("SV", "BV", "influence") else 3
    expected = {
        tuple(places[list(t)].tolist()): v for t, v in small.interactions(index, order).items()
    }
    found = dict(wide.interactions(index, order))
    assert list(found) == sorted(found, key=lambda t: (len(t), t))
    assert found.keys() == expected.keys()
    assert found == pytest.approx(expected, abs=1e-12)


def test_sets_too_large_for_one_word():
    """Codes of several words: a term of 12 among 200 features."""
    rng = np.random.default_rng(1)
    terms = {tuple(range(i, i + 5)): float(rng.normal()) for i in range(0, 200, 5)}
    deep = tuple(range(3, 200, 17))
    terms[deep] = 0.7
    found = Spectrum(terms, 200).interactions("Moebius")
    expected: dict[tuple[int, ...], float] = {}
    for term, coefficient in terms.items():
        for t in range(len(term) + 1):
            for part in combinations(term, t):
                expected[part] = expected.get(part, 0.0) + (-2) ** t * coefficient
    assert list(found) == sorted(expected, key=lambda t: (len(t), t))
    assert dict(found) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("index", INDICES)
def test_blocks_do_not_change_values(index: str, monkeypatch: pytest.MonkeyPatch):
    spectrum = wide_spectrum(12, 150, 6, seed=5)
    whole = spectrum.interactions(index)
    monkeypatch.setattr(indices, "_BLOCK", 7)
    blocks = spectrum.interactions(index)
    assert list(whole) == list(blocks)
    assert dict(blocks) == pytest.approx(dict(whole), abs=1e-12)
    assert blocks.errors == pytest.approx(whole.errors, abs=1e-12)


@pytest.mark.parametrize("index", [i for i in INDICES if i != "influence"])
def test_standard_errors_propagate(index: str):
    """The variance of a linear index, from its values on one term at a time."""
    spectrum = wide_spectrum(8, 40, 5, seed=2)
    rng = np.random.default_rng(0)
    errors = {t: float(e) for t, e in zip(spectrum.terms, rng.uniform(0, 2, 40), strict=True)}
    table = Spectrum(spectrum.terms, 8, errors=errors).interactions(index)
    variance = dict.fromkeys(table, 0.0)
    for term, error in errors.items():
        for target, c in Spectrum({term: 1.0}, 8).interactions(index).items():
            variance[target] += c**2 * error**2
    assert table.errors is not None
    assert dict(table.errors) == pytest.approx({t: v**0.5 for t, v in variance.items()}, abs=1e-12)


def test_standard_errors_of_influence():
    """Against the spread of influences of redrawn coefficients; margin 3 %, 40,000 draws."""
    terms = {(0,): 1.0, (0, 1): 0.5, (1, 2): 0.0, (): 3.0}
    errors = {(0,): 0.2, (0, 1): 0.3, (1, 2): 0.4, (): 5.0}
    table = Spectrum(terms, 3, errors=errors).interactions("influence")
    rng = np.random.default_rng(0)
    drawn = {t: rng.normal(terms[t], errors[t], 40_000) for t in terms}
    assert table.errors is not None
    for i in range(3):
        spread = sum(drawn[t] ** 2 for t in terms if i in t).std()
        assert table.errors[(i,)] == pytest.approx(spread, rel=0.03)


def test_exact_games_have_no_error():
    table = Spectrum.from_values([0.0, 1.0, 1.0, 4.0], 2).interactions("SV")
    assert table.interval(0) == (2.0, 2.0)


@pytest.mark.parametrize("index", INDICES)
def test_wide_spectra_convert(index: str):
    """500 terms over 1,000 features; how fast is in docs/benchmarks/indices.md."""
    assert len(wide_spectrum(1000, 500, 6, seed=0).interactions(index)) > 0


class TestWeights:
    def test_known(self):
        assert weight("Moebius", 5, 3, 5) == -8
        assert weight("OR", 3, 1, 1) == -2
        assert weight("OR", 2, 1, 1) == 2
        assert weight("SII", 4, 2, 2) == pytest.approx(4 / 3, abs=1e-15)
        assert weight("FBII", 3, 1, 2) == 0
        assert weight("sv", 7, 1, 1) == pytest.approx(-2 / 7, abs=1e-15)

    def test_large_sets_stay_exact(self):
        """Sums of alternating numbers of 100 digits: floats would have nothing left."""
        assert weight("STII", 300, 1, 1) == weight("SV", 300, 1, 1) == 0.0
        assert weight("FSII", 301, 1, 1) == pytest.approx(-2 / 301, rel=1e-15)

    def test_influence_has_none(self):
        with pytest.raises(BadInput, match="influence is a sum of squares"):
            weight("influence", 1, 1, 1)

    @pytest.mark.parametrize(("s", "t", "order"), [(1, 2, 2), (3, 2, 1), (3, -1, 2)])
    def test_no_such_weight(self, s: int, t: int, order: int):
        with pytest.raises(BadInput, match=f"got s={s}, t={t}, order={order}"):
            weight("SII", s, t, order)

    def test_beyond_floating_point(self):
        with pytest.raises(BadInput, match="BII of a set of 1100 features exceeds floating point"):
            weight("BII", 1100, 1100, 1100)


class TestNamesAndOrders:
    def test_spelling(self):
        assert [canonical_name(name.upper()) for name in INDICES] == list(INDICES)
        assert canonical_name("Möbius") == canonical_name("MÖBIUS") == "Moebius"

    @pytest.mark.parametrize("name", ["shapley", "", None, 3])
    def test_unknown_index_lists_the_valid_ones(self, name: object):
        with pytest.raises(BadInput, match=r"unknown index .*; valid: Fourier, Moebius, OR, SV"):
            Spectrum({(0,): 1.0}, 1).interactions(name)  # type: ignore[arg-type]

    def test_natural_orders(self):
        natural = {name: resolve_order(name, None, 9) for name in INDICES}
        assert [i for i, order in natural.items() if order == 9] == ["Fourier", "Moebius", "OR"]
        assert [i for i, order in natural.items() if order == 1] == ["SV", "BV", "influence"]
        assert resolve_order("FSII", None, 1) == 1
        assert resolve_order("FSII", np.int64(3), 4) == 3

    def test_order_above_n(self):
        with pytest.raises(BadInput, match="order 3 is above n = 2"):
            Spectrum({(0,): 1.0}, 2).interactions("SII", 3)

    @pytest.mark.parametrize("order", [0, -1, 1.5, True, "2"])
    def test_order_is_a_positive_integer(self, order: object):
        with pytest.raises(BadInput, match=f"order must be a whole number of.*{order!r}"):
            Spectrum({(0,): 1.0}, 2).interactions("SII", order)  # type: ignore[arg-type]

    @pytest.mark.parametrize("index", ["SV", "BV", "influence"])
    def test_indices_of_single_features(self, index: str):
        with pytest.raises(BadInput, match=f"{index} is an index of single features"):
            Spectrum({(0,): 1.0}, 2).interactions(index, 2)


class TestGuard:
    def test_full_moebius_of_a_deep_term(self):
        deep = Spectrum({tuple(range(40)): 1.0}, 50)
        with pytest.raises(BadInput, match=r"Moebius of order 50 .* 1.1e\+12 .* 40 features"):
            deep.interactions("Moebius")
        with pytest.raises(BadInput, match=r"OR of order 30 .*Ask for a lower order, or truncate"):
            deep.interactions("OR", 30)
        assert len(deep.interactions("Moebius", 2)) == 1 + 40 + 780
        assert len(deep.interactions("SII")) == 1 + 780
        assert len(deep.interactions("Fourier")) == 1

    def test_many_pairs_of_few_sets(self, monkeypatch: pytest.MonkeyPatch):
        spectrum = Spectrum.from_values(np.random.default_rng(0).normal(size=2**8), 8)
        monkeypatch.setattr(indices, "MAX_SETS", 2**8)
        assert len(spectrum.interactions("Moebius")) == 2**8
        monkeypatch.setattr(indices, "MAX_SUBSETS", 3**8 - 1)
        with pytest.raises(BadInput, match=r"6.56e\+03 of them"):
            spectrum.interactions("Moebius")
