"""A sample of the mutated recording and run files that the benchmark strikes by the thousand."""

from __future__ import annotations

from benchmarks.ground.mutations import strike


def test_mutated_files_give_clear_errors() -> None:
    outcomes, _, wrong = strike(90, seed=1)
    assert wrong == []
    assert outcomes["error"] > 40
