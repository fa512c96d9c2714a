"""The ways to choose the training examples to keep, each measured on targets and holdout."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from interplay.actions.explained import Explained
from interplay.actions.select.exchange import exchanged, ladder, without_neighbours
from interplay.actions.subset.choice import Choice, interval
from interplay.actions.subset.choose import Room, by_lasso, by_program
from interplay.actions.subset.scores import Scores
from interplay.actions.subset.search import Trials, searched
from interplay.lenses.training_data.value import MEAN
from interplay.spectrum import Spectrum
from interplay.value_function import BoolArray, FloatArray

TERMS: Final = 5
"""Terms of the spectrum that the integer program looks at, for each feature."""

PROGRAM_SECONDS: Final = 5.0
"""What the integer program may take."""


class Judge:
    """Measures masks on the targets and on the holdout, in the store's and the budget's sight."""

    def __init__(self, scores: Scores, function: Any, place: int, subject: Any, seed: int) -> None:
        self.scores, self.function, self.place, self.seed = scores, function, place, seed
        kept_out = getattr(function, "holdout", None)
        self.verified = kept_out is not None
        self.holdout = function if kept_out is None else function.on(kept_out)
        self.value = str(subject.get("value") or "value")
        self.sign = -1.0 if self.value == "loss" else 1.0

    def on_targets(self, masks: BoolArray) -> FloatArray | None:
        """Return values ``(m, 1 + q)``, higher ones better; None where the budget does not reach.

        The mean, and where there are several each target. A training that diverged is worse than
        any other.
        """
        found = self.scores.means(self.function, masks)
        if found is None:
            return None
        several = self.function.targets[0] == MEAN and found.shape[1] > 1
        columns = [self.place, *(range(1, found.shape[1]) if several else ())]
        values = self.sign * found[:, columns]
        return np.where(np.isfinite(values), values, -np.inf)

    def each(self, masks: BoolArray) -> FloatArray | None:
        """Return the values of holdout examples, ``(m, h)``."""
        found = self.scores.means(self.holdout, masks)
        if found is None:
            return None
        return found[:, 1:] if self.holdout.targets[0] == MEAN and found.shape[1] > 1 else found

    def choice(
        self,
        method: str,
        mask: BoolArray,
        **told: Any,
    ) -> Choice | None:
        """Return a choice with its measured values; None where the budget does not reach."""
        each, train = self.each(mask[None]), self.on_targets(mask[None])
        if each is None or train is None:
            return None
        value = float(self.sign * train[0, 0])
        return Choice.of(method, mask, value, each[0], self.seed, **told)


class Chooser:
    """All methods."""

    def __init__(
        self,
        shown: Explained,
        judge: Judge,
        function: Any,
        room: Room,
        limit: int,
        random: int,
        seed: int,
    ) -> None:
        self.shown, self.judge, self.function, self.room = shown, judge, function, room
        self.limit, self.random, self.seed = limit, random, seed
        self.left_out: dict[str, str] = {}
        self.gains: FloatArray | None = None
        self.sets = 0
        self.spread: float | None = None
        self.effects = self._effects()
        self.first = room.best(self.effects)

    def chosen(self) -> Choice | None:
        """Return the choice of this package."""
        spectrum = self._spectrum() * self.judge.sign
        program, proved = by_program(
            spectrum, self.room, seed=self.seed, time_limit=PROGRAM_SECONDS
        )
        limit = min(self.limit, max(self.judge.scores.affords(self.limit + 2) - 2, 0))
        if limit >= self.room.n + len(ladder(self.room)) + 2:
            trials = Trials(self.judge.on_targets, limit)
            starts = np.stack([program, self.first])
            measured = trials.values(starts)
            start = program if measured is None else starts[int(measured[:, 0].argmax())]
            found, self.gains = exchanged(start, self.room, trials)
            tried = trials.count
        else:
            found, tried = searched(
                [program, self.first], self.room, spectrum.predict, self.judge.on_targets, limit
            )
        return self.judge.choice(
            "auto",
            found,
            predicted=float(self.judge.sign * spectrum.predict(found[None])[0]),
            proved=proved and bool((found == program).all()),
            tried=tried,
        )

    def rival(self, method: str) -> Choice | None:
        """Return what another method keeps; None where it cannot be compared."""
        if method == "order-1":
            return self.judge.choice(method, self.first)
        if method == "random":
            return self._by_chance()
        inputs = self._inputs()
        if isinstance(inputs, str):
            self.left_out[method] = inputs
            return None
        return self.judge.choice(method, without_neighbours(inputs, self.room.size))

    def _by_chance(self) -> Choice | None:
        masks = self.room.random(np.random.default_rng([self.seed, 6, self.room.size]), self.random)
        each, train = self.judge.each(masks), self.judge.on_targets(masks)
        if each is None or train is None:
            return None
        self.sets = len(masks)
        self.spread = float(each.mean(axis=1).std(ddof=1)) if len(masks) > 1 else None
        mean = each.mean(axis=0)
        return Choice(
            "random",
            (),
            None,
            False,
            float(self.judge.sign * train[:, 0].mean()),
            float(mean.mean()),
            *interval(mean, self.seed),
            len(masks),
            tuple(mean.tolist()),
        )

    def _effects(self) -> FloatArray:
        """What each example is worth alone ``(n, k)``, higher ones better."""
        held, sign = self.shown.evaluations, self.judge.sign
        if held is None:
            return sign * self.shown.spectrum.main_effects[:, None]
        values = held.only(self.shown.targets.index(self.shown.target_name)).values
        return sign * by_lasso(held.masks, values, self.seed)

    def _spectrum(self) -> Spectrum:
        """The terms that the program looks at: all features should have theirs."""
        surrogate = getattr(self.shown.finding, "surrogate", None)
        if surrogate is None:
            return self.shown.spectrum
        found: Spectrum = surrogate.spectrum(max(TERMS * self.room.n, 200))
        return found

    def _inputs(self) -> FloatArray | str:
        data, owners = getattr(self.function, "data", None), getattr(self.function, "owners", None)
        if data is None or owners is None:
            return "the value function does not tell its training examples"
        if data.is_text:
            return "the inputs are texts, of which no distance is known"
        n = self.room.n
        if len(owners) != n or (np.asarray(owners) != np.arange(n)).any():
            return "features are groups of examples"
        features: FloatArray = data.features
        return features
