"""``ip.prune``: which parts of a network to keep, verified on prompts that the fit has not seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

import numpy as np

from interplay.actions.explained import Explained, check_same
from interplay.actions.prune.choose import Room, by_program, draws_of, rooms, swapped
from interplay.actions.prune.gradients import gate_gradients
from interplay.actions.prune.pruning import METHODS, Choice, Contest, Pruning, differences, interval
from interplay.actions.prune.removal import queries_of_group
from interplay.actions.prune.scores import Prunable, Scores, check_prunable
from interplay.errors import BadInput, BudgetExceeded, check_whole, unknown
from interplay.evaluate import Budget, Meter, OnEvent, Stop, Store, parse_budget
from interplay.lenses.remake import value_function_of
from interplay.recording import Recording
from interplay.surrogates import fit
from interplay.value_function import BoolArray, FloatArray

KEEP: Final = 0.66


def prune(
    explanation: Explained,
    value_function: Callable[..., Any] | None = None,
    *,
    keep: float | int | Sequence[float | int] = KEEP,
    compare: bool | Sequence[str] = True,
    robust: bool = False,
    even: bool = False,
    target: str | None = None,
    verify: int | None = None,
    random: int | None = None,
    budget: int | str | Budget | None = None,
    store: str | Path | None = None,
    seed: int = 0,
    stop: Stop | None = None,
    on_event: OnEvent | None = None,
) -> Pruning:
    """Choose the parts of a network to keep for a task, and test the choice on unseen prompts.

    The choice is the set of the highest prediction of the explanation's spectrum, by integer
    programming; then a few swaps, those that the spectrum thinks best, are tried on the train
    prompts. It and its rivals are evaluated for real: every method chooses by the train prompts
    alone, and is judged on the test prompts.

    Parameters
    ----------
    explanation
        an :class:`interplay.Explanation` of a value function of :func:`interplay.components`.
    value_function
        that was explained. By default it is made again from what the run says.
    keep
        a share of the parts, in (0, 1], or a whole number of them; several for several choices from
        the same explanation.
    compare
        which methods to compare with: True for all, False for none, or names: ``"lasso"``,
        ``"random"``, ``"leave-one-out"``, ``"keep-one"``, ``"attribution-patching"``, ``"robust"``.
    robust
        choose by the mean prediction of refits to resampled masks less one standard deviation.
    even
        every layer keeps the same share, so that heads can be taken out of the checkpoint; by local
        search. All methods are held to it.
    target
        which of the explanation's targets; default: the one that it shows.
    verify
        so many swaps of a kept part for another are tried by real calls on the train prompts, for
        each ``keep``; default two for each part, 0 for none.
    random
        N of best-of-N random: so many fresh random sets of the size are evaluated for each
        ``keep``, the best on the train prompts is tested. Default: as many as the explanation was
        fitted to.
    budget
        for all that is evaluated, as in :func:`interplay.explain`; default: no limit. What does not
        fit is left out, rivals first.
    store
        SQLite file of evaluations; default: that of the explanation.
    seed
        of everything random.
    stop, on_event
        as in :func:`interplay.explain`.

    Returns
    -------
    Pruning
        ``.save(folder)`` writes the pruned network.

    Raises
    ------
    BadInput
        a share outside (0, 1], a run that is not of the parts of a network, no test prompts, ...
    BudgetExceeded
        the budget is too small for the choice itself.

    Examples
    --------
    >>> explanation = ip.explain(value, budget=400)  # doctest: +SKIP
    >>> found = ip.prune(explanation, value, keep=[0.5, 0.66, 0.83])  # doctest: +SKIP
    >>> found.sentence  # doctest: +SKIP
    'Keeping 20 of 40 parts, accuracy on the test prompts is 0.85 ...'
    """
    shown = explanation if target is None else _target(explanation, target)
    function = _value_function(explanation, value_function)
    place = function.targets.index(shown.target_name)
    n = len(explanation.features)
    wanted = _compared(compare, robust)
    room_list = rooms(keep, n, *_layers(function)) if even else rooms(keep, n)
    count = _count(random, explanation)
    check_whole("seed", seed, 0)
    train, test = function.on("train"), function.on("test")
    if len(test.prompts) == 0:
        raise BadInput(
            "the task has no test prompts, so that nothing chosen could be tested; give the task "
            "a share below 1"
        )
    spend = Budget() if budget is None else parse_budget(budget)
    if spend.auto:
        raise BadInput(f"prune has no automatic budget; give calls, such as 500. Got {budget!r}")
    where = store if store is not None else explanation.config.get("store")
    with nullcontext(None) if where is None else Store(Path(where)) as opened:
        scores = Scores(opened, Meter(spend), stop, on_event)
        judge = _Judge(scores, train, test, place, int(seed))
        before = judge.choice("all", np.ones(n, dtype=bool))
        if before is None:
            raise BudgetExceeded(
                f"budget={str(spend)!r} is too small: {scores.stopped} before the whole network "
                "was evaluated"
            )
        swaps = _swaps(verify, n)
        chooser = _Chooser(shown, judge, wanted, robust, count, swaps, int(seed))
        contests = chooser.contests(room_list)
    return Pruning(
        target=shown.target_name,
        features=tuple(explanation.features),
        contests=contests,
        before=before,
        prompts=(len(train.prompts), len(test.prompts)),
        random=count,
        even=even,
        seed=int(seed),
        calls=scores.calls,
        reused=scores.reused,
        seconds=scores.seconds,
        stopped=scores.stopped,
        value_function=function,
    )


class _Judge:
    """Measures masks on both splits, in the store's and the budget's sight."""

    def __init__(
        self, scores: Scores, train: Prunable, test: Prunable, place: int, seed: int
    ) -> None:
        self.scores, self.train, self.test = scores, train, test
        self.place, self.seed = place, seed

    def on_train(self, masks: BoolArray) -> FloatArray | None:
        found = self.scores.means(self.train, masks)
        return None if found is None else found[:, self.place]

    def choice(
        self,
        method: str,
        mask: BoolArray,
        *,
        predicted: float | None = None,
        proved: bool = False,
        tried: int = 0,
    ) -> Choice | None:
        """Return a choice with its measured values; None where the budget does not reach."""
        each = self.scores.by_prompt(self.test, mask[None])
        train = self.on_train(mask[None])
        if each is None or train is None:
            return None
        own = each[0, :, self.place]
        return Choice(
            method,
            tuple(np.flatnonzero(mask).tolist()),
            predicted,
            proved,
            float(train[0]),
            float(own.mean()),
            *interval(own, self.seed),
            tried,
            tuple(own.tolist()),
        )


class _Chooser:
    """All methods, each with what it needs to know, for one room after another."""

    def __init__(
        self,
        shown: Explained,
        judge: _Judge,
        wanted: tuple[str, ...],
        robust: bool,
        count: int,
        swaps: int,
        seed: int,
    ) -> None:
        self.swaps = swaps
        self.shown, self.judge, self.wanted = shown, judge, wanted
        self.robust, self.count, self.seed = robust, count, seed
        self.n = len(shown.features)
        self.left_out: dict[str, str] = {}
        self._draws: FloatArray | None = None
        self._ranks: dict[str, tuple[FloatArray, FloatArray | None, int]] = {}

    def contests(self, room_list: Sequence[Room]) -> tuple[Contest, ...]:
        """Return the contests of all rooms: what prune chooses is measured before its rivals."""
        chosen = "robust" if self.robust else "auto"
        first: list[dict[str, Choice]] = []
        for room in room_list:
            found = self._by_program(chosen, room)
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
            return self._by_program(method, room)
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
        ranks, ties, tried = self._ranks[method]
        return self.judge.choice(method, room.best(ranks, ties), tried=tried)

    def _by_program(self, method: str, room: Room) -> Choice | None:
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
        found, tried = self._improved(mask, room)
        return self.judge.choice(
            method,
            found,
            predicted=float(self.shown.spectrum.predict(found[None])[0]),
            proved=proved and bool((found == mask).all()),
            tried=tried,
        )

    def _improved(self, mask: BoolArray, room: Room) -> tuple[BoolArray, int]:
        """Return the best mask that swaps lead to, on the train prompts, and how many were tried.

        The likeliest swaps come first, a batch at a time; a batch that holds a better mask moves
        there. Where the budget ends, what was the best so far stays.
        """
        measured = self.judge.on_train(mask[None])
        if measured is None or not self.swaps:
            return mask, 0
        best, value = mask, float(measured[0])
        seen = {mask.tobytes()}
        left, batch = self.swaps, max(8, -(-self.swaps // 4))
        while left > 0:
            near = swapped(best, room)
            near = near[[row.tobytes() not in seen for row in near]]
            if not len(near):
                break
            order = np.argsort(-self.shown.spectrum.predict(near), kind="stable")
            chosen = near[order[: min(batch, left)]]
            values = self.judge.on_train(chosen)
            if values is None:
                break
            seen |= {row.tobytes() for row in chosen}
            left -= len(chosen)
            top = int(values.argmax())
            if values[top] > value + 1e-12 * (1 + abs(value)):
                best, value = chosen[top], float(values[top])
        return best, self.swaps - left

    def _by_chance(self, room: Room) -> Choice | None:
        masks = room.random(np.random.default_rng([self.seed, 6, room.size]), self.count)
        values = self.judge.on_train(masks)
        if values is None:
            return None
        return self.judge.choice("random", masks[int(values.argmax())], tried=len(masks))

    def _rank(self, method: str) -> tuple[FloatArray, FloatArray | None, int] | None:
        """Return what each part is worth, what tells equals apart, and how many calls it took."""
        n = self.n
        if method == "lasso":
            held = self.shown.evaluations
            if held is None:
                self.left_out[method] = "the run was loaded without its evaluations (.npz)"
                return None
            values = self._values(held)
            effects = np.zeros(n)
            surrogate = fit(held.masks, values, method="lasso", seed=self.seed)
            for term, coefficient in surrogate.spectrum(n + 1).terms.items():
                if len(term) == 1:
                    effects[term[0]] = -2 * coefficient
            signs = np.where(held.masks, 1.0, -1.0)
            return effects, (values - values.mean()) @ signs, 0
        if method == "attribution-patching":
            gradients = gate_gradients(self.judge.train, self.shown.target_name)
            if gradients is None:
                self.left_out[method] = "the task's score is a callable, without a gradient"
                return None
            return gradients, None, 0
        alone = method == "keep-one"
        masks = np.eye(n, dtype=bool) if alone else ~np.eye(n, dtype=bool)
        values_or_none = self.judge.on_train(masks)
        if values_or_none is None:
            return None
        return values_or_none * (1 if alone else -1), None, n

    def _values(self, held: Recording) -> FloatArray:
        place = self.shown.targets.index(self.shown.target_name)
        values: FloatArray = held.values.reshape(len(held.masks), -1)[:, place]
        return values


def _value_function(explanation: Explained, given: Callable[..., Any] | None) -> Any:
    kind = explanation.subject.get("kind")
    if given is None:
        if kind != "components":
            raise BadInput(
                f"this run is of {'a ' + str(kind) if kind else 'a plain callable'}, and prune "
                "takes parts out of networks: explain a value function of interplay.components(...)"
            )
        made: Any = value_function_of(explanation.subject, explanation.targets)
        check_same(made, explanation)
    else:
        made = given
        if not callable(made):
            raise BadInput(f"value_function must be callable; got {type(made).__name__}")
        check_prunable(made)
    if tuple(made.features) != tuple(explanation.features):
        raise BadInput(
            f"the value function has the parts {', '.join(made.features[:4])} ..., and the run "
            f"{', '.join(explanation.features[:4])} ...: is it the one that was explained?"
        )
    return made


def _target(explanation: Explained, target: str) -> Explained:
    if target not in explanation.targets:
        raise unknown("target", target, explanation.targets)
    shown: Explained = explanation.target(target)
    return shown


def _compared(compare: bool | Sequence[str], robust: bool) -> tuple[str, ...]:
    chosen = "robust" if robust else "auto"
    if compare is False:
        return ()
    if compare is True:
        # without resampling by itself: it is a choice of this package, not a rival
        rivals = [one for one in METHODS if one not in ("auto", "robust")]
        return ("auto", *rivals) if robust else tuple(rivals)
    if isinstance(compare, str):
        compare = [compare]
    for one in compare:
        if one not in METHODS:
            raise unknown("method", one, METHODS)
    return tuple(one for one in dict.fromkeys(compare) if one != chosen)


def _layers(function: Any) -> tuple[list[int], list[int] | None]:
    """The layer of each part, and the group of queries that share keys and values."""
    parts = getattr(function, "parts", None)
    if parts is None or {part.kind for part in parts} != {"head"}:
        raise BadInput("even=True is for heads: explain parts='heads', or leave it out")
    layers = [int(part.layer) for part in parts]
    each = queries_of_group(function) if hasattr(function, "network") else 1
    if each == 1:
        return layers, None
    return layers, [part.layer * 10**6 + part.index // each for part in parts]


def _swaps(verify: int | None, n: int) -> int:
    if verify is None:
        return 2 * n
    if isinstance(verify, bool) or not isinstance(verify, int | np.integer) or verify < 0:
        raise BadInput(f"verify must be a whole number of swaps, 0 or more; got {verify!r}")
    return int(verify)


def _count(random: int | None, explanation: Any) -> int:
    if random is None:
        held = explanation.evaluations
        return int(explanation.sample.masks) if held is None else len(held.masks)
    if isinstance(random, bool) or not isinstance(random, int | np.integer) or random < 1:
        raise BadInput(f"random must be a whole number of sets, 1 or more; got {random!r}")
    return int(random)
