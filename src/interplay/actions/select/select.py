"""``ip.select``: which training examples to keep, verified by retraining on unseen examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from interplay.actions.explained import Explained, function_of_kind, limits, store_of
from interplay.actions.select.methods import Chooser, Judge
from interplay.actions.select.selection import METHODS, Reason, Selection
from interplay.actions.subset.choice import Choice, differences
from interplay.actions.subset.choose import rooms
from interplay.actions.subset.scores import Scores
from interplay.actions.subset.search import TRIALS
from interplay.errors import BadInput, BudgetExceeded, check_whole, unknown
from interplay.evaluate import Budget, Executor, Meter, OnEvent, Stop
from interplay.lenses.training_data.together import Together, together
from interplay.lenses.training_data.value import MEAN

KEEP: Final = 0.7
RANDOM: Final = 20
"""Random sets that a choice is compared with."""


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
    function = function_of_kind(
        explanation,
        value_function,
        "training_data",
        parts="examples",
        does="select chooses training examples",
        needs="select retrains and tests on other examples",
        needed=("features", "targets", "fingerprint", "on"),
    )
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
    spend = limits(Budget() if budget is None else budget, "select")
    with store_of(explanation, store) as opened:
        scores = Scores(
            opened, Meter(spend), stop, on_event, explanation.sample.replicates, executor
        )
        judge = Judge(scores, function, place, explanation.subject, int(seed))
        before = judge.choice("all", np.ones(n, dtype=np.bool_))
        chooser = Chooser(shown, judge, function, room, limit, int(random), int(seed))
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


def _reasons(
    explanation: Explained, best: Choice, chooser: Chooser, repeats: Together | None
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
