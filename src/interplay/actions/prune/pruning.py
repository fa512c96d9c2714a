"""What pruning found, in figures and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from interplay.actions.subset.choice import Choice, Difference, interval
from interplay.errors import BadInput, unknown
from interplay.numbers import short
from interplay.value_function import BoolArray

if TYPE_CHECKING:
    from interplay.actions.prune.checkpoint import Checkpoint

FORMAT: Final = "interplay.pruning"
VERSION: Final = 1

METHODS: Final = {
    "auto": "integer program on the spectrum or backward elimination, then likely swaps",
    "robust": "the same, of the mean less one sd of resampled fits",
    "lasso": "largest main effects of LASSO on the same masks",
    "random": "best of random sets",
    "leave-one-out": "largest falls when one part goes",
    "keep-one": "largest values when one part is all there is",
    "attribution-patching": "largest gradients of gates, one backward pass",
}


@dataclass(frozen=True)
class Contest:
    """All choices of one size.

    Attributes
    ----------
    share : float
        Of the parts, kept; ``size`` is their number.
    choices : dict of str to Choice
        By method, the chosen one first.
    differences : tuple of Difference
        Of the first choice to each other.
    left_out : dict of str to str
        Methods that could not be compared, and why.
    """

    share: float
    size: int
    choices: dict[str, Choice]
    differences: tuple[Difference, ...]
    left_out: dict[str, str]

    @property
    def best(self) -> Choice:
        """What prune chose: not the winner on the test prompts, which no choice has seen."""
        return next(iter(self.choices.values()))


@dataclass(frozen=True)
class Pruning:
    """The result of :func:`interplay.prune`.

    Attributes
    ----------
    target : str
    finer : str, optional
        The target that tells equal values of it apart on the train prompts.
    features : tuple of str
        Names of all n parts.
    contests : tuple of Contest
        One for each ``keep``, in the order asked for.
    before : Choice
        The network with all its parts.
    prompts : (int, int)
        Of the train and of the test split.
    random : int
        N of best-of-N random.
    even : bool
        Whether every layer keeps the same share.
    calls, reused, seconds
        What it has cost; ``reused`` evaluations came from the store.
    stopped : str, optional
        Why it ended early.
    explained : str, optional
        Fingerprint of the value function that was explained.
    """

    target: str
    finer: str | None
    features: tuple[str, ...]
    contests: tuple[Contest, ...]
    before: Choice
    prompts: tuple[int, int]
    random: int
    even: bool
    seed: int
    calls: int
    reused: int
    seconds: float
    stopped: str | None
    value_function: Any = field(repr=False, compare=False)
    explained: str | None = field(default=None, repr=False)

    @property
    def kept(self) -> tuple[str, ...]:
        """Names of the parts that are kept, of the first ``keep``."""
        return tuple(self.features[i] for i in self.contests[0].best.kept)

    @property
    def mask(self) -> BoolArray:
        """What is kept, bool ``(n,)``, of the first ``keep``."""
        return self.mask_of(self.contests[0].share)

    def mask_of(self, keep: float | int | None = None, method: str | None = None) -> BoolArray:
        """Return the mask of one of the shares (or numbers) that were asked for."""
        choice = self._contest(keep).best
        if method is not None:
            choices = self._contest(keep).choices
            if method not in choices:
                raise unknown("method", method, choices)
            choice = choices[method]
        mask = np.zeros(len(self.features), dtype=np.bool_)
        mask[list(choice.kept)] = True
        return mask

    def save(
        self,
        folder: str | Path,
        *,
        keep: float | int | None = None,
        remove: bool = True,
        force: bool = False,
        max_shard_size: str = "5GB",
    ) -> Checkpoint:
        """Write the pruned network as a checkpoint: :func:`save_pruned` of the chosen parts."""
        from interplay.actions.prune.checkpoint import save_pruned

        return save_pruned(
            self.value_function,
            self.mask_of(keep),
            folder,
            remove=remove,
            force=force,
            max_shard_size=max_shard_size,
        )

    @property
    def sentence(self) -> str:
        """What was found, in a sentence."""
        return self.sentences[0]

    @property
    def sentences(self) -> list[str]:
        """What was found for each share."""
        return [self._told(contest) for contest in self.contests]

    def _told(self, contest: Contest) -> str:
        best, before = contest.best, self.before
        between = (
            ""
            if best.low is None or best.high is None
            else (f" (90 % interval {short(best.low)} to {short(best.high)})")
        )
        return (
            f"Keeping {contest.size} of {len(self.features)} parts, {self.target} on the test "
            f"prompts is {short(best.test)}{between}; with all of them {short(before.test)}."
        )

    def evidence_of(self, contest: Contest) -> list[str]:
        """How it compares with the other methods, in sentences."""
        told = []
        for sign, words in ((1, "above"), (-1, "below")):
            clear = [d for d in contest.differences if d.clear and d.value * sign > 0]
            if clear:
                names = ", ".join(f"{d.method} ({short(d.value, signed=True)})" for d in clear)
                told.append(f"It is {words} {names}: the intervals leave zero out.")
        open_ones = [d.method for d in contest.differences if not d.clear]
        if open_ones:
            told.append(
                f"No difference to {', '.join(open_ones)} is certain on {self.prompts[1]} test "
                "prompts."
            )
        return told

    def to_dict(self) -> dict[str, Any]:
        """Return everything as a JSON-able mapping."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "sentence": self.sentence,
            "sentences": self.sentences,
            "target": self.target,
            "finer": self.finer,
            "features": list(self.features),
            "prompts": {"train": self.prompts[0], "test": self.prompts[1]},
            "random": self.random,
            "even": self.even,
            "seed": self.seed,
            "calls": self.calls,
            "reused": self.reused,
            "seconds": self.seconds,
            "stopped": self.stopped,
            "explained": self.explained,
            "before": self._plain(self.before),
            "contests": [
                {
                    "share": contest.share,
                    "size": contest.size,
                    "choices": [self._plain(choice) for choice in contest.choices.values()],
                    "differences": [
                        asdict(one) | {"clear": one.clear} for one in contest.differences
                    ],
                    "left_out": dict(contest.left_out),
                    "evidence": self.evidence_of(contest),
                }
                for contest in self.contests
            ],
        }

    def _plain(self, choice: Choice) -> dict[str, Any]:
        return asdict(choice) | {
            "kept": list(choice.kept),
            "names": [self.features[i] for i in choice.kept],
            "each": list(choice.each),
        }

    def _contest(self, keep: float | int | None) -> Contest:
        if keep is None:
            return self.contests[0]
        for contest in self.contests:
            if keep == contest.size if isinstance(keep, int) else keep == contest.share:
                return contest
        asked = ", ".join(f"{one.share:g} ({one.size} parts)" for one in self.contests)
        raise BadInput(f"keep={keep!r} was not asked for; there are {asked}")


def across(prunings: Sequence[Pruning], *, seed: int = 0) -> list[dict[str, Any]]:
    """Return test values and paired differences over prunings of several splits.

    Each pruning is of another train/test split, with a fit of its own. Intervals are bootstraps
    over splits.

    Returns
    -------
    list of dict
        One for each share and method: ``share``, ``method``, ``splits``, ``test``, ``before``, and
        of the first method less this one ``difference``, ``low``, ``high``.

    Raises
    ------
    BadInput
        If there are fewer than two, or they are of other shares.
    """
    if len(prunings) < 2:
        raise BadInput(f"give prunings of two splits at least; got {len(prunings)}")
    sizes = [tuple(contest.size for contest in one.contests) for one in prunings]
    if len(set(sizes)) > 1:
        raise BadInput(f"the prunings keep other numbers of parts: {sorted(set(sizes))}")
    rows = []
    for place, contest in enumerate(prunings[0].contests):
        held = [one.contests[place] for one in prunings]
        for method in contest.choices:
            if not all(method in one.choices for one in held):
                continue
            tests = np.array([one.choices[method].test for one in held])
            firsts = np.array([one.best.test for one in held])
            low, high = interval(firsts - tests, seed)
            rows.append(
                {
                    "share": contest.share,
                    "size": contest.size,
                    "method": method,
                    "splits": len(held),
                    "test": float(tests.mean()),
                    "before": float(np.mean([one.before.test for one in prunings])),
                    "difference": float((firsts - tests).mean()),
                    "low": low,
                    "high": high,
                }
            )
    return rows
