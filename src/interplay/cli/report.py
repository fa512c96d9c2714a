"""``interplay report``: a saved run in, an HTML file and the terminal view out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from interplay.cli.output import check_top, check_writable
from interplay.errors import unknown
from interplay.explanation import read_run
from interplay.report import html, terminal


def report(
    run: Path,
    /,
    *,
    report: Path | None = None,
    target: str | None = None,
    top: int = 10,
    force: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Write the HTML report of a saved run.

    Parameters
    ----------
    run
        The run's .json file.
    report
        File to write; by default the run's name with .html.
    target
        Which target comes first, where the run has several.
    top
        How many interactions to list in the terminal.
    force
        Overwrite a file that exists.
    """
    from rich.console import Console

    check_top(top)
    summary = first_target(read_run(run), target)
    path = report or run.with_suffix(".html")
    check_writable(path, force=force)
    html.write(summary, path)
    terminal.show(summary, Console(highlight=False), top=top)
    print(f"wrote {path}")


def first_target(summary: dict[str, Any], target: str | None) -> dict[str, Any]:
    """Return the summary with ``target`` in front."""
    names = [found["target"] for found in summary["targets"]]
    if target is None:
        return summary
    if target not in names:
        raise unknown("target", target, names)
    return {**summary, "targets": sorted(summary["targets"], key=lambda t: t["target"] != target)}
