"""Opening: run files as they were saved, functions of the store fitted, several compared."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from view_server import SPANS, TEXT, WORDS, Serve, fill, not_bad

import interplay as ip
from interplay.cli import run
from interplay.errors import BadInput
from interplay.evaluate import Store
from interplay.evaluate.functions import Identity
from interplay.masks import design
from interplay.view import opening
from interplay.view.library import Library
from interplay.view.opening import Reports, fitted, names_of


def test_a_function_is_fitted_as_interplay_fit_would_its_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command that the report shows gives the same numbers."""
    monkeypatch.chdir(tmp_path)
    masks = design(12, 120, seed=0).masks
    values = 2.0 * masks[:, 0] - 3.0 * (masks[:, 1] & masks[:, 2])
    with Store(tmp_path / "runs.db") as store:
        store.put("cafe", masks, values, identity=Identity(["value"], [f"w{i}" for i in range(12)]))
    library = Library(tmp_path / "runs.db", tmp_path)
    (entry,) = library.listing().entries
    found = fitted(library, entry)
    export, fit = str(found.config["command"]).split(" && ")
    assert run(export.split()[1:]) == 0
    assert run([*fit.split()[1:], "--save", "again.json"]) == 0
    again = ip.load("again.json")
    assert again.spectrum == found.spectrum
    assert again.faithfulness == found.faithfulness
    assert found.cost.reused == 120
    assert found.features == tuple(f"w{i}" for i in range(12))
    assert (
        "Fitted to all that runs.db holds of this value function, 120 masks"
        in (found.diagnostics()[-1])
    )


def test_its_report_shows_the_text_and_says_what_was_fitted(serve: Serve, tmp_path: Path) -> None:
    fill(tmp_path / "runs.db")
    one = serve()
    (row,) = one.rows()
    waiting = one.get(f"/open?id={row['id']}")
    assert "Fitting what the store holds" in waiting.text
    report = one.opened(row["id"])
    assert "fitted to all 32 masks that runs.db holds of it" in report.text
    assert "Trust this explanation: it is exact" in report.text
    for start, end in SPANS:
        assert re.search(rf">\s*{TEXT[start:end]}\s*</span>", report.text)
    assert one.get(f"/open?id={row['id']}").text == report.text


def test_a_fit_is_kept_until_something_is_added(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = []
    real = opening.fitted
    monkeypatch.setattr(
        opening, "fitted", lambda *given: fits.append(given[1].evaluations) or real(*given)
    )
    monkeypatch.setattr(opening, "FRESH", 0.0)
    masks = design(8, 60, seed=0).masks
    with Store(tmp_path / "runs.db") as store:
        store.put("f", masks[:40], masks[:40].sum(1))
        one = serve()
        (row,) = one.rows()
        for _ in range(3):
            assert "all 40 masks" in one.opened(row["id"]).text
        assert fits == [40]
        store.put("f", masks[40:], masks[40:].sum(1))  # while it is open here
        assert "all 60 masks" in one.opened(row["id"]).text
        assert fits == [40, 60]


def test_replicates_count_as_noise(tmp_path: Path) -> None:
    masks = design(6, 40, seed=0).masks
    rng = np.random.default_rng(0)
    with Store(tmp_path / "runs.db") as store:
        for replicate in (0, 1):
            values = masks.sum(1) + 0.1 * rng.normal(size=40)
            store.put("f", masks, values, replicate=replicate)
    library = Library(tmp_path / "runs.db", tmp_path)
    found = fitted(library, library.listing().entries[0])
    assert found.sample.replicates == 2
    assert found.finding.noise_var is not None
    assert found.cost.reused == 80


def test_too_little_for_a_fit_says_so(serve: Serve, tmp_path: Path) -> None:
    with Store(tmp_path / "runs.db") as store:
        store.put("f", np.eye(5, dtype=bool), np.ones(5))
    one = serve()
    (row,) = one.rows()
    told = one.opened(row["id"])
    assert told.json["state"] == "failed"
    assert "5 different masks are too few for a fit" in told.json["message"]
    assert one.opened(row["id"]).json["state"] == "failed", "asked again, it is tried again"


def test_run_files_are_shown_as_they_were_saved(
    serve: Serve, tmp_path: Path, short_run: dict[str, Any]
) -> None:
    (tmp_path / "review.json").write_text(json.dumps(short_run))
    many = {"format": "interplay.runs", "version": 1, "aggregated": []}
    many["inputs"] = [{"id": "first", "run": short_run}]
    (tmp_path / "many.json").write_text(json.dumps(many))
    (tmp_path / "wrong.json").write_text('{"format": "interplay.run", "version": 99}')
    one = serve()
    ids = {row["name"]: row["id"] for row in one.rows()}
    review = one.opened(ids["review.json"])
    assert "saved in review.json" in review.text
    assert "it predicts 93 % of the variation" in review.text
    assert "saved in many.json" in one.opened(ids["many.json"]).text
    wrong = one.opened(ids["wrong.json"]).json
    assert wrong["state"] == "failed"
    assert "wrong.json has version 99 of the run format" in wrong["message"]


def explained(effect: float) -> ip.Explanation:
    return ip.explain(lambda masks: not_bad(masks) + effect * masks[:, 0], WORDS, store=None)


def test_runs_are_compared_with_the_first_that_was_chosen(serve: Serve, tmp_path: Path) -> None:
    explained(0.0).save(tmp_path / "before.json")
    explained(2.0).save(tmp_path / "after.json")
    fill(tmp_path / "runs.db", identity=Identity(["value"], WORDS))
    one = serve()
    ids = {row["name"]: row["id"] for row in one.rows()}
    for first, second in (("before", "after"), ("after", "before")):
        chosen = [ids[f"{first}.json"], ids[f"{second}.json"]]
        both = one.opened(*chosen)
        assert both.status == 200
        assert "interplay-comparison" in both.text
        assert both.headers["content-security-policy"].startswith("sandbox allow-scripts;")
        assert both.text.index(f"<bdi>{first}</bdi>") < both.text.index(f"<bdi>{second}</bdi>")
    three = one.opened(ids["0123456789abcdef"], ids["before.json"], ids["after.json"])
    assert "3 runs compared with the first; 1 of them fitted to what runs.db holds" in three.text


def test_what_cannot_be_compared_says_why(
    serve: Serve, tmp_path: Path, short_run: dict[str, Any]
) -> None:
    explained(0.0).save(tmp_path / "plain.json")
    many = {"format": "interplay.runs", "version": 1, "inputs": [{"id": "a", "run": short_run}]}
    (tmp_path / "many.json").write_text(json.dumps(many))
    fill(tmp_path / "runs.db")
    one = serve()
    ids = {row["name"]: row["id"] for row in one.rows()}
    told = one.opened(ids["plain.json"], ids["many.json"]).json
    assert (
        "many.json holds the runs of many inputs, and single runs are compared" in (told["message"])
    )
    told = one.opened(ids["plain.json"], ids["0123456789abcdef"]).json
    assert "the runs have no target in common" in told["message"]


def test_without_its_arrays_or_with_a_link_in_their_place_a_run_is_compared_all_the_same(
    serve: Serve, tmp_path: Path
) -> None:
    for k in range(2):
        explained(float(k)).save(tmp_path / f"{k}.json")
        (tmp_path / f"{k}.npz").rename(tmp_path / f"moved-{k}.npz")
        (tmp_path / f"{k}.npz").symlink_to(tmp_path / f"moved-{k}.npz")
    one = serve()
    assert one.opened(*(row["id"] for row in one.rows())).status == 200
    assert all(found.evaluations is None for found in one.view.reports._fits.values())


def test_names_of_runs_differ(tmp_path: Path) -> None:
    fill(tmp_path / "runs.db")
    fill(tmp_path / "runs.db", fingerprint="another")
    entries = Library(tmp_path / "runs.db", tmp_path).listing().entries
    assert sorted(names_of(entries)) == [f"{TEXT} (1)", f"{TEXT} (2)"]


def test_pages_wait_in_a_queue_of_bounded_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(tmp_path / "runs.db") as store:
        for k in range(20):
            store.put(f"f{k}", np.eye(3, dtype=bool), np.ones(3))
    library = Library(tmp_path / "runs.db", tmp_path)
    reports, go = Reports(library), threading.Event()
    begun = threading.Event()
    monkeypatch.setattr(reports, "_made", lambda entries: (begun.set(), go.wait(10), 1 / 0))
    entries = library.listing().entries
    try:
        assert reports.prepare(entries[:1]).state == "working"
        assert begun.wait(5)
        for entry in entries[1:17]:
            assert reports.prepare([entry]).state == "working"
        assert reports.prepare(entries[:1]).state == "working", "it is not queued twice"
        with pytest.raises(BadInput, match="16 tasks are waiting already"):
            reports.prepare(entries[18:19])
    finally:
        reports.worker.close()
        go.set()
        reports.worker.join()
    told = reports.prepare(entries[:1])
    assert (told.state, told.message) == (
        "failed",
        "unexpected ZeroDivisionError: division by zero",
    )
