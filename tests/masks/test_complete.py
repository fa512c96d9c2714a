"""All masks of a small game, in canonical order."""

from __future__ import annotations

import numpy as np
import pytest

from interplay import masks
from interplay.errors import BadInput


@pytest.mark.parametrize("n", [1, 2, 3, 8, 9, 12])
def test_row_k_is_the_mask_with_the_bits_of_k(n: int) -> None:
    rows = masks.all_masks(n)
    assert rows.shape == (2**n, n)
    assert rows.dtype == np.bool_
    for k in (0, 1, 2**n // 3, 2**n - 1):
        assert [bool(k >> i & 1) for i in range(n)] == rows[k].tolist()
    assert len(np.unique(rows, axis=0)) == 2**n


def test_the_order_is_the_one_of_the_recorded_games() -> None:
    rows = masks.all_masks(5)
    np.testing.assert_array_equal(rows @ (1 << np.arange(5)), np.arange(32))


@pytest.mark.parametrize("n", [0, -1, 21, 64])
def test_n_out_of_range(n: int) -> None:
    with pytest.raises(BadInput, match=rf"n must be between 1 and 20 .* got {n}.*uniform\(n, m"):
        masks.all_masks(n)
