"""``interplay components``: with nothing given, with files, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


def test_with_nothing_given_the_embedded_model_is_explained(interplay, tmp_path: Path) -> None:
    run, report = tmp_path / "run.json", tmp_path / "report.html"
    flags = ("--parts", "layers", "--budget", "16", "--store", tmp_path / "runs.db")
    done = interplay("components", *flags, "--save", run, "--report", report)
    assert done.returncode == 0, done.stderr
    assert "accuracy" in done.stdout
    assert report.stat().st_size > 1000
    saved = json.loads(run.read_text("utf-8"))
    assert saved["subject"]["kind"] == "components"
    assert [one["target"] for one in saved["targets"]] == ["accuracy", "margin"]
    again = interplay("replay", run, "--fresh")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "The same numbers, to the last bit" in again.stdout


def test_a_text_and_a_folder(interplay, assets: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("Once upon a time there was a dog. He was big. " * 20, encoding="utf-8")
    done = interplay(
        *("components", "--model", assets / "models" / "stories260k"),
        *("--task", f"perplexity:{text}", "--window", "32", "--parts", "heads:4"),
        *("--ablation", "mean", "--prompts-per-mask", "2", "--budget", "100", "--method", "lasso"),
        *("--store", tmp_path / "runs.db", "--json"),
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["subject"]["ablation"] == "mean"
    assert told["subject"]["prompts_per_mask"] == 2


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--model", "folder"], "--model needs --task, what it is judged by: mmlu:FILE.csv"),
        (["--task", "mmlu:x.csv"], "--task needs --model, a folder"),
        (["--task", "glue:x", "--model", "m"], "unknown task 'glue:x'; valid: mmlu:FILE.csv"),
        (["--window", "9"], "--window is for --task perplexity:FILE"),
        (["--task", "perplexity:x", "--model", "m", "--examples", "y"], "--examples is for"),
        (["--parts", "neurons"], "unknown parts 'neurons'"),
    ],
)
def test_what_cannot_be_used(flags: list[str], told: str, interplay, tmp_path: Path) -> None:
    done = interplay("components", *flags, "--store", tmp_path / "runs.db")
    assert done.returncode == 2
    assert told in done.stderr
