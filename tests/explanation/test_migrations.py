"""Run files of older versions, as the code of their time wrote them (tests/data/runs).

``run_1``, ``run_2`` and ``run_3`` explain one text with the demo model, in 60 calls; ``run_2`` and
``run_3`` have two targets. ``run_3_early`` has a Gaussian process whose arrays lacked its norm.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import interplay as ip
from interplay.collection import Explanations
from interplay.explanation import read_run
from interplay.explanation.migrations import VERSION
from interplay.replay import replay

RUNS = Path(__file__).parent.parent / "data" / "runs"
OLD = ("run_1", "run_2", "run_3", "run_3_early")


def raw(name: str) -> Any:
    return json.loads((RUNS / f"{name}.json").read_text("utf-8"))


@pytest.fixture(params=OLD)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_an_older_run_keeps_its_results_and_evidence(name: str) -> None:
    before, loaded = raw(name), ip.load(RUNS / f"{name}.json")
    found = before.get("targets", [before])
    assert loaded.targets == tuple(target["target"] for target in found)
    assert loaded.created == before["created"]
    assert list(loaded.features) == before["features"]
    assert loaded.sample.masks == before["cost"]["calls"]
    for target in found:
        view = loaded.target(target["target"])
        assert view.spectrum.to_dict() == target["spectrum"]
        assert view.faithfulness.to_dict() == target["faithfulness"]
        assert view.finding.to_dict()["top"] == target["top"]
        assert view.diagnostics()[0] == target["trust"]["sentence"]
        assert (view.full, view.empty) == (target["values"]["full"], target["values"]["empty"])
    assert {**loaded.config, "budget": None}.items() <= {**before["config"], "budget": None}.items()
    assert loaded.to_dict()["version"] == VERSION


def test_an_older_run_makes_a_report(name: str, tmp_path: Path) -> None:
    run = read_run(RUNS / f"{name}.json")
    assert run["version"] == VERSION
    assert run["actions"] == []
    assert all(found["draws"] is None for found in run["targets"])
    assert all(found["convergence"] == [] for found in run["targets"])
    page = ip.load(RUNS / f"{name}.json").report(tmp_path / "report.html").read_text("utf-8")
    assert run["trust"]["sentence"].split(":")[0] in page


@pytest.mark.parametrize("name", ["run_1", "run_2", "run_3"])
def test_the_whole_surrogate_is_there(name: str) -> None:
    loaded = ip.load(RUNS / f"{name}.json")
    masks = np.random.default_rng(0).random((50, 7)) < 0.5
    for target in loaded.targets:
        view = loaded.target(target)
        assert view.surrogate.method == loaded.config["method"]
        assert view.surrogate.features == loaded.features
        whole = view.surrogate.spectrum(None)
        assert whole.terms.items() >= view.spectrum.terms.items()
        np.testing.assert_allclose(view.surrogate.predict(masks), whole.predict(masks))


@pytest.mark.parametrize("name", ["run_2", "run_3"])
def test_runs_with_evaluations_are_saved_anew_whole(name: str, tmp_path: Path) -> None:
    loaded = ip.load(RUNS / f"{name}.json")
    assert loaded.evaluations is not None
    assert loaded.coefficient_draws().shape == (20, len(loaded.spectrum))
    again = ip.load(loaded.save(tmp_path / "run.json"))
    assert json.loads((tmp_path / "run.json").read_text("utf-8"))["version"] == VERSION
    assert again.to_dict() == loaded.to_dict()
    masks = np.ones((1, 7), dtype=np.bool_)
    np.testing.assert_array_equal(again.surrogate.predict(masks), loaded.surrogate.predict(masks))


def test_version_1_says_what_it_did_not_keep(tmp_path: Path) -> None:
    loaded = ip.load(RUNS / "run_1.json")
    assert loaded.evaluations is None
    assert "version 1 of the run format, which kept no evaluations" in loaded.diagnostics()[-1]
    with pytest.raises(ip.BadInput, match=r"kept no evaluations, and cannot be saved.*anew"):
        loaded.save(tmp_path / "run.json")
    with pytest.raises(ip.BadInput, match=r"no draws of the coefficients.*older interplay"):
        loaded.coefficient_draws()


def test_a_surrogate_of_another_form_is_named_and_the_rest_is_there(tmp_path: Path) -> None:
    loaded = ip.load(RUNS / "run_3_early.json")
    assert "was not read: the spectrum has its largest terms" in loaded.diagnostics()[-1]
    with pytest.raises(ip.BadInput, match=r"older interplay.*make it again with `interplay replay"):
        loaded.surrogate  # noqa: B018
    assert loaded.coefficient_draws().shape == (20, 16)
    again = replay(RUNS / "run_3_early.json").explanation  # what the note advises
    assert again.surrogate.method == "parity-gp"
    again.save(tmp_path / "run.json")


def test_without_its_arrays_an_older_run_has_no_surrogate(name: str, tmp_path: Path) -> None:
    shutil.copy(RUNS / f"{name}.json", tmp_path / "run.json")
    loaded = ip.load(tmp_path / "run.json")
    assert loaded.finding.surrogate is None
    with pytest.raises(ip.BadInput, match=r"put the \.npz file"):
        loaded.surrogate  # noqa: B018


def test_many_runs_hold_older_ones() -> None:
    content = raw("runs_of_1")
    runs = Explanations.load(RUNS / "runs_of_1.json")
    assert runs.ids == ("first", "second")
    for entry in content["inputs"]:
        assert runs[entry["id"]].spectrum.to_dict() == entry["run"]["spectrum"]
    assert runs.to_dict()["inputs"][0]["run"]["version"] == VERSION


def test_many_runs_say_which_is_newer(tmp_path: Path) -> None:
    content = raw("runs_of_1")
    content["inputs"][1]["run"]["version"] = 99
    path = tmp_path / "runs.json"
    path.write_text(json.dumps(content))
    with pytest.raises(ip.BadInput, match=r"runs\.json, input 2: its run has version 99.*newer"):
        Explanations.load(path)


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (VERSION + 1, rf"version {VERSION + 1} .*versions 1 to {VERSION}\. Install a newer"),
        (0, r"damaged: its version of the run format is 0"),
        (None, r"damaged: its version of the run format is None"),
        (True, r"damaged: its version of the run format is True"),
        ("4", r"damaged: its version of the run format is '4'"),
    ],
)
def test_other_versions_are_refused(tmp_path: Path, version: object, message: str) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps({**raw("run_3"), "version": version}))
    for read in (ip.load, read_run):
        with pytest.raises(ip.BadInput, match=message):
            read(path)


@pytest.mark.parametrize("name", OLD)
def test_an_older_run_that_lacks_an_entry_is_damaged(name: str, tmp_path: Path) -> None:
    path, whole = tmp_path / "run.json", raw(name)
    # what older runs never had, or what stands elsewhere too
    spared = {"format", "version", "trust", "energy", "main_effects"}
    for key in whole.keys() - spared:
        path.write_text(json.dumps({k: v for k, v in whole.items() if k != key}))
        with pytest.raises(ip.BadInput, match=r"run\.json is damaged"):
            ip.load(path)


@pytest.mark.parametrize("name", OLD)
def test_arrays_beside_an_older_run_that_cannot_be_read_are_damaged(
    name: str, tmp_path: Path
) -> None:
    shutil.copy(RUNS / f"{name}.json", tmp_path / "run.json")
    payload = bytearray((RUNS / f"{name}.npz").read_bytes())
    for damaged in (payload[: len(payload) // 2], b"not an archive", b""):
        (tmp_path / "run.npz").write_bytes(damaged)
        with pytest.raises(ip.BadInput, match=r"run\.npz is damaged"):
            ip.load(tmp_path / "run.json")
