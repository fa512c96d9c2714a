"""Effects of single features and of pairs on many targets at once, in closed form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from interplay.errors import BadInput
from interplay.value_function import BoolArray, FloatArray

ROWS: Final = 4096
"""Masks that are worked on at a time."""
SPARE: Final = 10
"""Masks beyond one for each feature that are needed at least."""


@dataclass(frozen=True, eq=False)
class Moments:
    """Estimates of first and second order from masks that keep each feature at one rate.

    With ``z_i = (mask_i - p) / s``, ``s² = p (1 - p)``, values are regressed on all ``z_i``; the
    coefficients over s are the *main effects*, the mean over backgrounds of what a feature changes.
    What is left over, r, gives the *interactions*, ``mean(z_i z_j r) / s²``: at p = 1/2 they are
    the Banzhaf values and interactions, ``-2 F`` and ``4 F``.

    Attributes
    ----------
    masks : bool (m, n)
    values : float64 (m, q)
    rate : float
        p, the share of features that a mask keeps.
    effects : float64 (n, q)
        Main effects.
    noise : float64 (q, q)
        Covariance of the errors of the main effects of a feature.
    along : float64 (n, n)
        ``along[i, j]``: sum over targets of the interaction of i and j times the main effect of i.
    spread : float64 (n, n)
        Standard errors of ``(along[i, j] + along[j, i]) / 2``.
    """

    masks: BoolArray
    values: FloatArray
    rate: float
    effects: FloatArray
    noise: FloatArray
    along: FloatArray
    spread: FloatArray
    _coefficients: FloatArray  # (1 + n, q)
    _unseen: float  # share of all masks that is not among these

    @classmethod
    def of(cls, masks: BoolArray, values: FloatArray) -> Moments:
        """Return the estimates from masks ``(m, n)`` and values ``(m, q)``.

        No array of pairs by targets is made: interactions are only ever summed over targets, and
        such sums are products of matrices. Memory: ``n²``, ``q²`` and blocks of ``ROWS`` masks.

        Raises
        ------
        BadInput
            If there are too few masks, or they do not keep features at one rate.
        """
        m, n = masks.shape
        rate, unseen = _checked(masks)
        scale = np.sqrt(rate * (1 - rate))
        gram, right = np.zeros((n + 1, n + 1)), np.zeros((n + 1, values.shape[1]))
        for design, part in _blocks(masks, values, rate):
            gram += design.T @ design
            right += design.T @ part
        coefficients = np.linalg.lstsq(gram, right, rcond=None)[0]
        effects = coefficients[1:] / scale
        left = np.zeros((values.shape[1], values.shape[1]))
        products, squares = np.zeros((n, n)), np.zeros((n, n))
        for design, part in _blocks(masks, values, rate):
            rest = part - design @ coefficients
            left += rest.T @ rest
            seen = rest @ effects.T  # of each mask and feature: its effects times what is left
            products += (design[:, 1:] * seen).T @ design[:, 1:]
            squares += seen.T @ seen
        # Regressing took (n + 1) / m of each interaction too, unless all masks are there.
        share = 1 - unseen * (n + 1) / m
        own = np.diag(squares)
        spread = np.sqrt(unseen * (own[:, None] + own + 2 * squares) / 4) / (m * scale**2 * share)
        degrees = max(m - n - 1, 1)
        return cls(
            masks,
            values,
            rate,
            effects,
            noise=unseen * left / degrees / degrees / scale**2,
            along=products / (m * scale**2 * share),
            spread=spread,
            _coefficients=coefficients,
            _unseen=unseen,
        )

    @property
    def degrees(self) -> int:
        """Masks beyond those that the regression took up."""
        m, n = self.masks.shape
        return int(m - n - 1)

    def interactions(self, pairs: Sequence[tuple[int, int]]) -> FloatArray:
        """Return the interactions of pairs on each target, float64 ``(len(pairs), q)``."""
        m, n = self.masks.shape
        rows = 1 + np.array(pairs, dtype=np.int64).reshape(-1, 2)
        total = np.zeros((len(rows), self.values.shape[1]))
        for design, part in _blocks(self.masks, self.values, self.rate):
            rest = part - design @ self._coefficients
            total += (design[:, rows[:, 0]] * design[:, rows[:, 1]]).T @ rest
        share = 1 - self._unseen * (n + 1) / m
        found: FloatArray = total / (m * self.rate * (1 - self.rate) * share)
        return found


def _blocks(
    masks: BoolArray, values: FloatArray, rate: float
) -> Iterator[tuple[FloatArray, FloatArray]]:
    scale = np.sqrt(rate * (1 - rate))
    for start in range(0, len(masks), ROWS):
        part = masks[start : start + ROWS]
        design = np.ones((len(part), masks.shape[1] + 1))
        design[:, 1:] = (part - rate) / scale
        yield design, values[start : start + ROWS]


def _checked(masks: BoolArray) -> tuple[float, float]:
    """The rate of masks, and the share of all masks that is not among them."""
    m, n = masks.shape
    unseen = 1.0
    if n < 40 and len(np.unique(np.packbits(masks, axis=1), axis=0)) == m:
        unseen = 1.0 - m / 2.0**n  # drawn without replacement: of all masks nothing is by chance
    if unseen and m < n + 1 + SPARE:
        raise BadInput(
            f"effects of {n} features are read off {n + 1 + SPARE} masks at least; there are {m}: "
            "evaluate more (a few for each feature tell single effects, ten or more tell pairs)"
        )
    rate, sizes = float(masks.mean()), masks.sum(axis=1)
    if not 0.02 <= rate <= 0.98:
        raise BadInput(
            f"the masks keep {100 * rate:.1f} % of the features, and how pairs act is read off "
            "masks that keep about half (2 to 98 %)"
        )
    if sizes.var() > 2.5 * n * rate * (1 - rate) and n > 8:
        raise BadInput(
            f"the masks keep between {sizes.min()} and {sizes.max()} of {n} features; how pairs "
            "act is read off masks of one rate, such as uniform ones"
        )
    return rate, unseen
