"""What a value function returned, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from interplay.errors import BadInput
from interplay.value_function import BoolArray, FloatArray, Measured, check_values

_SOURCE = "the values that the value function returned"


@dataclass(frozen=True)
class Answer:
    """The values of one batch, float64 ``(m, q)``, perhaps not finite, and what goes with them.

    ``noise_var`` is float64 ``(m, q)``, ``tokens`` and ``usd`` float64 ``(m,)``, or None where the
    value function does not say; ``seconds`` is what it took for the whole batch; ``failure`` is why
    values are missing. ``excluded``, bool ``(m,)``, are rows that have no value: NaN throughout.
    """

    values: FloatArray
    noise_var: FloatArray | None
    tokens: FloatArray | None
    usd: FloatArray | None
    seconds: float
    excluded: BoolArray
    failure: Exception | None = None

    @classmethod
    def of(cls, told: object, m: int, seconds: float) -> Self:
        """Check what was returned for m masks: an array, or :class:`Measured`."""
        if not isinstance(told, Measured):
            told = Measured(told)  # type: ignore[arg-type]
        try:
            values = check_values(told.values, m, source=_SOURCE, finite=False).reshape(m, -1)
        except BadInput as error:
            raise BadInput(
                f"{error}. It is given a batch of masks, bool (m, n), and returns a value for each"
            ) from error
        excluded = _excluded(told.excluded, m)
        values = np.where(excluded[:, None], np.nan, values)
        noise = None
        if told.noise_var is not None:
            noise = check_values(
                told.noise_var,
                m,
                source="noise_var of the value function",
                finite=told.failure is None and not excluded.any(),
            ).reshape(m, -1)
            if noise.shape == values.shape:
                noise = np.where(excluded[:, None], np.nan, noise)
            if noise.shape != values.shape or (noise < 0).any():
                raise BadInput(
                    f"noise_var of the value function must be variances, at least 0, of the shape "
                    f"of its values {values.shape}; got shape {noise.shape}, least {noise.min()}"
                )
        return cls(
            values,
            noise,
            _price(told.tokens, m, "tokens"),
            _price(told.usd, m, "usd"),
            seconds,
            excluded,
            told.failure,
        )

    def only(self, rows: BoolArray) -> Answer:
        """Return some of the rows, with their share of the seconds.

        Where others have failed these get their tokens and usd too: it was paid, and a run that
        goes on from what is stored must count it.
        """
        noise = None if self.noise_var is None else self.noise_var[rows]
        share = float(rows.mean()) if len(rows) else 0.0
        lost = (~rows).astype(np.float64) if self.failure is not None else np.zeros(len(rows))
        tokens, usd = (
            None if paid is None else paid[rows] + float(paid @ lost) / max(int(rows.sum()), 1)
            for paid in (self.tokens, self.usd)
        )
        return Answer(
            self.values[rows], noise, tokens, usd, self.seconds * share, self.excluded[rows]
        )


def _excluded(told: object, m: int) -> BoolArray:
    excluded = np.zeros(m, dtype=np.bool_) if told is None else np.asarray(told)
    if excluded.dtype != np.bool_ or excluded.shape != (m,):
        raise BadInput(
            f"excluded of the value function must be bool of shape ({m},), True = the mask has no "
            f"value; got {excluded.dtype} of shape {excluded.shape}"
        )
    return excluded


def _price(told: object, m: int, name: str) -> FloatArray | None:
    if told is None:
        return None
    price = check_values(told, m, source=f"{name} of the value function")
    if price.ndim != 1 or (price < 0).any():
        raise BadInput(
            f"{name} of the value function must be shape ({m},), one amount of at least 0 per "
            f"mask; got shape {price.shape}, least {np.min(price)}"
        )
    return price
