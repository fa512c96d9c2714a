"""Least squares with a penalty, on many subsets of rows: dual systems, downdates, products."""

from __future__ import annotations

from collections.abc import Callable
from ctypes import CFUNCTYPE, POINTER, byref, c_char_p, c_int, c_void_p, py_object, pythonapi
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cython_lapack

from interplay.lenses.training_data.dataset import IntArray

Array = NDArray[Any]
"""float32 or float64."""

STACKED: Final = 64
"""Systems below this size are solved as one stack: the calls would cost more than the sums."""

STORED: Final = 1 << 30
"""Bytes of a matrix of all pairs of examples that is held; beyond, what is needed is computed."""

GATHERED: Final = 1 << 22
"""Numbers that a stack of downdates gathers at once."""


def positive_solve(matrix: Array, right: Array) -> Array:
    """Solve a symmetric positive system by Cholesky; NaN where it is not positive to rounding.

    Parameters
    ----------
    matrix : float (k, k)
        In Fortran order it is overwritten; only its lower triangle is read.
    right : float (k, q)

    Returns
    -------
    float (k, q)

    Examples
    --------
    >>> positive_solve(np.asfortranarray([[4.0, 0.0], [2.0, 2.0]]), np.array([[6.0], [4.0]]))
    array([[1.],
           [1.]])
    """
    factorise, substitute = _cholesky(matrix.dtype.char)
    size, count = c_int(len(matrix)), c_int(right.shape[1])
    factor, solution = np.asfortranarray(matrix), np.array(right, matrix.dtype, order="F")
    where, failed = factor.ctypes.data, c_int(0)
    factorise(b"L", byref(size), where, byref(size), byref(failed))
    if failed.value:
        return np.full_like(right, np.nan)
    to = solution.ctypes.data, byref(size), byref(failed)
    substitute(b"L", byref(size), byref(count), where, byref(size), *to)
    return solution


@cache
def _cholesky(kind: str) -> tuple[Callable[..., None], Callable[..., None]]:
    """LAPACK's potrf and potrs, as scipy has them for compiled code.

    Called in this way they let other threads work meanwhile, which :mod:`scipy.linalg.lapack` does
    not: two threads would take turns.
    """
    prefix = {"f": "s", "d": "d"}[kind]
    pointer = pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = c_void_p, [py_object, c_char_p]
    name = pythonapi.PyCapsule_GetName
    name.restype, name.argtypes = c_char_p, [py_object]
    whole, numbers = POINTER(c_int), c_void_p
    found = []
    for routine, takes in (
        ("potrf", (c_char_p, whole, numbers, whole, whole)),
        ("potrs", (c_char_p, whole, whole, numbers, whole, numbers, whole, whole)),
    ):
        capsule = cython_lapack.__pyx_capi__[prefix + routine]
        found.append(CFUNCTYPE(None, *takes)(pointer(capsule, name(capsule))))
    return found[0], found[1]


def dual(gram: Array, right: Array, penalty: float, *, intercept: bool) -> tuple[Array, Array]:
    """Solve ridge regression in its rows: ``(K + penalty) a + b = y``, and ``sum(a) = 0``.

    Parameters
    ----------
    gram : float (k, k)
        Inner products of the rows, or a kernel; C order; overwritten.
    right : float (k, q)
    penalty : float
    intercept : bool
        Whether there is a constant b that is not penalised; else b = 0, and the sum is free.

    Returns
    -------
    a : float (k, q)
    b : float (q,)
    """
    np.einsum("ii->i", gram)[...] += penalty
    count = right.shape[1]
    if not intercept:
        return positive_solve(gram.T, right), np.zeros(count, dtype=right.dtype)
    both = np.concatenate([right, np.ones((len(right), 1), dtype=right.dtype)], axis=1)
    solved = positive_solve(gram.T, both)  # symmetric: the transpose is in Fortran order
    ones = solved[:, count:]
    constant = solved[:, :count].sum(axis=0) / ones.sum()
    return solved[:, :count] - ones * constant, constant


class Products:
    """Inner products of rows: all of them are held where there is room, else made when asked."""

    def __init__(self, rows: Array) -> None:
        self._rows = rows
        self._all = rows @ rows.T if self.fit(rows) else None

    @staticmethod
    def fit(rows: Array) -> bool:
        """Return whether there is room for all products of so many rows."""
        return len(rows) ** 2 * rows.itemsize <= STORED

    def among(self, places: IntArray) -> Array:
        """Return the products among rows ``(m, k)``, a new array ``(m, k, k)``."""
        if self._all is None:
            chosen = self._rows[places]
            return chosen @ chosen.transpose(0, 2, 1)
        return pairs(self._all, places)

    def complement(self, places: IntArray) -> Array:
        """Return the identity less :meth:`among`."""
        found = self.among(places)
        np.negative(found, out=found)
        np.einsum("mii->mi", found)[...] += 1
        return found


def pairs(matrix: Array, places: IntArray) -> Array:
    """Return blocks ``(m, k, k)`` of a square matrix, at rows and columns ``places`` (m, k).

    >>> pairs(np.arange(9.0).reshape(3, 3), np.array([[0, 2]]))
    array([[[0., 2.], [6., 8.]]])
    """
    return matrix.take(places[:, :, None] * len(matrix) + places[:, None, :])


class Downdates:
    """Predictions without some rows, from those with all of them: exact, by Woodbury's identity.

    Parameters
    ----------
    predictions : float (q, t)
        Of the model that is fitted to all N rows.
    leverages : float (N, t)
        How much each test prediction moves with the label of each row: column of the hat matrix.
    residuals : float (N, q)
        What the rows' own predictions lack.
    complement : callable
        From places ``(m, k)`` to blocks ``(m, k, k)`` of the identity less the hat matrix.

    Notes
    -----
    Leaving out rows L of a linear smoother changes predictions by
    ``-h(z, L) (I - H[L, L])^-1 r[L]`` (Cook and Weisberg, *Residuals and Influence in Regression*,
    1982, 2.2): a system of as many equations as rows are left out. The block, the residuals and
    the leverages may be scaled together: of kernel ridge they are ``B[L, L]``, ``(B y)[L]`` and
    ``K(z, .) B`` with ``B = (K + penalty)^-1``.
    """

    def __init__(
        self,
        predictions: Array,
        leverages: Array,
        residuals: Array,
        complement: Callable[[IntArray], Array],
    ) -> None:
        self._predictions, self._leverages = predictions, leverages
        self._residuals, self._complement = residuals, complement

    def group(self, left: NDArray[np.bool_]) -> list[IntArray]:
        """Return numbers of rows of ``left`` ``(m, N)``, by how many are left out, in portions."""
        sizes = left.sum(axis=1)
        found = []
        for size in np.unique(sizes):
            rows = np.flatnonzero(sizes == size)
            most = max(1, GATHERED // max(1, int(size) * (int(size) + self._leverages.shape[1])))
            step = most if size < STACKED else 1
            found += [rows[start : start + step] for start in range(0, len(rows), step)]
        return found

    def __call__(self, left: NDArray[np.bool_]) -> Array:
        """Return predictions ``(m, q, t)`` without ``left`` ``(m, N)``, as many in each row."""
        m, size = len(left), int(left[0].sum())
        if not size:
            return np.broadcast_to(self._predictions, (m, *self._predictions.shape))
        places = np.nonzero(left)[1].reshape(m, size)
        blocks, residuals = self._complement(places), self._residuals[places]
        if size < STACKED:
            solved = np.linalg.solve(blocks, residuals)
        else:
            both = zip(blocks, residuals, strict=True)
            solved = np.stack([positive_solve(block.T, right) for block, right in both])
        moved: Array = solved.transpose(0, 2, 1) @ self._leverages[places]
        return self._predictions - moved
