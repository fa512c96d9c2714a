"""The engine's benchmark: arithmetic of the bars, what is kept under which key, resumption."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import combinations
from math import inf
from pathlib import Path

import numpy as np
import pytest
from benchmarks.engine import baselines, coefficients, evidence, games, recordings, spectrum
from benchmarks.engine.__main__ import SECTIONS, module, page
from benchmarks.engine.data import Data, calls, of_values, realistic, synthetic
from benchmarks.engine.peers import Peer, key
from benchmarks.engine.plots import draw
from benchmarks.engine.ratios import Ratios, errors, mean_error
from benchmarks.engine.results import Results
from benchmarks.engine.run import Run
from benchmarks.shapiq_1_8 import ORDER_1, PROXYSPEX

from interplay import fit
from interplay.spectrum import Spectrum
from interplay.surrogates import METHODS

N = 9


def small_game(m: int = 60, seed: int = 0) -> Data:
    rng = np.random.default_rng(5)
    spectrum = Spectrum({(): 1.0, (0,): 2.0, (1, 2): -1.0, (3,): 0.5}, N)
    all_masks = (np.arange(2**N)[:, None] >> np.arange(N) & 1).astype(bool)
    values = spectrum.predict(all_masks) + 0.05 * rng.normal(size=2**N)
    return of_values("toy_00", values, m, seed, None)


def run_in(folder: Path, **options: object) -> Run:
    run = Run(Results(folder / "engine.json", "1"), "lasso", ["lasso", "proxyspex"])
    return replace(run, **options)


def test_ratios_are_geometric_means_over_cells_of_the_mean_error_over_seeds() -> None:
    rows = [
        {"cell": f"{name} m=100", "method": "auto", "seed": seed, "r2": r2}
        for name, scores in {"a": (0.9, 0.7), "b": (0.6, 0.6)}.items()
        for seed, r2 in enumerate(scores)
    ]
    ratios = Ratios.of(errors(rows, "auto"), {("a", 100): 0.4, ("b", 100): 0.2, ("c", 100): 0.1})
    assert ratios.by_cell == pytest.approx({"a m=100": 0.5, "b m=100": 2.0})
    assert ratios.mean == pytest.approx(1.0)
    assert ratios.by_seed == pytest.approx([np.sqrt(0.25 * 2), np.sqrt(0.75 * 2)])
    (row,) = ratios.row("what", 1.01, worst=1.5, planned=3)
    assert not row.met
    assert "2 of 3 cells" in row.measured
    assert "largest 2.00, b m=100" in row.measured
    assert ratios.row("what", 1.01, worst=2.1)[0].met


def test_a_failed_fit_is_no_met_bar() -> None:
    rows = [{"cell": "a m=100", "method": "auto", "seed": 0, "error": "ValueError: no"}]
    ratios = Ratios.of(errors(rows, "auto"), {("a", 100): 0.4})
    assert ratios.worst == ("a m=100", inf)
    assert not ratios.row("what", 1.0)[0].met


def test_a_perfect_fit_has_a_ratio() -> None:
    assert mean_error({0: 0.0}) == 1e-6
    assert Ratios.of({("a", 9): {0: 0.0}}, {("a", 9): 0.0}).mean == 1.0


def test_no_cells_make_no_row() -> None:
    assert Ratios.of({}, {("a", 9): 0.5}).row("what", 1.0) == []


def test_bars_on_recordings_count_the_cells_of_the_peer_figures() -> None:
    ours = {cell: {0: 0.1} for cell in recordings.cells()}
    counts = [len(row.detail["by_cell"]) for row in recordings.bars(ours)]
    assert counts == [15, 15, 24, 7, 8, 14]
    assert all("of" not in row.measured.split("cells")[0] for row in recordings.bars(ours))
    quarter = recordings.bars(ours)[4].detail["by_cell"]
    assert quarter["stories_heads_1 m=200"] == pytest.approx(0.1 / (1 - 0.916))
    assert quarter["baby_tokens_n128_1 m=450"] == pytest.approx(0.1 / (1 - 0.927))


def test_peer_figures_speak_of_the_same_cells() -> None:
    assert all(set(PROXYSPEX[name]) <= set(ORDER_1[name]) for name in PROXYSPEX)
    assert list(PROXYSPEX) == list(ORDER_1)


def test_peer_results_are_kept_by_version_hash_and_m(tmp_path: Path) -> None:
    data = small_game()
    peer = Peer("spectralexplain", "0.0.4", None, tmp_path)
    assert peer.result(data) is None
    peer.path.write_text(json.dumps({key(data): {"r2": 0.5, "seconds": 1.0, "terms": 3}}))
    assert peer.path.name == "spectralexplain-0.0.4.json"
    assert peer.result(data) == {"r2": 0.5, "seconds": 1.0, "terms": 3}
    assert Peer("spectralexplain", "0.0.5", None, tmp_path).result(data) is None
    assert peer.result(data.first(59)) is None
    assert peer.result(replace(data, values=data.values + 1e-9)) is None
    assert peer.result(replace(data, truth=data.truth + 1e-9)) is None
    assert peer.result(small_game()) is not None


def test_masks_of_a_game_are_different_and_not_in_its_test() -> None:
    data = small_game()
    rows = {row.tobytes() for row in data.masks}
    assert len(rows) == 60
    assert not rows & {row.tobytes() for row in data.test}
    assert len(data.test) == 2**N - 60
    assert calls(16) == 256


def test_synthetic_functions_are_drawn_by_their_seed() -> None:
    data = synthetic("peak", 10, 300, 0, tests=100)
    terms = fit_all(data)
    assert terms
    assert {len(term) for term in terms} == {5}
    first, second = realistic(30, 40, 0), realistic(30, 40, 1)
    assert not np.array_equal(first.values, second.values)
    assert np.array_equal(first.values, realistic(30, 40, 0).values)


def fit_all(data: Data) -> list[tuple[int, ...]]:
    """Terms that least squares on all parities of order 5 finds."""
    every = list(combinations(range(data.n), 5))
    signs = np.stack([1 - 2.0 * (data.masks[:, term].sum(axis=1) % 2) for term in every], axis=1)
    found, residual, *_ = np.linalg.lstsq(signs, data.values, rcond=None)
    assert residual.sum() < 1e-16  # without noise
    return [term for term, size in zip(every, found, strict=True) if abs(size) > 1e-6]


def test_a_killed_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    measured = []

    def figures(data: Data, method: str, seed: int) -> dict[str, float]:
        measured.append(seed)
        if seed == 2 and len(measured) == 3:
            raise KeyboardInterrupt
        return {"r2": 0.5}

    for attempt in range(2):
        run = run_in(tmp_path)
        try:
            for seed in range(4):
                run.fit("games", small_game(), "lasso", seed, figures)
        except KeyboardInterrupt:
            assert attempt == 0
    assert measured == [0, 1, 2, 2, 3]
    assert [row["seed"] for row in Results(tmp_path / "engine.json", "1").of("games")] == [
        0,
        1,
        2,
        3,
    ]


def test_rows_of_another_version_or_discarded_ones_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "engine.json"
    Results(path, "1").row("games", "a m=9", "lasso", 0, lambda: {"r2": 0.5})
    assert Results(path, "2").of("games") == []
    results = Results(path, "1")
    assert len(results.of("games")) == 1
    results.discard("speed")
    assert len(results.of("games")) == 1
    results.discard("games")
    assert results.of("games") == []


def test_a_method_that_fails_becomes_a_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def figures(data: Data, method: str, seed: int) -> dict[str, float]:
        raise ValueError("no such luck")

    row = run_in(tmp_path).fit("games", small_game(), "lasso", 0, figures)
    assert row["error"] == "ValueError: no such luck"
    assert "no such luck" in capsys.readouterr().err


def test_evidence_counts_what_the_interval_holds() -> None:
    row = {"r2": 0.5, "low": 0.4, "high": 0.6}
    assert evidence.covered(row)
    assert not evidence.covered(row | {"low": 0.51})
    assert not evidence.covered(row | {"high": 0.49})
    assert evidence.covered(row | {"low": None})  # from minus infinity
    assert evidence.width(row | {"low": None}) == inf


class Sure:
    """A surrogate that knows 2 terms, and an error for every other one."""

    def coefficients(self, terms: list[tuple[int, ...]]) -> tuple[list[float], list[float]]:
        return [2.0 if term == (0,) else 0.0 for term in terms], [0.1] * len(terms)


def test_coefficients_are_asked_of_the_surrogate_or_read_off_its_spectrum() -> None:
    truth = {(): 1.0, (0,): 2.1, (1, 2): 0.5, (0, 1, 2): 0.05}
    found = coefficients.judged(Sure(), truth, 3)
    assert found["low_held"] == pytest.approx(5 / 6)  # of (0), (1), (2) and three pairs one is out
    assert found["top_held"] == pytest.approx(2 / 3)
    assert found["top_rmse"] == pytest.approx(np.sqrt((0.01 + 0.25 + 0.0025) / 3))
    data = small_game()
    surrogate = fit(data.masks, data.values, method="lasso")
    values, spread = coefficients.coefficients(Listed(surrogate), [(0,), (1, 2)])
    assert values[0] == pytest.approx(2.0, abs=0.2)
    assert spread[0] > 0
    assert (values[1], spread[1]) == (0.0, 0.0)


class Listed:
    """A surrogate of which only the spectrum can be asked."""

    def __init__(self, surrogate: object) -> None:
        self.spectrum = surrogate.spectrum


def test_sections_end_to_end_on_a_small_game(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(games, "names", lambda quick: ["toy_00"])
    monkeypatch.setattr(games, "cell", lambda name: small_game())
    monkeypatch.setattr(baselines, "CELLS", (("toy_00", 60),))
    monkeypatch.setattr(baselines, "recording", lambda name: small_game())
    data = small_game()
    peer = Peer("spectralexplain", "0.0.4", None, tmp_path)
    peer.path.write_text(json.dumps({key(data): {"r2": 0.5, "seconds": 1.0, "terms": 3}}))
    run = run_in(tmp_path, peers={"spectralexplain": peer}, quick=True)
    games.measure(run)
    baselines.measure(run)
    parts = [module(name).report(run) for name in SECTIONS]
    text = page(run, parts)
    assert "fewer than 20 games" in text
    assert "| toy | 1 |" in text
    assert "It crashed on none." in text
    assert "## What 200 terms keep" in text
    assert "| proxyspex |" in text
    (bar,) = games.report(run).bars
    assert bar.detail["mean"] == pytest.approx((1 - _r2(run)) / 0.5)
    assert len(spectrum.report(run).bars) == 1
    run.results.conclude("a machine", [bar])
    written = json.loads((tmp_path / "engine.json").read_text())
    assert not written["bars"][bar.what]["met"]
    assert Results(tmp_path / "engine.json", "1").of("games") == run.results.of("games")
    draw(run, tmp_path)
    assert (tmp_path / "engine_games.svg").stat().st_size > 1000
    assert not (tmp_path / "engine_r2.svg").exists()


def _r2(run: Run) -> float:
    (row,) = run.results.of("games")
    return float(row["r2"])


@pytest.mark.usefixtures("assets")
def test_a_section_whose_time_is_over_begins_no_cell(tmp_path: Path) -> None:
    run = run_in(tmp_path, deadline=-1.0)
    for name in ("evidence", "coefficients", "synthetic", "speed"):
        module(name).measure(run)
        assert module(name).report(run).bars == []
    assert run.results.of("evidence") == []


def test_every_section_is_a_module_with_a_share_of_ten_minutes() -> None:
    assert (
        sum(module(name).MINUTES for name in SECTIONS) < 9
    )  # the last cell of each may take longer
    assert {module(name).SECTION for name in SECTIONS} == set(SECTIONS)
    assert "exact" in METHODS  # which the benchmark leaves out by this name


def test_synthetic_section_tells_seeds_and_peer_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = module("synthetic")
    monkeypatch.setattr(section, "FEATURES", (10,))
    monkeypatch.setattr(section, "ALPHAS", (1,))
    run = run_in(tmp_path, peers={"spectralexplain": Peer("spectralexplain", "9", None, tmp_path)})
    data = synthetic("peak", 10, calls(10, 1), 0)
    run.peers["spectralexplain"].path.write_text(json.dumps({key(data): {"r2": 0.125}}))
    run.methods = ["lasso"]
    section.measure(run)
    text = section.report(run).text
    assert "| function | n | m | lasso | spectralexplain 9 ProxySPEX |" in text
    assert "| 0.125 |" in text
    assert [row["seed"] for row in run.results.of("synthetic")] == [0, 0, 1, 1, 2, 2]
