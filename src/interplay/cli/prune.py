"""``interplay prune``: a run of a network in, the parts to keep out, tested on unseen prompts."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

import interplay as ip
from interplay.actions.explained import check_same
from interplay.cli.choices import comparison, listed, show_cost, size
from interplay.cli.components import value_function_of_components
from interplay.cli.output import check_writable, command, progress
from interplay.errors import BadInput
from interplay.explanation import Explanation, load
from interplay.lenses.remake import value_function_of

if TYPE_CHECKING:
    from rich.console import Console

    from interplay.actions.prune import Checkpoint, Pruning

EMBEDDED_BUDGET = 400
"""Evaluations of the embedded model where no run is given."""


def prune(
    run: Path | None = None,
    /,
    *,
    keep: str = "0.66",
    target: str | None = None,
    finer: str | None = None,
    compare: Annotated[list[str] | None, Parameter(negative="--no-compare")] = None,
    robust: Annotated[bool, Parameter(negative="")] = False,
    even: Annotated[bool, Parameter(negative="")] = False,
    verify: int | None = None,
    random: int | None = None,
    budget: str | None = None,
    model: str | None = None,
    save_model: Path | None = None,
    store: Path | None = None,
    seed: int = 0,
    report: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
    force: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Choose the parts of a network to keep for a task, and test that on prompts of its own.

    With no run the embedded language model is explained first.

    Parameters
    ----------
    run
        The .json file of `interplay components --save`.
    keep
        A share of the parts, or a number of them; several, comma-joined: 0.5,0.66,0.83.
    target
        Which of the run's targets; by default the first.
    finer
        The target that tells sets of equal values apart; by default the margin of an accuracy.
    compare
        A method to compare with: lasso, random, leave-one-out, keep-one, attribution-patching, auto
        or robust. May be given several times; by default all of them, with --no-compare none.
    robust
        Choose by the mean of refits to resampled evaluations less one standard deviation.
    even
        Every layer keeps the same share, so that heads can be taken out of the saved model.
    verify
        Sets that the search for the choice measures on the train prompts, for each share; by
        default four for each part, 0 for none.
    random
        Sets that best-of-N random tries, for each share; by default as many as the run evaluated.
    budget
        What the evaluations may cost: calls (500), seconds (90s), or both, comma-joined; rivals
        that do not fit are left out. By default there is no limit.
    model
        The folder of the run's network, where it has moved.
    save_model
        Write the pruned network to this folder, a checkpoint that transformers loads; of several
        shares the first.
    store
        SQLite file of evaluations; by default the run's own.
    seed
        Of every random choice.
    report
        Write the HTML report of the run to this file.
    json
        Print one JSON object on standard output and nothing else.
    force
        Overwrite the report, and write into a folder that exists.
    """
    from interplay.actions.prune import prune as choose

    shares = [size(share) for share in keep.split(",")]
    if report is not None:
        check_writable(report, force=force)
    if save_model is not None and save_model.exists() and not force:
        raise BadInput(f"{save_model} exists; name another folder, or add --force to write into it")
    saved = None if run is None else load(run)
    place = store or Path(str(saved.config.get("store") or "no store") if saved else "runs.db")
    with progress(place) as (on_event, stop):
        if saved is None:
            if model is not None:
                raise BadInput("--model is for a RUN.json: `interplay components` makes one")
            function: Any = value_function_of_components(None, None, seed=seed)
            explanation = ip.explain(
                function,
                budget=EMBEDDED_BUDGET,
                seed=seed,
                store=place,
                stop=stop,
                on_event=on_event,
            )
        else:
            explanation, function = saved, _value_function(saved, model)
        found = choose(
            explanation,
            function,
            keep=shares,
            compare=True if compare is None else compare,
            robust=robust,
            even=even,
            target=target,
            finer=finer,
            verify=verify,
            random=random,
            budget=budget,
            store=store if store is not None or saved is not None else place,
            seed=seed,
            stop=stop,
            on_event=on_event,
        )
    checkpoint = None if save_model is None else found.save(save_model, force=force)
    if report is not None:
        _with_command(explanation).report(report)
    if json:
        told = found.to_dict()
        told["checkpoint"] = None if checkpoint is None else checkpoint.to_dict()
        print(json_format.dumps(told, ensure_ascii=False, allow_nan=False))
    else:
        from rich.console import Console

        show(found, explanation, checkpoint, Console(highlight=False))
        if report is not None:
            print(f"wrote {report}")
    return stop.exit_code


def show(
    found: Pruning, explanation: Explanation, checkpoint: Checkpoint | None, console: Console
) -> None:
    """Print which parts stay, and how that compares."""
    from rich.text import Text

    from interplay.report.terminal import printable

    show_cost(explanation.target(found.target).faithfulness, found, console)
    for contest, sentence in zip(found.contests, found.sentences, strict=True):
        console.print()
        console.print(Text(printable(sentence), "bold"))
        console.print(comparison(contest.choices, contest.differences))
        for told in found.evidence_of(contest):
            console.print(Text(told))
        for method, why in contest.left_out.items():
            console.print(Text(f"{method} was left out: {why}.", "dim"))
        names = [found.features[i] for i in contest.best.kept]
        dropped = [name for name in found.features if name not in set(names)]
        console.print(Text(printable(f"goes: {listed(dropped)}"), "dim"))
    if found.stopped:
        console.print(Text(f"It ended early: {found.stopped}."))
    if checkpoint is not None:
        console.print()
        console.print(Text(printable(checkpoint.sentence)))
        print(f"wrote {checkpoint.folder}")


def _value_function(saved: Explanation, model: str | None) -> Any:
    kind = saved.subject.get("kind")
    if kind != "components":
        raise BadInput(
            f"this run is of {'a ' + str(kind) if kind else 'a plain callable'}, and prune takes "
            "parts out of networks: `interplay components --save RUN.json` makes a run"
        )
    made = value_function_of(
        saved.subject, saved.targets, **({} if model is None else {"model": model})
    )
    check_same(made, saved)
    return made


def _with_command(explanation: Explanation) -> Explanation:
    from dataclasses import replace

    return replace(explanation, config={**explanation.config, "command": command()})
