"""By how much runs of one value function vary, and whether their error bars cover that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from interplay.comparison.differences import coefficients_of
from interplay.comparison.words import listed
from interplay.explanation import Explanation
from interplay.numbers import Scale, count
from interplay.packing import canonical_key

LITTLE, MUCH = 0.5, 1.5
"""Ratios between these are what error bars say; a reduced chi-square is 1 where they are right."""


@dataclass(frozen=True)
class Spread:
    """How runs that evaluated the same value function differ from each other.

    Attributes
    ----------
    runs
        their names.
    differ_in
        names of the settings in which they differ; nothing but ``"seed"`` where it is the seed.
    deviation
        of a main effect from run to run: the median of the standard deviations.
    error
        what the runs say that it should be: the median of their standard errors.
    ratio
        mean over all terms of the variance between the runs over the mean of their squared standard
        errors: about 1 where error bars are right, more where they are too narrow.
    terms
        how many terms every run lists with an error.
    """

    runs: tuple[str, ...]
    differ_in: tuple[str, ...]
    deviation: float
    error: float
    ratio: float
    terms: int

    @property
    def sentence(self) -> str:
        """What this says, in words."""
        scale = Scale.of([self.deviation, self.error])
        settings = listed(self.differ_in) or "nothing that they tell of"
        told = (
            f"From run to run ({count(len(self.runs), 'run')} of one value function, which differ "
            f"in {settings}) a main effect varies by {scale.plain(self.deviation)} "
            f"(median standard deviation; the error bars say {scale.plain(self.error)}). "
        )
        ratio = f"the variance is {self.ratio:.2f} times what they say, over {self.terms} terms"
        if self.ratio > MUCH:
            told += (
                f"That is more than the error bars cover: {ratio}, so multiply them by "
                f"{np.sqrt(self.ratio):.1f}."
            )
        elif self.ratio < LITTLE:
            told += f"The error bars cover that, and more: {ratio}."
        else:
            told += f"The error bars cover that: {ratio}."
        return f"{told} What all the runs get wrong alike does not show here."

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able mapping."""
        told = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
        return told | {"sentence": self.sentence}


def spread(runs: Mapping[str, Explanation], differ_in: Sequence[str]) -> Spread | None:
    """Return how runs of the same features vary; None where they share no term with an error.

    Parameters
    ----------
    runs
        two or more, by name, each with the target shown that is compared.
    differ_in
        the settings that are not the same in all.
    """
    terms = sorted({t for run in runs.values() for t in run.spectrum.terms if t}, key=canonical_key)
    known = [coefficients_of(run, terms) for run in runs.values()]
    values = np.array([one.values for one in known])
    errors = np.array([one.errors for one in known])
    # terms that some runs leave out are the weak ones: their errors say little of the others'
    usable = np.array([one.listed for one in known]).all(axis=0)
    usable &= np.isfinite(errors).all(axis=0) & (errors > 0).all(axis=0)
    if not usable.any():
        return None
    between = values.var(axis=0, ddof=1)
    said = np.square(errors).mean(axis=0)
    alone = np.array([len(term) == 1 for term in terms]) & usable
    shown = alone if alone.any() else usable
    return Spread(
        runs=tuple(runs),
        differ_in=tuple(differ_in),
        deviation=2 * float(np.median(np.sqrt(between[shown]))),
        error=2 * float(np.median(np.sqrt(said[shown]))),
        ratio=float((between[usable] / said[usable]).mean()),
        terms=int(usable.sum()),
    )
