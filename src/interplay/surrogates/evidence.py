"""The rows that a fit is given, how much each counts, and how well the fit predicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from interplay.errors import BadInput
from interplay.metrics import NOTHING_BUT_NOISE, Estimate, faithfulness, r_squared
from interplay.packing import pack
from interplay.surrogates.base import Surrogate
from interplay.surrogates.exact import Exact
from interplay.surrogates.sample import Sample
from interplay.value_function import BoolArray, FloatArray, check_masks, check_values


class TestedDesign(Protocol):
    """A mask design that set uniform masks aside for the evidence: ``masks[test]``."""

    __test__: ClassVar[bool] = False  # its name is no test of pytest's

    @property
    def masks(self) -> BoolArray: ...

    @property
    def test(self) -> BoolArray: ...


@dataclass(frozen=True)
class Rows:
    """Checked rows: masks ``(m, n)``, values ``(m, q)``, noise ``(m, q)``, weights ``(m,)``."""

    masks: BoolArray
    values: FloatArray
    noise_var: FloatArray | None
    weights: FloatArray | None

    @classmethod
    def checked(
        cls, masks: object, values: object, noise_var: ArrayLike | None, weights: ArrayLike | None
    ) -> Rows:
        """Return what a user gave, or raise :class:`BadInput`."""
        masks = check_masks(masks)
        m = len(masks)
        table = check_values(values, m)
        table = table.reshape(m, -1) if m else table.reshape(0, 1)
        noise = None if noise_var is None else _noise(noise_var, table.shape)
        if weights is None:
            return cls(masks, table, noise, None)
        counts = _at_least_zero(weights, m, "weights")
        if counts.shape != (m,):
            raise BadInput(f"weights must have shape ({m},), one per row; got {counts.shape}")
        if not counts.any():
            raise BadInput("weights are all 0: no row takes part")
        rows = cls(masks, table, noise, counts).take(counts > 0)
        assert rows.weights is not None
        # equal weights are no weights
        equal = bool((rows.weights == rows.weights[0]).all())
        return cls(rows.masks, rows.values, rows.noise_var, None) if equal else rows

    def take(self, rows: NDArray[Any]) -> Rows:
        """Return some of the rows."""
        noise, weights = (
            None if part is None else part[rows] for part in (self.noise_var, self.weights)
        )
        return Rows(self.masks[rows], self.values[rows], noise, weights)

    def sorted(self) -> Rows:
        """Return the rows in an order that does not depend on the one they came in."""
        return self.take(np.lexsort((*self.values.T[::-1], *pack(self.masks).T)))

    def set_aside(self, design: TestedDesign) -> tuple[Rows, Rows | None]:
        """Part the rows whose mask the design has set aside; None where there are none."""
        test = np.asarray(design.test, dtype=np.bool_)
        held = {mask.tobytes() for mask in np.packbits(design.masks[test], axis=1)}
        aside = np.array([mask.tobytes() in held for mask in np.packbits(self.masks, axis=1)], bool)
        return self.take(~aside), self.take(aside) if aside.any() else None

    def noise(self, j: int) -> FloatArray | None:
        """The noise of one target."""
        return None if self.noise_var is None else self.noise_var[:, j]


def _noise(given: ArrayLike, shape: tuple[int, ...]) -> FloatArray:
    m, q = shape
    noise = _at_least_zero(given, m, "noise_var", scalar=True)
    if noise.ndim == 1:
        noise = noise[:, None]
    if noise.shape not in ((), (m, 1), (m, q)):
        raise BadInput(
            f"noise_var must be a number, or have shape ({m},) or ({m}, {q}); got {noise.shape}"
        )
    return np.broadcast_to(noise, (m, q)).copy()


def _at_least_zero(given: ArrayLike, m: int, name: str, *, scalar: bool = False) -> FloatArray:
    if scalar and np.ndim(given) == 0:
        array = check_values(np.reshape(given, 1), 1, source=name).reshape(())
    else:
        array = check_values(given, m, source=name)
    if (array < 0).any():
        raise BadInput(f"{name} must be at least 0; the least is {array.min()}")
    return array


def uneven_weights(
    sample: Sample, values: FloatArray, predicted: FloatArray, noise: FloatArray | None
) -> FloatArray | None:
    """Return how much rows of unequal noise count, 1 / (misfit + noise); None where all equal.

    The misfit is what held-out errors leave when the mean noise is taken off.
    """
    if noise is None or np.ptp(noise) <= 1e-9 * noise.max():
        return None
    tested = np.isfinite(predicted)
    errors = np.square(values - predicted)[tested]
    counts = sample.row_weights[tested]
    misfit = np.average(errors, weights=counts) - np.average(noise[tested], weights=counts)
    # never below a share of the error: weights without bound would trust a few rows alone
    misfit = max(float(misfit), 0.01 * float(errors.mean()), 1e-300)
    weights: FloatArray = sample.row_weights / (misfit + noise)
    return weights


def judge(
    fitted: Surrogate,
    sample: Sample,
    rows: Rows,
    aside: Rows | None,
    j: int,
    law: str,
    rng: np.random.Generator,
) -> None:
    """Give a fit its faithfulness, and sentences on the noise of its values."""
    values, noise = rows.values[:, j], rows.noise(j)
    noisy = noise is not None and bool(noise.any())
    if fitted.fitted_method == "exact":
        fitted.faithfulness = Estimate(1.0, 1.0, 1.0, "exact")
        if noise is not None and noisy:
            exact = getattr(fitted, "chosen", fitted)
            assert isinstance(exact, Exact)
            exact.with_noise(sample, noise)
            fitted.noise = (
                "Every mask was evaluated, but the values have noise (standard deviation "
                f"{np.sqrt(noise.mean()):.3g}): the error bars are what it leaves.",
            )
        return
    if aside is not None:
        values, noise, weights = aside.values[:, j], aside.noise(j), aside.weights
        predicted = fitted.predict(aside.masks)
    else:
        tested = np.isfinite(fitted.out_of_fold)
        values, predicted = values[tested], fitted.out_of_fold[tested]
        noise = None if noise is None else noise[tested]
        weights = None if rows.weights is None else rows.weights[tested]
    fitted.faithfulness = faithfulness(
        values, predicted, rng, distribution=law, noise_var=noise, weights=weights
    )
    if noise is not None and noisy and len(values):
        spread = float(np.average(np.square(values - np.average(values, weights=weights)),
                                  weights=weights))  # fmt: skip
        share = float(np.average(noise, weights=weights)) / spread if spread else 1.0
        fitted.noise = (
            f"Noise makes up {100 * min(share, 1):.0f} % of the variance of the values; it is "
            f"taken off the evidence. With it, R² is {r_squared(values, predicted):.2f}."
            if share < NOTHING_BUT_NOISE
            else "The values are hardly more than noise: more replicates, or more prompts, would "
            "tell whether there is anything to explain.",
        )
