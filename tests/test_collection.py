"""Many inputs: what is averaged over them, how surely, what is left out; saving and loading."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import interplay as ip
from interplay.collection import Aggregated, Explanations
from interplay.collection.aggregate import mean_with_interval

Game = Callable[[np.ndarray], np.ndarray]


def explained(
    words: Sequence[str],
    effects: Mapping[tuple[int, ...], float],
    *,
    target: str = "value",
    subject: Mapping[str, Any] | None = None,
) -> ip.Explanation:
    """An exact explanation of a game whose Moebius coefficients are ``effects``."""

    def game(masks: np.ndarray) -> np.ndarray:
        return sum(
            (size * masks[:, term].all(axis=1) for term, size in effects.items()),
            np.zeros(len(masks)),
        )

    game.targets = (target,)  # type: ignore[attr-defined]
    game.subject = subject or text_subject(words)  # type: ignore[attr-defined]
    return ip.explain(game, words, budget=2 ** len(words), store=None, fingerprint=str(effects))


def text_subject(words: Sequence[str]) -> dict[str, Any]:
    starts = np.cumsum([0, *(len(word) + 1 for word in words[:-1])]).tolist()
    spans = [[start, start + len(word)] for start, word in zip(starts, words, strict=True)]
    return {"kind": "text", "text": " ".join(words), "spans": spans, "units": "word"}


def doubtful() -> ip.Explanation:
    """An explanation of what is nearly noise, with the words "not" and "bad" in it."""

    def game(masks: np.ndarray) -> np.ndarray:
        return np.sin(1e6 * (masks @ np.sqrt(np.arange(2, 18))))

    words = ["not", "bad", *(f"w{i}" for i in range(14))]
    return ip.explain(game, words, budget=100, store=None)


def many(*inputs: ip.Explanation | str) -> Explanations:
    return Explanations({f"i{k}": one for k, one in enumerate(inputs, 1)})


@pytest.fixture(scope="module")
def negations() -> Explanations:
    """Four inputs; "not" and "bad" occur together in three of them."""
    return many(
        explained(["Not", "bad,", "really"], {(0,): -1.0, (1,): -2.0, (0, 1): 4.0}),
        explained(["so", "not", "bad"], {(2,): -2.0, (1, 2): 5.0}),
        explained(["bad", "film"], {(0,): -2.0}),
        explained(["bad!", "not", "good"], {(0,): -2.0, (0, 1): 0.0}),
    )


def test_the_mean_is_over_inputs_in_which_all_labels_occur(negations: Explanations) -> None:
    row = negations.aggregate()["bad", "not"]
    assert row.labels == ("not", "bad"), "in the order of the text"
    assert dict(row.values) == {"i1": 4.0, "i2": 5.0, "i4": 0.0}, "absent terms count 0"
    assert (row.inputs, row.found, row.agree, row.order) == (3, 2, 2, 2)
    assert row.value == pytest.approx(3.0)
    expected = stats.t.interval(0.9, 2, 3.0, stats.sem([4.0, 5.0, 0.0]))
    assert (row.low, row.high) == pytest.approx(expected)
    assert row.p == pytest.approx(stats.ttest_1samp([4.0, 5.0, 0.0], 0).pvalue)
    alone = negations.aggregate(order=1)["bad"]
    assert alone.inputs == 4
    assert alone.value == pytest.approx(np.mean([0.0, 0.5, -2.0, -2.0]))


def test_a_row_reads_as_a_sentence(negations: Explanations) -> None:
    shared = negations.aggregate()
    assert shared.describe(shared["not", "bad"]) == (
        "In 2 of the 3 inputs with “not” and “bad” they raise value together: "
        "mean +3.00, 90 % interval −1.46 to 7.46."
    )
    assert shared.describe(shared["bad"]).startswith("In 2 of the 4 inputs with “bad” it lowers")


def test_repeated_labels_are_summed_within_an_input() -> None:
    words = ["very", "very", "bad", "Very"]
    first = explained(words, {(0, 1): 1.0, (1, 3): 2.0, (0, 2): 4.0, (3, 2): 8.0})
    second = explained(["very", "bad"], {(0, 1): 3.0})
    third = explained(["very", "very"], {(0, 1): 5.0})
    shared = many(first, second, third).aggregate()
    assert dict(shared["very", "very"].values) == {"i1": 3.0, "i3": 5.0}, "not i2: one very"
    assert dict(shared["very", "bad"].values) == {"i1": 12.0, "i2": 3.0}
    assert shared["very"].inputs == 3


@given(st.integers(0, 10_000), st.integers(1, 3))
@settings(max_examples=25)
def test_sums_are_those_of_brute_force(seed: int, order: int) -> None:
    rng = np.random.default_rng(seed)
    inputs, expected = [], {}
    for k in range(1, 4):
        words = rng.choice(["a", "b", "c"], 4).tolist()
        effects = {
            tuple(rng.choice(4, int(size), replace=False)): float(rng.normal())
            for size in rng.integers(1, 4, 4)
        }
        found = explained(words, effects)
        inputs.append(found)
        table = found.interactions("SII", order)
        for size in range(1, order + 1):
            for term in combinations(range(4), size):
                key = tuple(sorted(words[i] for i in term))
                own = expected.setdefault(key, {})
                own[f"i{k}"] = own.get(f"i{k}", 0.0) + table[term]
    shared = many(*inputs).aggregate(order=order, index="SII")
    rows = {tuple(sorted(row.labels)): row for row in shared}
    enough = {key: own for key, own in expected.items() if len(own) > 1}
    for key, row in rows.items():
        assert dict(row.values) == pytest.approx(enough[key])
    for key, own in enough.items():
        assert key in rows or not any(own.values())
    by_order = Counter(len(key) for key in enough)
    for size in range(1, order + 1):
        told = shared.looked_at[size]
        assert told == by_order[size] if size < 3 else told >= by_order[size]


def test_position_and_slot() -> None:
    subject = text_subject(["say", "red", "dog"])
    one = explained(
        ["say", "red", "dog"],
        {(0, 1): 2.0, (1, 2): 3.0},
        subject=subject | {"slots": [None, "a", "b"]},
    )
    two = explained(
        ["Say", "big", "cat"],
        {(0, 1): 4.0, (1, 2): 5.0, (2,): 1.0},
        subject=subject | {"slots": [None, "a", "a"]},
    )
    both = many(one, two)
    assert both.aggregate("position")["#1", "#2"].value == pytest.approx(3.0)
    shared = both.aggregate("slot")
    assert shared["say", "{a}"].value == pytest.approx(3.0), "the template's own words"
    with pytest.raises(KeyError, match=r"no row for \('\{a\}', '\{b\}'\)"):
        _ = shared["{a}", "{b}"]
    with pytest.raises(ip.BadInput, match=r"input 'i2' has no slots.*--template"):
        many(one, explained(["a", "b"], {})).aggregate("slot")
    assert [(table.by, table.target) for table in both.tables()] == [
        ("slot", "value"),
        ("unit", "value"),
    ]


def test_inputs_not_to_be_trusted_are_left_out_and_named() -> None:
    good = [explained(["not", "bad"], {(0, 1): size}) for size in (1.0, 2.0)]
    inputs = many(*good, doubtful())
    shared = inputs.aggregate()
    assert shared["not", "bad"].value == pytest.approx(1.5)
    assert shared.ids == ("i1", "i2")
    assert any("Left out: 1 of 3 inputs," in note and "(i3)" in note for note in shared.notes)
    kept = inputs.aggregate(trusted_only=False)
    assert kept["not", "bad"].inputs == 3
    assert kept.ids == ("i1", "i2", "i3")


def test_where_none_can_be_trusted_there_is_nothing_but_a_note(tmp_path: Path) -> None:
    inputs = many(doubtful(), doubtful())
    shared = inputs.aggregate()
    assert len(shared) == 0
    assert "Left out: 2 of 2 inputs," in shared.notes[0]
    assert "Trust none of them, 2 not at all." in inputs.report(tmp_path / "r.html").read_text()


def test_copies_count_once() -> None:
    same = explained(["not", "bad"], {(0, 1): 1.0})
    other = explained(["not", "bad"], {(0, 1): 2.0})
    shared = many(same, same, other).aggregate()
    assert shared["not", "bad"].inputs == 2
    assert "1 of 3 inputs repeat others and count once." in shared.notes


def test_different_targets_are_refused_or_looked_at_apart() -> None:
    up = [explained(["not", "bad"], {(0, 1): size}, target="up") for size in (1.0, 3.0)]
    down = explained(["not", "bad"], {(0, 1): 5.0}, target="down")
    inputs = many(*up, down)
    assert inputs.targets == {"up": 2, "down": 1}
    with pytest.raises(ip.BadInput, match=r"different targets: up \(2 inputs\), down \(1 input\)"):
        inputs.aggregate()
    assert inputs.aggregate(target="up")["not", "bad"].value == pytest.approx(2.0)
    assert "1 of 3 inputs do not speak of up." in inputs.aggregate(target="up").notes
    assert [table.target for table in inputs.tables()] == ["up"], "one input has no mean"


def test_inputs_with_several_targets_are_averaged_for_each() -> None:
    def both(size: float) -> ip.Explanation:
        def game(masks: np.ndarray) -> np.ndarray:
            pair = size * masks.all(axis=1)
            return np.stack([pair, -2 * pair], axis=1)

        game.targets = ("up", "down")  # type: ignore[attr-defined]
        return ip.explain(game, ["not", "bad"], store=None, fingerprint=str(size))

    inputs = many(both(1.0), both(3.0))
    assert inputs.targets == {"up": 2, "down": 2}
    assert inputs.aggregate()["not", "bad"].value == pytest.approx(2.0), "the target that is shown"
    assert inputs.aggregate(target="down")["not", "bad"].value == pytest.approx(-4.0)
    assert [table.target for table in inputs.tables()] == ["up", "down"]
    assert Explanations.from_dict(inputs.to_dict()).to_dict() == inputs.to_dict()


def test_models_that_differ_are_said() -> None:
    subjects = [text_subject(["a", "b"]) | {"model": name} for name in ("one", "two")]
    inputs = [explained(["a", "b"], {(0,): k}, subject=s) for k, s in enumerate(subjects, 1)]
    assert any("different models: one, two" in note for note in many(*inputs).aggregate().notes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "word"}, r"unknown by 'word'; valid: unit, position, slot"),
        ({"order": 0}, r"order must be a whole number of at least 1; got 0"),
        ({"min_inputs": 1}, r"min_inputs must be a whole number of at least 2; got 1"),
        ({"index": "shap"}, r"unknown index 'shap'"),
        ({"target": "x"}, r"unknown target 'x'; valid: value"),
    ],
)
def test_bad_arguments(negations: Explanations, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ip.BadInput, match=message):
        negations.aggregate(**options)
    with pytest.raises(ip.BadInput, match=r"no input was explained"):
        Explanations({"a": "failed"}).aggregate(**options)


def test_an_order_above_the_units_of_a_short_input_is_no_error() -> None:
    inputs = many(explained(["a", "b"], {(0, 1): 1.0}), explained(["a", "b", "c"], {(0, 1): 2.0}))
    assert inputs.aggregate(order=3)["a", "b"].value == pytest.approx(1.5)


# ---- how surely


def coverage(draw: Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]], truth: float):
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(4000):
        _, low, high, _ = mean_with_interval(*draw(rng))
        hits += low <= truth <= high
    return hits / 4000


@pytest.mark.parametrize("k", [2, 3, 5, 10, 40])
def test_the_interval_covers_where_inputs_differ(k: int) -> None:
    """Inputs differ (sd 0.5) and each is measured with an error of its own (sd 0.05 to 0.5)."""

    def draw(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        variances = rng.uniform(0.05, 0.5, k) ** 2
        return 1 + 0.5 * rng.normal(size=k) + np.sqrt(variances) * rng.normal(size=k), variances

    assert coverage(draw, 1.0) >= 0.885  # 0.9, less three standard errors of 4,000 draws


@pytest.mark.parametrize("k", [2, 3, 5, 10, 40])
def test_the_interval_covers_where_only_the_fits_err(k: int) -> None:
    def draw(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        variances = rng.uniform(0.05, 0.5, k) ** 2
        return 1 + np.sqrt(variances) * rng.normal(size=k), variances

    assert coverage(draw, 1.0) >= 0.885


@pytest.mark.parametrize(("k", "least"), [(5, 0.86), (10, 0.87), (40, 0.87)])
def test_the_interval_nearly_covers_where_many_inputs_have_no_such_term(
    k: int, least: float
) -> None:
    """Six inputs of ten act, the others are 0: far from normal, and still about 90 %."""

    def draw(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        return (rng.random(k) < 0.6) * (1 + 0.5 * rng.normal(size=k)), np.zeros(k)

    assert coverage(draw, 0.6) >= least


def test_two_inputs_that_agree_by_chance_are_not_certain() -> None:
    value, low, high, _ = mean_with_interval(np.array([1.0, 1.0]), np.array([0.04, 0.04]))
    assert value == 1.0
    assert high - low == pytest.approx(2 * stats.t.ppf(0.95, 1) * 0.2 / np.sqrt(2))


def test_equal_exact_values_have_no_spread() -> None:
    assert mean_with_interval(np.full(3, 0.1), np.zeros(3)) == (pytest.approx(0.1),) * 3 + (0.0,)
    assert mean_with_interval(np.zeros(3), np.zeros(3)) == (0.0, 0.0, 0.0, 1.0)


def test_the_error_of_the_fits_reaches_the_interval() -> None:
    """Where no input has a term, the others' errors still say how surely it is absent."""

    def noisy(seed: int) -> ip.Explanation:
        def game(masks: np.ndarray) -> np.ndarray:
            odd = np.sin(1e4 * (masks @ np.sqrt(np.arange(2, 14) + seed)))
            return 3.0 * masks[:, 0] + masks[:, 1] + 0.5 * odd

        return ip.explain(game, [f"w{i}" for i in range(12)], budget=200, store=None, seed=seed)

    inputs = many(noisy(0), noisy(1))
    row = inputs.aggregate()["w0"]
    own = [found.interactions("BII", 1).errors[(0,)] for found in inputs]
    half = stats.t.ppf(0.95, 1) * np.sqrt(np.mean(np.square(own)) / 2)
    assert (row.high - row.low) / 2 >= half * (1 - 1e-9)
    assert row.low < 3.0 < row.high


def test_q_is_that_of_benjamini_and_hochberg_over_all_that_was_looked_at() -> None:
    rng = np.random.default_rng(3)
    words = ["a", "b", "c", "d", "e"]
    inputs = many(
        *(
            explained(words, {(0, 1): 2 + rng.normal(), (1, 2): rng.normal(), (3,): rng.normal()})
            for _ in range(6)
        )
    )
    shared = inputs.aggregate()
    assert shared.looked_at == {1: 5, 2: 10}
    pairs = [row for row in shared if row.order == 2]
    p = [row.p for row in pairs] + [1.0] * (10 - len(pairs))
    expected = stats.false_discovery_control(p)[: len(pairs)]
    assert [row.q for row in pairs] == pytest.approx(expected)
    assert any("5 units and 10 pairs occur in 2 inputs" in note for note in shared.notes)


def test_chance_finds_are_rare_under_q() -> None:
    """200 sets that do nothing, over 10 inputs: q at most 0.1 in about one run of ten."""
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(400):
        values = rng.normal(size=(200, 10))
        p = np.sort([mean_with_interval(row, np.zeros(10))[3] for row in values])
        wrong += bool((p * 200 / np.arange(1, 201) <= 0.1).any())
    assert wrong / 400 <= 0.1 + 3 * np.sqrt(0.09 / 400)


def test_rows_rank_by_what_is_sure() -> None:
    inputs = many(
        explained(["a", "b", "c"], {(0,): 1.0, (1,): 0.9, (2,): 0.1}),
        explained(["a", "b", "c"], {(0,): 1.01, (1,): 4.0, (2,): 0.3}),
        explained(["a", "b", "c"], {(0,): 1.02, (1,): 0.1, (2,): -0.1}),
    )
    assert [row.labels for row in inputs.aggregate(order=1)] == [("a",), ("b",), ("c",)]


# ---- the collection itself


def test_a_sequence_with_ids_and_failures(negations: Explanations) -> None:
    inputs = Explanations({**negations.results, "gone": "the model is not there"})
    assert len(inputs) == 4
    assert inputs[0] is inputs["i1"] is next(iter(inputs))
    assert inputs[-1] is inputs["i4"]
    assert inputs[1:3].ids == ("i2", "i3")
    assert inputs.failures == {"gone": "the model is not there"}
    assert repr(inputs) == "<Explanations of 4 inputs, 1 failed>"
    with pytest.raises(KeyError, match=r"'gone' failed: the model is not there"):
        _ = inputs["gone"]
    with pytest.raises(KeyError, match=r"no input 'x'"):
        _ = inputs["x"]


def test_what_is_saved_is_loaded(negations: Explanations, tmp_path: Path) -> None:
    inputs = Explanations({**negations.results, "gone": "no model"})
    path = inputs.save(tmp_path / "runs.json")
    loaded = Explanations.load(path)
    assert loaded.to_dict() == inputs.to_dict() == json.loads(path.read_text("utf-8"))
    assert loaded.ids == inputs.ids
    assert loaded.failures == inputs.failures
    assert list(loaded.aggregate()) == list(inputs.aggregate())
    with pytest.raises(ip.BadInput, match=r"saved as \.json; got .*runs\.pkl"):
        inputs.save(tmp_path / "runs.pkl")
    with pytest.raises(ip.BadInput, match=r"cannot write .*runs\.json: No such file"):
        inputs.save(tmp_path / "no" / "runs.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"no such file of runs"),
        ("{", r"cannot be read as JSON"),
        ("[]", r'not a file of runs: it lacks "format": "interplay.runs"'),
        ('{"format": "interplay.run"}', r"not a file of runs"),
        ('{"format": "interplay.runs", "version": 9}', r"version 9 .*Install a newer"),
        ('{"format": "interplay.runs", "version": 1}', r'"inputs" must be a list'),
        ('{"format": "interplay.runs", "version": 1, "inputs": [3]}', r"damaged, input 1"),
        ('{"format": "interplay.runs", "version": 1, "inputs": [{"id": "a"}]}', r"input 1"),
        (
            '{"format": "interplay.runs", "version": 1, "inputs": [{"id": "a", "run": {}}]}',
            r"input 1",
        ),
        (
            '{"format": "interplay.runs", "version": 1, "inputs": ['
            '{"id": "a", "error": "x"}, {"id": "a", "error": "y"}]}',
            r"two inputs have the id 'a'",
        ),
    ],
)
def test_damaged_files_say_so(text: str | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "runs.json"
    if text is not None:
        path.write_text(text, "utf-8")
    with pytest.raises(ip.BadInput, match=message):
        Explanations.load(path)


def test_a_table_becomes_a_dataframe(negations: Explanations) -> None:
    shared: Aggregated = negations.aggregate()
    frame = shared.to_dataframe()
    assert list(frame["labels"]) == [row.labels for row in shared]
    assert set(frame) >= {"value", "low", "high", "inputs", "agreement", "q"}
