"""``interplay demo``: trust, the interactions behind two phrases, reports, resuming."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

import interplay as ip
from interplay.cli import run
from interplay.demo import PHRASES, long_review, short_review

DemoRun = tuple[Path, str]


def demo(folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "interplay", "demo", "--short"],
        cwd=folder,
        env={**os.environ, "COLUMNS": "80"},
        capture_output=True,
        encoding="utf-8",
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> DemoRun:
    folder = tmp_path_factory.mktemp("demo")
    return folder, demo(folder)


def test_the_reviews_are_of_the_promised_lengths() -> None:
    assert 50 <= len(short_review().split()) <= 70
    assert 380 <= len(long_review().split()) <= 420
    for review in (short_review(), long_review()):
        assert "never fails to impress" in review
        assert "not bad at all" in review


def test_it_calls_its_explanations_trustworthy(first: DemoRun) -> None:
    told = re.sub(r"\s+", " ", first[1])
    assert told.count("Trust this explanation:") == 3
    assert "in part" not in told
    assert "Do not trust" not in told


def test_it_shows_the_interactions_behind_the_phrases(first: DemoRun) -> None:
    parts = first[1].split("The interactions behind")
    assert len(parts) == 1 + len(PHRASES)
    for phrase, part, pair in zip(PHRASES, parts[1:], ("never fails", "not bad"), strict=True):
        assert phrase in part
        found = re.search(rf"^{pair} +\+[\d.]+ +2 ", part, re.MULTILINE)
        assert found, f"{pair!r} raises the target beyond the sum of its words:\n{part}"


def test_it_writes_a_report(first: DemoRun) -> None:
    folder, told = first
    assert "1,000 calls (" in told
    assert told.endswith("wrote report.html\n")
    page = (folder / "report.html").read_text("utf-8")
    assert "interplay demo --short" in page
    (data,) = json.loads(re.search(r'class="data">(.*?)</script>', page)[1])
    assert data["noun"] == "word"
    assert not (folder / "report-long.html").exists()


def test_a_second_demo_evaluates_nothing_and_may_overwrite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.modules["interplay.cli.demo"], "SHORT_BUDGET", 100)
    monkeypatch.setattr(ip, "explain", partial(ip.explain, method="lasso"))  # it fits twice
    told = []
    for _ in range(2):
        assert run(["demo", "--short"]) == 0
        told.append(capsys.readouterr().out)
    assert "100 calls (" in told[0]
    assert "no calls, 100 evaluations at hand" in told[1]
    assert told[0].split("\n")[:10] == told[1].split("\n")[:10]
