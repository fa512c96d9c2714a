"""Masks that a method cannot do without."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from interplay.errors import BadInput
from interplay.surrogates.sample import Sample
from interplay.value_function import FloatArray


class Ends(NamedTuple):
    """Which rows ``(m,)`` are the full mask, and which the empty one."""

    full: NDArray[np.bool_]
    empty: NDArray[np.bool_]


def find_ends(sample: Sample, method: str) -> Ends:
    """Return the rows of the full and the empty mask, or raise :class:`BadInput`."""
    kept = sample.masks.sum(axis=1)
    ends = Ends(kept == sample.n, kept == 0)
    missing = [name for name, rows in ends._asdict().items() if not rows.any()]
    if missing:
        masks = " and the ".join(missing)
        raise BadInput(
            f'method "{method}" meets the values of the full and the empty mask exactly; the '
            f"{masks} mask {'is' if len(missing) == 1 else 'are'} not among the "
            f"{len(sample.masks)} rows. Evaluate what is missing, and give it too"
        )
    return ends


def mean_of(sample: Sample, values: FloatArray, rows: NDArray[np.bool_]) -> float:
    """Return the weighted mean of the values of some rows: one value of a mask given repeatedly."""
    return float(np.average(values[rows], weights=sample.weights[rows]))
