"""One line of the table: what was measured, against which bar."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Row:
    """``what`` was ``measured`` in words, the ``bar``, whether it is ``met``; ``detail`` is JSON-able."""

    what: str
    bar: str
    measured: str
    met: bool
    detail: dict[str, Any] = field(default_factory=dict)
