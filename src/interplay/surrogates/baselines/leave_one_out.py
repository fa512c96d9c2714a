"""``"leave-one-out"``: what the value falls by when one feature is taken from the full mask."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from interplay.errors import BadInput
from interplay.packing import pack_terms
from interplay.spectrum import Spectrum
from interplay.surrogates.base import SparseSurrogate
from interplay.surrogates.exact import MAX_FEATURES
from interplay.surrogates.sample import Sample
from interplay.value_function import FloatArray

SHOWN = 8
"""Most features that a message names."""


class LeaveOneOut(SparseSurrogate):
    """The additive model through the full mask and all that lack one feature.

    ``f(full) - sum over deleted i of (f(full) - f(full without i))``. All other rows are evidence:
    the model has not seen them. Standard errors are those of the noise; without it they are 0, for
    these effects are measured, not estimated (they are effects at the full mask, not averages).
    """

    method: ClassVar[str] = "leave-one-out"

    @classmethod
    def check_run(cls, n: int, most: int) -> None:
        if n > MAX_FEATURES or most < 2**n:
            raise BadInput(
                'method "leave-one-out" needs the masks that lack one feature, and a run draws '
                "uniform ones: evaluate them yourself (the full mask, and ~numpy.eye(n, "
                "dtype=bool)), and use fit"
            )

    @classmethod
    def fit_targets(
        cls, sample: Sample, values: FloatArray, rng: np.random.Generator
    ) -> list[Self]:
        place = _places(sample)
        used = place >= 0
        size, n = sample.n + 1, sample.n
        at, weights = place[used], sample.weights[used]
        total = np.bincount(at, weights, size)
        # from values at (full, full without 0, ..., without n-1) to coefficients
        to_coefficients = np.zeros((size, size))
        to_coefficients[0, 0], to_coefficients[0, 1:] = 1.0 - n / 2, 0.5
        to_coefficients[1:, 0], to_coefficients[1:, 1:] = -0.5, 0.5 * np.eye(n)
        packed = pack_terms([(), *((i,) for i in range(n))], n)
        fits = []
        for j, column in enumerate(values.T):
            met = np.bincount(at, weights * column[used], size) / total
            noise = np.zeros(size)
            if sample.noise is not None:
                left = np.square(weights) * sample.noise[used, j]
                noise = np.bincount(at, left, size) / np.square(total)
            fitted = cls()
            fitted.series = _with_effects(
                Spectrum.from_packed(
                    packed,
                    # differences first: a large constant must not swallow small effects
                    np.concatenate(
                        [[met[0] - 0.5 * (met[0] - met[1:]).sum()], -0.5 * (met[0] - met[1:])]
                    ),
                    n,
                    standard_errors=np.sqrt(np.square(to_coefficients) @ noise),
                )
            )
            fitted.out_of_fold = fitted.series.predict(sample.masks)
            fitted.out_of_fold[used | (sample.folds < 0)] = np.nan
            fits.append(fitted)
        return fits

    def diagnostics(self) -> list[str]:
        return [
            *super().diagnostics(),
            "Leave-one-out: each effect is what the value falls by when that feature alone is "
            "deleted; the faithfulness is that of adding them up.",
        ]


def _with_effects(series: Spectrum) -> Spectrum:
    """Return the series without the terms that are exactly nothing, as a constant game has."""
    if series.standard_errors is None or (series.coefficients[1:] != 0).any():
        return series
    return series.truncate(1) if not series.standard_errors.any() else series


def _places(sample: Sample) -> NDArray[np.intp]:
    """Return 0 for the full mask, 1 + i for the one that lacks i alone, -1 for others, ``(m,)``."""
    n = sample.n
    deleted = n - sample.masks.sum(axis=1)
    place = np.full(len(sample.masks), -1)
    place[deleted == 0] = 0
    single = deleted == 1
    place[single] = 1 + np.argmin(sample.masks[single], axis=1)
    absent = np.setdiff1d(np.arange(n + 1), place)
    if len(absent):
        without = (absent[absent > 0] - 1).tolist()
        missing = ["the full mask"] if absent[0] == 0 else []
        if without:
            shown = ", ".join(map(str, without[:SHOWN])) + (", ..." if len(without) > SHOWN else "")
            missing.append(
                f"{len(without)} of the {n} masks that lack one feature (of features {shown})"
            )
        raise BadInput(
            f'method "leave-one-out" needs the full mask and every mask that lacks one feature; '
            f"missing: {', and '.join(missing)}. Evaluate them; the latter are "
            f"~numpy.eye({n}, dtype=bool)"
        )
    return place
