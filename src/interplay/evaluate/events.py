"""What the library says while it works; the command line draws progress bars from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from interplay.evaluate.budget import Forecast


@dataclass(frozen=True)
class NextInput:
    """Of many inputs the ``number``-th begins, of ``total`` where that is known."""

    id: str
    number: int
    total: int | None


@dataclass(frozen=True)
class Planned:
    """Which masks a run will evaluate, in a sentence, where their number is not simply the budget.

    Told before anything is evaluated.
    """

    sentence: str


@dataclass(frozen=True)
class Started:
    """Evaluation begins, or goes on with more masks (``budget="auto"``, or one without calls).

    ``total`` evaluations, of which ``reused`` are in the store already.
    """

    total: int
    reused: int
    batch_size: int


@dataclass(frozen=True)
class Progress:
    """A batch has arrived and is stored: ``done`` of ``total``, ``seconds`` since the start.

    ``done`` includes the ``reused`` ones.
    """

    done: int
    total: int
    reused: int
    seconds: float


@dataclass(frozen=True)
class Forecasted:
    """What the run will cost, before the first call; again when its first batch tells more."""

    forecast: Forecast


@dataclass(frozen=True)
class Fitting:
    """All values are there, the surrogate named ``method`` is being fitted."""

    method: str


@dataclass(frozen=True)
class Finished:
    """The explanation is complete, ``seconds`` after the start."""

    seconds: float


@dataclass(frozen=True)
class Warned:
    """Something that the user should know, in a sentence; the work goes on."""

    message: str


Event = NextInput | Planned | Started | Progress | Forecasted | Fitting | Finished | Warned
OnEvent = Callable[[Event], None]
