"""What flip, prune and select have in common: a saved run, where a result goes, sizes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from interplay.actions.explained import check_same, kind_told
from interplay.cli.output import check_writable, command
from interplay.errors import BadInput
from interplay.lenses.remake import value_function_of

if TYPE_CHECKING:
    from interplay.explanation import Explanation
    from interplay.metrics import Estimate


@Parameter(name="*")
@dataclass(frozen=True)
class Result:
    """Where the result goes, beside the terminal.

    Parameters
    ----------
    report
        Write the HTML report of the run to this file, with the result in it.
    json
        Print one JSON object on standard output and nothing else.
    force
        Overwrite what exists.
    """

    report: Path | None = None
    json: Annotated[bool, Parameter(negative="")] = False
    force: Annotated[bool, Parameter(negative="")] = False

    def check(self) -> None:
        """Refuse before anything is paid for, not after."""
        if self.report is not None:
            check_writable(self.report, force=self.force)

    def present(
        self,
        told: Mapping[str, Any],
        run: Explanation,
        *,
        trust: Estimate | None = None,
        wrote: Iterable[Path] = (),
    ) -> None:
        """Write the report if one was asked for, then print.

        ``told`` is the JSON of the result, ``trust`` how far to trust what it began with where that
        is to be said first, ``wrote`` what else was written.
        """
        line = command()
        told = {**told, "command": line}
        if self.report is not None:
            made = replace(run, config={"command": line, **run.config}).with_action(told)
            shown = told["target"] if told["target"] in run.targets else run.target_name
            made.target(shown).report(self.report)
        if self.json:
            print(json.dumps(told, ensure_ascii=False, allow_nan=False))
            return
        from rich.console import Console
        from rich.text import Text

        from interplay.report import actions_terminal
        from interplay.report.actions import action_of
        from interplay.report.terminal_style import VERDICTS

        console = Console(highlight=False)
        if trust is not None:
            icon, style = VERDICTS[trust.verdict]
            console.print(Text(f"{icon} {trust.sentence}", style))
        actions_terminal.show(action_of(told, run.features), console)
        for path in (*wrote, *([self.report] if self.report is not None else [])):
            print(f"wrote {path}")


def place_of(saved: Explanation | None, store: Path | None) -> Path:
    """Return where evaluations are kept: the store that is named, that of the run, or the usual."""
    if store is not None or saved is None:
        return store or Path("runs.db")
    return Path(str(saved.config.get("store") or "no store"))


def function_again(saved: Explanation, kind: str, does: str, **changes: Any) -> Any:
    """Return the value function of a run of one kind, with ``changes`` of what made it.

    ``does`` is for the error where the run is of another kind.
    """
    if saved.subject.get("kind") != kind:
        lens = kind.replace("_", "-")
        raise BadInput(
            f"this run is of {kind_told(saved)}, and {does}: `interplay {lens} --save RUN.json` "
            "makes a run"
        )
    made = value_function_of(saved.subject, saved.targets, **changes)
    check_same(made, saved)
    return made


def size(keep: str, what: str = "parts") -> float | int:
    """Return a share, or a number of ``what``.

    >>> size("0.5"), size("50%"), size("12")
    (0.5, 0.5, 12)
    """
    try:
        share = keep.strip()
        if share.endswith("%"):
            return float(share[:-1]) / 100
        return int(share) if share.isdigit() else float(share)
    except ValueError as error:
        raise BadInput(
            f"--keep takes shares such as 0.66, or numbers of {what}; got {keep!r}"
        ) from error
