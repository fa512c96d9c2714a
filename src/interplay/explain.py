"""The whole line, from top to bottom: sample masks, evaluate them, fit, return what was found."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from interplay import masks as designs
from interplay.errors import BadInput
from interplay.evaluate import (
    Budget,
    Finished,
    Fitting,
    OnEvent,
    Store,
    evaluate,
    parse_budget,
)
from interplay.explanation import Cost, Explanation, describe
from interplay.surrogates import MIN_MASKS, check_method, fit
from interplay.surrogates.exact import MAX_FEATURES
from interplay.value_function import BoolArray, feature_names


def explain(
    value_function: Callable[..., Any],
    features: Sequence[str] | int | None = None,
    *,
    budget: int | str = 500,
    method: str = "auto",
    seed: int = 0,
    store: str | Path | None = "runs.db",
    fingerprint: str | None = None,
    on_event: OnEvent | None = None,
) -> Explanation:
    """Find the combinations of features that drive a value function.

    Parameters
    ----------
    value_function
        ``masks (m, n) bool -> (m,)``, True = feature kept. The lenses (:func:`interplay.text`, ...)
        make them.
    features
        n names, or n; only needed where the value function does not carry ``features`` itself.
    budget
        most evaluations to pay for. If all 2^n masks fit in it, each is evaluated once and the
        result is exact; else the full, the empty and uniform masks are drawn without replacement.
    method
        surrogate: ``"auto"``, ``"proxyspex"``, ``"lasso"`` or ``"exact"``.
    seed
        of every random choice. A larger budget under the same seed reuses all masks of a smaller.
    store
        SQLite file that keeps every evaluation as it arrives: a run that was interrupted, or is
        repeated, evaluates nothing twice. None: keep nothing.
    fingerprint
        names the value function in the store; by default found from its code. Give one where the
        code alone does not say what is evaluated (a model behind a server, say).
    on_event
        called with progress events of :mod:`interplay.evaluate`.

    Raises
    ------
    BadInput
        an unknown method, no feature names, or values of a wrong shape or not finite.
    BudgetExceeded
        the budget is too small for a fit.
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
    names = _names(value_function, features)
    masks = _sample(len(names), parse_budget(budget), method, seed)
    own_targets = getattr(value_function, "targets", None)
    if own_targets is not None and len(own_targets) != 1:
        raise BadInput(
            f"the value function has {len(own_targets)} targets; this version explains one at a "
            "time. Return one of them"
        )
    started = time.perf_counter()
    if store is None:
        evaluation = evaluate(value_function, masks, fingerprint=fingerprint, on_event=on_event)
    else:
        with Store(Path(store)) as opened:
            evaluation = evaluate(
                value_function, masks, store=opened, fingerprint=fingerprint, on_event=on_event
            )
    if on_event:
        on_event(Fitting(method))
    fit_started = time.perf_counter()
    surrogate = fit(masks, evaluation.values, method=method, features=names, seed=seed)
    fit_seconds = time.perf_counter() - fit_started
    if on_event:
        on_event(Finished(time.perf_counter() - started))
    return describe(
        surrogate,
        masks,
        evaluation.values[:, 0],
        cost=Cost(evaluation.calls, evaluation.reused, evaluation.seconds, fit_seconds),
        config={
            "budget": parse_budget(budget).calls,
            "method": method,
            "seed": seed,
            "store": None if store is None else str(store),
            "fingerprint": evaluation.fingerprint,
        },
        subject=dict(getattr(value_function, "subject", None) or _callable(value_function)),
        target=own_targets[0] if own_targets else "value",
    )


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


def _sample(n: int, budget: Budget, method: str, seed: int) -> BoolArray:
    """The masks to evaluate: all where the budget allows, else full, empty and uniform ones."""
    check_method(method)
    if n <= MAX_FEATURES and 2**n <= budget.calls:
        return designs.all_masks(n)
    if method == "exact":
        if n > MAX_FEATURES:
            raise BadInput(f'method "exact" is for at most {MAX_FEATURES} features; got {n}')
        budget.require(2**n, f'because method "exact" evaluates every mask of {n} features')
    budget.require(
        min(2**n, MIN_MASKS + 2),
        f"{MIN_MASKS} for a fit beside the full and the empty mask; "
        f"some {max(4 * n, 50)} are a sensible start for {n} features",
    )
    ends = np.array([np.ones(n), np.zeros(n)], dtype=np.bool_)
    drawn = designs.uniform(n, budget.calls - 2, np.random.default_rng(seed))
    return np.concatenate([ends, drawn])


def _callable(value_function: Callable[..., Any]) -> dict[str, Any]:
    kind = type(value_function)
    name = getattr(value_function, "__qualname__", f"{kind.__module__}.{kind.__qualname__}")
    return {"kind": "callable", "name": name}
