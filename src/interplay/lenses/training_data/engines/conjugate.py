"""Conjugate gradients on many systems at once, as products of matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Apply = Callable[[Array], Array]
"""From vectors ``(r, s)``, one for each of r systems, to as many."""

THINNED: Final = 0.8
"""Share of the systems at hand that are still unsolved, below which the others are put away."""


def conjugate_gradients(
    systems: Callable[[NDArray[np.int64]], tuple[Apply, Apply | None]],
    right: Array,
    *,
    tolerance: float | Array,
    most: int,
) -> tuple[Array, NDArray[np.bool_]]:
    """Solve symmetric positive systems that are given by their products with vectors.

    Parameters
    ----------
    systems : callable
        From numbers of systems ``(r,)`` to what multiplies vectors ``(r, s)`` with each its own,
        and to what preconditions: multiplies them with a symmetric positive matrix near the
        inverse; None where nothing does.
    right : float (m, s)
    tolerance : float or float (m,)
        A system is solved when its residual is this part of its right side, both measured in the
        preconditioner's norm.
    most : int
        Steps.

    Returns
    -------
    solutions : float (m, s)
    solved : bool (m,)

    Notes
    -----
    Hestenes and Stiefel 1952. A system's course does not depend on what is solved beside it. Those
    that are solved take no more time.

    Examples
    --------
    >>> matrices = np.array([[[2.0, 1.0], [1.0, 3.0]], [[1.0, 0.0], [0.0, 4.0]]])
    >>> def systems(rows):
    ...     return lambda vectors: np.einsum("rij,rj->ri", matrices[rows], vectors), None
    >>> conjugate_gradients(systems, np.array([[3.0, 4.0], [1.0, 8.0]]), tolerance=1e-12, most=9)
    (array([[1., 1.], [1., 2.]]), array([ True,  True]))
    """
    found = np.zeros_like(right)
    rows = np.arange(len(right))
    apply, precondition = systems(rows)
    solution, residual = found.copy(), right.copy()
    ahead = residual if precondition is None else precondition(residual)
    direction = ahead.copy()
    size = _dot(residual, ahead)
    goal = np.square(tolerance) * size
    live = size > goal
    for _ in range(most):
        if not live.any():
            break
        if live.sum() < THINNED * len(rows):
            found[rows] = solution
            solution, residual, direction = solution[live], residual[live], direction[live]
            size, goal, rows = size[live], goal[live], rows[live]
            live = np.ones(len(rows), dtype=np.bool_)
            apply, precondition = systems(rows)
        product = apply(direction)
        curvature = _dot(direction, product)
        # of what is not positive to rounding no step is known; it stays unsolved
        step = np.divide(size, curvature, out=np.zeros_like(size), where=live & (curvature > 0))
        solution += step[:, None] * direction
        residual -= step[:, None] * product
        ahead = residual if precondition is None else precondition(residual)
        before, size = size, _dot(residual, ahead)
        live &= ~(size <= goal)
        turn = np.divide(size, before, out=np.zeros_like(size), where=live)
        direction *= turn[:, None]
        direction += ahead
    found[rows] = solution
    solved = np.ones(len(right), dtype=np.bool_)
    solved[rows[live]] = False
    return found, solved


def _dot(left: Array, right: Array) -> Array:
    found: Array = np.einsum("rs,rs->r", left, right)
    return found
