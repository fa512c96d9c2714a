"""``interplay flip``: a saved run in, the smallest edit that changes the decision out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from interplay.actions import flip as find_flip
from interplay.actions.explained import check_same
from interplay.cli.choices import Result, place_of
from interplay.cli.explain_table import table_again
from interplay.cli.inputs import read_inputs, slots_of
from interplay.cli.output import progress
from interplay.cli.prompt import Server
from interplay.cli.workers import Workers
from interplay.errors import BadInput
from interplay.explanation import Explanation, load
from interplay.groups import regrouped
from interplay.lenses.remake import value_function_of


def flip(
    run: Path,
    /,
    *,
    target: str | None = None,
    threshold: float | None = None,
    drop: str | None = None,
    at_most: int = 20,
    budget: str = "200",
    replace: Annotated[list[str] | None, Parameter(negative="")] = None,
    repeats: int = 1,
    inputs: Annotated[Path | None, Parameter(allow_leading_hyphen=True)] = None,
    template: str | None = None,
    model: str | None = None,
    server: Server = Server(),  # noqa: B008
    store: Path | None = None,
    seed: int = 0,
    workers: Workers = Workers(),  # noqa: B008
    result: Result = Result(),  # noqa: B008
) -> int:
    """Find the fewest words whose removal changes the decision, verified by real calls.

    The exit code is 0 where a flip was found and 1 where none was.

    Parameters
    ----------
    run
        The run's .json file: of a text, an image, a row of a table, a network or training data.
    target
        Which of the run's targets; by default the first.
    threshold
        Values above it are one decision, values at it or below the other; by default 0.5 for
        prob: and 0 for logit: and margin:. A logprob and an accuracy have none.
    drop
        Instead of a threshold, by how much the value shall fall: 50%. Of a logprob the probability
        falls by that.
    at_most
        How many words to remove at most.
    budget
        What the evaluations may cost: calls (200), tokens (2e6tok), seconds (90s), money (5usd), or
        several, comma-joined. What the run holds is free.
    replace
        Replace a word instead of removing it: WORD=TEXT. May be given several times; no other word
        is touched then.
    repeats
        Samples of the whole text and of the flip, for models that answer differently each time.
    inputs
        Other texts, a file of JSON lines as for explain: how many of them the same edit changes.
        The edit that changes most of them is preferred.
    template
        Make each text of --inputs from the fields of its line.
    model
        Another model than that of the run; of a table py:MODULE:NAME, which no file may name.
    store
        SQLite file of evaluations; by default the run's own.
    seed
        Of the solver's local searches.
    """
    result.check()
    if template is not None and inputs is None:
        raise BadInput("--template is for --inputs FILE.jsonl, whose fields it takes")
    saved = load(run)
    with progress(place_of(saved, store)) as (on_event, stop), workers.executor() as executor:
        function = _value_function(saved, model, server.options())
        found = find_flip(
            saved,
            function,
            threshold=threshold,
            drop=drop,
            target=target,
            at_most=at_most,
            budget=budget,
            replacements=_pairs(replace or []) or None,
            repeats=repeats,
            inputs=None if inputs is None else _others(saved, function, inputs, template),
            store=store,
            seed=seed,
            stop=stop,
            on_event=on_event,
            executor=executor,
        )
    result.present(found.to_dict(), saved)
    return stop.exit_code or (0 if found.found else 1)


def _value_function(
    saved: Explanation, model: str | None, server: Mapping[str, Any]
) -> Callable[..., Any]:
    """The value function of the run, with another model where one is named."""
    if saved.subject.get("kind") == "table":
        if model is None:
            raise BadInput(
                "this run is of a table: name its model, --model py:MODULE:NAME. What a file "
                "names is never run"
            )
        return table_again(saved.subject, saved.targets, model)
    try:
        changes = {**server, **({} if model is None else {"model": model})}
        made = value_function_of(saved.subject, saved.targets, **changes)
    except BadInput as error:
        if saved.subject.get("kind") in ("text", "image"):
            raise
        name = saved.subject.get("name", "a recording")
        raise BadInput(
            f"the value function of this run ({name}) cannot be made from the file: use "
            "interplay.flip(explanation, value_function) in Python"
        ) from error
    function = regrouped(made, saved.subject, saved.features)
    if model is None:
        check_same(function, saved)
    return made


def _others(
    saved: Explanation, function: Any, path: Path, template: str | None
) -> dict[str, Callable[..., Any]]:
    """Make the value functions of other texts; the model is loaded once."""
    subject = saved.subject
    if subject.get("kind") != "text":
        raise BadInput("--inputs is for runs of texts: the edit is found in them by its words")
    made: dict[str, Callable[..., Any]] = {}
    for one in read_inputs(path, template):
        try:
            other: Any = value_function_of(
                subject, saved.targets, text=one.text, model=function.model, **one.own
            )
        except BadInput as error:
            raise BadInput(f"{path}, line {one.line}: {error}") from error
        if one.slots is not None and subject.get("slots"):
            other.subject = {
                **other.subject,
                "slots": slots_of(other.subject["spans"], one.slots),
            }
        made[one.id] = other
    return made


def _pairs(given: Sequence[str]) -> dict[str, str]:
    pairs = {}
    for one in given:
        word, sign, text = one.partition("=")
        if not sign or not word:
            raise BadInput(f"--replace takes WORD=TEXT, such as bad=good; got {one!r}")
        pairs[word] = text
    return pairs
