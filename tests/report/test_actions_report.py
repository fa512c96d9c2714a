"""Flips, prunings, selections and counterfactuals in the report and in the terminal."""

from __future__ import annotations

import io
import json
import random
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from actions_made import (
    alternatives,
    counterfactuals_of,
    flip_of,
    pruning_of,
    selection_of,
    transfers,
)
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from run_summaries import callable_summary, text_summary
from test_html import HOSTILE, Page
from test_image_report import image_summary

from interplay.actions.flip.rates import Rate
from interplay.errors import BadInput
from interplay.report import html, terminal
from interplay.report.action_choices import Grid, PruneAction, SelectAction
from interplay.report.action_flip import AROUND, LONG, FlipAction
from interplay.report.actions import action_of
from interplay.report.dots import Dot, Dots
from interplay.report.network import Cell, NetworkDrawing
from interplay.report.phrases import Piece
from interplay.report.reading import Reading

TEXT = "The acting is not bad at all, and the plot never fails."
FEATURES = [f"part {i}" for i in range(12)]

MADE: dict[str, Callable[[list[str]], Any]] = {
    "flip": lambda names: flip_of(
        names,
        (3,),
        alternatives=alternatives(names, (4,), (1, 2)),
        inputs=transfers(),
        rate_before=Rate(20, 20),
        rate_after=Rate(2, 20),
        text="The acting is bad",
    ),
    "no flip": lambda names: flip_of(
        names,
        (3, 4),
        found=False,
        after=1.0,
        minimal=False,
        irreducible=False,
        tried=60,
        smaller=78,
    ),
    "nothing tried": lambda names: flip_of(
        names, (), found=False, after=None, predicted=None, threshold=None, tried=0
    ),
    "prune": lambda names: pruning_of(names, 6, 9),
    "select": lambda names: selection_of(names, 6),
    "counterfactuals": lambda names: counterfactuals_of(names, (0, 1), (2, 5)),
}


def with_actions(summary: dict[str, Any], *actions: Any) -> dict[str, Any]:
    told = [one if isinstance(one, dict) else one.to_dict() for one in actions]
    for one in told:
        one["target"] = one["target"].replace("value", summary["targets"][0]["target"])
    summary["actions"] = json.loads(json.dumps(told))
    return summary


def words(summary: dict[str, Any]) -> str:
    return " ".join(Page(html.render(summary)).text.split())


def printed(summary: dict[str, Any], width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False, no_color=True)
    terminal.show(summary, console)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


# ---- what is seen


@pytest.mark.parametrize("name", MADE)
def test_each_result_says_its_sentence_and_its_cost(name: str) -> None:
    summary = with_actions(callable_summary(FEATURES), MADE[name](FEATURES))
    document, told = html.render(summary), words(summary)
    (action,) = Reading(summary).actions
    for sentence in action.sentences:  # type: ignore[union-attr]
        assert " ".join(sentence.split()) in told
    assert action.cost in told  # type: ignore[union-attr]
    assert not re.search(r"url\(|https?://(?!www.w3.org)", document)
    flat = " ".join(printed(summary).split())
    assert " ".join(action.sentences[0].split()) in flat  # type: ignore[union-attr]
    assert max(map(len, printed(summary).splitlines())) <= 80


def test_without_actions_nothing_is_said() -> None:
    summary = callable_summary(FEATURES)
    before = html.render(summary)
    assert 'class="actions"' not in before
    assert html.render({**summary, "actions": []}) == before


def test_the_text_of_a_flip_has_its_words_struck_out() -> None:
    summary = text_summary(TEXT)
    names = summary["features"]
    place = names.index("not")
    summary = with_actions(summary, flip_of(names, (place,)))
    document = html.render(summary)
    assert "The acting is <del>not</del> bad at all" in document
    (action,) = Reading(summary).actions
    assert isinstance(action, FlipAction)
    assert [dot.words for dot in action.plot.rows] == ["3.7", "−2.2"]
    assert action.plot.beyond == -1, "the other decision is below the threshold"
    told = words(summary)
    for expected in ("decision changed", "verified by 34 real calls", "the smallest there is"):
        assert expected in told
    assert "predicted −1.9" in told
    assert "threshold 0" in told
    replaced = flip_of(names, (place,), verb="replaced", replaced_by=("very",))
    document = html.render(with_actions(summary, replaced))
    assert "The acting is <del>not</del><ins>very</ins> bad" in document


@pytest.mark.parametrize("caption", [False, True])
def test_regions_that_were_removed_are_crossed_out(caption: bool) -> None:
    summary = image_summary(words=caption)
    names = summary["features"]
    removed = (1, 4, 7) if caption else (1, 4)
    summary = with_actions(summary, flip_of(names, removed, noun="region"))
    page = Page(html.render(summary))
    drawings = [
        v for tag, v in page.tags if tag == "svg" and "crossed out" in str(v.get("aria-label"))
    ]
    assert len(drawings) == 1
    assert "row 1, column 2, row 2, column 2" in str(drawings[0]["aria-label"])
    paths = [
        v["d"] for tag, v in page.tags if tag == "path" and "data-i" not in v and "class" not in v
    ]
    run = Reading(summary)
    assert run.drawing is not None
    assert paths == [run.drawing.shapes[i] for i in (1, 4)]
    assert ("<del>dog,</del>" in html.render(summary)) == caption


def test_what_was_not_found_is_said_as_plainly() -> None:
    told = words(with_actions(callable_summary(FEATURES), MADE["no flip"](FEATURES)))
    assert "✕no flip found" in told
    assert "verified" not in told
    assert "60 of 78 sets of at most 20 words were tried" in told
    told = words(with_actions(callable_summary(FEATURES), MADE["nothing tried"](FEATURES)))
    assert "No set was tried." in told


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"minimal": True}, "the smallest there is"),
        ({"minimal": False}, "no word of it can be put back"),
        ({"minimal": False, "irreducible": False}, "not shown to be the smallest"),
        ({"calls": 0}, "verified by 12 stored evaluations of the model"),
        ({"calls": 1}, "verified by 1 real call "),
        ({"fingerprint": "other"}, "Asked of another model, or with another ablation"),
        ({"stopped": "the budget is spent"}, "The search ended early: the budget is spent"),
        ({"threshold": None}, "dot, measured; diamond, what the spectrum alone had said."),
    ],
)
def test_how_sure_a_flip_is(changes: dict[str, Any], expected: str) -> None:
    made = flip_of(FEATURES, (3, 4), **changes)
    assert expected in words(with_actions(callable_summary(FEATURES), made))


def test_rates_and_other_inputs() -> None:
    summary = with_actions(callable_summary(FEATURES), MADE["flip"](FEATURES))
    (action,) = Reading(summary).actions
    assert isinstance(action, FlipAction)
    assert action.rates is not None
    rows = {dot.name: (dot.value, dot.aside) for dot in action.rates.rows}
    assert rows == {
        "before": (1.0, "20 of 20"),
        "after": (0.1, "2 of 20"),
        "other inputs, before": (1.0, "2 of 2"),
        "other inputs, after": (0.5, "1 of 2"),
    }
    assert action.inputs == [
        ("first", "3", "−1", "changed"),
        ("second", "2", "1", "stays"),
        ("third", "–", "–", "cannot be edited so"),
    ]
    assert "part 1 + part 2 −0.5" in words(summary)
    (alone,) = Reading(with_actions(summary, flip_of(FEATURES, (3,)))).actions
    assert alone.rates is None  # type: ignore[union-attr]


def test_the_rivals_of_a_pruning_are_drawn_around_the_choice() -> None:
    found = pruning_of(FEATURES, 6, 9)
    action = action_of(json.loads(json.dumps(found.to_dict())), FEATURES)
    assert isinstance(action, PruneAction)
    for contest, told in zip(action.contests, found.contests, strict=True):
        ours, *rivals = contest.plot.rows
        assert (ours.value, ours.low, ours.high) == (told.best.test, told.best.low, told.best.high)
        for dot, difference in zip(rivals, told.differences, strict=True):
            assert dot.name == difference.method
            assert dot.low is not None
            assert dot.high is not None
            assert ours.value - dot.value == pytest.approx(difference.value)
            clear = not dot.low <= ours.value <= dot.high
            assert clear == difference.clear == dot.aside.endswith("✱")
        assert contest.kept == set(told.best.kept)
        names = action.names(contest, kept=False)
        assert names == [FEATURES[i] for i in range(12) if i not in told.best.kept]
    told_words = words(with_actions(callable_summary(FEATURES), found))
    assert "verified on 20 test prompts that no choice has seen" in told_words
    assert "attribution-patching was left out: the budget does not reach." in told_words


def test_a_checkpoint_and_the_command_are_told() -> None:
    told = pruning_of(FEATURES, 6).to_dict()
    told["checkpoint"] = {"sentence": "3 heads are gone.", "folder": "a/pruned"}
    told["command"] = "interplay prune run.json --keep 6"
    shown = words(with_actions(callable_summary(FEATURES), told))
    assert "3 heads are gone. It is in a/pruned." in shown
    assert "Made by interplay prune run.json --keep 6" in shown


def test_the_grid_has_a_square_for_each_part() -> None:
    cells = [Cell(i, i // 4, i % 4, str(i % 4)) for i in range(12)]
    network = NetworkDrawing(
        {},
        [0, 1, 2],
        [("head", i) for i in range(4)],
        cells,
        None,  # type: ignore[arg-type]
    )
    grid = Grid.of(network, frozenset({0, 5, 11}))
    assert grid.kept.count("z") == 3
    assert grid.gone.count("z") == 9
    assert [label.words for label in grid.labels] == ["0", "1", "2", "3", "L0", "L1", "L2"]
    many = [Cell(i, i // 40, i % 40, "") for i in range(1600)]
    wide = NetworkDrawing(
        {},
        list(range(40)),
        [("head", i) for i in range(40)],
        many,
        None,  # type: ignore[arg-type]
    )
    grid = Grid.of(wide, frozenset())
    assert len(grid.labels) == 40, "every other row and column is named"
    assert len(grid.gone) < 60 * 1600


def test_what_a_selection_drops_is_counted_by_reason() -> None:
    found = selection_of(FEATURES, 6)
    action = action_of(json.loads(json.dumps(found.to_dict())), FEATURES)
    assert isinstance(action, SelectAction)
    assert sum(reason.total for reason in action.reasons) == 6
    for reason in action.reasons:
        for i in reason.first:
            assert not found.reasons[i].keep
            repeats = found.reasons[i].repeats
            assert (repeats is not None) == (reason.why == "repeats one that is kept")
            assert action.repeats(i) == repeats
        gains = [found.reasons[i].gain for i in reason.first]
        assert gains == sorted(gains, key=lambda gain: gain or 0.0)
    shown = words(with_actions(callable_summary(FEATURES), found))
    assert "verified on 20 holdout examples" in shown
    assert "6 of 12 kept" in shown
    assert "interplay select RUN.json --save keep.csv" in shown
    saved = {**found.to_dict(), "saved": "lists/keep.csv"}
    assert "is in lists/keep.csv." in words(with_actions(callable_summary(FEATURES), saved))
    other = selection_of(FEATURES, 6, verified=False, lower_is_better=True, spread=None)
    shown = words(with_actions(callable_summary(FEATURES), other))
    assert "✕not verified: there are no holdout examples" in shown
    assert "margin on the targets, lower is better" in shown


def test_counterfactuals_stand_beside_their_predictions() -> None:
    shown = words(with_actions(callable_summary(FEATURES), MADE["counterfactuals"](FEATURES)))
    assert "measured by 100 real calls" in shown
    assert "part 0 × part 1 +0.600 predicted +0.500" in shown
    assert "part 2 × part 5 −0.400 predicted +0.500 ✕ other sign" in shown


def test_each_target_tells_of_its_own() -> None:
    summary = callable_summary(FEATURES)
    summary["targets"].append({**summary["targets"][0], "target": "other"})
    told = [
        flip_of(FEATURES, (3,)).to_dict(),
        flip_of(FEATURES, (4,), target="other").to_dict(),
        flip_of(FEATURES, (5,), target="value, other").to_dict(),
    ]
    summary["actions"] = told
    first, second = Reading.each(summary)
    assert [one.names for one in first.actions] == [["part 3"], ["part 5"]]  # type: ignore[union-attr]
    assert [one.names for one in second.actions] == [["part 4"]]  # type: ignore[union-attr]
    page = Page(html.render(summary))
    identifiers = [values["id"] for _, values in page.tags if "id" in values]
    assert len(set(identifiers)) == len(identifiers)
    assert printed(summary).count("changes the decision") == 3


def test_it_can_be_read_aloud() -> None:
    made = [one(FEATURES) for one in MADE.values()]
    page = Page(html.render(with_actions(callable_summary(FEATURES), *made)))
    labelled = [str(v["aria-labelledby"]) for _, v in page.tags if "aria-labelledby" in v]
    identifiers = [str(values["id"]) for _, values in page.tags if "id" in values]
    assert set(labelled) <= set(identifiers)
    assert len(set(identifiers)) == len(identifiers)
    headings = [tag for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    for above, below in pairwise(headings):
        assert int(below[1]) <= int(above[1]) + 1


# ---- what it must survive


def test_hostile_names_stay_words() -> None:
    names = [f"{HOSTILE}\"'><img src=x onerror={i}> \u202e مرحبا 😀" for i in range(12)]
    summary = callable_summary(names)
    for make in MADE.values():
        page = Page(html.render(with_actions(summary, make(names))))
        assert not [tag for tag, _ in page.tags if tag == "img"]
        assert len(page.scripts) == 2
    told = flip_of(names, (3,), verb="replaced", replaced_by=(HOSTILE,)).to_dict()
    told |= {"sentence": HOSTILE, "evidence": [HOSTILE], "command": HOSTILE}
    told["inputs"] = [{"id": HOSTILE, "before": 1.0, "after": None, "words": HOSTILE}]
    page = Page(html.render(with_actions(summary, told)))
    assert len(page.scripts) == 2
    assert "\x1b" not in printed(with_actions(summary, {**told, "sentence": "\x1b[2J"}))


def test_a_name_of_a_hundred_thousand_characters() -> None:
    names = ["x" * 100_000, *FEATURES[1:]]
    summary = callable_summary(names)
    plain = len(html.render(summary))
    for name in ("flip", "prune", "select"):
        assert len(html.render(with_actions(summary, MADE[name](names)))) < plain + 30_000


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda told: told.update(format="interplay.dance"), "its format is 'interplay.dance'"),
        (lambda told: told.update(version=2), "version 2 of the format interplay.flip"),
        (lambda told: told.update(version=True), "version True of the format"),
        (lambda told: told.update(before="3"), "before is '3', and should be a finite number"),
        (lambda told: told.update(after=float("inf")), "after is inf"),
        (lambda told: told.pop("threshold"), "lacks threshold"),
        (lambda told: told.update(features=[99]), "should be the number of a feature"),
        (lambda told: told.update(names=["a", "b"]), "not as many names as features"),
        (lambda told: told.update(n=5), "it is of 5 features, and the run has 12"),
        (lambda told: told.update(inputs={}), "should be a list"),
        (lambda told: told.update(alternatives=["x"]), "should be a mapping"),
        (lambda told: told.update(rate_before={"count": 1, "total": 2}), "should be a rate"),
    ],
)
def test_what_is_damaged_is_said(change: Callable[[dict[str, Any]], Any], reason: str) -> None:
    told = flip_of(FEATURES, (3,)).to_dict()
    change(told)
    with pytest.raises(BadInput, match=re.escape(reason)):
        action_of(told, FEATURES)
    summary = {**callable_summary(FEATURES), "actions": [told]}
    assert "A result that cannot be shown" in words(summary)
    assert "A result that cannot be shown" in " ".join(printed(summary).split())


@pytest.mark.parametrize("actions", [None, {}, "text", 3, [None, [], 3, {"format": []}]])
def test_what_is_no_list_of_results(actions: Any) -> None:
    summary = {**callable_summary(FEATURES), "actions": actions}
    shown = words(summary)
    assert shown.count("A result that cannot be shown") == (4 if isinstance(actions, list) else 0)


JUNK = (None, True, -1, 10**400, 1.5, float("nan"), "x", [], {}, [None], {"low": "x"})


def places(told: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(told, dict | list):
        for key, one in told.items() if isinstance(told, dict) else enumerate(told):
            found += places(one, (*path, key))
    return found


@pytest.mark.parametrize("name", MADE)
def test_no_change_of_a_file_breaks_the_report(name: str) -> None:
    good = json.loads(json.dumps(MADE[name](FEATURES).to_dict()))
    rng = random.Random(0)
    everywhere = places(good)
    for path in rng.sample(everywhere, min(40, len(everywhere))):
        told = json.loads(json.dumps(good))
        inside = told
        for key in path[:-1]:
            inside = inside[key]
        if rng.random() < 0.2:
            del inside[path[-1]]
        else:
            inside[path[-1]] = rng.choice(JUNK)
        summary = {**callable_summary(FEATURES), "actions": [told]}
        Page(html.fragment(summary, shared=False, what_if=False))
        printed(summary)


# ---- drawings


@given(
    st.lists(st.floats(-1e300, 1e300, allow_nan=False), min_size=1, max_size=8),
    st.floats(0.0, 1.0),
)
def test_places_on_an_axis_keep_their_order(values: list[float], share: float) -> None:
    plot = Dots("", tuple(Dot("", value, "") for value in values))
    at = [float(plot.at(value).rstrip("%")) for value in sorted(values)]
    assert at == sorted(at)
    assert all(0 <= one <= 100 for one in at)
    fixed = Dots("", plot.rows, axis=(0.0, 1.0))
    assert float(fixed.at(share).rstrip("%")) == pytest.approx(100 * share, abs=0.006)


@given(st.data())
def test_an_edited_text_is_the_text(data: st.DataObject) -> None:
    texts = data.draw(st.lists(st.text("ab \n", min_size=1, max_size=9), min_size=1, max_size=9))
    pieces = [Piece(text, k if k % 2 else None) for k, text in enumerate(texts)]
    odd = [k for k in range(len(texts)) if k % 2]
    removed = tuple(k for k in odd if data.draw(st.booleans()))
    names = [str(k) for k in range(len(texts))]
    action = FlipAction(flip_of(names, removed).to_dict())
    found = action.edited(pieces)
    assert "".join(one.text for one in found) == "".join(texts)
    assert [one.text for one in found if one.state == "removed"] == [texts[k] for k in removed]


@pytest.mark.parametrize("count", [0, 1, 7, 400])
def test_of_a_long_text_what_is_around_its_removed_words(count: int) -> None:
    rng = np.random.default_rng(count)
    texts = [("word" if k % 2 else " and so on, ") for k in range(20_001)]
    pieces = [Piece(text, k // 2 if k % 2 else None) for k, text in enumerate(texts)]
    assert sum(map(len, texts)) > LONG
    removed = tuple(sorted(rng.choice(10_000, count, replace=False).tolist()))
    names = ["word"] * 10_000
    found = FlipAction(flip_of(names, removed).to_dict()).edited(pieces)
    assert sum(one.state == "removed" for one in found) == count
    assert any(one.state == "skipped" for one in found)
    kept = sum(len(one.text) for one in found if one.state == "kept")
    assert kept <= AROUND + 60 * (count + 1)
    for before, one in pairwise(found):
        if one.state == "removed" and before.state == "kept":
            assert before.text.endswith("so on, ")
