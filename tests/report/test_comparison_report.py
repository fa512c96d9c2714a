"""Runs side by side as a page and in 80 columns: nothing lost, nothing executed, nothing cut."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from compared_runs import made, text_run
from rich.console import Console
from test_collection_report import Page as CollectionPage

import interplay as ip
from interplay.errors import BadInput
from interplay.report import comparison, comparison_terminal
from interplay.report.scatter import LABELS, SIZE, Point, Scatter

HOSTILE = '<script>alert("x")</script>'
BEFORE = "the acting is not bad at all and the ending is warm"
AFTER = "the acting is bad and the ending is cold"
EFFECTS = {"bad": -1.0, "not": 0.7, "warm": 0.5, "cold": -0.6, "ending": 0.2}


class Page(CollectionPage):
    closed = ()  # these have titles


@pytest.fixture
def edited() -> ip.Comparison:
    return ip.compare(
        text_run(BEFORE, EFFECTS), text_run(AFTER, EFFECTS | {"bad": -0.2}), names=["old", "new"]
    )


def plain(*coefficients: float, names: list[str] | None = None, **more: Any) -> ip.Comparison:
    errors = {(0,): 0.01, (0, 1): 0.01}
    runs = [
        made(ip.Spectrum({(0,): f, (0, 1): f / 2}, 2, errors=errors, features=["a", "b"]), **more)
        for f in coefficients
    ]
    return ip.compare(*runs, names=names)


def shown(content: dict[str, Any], width: int = 80, **options: Any) -> str:
    stream = StringIO()
    console = Console(file=stream, width=width, highlight=False, no_color=True)
    comparison_terminal.show(content, console, **options)
    return stream.getvalue()


def words_of(document: str) -> str:
    return " ".join(Page(document).text.split())


# ---- the page


def test_one_file_that_needs_nothing_else(edited: ip.Comparison, tmp_path: Path) -> None:
    document = edited.report(tmp_path / "compared.html").read_text("utf-8")
    for tag, attributes in Page(document).tags:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form", "a")
        assert not {"src", "action", "data", "href"} & attributes.keys()
        assert not [name for name in attributes if name.startswith("on")]
    assert not re.search(r"url\(|fetch\(|XMLHttp|WebSocket|@import|https?://", document)
    assert "default-src 'none'" in document
    assert "prefers-color-scheme: dark" in document
    assert len(document) < 150_000


def test_the_finding_comes_first_then_trust_and_settings(edited: ip.Comparison) -> None:
    words = words_of(comparison.render(edited.to_dict()))
    first = words.index("they agree by and large") if "they agree" in words else 0
    assert words.index("“bad”") < words.index("The runs") < words.index("What was asked")
    assert first <= words.index("The runs")
    assert words.count("0.93 (0.91 to 0.95)") == 2
    assert "seed" in words


def test_both_texts_stand_side_by_side_with_what_changed(edited: ip.Comparison) -> None:
    document = comparison.render(edited.to_dict())
    texts = re.findall(r'<div class="text" dir="auto">(.*?)</div>', document, re.DOTALL)
    assert [re.sub(r"<[^>]+>", "", text) for text in texts] == [BEFORE, AFTER]
    marked = [re.findall(r'<span class="w[^"]*? (gone|new|apart)"[^>]*>(\w+)', t) for t in texts]
    assert marked[0] == [
        ("gone", "not"), ("apart", "bad"), ("gone", "at"), ("gone", "all"), ("gone", "warm"),
    ]  # fmt: skip
    assert marked[1] == [("apart", "bad"), ("new", "cold")]
    assert 'title="−1.00"' in texts[0]


def test_shades_are_on_one_scale_for_all_runs() -> None:
    weak = text_run("so bad", {"bad": -0.5})
    strong = text_run("so bad", {"bad": -2.0})
    document = comparison.render(ip.compare(weak, strong).to_dict())
    assert re.findall(r'<span class="w (\w\d)[^"]*"[^>]*>bad<', document) == ["d2", "d6"]


def test_sign_is_not_told_by_colour_alone(edited: ip.Comparison) -> None:
    document = comparison.render(edited.to_dict())
    assert "+0.80" in document
    assert 'class="key-mark gone"' in document
    assert re.search(r'\.gone.*content: "−"', document)
    assert re.search(r'\.new.*content: "\+"', document)
    assert re.search(r"\.scatter \.lower { fill: var\(--card\)", document), "hollow, not filled"
    several = comparison.render(plain(1.0, 1.0, 3.0).to_dict())
    assert "▼</b>" in several
    assert "▲</b>" in several


def test_tables_have_intervals_on_one_axis(edited: ip.Comparison) -> None:
    document = comparison.render(edited.to_dict())
    rows = re.findall(
        r'<tr class="(up|down)( unclear)?"><th scope="row"><bdi>(\w+).*?'
        r'style="--value:([\d.]+)%;--low:([\d.]+)%;--high:([\d.]+)%"',
        document,
    )
    assert rows[0][:3] == ("up", "", "bad")
    for *_, value, low, high in rows:
        assert 0 <= float(low) <= float(value) <= float(high) <= 100
    assert any(unclear for _, unclear, *_ in rows)


def test_several_runs_have_one_column_each_and_their_own_tables() -> None:
    document = comparison.render(plain(1.0, 1.0, 3.0, names=["a1", "b2", "c3"]).to_dict())
    words = words_of(document)
    assert "1 of the 2 other runs agrees with a1; c3 does not." in words
    assert "Effects in every run" in words
    assert "b2 beside a1" in words
    assert "c3 beside a1" in words
    assert document.count("<summary>The picture and the tables</summary>") == 2


def test_other_targets_are_a_click_away() -> None:
    one, two = (ip.Spectrum({(0,): f}, 2, errors={(0,): 0.01}) for f in (1.0, 2.0))
    first = made(one, two, targets=("yes", "no"))
    document = comparison.render(ip.compare(first, made(two, two, targets=("yes", "no"))).to_dict())
    assert document.count('<details class="target">') == 1
    assert document.count("<h1") == 1


def test_everything_is_escaped(tmp_path: Path) -> None:
    text = f"so {HOSTILE} & \"bad\" 'x' \u202eright 🙂"
    comparison_of = ip.compare(
        text_run(text, {HOSTILE: 1.0}), text_run(f"{text} {HOSTILE}", {}), names=[HOSTILE, "</svg>"]
    )
    document = comparison_of.report(tmp_path / "x.html").read_text("utf-8")
    assert "<script>alert" not in document
    assert document.count("</svg>") == document.count("<svg ")
    assert HOSTILE in Page(document).text


def test_runs_without_error_bars_and_without_anything() -> None:
    bare = [made(ip.Spectrum({(0,): f}, 2)) for f in (1.0, 3.0)]
    document = comparison.render(ip.compare(*bare).to_dict())
    assert "no error bar" in document
    empty = [made(ip.Spectrum({(): 1.0}, 2)) for _ in range(2)]
    words = words_of(comparison.render(ip.compare(*empty).to_dict()))
    assert "They agree: neither found an effect." in words
    assert "What acts together" not in words


def test_a_notebook_gets_a_shadow_root(edited: ip.Comparison) -> None:
    fragment = edited._repr_html_()
    assert 'shadowrootmode="open"' in fragment
    assert "attachShadow" in fragment
    assert "<!doctype" not in fragment
    Page(fragment)


def test_what_is_not_a_comparison_is_refused(edited: ip.Comparison, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r'"format" is None and should be "interplay\.comparison"'):
        comparison.render({})
    with pytest.raises(BadInput, match=r"cannot be written to .*name a file in a folder"):
        edited.report(tmp_path / "no" / "x.html")
    content = edited.to_dict()
    del content["targets"][0]["pairs"][0]["likeness"], content["targets"][0]["pairs"][0]["removed"]
    with pytest.raises(BadInput, match="damaged or edited: KeyError: 'removed'; compare the runs"):
        comparison.render(content)


# ---- the scatter


def test_points_lie_where_their_numbers_say() -> None:
    picture = Scatter([Point("a", -1.0, 1.0, 2.0, True, False), Point("b", 2, 2, 0, False, True)])
    assert picture.x(2.0) > picture.x(0.0) > picture.x(-1.0) > 0
    assert 0 < picture.y(2.0) < picture.y(0.0) < picture.y(-1.0) < SIZE
    a, b = picture.placed[::-1]
    assert (a.kind, a.label, b.kind, b.label) == ("raise", "a", "unclear", "")
    assert 0.0 in [value for value, _ in picture.ticks]
    assert 3 <= len(picture.ticks) <= 6


def test_labels_do_not_cover_each_other_or_leave_the_picture() -> None:
    points = [
        Point(f"a rather long name {i}", 0.1 * i, 1.0, 1.0 - 0.1 * i, True, False)
        for i in range(12)
    ]
    placed = [one for one in Scatter(points).placed if one.label]
    assert 2 <= len(placed) <= LABELS
    boxes = []
    for one in placed:
        width = 6.1 * len(one.label)
        left = one.label_x if one.anchor == "start" else one.label_x - width
        boxes.append((left, one.label_y - 10, left + width, one.label_y + 3))
    for k, a in enumerate(boxes):
        assert a[0] >= 0
        assert a[2] <= SIZE
        for b in boxes[:k]:
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


@pytest.mark.parametrize("value", [0.0, 1e-9, 3e7])
def test_a_picture_of_any_size_can_be_drawn(value: float) -> None:
    picture = Scatter([Point("a", value, value, 0.0, False, False)])
    assert len(picture.placed) == 1
    assert picture.ticks
    assert Scatter([]).ticks


# ---- the terminal


@pytest.mark.parametrize("width", [80, 120])
def test_the_terminal_view_fits_and_says_the_same(edited: ip.Comparison, width: int) -> None:
    told = shown(edited.to_dict(), width)
    assert max(map(len, told.splitlines())) <= width
    assert "“bad”" in told.splitlines()[0] + told.splitlines()[1]
    assert "✓ old" in told
    assert "0.93 (0.91 to 0.95)" in told
    flat = " ".join(told.split())
    assert "[-not-] bad [-at all-] and the ending is [-warm-] {+cold+}" in flat
    assert "+0.80" in told
    assert "Only in new" in told


def test_many_runs_are_shown_in_blocks_that_fit() -> None:
    names = [f"a-run-with-a-long-name-{k}" for k in range(9)]
    told = shown(plain(1.0, *[1.0] * 7, 3.0, names=names).to_dict())
    assert max(map(len, told.splitlines())) <= 80
    assert told.count("a-run…me-0") >= 2
    assert "▼" in told


def test_long_lists_and_long_texts_are_cut() -> None:
    words = " ".join(f"word{i}" for i in range(40))
    effects = {f"word{i}": 1.0 + i for i in range(40)}
    one = text_run(words, effects)
    content = ip.compare(one, text_run(f"{words} end", effects)).to_dict()
    told = shown(content, top=3)
    assert "and 37 smaller or less clear ones" in told
    assert "word0 word1 word2 word3 … word36 word37 word38 word39 {+end+}" in " ".join(told.split())


def test_control_characters_do_not_reach_the_terminal() -> None:
    content = ip.compare(
        text_run("a \x1b[2Jb c", {"c": 1.0}), text_run("a c", {}), names=["\x1b[31mred", "x"]
    ).to_dict()
    assert "\x1b" not in shown(content)


def test_other_targets_are_named() -> None:
    one = ip.Spectrum({(0,): 1.0}, 2)
    run = made(one, one, targets=("yes", "no"))
    assert "Compared too, with --target: no" in shown(ip.compare(run, run).to_dict())
