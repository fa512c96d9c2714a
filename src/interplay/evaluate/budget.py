"""The budget: how much evaluating may cost."""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass
from typing import Final

from interplay.errors import BadInput, BudgetExceeded

_AMOUNT: Final = re.compile(
    r"(?P<amount>\d+(?:\.\d+)?(?:e\+?\d+)?)\s*(?P<unit>[a-z]*)", re.IGNORECASE
)
_CALLS: Final = ("", "call", "calls")
_LATER: Final = ("usd", "s", "tok")


@dataclass(frozen=True)
class Budget:
    """How many evaluations of the value function are allowed.

    >>> Budget(calls=500).require(12, "the fit needs 10 masks beside the full and the empty one")
    """

    calls: int

    def require(self, minimum: int, reason: str) -> None:
        """Raise :class:`BudgetExceeded` where fewer than ``minimum`` calls are allowed.

        ``reason`` says what the minimum is for, as the end of a sentence.
        """
        if self.calls < minimum:
            raise BudgetExceeded(
                f"budget={self.calls} is too small: at least {minimum} calls are needed, {reason}"
            )


def parse_budget(budget: str | int) -> Budget:
    """Return the budget that a number or a text such as ``"500"`` states.

    This version counts calls only: one call is one evaluation of one mask.

    Raises
    ------
    BadInput
        not a whole number of calls, or a unit that this version does not know.
    BudgetExceeded
        less than one call.

    Examples
    --------
    >>> parse_budget("500")
    Budget(calls=500)
    >>> parse_budget(1e3)
    Budget(calls=1000)
    """
    calls = _calls_in_text(budget) if isinstance(budget, str) else _calls_in_number(budget)
    if calls < 1:
        raise BudgetExceeded(f"budget={budget!r} is too small: at least 1 call is needed")
    return Budget(calls)


def _calls_in_text(text: str) -> int:
    match = _AMOUNT.fullmatch(text.strip())
    unit = match["unit"].lower() if match else ""
    if text.strip().lower() == "auto" or "," in text or unit in _LATER:
        raise BadInput(
            f'budget {text!r} is not supported: this version takes calls only, such as "500"'
        )
    if match is None or unit not in _CALLS:
        raise BadInput(f'budget must be a number of calls such as 500 or "500"; got {text!r}')
    return _calls_in_number(float(match["amount"]), text)


def _calls_in_number(number: float, given: object = None) -> int:
    given = number if given is None else given
    if not isinstance(number, bool):
        try:
            return operator.index(number)  # type: ignore[arg-type]
        except TypeError:
            if isinstance(number, float) and math.isfinite(number) and number == int(number):
                return int(number)
    raise BadInput(f'budget must be a whole number of calls such as 500 or "500"; got {given!r}')
