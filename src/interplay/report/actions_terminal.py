"""Results of flip, prune, select and counterfactuals in the terminal: in a few lines, or whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from interplay.numbers import MINUS, elide
from interplay.report.action import Action, Unread
from interplay.report.action_choices import Contest, PruneAction, SelectAction
from interplay.report.action_flip import FlipAction
from interplay.report.actions import CounterfactualsAction
from interplay.report.terminal_style import new_table, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

SHOWN = 10
"""Alternatives, other inputs and pairs that are listed one by one."""

NAMED = 24
"""Names in a line."""


def brief(action: Action | Unread, console: Console) -> None:
    """Print what was found, how sure that is and what it cost: as a report of a run tells it."""
    if isinstance(action, Unread):
        _say(console, f"✕ {action.title}: {action.reason}")
        return
    if isinstance(action, PruneAction):
        for contest in action.contests:
            _say(console, f"{action.title}: {contest.sentence}", "bold")
            _each(console, contest.evidence)
    elif isinstance(action, SelectAction):
        _say(console, f"{action.title}: {action.sentences[0]}", "bold")
        _each(console, action.sentences[1:])
    elif isinstance(action, FlipAction):
        _flip(action, console)
        return
    else:
        _say(console, f"{action.title}: {action.sentences[0]}", "bold")
    _say(console, action.cost)
    _each(console, action.notes)


def show(action: Action, console: Console) -> None:
    """Print all of a result, as the command that made it does."""
    if isinstance(action, FlipAction):
        _flip(action, console)
        _flip_details(action, console)
    elif isinstance(action, PruneAction):
        _say(console, action.cost)
        for contest in action.contests:
            console.print()
            _say(console, contest.sentence, "bold")
            _choices(contest, console)
            _each(console, contest.evidence)
            _left_out(contest, console)
            _say(console, f"goes: {listed(action.names(contest, kept=False))}", "dim")
        _each(console, action.notes)
    elif isinstance(action, SelectAction):
        _say(console, action.cost)
        console.print()
        _say(console, action.sentences[0], "bold")
        _each(console, action.sentences[1:])
        console.print()
        test = "holdout" if action.content["verified"] else "targets"
        _choices(action.contest, console, train="targets", test=test)
        _left_out(action.contest, console)
        console.print()
        for word, names in _dropped(action):
            if names:
                _say(console, f"{word}: {listed(names)}", "dim")
        _each(console, action.notes)
    else:
        brief(action, console)
        if isinstance(action, CounterfactualsAction):
            console.print()
            rows = [(dot.name, dot.words, dot.aside) for dot in action.plot.rows[:SHOWN]]
            _table(console, ("pair", "measured", ""), rows)


def comparison(contest: Contest, *, train: str = "train", test: str = "test") -> Table:
    """Return a table of what each method chose: its values, and how far the first is from it."""
    from rich.text import Text

    table = new_table()
    table.add_column("method", no_wrap=True)
    for name in (train, f"{test} (90 %)", "chosen less this (90 %)"):
        table.add_column(name, justify="right", no_wrap=True)
    apart = {one["method"]: one for one in contest.differences}
    for choice in contest.choices:
        cells = [choice["method"], _short(choice["train"]), _between(choice["test"], choice)]
        one = apart.get(choice["method"])
        if one is not None:
            cells.append(
                _between(one["value"], one, signed=True) + (" *" if one["clear"] else "  ")
            )
        table.add_row(
            *(Text(printable(cell)) for cell in cells), style="bold" if one is None else None
        )
    return table


def listed(names: Sequence[str], most: int = NAMED) -> str:
    """Return names in a line, and how many more there are.

    >>> listed(["a", "b", "c"], 2), listed([])
    ('a, b and 1 more', 'nothing')
    """
    if not names:
        return "nothing"
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def _flip(action: FlipAction, console: Console) -> None:
    icon, style = ("✓", "bold green") if action.good else ("✕", "bold red")
    _say(console, f"{icon} {action.sentences[0]}", style)
    _say(console, action.cost)
    _each(console, [*action.evidence, *action.notes])


def _flip_details(action: FlipAction, console: Console) -> None:
    text = action.content.get("text")
    if text is not None:
        console.print()
        _say(console, f"What is left, with the {action.noun}s {action.done}", "bold")
        _say(console, text.strip() or "(nothing)")
    if action.alternatives:
        console.print()
        _say(console, "These change it too", "bold")
        _table(console, (f"{action.noun}s", action.target), action.alternatives[:SHOWN])
    if action.inputs:
        console.print()
        _say(console, "The same edit on other inputs", "bold")
        header = ("input", "before", "after", "decision")
        _table(console, header, action.inputs[:SHOWN])
        if len(action.inputs) > SHOWN:
            _say(console, f"and {len(action.inputs) - SHOWN} more", "dim")


def _choices(contest: Contest, console: Console, **columns: str) -> None:
    if contest.choices:
        console.print(comparison(contest, **columns))


def _left_out(contest: Contest, console: Console) -> None:
    for method, why in contest.left_out.items():
        _say(console, f"{method} was left out: {why}.", "dim")


def _dropped(action: SelectAction) -> list[tuple[str, list[str]]]:
    """Examples that repeat others, with those, and all other ones that go."""
    gone = [one for one in action.content["examples"] if not one["keep"]]
    repeats = [one for one in gone if one["repeats"] is not None]
    return [
        ("repeats", [f"{one['name']} (of {action.name(one['repeats'])})" for one in repeats]),
        ("goes", [one["name"] for one in gone if one["repeats"] is None]),
    ]


def _table(console: Console, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    from rich.text import Text

    table = new_table()
    for k, name in enumerate(header):
        justify: Any = "left" if k in (0, 3) else "right"
        table.add_column(Text(elide(name, 30)), overflow="fold", justify=justify)
    for row in rows:
        table.add_row(*(Text(printable(elide(cell, 60))) for cell in row))
    console.print(table)


def _between(value: float, ends: Mapping[str, Any], *, signed: bool = False) -> str:
    if ends["low"] is None or ends["high"] is None:
        return _short(value, signed=signed)
    low, high = (_short(ends[end], signed=signed) for end in ("low", "high"))
    return f"{_short(value, signed=signed)} ({low} to {high})"


def _short(value: float, *, signed: bool = False) -> str:
    sign = MINUS if value < 0 else "+" if signed else ""
    return sign + (f"{abs(value):.3f}" if abs(value) < 10 else f"{abs(value):.1f}")


def _each(console: Console, sentences: Iterable[str]) -> None:
    for sentence in sentences:
        _say(console, sentence)


def _say(console: Console, text: str, style: str = "") -> None:
    from rich.text import Text

    console.print(Text(printable(text), style))
