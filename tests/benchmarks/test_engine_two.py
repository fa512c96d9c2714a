"""The sections on codes, calls, designs and scale: their arithmetic, and each once, small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.engine import adaptive, codes, llamas, scale
from benchmarks.engine.results import Results
from benchmarks.engine.run import Run

from interplay.spectrum import Spectrum


def run_in(folder: Path) -> Run:
    return Run(Results(folder / "engine.json", "1"), "auto", ["auto"], quick=True)


def test_calls_are_interpolated_between_uniform_samples_and_not_between_designs() -> None:
    rows = [
        {
            "cell": f"toy {size}",
            "method": method,
            "seed": seed,
            "calls": calls,
            "r2": r2 + seed / 50,
        }
        for method, points in {
            "auto": [(100, 100, 0.79), (400, 400, 0.89)],
            "spex": [(1, 144, 0.79), (2, 360, 0.89)],
        }.items()
        for size, calls, r2 in points
        for seed in (0, 1)
    ]  # means over seeds: .8 and .9
    assert llamas.needed(rows, "toy", "auto", 0.85) == pytest.approx(200.0)
    assert llamas.needed(rows, "toy", "auto", 0.7) == 100.0
    assert llamas.needed(rows, "toy", "auto", 0.95) is None
    assert llamas.needed(rows, "toy", "spex", 0.85) == 360.0
    calls = {
        ("toy", method, target): llamas.needed(rows, "toy", method, target)
        for method in ("auto", "spex")
        for target in llamas.TARGETS
    }
    (row,) = llamas.comparison(calls, ["toy"], "auto", "spex")
    assert row.detail["by_cell"]["toy R² 0.85"] == pytest.approx(200 / 360)
    assert not row.met
    failed = [{"cell": "toy 3", "method": "spex", "seed": 0, "error": "no"}]
    assert llamas.needed(failed, "toy", "spex", 0.5) is None


def test_what_was_recovered_is_counted() -> None:
    truth = Spectrum({(1,): 1.0, (2, 3): 0.5}, 5)
    found = {(): 9.0, (1,): 1.1, (4,): 0.3, (0, 1): 0.01}
    counted = codes.recovered(found, truth, error=0.05)
    assert counted == {"found": 1, "false": 2, "above": 1}


def test_codes_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codes, "DESIGNS", ((25, 3),))
    monkeypatch.setattr(codes, "PLANTED", 8)
    monkeypatch.setattr(codes, "FEATURES", 16)
    monkeypatch.setattr(codes, "CALLS", 400)
    monkeypatch.setattr(codes, "PEAKS", 2)
    monkeypatch.setattr(codes, "ALONE", ("proxyspex",))
    run = run_in(tmp_path)
    codes.measure(run)
    rows = {(r["cell"], r["method"]): r for r in run.results.of("codes")}
    assert not any("error" in row for row in rows.values())
    assert rows["planted n=25 b=3", "spex"]["found"] >= 7
    assert rows["planted n=25 b=3", "spex"]["above"] == 0
    assert rows["peak", "proxyspex"]["found"] <= rows["peak", codes.HYBRID]["found"] <= 2
    part = codes.report(run)
    assert [row.what for row in part.bars] == ["peaks found of 10, n = 64, 400 calls, hybrid"] or (
        len(part.bars) == 2
    )
    assert "| n=25 b=3 |" in part.text


def test_peaks_have_a_fifth_of_the_variance_of_the_realistic_function() -> None:
    truth, sets = codes.peaked("peak on realistic", 0)
    part = sum(truth.terms[term] ** 2 for term in sets)
    assert part / truth.variance == pytest.approx(0.2, abs=0.02)


def test_designs_are_compared_game_by_game(tmp_path: Path) -> None:
    run = run_in(tmp_path)
    for name, factor in (("sentiment_08", 0.5), ("vit16_06", 0.125)):
        for kind, share in (("uniform", 1.0), ("adaptive", factor)):
            for m in (100, 200):
                figures = {
                    "uniform": 1 - 0.4 * share,
                    "near_full": 1 - 0.4,
                    "held": True,
                    "seconds": 1.0,
                }
                cell = f"{name} m={m}"
                run.results.row("adaptive", cell, kind, 0, lambda figures=figures: figures)
    mean, low, high, count = adaptive.compared(run, "adaptive", "uniform")
    assert (mean, count) == (pytest.approx(0.25), 4)
    assert (low, high) == (pytest.approx(0.125), pytest.approx(0.5))
    assert adaptive.compared(run, "adaptive", "near_full")[0] == pytest.approx(1.0)
    assert adaptive.compared(run, "adaptive", "uniform", 100)[3] == 2
    assert np.isnan(adaptive.compared(run, "paired", "uniform")[0])
    part = adaptive.report(run)
    assert "0.25 (0.1" in part.text
    assert all(row.bar == "(reported)" for row in part.bars)


def test_the_simple_code_finds_what_is_strong() -> None:
    rng = np.random.default_rng(0)
    masks = rng.random((2000, 60)) < 0.5
    truth = Spectrum({(3,): 1.0, (9,): -0.8, (20, 41): 0.9, (3, 9): 0.6}, 60)
    found = scale.simple(masks, truth.predict(masks), 2, 2)
    assert found == set(truth.terms)
    assert scale.hits(found, truth) == {"planted": 4, "mains": 2, "pairs": 2}


def test_planted_pairs_are_of_main_effects_or_of_others() -> None:
    for kind, inside in (("hierarchical", True), ("free", False)):
        terms = scale.planted(kind, 500, 2000, 0).terms
        singles = {term[0] for term in terms if len(term) == 1}
        pairs = [set(term) for term in terms if len(term) == 2]
        assert (len(singles), len(pairs)) == (20, 10)
        assert all((pair <= singles) == inside for pair in pairs)
        assert inside or not any(pair & singles for pair in pairs)


def test_scale_in_a_process_of_its_own(tmp_path: Path) -> None:
    run = run_in(tmp_path)
    row = scale.in_process(run, "lasso", "hierarchical", 2_200, 600, 0, 1)
    assert row["mains"] >= 5
    assert row["megabytes"] > 50
    row = scale.in_process(run, scale.SIMPLE, "hierarchical", 2_200, 600, 0, 1)
    assert row["planted"] == 9
    row = scale.in_process(run, "nonsense", "hierarchical", 2_200, 600, 0, 1)
    assert "nonsense" in row["error"]
    assert "| 2,200 | 600 | hierarchical | lasso |" in scale.report(run).text
