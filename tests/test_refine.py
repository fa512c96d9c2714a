"""Two passes in one budget: groups first, then what matters inside them."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import interplay as ip
from interplay.evaluate import Finished, Fitting
from interplay.groups import Nesting
from interplay.refine import influence

SENTENCES, WORDS = 10, 6
NESTING = Nesting(
    tuple(tuple(range(WORDS * s, WORDS * (s + 1))) for s in range(SENTENCES)),
    tuple(f"s{s}" for s in range(SENTENCES)),
)
OPTIONS: dict[str, Any] = {"method": "proxyspex", "store": None}


class Game:
    """Words 7 and 33 act together, in sentences 1 and 5; word 50 hardly matters."""

    fingerprint = "test nested game"
    nesting: Any = NESTING
    batch_size = 16

    def __init__(self) -> None:
        self.features = [f"w{i}" for i in range(SENTENCES * WORDS)]
        self.asked: list[bytes] = []

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        self.asked += [row.tobytes() for row in masks]
        return 3.0 * (masks[:, 7] & masks[:, 33]) + masks[:, 9] + 0.02 * masks[:, 50]


def test_words_of_the_sentences_that_matter_beside_the_others() -> None:
    game = Game()
    found = ip.explain(game, budget=400, **OPTIONS)
    assert len(game.asked) == 400 == found.cost.calls
    inside = [f"w{i}" for i in (*range(6, 12), *range(30, 36))]
    others = [f"s{s}" for s in range(SENTENCES) if s not in (1, 5)]
    assert set(found.features) == {*inside, *others}
    assert found.features[:8] == ("s0", "w6", "w7", "w8", "w9", "w10", "w11", "s2")
    assert found.top(1, min_order=2)[0].names == ("w7", "w33")
    assert found.top(1, min_order=2)[0].value == pytest.approx(3.0, abs=0.02)
    assert found.faithfulness.verdict == "trust"
    first = found.config["first_pass"]
    assert first["masks"] + found.sample.masks == 400
    assert first["masks"] <= 400 // 3
    assert [first["names"][k] for k in first["apart"]] == ["s1", "s5"]
    told = " ".join(found.diagnostics())
    assert "A first pass over 10 groups (133 masks, R² " in told
    assert "found that 2 of 10 groups carry " in told
    assert found.config["budget"] == "400"


def test_few_sentences_are_complete_and_leave_the_rest_to_the_second_pass() -> None:
    game = Game()
    game.nesting = Nesting((tuple(range(30)), tuple(range(30, 60))), ("one", "other"))
    game.features = game.features[:60]
    found = ip.explain(game, budget=500, **OPTIONS)
    assert found.config["first_pass"]["masks"] == 4
    assert found.sample.masks == 496
    assert len(game.asked) == 500


def test_both_passes_ablate_the_same_units() -> None:
    game = Game()
    ip.explain(game, budget=300, **OPTIONS)
    masks = np.array([np.frombuffer(row, dtype=bool) for row in game.asked])
    first = masks[:100].reshape(100, SENTENCES, WORDS)
    assert ((first.sum(2) == 0) | (first.sum(2) == WORDS)).all()
    second = masks[100:].reshape(200, SENTENCES, WORDS)
    apart = ((second.sum(2) > 0) & (second.sum(2) < WORDS)).any(0)
    assert np.flatnonzero(apart).tolist() == [1, 5]


def test_the_same_seed_gives_the_same_bytes() -> None:
    one, other = (ip.explain(Game(), budget=300, seed=4, **OPTIONS) for _ in range(2))
    assert one.spectrum == other.spectrum
    assert one.sample == other.sample
    assert one.config == other.config


def test_a_repeated_run_pays_nothing(tmp_path: Path) -> None:
    store, again = tmp_path / "runs.db", Game()
    first = ip.explain(Game(), budget=300, method="proxyspex", store=store)
    second = ip.explain(again, budget=300, method="proxyspex", store=store)
    assert again.asked == []
    assert (second.cost.calls, second.cost.reused) == (0, 300)
    assert second.spectrum == first.spectrum


@pytest.mark.parametrize("fails_at", [40, 160, 250])
def test_a_run_that_failed_goes_on_where_it_was(tmp_path: Path, fails_at: int) -> None:
    class Failing(Game):
        def __call__(self, masks: np.ndarray) -> np.ndarray:
            if len(self.asked) + len(masks) > fails_at:
                raise RuntimeError("gone")
            return super().__call__(masks)

    store = tmp_path / "runs.db"
    failing, game = Failing(), Game()
    with pytest.raises(ip.BackendError, match="gone"):
        ip.explain(failing, budget=300, method="proxyspex", store=store)
    found = ip.explain(game, budget=300, method="proxyspex", store=store)
    assert found.cost.reused == len(failing.asked) > 0
    assert len(failing.asked) + len(game.asked) == 300
    assert found.spectrum == ip.explain(Game(), budget=300, **OPTIONS).spectrum


def test_interrupted_in_the_first_pass(tmp_path: Path) -> None:
    game = Game()
    found = ip.explain(
        game,
        budget=300,
        method="proxyspex",
        store=tmp_path / "runs.db",
        stop=lambda: "interrupted by Ctrl-C" if len(game.asked) >= 48 else None,
    )
    assert found.features == NESTING.names
    assert found.sample.stopped == "interrupted by Ctrl-C"
    assert found.diagnostics()[-1] == (
        "This is the first of two passes, over whole groups: the run ended before the second."
    )
    assert "The same run goes on from there" in found.diagnostics()[-2]
    rest = ip.explain(Game(), budget=300, method="proxyspex", store=tmp_path / "runs.db")
    assert rest.cost.reused == len(game.asked)


@pytest.mark.parametrize("at", [101, 200])
def test_interrupted_in_the_second_pass(tmp_path: Path, at: int) -> None:
    game = Game()
    found = ip.explain(
        game,
        budget=300,
        method="proxyspex",
        store=tmp_path / "runs.db",
        stop=lambda: "interrupted by Ctrl-C" if len(game.asked) >= at else None,
    )
    told = " ".join(found.diagnostics())
    if at == 200:
        assert "w7" in found.features
        assert found.sample.stopped == "interrupted by Ctrl-C"
        assert "Interrupted by Ctrl-C after 112 masks: this is an explanation of those" in told
    else:  # too little to be worth more than what the first pass found
        assert found.features == NESTING.names
        assert "the second was interrupted by Ctrl-C after 16 masks" in told
        assert found.cost.calls == len(game.asked)
    rest = ip.explain(Game(), budget=300, method="proxyspex", store=tmp_path / "runs.db")
    assert rest.cost.reused == len(game.asked)
    assert "w7" in rest.features


# --- budgets of other kinds -----------------------------------------------------------------------


class Priced(Game):
    fingerprint = "test priced nested game"

    def measure(self, masks: np.ndarray) -> ip.Measured:
        words = masks.sum(1)
        return ip.Measured(self(masks), tokens=20.0 + words, usd=1e-4 * (20.0 + words))

    def forecast(self, masks: np.ndarray) -> dict[str, tuple[float, float]]:
        tokens = 20.0 * len(masks) + float(masks.sum())
        return {"tokens": (tokens, tokens), "usd": (1e-4 * tokens, 1e-4 * tokens)}


@pytest.mark.parametrize("budget", ["15000tok", "1.5usd", "1.5usd,5000", "auto,15000tok"])
def test_tokens_and_money_are_honoured_over_both_passes(tmp_path: Path, budget: str) -> None:
    game = Priced()
    store = tmp_path / "runs.db"
    found = ip.explain(game, budget=budget, method="proxyspex", store=store)
    assert found.cost.tokens is not None
    assert found.cost.tokens <= 15000 + 20 + 60  # the last call may be a longer one than foretold
    assert found.cost.usd == pytest.approx(1e-4 * found.cost.tokens)
    assert found.cost.calls == len(game.asked)
    assert found.top(1, min_order=2)[0].names == ("w7", "w33")
    if "auto" not in budget:
        assert found.cost.tokens > 14000
    again = ip.explain(Priced(), budget=budget, method="proxyspex", store=store)
    assert (again.cost.calls, again.spectrum) == (0, found.spectrum)


def test_an_automatic_budget_has_one_cap_for_both_passes() -> None:
    game = Game()
    found = ip.explain(game, budget="auto", **OPTIONS)
    assert len(game.asked) <= 20 * 60
    assert found.config["budget"] == "auto,1200"
    assert found.top(1, min_order=2)[0].names == ("w7", "w33")


def test_seconds_are_honoured() -> None:
    found = ip.explain(Game(), budget="0.05s,2000", **OPTIONS)
    assert found.cost.model_seconds < 0.2


def test_replicates_count_in_both_passes() -> None:
    rng = np.random.default_rng(0)

    class Noisy(Game):
        noisy = True

        def __call__(self, masks: np.ndarray) -> np.ndarray:
            return super().__call__(masks) + 0.2 * rng.normal(size=len(masks))

    game = Noisy()
    found = ip.explain(game, budget=600, replicates=2, **OPTIONS)
    assert len(game.asked) == 600
    assert found.config["first_pass"]["masks"] + found.sample.masks == 300
    assert found.top(1, min_order=2)[0].names == ("w7", "w33")


def test_too_little_for_two_passes_is_one() -> None:
    game = Game()
    found = ip.explain(game, budget=20, **OPTIONS)
    assert found.features == NESTING.names
    assert "the second ended early (budget=8 is too small" in found.diagnostics()[-1]
    assert len(game.asked) == 12
    with pytest.raises(ip.BudgetExceeded, match="budget=5 is too small: at least 12"):
        ip.explain(Game(), budget=5, **OPTIONS)


def test_what_the_budget_is_too_small_for_stays_whole() -> None:
    class Spread(Game):
        def __call__(self, masks: np.ndarray) -> np.ndarray:
            return masks[:, ::WORDS] @ np.arange(1.0, SENTENCES + 1)

    found = ip.explain(Spread(), budget=200, **OPTIONS)
    apart = found.config["first_pass"]["apart"]
    assert apart == [8, 9]  # 134 masks left, 8 of them for each word
    assert "that mattered too stayed whole, for want of budget" in found.diagnostics()[-1]


# --- what is passed on ----------------------------------------------------------------------------


def test_nothing_is_refined_where_nothing_matters() -> None:
    class Constant(Game):
        def __call__(self, masks: np.ndarray) -> np.ndarray:
            return np.full(len(masks), 2.5)

    found = ip.explain(Constant(), budget=300, **OPTIONS)
    assert found.features == NESTING.names
    assert found.diagnostics()[-1].endswith("over whole groups: no group was found to matter.")


@pytest.mark.parametrize(
    "nesting",
    [
        None,
        Nesting((tuple(range(60)),), ("all",)),
        Nesting(tuple((i,) for i in range(60)), tuple(f"w{i}" for i in range(60))),
    ],
)
def test_without_true_groups_there_is_one_pass(nesting: Nesting | None) -> None:
    game = Game()
    game.nesting = nesting
    found = ip.explain(game, budget=200, **OPTIONS)
    assert found.features == tuple(game.features)
    assert "first_pass" not in found.config


def test_several_targets_and_names_of_the_caller() -> None:
    class Two(Game):
        targets = ("pair", "other")

        def __call__(self, masks: np.ndarray) -> np.ndarray:
            return np.stack([super().__call__(masks), 5.0 * masks[:, 58]], axis=1)

    found = ip.explain(Two(), [f"word {i}" for i in range(60)], budget=400, **OPTIONS)
    assert found.config["first_pass"]["apart"] == [1, 5, 9]
    assert found.target("other").top(1)[0].names == ("word 58",)
    assert found.target("pair").top(1, min_order=2)[0].names == ("word 7", "word 33")


def test_a_fingerprint_of_the_caller_names_each_pass_apart(tmp_path: Path) -> None:
    store = tmp_path / "runs.db"
    for _ in range(2):
        game = Game()
        found = ip.explain(
            game, budget=200, method="proxyspex", store=store, fingerprint="my model"
        )
    assert game.asked == []
    first = found.config["first_pass"]["fingerprint"]
    assert len({first, found.config["fingerprint"], "my model"}) == 3


def test_spex_has_a_first_pass_of_its_own_kind() -> None:
    game = Game()
    found = ip.explain(game, budget=500, method="spex", store=None)
    assert found.config["first_pass"]["method"] == "auto"
    assert (found.config["method"], found.sample.design) == ("spex", "coded")
    assert "w7" in found.features


def test_events_of_both_passes_come_before_one_end() -> None:
    events: list[object] = []
    ip.explain(Game(), budget=300, on_event=events.append, **OPTIONS)
    assert sum(isinstance(event, Fitting) for event in events) == 2
    assert [i for i, e in enumerate(events) if isinstance(e, Finished)] == [len(events) - 1]


@pytest.mark.parametrize(
    ("nesting", "message"),
    [
        (((0, 1), (2,)), r"nesting of the value function must be an interplay.groups.Nesting"),
        (Nesting(((0, 1), (2,)), ("a", "b")), r"each of the 60 features once: 3 is in none"),
        (
            Nesting(NESTING.groups, NESTING.names, ((0, 1),)),
            r"nesting has 10 groups and 1 spans of them",
        ),
    ],
)
def test_a_wrong_nesting_is_refused(nesting: Any, message: str) -> None:
    game = Game()
    game.nesting = nesting
    with pytest.raises(ip.BadInput, match=message):
        ip.explain(game, budget=200, **OPTIONS)
    assert game.asked == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "magic"}, "unknown method 'magic'"),
        ({"method": "spex", "design": "uniform"}, "needs a design of coded masks"),
    ],
)
def test_a_wrong_second_pass_is_refused_before_the_first(
    options: dict[str, str], message: str
) -> None:
    game = Game()
    with pytest.raises(ip.BadInput, match=message):
        ip.explain(game, budget=200, store=None, **options)
    assert game.asked == []


# --- replay ---------------------------------------------------------------------------------------


def test_a_run_of_two_passes_is_replayed(tmp_path: Path) -> None:
    path, store = tmp_path / "run.json", tmp_path / "runs.db"
    ip.explain(Game(), budget=300, method="proxyspex", store=store).save(path)
    assert ip.replay(path).same_results
    path.with_suffix(".npz").unlink()
    stored = ip.replay(path)
    assert (stored.values_from, stored.same_values, stored.same_results) == (
        "the store",
        True,
        True,
    )
    game = Game()
    fresh = ip.replay(path, game, fresh=True)
    assert (fresh.values_from, fresh.same_results) == ("the model", True)
    assert len(game.asked) == 200  # of the second pass, whose features the file has


def test_influence_is_that_of_the_definition() -> None:
    values = np.random.default_rng(3).normal(size=2**5)
    numbers = 1 << np.arange(5)
    found = ip.explain(lambda masks: values[masks @ numbers], 5, budget=32, store=None)
    shares, least = influence(found)
    spectrum = found.spectrum.terms
    slow = [
        sum(
            spectrum.get(term, 0.0) ** 2
            for order in range(1, 6)
            for term in combinations(range(5), order)
            if i in term
        )
        for i in range(5)
    ]
    np.testing.assert_allclose(shares, np.array(slow) / sum(slow))
    assert least == 0.01


def test_a_review_is_explained_by_sentences_then_words(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from interplay.demo import model_path, short_review

    value = ip.text(
        short_review(),
        model=str(model_path()),
        units="sentence+word",
        target="margin:positive|negative",
    )
    found = ip.explain(value, budget=150, method="proxyspex", store=tmp_path / "runs.db")
    assert len(value.nesting.groups) < len(found.features) <= len(value.features)
    spans, text = found.subject["spans"], found.subject["text"]
    assert len(spans) == len(found.features)
    assert tuple(text[start:end] for start, end in spans) == found.features
    assert "A first pass over " in " ".join(found.diagnostics())
    page = found.report(tmp_path / "report.html").read_text("utf-8")
    assert "parts" in page
    found.save(tmp_path / "run.json")
    (tmp_path / "run.npz").unlink()
    (tmp_path / "runs.db").unlink()
    again = ip.replay(tmp_path / "run.json")  # the model is asked again
    assert (again.values_from, again.same_results) == ("the model", True)
