"""Which features to keep, or to take away: the questions, and their answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import inf, sqrt
from numbers import Real
from time import perf_counter

import numpy as np
from numpy.typing import ArrayLike

from interplay.errors import BadInput, unknown
from interplay.optimize.problem import Problem
from interplay.optimize.solve import METHODS, Solution, solve
from interplay.packing import Term
from interplay.spectrum import Spectrum
from interplay.value_function import BoolArray, FloatArray


@dataclass(frozen=True, eq=False)
class Subset:
    """A choice of features, and how good it is.

    Attributes
    ----------
    mask
        bool ``(n,)``, True = feature kept.
    features
        names of the kept features.
    value
        what the spectrum predicts under the mask.
    objective
        what was optimised: ``value``; for robust choices mean -+ kappa * sd; for
        :func:`top_removal` the size of the change.
    bound
        no mask that meets the conditions has a better objective.
    gap
        ``|bound - objective| / |objective|``; 0 = proved optimal. infinity where ``objective`` is 0
        and ``bound`` is not.
    optimal
        whether the gap is 0.
    seconds
        wall-clock time.
    method
        what settled it: ``"enumeration"``, ``"relaxation"``, ``"search"``, ``"milp"``, ``"local"``.
    """

    mask: BoolArray
    features: tuple[str, ...]
    value: float
    objective: float
    bound: float
    gap: float
    optimal: bool
    seconds: float
    method: str


def best_subset(
    spectrum: Spectrum,
    size: int | None = None,
    *,
    at_most: int | None = None,
    at_least: int | None = None,
    maximize: bool = True,
    keep: Iterable[int] = (),
    drop: Iterable[int] = (),
    time_limit: float = 30.0,
    draws: ArrayLike | None = None,
    kappa: float = 0.0,
    method: str = "auto",
    seed: int = 0,
) -> Subset:
    """Return the features to keep for the highest (or lowest) prediction.

    Parameters
    ----------
    spectrum
        the series to optimise.
    size
        how many features to keep; None for any number.
    at_most, at_least
        bounds of that number, instead of ``size``.
    maximize
        False for the lowest prediction.
    keep, drop
        indices of features that must be kept, must not be kept.
    time_limit
        seconds. Past it the best mask found is returned, with the gap that is left.
    draws
        float ``(d, k)``, d at least 2: the k coefficients of the spectrum drawn d times (from fits
        to resampled masks, a posterior, ...), in the order of ``spectrum.terms``.
    kappa
        with ``draws``, maximises mean - kappa * sd of the d predictions (minimises mean + kappa *
        sd). Without draws the spectrum's standard errors are used; those are of independent
        coefficients, and then every mask has the same sd, so that the choice does not change.
    method
        ``"auto"``: exact; ``"milp"``: exact, by HiGHS; ``"local"``: local search with a bound.
    seed
        of the local searches.

    Raises
    ------
    BadInput
        if no mask meets the conditions, the draws do not fit the spectrum, ...

    Notes
    -----
    ``optimal`` results are optimal to one part in 10⁹ of the objective. How it is done, what the
    gap means and measured times: docs/optimize.md.

    Examples
    --------
    >>> spectrum = Spectrum({(0,): -1.0, (1,): -0.8, (0, 1): -0.9, (2,): -0.1}, n=3)
    >>> best_subset(spectrum, 2).mask
    array([ True, False,  True])
    >>> best_subset(spectrum, keep=[0], at_most=1).features
    ('x0',)
    """
    started = perf_counter()
    seconds = _settings(method, time_limit)
    low, high = _counts(spectrum.n, size, at_most, at_least)
    kept, dropped = _fixed(spectrum, keep, drop, low, high)
    known = _Coefficients.of(spectrum, draws, kappa)
    sign = 1.0 if maximize else -1.0
    question = _Question(spectrum, kept, dropped, low, high)
    # of independent errors the sd is the same under every mask: chi is +1 or -1
    same = 0.0 if known.independent is None else float(np.linalg.norm(known.independent))
    solution = question.solve(
        sign * known.mean,
        known.spread,
        np.zeros(len(known.spread)),
        seconds,
        method,
        seed,
        constant=-same,
    )
    return question.answer(solution, sign, started)


def top_removal(
    spectrum: Spectrum,
    r: int,
    *,
    keep: Iterable[int] = (),
    time_limit: float = 30.0,
    draws: ArrayLike | None = None,
    kappa: float = 0.0,
    method: str = "auto",
    seed: int = 0,
) -> Subset:
    """Return which r features, taken away from the full mask, change the prediction most.

    That is, the mask S of n - r features with the largest ``|f(all) - f(S)|``: the largest fall
    and the largest rise are both looked for, each in half the time.

    Parameters
    ----------
    spectrum, time_limit, draws, method, seed
        as for :func:`best_subset`.
    r
        how many features to take away.
    keep
        indices of features that must stay.
    kappa
        maximises mean - kappa * sd of the change over ``draws``; without draws, of changes with the
        spectrum's standard errors, for independent coefficients. Here masks do differ in sd.

    Returns
    -------
    Subset
        ``mask`` and ``features`` are what stays; ``objective``, ``bound`` and ``gap`` speak of the
        change.

    Examples
    --------
    >>> spectrum = Spectrum({(0,): -1.0, (1,): -0.8, (0, 1): -0.9, (2,): -0.1}, n=3)
    >>> removed = top_removal(spectrum, 2)
    >>> removed.features, round(removed.objective, 6)
    (('x2',), 3.6)
    """
    started = perf_counter()
    seconds = _settings(method, time_limit)
    size = spectrum.n - _whole(r, "r, the number of features to remove,", 0, spectrum.n)
    kept, _ = _fixed(spectrum, keep, (), size, size)
    known = _Coefficients.of(spectrum, draws, kappa)
    spread = known.spread if known.independent is None else np.diag(known.independent)
    question = _Question(spectrum, kept, [], size, size)
    full = 1.0 - 2.0 * (spectrum.orders % 2)  # chi of the full mask
    solutions = []
    for sign in (1.0, -1.0):  # the largest rise, the largest fall
        spent = perf_counter() - started
        solutions.append(
            question.solve(
                sign * known.mean,
                spread,
                -(spread @ full),
                seconds / 2 if sign > 0 else max(seconds - spent, 0.0),
                method,
                seed,
                constant=-sign * float(known.mean @ full),
            )
        )
    best = max(solutions, key=lambda solution: solution.value)
    bound = max(solution.bound for solution in solutions)
    return question.answer(replace(best, bound=bound), 1.0, started)


@dataclass(frozen=True, eq=False)
class _Question:
    """A spectrum with features that are decided already: what is left is a :class:`Problem`."""

    spectrum: Spectrum
    kept: list[int]
    dropped: list[int]
    low: int
    high: int

    @property
    def free(self) -> list[int]:
        fixed = {*self.kept, *self.dropped}
        return [i for i in range(self.spectrum.n) if i not in fixed]

    def solve(
        self,
        coefficients: FloatArray,
        spread: FloatArray,
        offset: FloatArray,
        seconds: float,
        method: str,
        seed: int,
        *,
        constant: float = 0.0,
    ) -> Solution:
        """Return the best mask of the free features for ``constant + c chi - |offset + A chi|``."""
        free = self.free
        place = {i: j for j, i in enumerate(free)}
        kept, fixed = set(self.kept), {*self.kept, *self.dropped}
        terms: list[Term] = []
        signs = np.ones(len(self.spectrum))
        for row, term in enumerate(self.spectrum.terms):
            signs[row] = -1.0 if sum(i in kept for i in term) % 2 else 1.0
            terms.append(tuple(place[i] for i in term if i not in fixed))
        problem = Problem.of(
            len(free),
            [(), *terms],
            np.append(constant, coefficients * signs),
            np.hstack([np.zeros((len(spread), 1)), spread * signs]),
            offset,
            self.low - len(self.kept),
            self.high - len(self.kept),
        )
        return solve(problem, method, seconds, seed)

    def answer(self, solution: Solution, sign: float, started: float) -> Subset:
        """Return the solution in terms of the spectrum."""
        spectrum = self.spectrum
        mask = np.zeros(spectrum.n, dtype=np.bool_)
        mask[self.kept] = True
        mask[self.free] = solution.mask
        mask.flags.writeable = False
        room = solution.bound - solution.value
        gap = 0.0 if room <= 0 else room / abs(solution.value) if solution.value else inf
        return Subset(
            mask=mask,
            features=tuple(spectrum.features[i] for i in np.flatnonzero(mask)),
            value=float(spectrum.predict(mask[None])[0]),
            objective=sign * solution.value,
            bound=sign * solution.bound,
            gap=gap,
            optimal=gap == 0,
            seconds=perf_counter() - started,
            method=solution.method,
        )


@dataclass(frozen=True, eq=False)
class _Coefficients:
    """The coefficients to optimise, and what their uncertainty costs.

    ``spread`` is kappa times the root of their covariance, ``(r, k)``: sd = |spread chi|. Of
    independent errors only their sizes are kept: kappa * errors, ``(k,)``.
    """

    mean: FloatArray
    spread: FloatArray
    independent: FloatArray | None

    @classmethod
    def of(cls, spectrum: Spectrum, draws: ArrayLike | None, kappa: float) -> _Coefficients:
        if not 0 <= _number(kappa, "kappa") < inf:
            raise BadInput(f"kappa must be a number of at least 0; got {kappa!r}")
        k = len(spectrum)
        none = np.zeros((0, k))
        if draws is None:
            if kappa and spectrum.standard_errors is None:
                raise BadInput(
                    "kappa needs draws of the coefficients, or a spectrum with standard errors; "
                    "this one has none"
                )
            errors = spectrum.standard_errors
            independent = float(kappa) * errors if kappa and errors is not None else None
            return cls(spectrum.coefficients, none, independent)
        table = _draws(draws, k)
        mean = table.mean(axis=0)
        spread = float(kappa) * (table - mean) / sqrt(len(table))
        if len(spread) > k:
            spread = np.linalg.qr(spread, mode="r")
        return cls(mean, spread if kappa else none, None)


def _draws(draws: ArrayLike, k: int) -> FloatArray:
    try:
        table = np.asarray(draws, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BadInput(f"draws must be numbers: {error}") from error
    if table.ndim != 2 or table.shape[1] != k or len(table) < 2:
        raise BadInput(
            f"draws must have shape (d, {k}), d at least 2: one column per term of the spectrum, "
            f"in the order of spectrum.terms; got {table.shape}"
        )
    if not np.isfinite(table).all():
        raise BadInput(f"draws must be finite; got {table[~np.isfinite(table)][0]}")
    return table


def _counts(n: int, size: int | None, at_most: int | None, at_least: int | None) -> tuple[int, int]:
    if size is not None:
        if at_most is not None or at_least is not None:
            raise BadInput("give either size or at_most and at_least, not both")
        size = _whole(size, "size", 0, n)
        return size, size
    low = 0 if at_least is None else _whole(at_least, "at_least", 0, n)
    high = n if at_most is None else _whole(at_most, "at_most", 0, n)
    if low > high:
        raise BadInput(f"no mask keeps at least {low} and at most {high} features")
    return low, high


def _fixed(
    spectrum: Spectrum, keep: Iterable[int], drop: Iterable[int], low: int, high: int
) -> tuple[list[int], list[int]]:
    n = spectrum.n
    kept = sorted({_whole(i, "a feature in keep", 0, n - 1) for i in keep})
    dropped = sorted({_whole(i, "a feature in drop", 0, n - 1) for i in drop})
    if both := set(kept) & set(dropped):
        i = min(both)
        raise BadInput(f"feature {i} ({spectrum.features[i]!r}) is in both keep and drop")
    if len(kept) > high:
        raise BadInput(f"{len(kept)} features must be kept, but at most {high} may be")
    if n - len(dropped) < low:
        raise BadInput(
            f"{low} of the {n} features are to be kept at least, but {len(dropped)} must be dropped"
        )
    return kept, dropped


def _whole(number: object, name: str, low: int, high: int) -> int:
    if isinstance(number, bool) or not isinstance(number, int | np.integer):
        raise BadInput(f"{name} must be an integer; got {number!r}")
    if not low <= number <= high:
        raise BadInput(f"{name} must be between {low} and {high}; got {number}")
    return int(number)


def _number(number: object, name: str) -> float:
    if isinstance(number, bool) or not isinstance(number, Real):
        raise BadInput(f"{name} must be a number; got {number!r}")
    return float(number)


def _settings(method: str, time_limit: float) -> float:
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    if not _number(time_limit, "time_limit") > 0:
        raise BadInput(f"time_limit must be a number of seconds above 0; got {time_limit!r}")
    return float(time_limit)
