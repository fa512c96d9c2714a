"""The axioms that define the indices, on games that Hypothesis makes up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interplay.indices import INDICES
from interplay.interactions import Interactions
from interplay.spectrum import Spectrum

LINEAR = [name for name in INDICES if name != "influence"]
EFFICIENT = ["SV", "FSII", "STII", "k-SII"]
OF_SETS = ["SII", "k-SII", "BII", "STII", "FSII", "FBII", "Moebius", "OR", "Fourier"]

quick = settings(max_examples=30)
numbers = st.floats(-100, 100, width=32).map(lambda x: 0.0 if abs(x) < 1e-6 else x)


@st.composite
def games(draw: st.DrawFn, n: int | None = None) -> tuple[int, np.ndarray]:
    n = n or draw(st.integers(1, 5))
    values = draw(st.lists(numbers, min_size=2**n, max_size=2**n))
    return n, np.array(values)


@st.composite
def sparse(draw: st.DrawFn, n: int) -> Spectrum:
    terms = st.frozensets(st.integers(0, n - 1), max_size=5).map(lambda t: tuple(sorted(t)))
    return Spectrum(draw(st.dictionaries(terms, numbers, max_size=12)), n)


def close(found: Interactions, expected: Interactions, sets=None) -> None:
    for term in sets if sets is not None else {*found, *expected}:
        assert found[term] == pytest.approx(expected[term], abs=1e-8)


@pytest.mark.parametrize("index", EFFICIENT)
@given(game=games(), data=st.data())
@quick
def test_efficiency(index: str, game: tuple[int, np.ndarray], data: st.DataObject):
    """All values together, the empty set's included, make the value of the full mask."""
    n, values = game
    order = 1 if index == "SV" else data.draw(st.integers(1, n))
    table = Spectrum.from_values(values, n).interactions(index, order)
    assert sum(table.values()) == pytest.approx(values[-1], abs=1e-8)
    assert table[()] == pytest.approx(values[0], abs=1e-8)


@pytest.mark.parametrize("index", EFFICIENT)
@given(data=st.data())
@quick
def test_efficiency_of_a_sparse_spectrum_of_many_features(index: str, data: st.DataObject):
    """... and of a truncated spectrum, of its own value there."""
    spectrum = data.draw(sparse(200))
    total = sum(spectrum.interactions(index).values())
    assert total == pytest.approx(spectrum.predict(np.ones((1, 200), bool))[0], abs=1e-8)


@pytest.mark.parametrize("index", INDICES)
@given(data=st.data())
@quick
def test_relabelling(index: str, data: st.DataObject):
    spectrum = data.draw(sparse(70))
    permutation = data.draw(st.permutations(range(70)))
    moved = spectrum.relabel(permutation).interactions(index)
    for term, value in spectrum.interactions(index).items():
        target = tuple(sorted(permutation[i] for i in term))
        assert moved[target] == pytest.approx(value, abs=1e-8)
    assert len(moved) == len(spectrum.interactions(index))


@pytest.mark.parametrize("index", LINEAR)
@given(data=st.data(), a=numbers, b=numbers)
@quick
def test_linearity(index: str, data: st.DataObject, a: float, b: float):
    f, g = data.draw(sparse(70)), data.draw(sparse(70))
    joint = (a * f + b * g).interactions(index)
    one, other = f.interactions(index), g.interactions(index)
    for term in {*joint, *one, *other}:
        assert joint[term] == pytest.approx(a * one[term] + b * other[term], abs=1e-6)


@pytest.mark.parametrize("index", [name for name in INDICES if name != "influence"])
@given(game=games(), data=st.data())
@quick
def test_a_feature_without_effect(index: str, game: tuple[int, np.ndarray], data: st.DataObject):
    """Sets with a feature that never changes the value have nothing; the others do not notice."""
    n, values = game
    dummy = data.draw(st.integers(0, n))
    with_it = np.arange(2 ** (n + 1))
    without = (with_it & (2**dummy - 1)) | (with_it >> (dummy + 1) << dummy)
    table = Spectrum.from_values(values[without], n + 1).interactions(index, 1)
    small = Spectrum.from_values(values, n).interactions(index, 1)
    assert table[(dummy,)] == pytest.approx(0, abs=1e-9)
    for i in range(n):
        assert table[i + (i >= dummy)] == pytest.approx(small[i], abs=1e-8)


@given(game=games())
@quick
def test_moebius_gives_the_game_back(game: tuple[int, np.ndarray]):
    n, values = game
    table = Spectrum.from_values(values, n).interactions("Moebius")
    for k in range(2**n):
        kept = {i for i in range(n) if k >> i & 1}
        total = sum(v for term, v in table.items() if set(term) <= kept)
        assert total == pytest.approx(values[k], abs=1e-8)


@given(data=st.data())
@quick
def test_fourier_to_moebius_and_back(data: st.DataObject):
    """``F(T) = (-1) ** |T| * sum over S ⊇ T of 2 ** -|S| m(S)`` undoes the conversion."""
    spectrum = data.draw(sparse(70))
    moebius = spectrum.interactions("Moebius")
    back: dict[tuple[int, ...], float] = dict.fromkeys(moebius, 0.0)
    for term in back:
        supersets = (v * 2.0 ** -len(s) for s, v in moebius.items() if set(s) >= set(term))
        back[term] = (-1) ** len(term) * sum(supersets)
    for term in {*back, *spectrum.terms}:
        assert back.get(term, 0.0) == pytest.approx(spectrum.terms.get(term, 0.0), abs=1e-8)


@given(game=games())
@quick
def test_or_gives_the_game_back(game: tuple[int, np.ndarray]):
    n, values = game
    table = Spectrum.from_values(values, n).interactions("OR")
    for k in range(2**n):
        kept = {i for i in range(n) if k >> i & 1}
        total = sum(v for term, v in table.items() if not term or set(term) & kept)
        assert total == pytest.approx(values[k], abs=1e-8)


@given(data=st.data())
@quick
def test_fourier_is_the_spectrum(data: st.DataObject):
    spectrum = data.draw(sparse(70))
    assert dict(spectrum.interactions("Fourier")) == spectrum.terms


@pytest.mark.parametrize("index", ["SII", "k-SII", "STII", "FSII"])
@given(data=st.data())
@quick
def test_order_one_is_the_shapley_value(index: str, data: st.DataObject):
    spectrum = data.draw(sparse(70))
    close(spectrum.interactions(index, 1), spectrum.interactions("SV"))


@pytest.mark.parametrize("index", ["BII", "FBII"])
@given(data=st.data())
@quick
def test_order_one_is_the_banzhaf_value(index: str, data: st.DataObject):
    spectrum = data.draw(sparse(70))
    single = [(i,) for i in range(70)]
    close(spectrum.interactions(index, 1), spectrum.interactions("BV"), single)


@pytest.mark.parametrize("index", ["STII", "FSII", "FBII"])
@given(game=games())
@quick
def test_full_order_is_moebius(index: str, game: tuple[int, np.ndarray]):
    n, values = game
    spectrum = Spectrum.from_values(values, n)
    close(spectrum.interactions(index, n), spectrum.interactions("Moebius"))


@pytest.mark.parametrize("index", OF_SETS)
@given(data=st.data())
@quick
def test_equal_features_have_equal_values(index: str, data: st.DataObject):
    """A game that is symmetric in two features treats them alike."""
    spectrum = data.draw(sparse(6))
    exchanged = Spectrum(spectrum.relabel([1, 0, 2, 3, 4, 5]).terms, 6)
    table = (spectrum + exchanged).interactions(index, 2)
    for i in range(2, 6):
        assert table[0, i] == pytest.approx(table[1, i], abs=1e-8)
    assert table[0] == pytest.approx(table[1], abs=1e-8)


@given(data=st.data())
@quick
def test_total_influence_counts_orders(data: st.DataObject):
    spectrum = data.draw(sparse(70))
    total = sum(len(t) * c**2 for t, c in spectrum.terms.items())
    assert sum(spectrum.interactions("influence").values()) == pytest.approx(total, abs=1e-8)
