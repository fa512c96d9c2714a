"""What the commands share: flags that mean the same everywhere, progress, and where results go."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from interplay.errors import BadInput, BudgetExceeded
from interplay.evaluate import (
    Event,
    Fitting,
    Forecasted,
    Interruption,
    NextInput,
    OnEvent,
    Planned,
    Progress,
    Started,
    Tally,
    Warned,
    interruptible,
)

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
    convergence
        Measure faithfulness after fewer calls, too; this takes about as long as the fit does.
    force
        Overwrite files that exist.
    """

    report: Path | None = None
    save: Path | None = None
    json: Annotated[bool, Parameter(negative="")] = False
    top: int = 10
    convergence: Annotated[bool, Parameter(negative="")] = False
    force: Annotated[bool, Parameter(negative="")] = False

    def check(self) -> None:
        """Refuse before anything is paid for, not after."""
        if self.save is not None and self.save.suffix != ".json":
            raise BadInput(f"--save takes a .json file; got {self.save}")
        for path in (self.report, self.save, self.save and self.save.with_suffix(".npz")):
            if path is not None:
                check_writable(path, force=self.force)
        if self.convergence and not (self.report or self.save or self.json):
            raise BadInput("--convergence goes into files: add --report, --save or --json")
        check_top(self.top)

    def complete(self, explanation: Explanation) -> Explanation:
        """Return what is to be written: with the command, and what else was asked for."""
        if self.convergence and not explanation.finding.convergence:  # some know their rounds
            explanation = explanation.with_convergence()
        return replace(explanation, config={**explanation.config, "command": command()})

    def present(self, explanation: Explanation) -> None:
        """Write the files that were asked for, then print."""
        explanation = self.complete(explanation)
        if self.save is not None:
            explanation.save(self.save)
        if self.report is not None:
            explanation.report(self.report)
        if self.json:
            print(json.dumps(explanation.to_dict(), ensure_ascii=False, allow_nan=False))
            return
        from rich.console import Console

        from interplay.report import terminal

        terminal.show(explanation.to_dict(), Console(highlight=False), top=self.top)
        for path in (self.save, self.report):
            if path is not None:
                print(f"wrote {path}")


def check_writable(path: Path, *, force: bool) -> None:
    """Refuse a file that could not be written, or that is there and may not be overwritten."""
    if path.is_dir():
        raise BadInput(f"{path} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise BadInput(f"no such folder: {path.parent}; make it first")
    if path.exists() and not force:
        raise BadInput(f"{path} exists; name another file, or add --force to overwrite it")


def check_top(top: int) -> None:
    """Refuse a number of interactions that cannot be listed."""
    if top < 1:
        raise BadInput(f"--top must be 1 or more; got {top}")


def command() -> str:
    """Return the command line that is running, as one would type it."""
    return shlex.join(["interplay", *sys.argv[1:]])


@contextmanager
def progress(store: Path) -> Iterator[tuple[OnEvent, Interruption]]:
    """Yield an event callback and a ``stop`` for :func:`interplay.explain`.

    The callback draws a bar on standard error if that is a terminal, with the forecast above it;
    warnings are always printed. The first Ctrl-C or SIGTERM inside ends the run after its batch;
    the second stops at once and says how many evaluations are in ``store``.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar

    console = Console(stderr=True, highlight=False)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    tally = Tally()
    doing = "evaluating"
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("loading the model", total=None)

        def on_event(event: Event) -> None:
            nonlocal doing
            tally.take(event)
            if isinstance(event, NextInput):
                doing = f"input {event.number} of {event.total}"
            elif isinstance(event, Planned):
                console.print(event.sentence, style="dim")
            elif isinstance(event, Started):
                bar.update(task, description=doing, total=tally.total, completed=tally.done)
            elif isinstance(event, Progress):
                bar.update(task, completed=tally.done)
            elif isinstance(event, Forecasted):
                told = event.forecast
                known = told.tokens or told.usd or told.seconds
                if console.is_terminal and told.calls[1] and known and doing == "evaluating":
                    console.print(told.sentence, style="dim")
            elif isinstance(event, Fitting):
                bar.update(task, description="fitting")
            elif isinstance(event, Warned):
                print(f"warning: {event.message}", file=sys.stderr)

        with interruptible(_tell_at_once) as stop:
            try:
                yield on_event, stop
            except BudgetExceeded as error:
                if stop.signal is None:
                    raise
                interrupt = KeyboardInterrupt()  # too little was evaluated for a fit
                interrupt.add_note(str(error))
                raise interrupt from error
            except KeyboardInterrupt as interrupt:
                if tally.done:
                    interrupt.add_note(
                        f"{tally.done} evaluations are stored in {store}; "
                        "the same command goes on from there"
                    )
                raise


def _tell_at_once(sentence: str) -> None:
    # from within a signal handler: a buffered stream may be in the middle of a write
    os.write(2, f"\n{sentence}\n".encode())
