"""``interplay prune``: from a run, or from nothing; what it writes and what it refuses."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

import interplay as ip
from interplay.cli import run as command

pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of the embedded model's heads, of few evaluations."""
    from interplay.cli.components import value_function_of_components

    folder = tmp_path_factory.mktemp("run")
    value = value_function_of_components(None, None, seed=0)
    store = folder / "values.db"
    explanation = ip.explain(value, budget=40, method="lasso", store=store)
    explanation.save(folder / "run.json")
    return folder / "run.json", value


def test_a_run_is_pruned_and_saved(run, tmp_path, capsys, monkeypatch):
    path, value = run
    monkeypatch.setenv("COLUMNS", "80")
    folder, page = tmp_path / "pruned", tmp_path / "r.html"
    arguments = f"--keep 0.5,12 --random 4 --verify 4 --save-model {folder} --report {page}"
    for method in ("lasso", "random", "attribution-patching"):
        arguments += f" --compare {method}"
    assert command(["prune", str(path), *arguments.split()]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert max(len(line) for line in lines if not line.startswith("wrote ")) <= 80
    assert "…" not in out
    n = len(value.features)
    assert f"Keeping {n // 2} of {n} parts, accuracy on the test prompts is" in out
    assert f"Keeping 12 of {n} parts" in out
    for method in ("auto", "lasso", "random", "attribution-patching"):
        assert sum(line.startswith(f"{method} ") for line in lines) == 2
    assert "largest difference of logits" in out.replace("\n", " ")
    assert (folder / "config.json").exists()
    shown = page.read_text("utf-8")
    assert "Alone, within a layer" in shown
    assert f"Keeping 12 of {n} parts" in shown
    assert "verified on 30 test prompts" in shown
    assert f"It is in {folder}." in shown

    again = ["prune", str(path), "--keep", "50%", "--no-compare", "--verify", "4", "--json"]
    assert command(again) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["format"] == "interplay.pruning"
    assert told["calls"] == 0
    assert len(told["contests"][0]["choices"]) == 1
    mask = np.isin(value.features, told["contests"][0]["choices"][0]["names"])
    assert told["contests"][0]["choices"][0]["test"] == pytest.approx(
        value.on("test")(mask[None])[0][0], abs=1e-6
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--keep", "half"], "--keep takes shares"),
        (["--keep", "1.5"], "above 0 and at most 1"),
        (["--keep", "0"], "number of parts from 1"),
        (["--save-model", "."], "add --force"),
        (["--report", "no/where.html"], "no such folder"),
        (["--compare", "lassi"], "lassi"),
        (["--target", "loss"], "loss"),
    ],
)
def test_what_cannot_be_used(run, capsys, arguments, message):
    assert command(["prune", str(run[0]), *arguments]) == 2
    told = capsys.readouterr()
    assert message in told.err
    assert told.out == ""


def test_runs_of_another_kind(tmp_path, capsys):
    def game(masks):
        return masks.sum(axis=1).astype(float)

    ip.explain(game, ["a", "b", "c"], budget=8, store=None).save(tmp_path / "other.json")
    assert command(["prune", str(tmp_path / "other.json")]) == 2
    assert "takes parts out of networks" in " ".join(capsys.readouterr().err.split())
    assert command(["prune", "--model", "folder"]) == 2
    assert "--model is for a RUN.json" in capsys.readouterr().err


def test_with_no_run_the_embedded_model_is_pruned(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys.modules["interplay.cli.prune"], "EMBEDDED_BUDGET", 24)
    store = tmp_path / "values.db"
    given = ["--keep", "0.75", "--no-compare", "--verify", "2", "--store", str(store), "--json"]
    assert command(["prune", *given]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["target"] == "accuracy"
    assert told["contests"][0]["choices"][0]["tried"] == 2
    assert store.exists()
