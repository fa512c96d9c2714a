"""Small games, and tables of their indices, for the tests of this folder."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from interplay.interactions import Interactions
from interplay.spectrum import Spectrum

NAMES = ("not", "so, so", "=bad", "🎬", "film\n", "twice", "twice")
SHARED = {"SII": 3, "k-SII": 3, "BII": 3, "STII": 3, "FSII": 3, "FBII": 3, "SV": 1, "BV": 1}
"""Indices that shapiq has too, and an order to ask for."""


class Game:
    """A complete game: the same numbers as a function of masks and as a spectrum."""

    def __init__(self, n: int, seed: int) -> None:
        self.n = n
        self.values = np.random.default_rng(seed).normal(1.0, 2.0, 2**n)
        self.spectrum = Spectrum.from_values(self.values, n, features=NAMES[:n])

    def __call__(self, masks: NDArray[np.bool_]) -> NDArray[np.float64]:
        rows = np.asarray(masks, dtype=np.int64) @ (1 << np.arange(self.n))
        return self.values[rows]


@st.composite
def tables(draw: st.DrawFn) -> Interactions:
    """Tables that shapiq can hold, without stored zeros; errors all 0 or unknown."""
    index = draw(st.sampled_from([*SHARED, "Moebius"]))
    n = draw(st.integers(1 if index in ("SV", "BV") else 2, 7))
    # of order 1 shapiq calls an index SV or BV
    order = 1 if index in ("SV", "BV") else draw(st.integers(2, n))
    sets = st.frozensets(st.integers(0, n - 1), min_size=1, max_size=order)
    terms = {(), *(tuple(sorted(t)) for t in draw(st.sets(sets, max_size=10)))}
    numbers = st.floats(-1e100, 1e100).filter(bool)
    values = {t: draw(numbers) for t in sorted(terms, key=lambda t: (len(t), t))}
    errors = dict.fromkeys(values, 0.0) if draw(st.booleans()) else None
    return Interactions(values, index, order, NAMES[:n], errors)
