"""What two runs were fitted to: the same numbers, the same masks, or each to its own."""

from __future__ import annotations

from typing import Any, Final

from interplay.comparison.alignment import Alignment
from interplay.explanation import Explanation
from interplay.packing import pack

SAME_NUMBERS: Final = "same numbers"
SAME_MASKS: Final = "same masks"
SOME_MASKS: Final = "some of the same masks"
INDEPENDENT: Final = "independent"

FEW: Final = 0.05
"""Share of common masks up to which fits are called independent: random masks may well meet."""


def relation(first: Explanation, second: Explanation, alignment: Alignment) -> str:
    """Return how the errors of two runs hang together: one of the four words above.

    Where the masks are not at hand, runs of the same design and seed are taken to have used the
    same ones, as far as they go: a larger budget repeats the masks of a smaller.
    """
    if first.sample.digest == second.sample.digest:
        return SAME_NUMBERS
    same_features = alignment.whole and alignment.first == alignment.second
    if not same_features or (_without_error(first) and _without_error(second)):
        return INDEPENDENT
    mine, others = _masks(first), _masks(second)
    if mine is not None and others is not None:
        share = len(mine & others) / max(min(len(mine), len(others)), 1)
        whole = share == 1 and len(mine) == len(others)
        return SAME_MASKS if whole else SOME_MASKS if share > FEW else INDEPENDENT
    seeds = [(run.config.get("seed"), run.sample.design) for run in (first, second)]
    if None in seeds[0] or seeds[0] != seeds[1]:
        return INDEPENDENT
    return SAME_MASKS if first.sample.masks == second.sample.masks else SOME_MASKS


def same_function(first: Explanation, second: Explanation, alignment: Alignment) -> bool:
    """Whether both runs evaluated the same value function, by its fingerprint."""
    prints = [run.config.get("fingerprint") for run in (first, second)]
    return prints[0] is not None and prints[0] == prints[1] and alignment.how == "position"


def _without_error(found: Explanation) -> bool:
    errors = found.spectrum.standard_errors
    return errors is not None and not errors.any()


def _masks(found: Explanation) -> set[Any] | None:
    """The masks but the full and the empty one, which every run has; None where unknown."""
    if found.evaluations is None:
        return None
    masks = found.evaluations.masks
    kept = masks.sum(axis=1)
    drawn = masks[(kept > 0) & (kept < masks.shape[1])]
    return {row.tobytes() for row in pack(drawn)}
