"""Peeling: planted functions come back, noise does not."""

from __future__ import annotations

import numpy as np
import pytest

from interplay.codes import MaskCode
from interplay.spectrum import Spectrum
from interplay.surrogates.spex.bins import Layout
from interplay.surrogates.spex.peeling import Peeled, patterns, peel

from . import masks_of


def planted(n: int, count: int, seed: int, least: float = 0.3) -> dict[tuple[int, ...], float]:
    """Terms of order 1 to 5, not hierarchical, of random sign."""
    rng = np.random.default_rng(seed)
    terms: dict[tuple[int, ...], float] = {}
    while len(terms) < count:
        chosen = rng.choice(n, int(rng.integers(1, 6)), replace=False)
        size = float(rng.uniform(least, 1.0) * rng.choice([-1, 1]))
        terms[tuple(sorted(chosen.tolist()))] = size
    return terms


def peeled(n: int, terms: dict[tuple[int, ...], float], bits: int, noise: float) -> Peeled:
    code = MaskCode.drawn(n, np.random.default_rng(n))
    masks = masks_of(code, bits)
    values = Spectrum(terms, n).predict(masks)
    values += noise * values.std() * np.random.default_rng(0).normal(size=len(values))
    return peel(code, Layout.of(code, masks).bins(values))


def found(result: Peeled) -> dict[tuple[int, ...], float]:
    return {
        tuple(int(i) for i in row if i >= 0): value
        for row, value in zip(result.sets, result.coefficients.tolist(), strict=True)
    }


@pytest.mark.parametrize(("n", "count", "bits"), [(12, 10, 4), (64, 20, 4), (300, 40, 5)])
def test_a_sparse_function_without_noise_comes_back_exactly(n: int, count: int, bits: int) -> None:
    terms = planted(n, count, seed=n)
    result = found(peeled(n, terms, bits, noise=0.0))
    large = {term: value for term, value in result.items() if abs(value) > 1e-3}
    assert large.keys() == terms.keys()
    for term, value in terms.items():
        assert large[term] == pytest.approx(value, abs=1e-5)


def test_with_noise_terms_above_it_are_found_and_no_others() -> None:
    terms = planted(200, 40, seed=1)
    result = found(peeled(200, terms, bits=6, noise=0.1))
    assert len(terms.keys() & result.keys()) >= 39
    assert len(result.keys() - terms.keys() - {()}) == 0


def test_the_noise_is_told() -> None:
    terms = planted(64, 10, seed=2)
    result = peeled(64, terms, bits=6, noise=0.2)
    sd = 0.2 * np.sqrt(Spectrum(terms, 64).variance) / 8  # a bin is a mean of 64 values
    assert result.noise == pytest.approx(sd, rel=0.1)


def test_noise_alone_gives_next_to_nothing() -> None:
    code = MaskCode.drawn(64, np.random.default_rng(0))
    masks = masks_of(code, 5)
    values = np.random.default_rng(3).normal(size=len(masks))
    assert len(peel(code, Layout.of(code, masks).bins(values)).sets) <= 3


def test_a_constant_has_no_terms_but_the_constant() -> None:
    code = MaskCode.drawn(20, np.random.default_rng(0))
    masks = masks_of(code, 3)
    result = found(peel(code, Layout.of(code, masks).bins(np.full(len(masks), 2.5))))
    assert result == {(): pytest.approx(2.5, abs=1e-5)}
    assert not len(peel(code, Layout.of(code, masks).bins(np.zeros(len(masks)))).sets)


def test_patterns_are_different_sets_in_the_order_of_their_rank_sums() -> None:
    rows = patterns(12, 96)
    assert len(np.unique(rows, axis=0)) == 96
    sums = rows @ (1 + np.arange(12))
    assert (np.diff(sums) >= 0).all()
    assert not rows[0].any()
