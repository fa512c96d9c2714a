"""The HTML report: whole, self-contained, escaped, small; what it says is what the run says."""

from __future__ import annotations

import copy
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from run_summaries import callable_summary, text_summary

from interplay.errors import BadInput
from interplay.report import html, pages

VOID = ["meta", "br", "hr", "img", "input", "link", "col", "rect", "line", "circle"]
HOSTILE = '<script>alert("x")</script>'


class Page(HTMLParser):
    """What a browser would make of the document: tags that match, words by their feature."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.words: dict[int, str] = {}
        self.text = ""
        self._word: int | None = None
        self.feed(document)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append((tag, values))
        if tag not in VOID:
            self.open.append(tag)
        if "data-i" in values:
            self._word = int(str(values["data-i"]))
            self.words[self._word] = ""
        if tag == "script":
            self.scripts.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag
        if tag in ("span", "li"):
            self._word = None

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
        elif self.open and self.open[-1] != "style":
            self.text += data
            if self._word is not None:
                self.words[self._word] += data


@pytest.fixture(params=["short_run", "long_run", "plain_run"])
def run(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = request.getfixturevalue(request.param)
    return found


def test_every_tag_is_closed_and_nothing_comes_from_elsewhere(run: dict[str, Any]) -> None:
    document = html.render(run)
    page = Page(document)
    for tag, attributes in page.tags:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base")
        assert not {"src", "href", "action", "data"} & attributes.keys()
        assert not [name for name in attributes if name.startswith("on")]
    assert "@import" not in document
    assert not re.search(r"url\(|fetch\(|XMLHttp|WebSocket", document)
    addresses = set(re.findall(r"https?://[^\s\"')]+", document))
    assert addresses <= {"http://www.w3.org/2000/svg"}, "the only address is the name of SVG"
    assert "default-src 'none'" in document


def test_how_far_to_trust_it_comes_first(run: dict[str, Any]) -> None:
    page = Page(html.render(run))
    words = " ".join(page.text.split())
    place = words.index(run["targets"][0]["trust"]["sentence"])
    title = words[: words.index("✓")]
    assert words[len(title) : place].strip() == "✓trust", "an icon and a word beside the colour"


@pytest.mark.parametrize("verdict", ["trust", "trust in part", "do not trust"])
def test_each_verdict_has_its_own_sign(short_run: dict[str, Any], verdict: str) -> None:
    short_run["targets"][0]["trust"]["verdict"] = verdict
    icon = {"trust": "✓", "trust in part": "◐", "do not trust": "✕"}[verdict]
    assert f'class="verdict {verdict.replace(" ", "-")}"' in html.render(short_run)
    assert icon in Page(html.render(short_run)).text


def test_the_text_is_whole_and_its_words_are_units(long_run: dict[str, Any]) -> None:
    document = html.render(long_run)
    page = Page(document)
    assert [page.words[i] for i in range(len(page.words))] == long_run["features"]
    assert long_run["subject"]["text"] in page.text


def test_effects_show_in_more_than_colour(short_run: dict[str, Any]) -> None:
    effects = short_run["targets"][0]["main_effects"]
    document = html.render(short_run)
    best = max(range(len(effects)), key=lambda i: effects[i])
    word = re.search(rf'<span class="w u\d"[^>]*data-i="{best}" title="\+[\d.]+"', document)
    assert word, "a class that underlines, and the value as a title"
    css = (pages.TEMPLATES / "report.css").read_text("utf-8")
    assert "underline solid" in css
    assert "underline dotted" in css


def test_the_script_knows_every_listed_interaction(short_run: dict[str, Any]) -> None:
    page = Page(html.render(short_run))
    (data,) = json.loads(page.scripts[0])
    expected = [
        term["features"]
        for term in short_run["targets"][0]["top"]
        if len(term["features"]) > 1 and round(term["value"], 2)  # what is shown as 0.00 is not
    ]
    together = [features for features, *_ in data["terms"] if len(features) > 1]
    assert [term for term in together if term in expected] == expected
    values = [term["value"] for term in short_run["targets"][0]["top"]]
    assert [value for _, value, *_ in data["terms"]] == values, "to the last bit"
    assert len(data["effects"]) == len(data["names"]) == len(short_run["features"])
    shown = [values for tag, values in page.tags if tag == "tr" and "data-f" in values]
    assert [list(map(int, str(row["data-f"]).split())) for row in shown] == expected[: html.LISTED]


def test_it_can_be_reached_by_keyboard_and_read_aloud(run: dict[str, Any]) -> None:
    page = Page(html.render(run))
    options = [values for _, values in page.tags if values.get("role") == "option"]
    assert [values["tabindex"] for values in options].count("0") == 1, "one stop for the tab key"
    assert ("html", {"lang": "en"}) in page.tags
    labelled = [str(v["aria-labelledby"]) for _, v in page.tags if "aria-labelledby" in v]
    identifiers = [str(values["id"]) for _, values in page.tags if "id" in values]
    assert set(labelled) <= set(identifiers)
    assert len(set(identifiers)) == len(identifiers)
    for tag, values in page.tags:
        if tag == "svg":
            assert values.get("aria-hidden") == "true" or values.get("aria-label")
        if tag == "th":
            assert values.get("scope") in ("row", "col")


def test_it_stays_small() -> None:
    words = [f"word{i % 190}" for i in range(500)]
    assert len(html.render(text_summary(" ".join(words), pairs=200)).encode()) < 400_000


def test_hostile_words_stay_words() -> None:
    text = f"not {HOSTILE} bad 'at' \"all\" </script></style></template> {{{{ 7*7 }}}} &amp;"
    run = text_summary(text)
    run["features"] = [f"{HOSTILE}{name}" for name in run["features"]]
    run["subject"]["model"] = HOSTILE
    run["targets"][0]["target"] = f"logit:{HOSTILE}"
    run["diagnostics"] = [HOSTILE]
    run["config"]["command"] = f"interplay explain '{HOSTILE}'"
    run["targets"][0]["trust"]["sentence"] = HOSTILE
    run["targets"][0]["energy"] = {"1": 1.0}
    page = Page(html.render(run))
    assert len(page.scripts) == 2, "the interactions and our own script"
    assert "alert" not in page.scripts[1]
    json.loads(page.scripts[0])
    assert HOSTILE in page.text
    assert "{{ 7*7 }}" in page.text
    names = [f'"><img src=x onerror="{i}' for i in range(5)]
    Page(html.render(callable_summary([*names, HOSTILE, "</template>"])))
    page = Page(html.render(callable_summary([*names, HOSTILE, "</template>"])))
    assert not [tag for tag, _ in page.tags if tag == "img"]


@pytest.mark.parametrize("names", [["only"], ["a", "b"], ["😀", "مرحبا"]])
def test_a_few_features_are_enough(names: list[str]) -> None:
    page = Page(html.render(callable_summary(names)))
    assert list(page.words) == list(range(len(names)))


def test_nothing_found_is_said(plain_run: dict[str, Any]) -> None:
    plain_run["targets"][0]["top"] = []
    plain_run["targets"][0]["energy"] = {}
    plain_run["targets"][0]["main_effects"] = [0.0] * 12
    words = " ".join(Page(html.render(plain_run)).text.split())
    assert "No combination was found: the effects of the features add up" in words
    assert "the fit predicts the same value for every mask" in words
    assert "No feature has an effect by itself" in words


def test_where_no_script_runs_the_trust_is_still_said(run: dict[str, Any]) -> None:
    outside = html.fragment(run).partition("</template>")[2].partition("</div>")[0]
    assert run["targets"][0]["trust"]["sentence"] in " ".join(outside.split())


def test_a_run_is_the_same_file_every_time(run: dict[str, Any]) -> None:
    assert html.render(run) == html.render(json.loads(json.dumps(run)))


def test_without_error_bars_or_evidence(plain_run: dict[str, Any]) -> None:
    for term in plain_run["targets"][0]["top"]:
        term["low"] = term["high"] = None
    plain_run["targets"][0]["faithfulness"].update(value=None, low=None)
    plain_run["targets"][0]["values"] = {"full": None, "empty": None}
    words = " ".join(Page(html.render(plain_run)).text.split())
    assert "no error bar" in words
    assert "It could not be measured: there were too few masks" in words
    plain_run["targets"][0]["faithfulness"].update(
        value=1.0, low=1.0, high=1.0, distribution="exact"
    )
    assert "no error bar" not in Page(html.render(plain_run)).text
    plain_run["targets"][0]["faithfulness"].update(
        value=-3.0, low=None, high=0.2, distribution="uniform"
    )
    assert "without a lower end to 0.20" in Page(html.render(plain_run)).text


def test_a_text_whose_spans_do_not_fit_is_listed_instead(short_run: dict[str, Any]) -> None:
    short_run["subject"]["spans"][3] = [0, 10_000]
    assert '<ul class="list subject"' in html.render(short_run)


def test_the_fragment_is_the_page_without_its_frame(run: dict[str, Any]) -> None:
    fragment = html.fragment(run)
    assert fragment.strip() in html.render(run)
    tags = [tag for tag, _ in Page(fragment).tags]
    assert tags[:2] == ["div", "template"], "all that has a style lies in the shadow root"
    assert not {"html", "head", "body", "meta", "title"} & set(tags)


def test_write_returns_the_path(short_run: dict[str, Any], tmp_path: Path) -> None:
    path = html.write(short_run, tmp_path / "report.html")
    assert path.read_text("utf-8") == html.render(short_run)


def test_what_cannot_be_written_is_said(short_run: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"cannot be written to .*: No such file or directory; name"):
        html.write(short_run, tmp_path / "no" / "report.html")
    with pytest.raises(BadInput, match=r"cannot be written to .*: Is a directory"):
        html.write(short_run, tmp_path)


def test_what_is_not_a_run_is_refused(short_run: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=r'its "format" is None and should be "interplay.run"'):
        html.render({})
    cut = copy.deepcopy(short_run)
    del cut["targets"][0]["top"], cut["targets"][0]["energy"]
    with pytest.raises(BadInput, match="lacks energy, top; it was cut short or edited"):
        html.render(cut)
