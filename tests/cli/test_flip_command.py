"""``interplay flip``: what is printed, its JSON, its exit codes, and its errors."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import interplay as ip
from interplay.cli import run
from interplay.demo import model_path

pytest.importorskip("torch")

REVIEW = "The acting is not bad at all, and the plot never fails."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a saved run."""
    place = tmp_path_factory.mktemp("flip")
    targets = ["margin:positive|negative", "prob:positive"]
    value = ip.text(REVIEW, model=str(model_path()), target=targets)
    explanation = ip.explain(value, budget=150, method="proxyspex", store=place / "runs.db")
    explanation.save(place / "run.json")
    return place


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def quick(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """Run a command in this process, which has loaded torch already."""
    monkeypatch.setenv("COLUMNS", "80")

    def call(*arguments: str) -> Done:
        code = run(arguments)
        said = capsys.readouterr()
        return Done(code, said.out, said.err)

    return call


def test_a_flip_in_words(folder: Path, interplay) -> None:
    done = interplay("flip", str(folder / "run.json"))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("✓ Removing 1 of 12 words, “not”, changes the decision: ")
    assert max(map(len, lines)) <= 80
    assert "No smaller set exists." in lines
    assert "The acting is [MASK] bad at all, and the plot never fails." in lines
    assert "calls" in done.stdout
    assert "These change it too" in done.stdout


def test_a_flip_as_json(folder: Path, quick) -> None:
    done = quick("flip", str(folder / "run.json"), "--json", "--target", "prob:positive")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["format"], found["found"], found["verified"]) == ("interplay.flip", True, True)
    assert found["threshold"] == 0.5
    assert found["before"] > 0.5 >= found["after"]
    assert found["names"]
    assert found["minimal"] is True
    again = json.loads(
        quick("flip", str(folder / "run.json"), "--json", "--target", "prob:positive").stdout
    )
    assert again["calls"] == 0  # all of it is in the run's store
    assert again["names"] == found["names"]


def test_the_report_tells_of_the_flip(folder: Path, tmp_path: Path, quick) -> None:
    saved, page, other = folder / "run.json", tmp_path / "flip.html", tmp_path / "other.html"
    done = quick("flip", str(saved), "--report", str(page), "--target", "prob:positive")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f"wrote {page}\n")
    text = page.read_text("utf-8")
    assert "<del>not</del>" in text
    targets = re.findall(r"<b>Explained</b> (\S+) is", text)
    assert targets == ["prob:positive", "margin:positive|negative"], (
        "the one that was flipped first"
    )
    assert "Made by <code>interplay" in text
    assert ip.load(saved).actions == (), "the run's file stays as it is"

    again = quick("flip", str(saved), "--report", str(page))
    assert again.returncode == 2
    assert "--force" in again.stderr
    assert quick("flip", str(saved), "--report", str(page), "--force").returncode == 0

    results = []
    for k, target in enumerate(("margin:positive|negative", "prob:positive")):
        results += ["--with", str(tmp_path / f"{k}.json")]
        printed = quick("flip", str(saved), "--target", target, "--json").stdout
        (tmp_path / f"{k}.json").write_text(printed, "utf-8")
    done = quick("report", str(saved), *results, "--report", str(other))
    assert done.returncode == 0, done.stderr
    assert other.read_text("utf-8").count("What was done about it") == 2, "one for each target"
    assert " ".join(done.stdout.split()).count("“not”, changes the decision: ") == 2
    assert max(len(line) for line in done.stdout.splitlines() if "wrote" not in line) <= 80


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file or directory"),
        ("{", "result.json cannot be read as the JSON of a result: "),
        ("{}", "result.json is not a result of flip, prune, select or counterfactuals"),
        ('{"format": "interplay.flip", "version": 9}', "install a newer one"),
    ],
)
def test_results_that_no_report_can_tell(
    folder: Path, tmp_path: Path, quick, content: str | None, message: str
) -> None:
    path, page = tmp_path / "result.json", tmp_path / "page.html"
    if content is not None:
        path.write_text(content, "utf-8")
    done = quick("report", str(folder / "run.json"), "--with", str(path), "--report", str(page))
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stdout == ""
    assert not page.exists()


def test_none_is_exit_code_one(folder: Path, quick) -> None:
    done = quick("flip", str(folder / "run.json"), "--threshold", "-50", "--budget", "40")
    assert done.returncode == 1
    assert done.stderr == ""
    assert done.stdout.startswith("✕ No flip was found within ")
    assert "The closest: removing " in done.stdout.replace("\n", " ")


def test_replacements_and_drops(folder: Path, quick) -> None:
    done = quick(
        "flip", str(folder / "run.json"), "--replace", "bad=terrible", "--replace", "not=very"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("✓ Replacing 1 of 12 words, “not”, changes")
    assert "The acting is very bad at all" in done.stdout
    dropped = quick("flip", str(folder / "run.json"), "--drop", "30%", "--json")
    found = json.loads(dropped.stdout)
    assert found["after"] <= found["threshold"] < found["before"]


def test_other_inputs(folder: Path, quick) -> None:
    lines = [
        {"id": "food", "text": "The food is not bad at all, and it never fails."},
        {"id": "music", "text": "The music is not bad at all."},
        {"id": "dull", "text": "A dull evening."},
    ]
    inputs = folder / "inputs.jsonl"
    inputs.write_text("\n".join(map(json.dumps, lines)))
    done = quick("flip", str(folder / "run.json"), "--inputs", str(inputs), "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [one["id"] for one in found["inputs"]] == ["food", "music", "dull"]
    assert found["inputs"][0]["names"] == found["names"] == ["not"]
    assert found["inputs"][2]["names"] == []
    assert found["inputs_before"]["total"] == 2
    assert found["inputs_after"]["count"] < found["inputs_before"]["count"]
    shown = quick("flip", str(folder / "run.json"), "--inputs", str(inputs))
    assert "The same edit on other inputs" in shown.stdout
    assert "cannot be edited so" in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80


def test_another_model_may_be_named(folder: Path, quick) -> None:
    done = quick("flip", str(folder / "run.json"), "--model", str(model_path()), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["names"] == ["not"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--template", "{a}"], "--template is for --inputs"),
        (["--replace", "bad"], "--replace takes WORD=TEXT"),
        (["--replace", "worse=better"], "'worse', which is not a feature"),
        (["--target", "logit:positive"], "unknown target 'logit:positive'; valid: margin:"),
        (["--drop", "0%"], "drop must be a share"),
        (["--threshold", "1", "--drop", "5%"], "give one of threshold, drop and decision"),
        (["--budget", "auto"], "no automatic budget"),
        (["--at-most", "0"], "at_most must be a whole number of at least 1; got 0"),
        (["--inputs", "no.jsonl"], "cannot read no.jsonl"),
        (["--model", "nowhere"], "nowhere"),
        (["--report", "no/where.html"], "no such folder: no"),
        (["--report", "."], "is a folder"),
    ],
)
def test_bad_input(
    folder: Path, flags: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["flip", str(folder / "run.json"), *flags]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert message in said.err


def test_runs_that_cannot_be_flipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def game(masks: np.ndarray) -> np.ndarray:
        return 1.0 * masks[:, 0]

    ip.explain(game, 3, store=None).save(tmp_path / "run.json")
    assert run(["flip", str(tmp_path / "run.json")]) == 2
    assert "use interplay.flip(explanation, value_function) in Python" in capsys.readouterr().err
    assert run(["flip", str(tmp_path / "none.json")]) == 2
    assert "no such run file" in capsys.readouterr().err
