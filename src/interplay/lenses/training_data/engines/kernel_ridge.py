"""Kernel ridge regression onto labels, exact for every subset of the examples."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.spatial.distance import cdist

from interplay.errors import BadInput, check_whole, unknown
from interplay.lenses.training_data.dataset import Dataset, IntArray
from interplay.lenses.training_data.engines.engine import Retrainer, Trainer, check_positive
from interplay.lenses.training_data.engines.least_squares import Array, Downdates, dual, pairs
from interplay.surrogates.parallel import in_parallel, single_threaded
from interplay.value_function import BoolArray, FloatArray

KERNELS: Final = ("rbf", "linear", "polynomial")

LARGEST: Final = 16384
"""Examples: the matrix of their pairs takes 2 GiB."""

SAMPLED: Final = 1000
"""Examples among which the median distance is sought."""


class KernelRidge(Trainer):
    """Kernel ridge regression onto one-hot labels, or onto numbers; without an intercept.

    Parameters
    ----------
    kernel : str
        ``"rbf"``: ``exp(-|x - z|^2 / (2 bandwidth^2))``. ``"polynomial"``:
        ``(1 + x z / bandwidth^2)^degree``. ``"linear"``: ``x z``.
    penalty : float
        Added to the diagonal of the kernel matrix.
    bandwidth : float, optional
        By default, of rbf the median distance between examples, of polynomial their median norm;
        over all of them, kept or not (of more than 1000, over 1000 that are evenly spread).
    degree : int
        Of the polynomial.

    Raises
    ------
    BadInput
        If an option is none of these; when bound, of more examples than 16384.

    Notes
    -----
    Coefficients are ``(K + penalty)^-1 y`` over the kept examples, by Cholesky, or by a downdate of
    the inverse for all of them where that costs less: see
    :class:`~interplay.lenses.training_data.engines.least_squares.Downdates`.

    Examples
    --------
    >>> data = Dataset.of((np.arange(4.0)[:, None], [0.0, 1.0, 0.0, 1.0]))
    >>> retrain = KernelRidge(penalty=1e-3, bandwidth=0.5).bind(data, data.take([1]))
    >>> kept = np.array([[True, True, True, True], [True, False, True, True]])
    >>> retrain(kept, np.zeros(2, dtype=np.int64)).round(2).tolist()
    [[[1.0]], [[-0.02]]]
    """

    scale = "predictions"
    regresses = True

    def __init__(
        self,
        kernel: str = "rbf",
        *,
        penalty: float = 1.0,
        bandwidth: float | None = None,
        degree: int = 3,
    ) -> None:
        if kernel not in KERNELS:
            raise unknown("kernel", kernel, KERNELS)
        if kernel == "linear" and bandwidth is not None:
            raise BadInput("bandwidth is for kernels rbf and polynomial; the linear one has none")
        self.name = f"{kernel} kernel ridge"
        self.kernel, self.penalty = kernel, check_positive("penalty", penalty)
        self.bandwidth = None if bandwidth is None else check_positive("bandwidth", bandwidth)
        self.degree = check_whole("degree", degree, 1)

    def identity(self) -> dict[str, Any]:
        return self.arguments()

    def arguments(self) -> dict[str, Any]:
        return {
            "trainer": "kernel-ridge",
            "kernel": self.kernel,
            "penalty": self.penalty,
            "bandwidth": self.bandwidth,
            "degree": self.degree,
        }

    def bind(self, data: Dataset, tests: Dataset) -> Retrainer:
        if len(data) > LARGEST:
            raise BadInput(
                f"kernel ridge holds a matrix of all pairs of examples, at most {LARGEST} of them; "
                f"got {len(data)}: use ridge on features, or fewer examples"
            )
        return BoundKernelRidge(self, data, tests)

    def products(self, x: FloatArray, z: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the kernel among rows x, ``(N, N)``, and of rows z with x, ``(t, N)``."""
        if self.kernel == "linear":
            return x @ x.T, z @ x.T
        some = x[np.linspace(0, len(x) - 1, min(len(x), SAMPLED)).round().astype(np.int64)]
        if self.kernel == "polynomial":
            width = self.bandwidth or float(np.median(np.linalg.norm(some, axis=1))) or 1.0
            return tuple((1 + one @ x.T / width**2) ** self.degree for one in (x, z))  # type: ignore[return-value]
        apart = cdist(some, some)[np.triu_indices(len(some), 1)]
        width = self.bandwidth or (float(np.median(apart)) if len(apart) else 0.0) or 1.0
        among, across = (np.exp(-cdist(one, x, "sqeuclidean") / (2 * width**2)) for one in (x, z))
        return among, across


class BoundKernelRidge:
    """Kernel ridge regression that knows its examples; made by :meth:`KernelRidge.bind`."""

    def __init__(self, trainer: KernelRidge, data: Dataset, tests: Dataset) -> None:
        self.penalty, self.y = trainer.penalty, data.targets
        self.gram, self.across = trainer.products(data.features, tests.features)
        self.batch_size = 128

    @single_threaded
    def __call__(self, kept: BoolArray, seeds: IntArray) -> FloatArray:
        found = np.empty((len(kept), len(self.across), self.y.shape[1]))
        some = kept.sum(axis=1).astype(np.float64)
        costs = some**3, (len(self.gram) - some) ** 3  # operations of both ways, but for a factor
        few = costs[0] <= costs[1]
        jobs: list[IntArray] = list(np.flatnonzero(few)[:, None])
        if not few.all():
            left = np.flatnonzero(~few)
            jobs += [left[rows] for rows in self._downdates.group(~kept[left])]

        def solve(rows: IntArray) -> Array:
            if few[rows[0]]:
                return self._dual(np.flatnonzero(kept[rows[0]]))[None]
            return self._downdates(~kept[rows])

        flops = np.minimum(*costs).sum() / 3
        solved = in_parallel(solve, [(rows,) for rows in jobs], rows=int(flops / 1e5))
        for rows, scores in zip(jobs, solved, strict=True):
            found[rows] = scores.transpose(0, 2, 1)
        return found

    def _dual(self, places: IntArray) -> Array:
        """Scores ``(c, t)`` of the model that is fitted to some examples."""
        gram = pairs(self.gram, places[None])[0]
        coefficients, _ = dual(gram, self.y[places], self.penalty, intercept=False)
        return coefficients.T @ self.across[:, places].T

    @cached_property
    def _downdates(self) -> Downdates:
        N = len(self.gram)
        try:
            factor = cho_factor(self.gram + self.penalty * np.eye(N), lower=True)
        except np.linalg.LinAlgError as error:
            raise BadInput(
                f"penalty {self.penalty:g} is too small: the kernel matrix of all examples is "
                "singular to rounding"
            ) from error
        inverse = cho_solve(factor, np.eye(N))
        coefficients = inverse @ self.y
        return Downdates(
            (self.across @ coefficients).T,
            inverse @ self.across.T,
            coefficients,
            lambda places: pairs(inverse, places),
        )
