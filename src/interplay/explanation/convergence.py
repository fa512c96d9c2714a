"""Faithfulness against calls: how soon a run knew what it knows, and whether more would help."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from interplay.errors import BadInput
from interplay.metrics import Estimate
from interplay.recording import Recording
from interplay.surrogates import MIN_MASKS, fit_recording

if TYPE_CHECKING:
    from interplay.explanation.explanation import Explanation

FRACTIONS: Final = (1 / 8, 1 / 4, 1 / 2)

STREAM: Final = 4
"""Of the random streams of a run's seed; those before it are the fit's and the draws'."""


Fits = Mapping[int, Mapping[str, Estimate]]
"""Number of calls -> target -> the faithfulness of a fit to so many."""


@dataclass(frozen=True)
class Point:
    """Held-out R² after so many calls, with its 90 % interval."""

    calls: int
    value: float
    low: float
    high: float

    @classmethod
    def of(cls, calls: int, faithfulness: Estimate) -> Self:
        return cls(calls, faithfulness.value, faithfulness.low, faithfulness.high)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Return the point that ``asdict`` made a mapping of."""
        numbers = (float(content[name]) for name in ("value", "low", "high"))
        return cls(int(content["calls"]), *numbers)


def curve(fits: Fits, target: str) -> tuple[Point, ...]:
    """Return a target's points by rising calls; those with too few masks to test by are left out.

    >>> few, many = Estimate(0.5, 0.1, 0.8, "uniform"), Estimate(0.9, 0.8, 1.0, "uniform")
    >>> curve({40: {"yes": many}, 10: {"yes": few}}, "yes")
    (Point(calls=10, value=0.5, low=0.1, high=0.8), Point(calls=40, value=0.9, low=0.8, high=1.0))
    """
    told = [Point.of(calls, found[target]) for calls, found in sorted(fits.items())]
    return tuple(point for point in told if np.isfinite(point.value))


def with_convergence(run: Explanation, fractions: Sequence[float] = FRACTIONS) -> Explanation:
    """Return a run with its faithfulness after fewer calls, or with a note why it has none."""
    evaluations = run.evaluations
    if evaluations is None:
        raise BadInput(
            "this run was loaded without its evaluations, and cannot be fitted to parts of them: "
            "put the .npz file that save() wrote beside the .json file, and load again"
        )
    method, seed = str(run.config["method"]), int(run.config["seed"])
    reason, parts = obstacle(evaluations, method), dict[int, Mapping[str, Estimate]]()
    if reason is None:
        parts = refitted(evaluations, method=method, seed=seed, fractions=fractions)
        reason = None if parts else "parts of its masks are too few for a fit"
    if reason is not None:
        told = f"Faithfulness against calls was not measured: {reason}."
        notes = run.run_notes if told in run.run_notes else (*run.run_notes, told)
        return replace(run, run_notes=notes)
    sample, spent = run.sample, run.cost.calls + run.cost.reused
    fits: dict[int, Mapping[str, Estimate]] = {
        spent - (sample.masks - m) * sample.replicates: found for m, found in parts.items()
    }
    fits[spent] = {finding.target: finding.faithfulness for finding in run.findings}
    findings = tuple(
        replace(finding, convergence=curve(fits, finding.target)) for finding in run.findings
    )
    return replace(run, findings=findings)


def obstacle(evaluations: Recording, method: str) -> str | None:
    """Return why a part of these evaluations would not be like a smaller run; None if it would."""
    if evaluations.code is not None:
        return "coded masks can only be decoded together"
    if evaluations.kind == "adaptive":
        return "its masks were chosen by what was found on the way"
    if method == "exact":
        return 'method "exact" needs every mask'
    return None


def refitted(
    evaluations: Recording, *, method: str, seed: int, fractions: Sequence[float]
) -> dict[int, Mapping[str, Estimate]]:
    """Fit random parts of the evaluations: number of rows -> target -> faithfulness.

    A larger part includes a smaller one. The full and the empty mask, and the masks that were set
    aside to judge by, are in every part; one that is too small for a fit is left out.
    """
    if not fractions or not all(0 < fraction < 1 for fraction in fractions):
        raise BadInput(f"fractions must lie between 0 and 1; got {tuple(fractions)}")
    kept = evaluations.masks.sum(axis=1)
    always = (kept == 0) | (kept == evaluations.masks.shape[1])
    if evaluations.test is not None:
        always |= evaluations.test
    rng = np.random.default_rng(seed).spawn(STREAM + 1)[STREAM]
    others = rng.permutation(np.flatnonzero(~always))
    found: dict[int, Mapping[str, Estimate]] = {}
    for fraction in sorted(fractions):
        more = round(fraction * len(kept)) - int(always.sum())
        if more < MIN_MASKS or more >= len(others):
            continue
        rows = np.sort(np.concatenate([np.flatnonzero(always), others[:more]]))
        try:
            fits = fit_recording(_part(evaluations, rows), method=method, seed=seed)
        except BadInput:  # of a baseline that needs certain masks, or more of them
            continue
        found[len(rows)] = {target: fitted.faithfulness for target, fitted in fits.items()}
    return found


def _part(evaluations: Recording, rows: NDArray[np.intp]) -> Recording:
    noise, test = evaluations.noise_var, evaluations.test
    return replace(
        evaluations,
        masks=evaluations.masks[rows],
        values=evaluations.values[rows],
        noise_var=None if noise is None else noise[rows],
        test=None if test is None else test[rows],
    )
