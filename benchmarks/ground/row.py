"""One line of the table: what was measured, against which bar."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Row:
    """``what`` was ``measured``, in words, and whether it has ``met`` the ``bar``.

    ``detail`` holds the figures, JSON-able.
    """

    what: str
    bar: str
    measured: str
    met: bool
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def reported(self) -> bool:
        """Whether it is held to nothing: its bar is in brackets."""
        return self.bar.startswith("(")
