"""``interplay prune``: a run of a network in, the parts to keep out, tested on unseen prompts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

import interplay as ip
from interplay.cli.choices import Result, function_again, place_of, size
from interplay.cli.components import value_function_of_components
from interplay.cli.output import progress
from interplay.cli.workers import Workers
from interplay.errors import BadInput
from interplay.explanation import load

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
    workers: Workers = Workers(),  # noqa: B008
    result: Result = Result(),  # noqa: B008
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
    """
    from interplay.actions.prune import prune as choose

    shares = [size(share) for share in keep.split(",")]
    result.check()
    if save_model is not None and save_model.exists() and not result.force:
        raise BadInput(f"{save_model} exists; name another folder, or add --force to write into it")
    saved = None if run is None else load(run)
    place = place_of(saved, store)
    with progress(place) as (on_event, stop), workers.executor() as executor:
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
                executor=executor,
            )
        else:
            explanation, function = (
                saved,
                function_again(
                    saved,
                    "components",
                    "prune takes parts out of networks",
                    **({} if model is None else {"model": model}),
                ),
            )
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
            executor=executor,
        )
    checkpoint = None if save_model is None else found.save(save_model, force=result.force)
    told = {
        **found.to_dict(),
        "checkpoint": None if checkpoint is None else checkpoint.to_dict(),
    }
    result.present(
        told,
        explanation,
        trust=explanation.target(found.target).faithfulness,
        wrote=[] if checkpoint is None else [checkpoint.folder],
    )
    return stop.exit_code
