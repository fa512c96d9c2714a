"""``"kernel-shap"``, ``"faith-shap-2"``, ``"faith-shap-3"``: least squares with Shapley's kernel.

The approximation of order k that is best by Shapley's kernel, and meets the full and the empty mask
exactly, has the Faith-Shap interactions as its coefficients (Tsai, Yeh and Ravikumar, 2023); that
of order 1 has the Shapley values (Charnes et al., 1988; Lundberg and Lee, 2017).

Rows are taken for uniform masks: each stands for its like, and counts by the kernel of its mask.
Masks of another law need ``weights``, one over the probability of each, to stand for uniform ones.
"""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np

from interplay.packing import PackedArray, orders
from interplay.spectrum import Spectrum
from interplay.surrogates.baselines.kernels import shapley_kernel
from interplay.surrogates.baselines.low_order import Frame, LowOrder
from interplay.surrogates.baselines.required import find_ends, mean_of
from interplay.surrogates.sample import Sample, mean_one
from interplay.value_function import BoolArray, FloatArray
from interplay.walsh import parities


class KernelShap(LowOrder):
    """Least squares of order 1 with Shapley's kernel, exact at the full and the empty mask.

    At the empty mask every parity is +1, at the full one those of odd order are -1. So, with
    f0 and f1 the values there, the two conditions part even from odd terms:

        sum of even F = (f0 + f1) / 2        sum of odd F = (f0 - f1) / 2

    The constant takes what the other even terms leave. The odd ones share their sum equally, and
    what is fitted to each is its deviation from that share: deviations that sum to 0 are those of
    parities less the mean of all odd parities of the mask.
    """

    method: ClassVar[str] = "kernel-shap"
    about: ClassVar[str] = (
        "KernelSHAP: least squares on single features with Shapley's kernel, exact at the full and "
        'the empty mask; spectrum.interactions("SV") estimates Shapley values.'
    )

    @classmethod
    def kernel(cls, masks: BoolArray) -> FloatArray:
        return mean_one(shapley_kernel(masks))

    @classmethod
    def fit_targets(
        cls, sample: Sample, values: FloatArray, rng: np.random.Generator
    ) -> list[Self]:
        ends = find_ends(sample, cls.method)
        fits = super().fit_targets(sample, values, rng)
        if sample.n == 1:  # the two ends are all there is
            for fitted, column in zip(fits, values.T, strict=True):
                game = [mean_of(sample, column, ends.empty), mean_of(sample, column, ends.full)]
                fitted.series = Spectrum.from_values(game, 1)
                fitted.out_of_fold = np.full(len(column), np.nan)
        return fits

    @classmethod
    def frame(cls, sample: Sample, packed: PackedArray, targets: list[FloatArray]) -> Frame:
        ends = find_ends(sample, cls.method)
        values = np.array(
            [[mean_of(sample, y, ends.empty), mean_of(sample, y, ends.full)] for y in targets]
        )
        even_sum, odd_sum = values.mean(axis=1), (values[:, 0] - values[:, 1]) / 2
        columns = parities(sample.masks, packed)
        odd = orders(packed) % 2 == 1
        shared = columns[:, odd].mean(axis=1)
        columns[:, odd] -= shared[:, None]
        return Frame(
            columns,
            (~odd).astype(np.float64),
            even_sum,
            np.outer(odd_sum / odd.sum(), odd),
            even_sum[:, None] + np.outer(odd_sum, shared),
            1.0 - odd / odd.sum(),
        )


class FaithShap2(KernelShap):
    """Faith-Shap of order 2, with a ridge by cross-validation where masks are missing."""

    method: ClassVar[str] = "faith-shap-2"
    order: ClassVar[int] = 2
    about: ClassVar[str] = (
        "Least squares on every single feature and pair with Shapley's kernel, exact at the full "
        'and the empty mask: spectrum.interactions("FSII", order=2) estimates the Faith-Shap '
        "interactions of order 2."
    )


class FaithShap3(FaithShap2):
    """Faith-Shap of order 3, with a ridge by cross-validation where masks are missing."""

    method: ClassVar[str] = "faith-shap-3"
    order: ClassVar[int] = 3
    about: ClassVar[str] = (
        "Least squares on every single feature, pair and triple with Shapley's kernel, exact at "
        'the full and the empty mask: spectrum.interactions("FSII", order=3) estimates the '
        "Faith-Shap interactions of order 3."
    )
