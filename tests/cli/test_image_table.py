"""``interplay explain --image`` and ``--table`` as a user runs them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_diabetes

NOISE = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
MODULE = """
import pandas as pd
from sklearn.linear_model import LinearRegression, LogisticRegression

table = pd.read_csv("people.csv")
inputs = table.drop(columns=["target"])
line = LinearRegression().fit(inputs, table["target"])
label = (table["target"] > 140).map({True: "high", False: "low"})
chance = LogisticRegression(C=100).fit(inputs, label)


def both(rows):
    return 1000 * rows["bmi"] * rows["bp"]
"""


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    Image.fromarray(NOISE).save(path)
    return path


@pytest.fixture
def people(tmp_path: Path) -> pd.DataFrame:
    """A table of ten columns and a target, and models of it in a module beside it."""
    table: pd.DataFrame = load_diabetes(as_frame=True).frame
    table.to_csv(tmp_path / "people.csv", index=False)
    (tmp_path / "models.py").write_text(MODULE, encoding="utf-8")
    return table


def run_file(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def test_a_classifier_on_an_image(interplay, plain_vit: Path, picture: Path, tmp_path: Path):
    options = ["--image", picture, "--model", plain_vit, "--units", "patches:3x3"]
    done = interplay("explain", *options, "--mask", "grey", "--budget", 600,
                     "--report", "out.html", "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout)
    assert run["subject"]["kind"] == "image"
    assert run["subject"]["mask"] == "grey"
    assert run["features"][4] == "row 2, column 2"
    assert re.fullmatch("logit:(airplane|frog)", run["targets"][0]["target"])
    document = (tmp_path / "out.html").read_text("utf-8")
    assert document.count("<path d=") == 9
    assert "data:image/png;base64," in document
    # a saved run is replayed from its file alone, asking the model again
    (tmp_path / "run.json").write_text(done.stdout, encoding="utf-8")
    again = interplay("replay", "run.json", "--fresh")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "The same numbers, to the last bit (512 values from the model)" in again.stdout


def test_captions_and_questions(interplay, plain_clip: Path, llava: Path, picture: Path):
    captions = ["--caption", "a photo of a cat", "--caption", "a photo of a dog"]
    done = interplay("explain", "--image", picture, "--model", plain_clip, *captions,
                     "--units", "patches:1x2+word", "--budget", 200)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "logprob:a photo of a cat" in done.stdout
    done = interplay("explain", "--image", picture, "--model", llava, "--units", "patches:2x2",
                     "--question", "what is this ?", "--response", "a white cat",
                     "--target", "logprob", "--target", "margin: yes| no")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "margin: yes| no" in done.stdout
    assert re.search(r"16 calls \([\d,]+ tokens\)", done.stdout)


def test_a_linear_model_on_a_row(interplay, people: pd.DataFrame, tmp_path: Path) -> None:
    options = ["--table", "people.csv", "--row", 3, "--model", "py:models:line"]
    done = interplay("explain", *options, "--budget", 1024, "--save", "run.json")
    assert done.returncode == 0, done.stderr
    run = run_file(tmp_path / "run.json")
    inputs = people.drop(columns=["target"])
    assert run["features"][2] == f"bmi={inputs['bmi'][3]:.4g}"
    assert run["subject"]["units"] == "column"
    from sklearn.linear_model import LinearRegression

    line = LinearRegression().fit(inputs, people["target"])
    expected = line.coef_ * (inputs.iloc[3] - inputs.mean()).to_numpy()
    np.testing.assert_allclose(run["targets"][0]["main_effects"], expected, atol=1e-6)
    # a run file never makes code run: its model is named again
    refused = interplay("replay", "run.json", "--fresh")
    assert refused.returncode == 2
    assert "table" in refused.stderr
    again = interplay("replay", "run.json", "--fresh", "--model", "py:models:line")
    assert again.returncode == 0, again.stdout + again.stderr
    other = interplay("replay", "run.json", "--fresh", "--model", "py:models:both")
    assert other.returncode == 2
    assert "py:models:both or the table is not what the run was made of" in other.stderr


def test_classes_groups_and_draws(interplay, people: pd.DataFrame) -> None:
    done = interplay("explain", "--table", "people.csv", "--row", 0, "--model", "py:models:chance",
                     "--target", "prob:high", "--mask", "marginal:50", "--group", "blood=s1,s2,s3",
                     "--budget", 300)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "prob:high" in done.stdout
    done = interplay("explain", "--table", "people.csv", "--row", 0, "--model", "py:models:both",
                     "--columns", "bmi, bp, age", "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    top = json.loads(done.stdout)["targets"][0]["top"]
    assert [0, 1] in [term["features"] for term in top]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a text", "--image", "x.png", "--model", "m"], "got a text and --image"),
        (["--image", "x.png"], "--model is missing: give a folder"),
        (["--image", "x.png", "--model", "m"], "cannot read the image x.png: No such file"),
        (["--caption", "a cat", "--model", "m"], "--caption is for --image FILE"),
        (["--image", "x.png", "--table", "t.csv", "--model", "m"], "got --image and --table"),
        (["--table", "people.csv", "--model", "py:models:line"], "--table needs --row K, the row"),
        (["--row", 3, "--model", "py:models:line"], "are for --table FILE.csv"),
        (["--table", "no.csv", "--row", 3, "--model", "py:models:line"], "cannot read no.csv: No"),
        (["--table", "people.csv", "--row", 999, "--model", "py:models:line"], "rows are 0 to 441"),
        (["--table", "people.csv", "--row", 3, "--model", "model.pkl"], "must be py:MODULE:NAME"),
        (["--table", "people.csv", "--row", 3, "--model", "py:nothing:line"], "No module named"),
        (["--table", "people.csv", "--row", 3, "--model", "py:models:no"], "no attribute 'no'"),
        (["--table", "people.csv", "--row", 3, "--model", "py:models:both", "--columns", "a,b"],
         "people.csv has no column a, b; it has age, sex"),
        (["--table", "people.csv", "--row", 3, "--model", "py:models:both", "--group", "a"],
         "--group takes NAME=COLUMN,COLUMN; got 'a'"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said(
    arguments: list[Any], message: str, people: pd.DataFrame, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    from interplay.cli import run

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [str(tmp_path), *__import__("sys").path])
    monkeypatch.delitem(__import__("sys").modules, "models", raising=False)
    code = run(["explain", *map(str, arguments)])
    assert code == 2
    assert message in capsys.readouterr().err
