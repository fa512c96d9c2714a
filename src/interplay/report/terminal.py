"""The terminal view of a run: how far to trust it, then what acts together, in 80 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from interplay.numbers import elide, percent
from interplay.report import actions_terminal, examples_terminal, network_terminal
from interplay.report.phrases import Row
from interplay.report.reading import Reading
from interplay.report.terminal_style import LOWERS, RAISES, VERDICTS, new_table, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

GROUNDS = {1: {4: 222, 5: 215, 6: 208}, -1: {4: 153, 5: 111, 6: 69}}
"""Grounds for the strong effects, out of the 256 colours that terminals share; black is read on
each. Weaker effects colour the letters alone: on a dark terminal a pale ground would shout."""

SHOWN_TEXT = 1200
"""Characters of a text that is shown whole; of a longer one the strongest words are listed."""

STRONGEST = 6


def show(summary: Mapping[str, Any], console: Console, *, top: int = 10) -> None:
    """Print a run.

    Parameters
    ----------
    summary
        what ``Explanation.to_dict()`` returns, or the content of ``run.json``.
    console
        a rich console; its width and colours are respected. Signs say what colours say, so that
        nothing is lost where there are none.
    top
        how many interactions are listed.

    Raises
    ------
    BadInput
        where ``summary`` is not the summary of a run.
    """
    from rich.text import Text

    readings = Reading.each(summary)
    run = readings[0]
    icon, style = VERDICTS[run.verdict]
    if len(readings) > 1:
        console.print(targets(readings))
        console.print()
        console.print(Text(printable(run.target), "bold"))
    console.print(Text(f"{icon} {run.sentence}", style))
    console.print(Text(f"{run.calls}: {run.seconds}."))
    if run.examples is not None:
        console.print(Text(printable(run.examples.sentence)))
    if run.ends:
        console.print(Text(f"{run.ends}."))
    for action in (action for reading in readings for action in reading.actions):
        console.print()
        actions_terminal.brief(action, console)
    console.print()
    colours = console.color_system is not None and not console.no_color
    if colours and run.kind == "text" and len(run.subject["text"]) <= SHOWN_TEXT:
        console.print(coloured(run))
        console.print()
    if run.network is not None:
        network_terminal.show(run, run.network, console)
    _strongest(run, console)
    if run.examples is not None:
        examples_terminal.show(run, run.examples, console)
    if run.together:
        console.print(Text("What acts together, beyond the sum of its parts", "bold"))
        console.print(interactions(run, run.together[:top]))
        if len(run.together) > top:
            console.print(Text(f"and {len(run.together) - top} weaker ones", "dim"))
    else:
        console.print(Text(run.nothing_together))
    if run.diagnostics:
        console.print()
    for sentence in run.diagnostics:
        console.print(Text(printable(sentence), "dim"))


def targets(readings: Sequence[Reading]) -> Table:
    """Return a table of the targets of one run: how far to trust each, and its strongest term."""
    from rich.text import Text

    table = new_table()
    table.add_column("target", overflow="fold", ratio=2)
    table.add_column("R²", justify="right", no_wrap=True)
    table.add_column("trust", no_wrap=True)
    table.add_column("strongest together", overflow="fold", ratio=3)
    for run in readings:
        icon, style = VERDICTS[run.verdict]
        share = f"{run.faithfulness[0]:.2f}" if run.faithfulness else "–"
        strongest = Text()
        if run.together:
            row = run.together[0]
            strongest.append_text(_phrase(row)).append(f" {row.signed}", "bold")
        verdict = Text(f"{icon} {run.verdict}", style)
        table.add_row(Text(printable(elide(run.target, 40))), Text(share), verdict, strongest)
    return table


def interactions(run: Reading, rows: Sequence[Row]) -> Table:
    """Return a table of interactions: the words, effect, interval, order, share."""
    from rich.text import Text

    table = new_table()
    table.add_column(f"{run.noun}s", overflow="fold", ratio=1)
    table.add_column("effect", justify="right", no_wrap=True)
    if any(row.interval for row in rows):
        table.add_column("90 % interval", justify="right", no_wrap=True)
    table.add_column("order", justify="right", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    for row in rows:
        cells = [_phrase(row), Text(row.signed, f"bold {RAISES if row.value > 0 else LOWERS}")]
        if any(other.interval for other in rows):
            cells.append(Text(row.interval))
        table.add_row(*cells, Text(str(row.order)), Text(percent(row.share)))
    return table


def coloured(run: Reading) -> Text:
    """Return the text on a ground that shows each unit's effect; what lowers is underlined too."""
    from rich.text import Text

    text = Text()
    for piece in run.pieces:
        level = 0 if piece.feature is None else run.level(piece.feature)
        sign = 1 if level > 0 else -1
        if abs(level) in GROUNDS[sign]:
            style = f"color(16) on color({GROUNDS[sign][abs(level)]})"
        else:
            style = "" if abs(level) < 2 else RAISES if level > 0 else LOWERS
        if style and level < 0:
            style += " underline"
        text.append(printable(piece.text), style or None)
    text.rstrip()
    return text


def _strongest(run: Reading, console: Console) -> None:
    """What raises the target most by itself, and what lowers it; a name stays with its number."""
    from rich.text import Text

    for sign, verb, style in ((1, "raise", RAISES), (-1, "lower", LOWERS)):
        strongest = [i for i in run.strongest(sign, STRONGEST) if abs(run.level(i)) > 1]
        if not strongest:
            continue
        line = Text(f"{run.noun}s that {verb} {run.quantity}:", style)
        for i in strongest:
            entry = Text(f" {printable(elide(run.name(i), 28))}")
            entry.append(_subscript(run.occurrences[i]), "dim").append(" ")
            entry.append(run.scale.signed(run.main_effects[i]), f"bold {style}")
            if i != strongest[-1]:
                entry.append(",")
            if line.cell_len + entry.cell_len > console.width:
                console.print(line)
                line = Text(" ")
            line.append(entry)
        console.print(line)
    console.print()


def _phrase(row: Row) -> Text:
    from rich.text import Text

    text = Text()
    for part in row.parts:
        text.append(printable(part.gap), "dim").append(printable(elide(part.name, 40)))
        text.append(_subscript(part.occurrence), "dim")
    return text


def _subscript(occurrence: int) -> str:
    digits = str(occurrence or "")
    return digits.translate({ord("0") + digit: 0x2080 + digit for digit in range(10)})
