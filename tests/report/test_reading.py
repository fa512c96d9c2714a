"""A summary put into words: phrases in the order of the text, shades, what it cost."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from run_summaries import callable_summary, text_summary

from interplay.errors import BadInput
from interplay.report.reading import LEVELS, Reading


def words(run: Reading, features: list[int]) -> str:
    return "".join(part.gap + part.name for part in run.phrase(features))


@given(st.text(alphabet="ab .,\n'", max_size=60))
def test_pieces_are_the_text(text: str) -> None:
    run = Reading(text_summary(f"one {text} two"))
    assert run.kind == "text"
    assert "".join(piece.text for piece in run.pieces) == f"one {text} two"
    units = [piece.feature for piece in run.pieces if piece.feature is not None]
    assert units == list(range(len(run.features)))


def test_phrases_read_as_in_the_text() -> None:
    run = Reading(text_summary("It never, ever\n fails: not bad (at all) ever"))
    assert words(run, [3, 1]) == "never … fails"
    assert words(run, [1, 2]) == "never, ever"
    assert words(run, [2, 3]) == "ever fails"
    assert words(run, [5, 6, 7]) == "bad (at all"
    assert words(run, []) == ""
    assert words(Reading(callable_summary(["age", "income", "x"])), [2, 0]) == "age × x"


def test_words_that_occur_twice_are_numbered() -> None:
    run = Reading(text_summary("Not bad, not at all bad."))
    assert run.occurrences == [1, 1, 2, 0, 0, 2]


def test_a_lone_word_drops_its_punctuation() -> None:
    summary = text_summary("It never fails to impress.")
    summary["features"][-1] = "impress."
    summary["subject"]["spans"][-1][1] += 1
    run = Reading(summary)
    assert words(run, [1, 4]) == "never … impress"
    summary["features"][-1] = "..."
    assert Reading(summary).name(4) == "..."
    summary["subject"]["units"] = "sentence"
    summary["features"][-1] = "Impressed?"
    assert Reading(summary).name(4) == "Impressed?"


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=8))
def test_shades_follow_the_effects(effects: list[float]) -> None:
    summary = callable_summary([str(i) for i in range(len(effects))])
    summary["targets"][0]["main_effects"] = effects
    run = Reading(summary)
    levels = [run.level(i) for i in range(len(effects))]
    for effect, level in zip(effects, levels, strict=True):
        assert abs(level) <= LEVELS
        assert level * effect >= 0
    ranked = sorted(zip(effects, levels, strict=True))
    assert [level for _, level in ranked] == sorted(levels)
    if max(map(abs, effects)) > 0:
        assert max(map(abs, levels)) == LEVELS


def test_strongest() -> None:
    summary = callable_summary(list("abcd"))
    summary["targets"][0]["main_effects"] = [0.5, -2.0, 0.0, 1.0]
    run = Reading(summary)
    assert (run.strongest(1, 9), run.strongest(-1, 9), run.strongest(1, 1)) == ([3, 0], [1], [3])


@pytest.mark.parametrize(
    ("calls", "reused", "words"),
    [
        (500, 0, "500 calls"),
        (1, 0, "1 call"),
        (380, 120, "380 calls, 120 stored evaluations reused"),
        (0, 1500, "no calls, 1,500 evaluations at hand"),
    ],
)
def test_cost(plain_run: dict[str, Any], calls: int, reused: int, words: str) -> None:
    plain_run["cost"].update(calls=calls, reused=reused)
    assert Reading(plain_run).calls == words


def test_configuration_says_what_chose_what(plain_run: dict[str, Any]) -> None:
    told = dict(Reading(plain_run).configuration)
    assert told["method"] == "auto, which chose proxyspex"
    plain_run["config"].update(method="lasso", store=None, budget=None)
    plain_run["targets"][0]["fitted"] = "lasso"
    told = dict(Reading(plain_run).configuration)
    assert (told["method"], told["store"], told.get("budget")) == ("lasso", "none", None)


@pytest.mark.parametrize(
    ("verdict", "measured", "told"),
    [
        ("trust", {"distribution": "exact"}, "the effects of the features add up."),
        ("trust", {"value": 0.999}, "the effects of the features add up."),
        ("trust", {"value": 0.88}, "add up to a prediction of 88 % of the variation. The rest is"),
        ("do not trust", {"value": 0.02}, "does not mean that there is none"),
        ("do not trust", {"value": None, "low": None}, "does not mean that there is none"),
    ],
)
def test_finding_nothing_is_no_proof(
    plain_run: dict[str, Any], verdict: str, measured: dict[str, Any], told: str
) -> None:
    plain_run["targets"][0]["top"] = []
    plain_run["targets"][0]["trust"]["verdict"] = verdict
    plain_run["targets"][0]["faithfulness"].update(measured)
    assert told in Reading(plain_run).nothing_together


def test_the_trust_sentence_is_not_repeated(plain_run: dict[str, Any]) -> None:
    others = plain_run["targets"][0]["diagnostics"]
    plain_run["targets"][0]["diagnostics"] = [plain_run["targets"][0]["trust"]["sentence"], *others]
    assert Reading(plain_run).diagnostics == others


def test_energy_is_in_order(plain_run: dict[str, Any]) -> None:
    plain_run["targets"][0]["energy"] = {"10": 0.1, "2": 0.9}
    assert Reading(plain_run).energy == [(2, 0.9, "90 %"), (10, 0.1, "10 %")]


def test_other_files_are_refused() -> None:
    with pytest.raises(BadInput, match=r"this is not the summary of a run: its .format. is 'x'"):
        Reading({"format": "x"})
