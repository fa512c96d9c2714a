"""The rows that a fit is given: checked, in a canonical order, parted into training and test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from interplay.codes import MaskCode
from interplay.errors import BadInput
from interplay.packing import PackedArray, pack, unpack
from interplay.value_function import BoolArray, FloatArray, check_masks, check_values

ROWS: Final = 4096
"""Rows that are packed at a time."""


class MaskDesign(Protocol):
    """What a fit needs to know of a mask design: its law, the masks set aside, and its code."""

    @property
    def kind(self) -> str: ...

    @property
    def masks(self) -> BoolArray: ...

    @property
    def test(self) -> BoolArray | None: ...

    @property
    def code(self) -> MaskCode | None: ...


@dataclass(frozen=True, eq=False)
class Rows:
    """Checked rows: packed masks of n features, values and noise ``(m, q)``, weights ``(m,)``."""

    packed: PackedArray
    n: int
    values: FloatArray
    noise: FloatArray | None
    weights: FloatArray

    @classmethod
    def checked(
        cls,
        masks: object,
        values: object,
        noise_var: ArrayLike | None = None,
        weights: ArrayLike | None = None,
    ) -> Rows:
        """Return what a user gave, without the rows of weight 0, or raise :class:`BadInput`."""
        masks = check_masks(masks)
        m = len(masks)
        table = check_values(values, m)
        table = table[:, None] if table.ndim == 1 else table
        noise = None if noise_var is None else _noise(noise_var, table.shape)
        packed = packed_by_parts(masks)
        if weights is None:
            return cls(packed, masks.shape[1], table, noise, np.ones(m))
        counts = _at_least_zero(weights, m, "weights")
        if counts.shape != (m,):
            raise BadInput(f"weights must have shape ({m},), one per row; got {counts.shape}")
        if not counts.any():
            raise BadInput("weights are all 0: no row takes part")
        return cls(packed, masks.shape[1], table, noise, counts).take(counts > 0)

    @property
    def masks(self) -> BoolArray:
        """The masks, bool ``(m, n)``, made anew: of thousands of features, too many to hold."""
        return unpack(self.packed, self.n)

    @property
    def changes(self) -> BoolArray:
        """Whether the mask of a row differs from that of the row before, bool ``(m,)``."""
        first = np.ones(len(self.packed), dtype=np.bool_)
        first[1:] = (self.packed[1:] != self.packed[:-1]).any(axis=1)
        return first

    def take(self, rows: NDArray[Any]) -> Rows:
        """Return some of the rows."""
        noise = None if self.noise is None else self.noise[rows]
        return Rows(self.packed[rows], self.n, self.values[rows], noise, self.weights[rows])

    def to_judge_by(self, design: MaskDesign) -> BoolArray | None:
        """Which rows have a mask that the design wants faithfulness measured on; None for all."""
        test = np.asarray(() if design.test is None else design.test, dtype=np.bool_)
        if not test.any():
            return None
        held = check_masks(design.masks, n=self.n, name="the masks of the design")
        keys = {row.tobytes() for row in pack(held[test])}
        chosen = np.array([row.tobytes() in keys for row in self.packed], dtype=np.bool_)
        return chosen if chosen.any() else None

    def canonical(self) -> Rows:
        """Return the rows in an order that does not depend on the one they came in.

        Where the noise is known, the replicates of a mask become one row: their mean, with the
        noise that is left in it. The misfit of a surrogate is the same for all of them, so that
        they are no independent witnesses of it. Where the noise is unknown, each stays a row; their
        values are sorted target by target, so that no target depends on another.
        """
        rows = self.take(np.lexsort((self.weights, *self.packed.T)))
        first = rows.changes
        if first.all():
            return rows
        group = np.cumsum(first)
        values, noise = rows.values.copy(), None if rows.noise is None else rows.noise.copy()
        for j in range(values.shape[1]):
            keys = (values[:, j],) if noise is None else (noise[:, j], values[:, j])
            order = np.lexsort((*keys, rows.weights, group))
            values[:, j] = values[order, j]
            if noise is not None:
                noise[:, j] = noise[order, j]
        if noise is None:
            return Rows(rows.packed, self.n, values, None, rows.weights)
        starts = np.flatnonzero(first)
        weights = rows.weights[:, None]
        total = np.add.reduceat(weights, starts)
        return Rows(
            rows.packed[first],
            self.n,
            np.add.reduceat(weights * values, starts) / total,
            np.add.reduceat(np.square(weights) * noise, starts) / np.square(total),
            (total / np.diff(starts, append=len(group))[:, None])[:, 0],
        )


def packed_by_parts(masks: BoolArray) -> PackedArray:
    """Pack masks a few rows at a time: they may be a memory map that is larger than the memory."""
    parts = [pack(masks[start : start + ROWS]) for start in range(0, len(masks), ROWS)]
    return np.concatenate(parts) if parts else pack(masks)


def _noise(given: ArrayLike, shape: tuple[int, ...]) -> FloatArray:
    m, q = shape
    if np.ndim(given) == 0:
        noise = _at_least_zero(np.reshape(given, 1), 1, "noise_var")
    else:
        noise = _at_least_zero(given, m, "noise_var")
    noise = noise.reshape(len(noise), -1)
    if noise.shape[1] not in (1, q):
        raise BadInput(
            f"noise_var must be a number, or have shape ({m},) or ({m}, {q}); got {np.shape(given)}"
        )
    return np.broadcast_to(noise, (m, q)).copy()


def _at_least_zero(given: ArrayLike, m: int, name: str) -> FloatArray:
    array = check_values(given, m, source=name)
    if (array < 0).any():
        raise BadInput(
            f"{name} must be at least 0; {int((array < 0).sum())} are not, the least is "
            f"{array.min()}"
        )
    return array


def target_names(targets: Sequence[str] | None, q: int) -> tuple[str, ...]:
    """Return q target names: the given ones, checked, or ``0, 1, ...``.

    >>> target_names(None, 2)
    ('0', '1')
    """
    if targets is None:
        return tuple(map(str, range(q)))
    if isinstance(targets, str):  # a sequence of its letters
        raise BadInput(f"targets must be a sequence of names, one per column; got {targets!r}")
    names = tuple(map(str, targets))
    if len(names) != q:
        raise BadInput(
            f"targets must name all {q} columns of the values; got {len(names)}: {', '.join(names)}"
        )
    if repeated := [name for name in names if names.count(name) > 1]:
        raise BadInput(
            f"targets must differ; {repeated[0]!r} occurs {names.count(repeated[0])} times"
        )
    return names
