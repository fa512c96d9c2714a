"""The terminal's picture of a training set: which pairs repeat, and which reinforce each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from interplay.numbers import elide, percent
from interplay.report.examples import ExamplesDrawing, ListedPair
from interplay.report.terminal_style import LOWERS, RAISES, new_table, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from interplay.report.reading import Reading

SHOWN = 5
"""Pairs of a kind that are listed."""


def show(run: Reading, examples: ExamplesDrawing, console: Console) -> None:
    """Print the strongest redundant and synergistic pairs, with what retraining said of them."""
    from rich.text import Text

    for kind in examples.kinds:
        heading = f"{kind.heading} ({kind.name} pairs)"
        if not kind.pairs:
            console.print(Text(f"{heading}: none found"))
            continue
        console.print(Text(heading, "bold"))
        console.print(_table(run, kind.pairs[:SHOWN], examples.is_measured))
        if all(one.vague for one in kind.pairs[:SHOWN]):
            console.print(Text("None of these is certain: every interval holds zero."))
        if kind.found > SHOWN:
            console.print(Text(f"and {kind.found - SHOWN} weaker ones", "dim"))
        console.print()
    if examples.checked:
        console.print(Text(examples.checked))
        console.print()
    over = examples.over_targets
    if over is not None:
        console.print(Text("Over all test examples", "bold"))
        console.print(Text(over.sentence))
        for repeated in over.repeated[:SHOWN]:
            told = (
                f"  {', '.join(repeated.names)}: {percent(repeated.share)} of each is in the others"
            )
            console.print(Text(printable(told)))
        for group in over.groups[:SHOWN]:
            console.print(Text(printable(f"  {', '.join(group.names)} act together")))
        console.print()


def _table(run: Reading, pairs: Sequence[ListedPair], measured: bool) -> Table:
    from rich.text import Text

    table = new_table()
    table.add_column(f"{run.noun}s", overflow="fold", ratio=1)
    table.add_column("effect", justify="right", no_wrap=True)
    intervals = any(one.interval(run.scale) for one in pairs)
    if intervals:
        table.add_column("90 % interval", justify="right", no_wrap=True)
    if measured:
        table.add_column("measured", justify="right", no_wrap=True)
    for one in pairs:
        value = one.pair.value
        names = " × ".join(elide(name, 30) for name in one.pair.names)
        cells = [
            Text(printable(names)),
            Text(
                run.scale.signed(value),
                f"{'dim' if one.vague else 'bold'} {RAISES if value > 0 else LOWERS}",
            ),
        ]
        if intervals:
            cells.append(Text(one.interval(run.scale)))
        if measured:
            told = one.measured
            mark = "" if told is None else " ✓" if told.agrees else " ✕"
            cells.append(Text("–" if told is None else run.scale.signed(told.value) + mark))
        table.add_row(*cells)
    return table
