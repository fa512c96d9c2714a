"""How alike two fitted functions are as a whole."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from interplay.comparison.alignment import Alignment
from interplay.explanation import Explanation
from interplay.metrics import Estimate, rank_correlation
from interplay.packing import Term

TOP: Final = 10
"""Of how many strongest terms the overlap is counted."""


@dataclass(frozen=True)
class Likeness:
    """Numbers on how alike the spectra of two runs are; None where there is nothing to compare.

    Attributes
    ----------
    correlation
        of the predictions over uniform masks of the shared features, the others averaged over.
    expected
        what two independent fits of one and the same function would come to that are as faithful as
        these: the root of the product of both R². Fits that err alike come to more.
    ratio
        standard deviation of the second's predictions over that of the first's, on these masks.
    shared_variance
        the part of each spectrum's variance that its terms of shared features carry.
    top, top_of
        so many of the strongest terms of each are the same, of so many.
    rank_correlation
        Spearman's, of the main effects of the shared features.
    """

    correlation: float | None
    expected: float | None
    ratio: float | None
    shared_variance: tuple[float | None, float | None]
    top: int
    top_of: int
    rank_correlation: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able mapping."""
        return asdict(self) | {"shared_variance": list(self.shared_variance)}


def likeness(first: Explanation, second: Explanation, alignment: Alignment) -> Likeness:
    """Return how alike two runs are, each with the target shown that is compared."""
    mine = _shared(first.spectrum.terms, alignment.from_first)
    others = _shared(second.spectrum.terms, alignment.from_second)
    a, b = (math.sqrt(math.fsum(f * f for f in terms.values())) for terms in (mine, others))
    product = math.fsum(f * others[term] for term, f in mine.items() if term in others)
    tops = [
        {renamed(found.features) or (found.features, side) for found in run.top(TOP)}
        for side, (run, renamed) in enumerate(
            ((first, alignment.from_first), (second, alignment.from_second))
        )
    ]
    effects = [
        run.spectrum.main_effects[list(features)]
        for run, features in ((first, alignment.first), (second, alignment.second))
    ]
    ranks = rank_correlation(*effects)
    return Likeness(
        correlation=min(max(product / (a * b), -1.0), 1.0) if a and b else None,
        expected=_expected(first.faithfulness, second.faithfulness),
        ratio=b / a if a and b else None,
        shared_variance=(
            a * a / first.spectrum.variance if first.spectrum.variance else None,
            b * b / second.spectrum.variance if second.spectrum.variance else None,
        ),
        top=len(tops[0] & tops[1]),
        top_of=max(map(len, tops)),
        rank_correlation=None if np.isnan(ranks) else ranks,
    )


def _shared(terms: Mapping[Term, float], renamed: Any) -> dict[Term, float]:
    """The terms of shared features, which are numbered alike in both runs; no constant."""
    found = {renamed(term): coefficient for term, coefficient in terms.items() if term}
    return {term: coefficient for term, coefficient in found.items() if term is not None}


def _expected(first: Estimate, second: Estimate) -> float | None:
    shares = (first.value, second.value)
    if not all(math.isfinite(share) and share > 0 for share in shares):
        return None
    return math.sqrt(shares[0] * shares[1])
