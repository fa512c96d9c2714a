"""Help texts that flow to the width of the terminal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cyclopts.help import DefaultFormatter
from cyclopts.help.inline_text import InlineText
from rich.text import Text

if TYPE_CHECKING:
    from cyclopts.help import HelpPanel
    from rich.console import Console, ConsoleOptions


class Flowing(DefaultFormatter):
    """The formatter of help, without the line breaks that a text has in its docstring."""

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        for entry in panel.entries:
            _flow(entry.description)
        super().__call__(console, options, panel)

    def render_description(
        self, console: Console, options: ConsoleOptions, description: Any
    ) -> None:
        _flow(description)
        super().render_description(console, options, description)


def _flow(described: Any) -> None:
    """Join the lines of each paragraph, in place."""
    text = described.primary_renderable if isinstance(described, InlineText) else described
    if isinstance(text, Text):
        text.plain = re.sub(r"(?<!\n)\n(?!\n)", " ", text.plain)
