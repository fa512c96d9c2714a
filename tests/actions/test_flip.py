"""Flips: the smallest by brute force, verified by real calls, honest where there is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import combinations
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import interplay as ip
from interplay.actions.flip.decision import default_threshold
from interplay.actions.flip.rates import Rate
from interplay.actions.flip.start import noun_of
from interplay.demo import model_path
from interplay.groups import Nesting
from interplay.masks import all_masks

N = 9
MASKS = all_masks(N)


def smallest(values: np.ndarray, threshold: float = 0.0, masks: np.ndarray = MASKS) -> int | None:
    """Return the size of the smallest flip, by looking at every mask."""
    original = values[masks.all(axis=1)][0] > threshold
    flips = (values > threshold) != original
    return int((~masks[flips]).sum(axis=1).min()) if flips.any() else None


def saturated(seed: int) -> tuple[Callable[[np.ndarray], np.ndarray], float]:
    """Return a function that is no sparse spectrum, and a threshold that few masks cross."""
    rng = np.random.default_rng(seed)
    weights = rng.exponential(size=N) * rng.choice([1.0, 1.0, 1.0, -0.5], N)
    pairs, sizes = rng.choice(N, (6, 2)), 1.2 * rng.normal(size=6)

    def function(masks: np.ndarray) -> np.ndarray:
        total = masks @ weights
        for (a, b), size in zip(pairs, sizes, strict=True):
            total = total + size * (masks[:, a] & masks[:, b])
        return 2 * np.tanh(1.2 * (total - 0.45 * weights.sum()))

    values = function(MASKS)
    above = values[MASKS.all(axis=1)][0] > np.median(values)
    share = 0.05 + 0.15 * rng.random()
    return function, float(np.quantile(values, share if above else 1 - share))


@pytest.mark.parametrize("seed", range(14))
def test_never_larger_than_the_true_minimum(seed: int) -> None:
    function, threshold = saturated(seed)
    want = smallest(function(MASKS), threshold)
    explanation = ip.explain(function, N, budget=80, method="proxyspex", store=None, seed=seed)
    found = ip.flip(explanation, function, threshold=threshold, budget=80)
    assert want is not None
    assert found.found
    assert len(found.features) == want
    assert found.calls <= 80
    mask = ~np.isin(np.arange(N), found.features)
    assert found.after == function(mask[None])[0]
    assert (found.after > threshold) != (found.before > threshold)
    if found.minimal:
        assert found.tried == found.smaller


@pytest.mark.parametrize("seed", range(4))
def test_a_spectrum_that_is_wrong_is_set_right(seed: int) -> None:
    """The explanation is of another function; with enough calls the true minimum is found."""
    function, threshold = saturated(seed)
    other, _ = saturated(seed + 100)
    explanation = ip.explain(other, N, budget=80, method="lasso", store=None)
    found = ip.flip(explanation, function, threshold=threshold, budget=2**N, at_most=N)
    want = smallest(function(MASKS), threshold)
    assert (len(found.features) if found.found else None) == want
    few = ip.flip(explanation, function, threshold=threshold, budget=20)
    assert few.calls <= 20
    if few.found:  # whatever was predicted, a flip is one
        mask = ~np.isin(np.arange(N), few.features)
        assert (function(mask[None])[0] > threshold) != (few.before > threshold)


@pytest.mark.parametrize(
    "text", ["The acting is not bad at all.", "A dull, slow and never funny film."]
)
def test_the_embedded_classifier_against_all_subsets(text: str) -> None:
    pytest.importorskip("torch")
    value = ip.text(text, model=model_path(), target="margin:positive|negative")
    n = len(value.features)
    masks = all_masks(n)
    want = smallest(value(masks), 0.0, masks)
    explanation = ip.explain(value, budget=60, method="proxyspex", store=None)
    found = ip.flip(explanation, value, budget=100)
    assert want is not None
    assert len(found.features) == want
    assert found.text == value.masked_text(~np.isin(np.arange(n), found.features))
    assert found.noun == "word"


def test_a_complete_run_knows_the_answer() -> None:
    asked: list[int] = []

    def game(masks: np.ndarray) -> np.ndarray:
        asked.append(len(masks))
        return 1.0 - 2.0 * (~masks[:, 1] & ~masks[:, 2] & ~masks[:, 4])

    game.fingerprint = "complete game"  # its log is no part of it
    explanation = ip.explain(game, N, budget=2**N, store=None)
    asked.clear()
    found = ip.flip(explanation, game)
    assert found.features == (1, 2, 4)
    assert found.minimal
    assert found.smaller == found.tried == 9 + 36
    assert sum(asked) == found.calls == 2  # the full input, and the flip itself
    assert found.predicted == pytest.approx(-1.0)
    assert found.evidence[0] == "No smaller set flips it: all 45 were tried."


def test_alternatives_are_verified_too() -> None:
    def game(masks: np.ndarray) -> np.ndarray:
        return 1.0 * (masks[:, 0] & masks[:, 3]) - 0.5

    found = ip.flip(ip.explain(game, 6, store=None), game)
    assert {found.features, *(one.features for one in found.alternatives)} >= {(0,), (3,)}
    assert found.alternatives[0].value == -0.5
    assert all(len(one.features) <= 2 for one in found.alternatives)


def test_a_large_flip_is_found_and_made_irreducible() -> None:
    def game(masks: np.ndarray) -> np.ndarray:
        return masks.mean(axis=1) - 0.75

    explanation = ip.explain(game, 40, budget=300, method="proxyspex", store=None)
    found = ip.flip(explanation, game, budget=200)
    assert len(found.features) == 10
    assert found.irreducible
    assert not found.minimal
    assert "Putting any one feature back undoes it; whether a smaller set" in found.evidence[0]
    none = ip.flip(explanation, game, budget=100, at_most=5)
    assert not none.found
    assert len(none.features) <= 5
    assert none.evidence == [
        "The smallest set that was seen to flip it has 10 features, more than were allowed."
    ]


# --- what is decided ------------------------------------------------------------------------------


def probability(masks: np.ndarray) -> np.ndarray:
    return 0.2 + 0.5 * masks[:, 0] + 0.2 * masks[:, 1]


def test_default_thresholds() -> None:
    assert default_threshold("prob") == default_threshold("prob:yes") == 0.5
    assert default_threshold("probable") == default_threshold("value") == 0.0
    for target in ("logprob", "logprob:mean", "logprob[3:10]", "similarity", "accuracy"):
        with pytest.raises(ip.BadInput, match="has no natural threshold"):
            default_threshold(target)


@pytest.mark.parametrize(
    ("target", "full", "drop", "want"),
    [
        ("prob:yes", 0.9, "50%", 0.45),
        ("logprob", log(0.9), 0.5, log(0.45)),
        ("margin:a|b", 0.9, "50%", 0.9 - 0.5 * (0.9 - 0.2)),
    ],
)
def test_a_drop_of_half(target: str, full: float, drop: str | float, want: float) -> None:
    class Game:
        features = ("a", "b", "c")
        targets = (target,)

        def __call__(self, masks: np.ndarray) -> np.ndarray:
            value = probability(masks)
            return np.log(value) if target == "logprob" else value

    found = ip.flip(ip.explain(Game(), store=None), Game(), drop=drop)
    assert found.before == pytest.approx(full)
    assert found.threshold == pytest.approx(want)
    assert found.names == ("a",)


def test_a_value_at_the_threshold_is_below_it() -> None:
    def game(masks: np.ndarray) -> np.ndarray:
        return 1.0 * masks[:, 0]

    found = ip.flip(ip.explain(game, 3, store=None), game)
    assert (found.names, found.before, found.after) == (("x0",), 1.0, 0.0)

    def rising(masks: np.ndarray) -> np.ndarray:
        return -1.0 * masks[:, 0]

    explanation = ip.explain(rising, 3, store=None)
    assert not ip.flip(explanation, rising).found  # -1 and 0 are both not above
    assert ip.flip(explanation, rising, threshold=-0.5).names == ("x0",)


class Scores:
    """Three labels' scores."""

    features = ("so", "not", "bad", "at", "all")
    targets = ("good", "bad", "dull")
    fingerprint = "three labels"

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        good = 1.0 + 1.0 * masks[:, 1]
        bad = 1.5 * masks[:, 2]
        dull = 1.2 - 0.3 * masks[:, 3] - 0.3 * masks[:, 4]
        return np.stack([good, bad, dull], axis=1)


def test_a_callable_decides_over_all_targets_or_one() -> None:
    explanation = ip.explain(Scores(), store=None)
    label = ip.flip(explanation, Scores(), decision=lambda values: values.argmax(axis=1))
    assert label.names == ("not",)
    assert (label.target, label.threshold) == ("good, bad, dull", None)
    assert "threshold" not in label.sentence
    one = ip.flip(
        explanation, Scores(), target="dull", decision=lambda values: ["low", "high"][0:1] * 0
        or ["high" if value > 1 else "low" for value in values],
    )  # fmt: skip
    assert set(one.names) == {"at", "all"}
    side = ip.flip(explanation, Scores(), target="bad", threshold=1.0)
    assert side.names == ("bad",)
    assert ip.flip(explanation.target("bad"), Scores(), threshold=1.0).names == ("bad",)


# --- budgets, stores, interruptions ---------------------------------------------------------------


class Counting:
    features = tuple(f"w{i}" for i in range(20))
    fingerprint = "counting"
    batch_size = 8

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        self.asked += [row.tobytes() for row in masks]
        return 1.5 * (masks[:, 2] | masks[:, 7] | masks[:, 11]) - 1.0

    def measure(self, masks: np.ndarray) -> ip.Measured:
        return ip.Measured(self(masks), usd=np.full(len(masks), 0.01))


@pytest.fixture
def counted(tmp_path: Path) -> ip.Explanation:
    return ip.explain(Counting(), budget=300, method="proxyspex", store=tmp_path / "runs.db")


def test_what_was_evaluated_is_stored_and_never_asked_again(counted: ip.Explanation) -> None:
    first, again = Counting(), Counting()
    found = ip.flip(counted, first)
    assert found.names == ("w2", "w7", "w11")
    assert found.calls == len(first.asked) > 0
    assert found.usd == pytest.approx(0.01 * found.calls)
    repeated = ip.flip(counted, again)
    assert again.asked == []
    assert repeated.names == found.names
    assert repeated.reused == found.calls + found.reused


@pytest.mark.parametrize("budget", [2, 10, "0.1usd", "30,1usd"])
def test_budgets_are_honoured(counted: ip.Explanation, budget: int | str) -> None:
    game = Counting()
    found = ip.flip(counted, game, budget=budget, store=None)
    assert len(game.asked) <= (30 if budget == "30,1usd" else 10)
    assert found.calls == len(game.asked)
    if not found.found:
        assert found.sentence.startswith("No flip was found within ")
        assert found.after is not None
        assert found.after > 0


def test_a_budget_that_buys_nothing(counted: ip.Explanation) -> None:
    with pytest.raises(ip.BudgetExceeded, match="before the full input was evaluated 5 times"):
        ip.flip(counted, Counting(), budget=3, repeats=5, store=counted.config["store"] + "2")


def test_interrupted(counted: ip.Explanation, tmp_path: Path) -> None:
    game = Counting()
    found = ip.flip(
        counted,
        game,
        store=tmp_path / "other.db",
        stop=lambda: "interrupted by Ctrl-C" if len(game.asked) > 10 else None,
    )
    assert found.stopped == "interrupted by Ctrl-C"
    assert not found.found
    assert found.evidence[-1] == "The search ended early: interrupted by Ctrl-C (200)."
    rest = ip.flip(counted, Counting(), store=tmp_path / "other.db")
    assert rest.found
    assert rest.reused >= len(game.asked)


def test_no_flip_says_what_came_closest() -> None:
    def game(masks: np.ndarray) -> np.ndarray:
        return 3.0 + masks[:, 0] + 0.1 * masks.sum(axis=1)

    found = ip.flip(ip.explain(game, 5, store=None), game)
    assert not found.found
    assert not found.minimal
    assert found.features == (0, 1, 2, 3, 4)
    assert found.sentence == (
        "There is no flip: all 31 sets of at most 5 features were tried. The closest: removing 5 "
        "of 5 features, “x0”, “x1”, "
        "“x2”, “x3” and “x4”, leaves the decision as it was, value goes from 4.5 to 3 "
        "(threshold 0)."
    )
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["found"] is False


# --- noise ----------------------------------------------------------------------------------------


class Noisy:
    """Without word 0 the answer changes in one of four samples, without words 1 and 2 in all."""

    features = ("a", "b", "c", "d", "e")
    noisy = True

    def __init__(self, seed: int) -> None:
        self.fingerprint = f"noisy {seed}"
        self.rng = np.random.default_rng(seed)

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        chance = np.where(~masks[:, 0], 0.25, 0.02)
        chance = np.where(~masks[:, 1] & ~masks[:, 2], 0.98, chance)
        return np.where(self.rng.random(len(masks)) < chance, -1.0, 1.0)


@pytest.mark.parametrize("seed", range(5))
def test_repeated_samples_tell_a_flip_from_luck(seed: int, tmp_path: Path) -> None:
    game = Noisy(seed)
    explanation = ip.explain(game, budget=96, replicates=3, store=tmp_path / "runs.db")
    found = ip.flip(explanation, game, repeats=20, budget=400)
    assert found.found
    assert {1, 2} <= set(found.features)
    assert found.rate_before.total == found.rate_after.total == 20
    assert found.rate_before.value >= 0.85
    assert found.rate_after.value <= 0.15
    assert not found.minimal  # of noisy values nothing is proved
    assert f"in {found.rate_before.words} before" in found.evidence[1]


def test_rates_have_wilsons_interval() -> None:
    rate = Rate(18, 20)
    z, p, n = 1.6448536269514722, 0.9, 20
    center = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    assert (rate.low, rate.high) == pytest.approx((center - half, center + half))
    assert (Rate(0, 5).low, Rate(5, 5).high) == (0.0, 1.0)
    assert Rate(0, 0).to_dict()["value"] is None
    assert Rate(18, 20).words == "90 % (18 of 20; 90 % interval 74 to 97 %)"
    assert Rate(1, 1).words == "100 % (1 of 1)"
    assert Rate(1, 2) + Rate(2, 2) == Rate(3, 4)


# --- other inputs ---------------------------------------------------------------------------------


class Prompt:
    """Fails, above 0, where "only" and "not" are both there; in some prompts "just" does it too."""

    def __init__(self, text: str, slots: list[str | None] | None = None) -> None:
        self.features = tuple(text.split())
        self.fingerprint = f"prompt {text}"
        self.subject = {"kind": "text", "text": text, "units": "word"}
        if slots is not None:
            self.subject["slots"] = slots

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        def has(word: str) -> np.ndarray:
            places = [i for i, name in enumerate(self.features) if name.strip(".") == word]
            return masks[:, places].any(axis=1) if places else np.zeros(len(masks), dtype=bool)

        return np.where(has("not") & (has("only") | has("just")), 1.0, -1.0)


def test_the_edit_that_changes_most_inputs_is_preferred() -> None:
    explained = Prompt("It is not only here.")
    others = {
        "one": Prompt("There it is not just only so"),
        "two": Prompt("Is that not only just now"),
        "three": Prompt("Not at all"),
    }
    found = ip.flip(ip.explain(explained, store=None), explained, inputs=others, budget=100)
    assert found.names == ("not",)
    assert [one.id for one in found.inputs] == ["one", "two", "three"]
    before, after = found.input_rates
    assert (before.count, before.total, after.count, after.total) == (2, 3, 0, 3)
    assert found.inputs[0].words == "changed"
    assert found.inputs[2].words == "was the other already"
    assert "in 67 % (2 of 3;" in found.evidence[-1]
    assert "and in 0 % (0 of 3;" in found.evidence[-1]


def test_an_input_that_lacks_the_edit_is_counted_apart() -> None:
    explained = Prompt("It is not only here.")
    found = ip.flip(
        ip.explain(explained, store=None), explained, inputs=[Prompt("So it goes")], budget=50
    )
    assert found.inputs[0].names == ()
    assert found.inputs[0].before is None
    assert found.inputs[0].words == "cannot be edited so"
    assert found.evidence[-1].endswith("1 input could not be edited so.")
    assert json.dumps(found.to_dict(), allow_nan=False)


def test_edits_are_put_together_where_none_is_enough() -> None:
    class Two(Prompt):
        """Fails by "not", or by "only", whichever is in it; both are in the explained one."""

        def __call__(self, masks: np.ndarray) -> np.ndarray:
            key = self.subject["text"].split()[0]
            places = {"a": [1, 2], "b": [1], "c": [2]}[key]
            return np.where(masks[:, places].all(axis=1), 1.0, -1.0)

    explained = Two("a not only x y")
    others = {"b": Two("b not only x y"), "c": Two("c not only x y")}
    found = ip.flip(ip.explain(explained, store=None), explained, inputs=others, budget=100)
    assert found.names == ("not", "only")
    assert found.input_rates[1] == Rate(0, 2)


def test_what_fills_a_template_is_found_by_its_place() -> None:
    slots: list[str | None] = [None, "who", None, None]
    explained = Prompt("Is Ada not only", slots)
    other = Prompt("Is only not only", slots)
    found = ip.flip(ip.explain(explained, store=None), explained, inputs=[other], budget=60)
    assert found.inputs[0].names == found.names
    by_place = {1: ("only",), 2: ("not",), 3: ("only",)}
    assert found.inputs[0].names == by_place[found.features[0]]


# --- replacements ---------------------------------------------------------------------------------


def test_replacements_of_words_of_a_text() -> None:
    pytest.importorskip("torch")
    value = ip.text(
        "The acting is bad, and the plot is dull.",
        model=model_path(),
        target="margin:positive|negative",
    )
    explanation = ip.explain(value, budget=60, method="proxyspex", store=None)
    found = ip.flip(
        explanation, value, replacements={"bad": "great,", "dull": "wonderful.", "plot": "story"}
    )
    assert found.found
    assert set(found.names) <= {"bad,", "dull.", "plot"}
    assert found.verb == "replaced"
    assert found.sentence.startswith("Replacing ")
    assert found.text is not None
    assert ("great," in found.text) == ("bad," in found.names)
    assert "acting is" in found.text


def test_a_value_function_may_replace_by_itself() -> None:
    class Own:
        features = ("hot", "day")

        def __init__(self, texts: dict[str, str] | None = None) -> None:
            self.texts = texts or {}
            self.fingerprint = f"own {sorted(self.texts.items())}"

        def replaced(self, texts: dict[str, str]) -> Own:
            return Own(texts)

        def __call__(self, masks: np.ndarray) -> np.ndarray:
            cold = self.texts.get("hot") == "cold"
            return np.where(masks[:, 0], 1.0, -1.0 if cold else 0.5)

    explanation = ip.explain(Own(), store=None)
    assert not ip.flip(explanation, Own()).found
    assert ip.flip(explanation, Own(), replacements={"hot": "cold"}).names == ("hot",)


# --- runs -----------------------------------------------------------------------------------------


def test_a_saved_run_of_a_text_needs_no_value_function(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    value = ip.text("Not bad at all.", model=str(model_path()), target="margin:positive|negative")
    ip.explain(value, budget=16, store=None).save(tmp_path / "run.json")
    found = ip.flip(ip.load(tmp_path / "run.json"))
    assert found.found
    (tmp_path / "run.npz").unlink()
    again = ip.flip(ip.load(tmp_path / "run.json"))  # without the values that the run held
    assert again.features == found.features
    assert again.calls > found.calls
    run = json.loads((tmp_path / "run.json").read_text())
    run["subject"]["text"] = run["subject"]["text"].replace("bad", "mad")
    run["subject"].get("arguments", {}).pop("text", None)
    (tmp_path / "run.json").write_text(json.dumps(run))
    with pytest.raises(ip.BadInput, match="is not that of the run"):
        ip.flip(ip.load(tmp_path / "run.json"))


def test_a_run_in_two_passes_is_flipped_by_its_parts(tmp_path: Path) -> None:
    class Nested:
        features = tuple(f"w{i}" for i in range(30))
        fingerprint = "nested flip"
        nesting = Nesting(
            tuple(tuple(range(5 * s, 5 * s + 5)) for s in range(6)),
            tuple(f"s{s}" for s in range(6)),
        )

        def __call__(self, masks: np.ndarray) -> np.ndarray:
            return 2.0 * (masks[:, 7] & masks[:, 23]) + 0.01 * masks.sum(axis=1) - 1.0

    explanation = ip.explain(Nested(), budget=300, method="proxyspex", store=tmp_path / "runs.db")
    found = ip.flip(explanation, Nested())
    assert found.names in (("w7",), ("w23",))
    assert found.n == len(explanation.features) < 30


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": "high"}, r"threshold must be a number; got 'high'"),
        ({"threshold": float("nan")}, r"threshold must be finite; got nan"),
        ({"threshold": True}, r"threshold must be a number; got True"),
        ({"drop": "all"}, r"drop must be a share between 0 and 1.*got 'all'"),
        ({"drop": "150%"}, r"drop must be a share"),
        ({"drop": 0}, r"drop must be a share"),
        ({"threshold": 1.0, "drop": "5%"}, r"give one of .*got threshold and drop"),
        ({"decision": "label"}, r"decision must be a callable of values; got str"),
        ({"decision": lambda values: 1}, r"one decision for each of 1 values.*\(1,\).*got 1"),
        ({"decision": lambda values: [1, 2]}, r"one decision for each of 1 values"),
        ({"target": "none"}, r"unknown target 'none'; valid: value"),
        ({"at_most": 0}, r"at_most must be a whole number of at least 1; got 0"),
        ({"repeats": 1.5}, r"repeats must be a whole number of at least 1; got 1.5"),
        ({"budget": "auto"}, r"no automatic budget; give calls"),
        ({"budget": "much"}, r"budget must be a number of calls"),
        ({"inputs": 3}, r"inputs must be value functions.*got int"),
        ({"inputs": [len]}, r"input '1' must be a value function that knows its features"),
        ({"inputs": [Prompt("a b")], "drop": "50%"}, r"give threshold="),
        ({"replacements": {}}, r"replacements must map names"),
        ({"replacements": {"x0": 3}}, r"replacements must map names to texts; got 'x0': 3"),
        ({"replacements": {"y": "z"}}, r"text for 'y', which is not a feature"),
        ({"replacements": {"x0": "z"}}, r"replacements are for runs on the units of a text"),
        ({"value_function": 3}, r"value_function must be callable; got int"),
        ({"value_function": None}, r"pass it, interplay.flip\(explanation, value_function\)"),
        ({"value_function": Prompt("a b")}, r"has 2 features, and the explanation 3"),
    ],
)
def test_bad_input_is_named(options: dict[str, Any], message: str) -> None:
    def game(masks: np.ndarray) -> np.ndarray:
        return 1.0 * masks[:, 0]

    explanation = ip.explain(game, 3, store=None)
    with pytest.raises(ip.BadInput, match=message):
        ip.flip(explanation, **{"value_function": game, **options})
    with pytest.raises(ip.BadInput, match=r"explanation must be an Explanation.*got str"):
        ip.flip("run.json", game)  # type: ignore[arg-type]


def test_smaller_sets_are_really_tried_before_they_are_called_tried() -> None:
    asked: set[tuple[int, ...]] = set()

    def game(masks: np.ndarray) -> np.ndarray:
        asked.update(tuple(np.flatnonzero(~row).tolist()) for row in masks)
        return 1.0 - 2.0 * (~masks[:, 1] & ~masks[:, 2] & ~masks[:, 4])

    game.fingerprint = "watched"
    explanation = ip.explain(game, 11, budget=60, method="proxyspex", store=None)
    asked.clear()
    found = ip.flip(explanation, game, budget=150)
    assert found.features == (1, 2, 4)
    if found.minimal:
        known = {tuple(np.flatnonzero(~row).tolist()) for row in explanation.evaluations.masks}
        for size in (1, 2):
            assert set(combinations(range(11), size)) <= asked | known


def test_features_are_called_what_the_run_calls_them() -> None:
    assert noun_of({"kind": "text", "units": "sentence+word"}) == "part"
    assert noun_of({"kind": "image", "units": "patches:4x4"}) == "region"
    assert noun_of({"kind": "components", "units": "head"}) == "head"
    assert noun_of({"kind": "callable"}) == "feature"
