"""The value function over the columns of one row."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interplay.fingerprint import fingerprint, identity_fingerprint
from interplay.lenses.tabular.outputs import Outputs
from interplay.lenses.tabular.table import Places, Table, written
from interplay.lenses.value import LensValueFunction
from interplay.value_function import BoolArray, FloatArray, Measured, check_masks

ROWS = 4096
"""Rows of one call of the model, about."""
PROBED = 64
MIXTURES = 256
"""Rows of the background, and of columns of several rows, on which a model is told from others."""


@dataclass(frozen=True)
class TableMask:
    """What stands for a column that is ablated.

    Attributes
    ----------
    kind : str
        ``"mean"`` or ``"marginal"``.
    draws : int or None
        How many rows of the background are averaged over; None: all.
    """

    kind: str
    draws: int | None = None

    @property
    def name(self) -> str:
        """As a user would write it."""
        return "mean" if self.kind == "mean" else f"marginal:{self.draws or 'all'}"


class TableValueFunction(LensValueFunction):
    """A value function over the columns of one row; made by :func:`interplay.tabular`.

    Called with ``masks``, bool ``(m, n)``, True = column kept; returns float64 ``(m,)``, or
    ``(m, q)`` for q > 1 targets.

    Attributes
    ----------
    features : tuple of str
        The n columns, or groups of them, with the row's values: ``"age=34"``.
    targets : tuple of str
        The q targets, all from the same calls.
    batch_size : int
        How many masks it likes to see in one call.
    fingerprint : str
        Digest of the model's code and parameters as far as they can be seen, of its answers on the
        row, the background and mixtures of them, of all values of the table, groups, mask and
        targets.
    noisy : bool
        True where the model itself answers the same rows differently.
    subject : dict
        What is explained, for reports.
    """

    def __init__(
        self,
        table: Table,
        model: Outputs,
        predict: Any,
        mask: TableMask,
        groups: Mapping[str, Sequence[int]],
        seed: int,
    ) -> None:
        self.table, self.outputs, self.mask = table, model, mask
        self._seed = seed
        # whose mask each column follows
        self._owner = np.empty(len(table.columns), dtype=np.intp)
        for feature, members in enumerate(groups.values()):
            self._owner[list(members)] = feature
        self.features = tuple(_named(table, name, members) for name, members in groups.items())
        self.targets = model.targets
        self._draws = 1 if mask.kind == "mean" else mask.draws or table.background
        self.batch_size = max(1, ROWS // self._draws)
        grouped = any(len(members) > 1 for members in groups.values())
        self.subject: dict[str, Any] = {
            "kind": "table",
            "name": getattr(predict, "__qualname__", type(predict).__qualname__),
            "units": "feature" if grouped else "column",
            "columns": list(table.columns),
            "values": [written(table.value(j)) for j in range(len(table.columns))],
            "background": table.background,
            "mask": mask.name,
            "target": self.target_told,
        }
        code = fingerprint(predict).digest
        answers, self.noisy = self._answers()
        identity = {
            "kind": "table",
            "table": table.digest(),
            "groups": [[name, *members] for name, members in groups.items()],  # their order counts
            "mask": mask.name,
            "seed": seed if self._sampled else None,
            "targets": list(self.targets),
            "code": code,
            "answers": answers,
            "version": 1,
        }
        self.fingerprint = identity_fingerprint(identity)

    def measure(self, masks: BoolArray) -> Measured:
        """Return the values; of marginal draws, also the variance that drawing gives them."""
        masks = check_masks(masks, n=len(self.features))
        q, k = len(self.targets), self._draws
        values, noise = np.empty((len(masks), q)), np.zeros((len(masks), q))
        for start in range(0, len(masks), self.batch_size):
            part = masks[start : start + self.batch_size]
            told = self._ask(self._places(part)).reshape(len(part), k, q)
            values[start : start + len(part)] = told.mean(axis=1)
            if self._sampled:
                # drawn without replacement: of the whole background nothing would be left unsure
                left = 1 - k / self.table.background
                noise[start : start + len(part)] = told.var(axis=1, ddof=1) / k * left
        return Measured(
            self.column(values), noise_var=self.column(noise) if self._sampled else None
        )

    def masked_rows(self, mask: BoolArray) -> Any:
        """Return the rows that the model is given for one mask, bool ``(n,)``."""
        return self.table.gathered(self._places(check_masks([mask], n=len(self.features))))

    @property
    def _sampled(self) -> bool:
        return self.mask.kind == "marginal" and self._draws < self.table.background

    def _places(self, masks: BoolArray) -> Places:
        """Where each value comes from, ``(masks * draws, columns)``: see :class:`Table`."""
        kept = masks[:, self._owner]
        if self.mask.kind == "mean":
            return np.where(kept, 0, self.table.background + 1)
        draws = np.stack([self._drawn(mask) for mask in masks])
        places = np.where(kept[:, None, :], 0, draws[:, :, None])
        return places.reshape(-1, kept.shape[1])

    def _drawn(self, mask: BoolArray) -> NDArray[np.intp]:
        """The rows that stand in for one mask: the same ones, whenever and beside what it comes."""
        m = self.table.background
        if not self._sampled:
            return np.arange(1, m + 1)
        rng = np.random.default_rng([self._seed, *np.packbits(mask).tolist()])
        return np.sort(rng.choice(m, self._draws, replace=False)) + 1

    def _ask(self, places: Places) -> FloatArray:
        return np.concatenate(
            [
                self.outputs.ask(self.table.gathered(places[start : start + ROWS]))
                for start in range(0, len(places), ROWS)
            ]
        )

    def _answers(self) -> tuple[str, bool]:
        """A digest of what the model answers, and whether it answers differently each time.

        Code and parameters of a model cannot all be seen (compiled trees); what it says on many
        rows can.
        """
        m, p = self.table.background, len(self.table.columns)
        whole = np.repeat(np.arange(min(m, PROBED) + 1)[:, None], p, axis=1)
        mixed = np.random.default_rng(0).integers(0, m + 2, (MIXTURES, p))
        places = np.concatenate([whole, mixed])
        first, second = self._ask(places), self._ask(places)
        noisy = not np.allclose(first, second, rtol=1e-9, atol=1e-12, equal_nan=True)
        if noisy:
            return "", True
        # ten digits: sums that several threads make may differ in the last ones
        told = "\n".join(f"{one:.10e}" for one in first.ravel().tolist())
        return hashlib.sha256(told.encode()).hexdigest(), False


def _named(table: Table, name: str, members: Sequence[int]) -> str:
    if len(members) == 1 and table.columns[members[0]] == name:
        return f"{name}={written(table.value(members[0]))}"
    values = [table.value(j) for j in members]
    if all(one in (0, 1) for one in values) and sum(map(bool, values)) == 1:  # one-hot
        (which,) = (j for j, one in zip(members, values, strict=True) if one)
        return f"{name}={table.columns[which]}"
    return f"{name}=({', '.join(written(one) for one in values)})"
