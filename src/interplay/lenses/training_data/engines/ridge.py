"""Ridge regression onto labels, exact for every subset of the examples."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, Final

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from interplay.errors import BadInput, unknown
from interplay.lenses.training_data.dataset import Dataset, IntArray
from interplay.lenses.training_data.engines.conjugate import Apply, conjugate_gradients
from interplay.lenses.training_data.engines.engine import Retrainer, Trainer, check_positive
from interplay.lenses.training_data.engines.least_squares import (
    Array,
    Downdates,
    Products,
    dual,
    positive_solve,
)
from interplay.surrogates.parallel import in_parallel, single_threaded, workers
from interplay.value_function import BoolArray, FloatArray

SOLVERS: Final = ("auto", "primal", "dual", "downdate", "cg")
DTYPES: Final = ("float32", "float64")

HELD: Final = 1 << 22
"""Numbers in the largest array of a portion of subsets."""

TOGETHER: Final = 3
"""Subsets whose Gram matrices are made together."""

STEPS: Final = 1000
"""Of conjugate gradients; the example in the docs takes 40."""

FLOPS_A_ROW: Final = 1e5
"""What a row of a fit counts as, where it is asked whether threads are worth it."""


class Ridge(Trainer):
    """Ridge regression onto one-hot labels, or onto numbers.

    Parameters
    ----------
    penalty : float
        Times the sum of squared coefficients, added to the sum of squared errors over the kept
        examples, however many they are.
    intercept : bool
        Whether there is a constant, which is not penalised.
    dtype : str
        ``"float64"``, or ``"float32"``, in half of the time.
    solver : str
        ``"auto"``: for each subset the cheapest of the three that are exact. ``"primal"``: Cholesky
        of the Gram matrix of the features, summed over the kept rows, or over those left out and
        taken from the total. ``"dual"``: of the Gram matrix of the kept rows. ``"downdate"``: from
        the fit to all rows, by a system of as many equations as rows are left out. ``"cg"``:
        conjugate gradients on all subsets at once, from the fit to all rows and preconditioned by
        its factor.
    tolerance : float
        Of ``"cg"``: at which part of its first residual it stops.

    Raises
    ------
    BadInput
        If an option is none of these.

    Notes
    -----
    Coefficients are ``(X'X + penalty)^-1 X'y`` over the kept rows. The scores are predictions: of
    a class of which no example is kept they are 0. A subset whose system is singular to rounding,
    or on which conjugate gradients do not arrive, is NaN.

    Examples
    --------
    >>> data = Dataset.of((np.arange(4.0)[:, None], [0.0, 1.0, 2.0, 3.5]))
    >>> retrain = Ridge(penalty=1e-6).bind(data, data.take([3]))
    >>> kept = np.array([[True, True, True, True], [True, True, True, False]])
    >>> retrain(kept, np.zeros(2, dtype=np.int64)).round(3).tolist()
    [[[3.35]], [[3.0]]]
    """

    name, scale = "ridge", "predictions"
    regresses = True

    def __init__(
        self,
        penalty: float = 1.0,
        *,
        intercept: bool = True,
        dtype: str = "float64",
        solver: str = "auto",
        tolerance: float = 1e-6,
    ) -> None:
        self.penalty = check_positive("penalty", penalty)
        self.intercept = bool(intercept)
        if dtype not in DTYPES:
            raise unknown("dtype", dtype, DTYPES)
        if solver not in SOLVERS:
            raise unknown("solver", solver, SOLVERS)
        self.dtype, self.solver = dtype, solver
        self.tolerance = check_positive("tolerance", tolerance)

    def identity(self) -> dict[str, Any]:
        return self.arguments()

    def arguments(self) -> dict[str, Any]:
        return {
            "trainer": "ridge",
            "penalty": self.penalty,
            "intercept": self.intercept,
            "dtype": self.dtype,
            "solver": self.solver,
            "tolerance": self.tolerance,
        }

    def bind(self, data: Dataset, tests: Dataset) -> Retrainer:
        return BoundRidge(self, data, tests)


class BoundRidge:
    """Ridge regression that knows its examples and the tests; made by :meth:`Ridge.bind`.

    Inside, coefficients and scores are ``(m, q, ...)``: q labels, one less than there are classes
    where the last one's predictions are what the others leave of 1.
    """

    def __init__(self, ridge: Ridge, data: Dataset, tests: Dataset) -> None:
        self.ridge = ridge
        x, z, y = data.features, tests.features, data.targets
        self._offset = np.zeros(y.shape[1])
        if ridge.intercept:  # moving the origin changes nothing but the rounding
            centre, self._offset = x.mean(axis=0), y.mean(axis=0)
            x, z, y = x - centre, z - centre, y - self._offset
        if x.shape[1] > len(x):  # coefficients lie in the span of the rows: turn it onto N axes
            turn, rows = np.linalg.qr(x.T)
            x, z = rows.T, z @ turn
        self._summing = ridge.intercept and data.classes is not None and y.shape[1] > 1
        if self._summing:
            y = y[:, :-1]
        self._penalties = np.full(x.shape[1], ridge.penalty)
        if ridge.intercept:
            x, z = (np.concatenate([one, np.ones((len(one), 1))], axis=1) for one in (x, z))
            self._penalties = np.append(self._penalties, 0.0)
        self._exact = x  # float64, for what is computed once
        self.x, self.y, self.z = (np.ascontiguousarray(one, ridge.dtype) for one in (x, y, z))
        largest = self.y.size + len(z) * len(self._offset)
        self.batch_size = int(np.clip(4 * HELD // largest, 16, 1024))

    @single_threaded
    def __call__(self, kept: BoolArray, seeds: IntArray) -> FloatArray:
        found = np.empty((len(kept), len(self.z), len(self._offset)))
        ways = self.ways(kept)
        for solver in np.unique(ways):
            rows = np.flatnonzero(ways == solver)
            solve, portions, flops = self._work(str(solver), kept[rows])
            jobs = [(kept[rows[portion]],) for portion in portions]
            solved = in_parallel(solve, jobs, rows=int(flops / FLOPS_A_ROW))
            for portion, scores in zip(portions, solved, strict=True):
                q = scores.shape[1]
                found[rows[portion], :, :q] = scores.transpose(0, 2, 1)
        if self._summing:
            found[:, :, -1] = -found[:, :, :-1].sum(axis=2)
        return found + self._offset

    def ways(self, kept: BoolArray) -> NDArray[np.str_]:
        """Return the solver of each subset: the one with the fewest operations."""
        if self.ridge.solver != "auto":
            return np.full(len(kept), self.ridge.solver)
        costs = self._costs(kept)
        cheapest: NDArray[np.str_] = np.array(list(costs))[np.argmin(list(costs.values()), axis=0)]
        return cheapest

    def _costs(self, kept: BoolArray) -> dict[str, FloatArray]:
        """Floating-point operations; those of Cholesky count twice, for they run half as fast."""
        N, p = self.x.shape
        some = kept.sum(axis=1).astype(np.float64)
        left = N - some
        products = 0.0 if Products.fit(self.x) else 2.0 * p
        return {
            "primal": np.minimum(some, left) * p**2 + p**3 * 2 / 3,
            "dual": some**2 * (10 + products) + some**3 * 2 / 3,
            "downdate": left**2 * (10 + products) + left**3 * 2 / 3 + left * len(self.z),
        }

    def _work(
        self, solver: str, kept: BoolArray
    ) -> tuple[Callable[[BoolArray], Array], list[IntArray], float]:
        """Return what solves a portion of the subsets, the portions, and about its operations."""
        if solver == "downdate":
            portions = self._downdates.group(~kept)
            return self._downdated, portions, float(self._costs(kept)["downdate"].sum())
        N, p = self.x.shape
        most = max(1, min(HELD // max(1, self.y.size), -(-len(kept) // (2 * workers()))))
        portions = [np.arange(i, min(i + most, len(kept))) for i in range(0, len(kept), most)]
        if solver == "cg":
            _ = self._white
            return self._iterated, portions, 100.0 * N * p * self.y.shape[1] * len(kept)
        _ = self._inner if solver == "dual" else self._total
        solve = self._dual if solver == "dual" else self._primal
        return solve, portions, float(self._costs(kept)[solver].sum())

    def _primal(self, kept: BoolArray) -> Array:
        q, p = self.y.shape[1], self.x.shape[1]
        right = ((kept[:, None, :] * self.y.T).reshape(-1, len(self.x)) @ self.x).reshape(-1, q, p)
        found = np.empty_like(right)
        for start in range(0, len(kept), TOGETHER):
            grams = self._grams(kept[start : start + TOGETHER])
            for i, gram in enumerate(grams, start):
                np.einsum("ii->i", gram)[...] += self._penalties
                found[i] = positive_solve(gram, right[i].T).T
        return self._predicted(found)

    def _grams(self, kept: BoolArray) -> list[Array]:
        """Gram matrices of a few subsets ``(g, N)``, in Fortran order.

        Rows are summed by which of the subsets have them, and each of the ``2^g - 1`` sums is used
        in several: three random halves take 7/8 N rows together, where one by one they take 3/2 N.
        numpy computes half of a product of a matrix by its own transpose, as scipy's syrk does, and
        lets other threads work meanwhile, as scipy's does not.
        """
        many = 2 * kept.sum(axis=1) > kept.shape[1]
        codes = (1 << np.arange(len(kept))) @ (kept ^ many[:, None])  # of what is left out of many
        sums: dict[int, Array] = {}
        room = np.empty_like(self.x)  # used again: new memory costs as much as copying into it
        for code in range(1, 1 << len(kept)):
            places = np.flatnonzero(codes == code)
            rows = self.x.take(places, axis=0, out=room[: len(places)], mode="clip")
            part = (rows.T @ rows).T  # symmetric: the transpose is in Fortran order
            members = [i for i in range(len(kept)) if code >> i & 1]
            for i in members:
                if i in sums:
                    sums[i] += part
                else:  # the last that needs it may have it
                    sums[i] = part if i == members[-1] else part.copy(order="F")
        return [
            np.subtract(self._total, sums[i], out=sums[i]) if most else sums[i]
            for i, most in enumerate(many)
        ]

    def _dual(self, kept: BoolArray) -> Array:
        coefficients = np.zeros((len(kept), self.y.shape[1], len(self.x)), dtype=self.x.dtype)
        constants = np.zeros(coefficients.shape[:2], dtype=self.x.dtype)
        for i, row in enumerate(kept):
            places = np.flatnonzero(row)
            solved, constants[i] = dual(
                self._inner.among(places[None])[0],
                self.y[places],
                self.ridge.penalty,
                intercept=self.ridge.intercept,
            )
            coefficients[i][:, places] = solved.T
        found = coefficients @ self.x
        if self.ridge.intercept:
            found[..., -1] = constants
        return self._predicted(found)

    def _downdated(self, kept: BoolArray) -> Array:
        return self._downdates(~kept)

    def _iterated(self, kept: BoolArray) -> Array:
        white, tests = self._white
        q = self.y.shape[1]
        left = np.repeat(~kept, q, axis=0).astype(self.x.dtype)
        start = white.T @ self.y  # (p, q), the fit to all rows
        residuals = np.tile((self.y - white @ start).T, (len(kept), 1)) * left

        def systems(rows: IntArray) -> tuple[Apply, None]:
            own = left[rows]

            def apply(vectors: Array) -> Array:
                products = vectors @ white.T
                products *= own
                found: Array = vectors - products @ white
                return found

            return apply, None

        change, solved = conjugate_gradients(
            systems, residuals @ white, tolerance=self.ridge.tolerance, most=STEPS
        )
        change[~solved] = np.nan
        scores: Array = (start.T - change.reshape(-1, *start.T.shape)) @ tests.T
        return scores

    def _predicted(self, coefficients: Array) -> Array:
        """Scores ``(m, q, t)`` of coefficients ``(m, q, p)``, as one product."""
        m, q, p = coefficients.shape
        scores: Array = coefficients.reshape(m * q, p) @ self.z.T
        return scores.reshape(m, q, len(self.z))

    @cached_property
    def _total(self) -> Array:
        total: Array = np.asfortranarray(self._exact.T @ self._exact).astype(self.x.dtype)
        return total

    @cached_property
    def _inner(self) -> Products:
        return Products(self.x[:, : len(self._penalties) - self.ridge.intercept])

    @cached_property
    def _white(self) -> tuple[Array, Array]:
        """Rows and tests in coordinates in which the penalised Gram matrix of all rows is 1.

        The matrix of a subset is then 1 less the products of the rows that are left out, and its
        condition depends on the subset alone.
        """
        full = self._exact.T @ self._exact + np.diag(self._penalties)
        try:
            factor = scipy.linalg.cholesky(full, lower=True)
        except np.linalg.LinAlgError as error:
            raise BadInput(
                f"penalty {self.ridge.penalty:g} is too small for these features: their sums of "
                "squares are singular to rounding"
            ) from error
        both = np.concatenate([self._exact, self.z.astype(np.float64)])
        turned = scipy.linalg.solve_triangular(factor, both.T, lower=True).T
        turned = np.ascontiguousarray(turned, dtype=self.x.dtype)
        return turned[: len(self.x)], turned[len(self.x) :]

    @cached_property
    def _downdates(self) -> Downdates:
        white, tests = self._white
        start = white.T @ self.y
        return Downdates(
            (tests @ start).T, white @ tests.T, self.y - white @ start, Products(white).complement
        )
