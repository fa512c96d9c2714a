"""The parity-product kernel: a prior over all 2^n Walsh coefficients with a relevance per feature.

With masks as signs z = 1 - 2x in {-1, +1}^n,

    k(z, z') = constant
             + linear  * sum_i lambda_i z_i z'_i / sum_i lambda_i
             + product * P(z, z')
             + coupled * P(z, z') * exp(-(d'(z - z'))^2 / 2)

    P(z, z') = prod_i (1 + rho_i z_i z'_i) / (1 + rho_i) = exp(-sum_i lambda_i [z_i != z'_i]),
    rho_i = tanh(lambda_i / 2)

P is a prior in which the variance of F(S) is proportional to prod_{i in S} rho_i: hierarchical, of
low order, and sparse in features. The last part knows that a model's output often depends on how
strong the input is *as a whole*: two masks count as alike where they agree in their features and in
the score d'z, so that effects may differ between weak and strong inputs (saturation, thresholds).
Together the exponents are a Gaussian kernel with a metric of rank one plus diagonal. d points along
the main effects that the first three parts found: its length is the one number that is fitted.

Everything stays in closed form, because exp(-t^2 / 2) is a mean of cosines, and a cosine of d'z is
a product over features: see :mod:`interplay.surrogates.parity_gp.product`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from interplay.value_function import FloatArray

ROWS_AT_A_TIME = 512


@dataclass(frozen=True, eq=False)
class Kernel:
    """A kernel for values of mean 0 and variance 1.

    Attributes
    ----------
    relevances
        lambda, float64 ``(n,)``, positive.
    direction
        d, float64 ``(n,)``; zeros where nothing is coupled.
    constant, linear, product, coupled
        variances of the parts.
    noise
        variance of what the parts do not explain, for a row of weight 1.
    """

    relevances: FloatArray
    direction: FloatArray
    constant: float
    linear: float
    product: float
    coupled: float
    noise: float

    @property
    def n(self) -> int:
        """Number of features."""
        return len(self.relevances)

    @property
    def correlations(self) -> FloatArray:
        """rho, ``(n,)``: by which factor the prior variance falls with each feature of a set."""
        rho: FloatArray = np.tanh(self.relevances / 2)
        return rho

    @property
    def linear_shares(self) -> FloatArray:
        """Share of each feature in the linear part, ``(n,)``."""
        shares: FloatArray = self.relevances / self.relevances.sum()
        return shares

    def __call__(self, left: FloatArray, right: FloatArray) -> FloatArray:
        """Return the kernel between signs ``(a, n)`` and ``(b, n)``: ``(a, b)``.

        Filled in blocks of rows, so that little beside the result is held.
        """
        result = np.empty((len(left), len(right)))
        scores = right @ self.direction
        for start in range(0, len(left), ROWS_AT_A_TIME):
            rows = left[start : start + ROWS_AT_A_TIME]
            log_product, product = products(rows, right, self.relevances)
            block = result[start : start + ROWS_AT_A_TIME]
            np.multiply(log_product, 2 * self.linear / self.relevances.sum(), out=block)
            block += self.linear + self.constant
            if self.coupled:
                alike = (rows @ self.direction)[:, None] - scores
                np.square(alike, out=alike)
                np.exp(-0.5 * alike, out=alike)
                alike *= self.coupled
                alike += self.product
                product *= alike
            else:
                product *= self.product
            block += product
        return result


def products(
    left: FloatArray, right: FloatArray, relevances: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return log P and P between signs ``(a, n)`` and ``(b, n)``."""
    log_product = (left * (relevances / 2)) @ right.T
    log_product -= relevances.sum() / 2
    return log_product, np.exp(log_product)
