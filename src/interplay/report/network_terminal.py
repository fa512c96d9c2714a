"""The terminal's picture of a network: a grid of its parts, how they act, which pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from interplay.lenses.components.energy import Pair
from interplay.numbers import percent
from interplay.report.network import NetworkDrawing
from interplay.report.terminal_style import LOWERS, RAISES, new_table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from interplay.report.reading import Reading

SHOWN = 3
"""Pairs of a kind that a line lists."""
TABLE = 8
"""Layers of which the table of pairs of layers is shown at most."""


def show(run: Reading, network: NetworkDrawing, console: Console) -> None:
    """Print what a network looks like: signs say what colours say."""
    from rich.text import Text

    width = 2 if 7 + 2 * len(network.columns) <= console.width else 1
    if 7 + width * len(network.columns) <= console.width:
        for line in _grid(run, network, width):
            console.print(line)
        console.print(
            Text(f"{run.noun}s that raise {run.target}: + and ++; that lower it: - and --", "dim")
        )
        console.print()
    if not network.has_energy:
        return
    console.print(Text("Alone, within a layer, across layers (shares of the variation)", "bold"))
    _energies(network, console)
    console.print(Text(network.picture.trend))
    console.print()
    _between(network, console)
    for word, pairs in (("redundant", network.redundant), ("synergistic", network.synergistic)):
        console.print(_pairs(run, word, pairs))
    console.print()


def _grid(run: Reading, network: NetworkDrawing, width: int) -> list[Text]:
    from rich.text import Text

    lines = []
    if width == 2:
        above = "".join(f"{label[:2]:<2}" for label in network.heads_of_columns)
        lines.append(Text(f"{'':6}{above}".rstrip(), "dim"))
    for name, cells in network.rows:
        line = Text(f"{name:<6}", "dim")
        at = {cell.column: cell for cell in cells}
        for column in range(len(network.columns)):
            cell = at.get(column)
            level = 0 if cell is None else run.level(cell.feature)
            sign = "+" if level > 0 else "-"
            mark = " " if cell is None else "·"
            if abs(level) > 1:
                mark = sign * 2 if abs(level) > 3 and width == 2 else sign
            style = RAISES if level > 0 else LOWERS
            bold = "bold " if abs(level) > 3 else ""
            line.append(f"{mark:<{width}}", f"{bold}{style}" if abs(level) > 1 else "dim")
        line.rstrip()
        lines.append(line)
    return lines


def _energies(network: NetworkDrawing, console: Console) -> None:
    from rich.text import Text

    table = new_table()
    table.add_column("layers", no_wrap=True)
    for name in ("alone", "within", "across"):
        table.add_column(name, justify="right", no_wrap=True)
    intervals = any(row[5] for row in network.energies)
    if intervals:
        table.add_column("alone, 90 % interval", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for name, linear, within, across, _, between in network.energies:
        cells = [Text(name), *(Text(percent(x)) for x in (linear, within, across))]
        if intervals:
            cells.append(Text(between))
        parts = [round(20 * x) for x in (linear, linear + within, 1.0)]
        bar = Text("█" * parts[0]).append("▒" * (parts[1] - parts[0]), LOWERS)
        bar.append("░" * (parts[2] - parts[1]), RAISES)
        table.add_row(*cells, bar)
    console.print(table)


def _between(network: NetworkDrawing, console: Console) -> None:
    """Where interactions are: pairs of layers, in percent of the whole variation."""
    from rich.text import Text

    count = len(network.layers)
    found = network.picture.between
    if not 1 < count <= TABLE or not found.any():
        return
    console.print(Text("Interactions by pairs of layers", "bold"))
    table = new_table()
    table.add_column("")
    for row in range(count):
        table.add_column(network.layer(row), justify="right", no_wrap=True)
    for row in range(count):
        cells = [
            Text(percent(float(found[row, col])) if col <= row else "") for col in range(count)
        ]
        table.add_row(Text(network.layer(row), "dim"), *cells)
    console.print(table)
    console.print()


def _pairs(run: Reading, word: str, pairs: Sequence[Pair]) -> Text:
    from rich.text import Text

    line = Text(f"{word} pairs: ")
    if not pairs:
        return line.append("none found", "dim")
    for place, pair in enumerate(pairs[:SHOWN]):
        line.append(f"{pair.names[0]} × {pair.names[1]} ")
        line.append(run.scale.signed(pair.value), f"bold {RAISES if pair.value > 0 else LOWERS}")
        line.append(", " if place < min(len(pairs), SHOWN) - 1 else "")
    return line
