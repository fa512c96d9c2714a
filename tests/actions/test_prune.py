"""Pruning: the choice is the best of its size, rivals are what they say, all on real values."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest

import interplay as ip
from interplay.actions.prune import across, prune
from interplay.actions.subset.choose import draws_of, rooms
from interplay.lenses.components import Part

N = 8
LAYERS = np.repeat([0, 1], 4)


class Game:
    """A value function of the kind that prune takes: values by prompt, a split, no network."""

    batch_size = 64

    def __init__(self, split: str = "train", test: int = 12, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.single = rng.normal(0.3, 0.5, N)
        self.pair = np.triu(rng.normal(0, 0.5, (N, N)), 1)
        self.split, self.count = split, test
        self.features = tuple(f"L{layer}.H{i % 4}" for i, layer in enumerate(LAYERS))
        self.targets = ("margin", "other")
        self.fingerprint = f"game {seed} {split} {test}"
        self.prompts = np.arange(20 if split == "train" else test)
        self.calls = 0
        self.seed = seed

    def scores(self, masks: np.ndarray) -> np.ndarray:
        self.calls += len(masks)
        kept = masks.astype(float)
        mean = kept @ self.single + np.einsum("mi,ij,mj->m", kept, self.pair, kept)
        own = np.random.default_rng([1, len(self.prompts)]).normal(0, 0.3, len(self.prompts))
        margin = mean[:, None] + own
        return np.stack([margin, -margin], axis=2)

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        return self.scores(masks).mean(axis=1)

    def on(self, split: str) -> Game:
        return Game(split, self.count, self.seed)


def value(mask: Any, game: Game) -> float:
    return float(game(np.array([mask], dtype=bool))[0, 0])


@pytest.fixture(scope="module")
def explained() -> tuple[Game, ip.Explanation]:
    game = Game()
    return game, ip.explain(game, budget=2**N, store=None)


def test_the_choice_is_the_best_of_all_sets(explained):
    game, explanation = explained
    found = prune(explanation, game, keep=[0.5, 6], random=10)
    for contest in found.contests:
        sets = combinations(range(N), contest.size)
        best = max(value(np.isin(np.arange(N), one), game) for one in sets)
        choice = contest.best
        assert contest.size == len(choice.kept)
        assert choice.method == "auto"
        assert choice.proved
        assert choice.train == pytest.approx(best)
        assert choice.predicted == pytest.approx(best)
    assert [contest.size for contest in found.contests] == [4, 6]
    assert found.mask.tolist() == found.mask_of(0.5).tolist() == found.mask_of(4).tolist()
    assert found.kept == tuple(game.features[i] for i in found.contests[0].best.kept)


def test_rivals_keep_what_their_measure_says(explained):
    game, explanation = explained
    (contest,) = prune(explanation, game, keep=3, random=25, seed=4).contests
    assert set(contest.choices) == {"auto", "lasso", "random", "leave-one-out", "keep-one"}
    assert contest.left_out == {"attribution-patching": contest.left_out["attribution-patching"]}
    assert "gradient" in contest.left_out["attribution-patching"]
    eye = np.eye(N, dtype=bool)
    alone, without = game(eye)[:, 0], game(~eye)[:, 0]
    assert set(contest.choices["keep-one"].kept) == set(np.argsort(-alone)[:3].tolist())
    assert set(contest.choices["leave-one-out"].kept) == set(np.argsort(without)[:3].tolist())
    assert contest.choices["keep-one"].tried == N
    assert contest.choices["random"].tried <= 25
    assert all(len(choice.kept) == 3 for choice in contest.choices.values())
    best = contest.best
    assert all(best.train >= other.train - 1e-9 for other in contest.choices.values())


def test_differences_are_paired_by_prompt(explained):
    game, explanation = explained
    (contest,) = prune(explanation, game, keep=3, random=5).contests
    for one in contest.differences:
        other = contest.choices[one.method]
        # prompts differ by as much under every mask, so that paired there is nothing left
        assert one.value == pytest.approx(contest.best.test - other.test)
        assert one.low == pytest.approx(one.value)
        assert one.high == pytest.approx(one.value)
        assert other.high - other.low > 0.1


def test_of_another_target(explained):
    game, explanation = explained
    found = prune(explanation, game, keep=2, target="other", compare=False)
    worst = min(value(np.isin(np.arange(N), one), game) for one in combinations(range(N), 2))
    assert found.target == "other"
    assert found.contests[0].best.train == pytest.approx(-worst)
    assert found.contests[0].differences == ()


def test_robust_choices_resample_the_evaluations(explained):
    game, explanation = explained
    found = prune(explanation, game, keep=4, robust=True, compare=["auto"])
    assert list(found.contests[0].choices) == ["robust", "auto"]
    held = explanation.evaluations
    draws = draws_of(explanation.spectrum, held, held.values[:, 0], 0)
    assert np.allclose(draws.mean(axis=0), explanation.spectrum.coefficients)


def test_every_layer_keeps_the_same_share(explained):
    game, explanation = explained
    game.parts = [Part("head", int(layer), i % 4)
                  for i, layer in enumerate(LAYERS)]  # fmt: skip
    found = prune(explanation, game, keep=0.5, even=True, random=8)
    for choice in found.contests[0].choices.values():
        assert np.bincount(LAYERS[list(choice.kept)]).tolist() == [2, 2]
    even = [(*a, *b) for a in combinations(range(4), 2) for b in combinations(range(4, 8), 2)]
    best = max(value(np.isin(np.arange(N), one), game) for one in even)
    assert found.contests[0].best.train == pytest.approx(best)
    del game.parts


def test_all_is_kept_in_the_store(explained, tmp_path):
    game, explanation = explained
    store = tmp_path / "values.db"
    first = prune(explanation, game, keep=[0.5, 0.75], random=10, store=store)
    again = prune(explanation, game, keep=[0.5, 0.75], random=10, store=store)
    assert first.calls > 0
    assert first.reused == 0
    assert again.calls == 0
    assert again.reused == first.calls
    assert [a.best for a in again.contests] == [b.best for b in first.contests]


def test_a_budget_leaves_rivals_out(explained):
    game, explanation = explained
    found = prune(explanation, game, keep=4, random=50, budget=20)
    (contest,) = found.contests
    assert next(iter(contest.choices)) == "auto"
    assert "random" in contest.left_out
    assert found.calls <= 20
    assert found.stopped
    with pytest.raises(ip.BudgetExceeded, match="too small"):
        prune(explanation, game, keep=4, budget=1)
    # the search takes what it can get, and leaves enough for the test of what it finds
    for budget in range(4, 40, 5):
        found = prune(explanation, game, keep=4, compare=False, budget=budget)
        assert found.calls <= budget
        assert found.contests[0].best.tried <= max(budget - 3, 0)
    several = prune(explanation, game, keep=[3, 4, 5], compare=False, budget=20)
    assert len(several.contests) == 3


def test_same_seed_same_result(explained):
    game, explanation = explained
    one, two = (prune(explanation, game, keep=4, random=9, seed=3).to_dict() for _ in range(2))
    one["seconds"] = two["seconds"] = 0
    assert one == two


def test_over_splits():
    found = []
    for seed in range(3):
        game = Game(seed=seed)
        explanation = ip.explain(game, budget=2**N, store=None)
        found.append(prune(explanation, game, keep=4, random=5))
    rows = {row["method"]: row for row in across(found)}
    assert rows["auto"]["difference"] == 0
    assert rows["auto"]["splits"] == 3
    tests = [one.contests[0].choices["lasso"].test for one in found]
    assert rows["lasso"]["test"] == pytest.approx(np.mean(tests))
    assert rows["lasso"]["low"] <= rows["lasso"]["difference"] <= rows["lasso"]["high"]
    with pytest.raises(ip.BadInput, match="two splits"):
        across(found[:1])


def test_words(explained):
    game, explanation = explained
    found = prune(explanation, game, keep=4, random=5)
    assert found.sentence.startswith("Keeping 4 of 8 parts, margin on the test prompts is")
    told = found.to_dict()
    assert told["format"] == "interplay.pruning"
    assert told["prompts"] == {"train": 20, "test": 12}
    assert len(told["contests"][0]["choices"][0]["each"]) == 12
    assert any("intervals leave zero out" in one for one in told["contests"][0]["evidence"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"verify": -1}, "verify must be"),
        ({"keep": 0.0}, "share of the parts above 0"),
        ({"keep": 1.5}, "share of the parts above 0"),
        ({"keep": 0}, "number of parts from 1 to 8"),
        ({"keep": 9}, "number of parts from 1 to 8"),
        ({"keep": True}, "share of the parts"),
        ({"keep": "half"}, "share of the parts"),
        ({"keep": []}, "keep must be a share"),
        ({"keep": 0.05}, "leaves none"),
        ({"keep": [0.5, 4]}, "same number of parts twice"),
        ({"compare": ["lassi"]}, "lassi"),
        ({"random": 0}, "random must be"),
        ({"seed": -1}, "seed must be"),
        ({"budget": "auto"}, "no automatic budget"),
        ({"target": "loss"}, "loss"),
        ({"finer": "loss"}, "loss"),
        ({"even": True}, "even=True is for heads"),
    ],
)
def test_what_cannot_be_used_is_refused(explained, options, message):
    game, explanation = explained
    with pytest.raises(ip.BadInput, match=message):
        prune(explanation, game, **options)


def test_other_runs_and_functions_are_refused(explained):
    game, explanation = explained
    with pytest.raises(ip.BadInput, match=r"takes parts out of networks.*interplay\.components"):
        prune(explanation)
    with pytest.raises(ip.BadInput, match=r"this one lacks .*scores"):
        prune(explanation, lambda masks: masks.sum(axis=1))
    with pytest.raises(ip.BadInput, match="no test prompts"):
        prune(explanation, Game(test=0))
    other = Game()
    other.features = tuple("abcdefgh")
    with pytest.raises(ip.BadInput, match="is it the one that was explained"):
        prune(explanation, other)
    bare = replace(explanation, evaluations=None)
    with pytest.raises(ip.BadInput, match="loaded without them"):
        prune(bare, game, robust=True)
    found = prune(bare, game, compare=["lasso"])
    assert "loaded without its evaluations" in found.contests[0].left_out["lasso"]
    with pytest.raises(ip.BadInput, match=r"keep=0\.9 was not asked for"):
        found.mask_of(0.9)
    with pytest.raises(ip.BadInput, match="only networks of"):
        found.save("/tmp/never")


class Coarse(Game):
    """Accuracy and margin: most sets have the same accuracy."""

    def __init__(self, split: str = "train", test: int = 12, seed: int = 0) -> None:
        super().__init__(split, test, seed)
        self.targets = ("accuracy", "margin")
        self.fingerprint += " coarse"

    def scores(self, masks: np.ndarray) -> np.ndarray:
        margin = super().scores(masks)[..., 0]
        return np.stack([(margin > 1.0).astype(float), margin], axis=2)

    def on(self, split: str) -> Coarse:
        return Coarse(split, self.count, self.seed)


def test_equal_accuracies_are_told_apart_by_the_margin():
    game = Coarse()
    explanation = ip.explain(game, budget=2**N, store=None)
    sets = [np.isin(np.arange(N), one) for one in combinations(range(N), 6)]
    values = [tuple(game(np.array([one]))[0]) for one in sets]
    found = prune(explanation, game, keep=6, random=15, verify=200)
    assert found.finer == found.to_dict()["finer"] == "margin"
    (contest,) = found.contests
    own = tuple(game(found.mask[None])[0])
    assert own == max(values)
    assert sum(one[0] == own[0] for one in values) > 1  # the accuracy alone says too little
    # rivals that measure sets go by the same
    eye = np.eye(N, dtype=bool)
    for method, masks, sign in (("leave-one-out", ~eye, -1), ("keep-one", eye, 1)):
        ranked = sorted(range(N), key=lambda i: tuple(sign * game(masks[i : i + 1])[0]))
        assert set(contest.choices[method].kept) == set(ranked[-6:])
    plain = prune(explanation, game, keep=6, random=15, finer="accuracy", compare=False)
    assert plain.finer is None
    chosen = prune(explanation, game, keep=6, target="margin", compare=False)
    assert chosen.finer is None


def test_best_of_random_sets_goes_by_the_margin_too():
    game = Coarse(seed=3)
    explanation = ip.explain(game, budget=60, store=None)
    # as many as there are: the best of all
    found = prune(explanation, game, keep=7, random=200, compare=["random"])
    choice = found.contests[0].choices["random"]
    assert choice.tried == N
    values = [tuple(one) for one in game(~np.eye(N, dtype=bool))]
    assert tuple(game(np.isin(np.arange(N), choice.kept)[None])[0]) == max(values)


def test_elimination_finds_what_a_poor_spectrum_does_not_know():
    game = Game(seed=7)
    explanation = ip.explain(game, budget=12, store=None)
    (contest,) = prune(explanation, game, keep=[5], compare=False).contests
    assert contest.best.tried <= 4 * N
    mask = np.ones(N, dtype=bool)
    while mask.sum() > 5:
        near = np.array([mask & (np.arange(N) != i) for i in np.flatnonzero(mask)])
        mask = near[game(near)[:, 0].argmax()]
    assert contest.best.train >= value(mask, game) - 1e-9


def test_swaps_are_tried_on_the_train_prompts():
    game = Game(seed=5)
    # a spectrum that knows single effects only: the swaps find what it does not know
    explanation = ip.explain(game, budget=120, store=None, method="lasso")
    plain = prune(explanation, game, keep=4, compare=False, verify=0).contests[0].best
    better = prune(explanation, game, keep=4, compare=False, verify=30).contests[0].best
    assert plain.proved
    assert plain.tried == 0
    assert better.tried <= 30
    assert better.train >= plain.train
    wide = prune(explanation, game, keep=4, compare=False, verify=500).contests[0].best
    kept = np.isin(np.arange(N), wide.kept)
    for i in np.flatnonzero(kept):
        for j in np.flatnonzero(~kept):
            around = kept.copy()
            around[i], around[j] = False, True
            assert value(around, game) <= wide.train + 1e-9


def test_rooms_of_query_groups():
    layers, groups = [0] * 8 + [1] * 8, [0] * 4 + [1] * 4 + [2] * 4 + [3] * 4
    (room,) = rooms(0.75, 16, layers, groups)
    assert room.size == 12
    assert room.layers == tuple(groups)
    (room,) = rooms(0.66, 16, layers, groups)  # 2.64 queries of each group: of each layer instead
    assert room.size == 10
    assert room.layers == tuple(layers)
