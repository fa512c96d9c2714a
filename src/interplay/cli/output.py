"""What the commands share: flags that mean the same everywhere, progress, and where results go."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from interplay.errors import BadInput
from interplay.evaluate import Event, Fitting, OnEvent, Progress, Started, Warned

if TYPE_CHECKING:
    from interplay.explanation import Explanation


@Parameter(name="*")
@dataclass(frozen=True)
class Output:
    """Where the result goes, beside the terminal.

    Parameters
    ----------
    report
        Write an HTML report to this file.
    save
        Write the run to this .json file, and its surrogate to the .npz beside it.
    json
        Print one JSON object on standard output and nothing else.
    top
        How many interactions to list.
    force
        Overwrite files that exist.
    """

    report: Path | None = None
    save: Path | None = None
    json: Annotated[bool, Parameter(negative="")] = False
    top: int = 10
    force: Annotated[bool, Parameter(negative="")] = False

    def check(self) -> None:
        """Refuse before anything is paid for, not after."""
        for path in (self.report, self.save):
            if path is None:
                continue
            if path.exists() and not self.force:
                raise BadInput(f"{path} exists; name another file, or add --force to overwrite it")
            if not path.parent.is_dir():
                raise BadInput(f"no such folder: {path.parent}")
        if self.save is not None and self.save.suffix != ".json":
            raise BadInput(f"--save takes a .json file; got {self.save}")

    def present(self, explanation: Explanation) -> None:
        """Write the files that were asked for, then print."""
        explanation = replace(explanation, config={**explanation.config, "command": command()})
        if self.save is not None:
            explanation.save(self.save)
        if self.report is not None:
            explanation.report(self.report)
        if self.json:
            print(json.dumps(explanation.to_dict(), ensure_ascii=False, allow_nan=False))
            return
        from rich.console import Console

        from interplay.report import terminal

        console = Console(highlight=False)
        terminal.show(explanation.to_dict(), console, top=self.top)
        for path in (self.save, self.report):
            if path is not None:
                console.print(f"wrote {path}", soft_wrap=True)


def command() -> str:
    """Return the command line that is running, as one would type it."""
    return shlex.join(["interplay", *sys.argv[1:]])


@contextmanager
def progress() -> Iterator[OnEvent]:
    """Yield an event callback: a bar on standard error if that is a terminal; warnings always."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("evaluating", total=None)

        def on_event(event: Event) -> None:
            if isinstance(event, Started):
                bar.update(task, total=event.total)
            elif isinstance(event, Progress):
                bar.update(task, completed=event.done)
            elif isinstance(event, Fitting):
                bar.update(task, description="fitting")
            elif isinstance(event, Warned):
                bar.console.print(f"warning: {event.message}", markup=False, soft_wrap=True)

        yield on_event
