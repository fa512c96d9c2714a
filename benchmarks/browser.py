"""The browser of this machine, for tests/browser, benchmarks and pictures of the README."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

BINARIES = ("chromium", "google-chrome", "google-chrome-stable", "chromium-browser")
MISSING = "no browser: install chromium, or set INTERPLAY_CHROMIUM to its path"


def chromium() -> Path | None:
    """Return the path of Debian's chromium or the like, or of INTERPLAY_CHROMIUM; None if none."""
    named = os.environ.get("INTERPLAY_CHROMIUM")
    found = [named] if named else [path for name in BINARIES if (path := shutil.which(name))]
    return Path(found[0]) if found and Path(found[0]).exists() else None


@contextmanager
def launched() -> Iterator[Browser]:
    """Start it without a window, driven by Playwright; ends with a message where there is none."""
    from playwright.sync_api import sync_playwright

    binary = chromium()
    if binary is None:
        raise SystemExit(MISSING)
    root = hasattr(os, "geteuid") and os.geteuid() == 0  # chromium refuses its sandbox to root
    with sync_playwright() as playwright:
        options = ["--no-sandbox"] if root else []
        made = playwright.chromium.launch(executable_path=binary, args=options)
        try:
            yield made
        finally:
            made.close()
