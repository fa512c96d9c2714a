"""Files of inputs: what is read, what is refused and where, slots, and the whole command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import interplay as ip
from interplay.cli.asked import Asked
from interplay.cli.inputs import explain_inputs, read_inputs, slots_of
from interplay.cli.output import Output
from interplay.collection import Explanations
from interplay.errors import BadInput


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    path = tmp_path / "in.jsonl"
    lines = [
        {"id": "a", "text": "The film is not bad."},
        {"text": "Not a bad joy at all."},
        {"id": 7, "text": "I did not like it"},
    ]
    path.write_text("\n\n".join(map(json.dumps, lines)) + "\n", "utf-8")
    return path


def test_lines_are_read_with_their_ids(inputs: Path) -> None:
    found = read_inputs(inputs)
    assert [(one.id, one.line) for one in found] == [("a", 1), ("3", 3), ("7", 5)]
    assert found[0].text == "The film is not bad."
    assert found[0].slots is None


def test_a_byte_order_mark_and_odd_separators_are_no_trouble(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    text = "one\u2028two"
    path.write_text("\ufeff" + json.dumps({"text": text}, ensure_ascii=False) + "\r\n", "utf-8")
    assert read_inputs(path)[0].text == text


def test_a_template_is_filled_and_remembers_where(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text('{"q": "Why so, Ann?", "n": 3, "unused": [1]}', "utf-8")
    [found] = read_inputs(path, "Ask {{now}} {n}: {q} End.")
    assert found.text == "Ask {now} 3: Why so, Ann? End."
    assert found.slots == (("n", (10, 11)), ("q", (13, 25)))
    assert [found.text[a:b] for _, (a, b) in found.slots] == ["3", "Why so, Ann?"]


def test_units_belong_to_the_slot_they_share_most_with() -> None:
    filled = [("a", (4, 7)), ("b", (8, 14))]
    # "say one-twenty, too": the second unit touches both
    assert slots_of([(0, 3), (4, 15), (16, 19)], filled) == [None, "b", None]
    assert slots_of([(0, 3)], []) == [None]


@pytest.mark.parametrize(
    ("content", "template", "message"),
    [
        (b"", None, r"in.jsonl holds no input"),
        (b"\xff\xfe", None, r"in.jsonl is not UTF-8 text"),
        (b'{"text": "a b"}\n{"text": ', None, r"in.jsonl, line 2 is not JSON"),
        (b'\n["a b"]', None, r"line 2 is a list; give an object"),
        (b"3", None, r"line 1 is a number"),
        (b"null", None, r"line 1 is null"),
        (b'{"prompt": "a b", "id": "x"}', None, r'line 1 has no "text"; it has "prompt", "id"'),
        (b"{}", None, r'line 1 has no "text"; it has nothing'),
        (b'{"text": ["a"]}', None, r'line 1: "text" must be a string; it is a list'),
        (b'{"text": null}', None, r'"text" must be a string; it is null'),
        (b'{"text": "a", "id": [1]}', None, r'line 1: "id" must be a string or a whole number'),
        (b'{"text": "a", "id": true}', None, r'"id" must be a string or a whole number; got True'),
        (b'{"id": 2, "text": "a"}\n{"text": "b"}', None, r"line 2: the id '2' is that of line 1"),
        (b'{"q": "a"}', "{q} {a}", r'line 1 has no "a"; it has "q"'),
        (b'{"q": "a"}', "no field", r"has no field, such as \{question\}"),
        (b'{"q": "a"}', "{q", r"cannot be read: .*a brace itself is doubled"),
        (b'{"q": "a"}', "{}", r"not a plain name in braces.*'\{\}'"),
        (b'{"q": "a"}', "{q!r}", r"not a plain name in braces"),
        (b'{"q": "a"}', "{q.x}", r"not a plain name in braces.*'q\.x'"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(
    content: bytes, template: str | None, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=message):
        read_inputs(path, template)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"cannot read .*none.jsonl: No such file"):
        read_inputs(tmp_path / "none.jsonl")


def test_many_inputs_end_in_one_report(
    bert: Path, inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report, saved = tmp_path / "many.html", tmp_path / "many.json"
    explain_inputs(
        inputs,
        model=str(bert),
        target="logit:neutral",
        asked=Asked(budget="70", store=tmp_path / "runs.db"),
        output=Output(report=report, save=saved),
    )
    told, errors = capsys.readouterr()
    assert errors == ""
    assert "3 inputs explained" in told
    assert told.endswith(f"wrote {saved}\nwrote {report}\n")
    assert "data-page" in report.read_text("utf-8")
    found = Explanations.load(saved)
    assert found.ids == ("a", "3", "7")
    assert found.targets == {"logit:neutral": 3}
    assert all(one.config["command"] for one in found)

    explain_inputs(
        inputs,
        model=str(bert),
        target="logit:neutral",
        asked=Asked(budget="70", store=tmp_path / "runs.db"),
        output=Output(json=True),
    )
    content = json.loads(capsys.readouterr().out)
    assert content["format"] == "interplay.runs"
    assert [one["run"]["cost"]["calls"] for one in content["inputs"]] == [0, 0, 0]
    assert content["aggregated"][0]["target"] == "logit:neutral"


def test_slots_reach_the_aggregation(bert: Path, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    lines = [{"x": "not bad", "y": "film"}, {"x": "a joy", "y": "plot"}]
    path.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    saved = tmp_path / "many.json"
    explain_inputs(
        path,
        "The {y} is {x}.",
        model=str(bert),
        target="logit:neutral",
        asked=Asked(budget="40", store=tmp_path / "runs.db"),
        output=Output(save=saved),
    )
    found = Explanations.load(saved)
    assert found[0].subject["slots"] == [None, "y", None, "x", "x"]
    labels = {frozenset(row.labels) for row in found.aggregate("slot", trusted_only=False)}
    assert frozenset({"{x}", "{y}"}) in labels
    assert {table.by for table in found.tables()} == {"slot", "unit"}


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"text": "word"}, r"in.jsonl, line 2: text has one word"),
        ({"text": " "}, r"in.jsonl, line 2: text holds nothing"),
        ({"text": "much " * 500}, r"in.jsonl, line 2: .*reads at most"),
        ({"words": "a b"}, r'in.jsonl, line 2 has no "text"'),
    ],
)
def test_a_bad_line_stops_all_before_anything_is_paid_for(
    second: dict[str, str], message: str, bert: Path, tmp_path: Path
) -> None:
    path, store = tmp_path / "in.jsonl", tmp_path / "runs.db"
    path.write_text(f'{{"text": "not bad at all"}}\n{json.dumps(second)}', "utf-8")
    with pytest.raises(BadInput, match=message):
        explain_inputs(
            path, model=str(bert), target="logit:neutral", asked=Asked(budget="20", store=store)
        )
    assert not store.exists()


def test_a_budget_that_is_none_is_refused_before_the_model_is_loaded(inputs: Path) -> None:
    with pytest.raises(ip.InterplayError, match=r"budget"):
        explain_inputs(inputs, model="nowhere", asked=Asked(budget="0"))


def test_failures_are_said_and_the_others_go_on(
    bert: Path, inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A budget that is enough for the four words of one text but not for another's fit."""
    inputs.write_text('{"text": "a joy"}\n{"text": "not bad at all or so it seems"}', "utf-8")
    explain_inputs(
        inputs,
        model=str(bert),
        target="logit:neutral",
        asked=Asked(budget="5", store=tmp_path / "runs.db"),
    )
    told, errors = capsys.readouterr()
    assert "warning: input 2 failed: budget=5 is too small" in errors
    assert "1 input explained. Trust it; 1 more input failed." in told
