"""``interplay compare``: run files in; words, JSON, a page or a clear refusal out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import interplay as ip
from interplay.cli import run
from interplay.cli.compare import names_of


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of nearly the same game, and one of other features."""
    folder = tmp_path_factory.mktemp("runs")
    words = ["it", "is", "not", "bad"]

    def game(masks: np.ndarray, more: float) -> np.ndarray:
        return -1.0 * masks[:, 3] + (3.0 + more) * (masks[:, 2] & masks[:, 3])

    for name, more in (("before", 0.0), ("after", 1.0)):
        found = ip.explain(lambda m, k=more: game(m, k), words, store=None, fingerprint=name)
        found.save(folder / f"{name}.json")
    ip.explain(lambda m: 1.0 * m[:, 0], ["x", "y"], store=None).save(folder / "other.json")
    return folder


def test_it_prints_what_differs(interplay, runs: Path) -> None:
    done = interplay("compare", runs / "before.json", runs / "after.json")
    assert (done.returncode, done.stderr) == (0, "")
    flat = " ".join(done.stdout.split())
    assert flat.startswith("They differ most in “not × bad”: +3.00 in before, +4.00 in after.")
    assert "✓ before" in done.stdout
    assert "1 (exact)" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "\x1b" not in done.stdout


def test_it_writes_a_page_and_json(interplay, runs: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    given = ("compare", runs / "before.json", runs / "after.json", "--report", page)
    done = interplay(*given, "--json")
    assert done.returncode == 0
    content = json.loads(done.stdout)
    assert content["format"] == "interplay.comparison"
    assert content["names"] == ["before", "after"]
    assert "not × bad" in page.read_text("utf-8")
    again = interplay(*given)
    assert again.returncode == 2
    assert f"{page} exists; name another file, or add --force" in again.stderr
    forced = interplay(*given, "--force")
    assert forced.returncode == 0
    assert f"wrote {page}" in forced.stdout


def test_the_same_file_twice(interplay, runs: Path) -> None:
    done = interplay("compare", runs / "after.json", runs / "after.json")
    assert done.returncode == 0
    flat = " ".join(done.stdout.split())
    assert flat.startswith("after and after (2) say the same: they were fitted alike")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["before.json"], "comparing takes two run files or more; got 1"),
        ([], "comparing takes two run files or more; got 0"),
        (["before.json", "other.json"], "before and other have no feature in common"),
        (["before.json", "none.json"], "no such run file"),
        (["before.json", "after.json", "--top", "0"], "--top must be 1 or more"),
        (
            ["before.json", "after.json", "--target", "x"],
            "not every run has the target 'x': before",
        ),
        (["before.json", "many.json"], "holds the runs of many inputs"),
    ],
)
def test_what_cannot_be_compared_is_an_error_of_one_line(
    runs: Path, given: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (runs / "many.json").write_text('{"format": "interplay.runs"}', "utf-8")
    paths = [runs / one if one.endswith(".json") else one for one in given]
    assert run(["compare", *map(str, paths)]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert message in told
    assert told.count("\n") == 1


def test_runs_are_called_by_what_tells_them_apart() -> None:
    paths = (Path("a/run.json"), Path("b/run.json"), Path("a/run.json"))
    assert names_of(paths) == ["a/run", "b/run", "a/run (2)"]
    assert names_of((Path("x/one.json"), Path("y/two.json"))) == ["one", "two"]
