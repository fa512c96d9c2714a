"""``ip.select``: which training examples to keep, verified by retraining on unseen examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

import numpy as np

from interplay.actions.choice import Choice, differences, interval
from interplay.actions.explained import Explained, check_same
from interplay.actions.prune.choose import Room, by_lasso, by_program, rooms
from interplay.actions.prune.scores import Scores
from interplay.actions.prune.search import TRIALS, Trials, searched
from interplay.actions.select.exchange import exchanged, ladder, without_neighbours
from interplay.actions.select.selection import METHODS, Reason, Selection
from interplay.errors import BadInput, BudgetExceeded, check_whole, unknown
from interplay.evaluate import Budget, Executor, Meter, OnEvent, Stop, Store, parse_budget
from interplay.lenses.remake import value_function_of
from interplay.lenses.training_data.together import Together, together
from interplay.lenses.training_data.value import MEAN
from interplay.spectrum import Spectrum
from interplay.value_function import BoolArray, FloatArray

KEEP: Final = 0.7
RANDOM: Final = 20
"""Random sets that a choice is compared with."""
TERMS: Final = 5
"""Terms of the spectrum that the integer program looks at, for each feature."""
PROGRAM_SECONDS: Final = 5.0


def select(
    explanation: Explained,
    value_function: Callable[..., Any] | None = None,
    *,
    keep: float | int = KEEP,
    compare: bool | Sequence[str] = True,
    verify: int | None = None,
    random: int = RANDOM,
    repeats: Together | None = None,
    budget: int | str | Budget | None = None,
    store: str | Path | None = None,
    seed: int = 0,
    stop: Stop | None = None,
    on_event: OnEvent | None = None,
    executor: Executor | None = None,
) -> Selection:
    """Choose the training examples to keep, and test the choice on examples it has not seen.

    The choice sees values on the targets, never inputs. It begins with the better of two sets, that
    of the largest main effects and that of the highest prediction of the spectrum. Then retraining
    tells what each example changes *beside what is kept*: where its copy is kept an example counts
    for less, one that misleads for less than nothing. The worst kept ones are exchanged for the
    best others while the value on the targets gets better. The choice and its rivals are judged on
    the holdout of the value function.

    Parameters
    ----------
    explanation
        an :class:`interplay.Explanation` of a value function of :func:`interplay.training_data`.
        The choice is for its target ``"mean"``, or for the only one.
    value_function
        that was explained; with a ``holdout``, test examples on which nothing is chosen. By default
        it is made again from what the run says.
    keep
        a share of the examples (or groups), in (0, 1], or a whole number of them.
    compare
        which methods to compare with: True for all, False for none, or names: ``"order-1"``,
        ``"random"``, ``"k-nn"``.
    verify
        so many retrainings may the choice take; default four for each example. With fewer than one
        for each, single swaps that the spectrum likes are tried; with 0 none.
    random
        so many random sets are the rival ``"random"``: their mean, and their spread.
    repeats
        what repeats what, for the reasons in the list; default: :func:`together
        <interplay.lenses.training_data.together.together>` on the evaluations of the explanation.
    budget
        for all that is evaluated, as in :func:`interplay.explain`; default: no limit. What does not
        fit is left out, rivals first.
    store
        SQLite file of evaluations; default: that of the explanation.
    seed
        of everything random.
    stop, on_event, executor
        as in :func:`interplay.explain`.

    Returns
    -------
    Selection
        ``.save("list.csv")`` writes the keep/drop list.

    Raises
    ------
    BadInput
        a share outside (0, 1], a run that is not of training data, an explanation of several
        targets without their mean, ...
    BudgetExceeded
        the budget is too small for the choice itself.

    Examples
    --------
    >>> import interplay as ip
    >>> rng = np.random.default_rng(0)
    >>> inputs = rng.normal(size=(150, 5))
    >>> labels = (inputs[:, 0] > 0).astype(int)
    >>> parts = [(inputs[rows], labels[rows]) for rows in np.split(np.arange(150), [40, 90])]
    >>> value = ip.training_data("ridge", parts[0], parts[1], holdout=parts[2])
    >>> explanation = ip.explain(value, method="lasso", budget=200, store=None)
    >>> found = select(explanation, value, keep=0.7)
    >>> len(found.kept), found.verified, list(found.choices)
    (28, True, ['auto', 'order-1', 'random', 'k-nn'])
    """
    function = _value_function(explanation, value_function)
    shown = _shown(explanation)
    place = tuple(function.targets).index(shown.target_name)
    n = len(explanation.features)
    if isinstance(keep, Sequence | np.ndarray):
        raise BadInput(f"keep must be one share or one number of examples; got {keep!r}")
    (room,) = rooms(keep, n, noun="examples")
    limit = TRIALS * n if verify is None else check_whole("verify", verify, 0)
    wanted = _compared(compare)
    check_whole("random", random, 1)
    check_whole("seed", seed, 0)
    if repeats is not None and repeats.features != tuple(explanation.features):
        raise BadInput("repeats is of other features than the explanation")
    spend = Budget() if budget is None else parse_budget(budget)
    if spend.auto:
        raise BadInput(f"select has no automatic budget; give calls, such as 500. Got {budget!r}")
    where = store if store is not None else explanation.config.get("store")
    with nullcontext(None) if where is None else Store(Path(where)) as opened:
        scores = Scores(
            opened, Meter(spend), stop, on_event, explanation.sample.replicates, executor
        )
        judge = _Judge(scores, function, place, explanation.subject, int(seed))
        before = judge.choice("all", np.ones(n, dtype=np.bool_))
        chooser = _Chooser(shown, judge, function, room, limit, int(random), int(seed))
        best = chooser.chosen() if before is not None else None
        if before is None or best is None:
            raise BudgetExceeded(
                f"budget={str(spend)!r} is too small: {scores.stopped} before the choice was "
                "evaluated"
            )
        choices = {"auto": best}
        for method in wanted:
            rival = chooser.rival(method)
            if rival is not None:
                choices[method] = rival
    return Selection(
        target=shown.target_name,
        value=judge.value,
        features=tuple(explanation.features),
        share=room.share,
        reasons=_reasons(explanation, best, chooser, repeats),
        choices=choices,
        differences=differences(choices, int(seed)),
        left_out={
            method: chooser.left_out.get(method, scores.stopped or "")
            for method in wanted
            if method not in choices
        },
        before=before,
        verified=judge.verified,
        lower_is_better=judge.sign < 0,
        sets=chooser.sets,
        spread=chooser.spread,
        tests=(_count(function), _count(judge.holdout)),
        seed=int(seed),
        calls=scores.calls,
        reused=scores.reused,
        seconds=scores.seconds,
        stopped=scores.stopped,
        explained=explanation.config.get("fingerprint"),
    )


class _Judge:
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


class _Chooser:
    """All methods."""

    def __init__(
        self,
        shown: Explained,
        judge: _Judge,
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
        place = self.shown.targets.index(self.shown.target_name)
        values = held.values.reshape(len(held.masks), -1)[:, place]
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


def _reasons(
    explanation: Explained, best: Choice, chooser: _Chooser, repeats: Together | None
) -> tuple[Reason, ...]:
    n = len(explanation.features)
    kept = np.zeros(n, dtype=np.bool_)
    kept[list(best.kept)] = True
    if repeats is None and explanation.evaluations is not None:
        try:
            repeats = together(explanation.evaluations)
        except BadInput:  # too few masks, or not of one rate: it is not known what repeats what
            repeats = None
    copies: dict[int, int] = {}
    for pair in [] if repeats is None else repeats.duplicates():  # surest first
        for i, j in (pair.features, pair.features[::-1]):
            if kept[j] and not kept[i]:
                copies.setdefault(i, j)
    gains = chooser.effects[:, 0] if chooser.gains is None else chooser.gains
    worse = "raises" if chooser.judge.sign < 0 else "lowers"
    found = []
    for i in range(n):
        gain = None if chooser.gains is None or not np.isfinite(gains[i]) else float(gains[i])
        if kept[i]:
            why = ""
        elif i in copies:
            why = f"repeats #{copies[i]}"
        elif gains[i] < 0:
            why = f"{worse} the {chooser.judge.value}"
        else:
            why = "adds least"
        found.append(Reason(bool(kept[i]), why, None if kept[i] else copies.get(i), gain))
    return tuple(found)


def _value_function(explanation: Explained, given: Callable[..., Any] | None) -> Any:
    if given is None:
        kind = explanation.subject.get("kind")
        if kind != "training_data":
            raise BadInput(
                f"this run is of {'a ' + str(kind) if kind else 'a plain callable'}, and select "
                "chooses training examples: explain a value function of "
                "interplay.training_data(...)"
            )
        made: Any = value_function_of(explanation.subject, explanation.targets)
        check_same(made, explanation)
    else:
        made = given
        if not callable(made):
            raise BadInput(f"value_function must be callable; got {type(made).__name__}")
        needed = ("features", "targets", "fingerprint", "on")
        lacking = [name for name in needed if not hasattr(made, name)]
        if lacking:
            raise BadInput(
                "select retrains and tests on other examples: the value function must be one of "
                f"interplay.training_data(...); this one lacks {', '.join(lacking)}"
            )
    if tuple(made.features) != tuple(explanation.features):
        raise BadInput(
            f"the value function has the examples {', '.join(made.features[:4])} ..., and the run "
            f"{', '.join(explanation.features[:4])} ...: is it the one that was explained?"
        )
    return made


def _shown(explanation: Explained) -> Explained:
    if len(explanation.targets) == 1:
        return explanation
    if MEAN not in explanation.targets:
        raise BadInput(
            "select chooses for the mean over targets, and the run has several targets without it: "
            f"{', '.join(explanation.targets[:4])} ..."
        )
    shown: Explained = explanation.target(MEAN)
    return shown


def _compared(compare: bool | Sequence[str]) -> tuple[str, ...]:
    rivals = tuple(one for one in METHODS if one != "auto")
    if isinstance(compare, bool):
        return rivals if compare else ()
    names = [compare] if isinstance(compare, str) else compare
    for one in names:
        if one not in rivals:
            raise unknown("method", one, rivals)
    return tuple(dict.fromkeys(names))


def _count(function: Any) -> int:
    names = function.targets
    return len(names) - 1 if len(names) > 1 and names[0] == MEAN else len(names)
