"""The installed command, run as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def interplay(tmp_path: Path) -> Command:
    """Run ``interplay ARGUMENTS`` in an empty folder, its output piped."""

    def run(
        *arguments: object, stdin: str | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        plain = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
        return subprocess.run(
            [sys.executable, "-m", "interplay", *map(str, arguments)],
            cwd=tmp_path,
            env={**plain, "COLUMNS": "80", "OMP_NUM_THREADS": "1", **environment},
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=240,
        )

    return run
