"""Refuse what would not fit into memory before it starts."""

from __future__ import annotations

import os
from pathlib import Path

from interplay.errors import BadInput


def available() -> int:
    """Return how many bytes can be had, as far as the system tells; else all of its memory."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 1 << 62


def check_memory(needed: float, what: str, instead: str) -> None:
    """Raise :class:`BadInput` where ``needed`` bytes are more than can be had.

    >>> check_memory(1e3, "a list", "wait")
    >>> check_memory(1e18, "a fit to 10^9 masks", "fit fewer")
    Traceback (most recent call last):
    interplay.errors.BadInput: a fit to 10^9 masks needs some 1,000,000,000.0 GB of memory; ...
    """
    there = available()
    if needed > there:
        raise BadInput(
            f"{what} needs some {needed / 1e9:,.1f} GB of memory; {there / 1e9:,.1f} GB are "
            f"available. {instead[:1].upper()}{instead[1:]}"
        )
