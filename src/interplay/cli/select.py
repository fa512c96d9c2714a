"""``interplay select``: a run of training data in, which examples to keep out, tested on others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

import interplay as ip
from interplay.cli.choices import Result, function_again, place_of, size
from interplay.cli.output import check_writable, progress
from interplay.cli.workers import Workers
from interplay.errors import BadInput
from interplay.explanation import load

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
    workers: Workers = Workers(),  # noqa: B008
    result: Result = Result(),  # noqa: B008
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
    """
    from interplay.actions.select import select as choose

    share = size(keep, "examples")
    result.check()
    if save is not None:
        if save.suffix not in (".json", ".csv"):
            raise BadInput(f"--save takes a .json or .csv file; got {save}")
        check_writable(save, force=result.force)
    if run is None and data is not None:
        raise BadInput("--data is for a RUN.json: `interplay training-data` makes one")
    saved = None if run is None else load(run)
    place = place_of(saved, store)
    with progress(place) as (on_event, stop), workers.executor() as executor:
        if saved is None:
            from interplay.lenses.training_data.files import training_files

            function: Any = training_files(**DIGITS, seed=seed)  # type: ignore[arg-type]
            explanation = ip.explain(
                function,
                budget=BUDGET,
                seed=seed,
                store=place,
                stop=stop,
                on_event=on_event,
                executor=executor,
            )
        else:
            explanation, function = (
                saved,
                function_again(
                    saved,
                    "training_data",
                    "select takes training examples out",
                    **({} if data is None else {"data": str(data)}),
                ),
            )
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
            executor=executor,
        )
    told = found.to_dict()
    if save is not None:
        told["saved"] = str(found.save(save))
    result.present(
        told,
        explanation,
        trust=explanation.target(found.target).faithfulness,
        wrote=[] if save is None else [save],
    )
    return stop.exit_code
