"""The benchmark of flips: what is judged, and what its page says."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch")

from benchmarks.inputs import flip
from scripts.demo_facts.items import held_out_items


def item(found: int | None, minimum: int | None, **other: Any) -> dict[str, Any]:
    return {
        "kind": "negation", "needs_both": True, "n": 6, "wrong": True, "before": 0.5,
        "given": "no", "found": found,
        "after": None if found is None else -0.25, "minimum": minimum, "proved": found == 1,
        "calls": 7, "explained": 24, "faithfulness": 0.9, "question": "?", "removed": [], **other,
    }  # fmt: skip


def test_flips_are_judged_by_their_size_and_number() -> None:
    row = flip.judged(
        [item(1, 1), item(2, 1), item(2, 2), item(3, 3), item(None, None)], rival=False
    )
    assert row.met
    assert row.measured.startswith(
        "4 of 5 verified (a flip exists in 4); true minimum in 3 of 4, at most 1 more; "
        "minima: 2 of 1, 1 of 2, 1 of 3; 7 calls (to 7)"
    )
    assert not flip.judged([item(3, 1)], rival=False).met
    assert not flip.judged([item(1, 1), item(None, 1)], rival=False).met
    assert flip.judged([item(3, 1)], rival=True).reported
    page = flip.report([row])
    assert "| negation | 6 | both | no, wrong | 1 (proved) | 1 | 24 + 7 |" in page
    assert "| negation | 6 | both | no, wrong | none | none | 24 + 7 |" in page


def test_answers_that_are_compared() -> None:
    (connective,) = held_out_items("negation", 1, 3)
    assert flip.answers_of(connective) == ("yes", "no", "unknown")
    (hops,) = held_out_items("two-hop", 1, 3)
    answers = flip.answers_of(hops)
    assert {hops.answer, "unknown"} <= set(answers)
    told = " ".join(hops.sentences)
    assert all(answer in told for answer in answers if answer != "unknown")
