"""Replay: the same numbers, or what differs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import interplay as ip


def game(masks: np.ndarray) -> np.ndarray:
    return masks[:, 0] + 2.0 * (masks[:, 1] & masks[:, 2])


def two(masks: np.ndarray) -> np.ndarray:
    return np.stack([game(masks), masks[:, 3] * 1.0], axis=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    explanation = ip.explain(two, 12, budget=150, seed=3, store=tmp_path / "runs.db")
    explanation.save(tmp_path / "run.json")
    return tmp_path


def test_from_its_own_values(folder: Path) -> None:
    outcome = ip.replay(folder / "run.json")
    assert outcome.same_values
    assert outcome.same_results
    assert outcome.differences == ()
    assert outcome.sentence == (
        "The same numbers, to the last bit (150 values from the run's own .npz file)."
    )


def test_from_the_store(folder: Path) -> None:
    (folder / "run.npz").unlink()
    outcome = ip.replay(folder / "run.json")
    assert (outcome.values_from, outcome.same_values, outcome.same_results) == (
        "the store",
        True,
        True,
    )
    assert outcome.explanation.cost.calls == 0


def test_from_the_value_function(folder: Path) -> None:
    (folder / "run.npz").unlink()
    (folder / "runs.db").unlink()
    with pytest.raises(ip.BadInput, match=r"neither beside it.*pass the value function"):
        ip.replay(folder / "run.json")
    outcome = ip.replay(folder / "run.json", two, store=folder / "new.db")
    assert (outcome.values_from, outcome.same_results) == ("the model", True)
    fresh = ip.replay(folder / "run.json", two, fresh=True)
    assert fresh.explanation.cost.calls == 150


def test_what_differs_is_said(folder: Path) -> None:
    path = folder / "run.json"
    run = json.loads(path.read_text())
    run["targets"][0]["spectrum"]["coefficients"][1] += 0.25
    run["targets"][1]["faithfulness"]["value"] = 0.5
    run["versions"]["numpy"] = "1.0"
    path.write_text(json.dumps(run))
    outcome = ip.replay(path)
    assert not outcome.same_results
    assert outcome.same_values
    told = "; ".join(outcome.differences)
    assert "0: coefficients differ by up to 0.25" in told
    assert "1: faithfulness was 0.5000" in told
    assert f"numpy 1.0 then, {np.__version__} now" in told
    assert outcome.sentence.startswith("Not the same numbers")


def test_other_values_are_noticed(folder: Path) -> None:
    outcome = ip.replay(folder / "run.json", lambda masks: two(masks) * 1.001, fresh=True)
    assert not outcome.same_values
    told = "; ".join(outcome.differences)
    assert "values differ by up to 0.003" in told
    assert "no version differs: interplay" in told


def test_a_text_is_put_together_again(tmp_path: Path) -> None:
    from interplay.demo import model_path

    value = ip.text("not bad at all", model=str(model_path()), target=["logit:positive"])
    ip.explain(value, budget=16, store=None).save(tmp_path / "run.json")
    (tmp_path / "run.npz").unlink()
    outcome = ip.replay(tmp_path / "run.json")
    assert (outcome.values_from, outcome.same_results) == ("the model", True)
    run = json.loads((tmp_path / "run.json").read_text())
    run["subject"]["text"] = "not good at all"
    (tmp_path / "run.json").write_text(json.dumps(run))
    with pytest.raises(ip.BadInput, match="is not that of the run"):
        ip.replay(tmp_path / "run.json")
