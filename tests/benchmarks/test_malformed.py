"""A sample of the malformed inputs that the benchmark tries by the thousand."""

from __future__ import annotations

import pytest
from benchmarks.ground.apart import tried
from benchmarks.scale import malformed

FINE = ("error", "right", "read, the same", "read, other numbers")


@pytest.mark.parametrize("kind", malformed.COUNTS)
def test_malformed_inputs_give_clear_errors_or_are_read(kind: str) -> None:
    found = tried(malformed.__name__, kind, total=24)
    assert found.crashes == []
    assert found.slow == []
    told = [result["told"] for result in found.results]
    assert [one for one in told if not one.startswith(FINE)] == []
    assert len(told) == 24
    assert sum(one.startswith("error") for one in told) >= 6
