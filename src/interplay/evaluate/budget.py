"""The budget: how much evaluating may cost, what it will cost, and what it has cost so far."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Final

from interplay.errors import BadInput, BudgetExceeded

KINDS: Final = ("calls", "tokens", "usd", "seconds")
"""What a budget may limit, alone or together."""

Range = tuple[float, float]

_PART: Final = re.compile(
    r"(?P<amount>\d+(?:\.\d+)?(?:e\+?\d+)?|\.\d+)\s*(?P<unit>[a-z]*)", re.IGNORECASE
)
_UNITS: Final[Mapping[str, tuple[str, float]]] = {
    "": ("calls", 1),
    "call": ("calls", 1),
    "calls": ("calls", 1),
    "tok": ("tokens", 1),
    "tokens": ("tokens", 1),
    "usd": ("usd", 1),
    "s": ("seconds", 1),
    "min": ("seconds", 60),
    "h": ("seconds", 3600),
}
_FORM: Final = (
    'budget must be a number of calls such as 500, or a text such as "500", "5usd", "90s" (or min, '
    'h), "2e6tok", several of them comma-joined, or "auto" with a cap: "auto,2000"'
)


@dataclass(frozen=True)
class Budget:
    """What the evaluations of a run may cost, those taken from the store included.

    ``calls`` (evaluations of one mask), ``tokens``, ``usd`` and ``seconds`` (in the value
    function); None where there is no limit. With ``auto`` a run ends before that when more calls
    would change little.

    Stored evaluations count at the price that was paid for them: a run that was interrupted, or is
    repeated, stays within one budget, however many sessions it takes.

    >>> str(Budget(calls=500, usd=5.0))
    '500,5usd'
    """

    calls: int | None = None
    tokens: float | None = None
    usd: float | None = None
    seconds: float | None = None
    auto: bool = False

    def __str__(self) -> str:
        parts = ["auto"] if self.auto else []
        for kind, unit in zip(KINDS, ("", "tok", "usd", "s"), strict=True):
            limit = getattr(self, kind)
            if limit is not None:
                parts.append(f"{limit:g}{unit}" if kind != "calls" else str(limit))
        return ",".join(parts)

    @property
    def priced(self) -> bool:
        """Whether anything but calls is limited, so that it matters what one call costs."""
        return any(getattr(self, kind) is not None for kind in KINDS[1:])

    def require(self, minimum: int, reason: str) -> None:
        """Raise :class:`BudgetExceeded` where fewer than ``minimum`` calls are allowed.

        ``reason`` says what the minimum is for, as the end of a sentence.

        >>> Budget(calls=500).require(12, "the fit needs 10 masks beside the full and the empty")
        """
        if self.calls is not None and self.calls < minimum:
            raise BudgetExceeded(
                f"budget={self.calls} is too small: at least {minimum} calls are needed, {reason}"
            )


def parse_budget(budget: str | int | float | Budget) -> Budget:
    """Return the budget that a number of calls or a text states.

    Raises
    ------
    BadInput
        not such a number or text, an unknown unit, or two limits of one kind.
    BudgetExceeded
        nothing can be bought for it.

    Examples
    --------
    >>> parse_budget("500, 5usd, 1.5min")
    Budget(calls=500, tokens=None, usd=5.0, seconds=90.0, auto=False)
    >>> parse_budget("auto,2000")
    Budget(calls=2000, tokens=None, usd=None, seconds=None, auto=True)
    """
    if isinstance(budget, Budget):
        for kind in KINDS:
            limit = getattr(budget, kind)
            if limit is not None and (isinstance(limit, bool) or not isinstance(limit, Real)):
                raise BadInput(
                    f"{kind} of a Budget must be a number; got {limit!r}. A text such as "
                    '"500,5usd" is a budget itself: budget="500,5usd"'
                )
        return budget
    if not isinstance(budget, str):
        return _positive(Budget(calls=_whole(budget, budget)), budget)
    limits: dict[str, float] = {}
    auto = False
    for part in budget.split(","):
        word = part.strip().lower()
        if word == "auto" and not auto:
            auto = True
            continue
        match = _PART.fullmatch(word.removeprefix("$") + ("usd" if word[:1] == "$" else ""))
        if match is None or match["unit"] not in _UNITS:
            raise BadInput(f"{_FORM}; got {budget!r}")
        kind, factor = _UNITS[match["unit"]]
        if kind in limits:
            raise BadInput(f"budget {budget!r} limits {kind} twice: keep one of them")
        limits[kind] = float(match["amount"]) * factor
        if not math.isfinite(limits[kind]):
            raise BadInput(f"{_FORM}; got {budget!r}")
    calls = _whole(limits.pop("calls"), budget) if "calls" in limits else None
    return _positive(Budget(calls, auto=auto, **limits), budget)


def _whole(number: object, given: object) -> int:
    if not isinstance(number, bool):
        try:
            return operator.index(number)  # type: ignore[arg-type]
        except TypeError:
            if isinstance(number, float) and math.isfinite(number) and number == int(number):
                return int(number)
    raise BadInput(f"{_FORM}; got {given!r}")


def _positive(budget: Budget, given: object) -> Budget:
    if budget.calls is not None and budget.calls < 1:
        raise BudgetExceeded(f"budget={given!r} is too small: at least 1 call is needed")
    for kind in ("tokens", "usd", "seconds"):
        limit = getattr(budget, kind)
        if limit is not None and limit <= 0:
            raise BudgetExceeded(f"budget={given!r} is too small: it allows no {kind}")
    return budget


@dataclass
class Meter:
    """What a run has cost so far, and what its budget still allows.

    One meter may serve several calls of :func:`~interplay.evaluate.evaluate`. ``planned`` is the
    fewest and the most evaluations that all of them together will make, if they differ from what
    the first call asks for; ``foretold`` says whether the cost has been foretold.
    """

    budget: Budget = field(default_factory=Budget)
    calls: int = 0
    tokens: float = 0.0
    usd: float = 0.0
    seconds: float = 0.0
    planned: Range | None = None
    foretold: bool = False

    def add(self, calls: int, tokens: float, usd: float, seconds: float) -> None:
        """Count evaluations that were made or taken from the store."""
        self.calls += calls
        self.tokens += tokens
        self.usd += usd
        self.seconds += seconds

    def left(self, kind: str) -> float | None:
        """Return how much of a kind the budget still allows, None where it does not limit it.

        >>> Meter(Budget(usd=5.0), usd=1.5).left("usd"), Meter().left("usd")
        (3.5, None)
        """
        limit = getattr(self.budget, kind)
        return None if limit is None else max(limit - getattr(self, kind), 0.0)

    def affords(self, count: int, forecast: Mapping[str, Range]) -> int:
        """Return how many of ``count`` further evaluations the budget allows.

        ``forecast`` tells what all of them will cost; where it is silent they are taken to cost
        what those before did, and the very first ones are let through: what they cost is then
        known, and the budget is overrun by one batch at most.
        """
        allowed = count
        for kind in KINDS:
            limit = getattr(self.budget, kind)
            if limit is None:
                continue
            left = limit - getattr(self, kind)
            price = 1.0 if kind == "calls" else self._price(kind, count, forecast)
            if left <= 0:
                return 0
            if price > 0:
                # a billionth more than the limit is rounding, not overspending
                allowed = min(allowed, math.floor(left / price * (1 + 1e-9)))
        return allowed

    def _price(self, kind: str, count: int, forecast: Mapping[str, Range]) -> float:
        if kind in forecast and count:
            return forecast[kind][1] / count
        return float(getattr(self, kind) / self.calls) if self.calls else 0.0


@dataclass(frozen=True)
class Forecast:
    """What a run is expected to cost: ``(low, high)`` of each kind, None where nobody knows.

    ``basis`` says what the expectation rests on, as the end of a sentence. Evaluations that are in
    the store already are ``reused`` and cost nothing.
    """

    calls: Range
    reused: int
    tokens: Range | None
    usd: Range | None
    seconds: Range | None
    basis: str

    @property
    def sentence(self) -> str:
        """The forecast in words.

        >>> Forecast((500, 500), 0, (9000, 12000), None, (2.0, 8.0), "the first batch").sentence
        'Forecast from the first batch: 500 calls, 9,000 to 12,000 tokens, 2 to 8 s.'
        """
        if math.isinf(self.calls[1]):
            parts = ["as many calls as the budget allows"]
        else:
            parts = [f"{_words(self.calls, 0)} calls"]
        if self.reused:
            parts[0] += f" beside {self.reused:,} stored evaluations"
        if self.tokens:
            parts.append(f"{_words(self.tokens, 0)} tokens")
        if self.usd:
            parts.append(f"{_words(self.usd, 2)} USD")
        if self.seconds:
            parts.append(f"{_words(self.seconds, 0 if self.seconds[1] >= 10 else 1)} s")
        return f"Forecast{f' from {self.basis}' if self.basis else ''}: {', '.join(parts)}."


def _words(span: Range, digits: int) -> str:
    low, high = (_number(end, digits) for end in span)
    return low if low == high else f"{low} to {high}"


def _number(amount: float, digits: int) -> str:
    if 0 < amount < 10**-digits:  # never "0.00 USD" for what is not free
        return f"{amount:.1g}"
    text = f"{amount:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def forecast(
    budget: Budget,
    spent: Meter,
    evaluations: Range,
    reused: int,
    prices: Mapping[str, Range],
    basis: str,
) -> Forecast:
    """Return what is still to be paid.

    Parameters
    ----------
    budget, spent
        the limits, and what counts towards them already, reused evaluations included.
    evaluations
        fewest and most evaluations that the run would make if nothing but calls were limited.
    reused
        evaluations that need not be made.
    prices
        ``(low, high)`` of one evaluation, for the kinds that are known.
    basis
        where the prices are from.
    """
    low, high = evaluations
    for kind, (cheap, dear) in prices.items():
        limit = getattr(budget, kind)
        if limit is not None and dear > 0:
            left = max(limit - getattr(spent, kind), 0.0)
            low = min(low, left / dear)
            high = min(high, left / cheap) if cheap > 0 else high
    low, high = min(low, high), max(low, high)
    costs: dict[str, Range | None] = dict.fromkeys(KINDS[1:])
    for kind, (cheap, dear) in prices.items():
        limit = getattr(budget, kind)
        left = math.inf if limit is None else max(limit - getattr(spent, kind), 0.0)
        costs[kind] = (min(low * cheap, left), min(high * dear, left))
    low, high = (end if math.isinf(end) else float(math.floor(end)) for end in (low, high))
    return Forecast((low, high), reused, costs["tokens"], costs["usd"], costs["seconds"], basis)
