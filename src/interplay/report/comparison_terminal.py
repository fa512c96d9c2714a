"""The terminal view of runs side by side: what was found, trust, settings, differences."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from interplay.numbers import elide
from interplay.report.comparison_reading import Beside, Line, Only, Overview, Target
from interplay.report.terminal_style import LOWERS, RAISES, VERDICTS, new_table, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

CONTEXT = 4
"""Words that are shown around an edit."""

ONLY = 6
"""Terms that are listed of what only one run has."""

COLUMN = 10
"""Characters of a column of numbers."""


def show(content: Mapping[str, Any], console: Console, *, top: int = 10) -> None:
    """Print runs side by side, for the target that comes first.

    Parameters
    ----------
    content
        what ``Comparison.to_dict()`` returns.
    console
        a rich console; its width and colours are respected. Signs say what colours say.
    top
        how many effects are listed, and how many combinations.

    Raises
    ------
    BadInput
        where ``content`` is not that.
    """
    from rich.text import Text

    overview = Overview(content)
    target = overview.targets[0]
    console.print(Text(printable(target.sentence), "bold"))
    for pair in target.pairs:
        told = [] if len(target.pairs) == 1 else [pair.sentence]
        told += [pair.edit] if pair.edit else []
        for sentence in told:
            console.print(Text(printable(sentence)))
    console.print()
    console.print(_runs(target))
    console.print()
    _settings(overview, console)
    for pair in target.pairs:
        _edit(target, pair, console)
    if len(target.pairs) == 1:
        _differences(target, target.pairs[0], console, top)
    else:
        _every_run(overview, target, console, top)
    for pair in target.pairs:
        _only(pair.removed, overview.names[0], console)
        _only(pair.added, elide(pair.name, 32), console)
    console.print()
    for sentence in [*target.notes, *overview.notes]:
        console.print(Text(printable(sentence), "dim"))
    if len(overview.targets) > 1:
        others = ", ".join(one.name for one in overview.targets[1:])
        console.print(Text(printable(f"Compared too, with --target: {others}"), "dim"))


def _table(*columns: str) -> Table:
    table = new_table()
    table.add_column(columns[0], overflow="fold", ratio=1)
    for name in columns[1:]:
        table.add_column(printable(name), justify="right", no_wrap=True)
    return table


def _runs(target: Target) -> Table:
    from rich.text import Text

    table = _table("run", "R² (90 % interval)", "masks", "whole", "empty", "alike", "top")
    for column, pair in target.beside:
        icon, style = VERDICTS[column.run.verdict]
        name = Text(f"{icon} ", style).append(printable(column.name), "bold")
        alike = ("", "") if pair is None else (pair.correlation, pair.top.replace(" of ", "/"))
        table.add_row(name, column.fit, column.evaluations, column.full, column.empty, *alike)
    return table


def _settings(overview: Overview, console: Console) -> None:
    from rich.text import Text

    for name, values in overview.differing:
        told = Text(f"{printable(name)}: ", "dim")
        for k, value in enumerate(values):
            told.append(" | " if k else "", "dim").append(printable(elide(value, 60)))
        console.print(told)
    names = [name for name, _ in overview.same if not name.startswith("version of")]
    if names:
        console.print(Text(printable(f"The same: {', '.join(names)}"), "dim"))


def _edit(target: Target, pair: Beside, console: Console) -> None:
    """The text with what the edit took away and brought: ``[-not-] {+very+}``."""
    from rich.text import Text

    if not target.is_text or not (pair.missing("removed") or pair.missing("added")):
        return
    console.print()
    console.print(Text(printable(f"From {pair.reference} to {elide(pair.name, 32)}"), "bold"))
    told = Text()
    for sign, words in _hunks(target, pair):
        text = printable(" ".join(words))
        if sign == " " and len(words) > 2 * CONTEXT:
            text = " ".join([*words[:CONTEXT], "…", *words[-CONTEXT:]])
        style = {"-": f"strike {LOWERS}", "+": f"underline {RAISES}"}.get(sign, "")
        marked = {"-": f"[-{text}-]", "+": f"{{+{text}+}}"}.get(sign, printable(text))
        told.append(f"{' ' if told else ''}").append(marked, style or None)
    console.print(told)


def _hunks(target: Target, pair: Beside) -> list[tuple[str, list[str]]]:
    """Runs of words that are kept (`` ``), removed (``-``) or added (``+``), in order."""
    place = [beside for _, beside in target.beside].index(pair)
    mine, others = (_units(target.columns[k].run.pieces) for k in (0, place))
    shared = [(int(i), int(j)) for i, j in pair.content["alignment"]["shared"]]
    out: list[tuple[str, str]] = []
    a = b = 0
    # a unit that moved is where the second text has it
    for i, j in [*sorted(shared, key=lambda one: one[1]), (len(mine), len(others))]:
        gone = pair.missing("removed")
        out += [("-", mine[k]) for k in range(a, i) if k in gone]
        out += [("+", others[k]) for k in range(b, j)]
        if j < len(others):
            out.append((" ", others[j]))
        a, b = max(a, i + 1), j + 1
    return [(sign, [word for _, word in of]) for sign, of in groupby(out, key=lambda one: one[0])]


def _units(pieces: Sequence[Any]) -> list[str]:
    """What the text has from each unit up to the next, on one line."""
    units: list[str] = []
    for piece in pieces:
        if piece.feature is not None:
            units.append(piece.text)
        elif units:
            units[-1] += piece.text
    return [re.sub(r"\s+", " ", unit).strip() for unit in units]


def _differences(target: Target, pair: Beside, console: Console, top: int) -> None:
    from rich.text import Text

    for lines, heading in (
        (pair.alone, "What each does by itself"),
        (pair.together, "What acts together, beyond the sum of its parts"),
    ):
        if not lines:
            continue
        console.print()
        console.print(Text(heading, "bold"))
        noun = target.columns[0].run.noun
        table = _table(
            f"{noun}s",
            elide(pair.reference, COLUMN),
            elide(pair.name, COLUMN),
            "difference",
            "90 % interval",
            "q",
        )
        for line in lines[:top]:
            style = "" if line.clear else "dim"
            colour = f"bold {RAISES if line.value > 0 else LOWERS}" if line.clear else style
            table.add_row(
                Text(printable(line.words), style),
                *(Text(end, style) for end in line.ends),
                Text(line.signed, colour),
                Text(line.interval, style),
                Text(line.certainty, "dim"),
            )
        console.print(table)
        if len(lines) > top:
            console.print(Text(f"and {len(lines) - top} smaller or less clear ones", "dim"))


def _every_run(overview: Overview, target: Target, console: Console, top: int) -> None:
    """One column for each run; as many at once as fit."""
    from rich.text import Text

    if not target.rows:
        return
    console.print()
    told = f"Effects in every run; ▲ and ▼: clearly more or less than in {overview.names[0]}"
    console.print(Text(printable(told), "bold"))
    fit = max((console.width - 24) // (COLUMN + 3) - 1, 1)
    for start in range(0, len(target.pairs), fit):
        names = [overview.names[0], *overview.names[1 + start : 1 + start + fit]]
        noun = target.columns[0].run.noun
        table = _table(f"{noun}s", *(elide(name, COLUMN) for name in names))
        for words, lines, first in target.rows[:top]:
            cells = [_cell(line) for line in lines[start : start + fit]]
            table.add_row(Text(printable(words)), Text(first), *cells)
        console.print(table)
    if len(target.rows) > top:
        console.print(Text(f"and {len(target.rows) - top} smaller or less clear ones", "dim"))


def _cell(line: Line | None) -> Text:
    from rich.text import Text

    if line is None:
        return Text("–  ", "dim")
    if not line.clear:
        return Text(f"{line.ends[1]}  ")
    mark, colour = ("▲", RAISES) if line.value > 0 else ("▼", LOWERS)
    return Text(f"{line.ends[1]} {mark}", f"bold {colour}")


def _only(terms: Sequence[Only], name: str, console: Console) -> None:
    from rich.text import Text

    if not terms:
        return
    console.print()
    console.print(Text(printable(f"Only in {name}"), "bold"))
    table = _table("", "effect", "90 % interval")
    for term in terms[:ONLY]:
        style = f"bold {RAISES if term.value > 0 else LOWERS}"
        table.add_row(Text(printable(term.words)), Text(term.signed, style), Text(term.interval))
    console.print(table)
    if len(terms) > ONLY:
        console.print(Text(f"and {len(terms) - ONLY} weaker ones", "dim"))
