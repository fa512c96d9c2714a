"""Explanation: saving, loading, and what damaged files say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import interplay as ip


@pytest.fixture(scope="module")
def explanation() -> ip.Explanation:
    def game(masks: np.ndarray) -> np.ndarray:
        noise = np.sin(1e3 * (masks @ np.sqrt(np.arange(2, 18))))
        return masks[:, 0] + 2.0 * (masks[:, 1] & masks[:, 2]) + 0.05 * noise

    return ip.explain(game, [f"w{i}" for i in range(16)], budget=150, store=None, seed=4)


def test_a_saved_run_says_the_same(explanation: ip.Explanation, tmp_path: Path) -> None:
    path = explanation.save(tmp_path / "run.json")
    loaded = ip.load(path)
    assert loaded.to_dict() == explanation.to_dict()
    assert loaded.spectrum == explanation.spectrum
    assert loaded.faithfulness == explanation.faithfulness
    masks = np.random.default_rng(0).random((50, 16)) < 0.5
    assert (loaded.surrogate.predict(masks) == explanation.surrogate.predict(masks)).all()
    assert loaded.interactions("FSII", 2) == explanation.interactions("FSII", 2)


def test_the_json_alone_has_all_but_the_surrogate(
    explanation: ip.Explanation, tmp_path: Path
) -> None:
    path = explanation.save(tmp_path / "run.json")
    path.with_suffix(".npz").unlink()
    loaded = ip.load(path)
    assert loaded.top(5) == explanation.top(5)
    assert loaded.report(tmp_path / "report.html").exists()
    with pytest.raises(ip.BadInput, match=r"loaded without its surrogate.*\.npz"):
        _ = loaded.surrogate


def test_the_dictionary_is_plain_json(explanation: ip.Explanation) -> None:
    content = explanation.to_dict()
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert content["trust"]["sentence"] == explanation.diagnostics()[0]
    assert content["config"]["seed"] == 4
    assert content["targets"][0]["main_effects"][0] == pytest.approx(1.0, abs=0.1)
    assert sum(content["targets"][0]["energy"].values()) == pytest.approx(1.0)
    names = [entry["names"] for entry in content["targets"][0]["top"]]
    assert ["w1", "w2"] in names


def test_an_untested_fit_can_be_saved(tmp_path: Path) -> None:
    explanation = ip.explain(lambda masks: masks.sum(1), 30, budget=12, store=None)
    loaded = ip.load(explanation.save(tmp_path / "run.json"))
    assert loaded.faithfulness.verdict == explanation.faithfulness.verdict


def test_target_names_the_one_there_is(explanation: ip.Explanation) -> None:
    assert explanation.target("value") == explanation
    with pytest.raises(ip.BadInput, match=r"unknown target 'x'; valid: value"):
        explanation.target("x")


def test_runs_are_saved_as_json(explanation: ip.Explanation, tmp_path: Path) -> None:
    with pytest.raises(ip.BadInput, match=r"saved as \.json; got .*run\.pkl"):
        explanation.save(tmp_path / "run.pkl")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"no such run file"),
        ("{", r"cannot be read as JSON"),
        ("[1]", r'lacks "format": "interplay\.run"'),
        ('{"format": "interplay.run", "version": 99}', r"version 99.*Install a newer"),
        ('{"format": "interplay.run", "version": 4}', r"is damaged: no entry 'targets'"),
        ('{"format": "interplay.run", "version": 4, "targets": []}', r"damaged: it has no targets"),
        (
            '{"format": "interplay.run", "version": 4, "targets": [1]}',
            "damaged: no entry 'created'",
        ),
    ],
)
def test_a_damaged_run_file_is_named(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "run.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ip.BadInput, match=message) as caught:
        ip.load(path)
    assert "run.json" in str(caught.value)


def test_a_damaged_surrogate_file_is_named(explanation: ip.Explanation, tmp_path: Path) -> None:
    path = explanation.save(tmp_path / "run.json")
    path.with_suffix(".npz").write_bytes(b"not an archive")
    with pytest.raises(ip.BadInput, match=r"run\.npz"):
        ip.load(path)


def test_the_report_is_one_file_and_shows_in_notebooks(
    explanation: ip.Explanation, tmp_path: Path
) -> None:
    path = explanation.report(tmp_path / "report.html")
    assert explanation.faithfulness.sentence.split(":")[0] in path.read_text("utf-8")
    assert "<" in explanation._repr_html_()


def test_names_with_halves_of_characters_cannot_be_saved(tmp_path: Path) -> None:
    names = ["whole", "half \ud800", "third"]
    explanation = ip.explain(lambda masks: masks.sum(1), names, budget=8, store=None)
    with pytest.raises(ip.BadInput, match=r"this run cannot be written: .*half of a character.*'"):
        explanation.save(tmp_path / "run.json")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("read", [ip.load, ip.replay])
def test_what_is_no_path_is_named(read: Callable[[Any], Any]) -> None:
    with pytest.raises(ip.BadInput, match=r"save wrote it, must be the path of a file; got int: 3"):
        read(3)
    with pytest.raises(ip.BadInput, match=r"a store must be the path of a file; got float: 0\.5"):
        ip.explain(lambda masks: masks[:, 0] * 1.0, ["a"], store=0.5)  # type: ignore[arg-type]
    with pytest.raises(ip.BadInput, match="value_functions must be several"):
        ip.explain_many(3)  # type: ignore[arg-type]
