"""The ways to choose the parts to keep, each measured on both splits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from interplay.actions.explained import Explained
from interplay.actions.prune.gradients import gate_gradients
from interplay.actions.prune.pruning import Contest
from interplay.actions.subset.choice import Choice, differences
from interplay.actions.subset.choose import Room, by_lasso, by_program, draws_of
from interplay.actions.subset.scores import Prunable, Scores
from interplay.actions.subset.search import DIGITS, best_first, searched
from interplay.errors import BadInput, BudgetExceeded
from interplay.recording import Recording
from interplay.value_function import BoolArray, FloatArray


class Judge:
    """Measures masks on both splits, in the store's and the budget's sight."""

    def __init__(
        self,
        scores: Scores,
        train: Prunable,
        test: Prunable,
        places: Sequence[int],
        seed: int,
    ) -> None:
        self.scores, self.train, self.test = scores, train, test
        self.places, self.seed = list(places), seed

    def on_train(self, masks: BoolArray) -> FloatArray | None:
        """Return values ``(m, k)``; None where the budget does not reach.

        The target, and what tells its equals apart.
        """
        found = self.scores.means(self.train, masks)
        return None if found is None else found[:, self.places]

    def choice(
        self,
        method: str,
        mask: BoolArray,
        **told: Any,
    ) -> Choice | None:
        """Return a choice with its measured values; None where the budget does not reach."""
        each = self.scores.by_prompt(self.test, mask[None])
        train = self.on_train(mask[None])
        if each is None or train is None:
            return None
        own = each[0, :, self.places[0]]
        return Choice.of(method, mask, float(train[0, 0]), own, self.seed, **told)


class Chooser:
    """All methods, each with what it needs to know, for one room after another."""

    def __init__(
        self,
        shown: Explained,
        fine: Explained | None,
        judge: Judge,
        wanted: tuple[str, ...],
        robust: bool,
        count: int,
        limit: int,
        seed: int,
    ) -> None:
        self.fine, self.limit = fine, limit
        self.shown, self.judge, self.wanted = shown, judge, wanted
        self.robust, self.count, self.seed = robust, count, seed
        self.n = len(shown.features)
        self.left_out: dict[str, str] = {}
        self._draws: FloatArray | None = None
        self._ranks: dict[str, tuple[FloatArray, int]] = {}

    def contests(self, room_list: Sequence[Room]) -> tuple[Contest, ...]:
        """Return the contests of all rooms: what prune chooses is measured before its rivals."""
        chosen = "robust" if self.robust else "auto"
        first: list[dict[str, Choice]] = []
        for place, room in enumerate(room_list):
            # of each search one evaluation is kept back, for the test of what it finds
            rooms_left = len(room_list) - place
            affordable = self.judge.scores.affords(rooms_left * (self.limit + 1)) // rooms_left - 1
            found = self._by_program(chosen, room, min(self.limit, max(affordable, 0)))
            if found is None:
                raise BudgetExceeded(
                    f"the budget is too small: {self.judge.scores.stopped} before the choice of "
                    f"{room.size} parts was evaluated"
                )
            first.append({chosen: found})
        for method in self.wanted:
            for room, choices in zip(room_list, first, strict=True):
                rival = self._rival(method, room)
                if rival is not None:
                    choices[method] = rival
        return tuple(
            Contest(
                room.share,
                room.size,
                choices,
                differences(choices, self.seed),
                {
                    method: self.left_out.get(method, self.judge.scores.stopped or "")
                    for method in self.wanted
                    if method not in choices
                },
            )
            for room, choices in zip(room_list, first, strict=True)
        )

    def _rival(self, method: str, room: Room) -> Choice | None:
        if method in ("auto", "robust"):
            return self._by_program(method, room, self.limit)
        if method == "random":
            return self._by_chance(room)
        if method not in self._ranks and method not in self.left_out:
            ranked = self._rank(method)
            if ranked is None:
                self.left_out.setdefault(method, self.judge.scores.stopped or "")
            else:
                self._ranks[method] = ranked
        if method not in self._ranks:
            return None
        ranks, tried = self._ranks[method]
        return self.judge.choice(method, room.best(ranks), tried=tried)

    def _by_program(self, method: str, room: Room, limit: int) -> Choice | None:
        if method == "robust" and self._draws is None:
            held = self.shown.evaluations
            if held is None:
                if not self.robust:
                    self.left_out["robust"] = "the run was loaded without its evaluations (.npz)"
                    return None
                raise BadInput(
                    "a robust choice resamples the evaluations behind the run, and it was loaded "
                    "without them: put the .npz beside the .json, or leave robust out"
                )
            self._draws = draws_of(self.shown.spectrum, held, self._values(held), self.seed)
        mask, proved = by_program(
            self.shown.spectrum,
            room,
            draws=self._draws if method == "robust" else None,
            seed=self.seed,
        )
        # the spectrum of the finer target is of the same sets, and smooth: a start, and a guide
        guide = self.shown if self.fine is None else self.fine
        starts = [mask]
        if self.fine is not None and limit:
            starts.append(by_program(self.fine.spectrum, room, seed=self.seed)[0])
        found, tried = searched(starts, room, guide.spectrum.predict, self.judge.on_train, limit)
        return self.judge.choice(
            method,
            found,
            predicted=float(self.shown.spectrum.predict(found[None])[0]),
            proved=proved and bool((found == mask).all()),
            tried=tried,
        )

    def _by_chance(self, room: Room) -> Choice | None:
        masks = room.random(np.random.default_rng([self.seed, 6, room.size]), self.count)
        values = self.judge.on_train(masks)
        if values is None:
            return None
        return self.judge.choice("random", masks[best_first(values)[0]], tried=len(masks))

    def _rank(self, method: str) -> tuple[FloatArray, int] | None:
        """Return what each part is worth ``(n, k)``, and how many calls it took.

        Columns after the first tell equals apart.
        """
        n = self.n
        if method == "lasso":
            held = self.shown.evaluations
            if held is None:
                self.left_out[method] = "the run was loaded without its evaluations (.npz)"
                return None
            return by_lasso(held.masks, self._values(held), self.seed), 0
        if method == "attribution-patching":
            gradients = gate_gradients(self.judge.train, self.shown.target_name)
            if gradients is None:
                self.left_out[method] = "the task's score is a callable, without a gradient"
                return None
            return gradients, 0
        alone = method == "keep-one"
        masks = np.eye(n, dtype=bool) if alone else ~np.eye(n, dtype=bool)
        values_or_none = self.judge.on_train(masks)
        if values_or_none is None:
            return None
        return np.round(values_or_none, DIGITS) * (1 if alone else -1), n

    def _values(self, held: Recording) -> FloatArray:
        return held.only(self.shown.targets.index(self.shown.target_name)).values
