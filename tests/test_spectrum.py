"""Spectrum: what it predicts, ranks and adds, and what it refuses."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interplay.errors import BadInput
from interplay.intervals import Z_90
from interplay.packing import pack_terms
from interplay.spectrum import Spectrum

quick = settings(max_examples=60)
numbers = st.floats(-1e6, 1e6)


@st.composite
def spectra(draw: st.DrawFn, n: int | None = None) -> Spectrum:
    n = n or draw(st.sampled_from([1, 2, 9, 64, 65, 150]))
    term = st.frozensets(st.integers(0, n - 1), max_size=6).map(lambda t: tuple(sorted(t)))
    terms = draw(st.dictionaries(term, numbers, max_size=15))
    errors = None
    if draw(st.booleans()):
        sizes = st.lists(st.floats(0, 1e6), min_size=len(terms), max_size=len(terms))
        errors = dict(zip(terms, draw(sizes), strict=True))
    return Spectrum(terms, n, errors=errors)


def all_masks(n: int) -> np.ndarray:
    return (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(bool)


class TestTerms:
    def test_canonical_order(self):
        terms = {(64, 3): 1.0, (): 2.0, (3,): 3.0, (0, 70): 4.0, (2,): 5.0}
        spectrum = Spectrum(terms, 71)
        assert list(spectrum.terms.items()) == [
            ((), 2.0),
            ((2,), 5.0),
            ((3,), 3.0),
            ((0, 70), 4.0),
            ((3, 64), 1.0),
        ]
        assert spectrum.orders.tolist() == [0, 1, 1, 2, 2]
        assert len(spectrum) == 5
        assert spectrum.max_order == 2
        assert spectrum.constant == 2.0
        assert spectrum.variance == 1 + 9 + 16 + 25

    @given(spectrum=spectra())
    @quick
    def test_tuples_and_packed_bits_agree(self, spectrum: Spectrum):
        errors = spectrum.standard_errors
        by_term = None if errors is None else dict(zip(spectrum.terms, errors, strict=True))
        assert Spectrum(spectrum.terms, spectrum.n, errors=by_term) == spectrum
        shuffled = np.random.default_rng(0).permutation(len(spectrum))
        assert spectrum == Spectrum.from_packed(
            spectrum.packed[shuffled],
            spectrum.coefficients[shuffled],
            spectrum.n,
            standard_errors=None if errors is None else errors[shuffled],
        )

    def test_equal_terms_are_added_up(self):
        packed = pack_terms([(1,), (), (1,), (1,)], 2)
        spectrum = Spectrum.from_packed(packed, [1, 5, 2, 3], 2, standard_errors=[2, 7, 3, 6])
        assert spectrum.terms == {(): 5.0, (1,): 6.0}
        assert spectrum.standard_errors is not None
        assert spectrum.standard_errors.tolist() == [7.0, 7.0]

    def test_arrays_cannot_be_written(self):
        spectrum = Spectrum({(0,): 1.0}, 1, errors={(0,): 1.0})
        for array in (spectrum.packed, spectrum.coefficients, spectrum.standard_errors):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0  # type: ignore[index]

    def test_the_given_arrays_are_copied(self):
        packed, coefficients = pack_terms([(0,)], 1), np.ones(1)
        spectrum = Spectrum.from_packed(packed, coefficients, 1)
        packed[:] = coefficients[:] = 0
        assert spectrum.terms == {(0,): 1.0}

    def test_names(self):
        assert Spectrum({}, 2).features == ("x0", "x1")
        assert Spectrum({}, 2, features=["not", "bad"]).features == ("not", "bad")
        with pytest.raises(BadInput, match="must name all 2"):
            Spectrum({}, 2, features=["a"])

    def test_repr(self):
        assert repr(Spectrum({(0, 2): 1.0}, 5)) == "<Spectrum of 1 terms, order <= 2, n = 5>"

    def test_one_feature(self):
        spectrum = Spectrum.from_values([1.0, 4.0], 1)
        assert spectrum.terms == {(): 2.5, (0,): -1.5}
        assert [i.value for i in spectrum.top()] == [3.0]

    def test_no_terms(self):
        empty = Spectrum({}, 3)
        assert empty.predict(np.ones((2, 3), bool)).tolist() == [0.0, 0.0]
        assert (empty.terms, empty.top(), empty.energy(), empty.variance) == ({}, [], {}, 0.0)
        assert (empty + empty) == empty == empty.truncate(1) == empty.relabel([0, 1, 2]) * 2
        assert dict(empty.interactions("Moebius")) == {}


class TestRefusals:
    @pytest.mark.parametrize("n", [0, -1, 2.0, True, "3", None])
    def test_feature_count(self, n: object):
        with pytest.raises(BadInput, match="n, the number of features, must be a whole number"):
            Spectrum({}, n)  # type: ignore[arg-type]

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
    def test_coefficients_are_finite(self, value: float):
        with pytest.raises(BadInput, match="coefficients must be finite"):
            Spectrum({(0,): value}, 1)
        with pytest.raises(BadInput, match="standard errors must be finite"):
            Spectrum({(0,): 1.0}, 1, errors={(0,): value})
        with pytest.raises(BadInput, match="values must be finite"):
            Spectrum.from_values([0.0, value], 1)

    def test_coefficients_are_numbers(self):
        with pytest.raises(BadInput, match="coefficients must be numbers"):
            Spectrum({(0,): "much"}, 1)  # type: ignore[dict-item]

    def test_standard_errors(self):
        with pytest.raises(BadInput, match=r"standard errors must not be negative; got -1.0"):
            Spectrum({(0,): 1.0}, 1, errors={(0,): -1.0})
        with pytest.raises(BadInput, match=r"errors has no entry for term \(1,\)"):
            Spectrum({(0,): 1.0, (1,): 1.0}, 2, errors={(0,): 1.0})

    def test_packed_shape_and_type(self):
        with pytest.raises(BadInput, match=r"must be uint64 \(k, 2\); got uint64 \(1, 1\)"):
            Spectrum.from_packed(pack_terms([(0,)], 2), [1.0], 65)
        with pytest.raises(BadInput, match=r"must be uint64 \(k, 1\); got int64 \(1, 1\)"):
            Spectrum.from_packed(np.ones((1, 1), np.int64), [1.0], 3)  # type: ignore[arg-type]
        with pytest.raises(BadInput, match="packed terms name features above 2"):
            Spectrum.from_packed(pack_terms([(3,)], 4), [1.0], 3)
        with pytest.raises(BadInput, match=r"coefficients must have shape \(1,\); got \(2,\)"):
            Spectrum.from_packed(pack_terms([(0,)], 1), [1.0, 2.0], 1)

    @pytest.mark.parametrize("shape", [(3,), (5,), (2, 2)])
    def test_incomplete_games(self, shape: tuple[int, ...]):
        with pytest.raises(BadInput, match=r"must have shape \(2\*\*2,\)|values must have shape"):
            Spectrum.from_values(np.zeros(shape), 2)

    def test_masks(self):
        with pytest.raises(BadInput, match="masks must have 3 columns"):
            Spectrum({}, 3).predict(np.ones((2, 4), bool))
        with pytest.raises(BadInput, match="masks must be boolean"):
            Spectrum({}, 3).predict(np.ones((2, 3)))  # type: ignore[arg-type]

    def test_counts(self):
        with pytest.raises(BadInput, match="max_terms must be a whole number of at least 1; got 0"):
            Spectrum({}, 3).truncate(0)
        with pytest.raises(BadInput, match="k must be a whole number of at least 0; got -1"):
            Spectrum({}, 3).top(-1)

    @pytest.mark.parametrize("permutation", [[0, 1], [0, 0, 1], [1, 2, 3]])
    def test_permutation(self, permutation: list[int]):
        with pytest.raises(BadInput, match=r"permutation must hold 0 .. 2 once each"):
            Spectrum({}, 3).relabel(permutation)


class TestPredict:
    @given(n=st.integers(1, 8), seed=st.integers(0, 2**32))
    @quick
    def test_complete_games_come_back(self, n: int, seed: int):
        values = np.random.default_rng(seed).normal(size=2**n)
        spectrum = Spectrum.from_values(values, n)
        np.testing.assert_allclose(spectrum.predict(all_masks(n)), values, atol=1e-12)
        assert spectrum.variance == pytest.approx(values.var(), rel=1e-9, abs=1e-12)

    def test_rounding_is_no_term(self):
        """An additive game has an additive spectrum, not 2 ** n terms of 1e-17."""
        values = all_masks(12) @ np.random.default_rng(0).normal(size=12) + 3.7
        spectrum = Spectrum.from_values(values, 12)
        assert len(spectrum) == 13
        np.testing.assert_allclose(spectrum.predict(all_masks(12)), values, atol=1e-12)

    def test_real_game(self, assets: Path):
        values = np.load(assets / "games" / "sentiment_00.npz")["values"].astype(np.float64)
        spectrum = Spectrum.from_values(values, 14)
        np.testing.assert_allclose(spectrum.predict(all_masks(14)), values, atol=1e-9)
        assert sum(spectrum.energy().values()) == pytest.approx(1)


class TestReading:
    def test_energy(self):
        spectrum = Spectrum({(): 9.0, (0,): 1.0, (1,): 1.0, (0, 1, 2): 2.0}, 3)
        assert spectrum.energy() == pytest.approx({1: 1 / 3, 3: 2 / 3})
        assert Spectrum({(): 1.0, (0,): 0.0}, 1).energy() == {1: 0.0}

    def test_top(self):
        terms = {(): 9.0, (0,): -0.5, (0, 1): 0.25, (2,): 1.0, (1,): -0.5}
        errors = {(): 1.0, (0,): 0.1, (0, 1): 0.2, (2,): 0.3, (1,): 0.0}
        spectrum = Spectrum(terms, 3, features=["a", "b", "c"], errors=errors)
        top = spectrum.top()
        assert [i.features for i in top] == [(2,), (0,), (1,), (0, 1)]
        assert [i.value for i in top] == [-2.0, 1.0, 1.0, 1.0]
        assert [i.share for i in top] == pytest.approx(
            [c / 1.5625 for c in (1, 0.25, 0.25, 0.0625)]
        )
        assert top[-1].names == ("a", "b")
        assert top[-1].low == pytest.approx(1 - 4 * 0.2 * Z_90)
        assert top[-1].high == pytest.approx(1 + 4 * 0.2 * Z_90)
        assert (top[2].low, top[2].high) == (1.0, 1.0)
        assert [i.features for i in spectrum.top(5, min_order=2)] == [(0, 1)]
        assert spectrum.top(2) == top[:2]
        assert spectrum.top(0) == []

    def test_top_raises_the_output(self):
        """A positive value raises the output, whatever the order."""
        for order in (1, 2, 3):
            values = (all_masks(3)[:, :order]).all(axis=1).astype(float)
            best = {i.features: i.value for i in Spectrum.from_values(values, 3).top()}
            assert best[tuple(range(order))] > 0

    def test_without_errors_there_is_no_interval(self):
        [only] = Spectrum({(0,): 1.0}, 1).top()
        assert (only.low, only.high) == (None, None)

    def test_a_constant_has_no_shares(self):
        [only] = Spectrum({(): 1.0, (0,): 0.0}, 1).top()
        assert only.share == 0.0

    def test_top_beyond_floating_point(self):
        with pytest.raises(BadInput, match="a set of 1100 features exceeds floating point"):
            Spectrum({tuple(range(1100)): 1.0}, 1100).top()

    def test_truncate(self):
        spectrum = Spectrum({(): 0.01, (0,): 3.0, (1,): -5.0, (0, 1): 4.0}, 2)
        assert spectrum.truncate(3).terms == {(): 0.01, (1,): -5.0, (0, 1): 4.0}
        assert spectrum.truncate(1).terms == {(): 0.01}
        assert spectrum.truncate(99) == spectrum
        assert Spectrum({(0,): 1.0, (1,): 2.0}, 2).truncate(1).terms == {(1,): 2.0}

    def test_truncate_keeps_five_equal_effects_in_order(self):
        spectrum = Spectrum({(i,): 1.0 for i in range(8)}, 8)
        assert list(spectrum.truncate(5).terms) == [(i,) for i in range(5)]


class TestAlgebra:
    @given(data=st.data(), factor=st.floats(-100, 100))
    @quick
    def test_sums_and_multiples_predict_as_such(self, data: st.DataObject, factor: float):
        f, g = data.draw(spectra(9)), data.draw(spectra(9))
        masks = np.random.default_rng(0).random((20, 9)) < 0.5
        for combined, expected in [
            (f + g, f.predict(masks) + g.predict(masks)),
            (f - g, f.predict(masks) - g.predict(masks)),
            (factor * f, factor * f.predict(masks)),
            (-f, -f.predict(masks)),
        ]:
            np.testing.assert_allclose(combined.predict(masks), expected, atol=1e-4)
        assert f + g == g + f
        assert f * factor == factor * f

    def test_standard_errors(self):
        f = Spectrum({(0,): 1.0, (1,): 2.0}, 2, errors={(0,): 3.0, (1,): 1.0})
        g = Spectrum({(0,): 1.0}, 2, errors={(0,): 4.0})
        both = (f - g).standard_errors
        assert both is not None
        assert both.tolist() == [5.0, 1.0]
        scaled = (-2 * f).standard_errors
        assert scaled is not None
        assert scaled.tolist() == [6.0, 2.0]
        assert (f + Spectrum({(0,): 1.0}, 2)).standard_errors is None

    def test_numpy_scalars(self):
        f = Spectrum({(0,): 1.0}, 1)
        for factor in (np.float64(2), np.float32(2), np.int64(2)):
            assert factor * f == f * factor == Spectrum({(0,): 2.0}, 1)

    def test_other_operands(self):
        f = Spectrum({(0,): 1.0}, 1)
        for operation in (lambda: f + 1, lambda: f - "a", lambda: f * f, lambda: "a" * f):
            with pytest.raises(TypeError):
                operation()
        assert f != 1

    def test_other_features(self):
        f = Spectrum({(0,): 1.0}, 2)
        with pytest.raises(BadInput, match="have n = 2 and n = 3 features"):
            f + Spectrum({}, 3)
        with pytest.raises(BadInput, match="name feature 1 differently: 'x1' and 'b'"):
            f + Spectrum({}, 2, features=["x0", "b"])

    @given(spectrum=spectra(70), data=st.data())
    @quick
    def test_relabel(self, spectrum: Spectrum, data: st.DataObject):
        permutation = np.array(data.draw(st.permutations(range(70))))
        moved = spectrum.relabel(permutation)
        masks = np.random.default_rng(0).random((10, 70)) < 0.5
        np.testing.assert_allclose(
            moved.predict(masks), spectrum.predict(masks[:, permutation]), atol=1e-6
        )
        assert [moved.features[i] for i in permutation] == list(spectrum.features)
        assert moved.relabel(np.argsort(permutation)) == spectrum

    def test_equality(self):
        f = Spectrum({(0,): 1.0}, 2)
        assert f == Spectrum({(0,): 1.0}, 2)
        assert f != Spectrum({(1,): 1.0}, 2)
        assert f != Spectrum({(0,): 2.0}, 2)
        assert f != Spectrum({(0,): 1.0}, 2, features=["a", "b"])
        assert f != Spectrum({(0,): 1.0}, 2, errors={(0,): 0.0})
        assert f != Spectrum({(0,): 1.0}, 3)
        with pytest.raises(TypeError, match="unhashable"):
            hash(f)
