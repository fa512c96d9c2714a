"""``interplay training-data``: with nothing given, with files, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from interplay.cli import run as command

QUICK = ("--budget", "150", "--method", "lasso", "--examples", "16")


def test_with_nothing_given_digits_are_explained(interplay, tmp_path: Path) -> None:
    run, report = tmp_path / "run.json", tmp_path / "report.html"
    done = interplay("training-data", *QUICK, "--save", run, "--report", report)
    assert done.returncode == 0, done.stderr
    told = " ".join(done.stdout.split())
    assert "subsets of 16 examples from the digits of scikit-learn (ridge), asked about" in told
    assert "mean margin of 2 test examples is" in told
    assert "redundant pairs" in told
    lines = [line for line in done.stdout.splitlines() if not line.startswith("wrote ")]
    assert max(map(len, lines)) <= 80
    page = report.read_text("utf-8")
    assert page.count(' data-i="') == 3 * 16
    saved = json.loads(run.read_text("utf-8"))
    assert saved["subject"]["kind"] == "training_data"
    assert len(saved["targets"]) == 3
    again = interplay("replay", run, "--fresh")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "The same numbers, to the last bit" in again.stdout
    stored = interplay("training-data", *QUICK, "--json", "--counterfactuals", "3")
    assert "no pair was found" in stored.stderr  # by LASSO
    assert json.loads(stored.stdout)["cost"]["calls"] == 0
    assert "ridge on 16 examples" in interplay("runs").stdout


def test_a_table_with_groups_a_test_file_and_python(interplay, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(90, 3))
    lines = [
        f"{a:.3f},{b:.3f},{c:.3f},{'yes' if a + b > 0 else 'no'},s{i % 5}"
        for i, (a, b, c) in enumerate(inputs)
    ]
    for name, part in (("train.csv", lines[:60]), ("test.csv", lines[60:])):
        (tmp_path / name).write_text("\n".join(["a,b,c,outcome,source", *part]) + "\n", "utf-8")
    (tmp_path / "mine.py").write_text(
        "from sklearn.naive_bayes import GaussianNB\nnb = GaussianNB()"
    )
    files = ("--data", "train.csv", "--tests", "test.csv", "--label", "outcome")
    for trainer in ("logistic", "py:mine:nb"):
        done = interplay(
            *("training-data", *files, "--groups", "source", "--trainer", trainer),
            *("--value", "loss", "--targets", "3", "--budget", "32", "--json"),
        )
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert told["features"] == [f"s{i}" for i in range(5)]
        assert told["subject"]["sizes"] == [12] * 5
        assert told["subject"]["value"] == "loss"
        assert told["targets"][0]["target"] == "mean"


def test_pairs_are_checked_by_retraining(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    flags = ("--examples", "12", "--budget", "300", "--method", "proxyspex", "--targets", "1")
    run = ("training-data", *flags, "--counterfactuals", "6")
    assert command([*run, "--save", "run.json", "--report", "run.html"]) == 0
    out = capsys.readouterr().out
    assert "Measured by retraining without the one, the other and both." in out
    assert max(map(len, out.splitlines())) <= 80
    checked = json.loads((tmp_path / "run.json").read_text("utf-8"))["subject"]["counterfactuals"]
    assert checked["sign_agreement"] >= 0.8
    assert "✓ same sign" in (tmp_path / "run.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--tests", "x.csv"], "--tests needs --data"),
        (["--data", "none.csv"], "cannot read none.csv"),
        (["--classes", "one,eleven"], "classes must be two at least of those in digits: zero, one"),
        (["--trainer", "forest"], "unknown trainer 'forest'; valid: ridge, kernel-ridge"),
        (["--trainer", "py:nothing:x"], "--trainer py:nothing:x: No module named 'nothing'"),
        (["--value", "prediction"], "value 'prediction' is for regression"),
        (["--groups", "source"], "the digits have no column 'source'"),
        (["--examples", "100000"], "100000 training examples were asked for, and there are"),
        (["--counterfactuals", "-1"], "--counterfactuals must be a whole number of at least 0"),
    ],
)
def test_what_cannot_be_used(
    flags: list[str],
    told: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command(["training-data", *flags]) == 2
    assert told in capsys.readouterr().err
