"""``interplay select``: a run of training data in, which examples to keep out, tested on others."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

import interplay as ip
from interplay.actions.explained import check_same
from interplay.cli.choices import comparison, listed, show_cost, size
from interplay.cli.output import check_writable, progress
from interplay.errors import BadInput
from interplay.explanation import Explanation, load
from interplay.lenses.remake import value_function_of

if TYPE_CHECKING:
    from rich.console import Console

    from interplay.actions.select import Selection

DIGITS = {"classes": ["three", "eight"], "examples": 60, "targets": 20, "test_share": 0.5}
"""What is explained where no run is given: digits, chosen by 20 of them, judged on others."""
BUDGET = 500
"""Evaluations of the digits."""


def select(
    run: Path | None = None,
    /,
    *,
    keep: str = "0.7",
    compare: Annotated[list[str] | None, Parameter(negative="--no-compare")] = None,
    verify: int | None = None,
    random: int = 20,
    budget: str | None = None,
    data: Path | None = None,
    save: Path | None = None,
    store: Path | None = None,
    seed: int = 0,
    json: Annotated[bool, Parameter(negative="")] = False,
    force: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Choose the training examples to keep, and test that on examples of its own.

    With no run handwritten digits are explained first.

    Parameters
    ----------
    run
        The .json file of `interplay training-data --save`.
    keep
        A share of the examples, or a number of them.
    compare
        A method to compare with: order-1, random or k-nn. May be given several times; by default
        all of them, with --no-compare none.
    verify
        Retrainings that the choice itself may take; by default four for each example, 0 for none.
    random
        How many random sets there are.
    budget
        What the retrainings may cost: calls (500), seconds (90s), or both, comma-joined; rivals
        that do not fit are left out. By default there is no limit.
    data
        The file of the run's training examples, where it has moved.
    save
        Write the list of what to keep and drop to this file: .json, or a table as .csv.
    store
        SQLite file of evaluations; by default the run's own.
    seed
        Of every random choice.
    json
        Print one JSON object on standard output and nothing else.
    force
        Overwrite a file that exists.
    """
    from interplay.actions.select import select as choose

    share = size(keep, "examples")
    if save is not None:
        if save.suffix not in (".json", ".csv"):
            raise BadInput(f"--save takes a .json or .csv file; got {save}")
        check_writable(save, force=force)
    if run is None and data is not None:
        raise BadInput("--data is for a RUN.json: `interplay training-data` makes one")
    saved = None if run is None else load(run)
    place = store or Path(str(saved.config.get("store") or "no store") if saved else "runs.db")
    with progress(place) as (on_event, stop):
        if saved is None:
            from interplay.lenses.training_data.files import training_files

            function: Any = training_files(**DIGITS, seed=seed)  # type: ignore[arg-type]
            explanation = ip.explain(
                function, budget=BUDGET, seed=seed, store=place, stop=stop, on_event=on_event
            )
        else:
            explanation, function = saved, _value_function(saved, data)
        found = choose(
            explanation,
            function,
            keep=share,
            compare=True if compare is None else compare,
            verify=verify,
            random=random,
            budget=budget,
            store=store if store is not None or saved is not None else place,
            seed=seed,
            stop=stop,
            on_event=on_event,
        )
    if save is not None:
        found.save(save)
    if json:
        print(json_format.dumps(found.to_dict(), ensure_ascii=False, allow_nan=False))
    else:
        from rich.console import Console

        show(found, explanation, Console(highlight=False))
        if save is not None:
            print(f"wrote {save}")
    return stop.exit_code


def show(found: Selection, explanation: Explanation, console: Console) -> None:
    """Print what is kept, how that compares, and what goes."""
    from rich.text import Text

    from interplay.report.terminal import printable

    show_cost(explanation.target(found.target).faithfulness, found, console)
    console.print()
    for place, sentence in enumerate(found.sentences):
        console.print(Text(printable(sentence), "bold" if place == 0 else ""))
    console.print()
    test = "holdout" if found.verified else "targets"
    console.print(comparison(found.choices, found.differences, train="targets", test=test))
    for method, why in found.left_out.items():
        console.print(Text(f"{method} was left out: {why}.", "dim"))
    console.print()
    for word, names in (
        ("repeats", [_with_reason(found, i) for i in _dropped(found, repeats=True)]),
        ("goes", [found.features[i] for i in _dropped(found, repeats=False)]),
    ):
        if names:
            console.print(Text(printable(f"{word}: {listed(names)}"), "dim"))
    if found.stopped:
        console.print(Text(f"It ended early: {found.stopped}."))


def _dropped(found: Selection, *, repeats: bool) -> list[int]:
    return [
        i
        for i, reason in enumerate(found.reasons)
        if not reason.keep and (reason.repeats is not None) == repeats
    ]


def _with_reason(found: Selection, i: int) -> str:
    other = found.reasons[i].repeats
    return found.features[i] + ("" if other is None else f" (of {found.features[other]})")


def _value_function(saved: Explanation, data: Path | None) -> Any:
    kind = saved.subject.get("kind")
    if kind != "training_data":
        raise BadInput(
            f"this run is of {'a ' + str(kind) if kind else 'a plain callable'}, and select takes "
            "training examples out: `interplay training-data --save RUN.json` makes a run"
        )
    changes = {} if data is None else {"data": str(data)}
    made = value_function_of(saved.subject, saved.targets, **changes)
    check_same(made, saved)
    return made
