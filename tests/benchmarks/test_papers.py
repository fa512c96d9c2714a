"""The papers' measures on hand-made cases, by brute force; the cheap sections end to end."""

from __future__ import annotations

from itertools import combinations, permutations
from pathlib import Path

import numpy as np
import pytest
from benchmarks import sections
from benchmarks.papers import (
    faithfulness,
    hierarchy,
    removal,
    reviews,
    shapley,
    sparsity,
    supporting,
)
from benchmarks.papers.__main__ import PAGE
from benchmarks.papers.intervals import Interval, calls_at
from benchmarks.papers.reviews import ALPHAS, BITS, COUNTS, Review
from benchmarks.shapley_peers import shapley_values

from interplay import Spectrum
from interplay.optimize import top_removal

Term = tuple[int, ...]


def random_terms(seed: int, n: int = 6, count: int = 25) -> list[Term]:
    rng = np.random.default_rng(seed)
    every = [term for size in range(1, 5) for term in combinations(range(n), size)]
    return [every[i] for i in rng.choice(len(every), count, replace=False)]


def by_chains(terms: list[Term]) -> float:
    """The staircase rate, by trying every order of the features of every term."""
    known = {(), *terms}
    return float(
        np.mean(
            [
                any(
                    all(tuple(sorted(order[:k])) in known for k in range(len(order)))
                    for order in permutations(term)
                )
                for term in terms
            ]
        )
    )


@pytest.mark.parametrize("seed", range(8))
def test_hierarchy_rates_are_those_of_brute_force(seed: int) -> None:
    terms = random_terms(seed)
    known = {(), *terms}
    direct = [np.mean([tuple(sorted({*t} - {i})) in known for i in t]) for t in terms]
    whole = [all(s in known for k in range(len(t)) for s in combinations(t, k)) for t in terms]
    assert hierarchy.direct_subset_rate(terms) == pytest.approx(float(np.mean(direct)))
    assert hierarchy.strong_hierarchy_rate(terms) == pytest.approx(float(np.mean(whole)))
    assert hierarchy.staircase_rate(terms) == pytest.approx(by_chains(terms))


def test_rates_are_of_the_largest_terms_and_empty_where_there_are_too_few() -> None:
    closed = [t for k in range(1, 4) for t in combinations(range(3), k)] + [(3,)]
    terms: dict[Term, float] = {(): 9.0, (4, 5): 0.1}
    terms |= {term: 1.0 - 0.01 * len(term) for term in closed}
    found = hierarchy.rates(Spectrum(terms, n=6))
    assert found["dsr"] == found["scr"] == found["shr"] == [1.0, *[None] * 5]
    scattered = hierarchy.chance(Spectrum(terms, n=6), 6)
    assert scattered["dsr"][0] is not None
    assert 0.0 < scattered["dsr"][0] < 1.0


def test_terms_that_hold_the_energy() -> None:
    spectrum = Spectrum({(): 5.0, (0,): 3.0, (1,): 1.0, (0, 1): 0.5}, n=2)
    assert hierarchy.ranks_of_energy(spectrum) == [2, 2]  # 9, 10 and 10.25


def test_a_full_run_of_hierarchy_has_its_rows(
    assets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hierarchy, "drawn", lambda quick: [])
    monkeypatch.setattr(hierarchy, "names", lambda quick: ["vit9_00", "ensemble_california_00"])
    found = hierarchy.rows(quick=True)
    assert [row.reported for row in found] == [True] * len(found)
    assert found[0].detail["what"] == "exact spectra of games"
    assert "DSR" in hierarchy.report(found)


def test_intervals_hold_the_figure_and_shrink_with_the_inputs() -> None:
    rng = np.random.default_rng(0)
    few, many = (Interval.of(rng.normal(size=m).tolist()) for m in (8, 800))
    assert few.low < few.value < few.high
    assert many.high - many.low < (few.high - few.low) / 4
    ratios = Interval.of_ratios([2.0, 8.0, 4.0])
    assert ratios.value == pytest.approx(4.0)
    assert ratios.said(1).startswith("4.0 (")


def test_calls_at_a_level() -> None:
    curve = {10: 0.1, 100: 0.5, 1000: 0.9}
    assert calls_at(curve, 0.5) == pytest.approx(100)
    assert calls_at(curve, 0.3) == pytest.approx(10**1.5)
    assert calls_at(curve, 0.05) is None  # the smallest sample is above it
    assert calls_at(curve, 0.95) is None


def one_review(index: int, **curves: list[tuple[int, float]]) -> dict[str, object]:
    return {
        "index": index, "n": 9, "low": 8, "alphas": [1.0, 2.0], "bits": [1, 3], "tests": 9,
        "curves": curves, "peers": {},
    }  # fmt: skip


def test_the_ratio_of_calls_counts_what_both_methods_cross() -> None:
    slow, fast = [(100, 0.4), (1600, 0.8)], [(25, 0.4), (400, 0.8)]
    measured = [one_review(i, spex=slow, auto=fast) for i in range(2)]
    measured.append(one_review(2, spex=[(100, 0.4), (200, 0.45)], auto=fast))
    row = faithfulness.ratio(measured, "spex", "auto")
    assert row.measured.startswith("4.0 (4.0 to 4.0), 2 reviews, 8 cells")
    assert "in 4 more cells spex never gets there" in row.measured
    assert row.detail["by_level"]["0.9"] == []


def test_an_octave_is_judged_at_equal_calls() -> None:
    lines = {"proxyspex": 0.7, "lasso": 0.6, "parity-gp": 0.79}
    curves = {name: [(50, 0.5), (100, r2)] for name, r2 in lines.items()}
    review = one_review(0, auto=[(50, 0.6), (100, 0.8)], spex=[(25, 0.1), (400, 0.9)], **curves)
    row = faithfulness.octave(8, 15, [review])
    assert row.met
    assert "spex 0.500" in row.measured  # halfway between 25 and 400 calls
    assert "100 to 100 calls (alpha = 2)" in row.what
    said = faithfulness.report([row, *(faithfulness.ratio([review], "spex", "auto"),)])
    assert "| 8 to 15 | 3 | 1 | 0.950 | 0.900 (0.900 to 0.900) |" in said
    review["curves"]["proxyspex"] = [(50, 0.5), (100, 0.85)]  # type: ignore[index]
    assert not faithfulness.octave(8, 15, [review]).met


@pytest.mark.parametrize("n", [8, 10, 20, 60])
def test_samples_of_a_review_are_nested_and_the_test_is_apart(
    n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    low = 1 << (n.bit_length() - 1)
    review = Review(3, "word " * n, low)
    assert max(*review.calls, len(review.coded)) <= max(2**n // 3, 2 + review.code.different(1))
    assert review.most_calls == len(review.uniform)
    samples = {law: (getattr(review, law), None) for law in ("uniform", "coded", "test")}
    values = {law: (masks, np.arange(len(masks)) * 1.0) for law, (masks, _) in samples.items()}
    monkeypatch.setitem(review.__dict__, "samples", values)
    seen = {row.tobytes() for law in ("uniform", "coded") for row in samples[law][0]}
    assert not seen & {row.tobytes() for row in samples["test"][0]}
    masks, kept = review.sample("lasso", review.calls[0])
    assert (masks == samples["uniform"][0][: len(masks)]).all()
    smaller, found = review.sample("spex", review.bits[0])
    assert (samples["coded"][0][found.astype(int)] == smaller).all()
    assert len(kept) == review.calls[0]


def test_budgets_are_told_for_every_octave() -> None:
    lows = {low for low, _ in reviews.OCTAVES}
    assert lows == set(ALPHAS) == set(BITS) == set(COUNTS) == set(faithfulness.PAPER)


def test_removal_takes_what_the_spectrum_says() -> None:
    spectrum = Spectrum({(0,): -1.0, (1,): -0.8, (0, 1): -0.9, (2,): -0.1}, n=3)
    chosen = removal.chosen_by(spectrum, 2)
    everything = np.ones((1, 3), dtype=bool)
    changes = {
        gone: abs(
            float(spectrum.predict(everything)[0])
            - float(spectrum.predict(np.array([[i not in gone for i in range(3)]]))[0])
        )
        for gone in combinations(range(3), 2)
    }
    best = max(changes, key=lambda gone: changes[gone])
    assert [i for i in range(3) if not chosen.mask[i]] == list(best)
    assert chosen.optimal
    assert (top_removal(spectrum, 2, method="milp").mask == chosen.mask).all()


def test_removal_is_compared_where_choices_differ() -> None:
    one = {"full": -2.0, "changes": {"auto": [1.0, 2.0, 2.0], "lasso": [1.0, 1.0, 3.0]}}
    assert removal.relative(one, "auto").tolist() == [0.5, 1.0, 1.0]
    assert removal.wins([one, one], "auto", "lasso") == (2, 2)
    masks = removal.random_removal(7, 3, np.random.default_rng(0))
    assert masks.sum(axis=1).tolist() == [4] * 10


def test_relative_faithfulness_grows_to_one() -> None:
    rng = np.random.default_rng(0)
    terms = {(): 1.0} | {(i,): float(2.0**-i) for i in range(12)}
    spectrum = Spectrum(terms, n=12)
    masks = rng.random((200, 12)) < 0.5
    shares = sparsity.relative(spectrum, masks, spectrum.predict(masks), 1.0)
    assert shares == sorted(shares)
    assert shares[0] == pytest.approx(1 - 4.0**-5, abs=0.01)
    assert shares[-1] == pytest.approx(1.0)
    row = sparsity.row("auto", [{"index": 0, "n": 12, "low": 8, "r2": 1.0, "relative": shares}])
    assert row.met
    assert "takes a median 5 terms" in row.measured


def test_recall_of_supporting_facts() -> None:
    assert supporting.recall([], (1, 2)) == 0.0
    assert supporting.recall([(2, 1)], (1, 2)) == 1.0
    items = [
        {"kind": "either", "sizes": [12, 24, 48, 96]}
        | {"recalls": {m: [[share, 1.0, 1.0]] * 4 for m, share in shares.items()}}
        for shares in (
            dict.fromkeys(supporting.METHODS, 0.5),
            dict.fromkeys(supporting.METHODS, 1.0),
        )
    ]
    row = supporting.row(0.5, items)
    assert row.met
    assert "auto 0.75 (" in row.measured


def test_shapley_values_of_complete_information_are_exact() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=2**6)
    bits = 1 << np.arange(6)
    truth = shapley_values(Spectrum.from_values(values, 6))
    found = shapley.fitted("auto", 6, lambda masks: values[masks @ bits], 64, 0)
    assert shapley.figures(found, truth, 3)["recall"] == 1.0
    half = shapley.figures(0.5 * truth, truth, 3)
    assert half == {"recall": 1.0, "squared_error": pytest.approx(0.25)}


def test_cheap_sections_run(assets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (reviews, shapley, supporting):
        monkeypatch.setattr(module, "folder", lambda: tmp_path)
    monkeypatch.setattr(reviews, "QUICK_EACH", 1)
    found = sparsity.rows(quick=True) + removal.rows(quick=True)
    assert [len(row.detail["reviews"]) for row in found] == [1] * 5
    assert "1000" not in sparsity.report(found[:4])
    assert "| short (8 to 63 words) | 4 |" in removal.report(found[4:])
    kept = sorted(path.name for path in (tmp_path / "papers").glob("*.json"))
    assert len(kept) == 1


def test_committed_figures_make_the_committed_page() -> None:
    results = sections.read(PAGE)
    if not results:
        pytest.skip("nothing was measured yet")
    page = (PAGE.folder / "papers.md").read_text("utf-8")
    assert page == sections.rendered(PAGE, results) + "\n"
