"""Faithfulness and its interval, and what is said about it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

import interplay as ip
from interplay.errors import BadInput
from interplay.intervals import LEVEL, bootstrap
from interplay.metrics import Estimate, faithfulness, lds, r_squared, rank_correlation

FLOATS = st.floats(-1e6, 1e6, allow_subnormal=False)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# --- R squared ----------------------------------------------------------------------------------


def test_r_squared_by_hand() -> None:
    values = np.array([0.0, 1.0, 2.0, 3.0])  # spread 5
    assert r_squared(values, values) == 1.0
    assert r_squared(values, np.full(4, 1.5)) == 0.0
    assert r_squared(values, np.array([0.0, 1.0, 2.0, 4.0])) == pytest.approx(1 - 1 / 5)
    assert r_squared(values, values[::-1].copy()) == pytest.approx(1 - 20 / 5)


@given(
    values=st.lists(FLOATS, min_size=2, max_size=20),
    shift=FLOATS,
    scale=st.floats(0.01, 100.0) | st.floats(-100.0, -0.01),
)
def test_r_squared_does_not_depend_on_units(
    values: list[float], shift: float, scale: float
) -> None:
    truth = np.array(values)
    guess = truth + rng().normal(size=len(truth)) * max(1.0, np.ptp(truth))
    # where the spread drowns in rounding beside the shift, no unit can save it
    if np.ptp(truth) > 1e-6 * (1 + abs(shift) / abs(scale) + np.abs(truth).max()):
        moved = r_squared(truth * scale + shift, guess * scale + shift)
        assert moved == pytest.approx(r_squared(truth, guess), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("constant", [0.0, 1e-9, 1.0, -1e9])
def test_a_constant_is_met_or_missed(constant: float) -> None:
    values = np.full(6, constant)
    assert r_squared(values, values) == 1.0
    assert r_squared(values, values * (1 + 1e-13)) == 1.0
    assert r_squared(values, values + 1.0) == 0.0


def test_r_squared_needs_equal_shapes() -> None:
    with pytest.raises(BadInput, match=r"values \(3,\) and predictions \(2,\) must be alike"):
        r_squared(np.ones(3), np.ones(2))


# --- the interval -------------------------------------------------------------------------------


@settings(max_examples=30)
@given(
    m=st.integers(5, 60),
    noise=st.floats(0.0, 3.0),
    seed=st.integers(0, 1000),
)
def test_the_interval_holds_the_value_and_ends_at_one(m: int, noise: float, seed: int) -> None:
    values = rng(seed).normal(size=m)
    found = faithfulness(values, values + noise * rng(seed + 1).normal(size=m), rng(seed + 2))
    assert found.low <= found.value <= found.high <= 1.0
    assert found.distribution == "uniform"
    again = faithfulness(values, values + noise * rng(seed + 1).normal(size=m), rng(seed + 2))
    assert found == again


@pytest.mark.parametrize(("m", "noise"), [(50, 0.3), (100, 0.5), (400, 1.0)])
def test_the_interval_covers_the_truth_as_often_as_it_says(m: int, noise: float) -> None:
    """90 % of 300 intervals, give or take: a bootstrap at m = 50 is a little short (82 to 96 %)."""
    truth = 1 - noise**2
    source = rng(m)
    covered = 0
    for _ in range(300):
        values = source.normal(size=m)
        predicted = values + noise * source.normal(size=m)
        found = faithfulness(values, predicted, source, draws=300)
        covered += found.low <= truth <= found.high
    assert 0.82 <= covered / 300 <= 0.96


def test_perfect_and_hopeless_predictions() -> None:
    values = rng().normal(size=50)
    perfect = faithfulness(values, values, rng())
    assert (perfect.value, perfect.low, perfect.high) == (1.0, 1.0, 1.0)
    hopeless = faithfulness(values, np.full(50, values.mean()), rng())
    assert hopeless.value == pytest.approx(0.0)
    assert hopeless.verdict == "do not trust"


def test_constant_values() -> None:
    met = faithfulness(np.full(20, 2.0), np.full(20, 2.0), rng())
    assert (met.value, met.low, met.high) == (1.0, 1.0, 1.0)
    missed = faithfulness(np.full(20, 2.0), np.full(20, 3.0), rng())
    assert (missed.value, missed.verdict) == (0.0, "do not trust")


def test_equal_values_are_nothing_to_explain() -> None:
    found = faithfulness(np.full(50, 3.0), np.full(50, 3.0), np.random.default_rng(0))
    assert found.sentence == "There is nothing to explain: all uniform masks had the same value."
    assert Estimate.from_dict(found.to_dict()) == found
    linear = faithfulness(np.arange(50.0), np.arange(50.0), np.random.default_rng(0))
    assert linear.value == linear.low == 1.0
    assert linear.sentence.startswith("Trust this explanation: it predicts 100 %")


@pytest.mark.parametrize("shift", [0.0, 1e6, -1e6])
def test_a_large_constant_does_not_hide_a_small_effect(shift: float) -> None:
    values = rng().normal(size=100) * 1e-2
    predicted = values + 1e-3 * rng(1).normal(size=100)
    plain = faithfulness(values, predicted, rng(2))
    shifted = faithfulness(values + shift, predicted + shift, rng(2))
    assert shifted.value == pytest.approx(plain.value, abs=1e-6)
    assert shifted.low == pytest.approx(plain.low, abs=1e-3)
    assert shifted.high == pytest.approx(plain.high, abs=1e-3)


def test_one_outlier_among_constants_is_no_evidence() -> None:
    """Most draws miss the one row that varies: what remains must not look certain."""
    values = np.zeros(30)
    values[7] = 1.0
    found = faithfulness(values, np.zeros(30), rng())
    assert found.low <= found.value <= found.high
    assert found.verdict == "do not trust"


@pytest.mark.parametrize("m", [0, 1, 4])
def test_too_few_rows_give_the_widest_interval(m: int) -> None:
    found = faithfulness(np.arange(float(m)), np.arange(float(m)), rng())
    assert np.isnan(found.value)
    assert (found.low, found.high) == (-np.inf, 1.0)
    assert found.verdict == "do not trust"
    assert "too few masks to test it on" in found.sentence


def test_arrays_must_be_alike() -> None:
    for m in (10, 3):
        with pytest.raises(BadInput, match="must be alike"):
            faithfulness(np.ones(m), np.ones(m + 1), rng())


# --- noise and weights ---------------------------------------------------------------------------


def test_noise_is_taken_off_by_hand() -> None:
    values, predicted = np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, 1.0, 2.0, 4.0])  # spread 5
    quarter = np.full(4, 0.25)
    assert r_squared(values, predicted, noise_var=quarter) == 1.0  # the error is all noise
    assert r_squared(values, predicted, noise_var=quarter / 2) == pytest.approx(1 - 0.5 / 4.5)
    assert r_squared(values, predicted, noise_var=np.full(4, 2.0)) == 0.0  # nothing is left
    weights = np.array([1.0, 1.0, 1.0, 0.0])
    assert r_squared(values, predicted, weights=weights) == 1.0
    weights = np.array([0.0, 2.0, 1.0, 1.0])  # mean 1.75, spread 2.75, error 1, noise 0.5
    noise = np.array([9.0, 0.0, 0.0, 0.5])
    assert r_squared(values, predicted, noise_var=noise, weights=weights) == pytest.approx(
        1 - 0.5 / 2.25
    )


@pytest.mark.parametrize(("noise", "weighted"), [(0.25, False), (1.0, False), (1.0, True)])
def test_the_correction_is_unbiased_and_its_interval_covers(noise: float, weighted: bool) -> None:
    """Unequal noise of this mean, on a signal of variance 1 and an R² of .91, 300 times."""
    source = rng(0)
    told, held = [], []
    for _ in range(300):
        signal = source.normal(size=200)
        predicted = signal + 0.3 * source.normal(size=200)
        variances = noise * source.exponential(size=200)
        values = signal + np.sqrt(variances) * source.normal(size=200)
        weights = source.uniform(0.2, 2.0, 200) if weighted else None
        found = faithfulness(
            values, predicted, source, noise_var=variances, weights=weights, draws=300
        )
        told.append(found.value)
        held.append(found.low <= 0.91 <= found.high)
    # values are cut at 1, which loses a little where the noise is as large as the signal
    assert np.mean(told) == pytest.approx(0.91, abs=0.01 + 0.04 * noise)
    assert 0.82 <= np.mean(held) <= 0.97


def test_intervals_widen_with_noise() -> None:
    signal = rng(0).normal(size=300)
    predicted = signal + 0.8 * rng(3).normal(size=300)
    draws, widths = rng(1).normal(size=300), []
    for noise in (0.0, 0.1, 0.5, 1.0):
        values = signal + np.sqrt(noise) * draws
        found = faithfulness(values, predicted, rng(2), noise_var=np.full(300, noise))
        widths.append(found.high - found.low)
    assert widths == sorted(widths)


def test_noise_of_nothing_and_equal_weights_change_no_bit() -> None:
    values = rng().normal(size=60)
    predicted = values + rng(1).normal(size=60)
    plain = faithfulness(values, predicted, rng(2))
    assert faithfulness(values, predicted, rng(2), noise_var=np.zeros(60)) == plain
    assert faithfulness(values, predicted, rng(2), weights=np.ones(60)) == plain
    assert faithfulness(values, predicted, bootstrap(60, rng(2))) == plain


@settings(max_examples=40)
@given(m=st.integers(5, 40), noise=st.floats(0.0, 3.0), seed=st.integers(0, 1000))
def test_whatever_the_noise_the_estimate_is_sane(m: int, noise: float, seed: int) -> None:
    values, predicted = rng(seed).normal(size=(2, m))
    found = faithfulness(values, predicted, rng(), noise_var=np.full(m, noise), draws=200)
    assert found.low <= found.value <= found.high <= 1.0
    assert np.isfinite(found.value)


def test_a_weighted_row_counts_as_often() -> None:
    """Weights of whole numbers are rows that occur so often; the interval is wider than theirs."""
    values = rng().normal(size=80)
    predicted = values + rng(1).normal(size=80)
    weights = rng(2).integers(1, 5, 80)
    found = faithfulness(values, predicted, rng(3), weights=weights.astype(float))
    often = faithfulness(np.repeat(values, weights), np.repeat(predicted, weights), rng(3))
    assert found.value == pytest.approx(often.value)
    assert found.high - found.low > often.high - often.low


def test_constants_with_noise() -> None:
    met = faithfulness(np.full(20, 2.0), np.full(20, 2.0), rng(), noise_var=np.full(20, 0.1))
    assert (met.value, met.low, met.high) == (1.0, 1.0, 1.0)


# --- words --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "verdict", "first"),
    [
        (0.95, "trust", "Trust this explanation: it predicts 97 % of the variation"),
        (0.8, "trust", "Trust this explanation: "),
        (0.799, "trust in part", "Trust this explanation in part: "),
        (0.5, "trust in part", "Trust this explanation in part: "),
        (0.499, "do not trust", "Do not trust this explanation: "),
        (-np.inf, "do not trust", "Do not trust this explanation: "),
        (np.nan, "do not trust", "Do not trust this explanation: "),
    ],
)
def test_the_low_end_decides(low: float, verdict: str, first: str) -> None:
    found = Estimate(0.97, low, 0.99, "uniform")
    assert found.verdict == verdict
    assert found.sentence.startswith(first)


def test_sentences() -> None:
    assert Estimate(0.934, 0.911, 0.95, "near-full").sentence == (
        "Trust this explanation: it predicts 93 % of the variation on masks that it has not seen "
        "(R² 0.93, 90 % interval 0.91 to 0.95, near-full masks)."
    )
    assert "it predicts none of the variation" in Estimate(-0.2, -0.5, 0.1, "uniform").sentence
    assert Estimate(1.0, 1.0, 1.0, "exact").sentence == (
        "Trust this explanation: it is exact, every mask was evaluated."
    )
    assert Estimate(0.9, 0.7, 0.95, "exact").sentence == (
        "Trust this explanation in part: every mask was evaluated, but the values are noisy "
        "(R² 0.90, 90 % interval 0.70 to 0.95)."
    )


def test_to_dict() -> None:
    found = Estimate(0.9, 0.8, 0.95, "uniform").to_dict()
    assert json.loads(json.dumps(found)) == {
        "value": 0.9, "low": 0.8, "high": 0.95, "level": LEVEL, "distribution": "uniform",
    }  # fmt: skip


def test_to_dict_is_json_that_every_reader_knows() -> None:
    """NaN and infinity are not JSON: they are null."""
    found = faithfulness(np.ones(3), np.ones(3), rng()).to_dict()
    assert json.loads(json.dumps(found, allow_nan=False))["value"] is None


# --- the linear datamodeling score ----------------------------------------------------------------


def test_rank_correlation_is_scipys() -> None:
    drawn = np.random.default_rng(0)
    values = np.round(drawn.normal(size=80), 1)  # with ties
    predicted = values + drawn.normal(size=80)
    assert rank_correlation(values, predicted) == pytest.approx(
        spearmanr(values, predicted).statistic
    )
    assert rank_correlation(values, np.exp(values)) == pytest.approx(1.0)
    assert rank_correlation(values, np.zeros(80)) == 0.0
    assert np.isnan(rank_correlation(np.zeros(80), predicted))
    with pytest.raises(BadInput, match=r"values \(80,\) and predictions \(79,\) must be alike"):
        rank_correlation(values, predicted[1:])


def test_lds_is_the_mean_over_targets() -> None:
    drawn = np.random.default_rng(1)
    values = drawn.normal(size=(60, 30))
    predicted = values + drawn.normal(size=(60, 30))
    values[:, 4] = 1.0  # a target that does not vary has none
    score = lds(values, predicted)
    each = [spearmanr(values[:, j], predicted[:, j]).statistic for j in range(30) if j != 4]
    assert score.value == pytest.approx(np.mean(each))
    assert np.isnan(score.each[4])
    spread = np.std(each, ddof=1) / np.sqrt(29)
    assert score.high - score.low == pytest.approx(2 * 1.645 * spread, rel=0.1)
    assert "mean over 29 targets" in score.sentence
    told = json.loads(json.dumps(score.to_dict(), allow_nan=False))
    assert told["each"][4] is None
    assert told["value"] == score.value
    with pytest.raises(BadInput, match="must be alike"):
        lds(values, predicted[:, :3])


def test_lds_of_one_target_and_of_none() -> None:
    drawn = np.random.default_rng(2)
    inside = 0
    for _ in range(200):  # 90 % of intervals hold the rank correlation of the law, 0.4826 for 0.5
        x = drawn.normal(size=60)
        score = lds(x, 0.5 * x + np.sqrt(0.75) * drawn.normal(size=60))
        inside += score.low <= 6 / np.pi * np.arcsin(0.25) <= score.high
    assert 165 <= inside <= 195
    none = lds(np.zeros((20, 2)), drawn.normal(size=(20, 2)))
    assert np.isnan(none.value)
    assert none.sentence == "LDS: there is none, for no target varies over the masks."
    assert none.to_dict()["low"] is None


def test_runs_of_training_data_say_their_lds() -> None:
    drawn = np.random.default_rng(3)
    inputs = drawn.normal(size=(40, 4))
    labels = (inputs[:, 0] > 0).astype(int)
    value = ip.training_data("ridge", (inputs[:20], labels[:20]), (inputs[20:25], labels[20:25]))
    explanation = ip.explain(value, method="lasso", budget=200, store=None)
    (note,) = [note for note in explanation.diagnostics() if note.startswith("LDS")]
    assert "mean over 6 targets" in note
    masks = drawn.random((300, 20)) < 0.5
    fresh = lds(
        value(masks),
        np.stack(
            [explanation.target(name).surrogate.predict(masks) for name in explanation.targets], 1
        ),
    )
    told = float(note.split()[1])
    assert abs(fresh.value - told) < 0.06
    plain = ip.explain(lambda m: m.sum(axis=1) * 1.0, 12, method="lasso", budget=100, store=None)
    assert not any("LDS" in note for note in plain.diagnostics())
