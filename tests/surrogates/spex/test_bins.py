"""Bins of coded values, against sums over the terms of a known function."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from interplay.codes import MaskCode
from interplay.errors import BadInput
from interplay.masks.coded import coded
from interplay.spectrum import Spectrum
from interplay.surrogates.spex.bins import Layout

from . import masks_of


def test_a_bin_is_the_signed_sum_of_its_terms() -> None:
    n, bits = 20, 4
    code = MaskCode.drawn(n, np.random.default_rng(1))
    rng = np.random.default_rng(2)
    sets = np.full((30, 5), -1)
    for row in range(30):
        size = int(rng.integers(0, 6))
        sets[row, 5 - size :] = np.sort(rng.choice(n, size, replace=False))
    terms = {tuple(int(i) for i in row if i >= 0): float(rng.normal()) for row in sets}
    spectrum = Spectrum(terms, n)
    masks = masks_of(code, bits)
    bins = Layout.of(code, masks).bins(spectrum.predict(masks))
    assert bins.shape == (3, 16, code.bch.p + 1)
    expected = np.zeros_like(bins)
    for term, coefficient in terms.items():
        signs = np.array([(-1) ** int(offset[list(term)].sum()) for offset in code.offsets])
        for group in range(3):
            matrix = code.matrices[group][list(term), :bits]
            home = int((matrix.sum(axis=0) % 2) @ (1 << np.arange(bits)))
            expected[group, home] += coefficient * signs
    np.testing.assert_allclose(bins, expected, atol=1e-12)


def test_rows_may_come_in_any_order_with_others_among_them_and_repeated() -> None:
    n = 30
    code = MaskCode.drawn(n, np.random.default_rng(0))
    masks = masks_of(code, 3)
    rng = np.random.default_rng(1)
    values = rng.normal(size=len(masks))
    plain = Layout.of(code, masks).bins(values)
    others = rng.random((100, n)) < 0.5
    rows = np.concatenate([masks, others, masks[:50]])
    told = np.concatenate([values + 1.0, rng.normal(size=100), values[:50] - 1.0])
    told[50 : len(masks)] -= 1.0
    order = rng.permutation(len(rows))
    layout = Layout.of(code, rows[order])
    assert layout.bits == 3
    np.testing.assert_allclose(layout.bins(told[order]), plain, atol=1e-12)


def test_the_largest_complete_design_is_taken() -> None:
    code = MaskCode.drawn(25, np.random.default_rng(0))
    masks = masks_of(code, 5)
    assert Layout.of(code, masks).bits == 5
    assert Layout.of(code, masks[:-1]).bits == 4


def test_masks_that_are_not_of_the_design_are_refused() -> None:
    code = MaskCode.drawn(25, np.random.default_rng(0))
    with pytest.raises(BadInput, match="not all 168 of the smallest coded design"):
        Layout.of(code, masks_of(code, 1)[:-1])
    others = np.random.default_rng(1).random((2000, 25)) < 0.5
    with pytest.raises(BadInput, match="smallest coded design"):
        Layout.of(code, others)


def test_the_calls_that_are_told_are_those_of_the_masks() -> None:
    for n in (8, 40, 100):
        code = MaskCode.drawn(n, np.random.default_rng(n))
        first = list(islice(coded(code), code.calls(4)))
        assert len(first) == code.calls(4)
        # the offsets are in every group
        assert len(set(first)) <= code.calls(4) - 2 * len(code.offsets)
