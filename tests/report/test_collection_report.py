"""Many inputs: an index, what they have in common, a page each; the same in 80 columns."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from run_summaries import callable_summary, text_summary

from interplay.errors import BadInput
from interplay.report import collection, collection_terminal

HOSTILE = '<script>alert("x")</script>'
VOID = ["meta", "br", "hr", "img", "input", "link", "col"]


class Page(HTMLParser):
    """Tags that match, and the text outside of scripts and styles."""

    closed = ("rect", "line", "circle", "path")  # which our templates write as one tag

    def __init__(self, document: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self.feed(document)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in (*VOID, *self.closed):
            self.open.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
        elif self.open and self.open[-1] != "style":
            self.text += data


def judged(run: dict[str, Any], verdict: str) -> dict[str, Any]:
    for part in (run, *run.get("targets", [])):
        part["trust"] = {**part["trust"], "verdict": verdict}
    return run


def row(labels: list[str], value: float, half: float, **more: Any) -> dict[str, Any]:
    told = {
        "labels": labels,
        "value": value,
        "low": value - half,
        "high": value + half,
        "inputs": 2,
        "found": 2,
        "agree": 2,
        "p": 0.01,
        "q": 0.05,
        "values": {"first": value - 0.1, "second": value + 0.1},
        "sentence": f"In 2 of the 2 inputs with {' and '.join(labels)} it happens, 90 % sure.",
    }
    return told | more


@pytest.fixture
def content() -> dict[str, Any]:
    return {
        "format": "interplay.runs",
        "version": 1,
        "inputs": [
            {"id": "first", "run": text_summary("The film is not bad at all, a joy.", seed=1)},
            {"id": "lost", "error": f"the model failed on {HOSTILE}"},
            {
                "id": "second",
                "run": judged(text_summary("A slow and clumsy thing.", seed=2), "do not trust"),
            },
            {"id": "third", "run": judged(callable_summary(["a", "b", "c", "d"]), "trust in part")},
        ],
        "aggregated": [
            {
                "by": "unit",
                "index": "BII",
                "target": "logit:positive",
                "level": 0.9,
                "inputs": ["first", "second"],
                "looked_at": {"1": 4, "2": 6},
                "notes": ["6 pairs were looked at."],
                "rows": [
                    row(["not", "bad"], 1.1, 0.3),
                    row(["bad"], -0.8, 0.2),
                    row(["slow", "thing"], 0.2, 0.4, agree=1),
                    row([HOSTILE, "thing"], -0.1, 0.05, q=1.0),
                ],
            }
        ],
    }


def shown(content: dict[str, Any], width: int = 80, **options: Any) -> str:
    stream = StringIO()
    console = Console(file=stream, width=width, highlight=False, no_color=True)
    collection_terminal.show(content, console, **options)
    return stream.getvalue()


def test_one_file_that_needs_nothing_else(content: dict[str, Any], tmp_path: Path) -> None:
    path = collection.write(content, tmp_path / "many.html")
    document = path.read_text("utf-8")
    for tag, attributes in Page(document).tags:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form")
        assert not {"src", "action", "data"} & attributes.keys()
        assert (attributes.get("href") or "#").startswith("#"), "links stay in the page"
        assert not [name for name in attributes if name.startswith("on")]
    assert not re.search(r"url\(|fetch\(|XMLHttp|WebSocket|@import", document)
    assert set(re.findall(r"https?://[^\s\"')]+", document)) <= {"http://www.w3.org/2000/svg"}
    assert "default-src 'none'" in document
    assert "prefers-color-scheme: dark" in document


def test_style_and_script_are_there_once(content: dict[str, Any]) -> None:
    content["aggregated"] = []
    one = collection.render({**content, "inputs": content["inputs"][:1]})
    all_of_them = collection.render(content)
    for mark in (".verdict .badge {", "function describe(", "--up-fill: #f08a2c; --down: #1c5d9f"):
        assert all_of_them.count(mark) == one.count(mark) >= 1, f"{mark} is repeated"
    assert all_of_them.count("shadowrootmode") == 3, "one report for each run"


def test_the_index_says_how_far_to_trust_what_it_cost_and_what_failed(
    content: dict[str, Any],
) -> None:
    words = " ".join(Page(collection.render(content)).text.split())
    assert "3 inputs explained. Trust 1 of them, 1 in part, 1 not at all; 1 more input failed." in (
        words
    )
    assert "1,140 calls, 360 stored evaluations reused" in words
    assert f"lost the model failed on {HOSTILE}" in words
    assert "logit:positive (2 inputs), value (1 input)" in words
    assert "Explain all inputs for one target" in words


def test_each_input_has_a_page_and_a_link(content: dict[str, Any]) -> None:
    page = Page(collection.render(content))
    links = [a["href"] for tag, a in page.tags if tag == "a" and a.get("href", "#") != "#"]
    sources = [a["data-page"] for tag, a in page.tags if tag == "template" and "data-page" in a]
    assert links == [f"#input-{place}" for place in sources] == ["#input-0", "#input-2", "#input-3"]
    data = json.loads(page.scripts[-2])
    assert data["ids"] == ["first", "lost", "second", "third"]
    assert data["rows"][0] == [[2, "+1.20"], [0, "+1.00"]], "the strongest first"


def test_what_is_common_is_a_table_with_a_finding(content: dict[str, Any]) -> None:
    document = collection.render(content)
    words = " ".join(Page(document).text.split())
    assert "In 2 of the 2 inputs with not and bad it happens, 90 % sure." in words
    assert "+0.80 to +1.40" in words
    assert "2 of 2" in words
    assert "6 pairs were looked at." in words
    kinds = re.findall(r'<tr class="(up|down)( unclear)?">', document)
    assert kinds == [("up", ""), ("up", " unclear"), ("down", " unclear"), ("down", "")]


def test_where_nothing_is_clear_it_says_so(content: dict[str, Any]) -> None:
    for one in content["aggregated"][0]["rows"]:
        one["q"] = 1.0
    assert "No combination stands out" in collection.render(content)
    assert "No combination stands out" in shown(content)


def test_nothing_in_common_is_no_error(content: dict[str, Any]) -> None:
    content["aggregated"][0]["rows"] = []
    assert "No combination occurs in two or more inputs" in collection.render(content)
    content["aggregated"] = []
    assert "What acts together, over" not in collection.render(content)
    assert "3 inputs explained" in shown(content)


def test_a_run_with_several_targets_has_a_page_with_all_of_them(content: dict[str, Any]) -> None:
    run = text_summary("The film is not bad at all.")
    second = {**run["targets"][0], "target": "prob:other"}
    run["targets"] = [run["targets"][0], judged(second, "do not trust")]
    run["trust"] = {**run["trust"], "verdict": "do not trust"}
    alone = {**content, "inputs": [{"id": "two", "run": run}], "aggregated": []}
    document = collection.render(alone)
    page = Page(document)
    assert "targets" in [a.get("class") for tag, a in page.tags if tag == "nav"]
    assert "logit:positive, prob:other" in page.text
    assert 'class="mark do-not-trust"' in document, "the least trusted target tells"
    assert "different targets" not in page.text, "each input has them all"
    assert "✕ two" in shown(alone)


def test_failures_alone_can_be_shown(content: dict[str, Any]) -> None:
    alone = {**content, "inputs": content["inputs"][1:2], "aggregated": []}
    assert "0 inputs explained. There is nothing to trust; 1 input failed." in shown(alone)
    assert "What failed" in collection.render(alone)


def test_everything_is_escaped(content: dict[str, Any]) -> None:
    content["inputs"][0]["id"] = HOSTILE
    content["aggregated"] = []
    content["inputs"].append({"id": "h", "run": text_summary(f"not {HOSTILE} bad at all")})
    assert "<script>alert" not in collection.render(content)


def test_pages_list_the_strongest_terms_only(content: dict[str, Any]) -> None:
    long = text_summary(" ".join(f"word{i}" for i in range(40)), pairs=150)
    content["inputs"] = [{"id": "long", "run": long}]
    content["aggregated"] = []
    document = collection.render(content)
    rows = re.findall(r"<tr data-f=", document)
    assert 0 < len(rows) <= collection.PAGE_TERMS
    assert f"list the {collection.PAGE_TERMS} strongest" in document


def test_fifty_inputs_make_a_small_file(content: dict[str, Any]) -> None:
    text = "The dinner scene is not bad, and the ending is warm, but it never moves me at all."
    runs = [{"id": f"p{i}", "run": text_summary(text, seed=i, pairs=150)} for i in range(50)]
    size = len(collection.render({**content, "inputs": runs, "aggregated": []}).encode())
    assert size < 50 * 32_000


def test_a_strange_mapping_is_refused(tmp_path: Path, content: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=r'"format" is None and should be "interplay\.runs"'):
        collection.render({})
    with pytest.raises(BadInput, match=r"cannot be written to .*name a file in a folder"):
        collection.write(content, tmp_path / "no" / "many.html")
    with pytest.raises(BadInput):
        collection.render({**content, "inputs": [{"id": "x", "run": {}}]})
    with pytest.raises(BadInput, match=r"damaged or edited: KeyError: 'first'"):
        collection.render({**content, "inputs": content["inputs"][2:]})


@pytest.mark.parametrize("width", [80, 120])
def test_the_terminal_view_fits_and_says_the_same(content: dict[str, Any], width: int) -> None:
    told = shown(content, width)
    assert max(map(len, told.splitlines())) <= width
    assert told.startswith("✓ 1 trust   ◐ 1 trust in part   ✕ 1 do not trust   ! 1 failed\n")
    assert "not × bad" in told
    assert "2 of 2" in told
    assert "✕ second" in told
    assert "What failed" in told
    assert "6 pairs were looked at." in told


def test_many_inputs_are_cut_to_those_that_need_a_look(content: dict[str, Any]) -> None:
    runs = [{"id": f"p{i}", "run": text_summary("not bad at all", seed=i)} for i in range(30)]
    judged(runs[29]["run"], "do not trust")
    told = shown({**content, "inputs": content["inputs"][:3] + runs}, top=1)
    assert "✕ p29" in told
    assert "✓ p16" in told
    assert "p17" not in told
    assert "and 12 more, that are no less to be trusted" in told
    assert "and 2 weaker or less certain ones" in told


def test_control_characters_do_not_reach_the_terminal(content: dict[str, Any]) -> None:
    content["inputs"][1]["error"] = "\x1b[2J gone"
    content["inputs"][0]["id"] = "\x1b[31mred"
    content["aggregated"] = []
    assert "\x1b" not in shown(content)
