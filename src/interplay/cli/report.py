"""``interplay report``: a saved run in, an HTML file and the terminal view out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from interplay.errors import BadInput
from interplay.explanation import read_run
from interplay.report import html, terminal


def report(
    run: Path,
    /,
    *,
    report: Path | None = None,
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
    top
        How many interactions to list in the terminal.
    force
        Overwrite a file that exists.
    """
    from rich.console import Console

    summary = read_run(run)
    path = report or run.with_suffix(".html")
    if path.exists() and not force:
        raise BadInput(f"{path} exists; name another with --report, or add --force to overwrite it")
    html.write(summary, path)
    console = Console(highlight=False)
    terminal.show(summary, console, top=top)
    console.print(f"wrote {path}", soft_wrap=True)
