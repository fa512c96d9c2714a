"""A few faults that strike runs at random; tests/faults has many."""

from __future__ import annotations

import os
import sys

import pytest

faults = pytest.importorskip("benchmarks.ground.faults", reason="needs the repository")


@pytest.mark.skipif(os.name != "posix", reason="needs kill -9 and setrlimit")
@pytest.mark.skipif(sys.platform == "darwin", reason="limits on the size of files differ")
def test_faults_lose_nothing_that_was_stored() -> None:
    tally = faults.campaign(5, seed=11)
    assert tally.clean, tally
    assert sum(tally.struck.values()) == 5
