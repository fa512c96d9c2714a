"""What every benchmark shares: the machine line, the markdown table, and where it is written."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import scipy

from interplay import __version__

REPOSITORY = Path(__file__).parent.parent
DOCS = REPOSITORY / "docs" / "benchmarks"


def assets() -> Path:
    """Return the folder of real models and data, or end with a message."""
    folder = Path(os.environ.get("INTERPLAY_ASSETS", REPOSITORY.parent / "shared" / "assets"))
    if not folder.is_dir():
        raise SystemExit("set INTERPLAY_ASSETS to the folder of real models and data")
    return folder


def machine(*, threads: int | str) -> str:
    """Return one line on the machine and the versions; ``threads`` is what the measured used."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = names[0].split(":")[1].strip() if names else cpu
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {cpu}, {os.cpu_count()} cores ({threads} used), "
        f"Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}, "
        f"interplay {__version__}."
    )


def markdown(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a markdown table."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def write(name: str, text: str) -> Path:
    """Write ``docs/benchmarks/NAME.md`` and return its path."""
    DOCS.mkdir(parents=True, exist_ok=True)
    path = DOCS / f"{name}.md"
    path.write_text(text.rstrip() + "\n", encoding="utf-8")
    return path
