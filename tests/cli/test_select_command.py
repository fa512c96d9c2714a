"""``interplay select``: from a run, or from nothing; what it writes and what it refuses."""

from __future__ import annotations

import csv
import json
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import interplay as ip
from interplay.cli import run as command
from interplay.lenses.training_data.files import training_files


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a table whose last ten examples have the wrong label."""
    folder = tmp_path_factory.mktemp("run")
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(300, 3))
    labels = inputs[:, 0] + inputs[:, 1] > 0
    labels[:10] = ~labels[:10]
    for name, rows in (("train.csv", slice(0, 40)), ("tests.csv", slice(40, None))):
        lines = [
            f"{a:.4f},{b:.4f},{c:.4f},{'yes' if label else 'no'}"
            for (a, b, c), label in zip(inputs[rows], labels[rows], strict=True)
        ]
        (folder / name).write_text("\n".join(["a,b,c,label", *lines]) + "\n", encoding="utf-8")
    files = str(folder / "train.csv"), str(folder / "tests.csv")
    value = training_files(files[0], tests=files[1], targets=20)
    store = folder / "values.db"
    ip.explain(value, budget=300, method="lasso", store=store).save(folder / "run.json")
    return folder / "run.json"


def test_a_run_is_selected_from(
    run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    table = tmp_path / "list.csv"
    page = tmp_path / "page.html"
    arguments = f"--keep 0.7 --compare random --compare k-nn --random 5 --save {table}"
    arguments += f" --report {page}"
    assert command(["select", str(run), *arguments.split()]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert max(len(line) for line in lines if not line.startswith("wrote ")) <= 80
    assert "Keeping 28 of 40, the mean margin on 240 holdout examples is" in " ".join(out.split())
    assert any(line.startswith("random ") for line in lines)
    assert not any(line.startswith("order-1 ") for line in lines)
    shown = page.read_text("utf-8")
    assert "verified on 240 holdout examples" in shown
    assert f"is in <code>{table}</code>" in shown
    rows = list(csv.DictReader(table.read_text("utf-8").splitlines()))
    assert len(rows) == 40
    dropped = [int(row["feature"]) for row in rows if row["keep"] == "0"]
    assert len(dropped) == 12
    assert sum(i < 10 for i in dropped) >= 6  # of those with the wrong label
    again = ["select", str(run), "--keep", "28", "--no-compare", "--json"]
    assert command(again) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["format"] == "interplay.selection"
    assert told["calls"] == 0  # the store has them
    assert [i for i, one in enumerate(told["examples"]) if not one["keep"]] == dropped


def test_the_data_may_have_moved(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = run.with_name("train.csv")
    text = train.read_text("utf-8")
    moved = tmp_path / "elsewhere.csv"
    train.rename(moved)
    try:
        assert command(["select", str(run)]) == 2
        assert "cannot read" in capsys.readouterr().err
        assert command(["select", str(run), "--data", str(moved), "--no-compare"]) == 0
        moved.write_text(text.replace("0.", "7."), encoding="utf-8")
        assert command(["select", str(run), "--data", str(moved)]) == 2
        assert "elsewhere.csv has other examples" in capsys.readouterr().err
    finally:
        train.write_text(text, encoding="utf-8")


def test_a_run_that_was_made_in_python_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = (np.random.default_rng(0).normal(size=(30, 2)), [0, 1] * 15)
    found = ip.explain(ip.training_data("ridge", data, data), budget=60, store=None, method="lasso")
    found.save(tmp_path / "run.json")
    assert command(["select", str(tmp_path / "run.json")]) == 2
    assert "was made in Python" in capsys.readouterr().err
    plain = ip.explain(lambda masks: masks.sum(1) * 1.0, 3, budget=8, store=None)
    plain.save(tmp_path / "plain.json")
    assert command(["select", str(tmp_path / "plain.json")]) == 2
    assert "select takes training examples out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--keep", "half"], "--keep takes shares such as 0.66, or numbers of examples"),
        (["--keep", "1.5"], "above 0 and at most 1"),
        (["--compare", "lasso"], "lasso"),
        (["--save", "list.txt"], "--save takes a .json or .csv file"),
        (["--save", "no/where.csv"], "no such folder"),
        (["--report", "no/where.html"], "no such folder"),
        (["--random", "0"], "random must be a whole number of at least 1"),
    ],
)
def test_what_cannot_be_used(
    run: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert command(["select", str(run), *arguments]) == 2
    told = capsys.readouterr()
    assert message in told.err
    assert told.out == ""


def test_data_needs_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["select", "--data", "x.csv"]) == 2
    assert "--data is for a RUN.json" in capsys.readouterr().err


def test_with_nothing_given_digits_are_selected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    select = import_module("interplay.cli.select")
    monkeypatch.chdir(tmp_path)
    few = {**select.DIGITS, "examples": 20, "targets": 3}
    monkeypatch.setattr(select, "DIGITS", few)
    monkeypatch.setattr(select, "BUDGET", 100)
    assert command(["select", "--no-compare", "--verify", "10"]) == 0
    assert "Keeping 14 of 20" in capsys.readouterr().out
