"""What all that is printed shares: signs, colours, tables, texts that cannot steer a terminal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

VERDICTS = {
    "trust": ("✓", "bold green"),
    "trust in part": ("◐", "bold yellow"),
    "do not trust": ("✕", "bold red"),
}
RAISES, LOWERS = "dark_orange3", "dodger_blue1"
"""Orange and blue, as in the HTML report: these two look different to every kind of eye."""


def printable(text: str) -> str:
    """Return ``text`` without the control characters by which it could steer a terminal.

    >>> printable("one\\x1b[2J two")
    'one�[2J two'
    """
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", "\N{REPLACEMENT CHARACTER}", text)


def new_table() -> Table:
    """Return a table without lines, whose columns are still to be added."""
    from rich.table import Table

    return Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
