"""``interplay replay``: a saved run in, the same numbers out, or what differs."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from interplay.actions.explained import check_same, kind_told
from interplay.cli.explain_table import table_again
from interplay.cli.output import progress
from interplay.cli.prompt import Server
from interplay.cli.workers import Workers
from interplay.errors import BadInput
from interplay.explanation import load
from interplay.groups import regrouped
from interplay.lenses.remake import value_function_of
from interplay.replay import replay as replay_run


def replay(
    run: Path,
    /,
    *,
    fresh: Annotated[bool, Parameter(negative="")] = False,
    store: Path | None = None,
    model: str | None = None,
    server: Server = Server(),  # noqa: B008
    workers: Workers = Workers(),  # noqa: B008
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Make a saved run again and say whether it gives the same numbers.

    The exit code is 0 where it does and 1 where it does not.

    Parameters
    ----------
    run
        The run's .json file.
    fresh
        Ask the model for every value again; by default values come from the .npz beside the run,
        else from its store.
    store
        Look for values here instead of in the run's own store.
    model
        Of a run of a table: py:MODULE:NAME. What a file names is never run; you name it.
    json
        Print one JSON object on standard output and nothing else.
    """
    place = store or Path("its store")
    with progress(place) as (on_event, stop), workers.executor() as executor:
        value_function: Any = None
        if model is not None:
            saved = load(run)
            if saved.subject.get("kind") != "table":
                raise BadInput(
                    f"--model is for runs of tables; this run is of {kind_told(saved)}, and what "
                    "it says of its model is used again"
                )
            value_function = table_again(saved.subject, saved.targets, model)
            if value_function.fingerprint != saved.config["fingerprint"]:
                raise BadInput(
                    f"{model} or the table is not what the run was made of (its fingerprint was "
                    f"{saved.config['fingerprint']} and is {value_function.fingerprint}): explain "
                    "it anew"
                )
        elif options := server.options():
            saved = load(run)
            made = value_function_of(saved.subject, saved.targets, **options)
            value_function = regrouped(made, saved.subject, saved.features)
            check_same(value_function, saved)
        outcome = replay_run(
            run,
            value_function,
            fresh=fresh,
            store=store,
            stop=stop,
            on_event=on_event,
            executor=executor,
        )
    if json:
        told = {
            "same": outcome.same_results and outcome.same_values,
            "same_values": outcome.same_values,
            "same_results": outcome.same_results,
            "values_from": outcome.values_from,
            "differences": list(outcome.differences),
        }
        print(json_format.dumps(told, ensure_ascii=False))
    else:
        print(outcome.sentence)
        for difference in outcome.differences:
            print(f"- {difference}")
    return 0 if outcome.same_results and outcome.same_values else 1
