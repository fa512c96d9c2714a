"""The benchmark of the scoring engine, once and small."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.inputs import scoring
from benchmarks.inputs.scoring import prompts, report, rows
from tiny_models import save_causal


def test_prompts_are_distinct_and_the_others_share_what_they_begin_with() -> None:
    alone, shared = prompts().values()
    assert len({one.text for one in alone}) == len({one.text for one in shared}) == 64
    assert len({one.text.split("\n")[0] for one in alone}) == 64
    assert len({one.text.split("\n")[0] for one in shared}) == 1


def test_rows_of_a_small_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_causal(tmp_path, "llama", positions=1024)
    monkeypatch.setattr(scoring, "folder", lambda: tmp_path)
    monkeypatch.setattr(scoring, "SENTENCES", 6)
    monkeypatch.setattr(scoring, "BATCHES", (3,))
    monkeypatch.setattr(scoring, "QUICK_REPEATS", 2)
    found = [row for row in rows(quick=True) if "cuda" not in row.what]
    bars = ["<= 1.2", ">= 1.2", "(reported)", "< 1", ">= 1.2", "(reported)", "<= 0.0001"]
    assert [row.bar for row in found] == bars
    assert found[-1].met
    assert len(found[0].detail["ratios"]) == 2
    assert found[0].detail["prompts"] == 6
    assert set(found[0].detail["milliseconds"]) == {
        "ours",
        "two responses",
        "loop",
        "bare, batches of 3",
        "bare, batches of 3 with attention masks",
    }
    text = report(found)
    assert "| bare, batches of 3 with attention masks |" in text
    assert f"`{tmp_path.name}` in float32; 6 prompts" in text
