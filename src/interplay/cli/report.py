"""``interplay report``: a saved run in, an HTML file and the terminal view out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from interplay.cli.output import check_top, check_writable
from interplay.collection import Explanations, holds_many
from interplay.errors import BadInput, unknown
from interplay.explanation import load, read_run
from interplay.report import collection_terminal, html, terminal


def report(
    run: Path,
    /,
    *,
    report: Path | None = None,
    target: str | None = None,
    top: int = 10,
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
        explanations = Explanations.load(run)
        explanations.report(path)
        collection_terminal.show(explanations.to_dict(), console, top=top)
    else:
        summary = load(run).with_convergence().to_dict() if convergence else read_run(run)
        summary = first_target(summary, target)
        html.write(summary, path)
        terminal.show(summary, console, top=top)
    print(f"wrote {path}")


def first_target(summary: dict[str, Any], target: str | None) -> dict[str, Any]:
    """Return the summary with ``target`` in front."""
    names = [found["target"] for found in summary["targets"]]
    if target is None:
        return summary
    if target not in names:
        raise unknown("target", target, names)
    return {**summary, "targets": sorted(summary["targets"], key=lambda t: t["target"] != target)}
