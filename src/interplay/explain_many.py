"""Explain many inputs, one after the other, into one store; one that fails stops no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from pathlib import Path
from typing import Any

from interplay.collection import Explanations
from interplay.errors import BackendError, BadInput, InterplayError, MissingExtra, StoreError
from interplay.evaluate import Budget, Executor, NextInput, OnEvent, Stop, parse_budget
from interplay.explain import explain
from interplay.explanation import Explanation
from interplay.rounds import check_design

ValueFunctions = Iterable[Callable[..., Any]] | Mapping[str, Callable[..., Any]]


def explain_many(
    value_functions: ValueFunctions,
    *,
    budget: int | str | Budget = 500,
    method: str = "auto",
    design: str | None = None,
    seed: int = 0,
    replicates: int = 1,
    store: str | Path | None = "runs.db",
    on_event: OnEvent | None = None,
    stop: Stop | None = None,
    executor: Executor | None = None,
) -> Explanations:
    """Explain each of many inputs, to see what they have in common.

    Parameters
    ----------
    value_functions
        one per input, such as ``ip.text(...)`` makes them: a mapping from ids, or any iterable
        (the ids are then "1", "2", ...). Each must know its ``features``. Of a generator, one at a
        time is held.
    budget
        for *each* input, as for :func:`interplay.explain`.
    method, design, seed, replicates, store
        as for :func:`interplay.explain`; all inputs share the store.
    on_event
        called with :class:`NextInput` before each input, and with the events of each.
    stop
        asked before every batch; where it returns a reason, the input at hand is finished with what
        there is, and the rest are recorded as not explained.
    executor
        as for :func:`interplay.explain`; one serves all inputs.

    Returns
    -------
    Explanations
        in the order of the inputs; ``failures`` says what went wrong with the others.

    Raises
    ------
    BadInput
        the method or the budget cannot be used, there is no input, or an id occurs twice.
    BackendError
        every input failed; the message has the first error.
    StoreError
        the store failed: nothing more is paid for that could not be kept.

    Examples
    --------
    >>> def game(masks):
    ...     return masks[:, 0] + 2.0 * (masks[:, 1] & masks[:, 2])
    >>> game.features = ["so", "not", "bad"]
    >>> explain_many({"first": game}, store=None).ids
    ('first',)
    """
    check_design(method, design)
    parse_budget(budget)
    total = len(value_functions) if isinstance(value_functions, Sized) else None
    results: dict[str, Explanation | str] = {}
    errors: list[InterplayError] = []
    for number, (name, value_function) in enumerate(_named(value_functions), 1):
        if name in results:
            raise BadInput(f"two inputs have the id {name!r}; give each its own")
        reason = stop() if stop is not None else None
        if reason:
            results[name] = f"not explained: {reason}"
            continue
        if on_event:
            on_event(NextInput(name, number, total))
        try:
            results[name] = explain(
                value_function,
                budget=budget,
                method=method,
                design=design,
                seed=seed,
                replicates=replicates,
                store=store,
                stop=stop,
                on_event=on_event,
                executor=executor,
            )
        except (StoreError, MissingExtra) as error:  # these would meet every other input too
            error.add_note(f"(at input {name!r}; {number - 1} were done before)")
            raise
        except InterplayError as error:
            errors.append(error)
            results[name] = " ".join([str(error), *getattr(error, "__notes__", ())])
    if not results:
        raise BadInput("there is no input to explain: value_functions is empty")
    if not any(isinstance(result, Explanation) for result in results.values()):
        raise BackendError(
            f"none of {len(results)} inputs could be explained; "
            f"the first: {next(iter(results.values()))}"
        ) from (errors[0] if errors else None)
    return Explanations(results)


def _named(value_functions: ValueFunctions) -> Iterator[tuple[str, Callable[..., Any]]]:
    if isinstance(value_functions, Mapping):
        for name, value_function in value_functions.items():
            yield str(name), value_function
    elif callable(value_functions) or not isinstance(value_functions, Iterable):
        raise BadInput(
            "value_functions must be several: a mapping or an iterable of value functions; "
            "for a single one call explain"
        )
    else:
        for number, value_function in enumerate(value_functions, 1):
            yield str(number), value_function
