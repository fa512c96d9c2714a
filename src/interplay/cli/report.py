"""``interplay report``: a saved run in, an HTML file and the terminal view out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from interplay.cli.output import check_top, check_writable
from interplay.collection import Explanations, holds_many
from interplay.errors import BadInput, unknown
from interplay.explanation import load, read_run
from interplay.json_text import load_json
from interplay.report import collection_terminal, html, terminal


def report(
    run: Path,
    /,
    *,
    report: Path | None = None,
    target: str | None = None,
    top: int = 10,
    with_: Annotated[list[Path] | None, Parameter(name="--with", negative="")] = None,
    convergence: Annotated[bool, Parameter(negative="")] = False,
    force: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Write the HTML report of a saved run, or of the runs of many inputs.

    Parameters
    ----------
    run
        The .json file that --save wrote.
    report
        File to write; by default the run's name with .html.
    target
        Which target comes first, where the run has several.
    top
        How many interactions to list in the terminal.
    with_
        What flip, prune or select --json printed, as a file: the report tells of it too. May be
        given several times.
    convergence
        Measure faithfulness after fewer calls, too; this takes about as long as the run's fit did.
    force
        Overwrite a file that exists.
    """
    from rich.console import Console

    check_top(top)
    path = report or run.with_suffix(".html")
    check_writable(path, force=force)
    console = Console(highlight=False)
    if holds_many(run):
        if target is not None:
            raise BadInput("--target is for a single run; the report of many inputs has them all")
        if convergence:
            raise BadInput("--convergence is for a single run; this file holds those of many")
        if with_:
            raise BadInput("--with is for a single run; this file holds those of many")
        explanations = Explanations.load(run)
        explanations.report(path)
        collection_terminal.show(explanations.to_dict(), console, top=top)
    else:
        summary = first_target(_summary(run, with_ or [], convergence=convergence), target)
        html.write(summary, path)
        terminal.show(summary, console, top=top)
    print(f"wrote {path}")


def _summary(run: Path, results: Sequence[Path], *, convergence: bool) -> dict[str, Any]:
    """The run, with these results of actions and its convergence where that is wanted."""
    if not results and not convergence:
        return read_run(run)
    loaded = load(run)
    for path in results:
        loaded = loaded.with_action(_result(path), source=str(path))
    return (loaded.with_convergence() if convergence else loaded).to_dict()


def _result(path: Path) -> Any:
    return load_json(path, "cannot be read as the JSON of a result")


def first_target(summary: dict[str, Any], target: str | None) -> dict[str, Any]:
    """Return the summary with ``target`` in front."""
    names = [found["target"] for found in summary["targets"]]
    if target is None:
        return summary
    if target not in names:
        raise unknown("target", target, names)
    return {**summary, "targets": sorted(summary["targets"], key=lambda t: t["target"] != target)}
