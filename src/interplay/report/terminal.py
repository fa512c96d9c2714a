"""The terminal view of a run: how far to trust it, then what acts together, in 80 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from interplay.report.numbers import elide, percent
from interplay.report.reading import Reading, Row

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

STYLES = {"trust": "bold green", "trust in part": "bold yellow", "do not trust": "bold red"}
RAISES, LOWERS = "blue", "red"
SHOWN_TEXT = 1200
"""Characters of a text that is shown whole; of a longer one only the strongest words are listed."""

STRONGEST = 6


def show(summary: Mapping[str, Any], console: Console, *, top: int = 10) -> None:
    """Print a run.

    Parameters
    ----------
    summary
        what ``Explanation.to_dict()`` returns, or the content of ``run.json``.
    console
        a rich console; its width and colours are respected.
    top
        how many interactions are listed.
    """
    from rich.text import Text

    run = Reading(summary)
    console.print(Text(run.sentence, STYLES[run.verdict]))
    console.print(Text(f"{run.calls}; {run.seconds}."))
    if run.ends:
        console.print(Text(f"{run.ends}."))
    console.print()
    if run.kind == "text" and len(run.subject["text"]) <= SHOWN_TEXT:
        console.print(_coloured(run))
        console.print()
    for sign, verb, style in ((1, "raise", RAISES), (-1, "lower", LOWERS)):
        strongest = run.strongest(sign, STRONGEST)
        if strongest:
            line = Text(f"{run.noun}s that {verb} it: ", style)
            effects = (
                f"{elide(run.features[i], 24)} {run.scale.signed(run.main_effects[i])}"
                for i in strongest
            )
            console.print(line.append(", ".join(effects), "default"))
    console.print()
    if run.together:
        console.print(interactions(run, run.together[:top], "Together, beyond their sum"))
    else:
        console.print("No interactions: the effects add up.")
    console.print()
    for sentence in run.diagnostics[1:]:
        console.print(Text(sentence, "dim"))


def interactions(run: Reading, rows: Sequence[Row], title: str) -> Table:
    """Return a table of interactions: effect, interval, share of the variance, the words."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("effect", justify="right", no_wrap=True)
    table.add_column("90 % interval", justify="right", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    table.add_column(f"{run.noun}s", overflow="fold")
    for row in rows:
        style = RAISES if row.value > 0 else LOWERS
        words = "".join(part.gap + elide(part.name, 40) for part in row.parts)
        table.add_row(Text(row.signed, style), row.interval, percent(row.share), Text(words))
    return table


def _coloured(run: Reading) -> Text:
    """The text, its words coloured by their main effect; bold and underlined where it is strong."""
    from rich.text import Text

    text = Text()
    for piece in run.pieces:
        level = 0 if piece.feature is None else run.level(piece.feature)
        style = "" if abs(level) < 2 else RAISES if level > 0 else LOWERS
        if abs(level) >= 4:
            style += " bold underline"
        text.append(piece.text, style.strip() or None)
    return text
