"""What the calls that lie ahead will cost, as far as anybody knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from interplay.errors import BadInput
from interplay.evaluate.budget import KINDS, Range
from interplay.evaluate.store import Store
from interplay.value_function import BoolArray

TOLD_BY: Final = 256
"""Masks that the value function is asked to foretell; their mean stands for all."""

_STORED_SPREAD: Final[Mapping[str, float]] = {"tokens": 1.2, "usd": 1.2, "seconds": 2.0}
"""How far the mean of a run to come may lie from that of stored evaluations, as a factor: other
masks have other lengths, and another day is another load of the machine."""

FIRST_BATCH_SPREAD: Final = 1.6
"""The same for the first batch of the run itself. Its first call warms the model up."""


def told_prices(value_function: Callable[..., Any], masks: BoolArray) -> dict[str, Range]:
    """``(low, high)`` of one evaluation by the value function's own ``forecast(masks)``."""
    foretell = getattr(value_function, "forecast", None)
    if foretell is None or not len(masks):
        return {}
    told = foretell(masks)
    try:
        return {
            kind: (float(told[kind][0]) / len(masks), float(told[kind][1]) / len(masks))
            for kind in KINDS[1:]
            if kind in told
        }
    except (TypeError, KeyError, IndexError, ValueError) as error:
        raise BadInput(
            "forecast(masks) of the value function must return a mapping from tokens, usd or "
            f"seconds to (low, high); got {told!r}"
        ) from error


def known_prices(
    value_function: Callable[..., Any], masks: BoolArray, store: Store | None, fingerprint: str
) -> tuple[dict[str, Range], str]:
    """``(low, high)`` of one evaluation before the first call, and who says so."""
    told = told_prices(value_function, masks[:TOLD_BY])
    known = None if store is None else store.function(fingerprint)
    if known is None:
        return told, "the value function" if told else ""
    paid = {kind: getattr(known, kind) for kind in KINDS[1:]}
    stored = {
        kind: around(total / known.evaluations, _STORED_SPREAD[kind])
        for kind, total in paid.items()
        if total and known.evaluations
    }
    return {**stored, **told}, "what is stored"


def around(price: float, spread: float) -> Range:
    """Return ``price`` divided by and times ``spread``."""
    return price / spread, price * spread
