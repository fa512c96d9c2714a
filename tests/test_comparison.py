"""Runs side by side: oracles, calibration, symmetry, and what cannot be compared."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compared_runs import made, text_run
from hypothesis import given, settings
from hypothesis import strategies as st

import interplay as ip
from interplay.comparison import Comparison, align, compare
from interplay.comparison.sampling import relation
from interplay.errors import BadInput
from interplay.explanation import Explanation
from interplay.intervals import Z_90
from interplay.metrics import Estimate, q_values


@st.composite
def spectra(draw: st.DrawFn, n: int = 5) -> ip.Spectrum:
    terms = [t for k in range(n + 1) for t in combinations(range(n), k)]
    chosen = draw(st.lists(st.sampled_from(terms), min_size=1, max_size=12, unique=True))
    number = st.floats(-3, 3).map(lambda x: round(x, 3))
    error = st.floats(0.01, 0.5)
    return ip.Spectrum(
        {t: draw(number) for t in chosen}, n, errors={t: draw(error) for t in chosen}
    )


# ---- differences


def test_differences_are_banzhaf_interactions_with_both_errors() -> None:
    first = ip.Spectrum(
        {(): 1.0, (0,): -0.5, (0, 1): 0.25}, 3, errors={(): 0, (0,): 0.03, (0, 1): 0.02}
    )
    second = ip.Spectrum(
        {(): 9.0, (0,): -1.5, (0, 1): 0.25}, 3, errors={(): 0, (0,): 0.04, (0, 1): 0.02}
    )
    pair = compare(made(first), made(second)).pairs[0]
    one, both = pair["x0"], pair["x1", "x0"]
    assert (one.first, one.second, one.value) == (1.0, 3.0, 2.0)
    assert one.high == pytest.approx(2.0 + Z_90 * 2 * 0.05)
    assert one.low == pytest.approx(2.0 - Z_90 * 2 * 0.05)
    assert one.sign_probability == pytest.approx(1.0)
    assert one.clear
    assert not one.assumed
    assert (both.first, both.second, both.value, both.clear) == (1.0, 1.0, 0.0, False)
    assert both.sign_probability == 0.5
    assert both.error == pytest.approx(4 * np.hypot(0.02, 0.02))
    with pytest.raises(KeyError, match="neither run lists such a term"):
        _ = pair["x2"]


def test_q_counts_every_set_that_there_was_to_look_at() -> None:
    errors = {(0,): 0.1, (1,): 0.1, (0, 1): 0.1}
    first = ip.Spectrum(dict.fromkeys(errors, 0.0), 10, errors=errors)
    second = ip.Spectrum({(0,): 0.3, (1,): 0.1, (0, 1): 0.4}, 10, errors=errors)
    pair = compare(made(first), made(second)).pairs[0]
    from scipy.stats import norm

    p = {0.3: 2 * norm.sf(0.3 / np.hypot(0.1, 0.1)), 0.1: 2 * norm.sf(0.1 / np.hypot(0.1, 0.1))}
    assert pair["x0"].q == pytest.approx(p[0.3] * 10)
    assert pair["x1"].q == pytest.approx(min(p[0.1] * 10 / 2, 1.0))
    assert pair["x0", "x1"].q == pytest.approx(45 * 2 * norm.sf(0.4 / np.hypot(0.1, 0.1)))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.integers(0, 30))
def test_q_values_are_the_step_up_rule(p: list[float], more: int) -> None:
    found = q_values(np.array(p), len(p) + more)
    family = len(p) + more
    for mine, q in zip(p, found, strict=True):
        # the least share of chance finds over all cuts that take this one in
        cuts = [cut for cut in p if cut >= mine]
        assert q == pytest.approx(
            min(1.0, *(cut * family / sum(other <= cut for other in p) for cut in cuts))
        )


def test_clear_and_large_differences_come_first() -> None:
    errors = {(i,): 0.01 for i in range(4)} | {(2,): 0.5}
    first = ip.Spectrum({(i,): 0.0 for i in range(4)}, 4, errors=errors)
    second = ip.Spectrum({(0,): 0.1, (1,): -0.9, (2,): 1.0, (3,): 0.0}, 4, errors=errors)
    rows = compare(made(first), made(second)).differences
    assert [row.names for row in rows] == [("x1",), ("x0",), ("x2",), ("x3",)]
    assert [row.clear for row in rows] == [True, True, False, False]


def test_a_term_that_one_run_does_not_list_has_an_assumed_error() -> None:
    first = ip.Spectrum({(): 0.0, (0,): -1.0, (1,): 0.5}, 3, errors={(): 0, (0,): 0.1, (1,): 0.3})
    second = ip.Spectrum({(): 0.0, (0,): -1.0}, 3, errors={(): 0.0, (0,): 0.1})
    comparison = compare(made(first), made(second))
    row = comparison.pairs[0]["x1"]
    assert (row.listed, row.assumed, row.second, row.second_error) == ("first", True, 0.0, 0.2)
    assert "1 of the 2 differences are marked ≈" in " ".join(comparison.diagnostics())
    turned = compare(made(second), made(first)).pairs[0]["x1"]
    assert (turned.listed, turned.assumed, turned.value) == ("second", True, -row.value)


def test_where_the_surrogate_is_at_hand_it_says_value_and_error() -> None:
    def game(masks: np.ndarray) -> np.ndarray:
        return masks[:, 0] + 2.0 * (masks[:, 1] & masks[:, 2])

    runs = [
        ip.explain(game, 12, budget=60, method="parity-gp", seed=seed, store=None)
        for seed in (0, 1)
    ]
    cut = [
        replace(run, findings=(replace(run.finding, spectrum=run.spectrum.truncate(9)),))
        for run in runs
    ]
    rows = [row for row in compare(*cut).differences if row.listed == "first"]
    assert rows
    values, errors = runs[1].surrogate.coefficients([row.others for row in rows])
    for row, value, error in zip(rows, values, errors, strict=True):
        assert not row.assumed
        assert row.second == pytest.approx((-2) ** row.order * value)
        assert row.second_error == pytest.approx(2**row.order * error)


@given(spectra(), spectra())
@settings(max_examples=40)
def test_turned_round_every_sign_is_turned(first: ip.Spectrum, second: ip.Spectrum) -> None:
    one, other = made(first), made(second)
    there, back = compare(one, other).pairs[0], compare(other, one).pairs[0]
    mine = {row.features: row for row in there.differences}
    theirs = {row.features: row for row in back.differences}
    assert mine.keys() == theirs.keys()
    for features, row in mine.items():
        turned = theirs[features]
        assert turned.value == -row.value
        assert turned.error == row.error
        assert (turned.sign_probability, turned.q) == (row.sign_probability, row.q)
        assert (turned.clear, turned.assumed) == (row.clear, row.assumed)
    a, b = there.likeness, back.likeness
    assert (a.correlation is None) == (b.correlation is None)
    if a.correlation is not None:
        assert a.correlation == pytest.approx(b.correlation)
        assert a.ratio == pytest.approx(1 / b.ratio)
    assert (a.top, a.top_of) == (b.top, b.top_of)


def test_intervals_of_differences_cover_the_truth() -> None:
    """Two functions that differ in some terms, 30 pairs of fits: 90 % intervals, 240 effects.

    They cover at least 87 %: two standard errors of a sample of this size (1.9 % each) below 90 %
    would be 86 %. The fits are shrunk, and their error bars are known to be wide rather than
    narrow, so there is no upper margin.
    """
    rng = np.random.default_rng(0)
    first = {(i,): float(rng.normal()) for i in range(8)} | {(0, 1): 0.5, (2, 5): -0.4}
    second = first | {(0,): first[0,] + 0.8, (3,): 0.0, (0, 1): -0.5}
    games = [ip.Spectrum(terms, 8) for terms in (first, second)]
    noise = 0.6
    inside, drawn = [], 30
    for k in range(drawn):
        runs = []
        for seed, game in zip((2 * k, 2 * k + 1), games, strict=True):
            rng = np.random.default_rng(seed)
            masks = rng.random((90, 8)) < 0.5
            values = game.predict(masks) + noise * rng.normal(size=90)
            runs.append(ip.fit(masks, values, method="lasso", seed=seed))
        rows = compare(*(made(run.spectrum()) for run in runs)).pairs[0]
        by_term = {row.features: row for row in rows.differences}
        for i in range(8):
            row = by_term.get((i,))
            truth = -2 * (second[i,] - first[i,])
            inside.append(row is None or (row.low <= truth <= row.high))
    assert len(inside) == 8 * drawn
    assert np.mean(inside) >= 0.87


def test_a_difference_of_rounding_is_none() -> None:
    exact = {(0,): 0.0, (1,): 0.0}
    first = ip.Spectrum({(0,): 1.0, (1,): 0.5}, 2, errors=exact)
    second = ip.Spectrum({(0,): 1.0 + 1e-7, (1,): 0.4}, 2, errors=exact)
    pair = compare(made(first), made(second)).pairs[0]
    assert not pair["x0"].clear
    assert pair["x1"].clear
    assert pair["x1"].q == 0.0


# ---- likeness


@given(spectra(4), spectra(6))
@settings(max_examples=40)
def test_likeness_is_the_correlation_over_all_masks(
    first: ip.Spectrum, second: ip.Spectrum
) -> None:
    """Brute force: masks of the shared features, the others averaged over."""
    second = second.named(["x0", "x2", "new", "x1", "more", "x3"])
    found = compare(made(first), made(second)).pairs[0].likeness
    shared = np.array([[k >> i & 1 for i in range(4)] for k in range(16)], dtype=bool)
    mine = first.predict(shared)
    others = np.zeros(16)
    for new in (False, True):
        for more in (False, True):
            columns = [shared[:, 0], shared[:, 2], new, shared[:, 1], more, shared[:, 3]]
            others += second.predict(
                np.stack([np.broadcast_to(one, 16) for one in columns], axis=1)
            )
    if np.ptp(mine) < 1e-9 or np.ptp(others) < 1e-9:
        return
    assert found.correlation == pytest.approx(np.corrcoef(mine, others)[0, 1], abs=1e-9)
    assert found.ratio == pytest.approx(others.std() / 4 / mine.std())


def test_overlap_and_ranks() -> None:
    first = ip.Spectrum({(i,): 1.0 / (i + 1) for i in range(12)}, 12)
    second = ip.Spectrum({(i,): 1.0 / (i + 1) if i != 3 else 0.001 for i in range(12)}, 12)
    found = compare(made(first), made(second)).pairs[0].likeness
    assert (found.top, found.top_of) == (9, 10)
    # of 12 ranks, one moves over 8 others and each of these by one: 1 - 6 (64 + 8) / (12 * 143)
    assert found.rank_correlation == pytest.approx(1 - 6 * 72 / (12 * 143))
    assert found.expected == pytest.approx(0.93)


@pytest.mark.parametrize(("shrunk", "share"), [(0.8, 0.8), (1.0, 0.75)])
def test_two_fits_of_one_function_correlate_as_expected(shrunk: float, share: float) -> None:
    """Independent errors of a quarter of the variance: R² is 0.8 of the best shrinkage, 0.75 of
    none. The former correlate as expected (within 0.04, two standard errors), the latter more."""
    truth = np.random.default_rng(3).normal(size=400)
    spectra = []
    for seed in (0, 1):
        noisy = shrunk * (truth + 0.5 * np.random.default_rng(seed).normal(size=400))
        spectra.append(ip.Spectrum({(i,): float(f) for i, f in enumerate(noisy)}, 400))
    trust = Estimate(share, share, share, "uniform")
    found = compare(*(made(one, faithfulness=trust) for one in spectra)).pairs[0].likeness
    assert found.expected == pytest.approx(share)
    assert found.correlation == pytest.approx(0.8, abs=0.04)


# ---- alignment


@pytest.mark.parametrize(
    ("before", "after", "removed", "added"),
    [
        ("the acting is not bad", "the acting is bad", [3], []),
        ("the acting is bad", "the acting is not bad", [], [3]),
        ("The acting, is bad.", "the acting is BAD", [], []),
        ("one two three", "two three one", [0], [2]),
        ("a a b a", "a b a a", [2], [1]),
    ],
)
def test_an_edited_text(before: str, after: str, removed: list[int], added: list[int]) -> None:
    found = align(text_run(before, {}), text_run(after, {}), ("A", "B"))
    assert (list(found.removed), list(found.added)) == (removed, added)
    assert found.how == ("edit" if removed or added else "position")


@given(st.lists(st.sampled_from("abcde"), min_size=1, max_size=9), st.data())
def test_an_alignment_pairs_what_is_alike_once_and_in_order(words: list[str], data: Any) -> None:
    others = data.draw(st.lists(st.sampled_from("abcde"), min_size=1, max_size=9))
    if not set(words) & set(others):
        return
    found = align(text_run(" ".join(words), {}), text_run(" ".join(others), {}), ("A", "B"))
    assert [words[i] for i in found.first] == [others[j] for j in found.second]
    assert sorted(found.second) == list(found.second)
    assert sorted({*found.first, *found.removed}) == list(range(len(words)))
    assert sorted({*found.second, *found.added}) == list(range(len(others)))


def test_columns_and_parts_correspond_by_name_and_passages_may_move() -> None:
    first = made(ip.Spectrum({(0,): 1.0}, 3, features=["age", "income", "city"]))
    second = made(ip.Spectrum({(2,): 1.0}, 3, features=["city", "income", "age"]))
    pair = compare(first, second).pairs[0]
    assert pair.alignment.how == "name"
    assert pair.likeness.correlation == pytest.approx(1.0)
    chunks = {"kind": "text", "units": "chunk"}
    first = made(ip.Spectrum({(0,): 1.0}, 3, features=["p", "q", "r"]), subject=chunks)
    second = made(ip.Spectrum({(2,): 1.0}, 3, features=["q", "r", "p"]), subject=chunks)
    assert compare(first, second).pairs[0].alignment.whole


def test_terms_of_what_only_one_has_are_told_apart() -> None:
    before = text_run("it is bad", {"bad": -1.0})
    after = text_run("it is not bad", {"bad": -1.0, "not": 0.8})
    comparison = compare(before, after, names=["before", "after"])
    pair = comparison.pairs[0]
    assert [term.names for term in pair.added] == [("not",)]
    assert pair.added[0].value == 0.8
    assert not pair.removed
    assert {row.names for row in pair.differences} == {("it",), ("is",), ("bad",)}
    assert "after has 1 word that the other has not; strongest there is “not”, +0.800" in (
        comparison.sentence
    )
    assert "What both have carries 100 % of the variation in before, 61 % in after." in (
        comparison.sentence
    )


# ---- what the errors are


def test_the_same_run_twice_says_so() -> None:
    run = made(ip.Spectrum({(0,): 1.0}, 2, errors={(0,): 0.1}))
    comparison = compare(run, run, names=["a", "b"])
    assert (
        comparison.sentence == "a and b say the same: they were fitted alike to the same numbers."
    )
    assert comparison.spread is None
    assert comparison.differences[0].q is None
    assert comparison.differences[0].sign_probability is None


def test_two_methods_on_the_same_numbers_have_no_probabilities() -> None:
    errors = {(0,): 0.01}
    first = made(ip.Spectrum({(0,): 1.0}, 2, errors=errors), digest="same")
    second = made(ip.Spectrum({(0,): 2.0}, 2, errors=errors), digest="same", method="spex")
    comparison = compare(first, second)
    assert comparison.pairs[0].relation == "same numbers"
    assert "same masks and values: what differs is the fit." in comparison.sentence
    assert "their errors are not independent" in " ".join(comparison.diagnostics())
    assert comparison.differences[0].clear
    assert comparison.differences[0].q is None


def test_common_masks_are_found_where_they_are_at_hand() -> None:
    def game(masks: np.ndarray) -> np.ndarray:
        return masks[:, 0] + np.random.default_rng(0).normal(size=20) @ masks.T

    def other(masks: np.ndarray) -> np.ndarray:
        return 2.0 * masks[:, 1]

    few, many, apart, elsewhere = (
        ip.explain(f, 20, budget=budget, seed=seed, method="lasso", store=None)
        for f, budget, seed in ((game, 40, 0), (game, 80, 0), (game, 40, 1), (other, 40, 0))
    )
    for first, second, expected in (
        (few, many, "some of the same masks"),
        (few, apart, "independent"),
        (few, elsewhere, "same masks"),
        (few, few, "same numbers"),
    ):
        alignment = align(first, second, ("A", "B"))
        assert relation(first, second, alignment) == expected
        alone = [replace(run, evaluations=None) for run in (first, second)]
        assert relation(*alone, alignment) == expected


def test_exact_runs_have_no_errors_that_could_hang_together() -> None:
    runs = [
        ip.explain(lambda masks, k=k: masks[:, k], 3, store=None, method="exact") for k in (0, 1)
    ]
    comparison = compare(*runs)
    assert comparison.pairs[0].relation == "independent"
    assert comparison.pairs[0]["x0"].value == -1.0
    assert comparison.pairs[0]["x0"].clear


def drawn(seed: int, spread: float) -> Explanation:
    """An estimate of one function whose errors are ``spread`` times what it says."""
    rng = np.random.default_rng(seed)
    terms = {(i,): float(np.sin(i) + spread * 0.1 * rng.normal()) for i in range(300)}
    spectrum = ip.Spectrum(terms, 300, errors=dict.fromkeys(terms, 0.1))
    return made(spectrum, seed=seed, fingerprint="one")


@pytest.mark.parametrize(
    ("spread", "told"),
    [
        (1.0, "The error bars cover that: "),
        (2.0, "more than the error bars cover: "),
        (0.3, "The error bars cover that, and more: "),
    ],
)
def test_runs_that_differ_by_seed_show_whether_error_bars_hold(spread: float, told: str) -> None:
    """300 terms, 3 runs: the mean of chi-squares with 600 degrees of freedom, within 20 %."""
    comparison = compare(*(drawn(seed, spread) for seed in (0, 1, 2)))
    found = comparison.spread
    assert found is not None
    assert found.differ_in == ("seed",)
    assert found.ratio == pytest.approx(spread**2, rel=0.2)
    assert found.error == pytest.approx(0.2)
    assert found.deviation == pytest.approx(2 * 0.1 * spread * 0.83, rel=0.15)
    assert told in found.sentence
    assert found.sentence in comparison.diagnostics()


def test_runs_of_other_functions_have_no_spread() -> None:
    first = drawn(0, 1.0)
    assert compare(first, replace(drawn(1, 1.0), config={"fingerprint": "two"})).spread is None


# ---- in words


def test_what_is_found_is_said_first() -> None:
    run = text_run("it is not bad", {"bad": -1.0})
    other = text_run("it is not bad", {"bad": 1.0})
    sentence = compare(run, other, names=["old", "new"]).sentence
    assert sentence.startswith(
        "They differ most in “bad”: −1.00 in old, +1.00 in new (difference +2.00, 90 % interval "
    )
    assert "1 of the 4 effects and combinations differs clearly; " in sentence
    again = text_run("it is not bad", {"bad": -1.01})
    assert compare(run, again).sentence == (
        "They agree: none of the 4 effects and combinations differs clearly, and predictions "
        "correlate at 1.00."
    )


def test_a_run_that_is_not_to_be_trusted_is_named_first() -> None:
    doubtful = made(ip.Spectrum({(0,): 1.0}, 2), faithfulness=Estimate(0.3, 0.1, 0.5, "uniform"))
    comparison = compare(made(ip.Spectrum({(0,): 1.0}, 2)), doubtful, names=["good", "poor"])
    assert comparison.sentence.startswith("Read this with care: poor cannot be trusted.")


def test_without_error_bars_it_says_that_nothing_is_known() -> None:
    first, second = (made(ip.Spectrum({(0,): f}, 2)) for f in (1.0, 3.0))
    comparison = compare(first, second)
    row = comparison.differences[0]
    assert (row.value, row.low, row.high, row.q, row.clear) == (-4.0, None, None, None, False)
    assert "without error bars nothing says whether that is chance" in comparison.sentence
    assert "A and B have no error bars." in comparison.diagnostics()
    half = made(ip.Spectrum({(0,): 1.0}, 2, errors={(0,): 0.1}))
    assert "B has no error bars." in compare(half, second).diagnostics()


def test_runs_that_found_nothing_agree() -> None:
    empty = ip.Spectrum({(): 1.0}, 2, errors={(): 0.0})
    comparison = compare(made(empty), made(empty))
    assert comparison.sentence == "They agree: neither found an effect."
    assert comparison.pairs[0].likeness.correlation is None


def test_a_run_without_effects_is_not_like_one_with_effects() -> None:
    errors = {(0,): 0.1}
    flat, steep = (made(ip.Spectrum({(0,): f}, 2, errors=errors)) for f in (0.0, 1.0))
    sentence = compare(flat, steep).sentence
    assert sentence.startswith("They differ most in “x0”: 0 in A, −2.00 in B")
    assert "one of them predicts the same for every mask" in sentence
    again = made(ip.Spectrum({(0,): 0.0}, 2, errors=errors))
    assert compare(flat, again).sentence == (
        "They agree: their only effect does not differ clearly, and both predict the same for "
        "every mask."
    )


def test_another_scale_is_told() -> None:
    errors = {(0,): 0.01}
    small, large = (made(ip.Spectrum({(0,): f}, 2, errors=errors)) for f in (1.0, 2.0))
    told = compare(small, large).diagnostics()
    assert "Effects are larger in B than in A: its predictions vary 2.0 times as much." in told


def test_different_kinds_of_subject_are_told() -> None:
    run = text_run("age income", {})
    other = made(ip.Spectrum({(0,): 1.0}, 2, features=["age", "income"]))
    assert "A explains a subject of kind text, B one of kind callable." in (
        compare(run, other).diagnostics()
    )


def test_settings_that_differ_and_that_are_the_same() -> None:
    first = made(ip.Spectrum({(0,): 1.0}, 2), seed=0, budget="100")
    second = made(ip.Spectrum({(0,): 1.0}, 2), seed=0, budget="200")
    found = {one.name: one for one in compare(first, second).settings}
    assert found["budget"].values == ("100", "200")
    assert not found["budget"].same
    assert found["seed"].same
    assert found["method"].values == ("lasso", "lasso")
    assert "made" not in found


# ---- several runs and targets


def test_each_run_is_compared_with_the_first() -> None:
    errors = {(0,): 0.01}
    runs = [made(ip.Spectrum({(0,): f}, 2, errors=errors)) for f in (1.0, 1.0, 2.0)]
    comparison = compare(*runs, names=["a", "b", "c"])
    assert [pair.name for pair in comparison.pairs] == ["b", "c"]
    assert comparison.pair("c")["x0"].value == -2.0
    assert comparison.sentence == "1 of the 2 other runs agrees with a; c does not."
    with pytest.raises(BadInput, match="unknown run to compare with the first 'a'; valid: b, c"):
        comparison.pair("a")


def test_targets_are_compared_by_name() -> None:
    one, two, three = (ip.Spectrum({(0,): f}, 2) for f in (1.0, 2.0, 4.0))
    first = made(one, two, targets=("yes", "no"))
    second = made(three, one, targets=("no", "maybe"))
    comparison = compare(first, second, target="no")
    assert comparison.targets == ("no",)
    assert comparison.differences[0].value == -4.0
    assert "Not compared, for not every run has it: yes, maybe." in comparison.diagnostics()
    third = made(three, one, targets=("no", "yes"))
    both = compare(first, third)
    assert both.targets == ("yes", "no")
    assert both.target("no").differences[0].value == -4.0
    assert both.target("no").to_dict()["targets"][0]["target"] == "no"
    assert compare(first.target("no"), third).target_name == "no"
    with pytest.raises(BadInput, match=r"'maybe': A has yes, no; B has no, yes"):
        compare(first, third, target="maybe")
    with pytest.raises(BadInput, match=r"no target in common.*A has yes, no; B has maybe"):
        compare(first, made(one, targets=("maybe",)))
    with pytest.raises(BadInput, match="unknown target"):
        both.target("maybe")


# ---- what cannot be compared


def test_nothing_in_common() -> None:
    first = text_run("one two three four five", {})
    second = text_run("six seven", {})
    with pytest.raises(
        BadInput,
        match=r"old and new have no feature in common.*'one', 'two', 'three' and 2 more, the other "
        r"'six', 'seven'.*in the same units",
    ):
        compare(first, second, names=["old", "new"])


def test_little_in_common_is_told() -> None:
    first = text_run("a b c d e f g h", {})
    second = text_run("s t a u v w x y", {})
    assert "what corresponds may do so by chance" in " ".join(compare(first, second).diagnostics())


def test_names_and_runs_are_checked() -> None:
    run = made(ip.Spectrum({(0,): 1.0}, 2))
    with pytest.raises(BadInput, match=r"names must be 2 different ones.*got \('a', 'a'\)"):
        compare(run, run, names=["a", "a"])
    with pytest.raises(BadInput, match="names must be a sequence of names"):
        compare(run, run, names="ab")
    with pytest.raises(BadInput, match=r"run 2 must be an Explanation.*got str"):
        compare(run, "run.json")  # type: ignore[arg-type]


# ---- out


def test_to_dict_is_json_and_small_enough() -> None:
    run = text_run("it is not bad", {"bad": -1.0})
    content = compare(run, text_run("it is bad", {"bad": -2.0})).to_dict()
    assert (content["format"], content["version"]) == ("interplay.comparison", 1)
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    pair = content["targets"][0]["pairs"][0]
    assert pair["differences"][0]["words"] == "bad"
    assert pair["alignment"] == {
        "how": "edit",
        "shared": [[0, 0], [1, 1], [3, 2]],
        "removed": [2],
        "added": [],
    }
    assert not {"spectrum", "draws"} & content["runs"][0]["targets"][0].keys()


def test_to_dataframe_has_a_row_for_each_difference_and_run() -> None:
    pytest.importorskip("pandas")
    errors = {(0,): 0.01, (0, 1): 0.01}
    runs = [made(ip.Spectrum({(0,): f, (0, 1): f}, 2, errors=errors)) for f in (1.0, 2.0, 3.0)]
    table = compare(*runs).to_dataframe()
    assert list(table["run"]) == ["B", "B", "C", "C"]
    assert list(table["order"]) == [1, 2, 1, 2]
    assert list(table["value"]) == [-2.0, 4.0, -4.0, 8.0]


def test_saved_runs_compare_as_those_they_were(tmp_path: Path) -> None:
    def game(masks: np.ndarray) -> np.ndarray:
        return masks[:, 0] + 2.0 * (masks[:, 1] & masks[:, 2])

    runs = [ip.explain(game, 14, budget=60, method="lasso", seed=s, store=None) for s in (0, 1)]
    loaded = []
    for k, run in enumerate(runs):
        loaded.append(ip.load(run.save(tmp_path / f"{k}.json")))
        (tmp_path / f"{k}.npz").unlink()
    there: Comparison = compare(*runs)
    alone = compare(*(ip.load(tmp_path / f"{k}.json") for k in (0, 1)))
    assert compare(*loaded).to_dict() == there.to_dict()
    assert {row.features: row.value for row in alone.differences} == {
        row.features: row.value for row in there.differences
    }


def test_a_thousand_features_take_a_moment() -> None:
    import time

    rng = np.random.default_rng(0)
    runs = []
    for _ in range(2):
        terms: dict[tuple[int, ...], float] = {(): 0.0}
        while len(terms) < 500:
            size = int(rng.integers(1, 4))
            term = tuple(sorted(rng.choice(1000, size, replace=False).tolist()))
            terms[term] = float(rng.normal())
        runs.append(made(ip.Spectrum(terms, 1000, errors=dict.fromkeys(terms, 0.1))))
    began = time.perf_counter()
    content = compare(*runs).to_dict()
    assert time.perf_counter() - began < 5
    assert len(content["targets"][0]["pairs"][0]["differences"]) > 900
