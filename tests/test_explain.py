"""explain(): the whole line on plain callables, its errors, and what is never paid for twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import interplay as ip
from interplay.evaluate import Finished, Fitting, Forecasted, Progress, Started
from interplay.masks import all_masks


class Game:
    """A value function that counts what it is asked."""

    def __init__(self, n: int = 12) -> None:
        self.features = [f"w{i}" for i in range(n)]
        self.fingerprint = f"test game {n}"
        self.asked: list[bytes] = []

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        self.asked += [row.tobytes() for row in masks]
        return masks[:, 0] + 2.0 * (masks[:, 1] & masks[:, 2]) - 0.5 * masks[:, -1]


def test_finds_the_pair_and_reports_its_cost(tmp_path: Path) -> None:
    game = Game()
    explanation = ip.explain(game, budget=300, store=tmp_path / "runs.db")
    assert explanation.faithfulness.verdict == "trust"
    assert explanation.interactions("BII", order=2)[1, 2] == pytest.approx(2.0, abs=0.05)
    assert explanation.top(20, min_order=2)[0].names == ("w1", "w2")
    assert explanation.cost.calls == 300 == len(game.asked)
    assert explanation.cost.reused == 0
    assert (explanation.full, explanation.empty) == (2.5, 0.0)
    assert explanation.finding.fitted == "proxyspex"
    assert explanation.surrogate.predict(np.ones((1, 12), bool)) == pytest.approx([2.5], abs=0.1)


def test_the_ends_are_evaluated_and_count_in_the_budget() -> None:
    game = Game()
    ip.explain(game, budget=100, store=None)
    assert len(set(game.asked)) == 100
    assert np.ones(12, bool).tobytes() in game.asked
    assert np.zeros(12, bool).tobytes() in game.asked


def test_a_second_run_pays_for_nothing_and_a_larger_budget_for_the_rest(tmp_path: Path) -> None:
    store = tmp_path / "runs.db"
    first = ip.explain(Game(), budget=100, store=store)
    again, more = Game(), Game()
    second = ip.explain(again, budget=100, store=store)
    third = ip.explain(more, budget=150, store=store)
    assert again.asked == []
    assert (second.cost.calls, second.cost.reused) == (0, 100)
    assert second.spectrum == first.spectrum
    assert second.faithfulness == first.faithfulness
    assert len(more.asked) == 50
    assert third.cost.reused == 100


def test_what_was_evaluated_before_a_failure_is_reused(tmp_path: Path) -> None:
    class Failing(Game):
        batch_size = 20

        def __call__(self, masks: np.ndarray) -> np.ndarray:
            if len(self.asked) >= 60:
                raise RuntimeError("out of memory")
            return super().__call__(masks)

    store = tmp_path / "runs.db"
    failing = Failing()
    with pytest.raises(ip.BackendError, match=r"out of memory.*60 evaluations.*runs\.db"):
        ip.explain(failing, budget=100, store=store)
    game = Game()
    explanation = ip.explain(game, budget=100, store=store)
    assert explanation.cost.reused == 60
    assert not set(game.asked) & set(failing.asked)


def test_small_games_are_exact() -> None:
    values = np.random.default_rng(0).normal(size=2**6)
    numbers = 1 << np.arange(6)
    explanation = ip.explain(lambda masks: values[masks @ numbers], 6, budget=64, store=None)
    assert explanation.faithfulness.distribution == "exact"
    assert explanation.cost.calls == 64
    assert explanation.surrogate.predict(all_masks(6)) == pytest.approx(values)
    assert explanation.top(1)[0].low == explanation.top(1)[0].high


def test_one_feature() -> None:
    explanation = ip.explain(lambda masks: 3.0 * masks[:, 0], ["only"], budget=2, store=None)
    assert explanation.interactions("SV")[(0,)] == pytest.approx(3.0)


def test_events_come_in_order() -> None:
    events: list[object] = []
    ip.explain(Game(), budget=100, store=None, on_event=events.append)
    assert isinstance(events[0], Started)
    assert events[0].total == 100
    kinds = [type(event) for event in events[1:-2]]
    assert kinds == [Forecasted, Forecasted, Progress, Progress]  # the first batch tells more
    assert isinstance(events[-2], Fitting)
    assert isinstance(events[-1], Finished)


def test_same_seed_same_result_other_seed_other_masks() -> None:
    games = [Game(30) for _ in range(3)]
    results = [
        ip.explain(game, budget=120, seed=seed, store=None)
        for game, seed in zip(games, (7, 7, 8), strict=True)
    ]
    assert results[0].spectrum == results[1].spectrum
    assert games[0].asked == games[1].asked
    assert set(games[0].asked) != set(games[2].asked)


def test_features_may_be_a_number_or_an_array_of_names() -> None:
    def game(masks: np.ndarray) -> np.ndarray:
        return masks.sum(1)

    assert ip.explain(game, 3, store=None).features == ("x0", "x1", "x2")
    assert ip.explain(game, np.array(["a", "b"]), store=None).features == ("a", "b")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, ip.BadInput, r"how many features.*features=n"),
        ({"features": "abc"}, ip.BadInput, r"sequence of names, or their number; got 'abc'"),
        ({"features": []}, ip.BadInput, r"features is empty"),
        ({"features": 0}, ip.BadInput, r"features is empty"),
        ({"features": 2.5}, ip.BadInput, r"sequence of names, or their number; got 2.5"),
        ({"features": 9, "method": "magic"}, ip.BadInput, r"unknown method 'magic'; valid: auto"),
        ({"features": 9, "budget": 5}, ip.BudgetExceeded, r"budget=5 is too small: at least 12"),
        ({"features": 2, "budget": 3}, ip.BudgetExceeded, r"budget=3 is too small: at least 4"),
        ({"features": 9, "budget": "5 apples"}, ip.BadInput, r"number of calls such as 500"),
        (
            {"features": 12, "method": "exact"},
            ip.BudgetExceeded,
            r"at least 4096 calls.*every mask of 12",
        ),
        ({"features": 40, "method": "exact"}, ip.BadInput, r"at most 20 features; got 40"),
    ],
)
def test_bad_input_is_refused_before_anything_is_paid_for(
    options: dict[str, object], error: type[Exception], message: str
) -> None:
    asked: list[int] = []

    def game(masks: np.ndarray) -> np.ndarray:
        asked.append(len(masks))
        return masks.sum(1)

    with pytest.raises(error, match=message):
        ip.explain(game, store=None, **options)
    assert asked == []


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda masks: masks.sum(1)[:-1], r"must have shape \(64,\)"),
        (lambda masks: np.where(masks[:, 0], np.nan, 0.0), r"not finite"),
        (lambda masks: np.full(len(masks), np.inf), r"not finite"),
        (lambda masks: ["a"] * len(masks), r"must be numbers"),
    ],
)
def test_bad_values_are_named(answer: object, message: str) -> None:
    with pytest.raises(ip.BadInput, match=message):
        ip.explain(answer, 10, budget=100, store=None)
