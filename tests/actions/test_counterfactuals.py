"""Measured interactions beside predicted ones: exact games, budgets, what a report gets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import interplay as ip
from interplay.actions.counterfactuals import counterfactuals
from interplay.value_function import BoolArray, FloatArray, Measured


def game(seed: int, n: int = 12) -> Any:
    """A game of order 3: interactions of pairs differ between backgrounds."""
    rng = np.random.default_rng(seed)
    single = rng.normal(size=n)
    pairs = {(int(a), int(b)): float(w) for (a, b), w in zip(
        [sorted(rng.choice(n, 2, replace=False)) for _ in range(6)], rng.normal(size=6) * 2,
        strict=True,
    )}  # fmt: skip

    def value(masks: BoolArray) -> FloatArray:
        x = masks.astype(float)
        total = x @ single + 0.5 * x[:, 0] * x[:, 1] * x[:, 2]
        for (a, b), w in pairs.items():
            total += w * x[:, a] * x[:, b]
        return total

    return value, pairs


def by_force(value: Any, n: int, pair: tuple[int, int]) -> float:
    """The Banzhaf interaction: the mean over all backgrounds."""
    masks = (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(bool)
    total = 0.0
    for kept, sign in (((1, 1), 1), ((1, 0), -1), ((0, 1), -1), ((0, 0), 1)):
        changed = masks.copy()
        changed[:, pair[0]], changed[:, pair[1]] = kept
        total += sign * value(changed).mean()
    return total


@settings(max_examples=5)
@given(seed=st.integers(0, 100))
def test_it_measures_banzhaf_interactions(seed: int) -> None:
    value, _ = game(seed, 8)
    explanation = ip.explain(value, 8, store=None, method="exact")
    found = counterfactuals(explanation, value, top=5, backgrounds=400)
    for pair in found.pairs:
        truth = by_force(value, 8, pair.features)
        assert pair.measured == pytest.approx(truth, abs=0.15)
        assert pair.predicted == pytest.approx(pair.measured)  # on the same backgrounds
        assert pair.low is not None
        assert pair.high is not None
        assert pair.low - 1e-9 <= pair.measured <= pair.high + 1e-9
    assert found.sign_agreement == 1.0
    assert found.correlation == pytest.approx(1.0)


def test_at_the_full_set_and_at_other_rates() -> None:
    def value(masks: BoolArray) -> FloatArray:
        x = masks.astype(float)
        return x[:, 0] * x[:, 1] * x[:, 2] + 0.1 * x[:, 3]

    explanation = ip.explain(value, 6, store=None)
    for rate in (0.2, 0.5, 0.8):
        found = counterfactuals(explanation, value, pairs=[(1, 0)], backgrounds=800, rate=rate)
        (pair,) = found.pairs
        assert pair.features == (0, 1)
        assert pair.measured == pytest.approx(rate, abs=0.06)  # where the third one is there
        assert pair.full == 1.0
        assert found.correlation is None  # of one pair there is none
        assert found.sign_interval is None


def test_a_wrong_spectrum_is_found_out() -> None:
    value, _ = game(3)
    explanation = ip.explain(value, 12, budget=600, store=None, method="faith-banzhaf-2")

    def other(masks: BoolArray) -> FloatArray:
        return -value(masks)

    found = counterfactuals(explanation, other, top=6)
    assert found.sign_agreement == 0.0
    assert found.correlation is not None
    assert found.correlation < -0.9
    assert not any(pair.agrees for pair in found.pairs)
    assert "0 have the predicted sign" in found.sentence


def test_each_mask_is_asked_once_and_kept(tmp_path: Path) -> None:
    value, _ = game(4)
    asked: list[bytes] = []

    def counted(masks: BoolArray) -> FloatArray:
        asked.extend(row.tobytes() for row in masks)
        return value(masks)

    store = tmp_path / "runs.db"
    explanation = ip.explain(
        counted, 12, budget=400, store=store, fingerprint="game", method="faith-banzhaf-2"
    )
    asked.clear()
    found = counterfactuals(explanation, counted, top=5, backgrounds=20, fingerprint="game")
    assert len(set(asked)) == len(asked) == found.calls
    assert found.calls <= 4 + 20 * (3 * 5 + 1) + 4 * 5
    again = counterfactuals(explanation, counted, top=5, backgrounds=20, fingerprint="game")
    assert again.calls == 0
    assert again.pairs == found.pairs


def test_a_budget_leaves_backgrounds_out() -> None:
    value, _ = game(5)
    explanation = ip.explain(value, 12, budget=300, store=None, method="faith-banzhaf-2")
    whole = counterfactuals(explanation, value, top=4, backgrounds=30)
    part = counterfactuals(explanation, value, top=4, backgrounds=30, budget=150)
    assert part.stopped is not None
    assert 2 <= part.backgrounds < whole.backgrounds == 30
    assert part.pairs[0].full == whole.pairs[0].full
    with pytest.raises(ip.BudgetExceeded, match="before two backgrounds of 4 pairs"):
        counterfactuals(explanation, value, top=4, budget=10)


def test_trainings_that_diverge_are_left_out() -> None:
    value, _ = game(6)
    explanation = ip.explain(value, 12, budget=300, store=None, method="faith-banzhaf-2")

    def unsteady(masks: BoolArray) -> Measured:
        gone = masks.sum(axis=1) == 7
        return Measured(np.where(gone, np.nan, value(masks)), excluded=gone)

    found = counterfactuals(explanation, unsteady, top=3)
    assert len(found.pairs) == 3
    assert found.sign_agreement == 1.0


def test_what_a_report_gets(tmp_path: Path) -> None:
    value, _ = game(7)
    explanation = ip.explain(value, 12, budget=400, store=None, method="faith-banzhaf-2")
    found = counterfactuals(explanation, value, top=4, backgrounds=10)
    attached = found.attached(explanation)
    assert "counterfactuals" not in explanation.subject
    told = ip.load(attached.save(tmp_path / "run.json")).subject["counterfactuals"]
    assert told == json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert {"target", "rate", "backgrounds", "pairs", "sign_agreement", "correlation"} <= set(told)
    assert set(told["pairs"][0]) == {
        "features", "names", "predicted", "measured", "low", "high", "full", "agrees",
    }  # fmt: skip
    assert told["target"] == "value"
    assert told["pairs"][0]["names"] == list(found.pairs[0].names)


def test_one_of_several_targets_of_training_data() -> None:
    rng = np.random.default_rng(8)
    inputs = rng.normal(size=(40, 3))
    labels = (inputs[:, 0] > 0).astype(int)
    value = ip.training_data("ridge", (inputs[:12], labels[:12]), (inputs[12:], labels[12:]))
    explanation = ip.explain(value, budget=300, store=None, method="faith-banzhaf-2")
    name = value.targets[3]
    found = counterfactuals(explanation, value, target=name, top=6)
    assert found.target == name
    assert found.sign_agreement >= 0.8
    (pair, *_) = found.pairs
    i, j = pair.features
    masks = np.ones((4, 12), dtype=bool)
    masks[[1, 3], j] = masks[[2, 3], i] = False
    measured = value(masks)[:, 3] @ [1, -1, -1, 1]
    assert pair.full == pytest.approx(measured)


def test_bad_input() -> None:
    value, _ = game(9)
    explanation = ip.explain(value, 12, budget=300, store=None, method="faith-banzhaf-2")
    with pytest.raises(ip.BadInput, match="rate must be a share between 0 and 1"):
        counterfactuals(explanation, value, rate=1.0)
    with pytest.raises(ip.BadInput, match="backgrounds must be a whole number of at least 2"):
        counterfactuals(explanation, value, backgrounds=1)
    with pytest.raises(ip.BadInput, match=r"two different features, 0 to 11; got \(3, 3\)"):
        counterfactuals(explanation, value, pairs=[(3, 3)])
    with pytest.raises(ip.BadInput, match="pairs is empty"):
        counterfactuals(explanation, value, pairs=[])
    with pytest.raises(ip.BadInput, match="unknown target 'other'; valid: value"):
        counterfactuals(explanation, value, target="other")
    with pytest.raises(ip.BadInput, match="no automatic budget"):
        counterfactuals(explanation, value, budget="auto,500")
    with pytest.raises(ip.BadInput, match="counterfactuals are measured by new calls"):
        counterfactuals(explanation)
    with pytest.raises(ip.BadInput, match="has no target 'value'"):
        counterfactuals(explanation, lambda masks: np.stack([value(masks)] * 2, axis=1))
    additive = ip.explain(lambda masks: masks.sum(axis=1) * 1.0, 3, store=None)
    with pytest.raises(ip.BadInput, match="the spectrum of value has no pairs"):
        counterfactuals(additive, lambda masks: masks.sum(axis=1) * 1.0)
