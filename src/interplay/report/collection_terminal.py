"""The terminal view of many inputs: trust, what they have in common, then each, in 80 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from interplay.numbers import elide
from interplay.report.collection import Line, Overview, Table
from interplay.report.terminal_style import LOWERS, RAISES, VERDICTS, new_table, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as Grid

SHOWN_INPUTS = 20
"""Inputs that are listed; those not to be trusted first, where not all fit."""


def show(content: Mapping[str, Any], console: Console, *, top: int = 10) -> None:
    """Print the explanations of many inputs.

    Parameters
    ----------
    content
        what ``Explanations.to_dict()`` returns.
    console
        a rich console; its width and colours are respected.
    top
        how many combinations are listed, and how many single effects.

    Raises
    ------
    BadInput
        where ``content`` is not that.
    """
    from rich.text import Text

    overview = Overview(content)
    badges = Text()
    for icon, verdict, number in overview.trust:
        badges.append(f"{icon} {number} {verdict}   ", VERDICTS[verdict][1])
    if overview.failed:
        badges.append(f"! {len(overview.failed)} failed", "bold red")
    badges.rstrip()
    console.print(badges)
    console.print(Text(f"{overview.title}. {overview.headline}"))
    console.print(Text(f"{overview.cost}."))
    console.print(Text(f"Explained: {overview.explained}."))
    if overview.differing:
        console.print(Text(overview.differing, "bold"))
    for table in overview.tables:
        _common(table, console, top)
    console.print()
    _inputs(overview, console)
    if overview.failed:
        console.print()
        console.print(Text("What failed", "bold red"))
        for entry in overview.failed:
            console.print(Text(printable(f"{entry.id}: {entry.error}")))


def _common(table: Table, console: Console, top: int) -> None:
    from rich.text import Text

    over = f"as a mean over inputs{f' ({table.name})' if table.name else ''}"
    for lines, heading in (
        (table.together, f"What acts together, {over}"),
        (table.alone, f"What each {table.noun} does by itself, {over}"),
    ):
        if not lines:
            continue
        console.print()
        console.print(Text(heading, "bold"))
        if lines is table.together:
            console.print(Text(printable(table.finding)))
        console.print(_grid(lines[:top], table.noun))
        if len(lines) > top:
            console.print(Text(f"and {len(lines) - top} weaker or less certain ones", "dim"))
    console.print()
    for sentence in table.notes:
        console.print(Text(printable(sentence), "dim"))


def _grid(lines: Sequence[Line], noun: str) -> Grid:
    from rich.text import Text

    grid = new_table()
    grid.add_column(f"{noun}s", overflow="fold", ratio=1)
    for name in ("mean", "90 % interval", "same sign", "q"):
        grid.add_column(name, justify="right", no_wrap=True)
    for line in lines:
        colour = RAISES if line.value > 0 else LOWERS
        style = "dim" if line.unclear else ""
        words = " × ".join(printable(elide(label, 40)) for label in line.labels)
        grid.add_row(
            Text(words, style),
            Text(line.signed, style or f"bold {colour}"),
            Text(line.interval, style),
            Text(f"{line.agree} of {line.inputs}", style),
            Text(line.certainty, "dim"),
        )
    return grid


def _inputs(overview: Overview, console: Console) -> None:
    from rich.text import Text

    order = list(VERDICTS)
    listed = overview.runs
    if len(listed) > SHOWN_INPUTS:  # what needs a look
        worst = sorted(listed, key=lambda one: -order.index(one[0].verdict))
        listed = sorted(worst[:SHOWN_INPUTS], key=lambda one: one[0].place)
    console.print(Text("The inputs", "bold"))
    figures = [("" if e.full is None else overview.scale.plain(e.full)) for e, _ in listed]
    room = console.width - 6 - 4 - max(map(len, ["value", *figures]))
    grid = new_table()
    grid.add_column("input", overflow="ellipsis", no_wrap=True, width=room * 3 // 5)
    grid.add_column("R²", justify="right", no_wrap=True)
    grid.add_column("value", justify="right", no_wrap=True)
    grid.add_column("strongest combination", overflow="ellipsis", no_wrap=True)
    for (entry, run), figure in zip(listed, figures, strict=True):
        icon, style = VERDICTS[entry.verdict]
        name = Text(f"{icon} ", style)
        name.append(printable(elide(entry.id, 24)), "bold").append(printable(f" {entry.title}"))
        strongest = Text("none found", "dim")
        if run.together:
            row = run.together[0]
            strongest = Text(row.signed, f"bold {RAISES if row.value > 0 else LOWERS}")
            words = elide(row.words, room - room * 3 // 5 - len(row.signed) - 1)
            strongest.append(printable(f" {words}"), "default not bold")
        grid.add_row(name, Text(entry.fit), Text(figure), strongest)
    console.print(grid)
    if len(overview.runs) > len(listed):
        rest = len(overview.runs) - len(listed)
        console.print(Text(f"and {rest} more, that are no less to be trusted", "dim"))
