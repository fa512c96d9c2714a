"""Counterfactual checks: are the interactions that a spectrum tells of really there?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import isfinite
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np

from interplay.actions.explained import Explained, limits, same_function, shown_of, store_of
from interplay.actions.subset.choice import interval
from interplay.errors import BadInput, BudgetExceeded, check_whole
from interplay.evaluate import Budget, Executor, Meter, OnEvent, Stop, evaluate
from interplay.intervals import bootstrap, leaves_out_zero, middle
from interplay.lenses.pairs import pairs_of
from interplay.value_function import BoolArray, FloatArray

FORMAT: Final = "interplay.counterfactuals"
VERSION: Final = 1

TOP: Final = 20
BACKGROUNDS: Final = 50
CORNERS: Final = ((True, True), (True, False), (False, True), (False, False))
SIGNS: Final = np.array([1.0, -1.0, -1.0, 1.0])
"""Of the values at the corners, in an interaction."""

E = TypeVar("E")


@dataclass(frozen=True)
class Counterfactual:
    """A pair whose interaction was measured.

    Attributes
    ----------
    features, names
        Numbers and names of the two.
    predicted : float
        Mean over the backgrounds of what the spectrum says of the interaction.
    measured : float
        Mean over the backgrounds of ``v(both) - v(first) - v(second) + v(neither)``.
    low, high : float, optional
        90 % interval of ``measured``, by bootstrap over backgrounds.
    full : float, optional
        The interaction with all other features kept.
    agrees : bool
        Whether ``measured`` has the sign of ``predicted``.
    """

    features: tuple[int, int]
    names: tuple[str, str]
    predicted: float
    measured: float
    low: float | None
    high: float | None
    full: float | None
    agrees: bool

    @property
    def clear(self) -> bool:
        """Whether the interval leaves zero out."""
        return leaves_out_zero(self.low, self.high)


@dataclass(frozen=True)
class Counterfactuals:
    """The result of :func:`counterfactuals`.

    Attributes
    ----------
    target : str
    rate : float
        The share of the other features that a background keeps.
    backgrounds : int
        How many there were.
    pairs : tuple of Counterfactual
        In the order of the spectrum, strongest first.
    sign_agreement : float
        The share of pairs whose measured interaction has the predicted sign.
    sign_interval, correlation_interval : (float, float), optional
        90 % intervals, by bootstrap over pairs; None of fewer than 3.
    correlation : float, optional
        Of measured and predicted interactions over pairs; None where one of them does not vary.
    calls, reused, seconds
        What it has cost; ``reused`` evaluations came from the store.
    stopped : str, optional
        Why it ended early.
    explained : str, optional
        Fingerprint of the value function that was explained.
    """

    target: str
    rate: float
    backgrounds: int
    pairs: tuple[Counterfactual, ...]
    sign_agreement: float
    sign_interval: tuple[float, float] | None
    correlation: float | None
    correlation_interval: tuple[float, float] | None
    calls: int
    reused: int
    seconds: float
    stopped: str | None
    explained: str | None = field(default=None, repr=False)

    @property
    def sentence(self) -> str:
        """What was found, in a sentence."""
        right = sum(pair.agrees for pair in self.pairs)
        clear = sum(pair.clear for pair in self.pairs)
        told = (
            f"Of the {len(self.pairs)} strongest pairs {right} have the predicted sign on "
            f"{self.backgrounds} backgrounds ({100 * self.rate:.0f} % kept)"
        )
        if self.correlation is not None:
            told += f"; measured and predicted interactions correlate by {self.correlation:.2f}"
            if self.correlation_interval is not None:
                low, high = self.correlation_interval
                told += f" (90 % interval {low:.2f} to {high:.2f})"
        return f"{told}. The intervals of {clear} leave zero out."

    def to_dict(self) -> dict[str, Any]:
        """Return everything as a JSON-able mapping: what ``subject["counterfactuals"]`` holds."""
        return {
            "format": FORMAT,
            "version": VERSION,
            **asdict(self),
            "pairs": [
                asdict(pair) | {"features": list(pair.features), "names": list(pair.names)}
                for pair in self.pairs
            ],
            "sign_interval": _listed(self.sign_interval),
            "correlation_interval": _listed(self.correlation_interval),
            "sentence": self.sentence,
        }

    def attached(self, explanation: E) -> E:
        """Return the explanation with these findings in its subject, so that reports show them."""
        held: Any = explanation
        made: E = replace(held, subject={**held.subject, "counterfactuals": self.to_dict()})
        return made


def counterfactuals(
    explanation: Explained,
    value_function: Callable[..., Any] | None = None,
    *,
    target: str | None = None,
    pairs: Sequence[Sequence[int]] | None = None,
    top: int = TOP,
    backgrounds: int = BACKGROUNDS,
    rate: float = 0.5,
    fingerprint: str | None = None,
    budget: int | str | Budget | None = None,
    store: str | Path | None = None,
    seed: int = 0,
    stop: Stop | None = None,
    on_event: OnEvent | None = None,
    executor: Executor | None = None,
) -> Counterfactuals:
    """Measure the strongest pair interactions of an explanation, and compare them with it.

    On random backgrounds of the other features, the same for all pairs, the value function is
    evaluated with both features of a pair, with each alone and with neither. At a rate of 1/2 the
    mean over backgrounds is an unbiased estimate of the Banzhaf interaction, from evaluations that
    no fit has seen.

    Parameters
    ----------
    explanation
        an :class:`interplay.Explanation`.
    value_function
        that was explained. By default it is made again from what the run says.
    target
        which of the explanation's targets; default: the one that it shows.
    pairs
        pairs of feature numbers, to check others than the strongest of the spectrum.
    top
        so many of the strongest pairs are checked.
    backgrounds
        how many; 3 evaluations a pair and background.
    rate
        the share of the other features that a background keeps, between 0 and 1.
    fingerprint
        names the value function in the store, as in :func:`interplay.explain`.
    budget
        for all that is evaluated; default: no limit. Where it ends, fewer backgrounds count.
    store
        SQLite file of evaluations; default: that of the explanation.
    seed
        of the backgrounds.
    stop, on_event, executor
        as in :func:`interplay.explain`.

    Raises
    ------
    BadInput
        the spectrum has no pairs, the rate is not between 0 and 1, ...
    BudgetExceeded
        the budget does not reach for two backgrounds.

    Examples
    --------
    >>> import interplay as ip
    >>> def model(masks):
    ...     return 2.0 * (masks[:, 1] & masks[:, 2]) - (masks[:, 0] & masks[:, 3])
    >>> explanation = ip.explain(model, 12, budget=300, method="faith-banzhaf-2", store=None)
    >>> found = counterfactuals(explanation, model)
    >>> [(pair.features, pair.measured) for pair in found.pairs[:2]]
    [((1, 2), 2.0), ((0, 3), -1.0)]
    """
    shown = shown_of(explanation, target)
    _, function = same_function(
        explanation, value_function, "counterfactuals are measured", "counterfactuals"
    )
    check_whole("top", top, 1)
    count = check_whole("backgrounds", backgrounds, 2)
    check_whole("seed", seed, 0)
    number = isinstance(rate, int | float | np.integer | np.floating)
    if isinstance(rate, bool) or not number or not 0 < rate < 1:
        raise BadInput(f"rate must be a share between 0 and 1, such as 0.5; got {rate!r}")
    n = len(explanation.features)
    chosen = _chosen(shown, pairs, int(top), n)
    spend = limits(Budget() if budget is None else budget, "a check by counterfactuals")
    drawn = np.random.default_rng([seed, 8]).random((count, n)) < rate
    # the full ones first; then, background by background, all pairs: a run that ends early has
    # seen as much of each
    everything = np.concatenate([np.ones((1, n), dtype=np.bool_), drawn])
    masks = np.concatenate([_corners(mask, chosen) for mask in everything])
    with store_of(explanation, store) as opened:
        paid = evaluate(
            function,
            masks,
            store=opened,
            replicates=explanation.sample.replicates,
            fingerprint=fingerprint,
            meter=Meter(spend),
            stop=stop,
            on_event=on_event,
            executor=executor,
        )
    rounds = len(paid.values) // (4 * len(chosen))
    if rounds < 3:
        raise BudgetExceeded(
            f"budget={str(spend)!r} is too small: {paid.stopped} before two backgrounds of "
            f"{len(chosen)} pairs were evaluated ({12 * len(chosen)} evaluations at most)"
        )
    used = rounds * 4 * len(chosen)
    column = _column(function, explanation, shown, paid.values.shape[1])
    measured = _interactions(paid.values[:used, column], len(chosen))
    predicted = _interactions(shown.spectrum.predict(masks[:used]), len(chosen))
    found = tuple(
        _checked(explanation, pair, measured[:, place], predicted[:, place], int(seed))
        for place, pair in enumerate(chosen)
    )
    known = [pair for pair in found if isfinite(pair.measured)]
    if not known:
        raise BadInput("no pair has a value on any background: every training diverged")
    agreement, correlation = _agreement(known, int(seed))
    return Counterfactuals(
        target=shown.target_name,
        rate=float(rate),
        backgrounds=rounds - 1,
        pairs=tuple(known),
        sign_agreement=float(np.mean([pair.agrees for pair in known])),
        sign_interval=agreement,
        correlation=_correlation(*_columns(known)),
        correlation_interval=correlation,
        calls=paid.calls,
        reused=paid.reused,
        seconds=paid.seconds,
        stopped=paid.stopped,
        explained=explanation.config.get("fingerprint"),
    )


def _chosen(
    shown: Explained, pairs: Sequence[Sequence[int]] | None, top: int, n: int
) -> list[tuple[int, int]]:
    if pairs is None:
        found = [pair.features for pair in pairs_of(shown.spectrum)[:top]]
        if not found:
            raise BadInput(
                f"the spectrum of {shown.target_name} has no pairs, so that none can be checked; "
                "give pairs=[(i, j), ...], or explain with more calls"
            )
        return found
    chosen = []
    for pair in pairs:
        two = list(pair)
        whole = all(isinstance(i, int | np.integer) and 0 <= i < n for i in two)
        if len(two) != 2 or not whole or two[0] == two[1]:
            raise BadInput(f"pairs must be of two different features, 0 to {n - 1}; got {pair!r}")
        chosen.append((int(min(two)), int(max(two))))
    if not chosen:
        raise BadInput("pairs is empty: there is nothing to check")
    return list(dict.fromkeys(chosen))


def _corners(mask: BoolArray, pairs: list[tuple[int, int]]) -> BoolArray:
    """The four masks of each pair on a background, ``(4 p, n)``."""
    masks = np.repeat(mask[None], 4 * len(pairs), axis=0)
    for place, pair in enumerate(pairs):
        for corner, kept in enumerate(CORNERS):
            masks[4 * place + corner, list(pair)] = kept
    return masks


def _interactions(values: FloatArray, pairs: int) -> FloatArray:
    """Interactions on each background, the full one first, ``(1 + b, pairs)``."""
    found: FloatArray = values.reshape(-1, pairs, 4) @ SIGNS
    return found


def _column(function: Any, explanation: Explained, shown: Explained, q: int) -> int:
    targets = getattr(function, "targets", None) or explanation.targets
    if shown.target_name not in targets or len(targets) != q:
        raise BadInput(
            f"the value function has no target {shown.target_name!r}: is it the one that was "
            "explained?"
        )
    return list(targets).index(shown.target_name)


def _checked(
    explanation: Explained,
    pair: tuple[int, int],
    measured: FloatArray,
    predicted: FloatArray,
    seed: int,
) -> Counterfactual:
    full, rest = float(measured[0]), measured[1:]
    known = np.isfinite(rest)  # a training that diverged has no value
    value = float(rest[known].mean()) if known.any() else float("nan")
    said = float(predicted[1:].mean())
    return Counterfactual(
        pair,
        (explanation.features[pair[0]], explanation.features[pair[1]]),
        said,
        value,
        *interval(rest[known], seed),
        full if isfinite(full) else None,
        value * said > 0,
    )


def _columns(found: Sequence[Counterfactual]) -> tuple[FloatArray, FloatArray]:
    return np.array([p.predicted for p in found]), np.array([p.measured for p in found])


def _correlation(predicted: FloatArray, measured: FloatArray) -> float | None:
    if min(np.ptp(predicted), np.ptp(measured)) <= 1e-12 * max(
        float(np.abs(predicted).max()), float(np.abs(measured).max()), 1e-300
    ):
        return None
    return float(np.corrcoef(predicted, measured)[0, 1])


def _agreement(
    found: Sequence[Counterfactual], seed: int
) -> tuple[tuple[float, float] | None, tuple[float, float] | None]:
    """90 % intervals of sign agreement and correlation, by bootstrap over pairs."""
    if len(found) < 3:
        return None, None
    counts = bootstrap(len(found), np.random.default_rng([seed, 9]))
    shares = counts @ np.array([pair.agrees for pair in found]) / len(found)
    ends = middle(shares)
    table = np.stack(_columns(found), axis=1)
    table = (table - table.mean(axis=0)) / np.maximum(table.std(axis=0), 1e-300)
    means = counts @ table / len(found)
    products = counts @ table.prod(axis=1) / len(found) - means.prod(axis=1)
    spread = (counts @ np.square(table) / len(found) - np.square(means)).prod(axis=1)
    known = spread > 1e-12  # of a draw that holds the same pair again and again there is none
    if not known.any():
        return ends, None
    return ends, middle(products[known] / np.sqrt(spread[known]))


def _listed(given: tuple[float, float] | None) -> list[float] | None:
    return None if given is None else list(given)
