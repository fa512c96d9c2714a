"""Which training examples to keep: the search, the rivals, the list, bad input."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import interplay as ip
from interplay.actions.select import Selection, select
from interplay.actions.select.exchange import exchanged, ladder, without_neighbours
from interplay.actions.subset.choose import Room
from interplay.actions.subset.search import Trials
from interplay.lenses.training_data.together import together
from interplay.value_function import BoolArray, FloatArray


def data(seed: int, n: int = 30, copies: int = 0, tests: int = 40) -> list[tuple[Any, Any]]:
    """Training examples, the last ones copies; targets; a holdout."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(n + 2 * tests, 6))
    labels = (inputs[:, 0] + 0.7 * rng.normal(size=len(inputs)) > 0).astype(int)
    rows = np.arange(n)
    rows[n - copies :] = rng.choice(n - copies, copies, replace=False)
    parts = (rows, np.arange(n, n + tests), np.arange(n + tests, n + 2 * tests))
    return [(inputs[part], labels[part]) for part in parts]


def subject(seed: int = 0, value: str = "margin", holdout: bool = True, **options: Any) -> Any:
    train, tests, kept_out = data(seed, **options)
    return ip.training_data(
        "ridge", train, tests, value=value, holdout=kept_out if holdout else None
    )


def explained(function: Any, m: int = 150, **options: Any) -> ip.Explanation:
    return ip.explain(function, method="lasso", budget=m, **{"store": None, **options})


@pytest.fixture(scope="module")
def chosen() -> tuple[Any, ip.Explanation, Selection]:
    function = subject(copies=6)
    found = explained(function, 600)
    return function, found, select(found, function)


def test_it_is_better_than_its_rivals_on_the_targets(chosen: Any) -> None:
    function, _, found = chosen
    assert list(found.choices) == ["auto", "order-1", "random", "k-nn"]
    for method, choice in found.choices.items():
        if method != "random":
            assert len(choice.kept) == 21
            assert choice.train <= found.best.train
    # what is told is what retraining gives
    held = function.on(function.holdout)(found.mask[None])[0]
    assert found.best.test == pytest.approx(held[0])
    np.testing.assert_allclose(found.best.each, held[1:])
    assert found.best.train == pytest.approx(function(found.mask[None])[0, 0])
    assert found.before.test == pytest.approx(
        function.on(function.holdout)(np.ones((1, 30), bool))[0, 0]
    )
    assert found.verified
    assert found.tests == (40, 40)
    assert found.sets == 20
    assert found.spread is not None
    assert found.spread > 0


def test_differences_are_paired_by_holdout_example(chosen: Any) -> None:
    _, _, found = chosen
    for one in found.differences:
        paired = np.array(found.best.each) - np.array(found.choices[one.method].each)
        assert one.value == pytest.approx(paired.mean())
        assert one.low is not None
        assert one.low <= one.value <= one.high


def test_what_is_dropped_says_why(chosen: Any) -> None:
    _, explanation, found = chosen
    assert len(found.reasons) == 30
    assert [
        name for name, one in zip(found.features, found.reasons, strict=True) if one.keep
    ] == list(found.kept)
    assert len(found.dropped) == 9
    pairs = [pair.features for pair in together(explanation).duplicates()]
    kept = set(found.best.kept)
    for i, one in enumerate(found.reasons):
        partners = [sum(pair) - i for pair in pairs if i in pair and sum(pair) - i in kept]
        assert (one.repeats is not None) == (not one.keep and bool(partners))
        if one.repeats is not None:
            assert one.why == f"repeats #{one.repeats}"
            assert one.repeats in partners
        elif not one.keep:
            assert one.why in ("lowers the margin", "adds least")
    assert any(one.why == "lowers the margin" for one in found.reasons)


def test_sentences_files_and_back(chosen: Any, tmp_path: Path) -> None:
    _, _, found = chosen
    assert found.sentence.startswith("Keeping 21 of 30, the mean margin on 40 holdout examples is ")
    assert any("random" in sentence for sentence in found.sentences[1:])
    told = json.loads(found.save(tmp_path / "list.json").read_text("utf-8"))
    assert told["format"] == "interplay.selection"
    assert [one["feature"] for one in told["examples"] if one["keep"]] == list(found.best.kept)
    assert told["choices"][0]["method"] == "auto"
    with found.save(tmp_path / "list.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [int(row["feature"]) for row in table if row["keep"] == "1"] == list(found.best.kept)
    assert {row["why"] for row in table if row["keep"] == "0"} >= {"lowers the margin"}
    with pytest.raises(ip.BadInput, match=r"saved as \.json or \.csv; got .*list\.txt"):
        found.save(tmp_path / "list.txt")


def test_names_that_no_table_may_hold_as_they_are(chosen: Any, tmp_path: Path) -> None:
    _, _, found = chosen
    rest = found.features[2:]
    formula = replace(found, features=("=1+1", "'s", *rest))
    lines = formula.save(tmp_path / "list.csv").read_text("utf-8").splitlines()
    assert lines[1].startswith("0,'=1+1,")
    assert lines[2].startswith("1,'s,")
    half = replace(found, features=("\ud83d", *found.features[1:]))
    for name in ("half.csv", "half.json"):
        with pytest.raises(ip.BadInput, match="half of a character"):
            half.save(tmp_path / name)
        assert not (tmp_path / name).exists()


def test_exchanges_reach_the_best_set_of_a_small_game() -> None:
    rng = np.random.default_rng(1)
    weights, pairs = rng.normal(size=8), np.triu(rng.normal(size=(8, 8)) * 0.2, 1)

    def measure(masks: BoolArray) -> FloatArray:
        x = masks.astype(float)
        return (x @ weights + np.einsum("mi,ij,mj->m", x, pairs, x))[:, None]

    room = Room(0.5, 8, 4)
    best = max(
        measure(np.isin(np.arange(8), some)[None])[0, 0] for some in combinations(range(8), 4)
    )
    reached = []
    for seed in range(10):
        start = room.random(np.random.default_rng(seed), 1)[0]
        trials = Trials(measure, 80)
        mask, gains = exchanged(start, room, trials)
        assert mask.sum() == 4
        assert measure(mask[None])[0, 0] >= measure(start[None])[0, 0]
        assert trials.count <= 80
        assert gains is not None
        for i in range(8):  # what each changes at some choice on the way, the last at the end
            assert np.isfinite(gains[i])
        reached.append(float(measure(mask[None])[0, 0]))
    assert sum(value >= best - 1e-9 for value in reached) >= 5
    assert ladder(room) == [2, 1]


def test_few_trials_leave_the_start_and_take_none() -> None:
    room = Room(0.5, 8, 4)
    start = room.best(np.arange(8.0))
    mask, gains = exchanged(start, room, Trials(lambda masks: masks.sum(1)[:, None] * 1.0, 5))
    assert gains is None
    np.testing.assert_array_equal(mask, start)


def test_a_loss_is_made_small() -> None:
    function = subject(3, value="loss")
    found = select(explained(function, 300), function, keep=15, random=5)
    assert found.lower_is_better
    assert found.best.train == min(one.train for one in found.choices.values())
    assert any(one.why == "raises the loss" for one in found.reasons)
    (random,) = [one for one in found.differences if one.method == "random"]
    words = " ".join(found.sentences)
    if random.clear:
        assert ("better than" in words) == (random.value < 0)


def test_without_a_holdout_it_says_that_nothing_is_verified() -> None:
    function = subject(holdout=False)
    found = select(explained(function), function, keep=0.5, compare="random", random=1)
    assert not found.verified
    assert "not verified: there are no holdout examples" in found.sentence
    assert found.best.test == pytest.approx(found.best.train)
    assert found.spread is None
    assert found.to_dict()["verified"] is False


@pytest.mark.parametrize("verify", [0, 10])
def test_few_retrainings(verify: int) -> None:
    function = subject(5)
    found = select(explained(function), function, verify=verify, compare=False)
    assert found.best.tried <= verify
    assert len(found.best.kept) == 21
    assert list(found.choices) == ["auto"]
    assert all(one.gain is None for one in found.reasons)


def test_everything_comes_from_the_store_the_second_time(tmp_path: Path) -> None:
    function = subject(6)
    explanation = explained(function, store=tmp_path / "runs.db")
    first = select(explanation, function, random=3, verify=70)
    again = select(explanation, function, random=3, verify=70)
    assert first.calls > 70
    assert again.calls == 0
    assert again.best == first.best
    assert again.reasons == first.reasons


def test_a_budget_leaves_rivals_out_first() -> None:
    function = subject(7)
    explanation = explained(function)
    found = select(explanation, function, budget=80, verify=40, random=200)
    assert found.stopped is not None
    assert "random" in found.left_out
    assert "spent" in found.left_out["random"]
    with pytest.raises(ip.BudgetExceeded, match="before the choice was evaluated"):
        select(explanation, function, budget=3)


def test_groups_and_single_targets() -> None:
    train, tests, kept_out = data(8)
    groups = [i // 3 for i in range(30)]
    function = ip.training_data(
        "ridge", train, (tests[0][:1], tests[1][:1]), groups=groups, holdout=kept_out
    )
    found = select(explained(function, 100), function, keep=0.6, random=2)
    assert len(found.kept) == 6
    assert found.left_out == {"k-nn": "features are groups of examples"}
    assert found.tests == (1, 40)


def test_neighbours_go_one_by_one() -> None:
    inputs = np.array([[0.0, 0], [10, 0], [0.1, 0], [10, 0.2], [50, 0], [0.5, 0]])
    assert without_neighbours(inputs, 6).all()
    for size in range(1, 6):
        mask = without_neighbours(inputs, size)
        assert mask.sum() == size
        kept = inputs[mask]
        dropped = inputs[~mask]
        # what is dropped is near something that is kept, compared with how far those are apart
        if size == 3:
            assert all(np.abs(kept - one).sum(axis=1).min() < 1 for one in dropped)


def test_bad_input(chosen: Any) -> None:
    function, explanation, _ = chosen
    with pytest.raises(ip.BadInput, match="keep must be a share of the examples above 0"):
        select(explanation, function, keep=1.5)
    with pytest.raises(ip.BadInput, match="keep must be one share or one number of examples"):
        select(explanation, function, keep=[0.5, 0.7])  # type: ignore[arg-type]
    with pytest.raises(ip.BadInput, match="verify must be a whole number of at least 0; got -1"):
        select(explanation, function, verify=-1)
    with pytest.raises(ip.BadInput, match="unknown method 'lasso'; valid: order-1, random, k-nn"):
        select(explanation, function, compare=["lasso"])
    with pytest.raises(ip.BadInput, match="select has no automatic budget"):
        select(explanation, function, budget="auto,500")
    with pytest.raises(ip.BadInput, match="this one lacks features, targets, fingerprint, on"):
        select(explanation, lambda masks: masks.sum(1))
    with pytest.raises(ip.BadInput, match="is it the one that was explained"):
        select(explanation, subject(n=29))
    with pytest.raises(ip.BadInput, match="value_function must be callable; got int"):
        select(explanation, 3)  # type: ignore[arg-type]
    plain = ip.explain(lambda masks: masks[:, 0] * 1.0, 3, store=None)
    with pytest.raises(ip.BadInput, match="select chooses training examples"):
        select(plain)
    several = ip.explain(
        lambda masks: np.stack([masks[:, 0], masks[:, 1]], 1) * 1.0, function.features,
        budget=100, method="lasso", store=None,
    )  # fmt: skip
    with pytest.raises(ip.BadInput, match="for the mean over targets, and the run has several"):
        select(several, function)
    other = together(np.random.default_rng(0).random((100, 5)) < 0.5, np.zeros(100))
    with pytest.raises(ip.BadInput, match="repeats is of other features"):
        select(explanation, function, repeats=other)
