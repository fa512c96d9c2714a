"""Real Ray, two workers: collected with INTERPLAY_RAY=1 alone, as ``make test-ray`` sets."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

collect_ignore_glob = [] if os.environ.get("INTERPLAY_RAY") == "1" else ["test_*.py"]


@pytest.fixture(scope="module")
def executor() -> Iterator[object]:
    from interplay.evaluate import RayExecutor

    with RayExecutor(2) as two:
        yield two
