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
    assert explanation.finding.fitted in ("auto", "proxyspex")
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


def test_a_run_that_is_nearly_exact_says_what_is_missing() -> None:
    def game(masks: np.ndarray) -> np.ndarray:
        return 1.0 * masks[:, 0]

    told = "With 512 calls every mask would be evaluated, and the result be exact."
    assert told in ip.explain(game, 9, method="lasso", store=None).run_notes
    assert ip.explain(game, 9, budget=400, method="lasso", store=None).run_notes == ()
    assert ip.explain(game, 9, budget=512, store=None).run_notes == ()


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
        ({"features": 6, "method": "spex"}, ip.BadInput, r'all 64 masks of 6 .* take "auto"'),
        ({"features": 9, "replicates": 0}, ip.BadInput, r"replicates must be .* at least 1; got 0"),
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


def test_values_are_no_value_function() -> None:
    with pytest.raises(ip.BadInput, match=r"must be callable.*got ndarray.*interplay\.fit"):
        ip.explain(np.ones(8), 3, store=None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda masks: masks.sum(1)[:-1], r"must have shape \(64,\)"),
        (lambda masks: np.where(masks[:, 0], np.nan, 0.0), r"not finite"),
        (lambda masks: np.full(len(masks), np.inf), r"not finite"),
        (lambda masks: ["a"] * len(masks), r"must be numbers"),
        (lambda masks: masks[0] * 1.0, r"got \(10,\)\. It is given a batch of masks"),
    ],
)
def test_bad_values_are_named(answer: object, message: str) -> None:
    with pytest.raises(ip.BadInput, match=message):
        ip.explain(answer, 10, budget=100, store=None)


# --- several targets, replicates, budgets ---------------------------------------------------------


def test_several_targets_from_the_same_calls(tmp_path: Path) -> None:
    game = Game()
    game.targets = ("sum", "pair")
    answer = game.__call__

    class Two(Game):
        targets = ("all", "pair")

        def __call__(self, masks: np.ndarray) -> np.ndarray:
            return np.stack([answer(masks), 1.0 * (masks[:, 4] & masks[:, 5])], axis=1)

    both = ip.explain(Two(), budget=200, store=tmp_path / "runs.db")
    assert both.targets == ("all", "pair")
    assert both.target_name == "all"
    pair = both.target("pair")
    assert pair.top(5, min_order=2)[0].names == ("w4", "w5")
    assert pair.surrogate.predict(np.ones((1, 12), bool)) == pytest.approx([1.0], abs=0.1)
    with pytest.raises(ip.BadInput, match="unknown target 'none'; valid: all, pair"):
        both.target("none")
    both.save(tmp_path / "run.json")
    loaded = ip.load(tmp_path / "run.json")
    assert loaded.to_dict() == both.to_dict()
    assert loaded.target("pair").surrogate.spectrum(None) == pair.surrogate.spectrum(None)
    assert loaded.evaluations is not None
    np.testing.assert_array_equal(loaded.evaluations.values, both.evaluations.values)
    assert ip.read_recording(tmp_path / "run.npz").targets == ("all", "pair")
    page = both.report(tmp_path / "report.html").read_text("utf-8")
    assert page.count('class="interplay-report"') == 1, "one style, one script"
    assert page.count("<main lang=") == 2


def test_replicates_tell_the_noise_apart(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)

    class Noisy(Game):
        noisy = True

        def __call__(self, masks: np.ndarray) -> np.ndarray:
            return super().__call__(masks) + rng.normal(scale=1.0, size=len(masks))

    game = Noisy()
    found = ip.explain(game, budget=900, replicates=3, store=tmp_path / "runs.db")
    assert len(game.asked) == 900
    assert (found.sample.masks, found.sample.replicates) == (300, 3)
    assert found.finding.noise_var == pytest.approx(1 / 3, rel=0.2)
    assert "Noise makes up" in " ".join(found.diagnostics())
    assert found.faithfulness.value > 0.85
    again = ip.explain(Noisy(), budget=900, replicates=3, store=tmp_path / "runs.db")
    assert again.cost.calls == 0
    assert again.spectrum == found.spectrum
    with pytest.raises(ip.BudgetExceeded, match=r"at least 36 calls.*\(each mask 3 times\)"):
        ip.explain(Noisy(), budget=30, replicates=3, store=None)


def test_an_automatic_budget_stops_when_nothing_changes() -> None:
    game = Game(20)
    found = ip.explain(game, budget="auto,5000", store=None)
    assert len(game.asked) == found.sample.masks < 1000
    assert found.sample.stopped == "stable"
    assert f"Stopped at {found.sample.masks} of at most 5,000 masks" in found.diagnostics()[-1]
    assert found.faithfulness.verdict == "trust"
    assert found.config["budget"] == "5000,auto" or found.config["budget"] == "auto,5000"


def test_an_automatic_budget_ends_at_its_cap_where_nothing_settles() -> None:
    def chance(masks: np.ndarray) -> np.ndarray:
        return np.array([hash(row.tobytes()) % 1000 for row in np.packbits(masks, axis=1)]) / 1000

    found = ip.explain(chance, 20, budget="auto,200", store=None)
    assert found.sample.masks == 200
    assert found.sample.stopped is None
    assert "the cap of the budget, the strongest terms had not settled" in found.diagnostics()[-1]


@pytest.mark.parametrize("budget", ["2usd", "auto,2usd"])
def test_a_budget_in_money(tmp_path: Path, budget: str) -> None:
    class Priced(Game):
        def measure(self, masks: np.ndarray) -> ip.Measured:
            return ip.Measured(self(masks), usd=np.full(len(masks), 0.01))

    game = Priced(30)
    found = ip.explain(game, budget=budget, store=tmp_path / "runs.db")
    assert len(game.asked) <= 200
    assert found.cost.usd == pytest.approx(0.01 * len(game.asked))
    again = ip.explain(Priced(30), budget=budget, store=tmp_path / "runs.db")
    assert (again.cost.calls, again.sample) == (0, found.sample)
    if budget == "2usd":
        assert len(game.asked) == 200
        assert "The budget 2usd was spent after 200 masks." in found.diagnostics()


def test_a_budget_that_buys_too_little_is_refused_before_the_first_call() -> None:
    class Priced(Game):
        def forecast(self, masks: np.ndarray) -> dict[str, tuple[float, float]]:
            return {"usd": (0.1 * len(masks), 0.2 * len(masks))}

    game = Priced(30)
    with pytest.raises(
        ip.BudgetExceeded, match=r"'1usd' is too small: it buys some 10 .* needs 12"
    ):
        ip.explain(game, budget="1usd", store=None)
    assert game.asked == []


def test_small_games_without_a_limit_of_calls_are_exact() -> None:
    game = Game(5)
    found = ip.explain(game, budget="30s", store=None)
    assert (len(game.asked), found.faithfulness.distribution) == (32, "exact")
    assert found.sample.design == "complete"
