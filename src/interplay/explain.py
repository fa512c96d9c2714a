"""The whole line, from top to bottom: sample masks, evaluate them, fit, return what was found."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from interplay.errors import BadInput, BudgetExceeded, check_whole
from interplay.evaluate import (
    Budget,
    Executor,
    Finished,
    Fitting,
    Meter,
    OnEvent,
    Planned,
    Stop,
    Store,
    parse_budget,
)
from interplay.explanation import Cost, Explanation, describe
from interplay.explanation.form import check_subject
from interplay.metrics import Estimate
from interplay.refine import Nested, first_method
from interplay.rounds import Plan, Sampling, Stability, check_design
from interplay.surrogates import fit_recording
from interplay.value_function import feature_names, subject_of


def explain(
    value_function: Callable[..., Any],
    features: Sequence[str] | int | None = None,
    *,
    budget: int | str | Budget = 500,
    method: str = "auto",
    design: str | None = None,
    seed: int = 0,
    store: str | Path | None = "runs.db",
    fingerprint: str | None = None,
    replicates: int = 1,
    stop: Stop | None = None,
    on_event: OnEvent | None = None,
    executor: Executor | None = None,
) -> Explanation:
    """Find the combinations of features that drive a value function.

    Parameters
    ----------
    value_function
        ``masks (m, n) bool -> (m,)``, True = feature kept, or ``(m, q)`` for q targets. The lenses
        (:func:`interplay.text`, ...) make them. One that tells a ``nesting``, words in sentences,
        is explained in two passes: a third of the budget at most finds the sentences that matter,
        the rest is for the words of those, beside the other sentences as wholes.
    features
        n names, or n; only needed where the value function does not carry ``features`` itself.
    budget
        what the evaluations may cost, stored ones included: a number of calls, or a text such as
        ``"500"``, ``"5usd"``, ``"90s"``, ``"2e6tok"``, or several, comma-joined. ``"auto,2000"``
        stops before 2,000 calls when faithfulness and the strongest interactions are stable;
        ``"auto"`` alone has a cap of 20 n, at least 500. If all 2^n masks fit in the budget, each
        is evaluated and the result is exact; else the full, the empty and uniform masks are drawn
        without replacement.
    method
        surrogate: ``"auto"``, ``"proxyspex"``, ``"spex"``, ``"lasso"``, ``"exact"``, ...
    design
        which masks: ``"uniform"``, the default; ``"coded"``, that of method ``"spex"``, and the
        others of :func:`interplay.design`. Those but uniform and adaptive ones set uniform masks
        aside, which count in the budget: faithfulness is measured on them. ``"adaptive"`` chooses
        half of the masks from fits to the others, three times on the way.
    seed
        of every random choice. A larger budget under the same seed reuses all masks of a smaller.
    store
        SQLite file that keeps every evaluation as it arrives: a run that was interrupted, or is
        repeated, evaluates nothing twice. None: keep nothing.
    fingerprint
        names the value function in the store; by default found from its code. Give one where the
        code alone does not say what is evaluated (a model behind a server, say).
    replicates
        how often each mask is asked, for a value function that gives another value each time. The
        noise that this shows is told apart from what the surrogate gets wrong.
    stop
        asked before every batch; a reason that it returns ends the evaluation, and what there is
        is explained: see :func:`interplay.interruptible`.
    on_event
        called with progress events of :mod:`interplay.evaluate`.
    executor
        who calls the value function: this process, or several workers at a time with a
        :class:`~interplay.evaluate.RayExecutor`.

    Raises
    ------
    BadInput
        an unknown method, no feature names, or values of a wrong shape or not finite.
    BudgetExceeded
        the budget is too small for a fit, or was spent (or the run stopped) before there were
        enough values for one.
    BackendError
        the value function raised; what was evaluated before is stored.
    StoreError
        the store is damaged or cannot be written.

    Examples
    --------
    >>> explanation = explain(
    ...     lambda masks: masks[:, 0] + 2.0 * (masks[:, 1] & masks[:, 2]), 3, store=None
    ... )
    >>> explanation.faithfulness.sentence
    'Trust this explanation: it is exact, every mask was evaluated.'
    >>> explanation.interactions("SII", order=2)[1, 2]
    2.0
    """
    if not callable(value_function):
        raise BadInput(
            "value_function must be callable, masks (m, n) -> values (m,); got "
            f"{type(value_function).__name__}. Values that are there already go to interplay.fit"
        )
    names, allowed = _names(value_function, features), parse_budget(budget)
    check_whole("replicates", replicates, 1)
    check_design(method, design)
    check_subject(subject_of(value_function), len(names))
    started, tell = time.perf_counter(), on_event or (lambda event: None)
    line = partial(
        _one_pass,
        seed=seed,
        store=store,
        replicates=replicates,
        stop=stop,
        on_event=on_event,
        executor=executor,
    )
    nested = Nested.of(value_function, names, allowed, replicates)
    if nested is None:
        found, _ = line(value_function, names, allowed, method, design, fingerprint)
    else:
        coarse = nested.whole
        name = fingerprint and coarse.under(fingerprint)
        found, spent = line(
            coarse, coarse.features, nested.first_budget, first_method(method), None, name
        )
        fine, left, found = nested.second(found, spent)
        if fine is not None:
            name = fingerprint and fine.under(fingerprint)
            try:
                second, _ = line(fine, fine.features, left, method, design, name)
                found = nested.joined(found, second)
            except BudgetExceeded as error:  # what the first pass found is not lost
                found = nested.alone(found, f"the second ended early ({error})")
    tell(Finished(time.perf_counter() - started))
    return found


def _one_pass(
    value_function: Callable[..., Any],
    names: tuple[str, ...],
    budget: Budget,
    method: str,
    design: str | None,
    fingerprint: str | None,
    *,
    seed: int,
    store: str | Path | None,
    replicates: int,
    stop: Stop | None,
    on_event: OnEvent | None,
    executor: Executor | None,
) -> tuple[Explanation, Meter]:
    """Sample masks, evaluate them, fit; return what that gave, and what it has cost so far."""
    plan = Plan.of(len(names), budget, method, replicates, seed, design)
    tell = on_event or (lambda event: None)
    if plan.sentence:
        tell(Planned(plan.sentence))
    stability, fit_seconds = Stability(), 0.0
    rounds: dict[int, dict[str, Estimate]] = {}
    with nullcontext(None) if store is None else Store(store) as opened:
        sampling = Sampling(
            value_function, names, plan, opened, fingerprint, stop, on_event, executor
        )
        for evaluations in sampling.rounds():
            tell(Fitting(method))
            began = time.perf_counter()
            surrogates = fit_recording(evaluations, method=method, seed=seed)
            fit_seconds += time.perf_counter() - began
            sampling.surrogates = surrogates
            rounds[sampling.meter.calls] = {
                target: fitted.faithfulness for target, fitted in surrogates.items()
            }
            sampling.stable = plan.budget.auto and stability.after(surrogates)
    paid = sampling.evaluation
    found = describe(
        surrogates,
        evaluations,
        cost=Cost(paid.calls, paid.reused, paid.seconds, fit_seconds, paid.tokens, paid.usd),
        config={
            "budget": str(plan.budget),
            "method": method,
            "design": plan.kind,
            "planned": plan.most,
            "seed": seed,
            "store": None if store is None else str(store),
            "fingerprint": paid.fingerprint,
            # which masks share a call changes the last digits of a float model's values
            "batch_size": getattr(value_function, "batch_size", None),
        },
        subject=subject_of(value_function),
        replicates=replicates,
        stopped=sampling.stopped,
        notes=sampling.notes,
        rounds=rounds,
    )
    return found, sampling.meter


def _names(
    value_function: Callable[..., Any], features: Sequence[str] | int | None
) -> tuple[str, ...]:
    own = getattr(value_function, "features", None)
    given = features if features is not None else own
    if given is None:
        raise BadInput(
            "how many features are there? The value function carries no names: pass "
            "features=[name, ...], or features=n"
        )
    if isinstance(given, int):
        names = feature_names(None, given)
    elif isinstance(given, Sequence | np.ndarray) and not isinstance(given, str):
        names = tuple(str(name) for name in given)
    else:
        raise BadInput(f"features must be a sequence of names, or their number; got {given!r}")
    if not names:
        raise BadInput("features is empty: there is nothing to ablate")
    if own is not None and len(names) != len(own):
        raise BadInput(f"features has {len(names)} names; the value function has {len(own)}")
    return names
