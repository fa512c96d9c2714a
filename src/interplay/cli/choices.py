"""What the commands that choose a set have in common: its size, its cost, how it compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from interplay.errors import BadInput

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from interplay.actions.prune.pruning import Choice, Difference
    from interplay.metrics import Estimate


def show_cost(faith: Estimate, found: Any, console: Console) -> None:
    """Print how far to trust what a choice began with, and what the choice has cost."""
    from rich.text import Text

    from interplay.report.numbers import count, duration
    from interplay.report.terminal import VERDICTS

    icon, style = VERDICTS[faith.verdict]
    console.print(Text(f"{icon} {faith.sentence}", style))
    cost = count(found.calls, "call")
    cost += f", {count(found.reused, 'stored evaluation')} reused" if found.reused else ""
    console.print(Text(f"{cost}: {duration(found.seconds)} in the model."))


def comparison(
    choices: Mapping[str, Choice],
    differences: Sequence[Difference],
    *,
    train: str = "train",
    test: str = "test",
) -> Table:
    """Return a table of what each method chose: its values, and how far the first is from it."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("method", no_wrap=True)
    for name in (train, f"{test} (90 %)", "chosen less this (90 %)"):
        table.add_column(name, justify="right", no_wrap=True)
    apart = {one.method: one for one in differences}
    for method, choice in choices.items():
        cells = [method, _short(choice.train), _between(choice.test, choice)]
        if method in apart:
            one = apart[method]
            cells.append(_between(one.value, one, signed=True) + (" *" if one.clear else "  "))
        table.add_row(*map(Text, cells), style=None if method in apart else "bold")
    return table


def listed(names: Sequence[str], most: int = 24) -> str:
    """Return names in a line, and how many more there are.

    >>> listed(["a", "b", "c"], 2), listed([])
    ('a, b and 1 more', 'nothing')
    """
    if not names:
        return "nothing"
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


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


def _between(value: float, ends: Any, *, signed: bool = False) -> str:
    if ends.low is None or ends.high is None:
        return _short(value, signed=signed)
    low, high = (_short(end, signed=signed) for end in (ends.low, ends.high))
    return f"{_short(value, signed=signed)} ({low} to {high})"


def _short(value: float, *, signed: bool = False) -> str:
    sign = "+" if signed else ""
    return f"{value:{sign}.3f}" if abs(value) < 10 else f"{value:{sign}.1f}"
