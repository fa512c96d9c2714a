"""``ip.prune``: which parts of a network to keep, verified on prompts that the fit has not seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from interplay.actions.explained import Explained, function_of_kind, limits, shown_of, store_of
from interplay.actions.prune.methods import Chooser, Judge
from interplay.actions.prune.pruning import METHODS, Pruning
from interplay.actions.prune.removal import queries_of_group
from interplay.actions.subset.choose import rooms
from interplay.actions.subset.scores import PRUNABLE, Scores
from interplay.actions.subset.search import TRIALS
from interplay.errors import BadInput, BudgetExceeded, check_whole, unknown
from interplay.evaluate import Budget, Executor, Meter, OnEvent, Stop

KEEP: Final = 0.66
FINER: Final = {"accuracy": "margin"}
"""Targets that take few values, and the one that says more of the same."""


def prune(
    explanation: Explained,
    value_function: Callable[..., Any] | None = None,
    *,
    keep: float | int | Sequence[float | int] = KEEP,
    compare: bool | Sequence[str] = True,
    robust: bool = False,
    even: bool = False,
    target: str | None = None,
    finer: str | None = None,
    verify: int | None = None,
    random: int | None = None,
    budget: int | str | Budget | None = None,
    store: str | Path | None = None,
    seed: int = 0,
    stop: Stop | None = None,
    on_event: OnEvent | None = None,
    executor: Executor | None = None,
) -> Pruning:
    """Choose the parts of a network to keep for a task, and test the choice on unseen prompts.

    The set of the highest prediction of the explanation's spectrum, by integer programming, is
    measured on the train prompts beside what backward elimination leaves; the better one goes on
    with swaps, those first that the spectrum likes best. The choice and its rivals are evaluated
    for real: every method chooses by the train prompts alone, and is judged on the test prompts.

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
    finer
        another target, which says more of the same: where values on the train prompts are equal,
        every method that measures sets goes by this one, and its spectrum leads the swaps. Default:
        the margin of an accuracy, where the task measures both; the target itself for none.
    verify
        so many sets are measured on the train prompts in search of the choice, for each ``keep``;
        default four for each part, 0 for none.
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
    stop, on_event, executor
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
    shown = shown_of(explanation, target)
    function = function_of_kind(
        explanation,
        value_function,
        "components",
        parts="parts",
        does="prune takes parts out of networks",
        needs="prune compares choices on prompts that the fit has not seen",
        needed=PRUNABLE,
    )
    fine = _finer(explanation, shown.target_name, finer)
    names = [shown.target_name] + ([] if fine is None else [fine.target_name])
    places = [function.targets.index(name) for name in names]
    n = len(explanation.features)
    wanted = _compared(compare, robust)
    room_list = rooms(keep, n, *_layers(function)) if even else rooms(keep, n)
    count = _count(random, explanation)
    limit = TRIALS * n if verify is None else check_whole("verify", verify, 0)
    check_whole("seed", seed, 0)
    train, test = function.on("train"), function.on("test")
    if len(test.prompts) == 0:
        raise BadInput(
            "the task has no test prompts, so that nothing chosen could be tested; give the task "
            "a share below 1"
        )
    spend = limits(Budget() if budget is None else budget, "prune")
    with store_of(explanation, store) as opened:
        scores = Scores(opened, Meter(spend), stop, on_event, executor=executor)
        judge = Judge(scores, train, test, places, int(seed))
        before = judge.choice("all", np.ones(n, dtype=bool))
        if before is None:
            raise BudgetExceeded(
                f"budget={str(spend)!r} is too small: {scores.stopped} before the whole network "
                "was evaluated"
            )
        chooser = Chooser(shown, fine, judge, wanted, robust, count, limit, int(seed))
        contests = chooser.contests(room_list)
    return Pruning(
        target=shown.target_name,
        finer=None if fine is None else fine.target_name,
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
        explained=explanation.config.get("fingerprint"),
    )


def _finer(explanation: Explained, target: str, given: str | None) -> Explained | None:
    """The explanation of what tells equal values of a target apart, if anything does."""
    if given is None:
        given = FINER.get(target, target)
        given = given if given in explanation.targets else target
    return None if given == target else explanation.target(given)


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


def _count(random: int | None, explanation: Any) -> int:
    if random is not None:
        return check_whole("random", random, 1)
    held = explanation.evaluations
    return int(explanation.sample.masks) if held is None else len(held.masks)
