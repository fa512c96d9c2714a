"""What a reader does: points, pins, searches, sorts, copies, slides, switches. In a real browser.

What is expected comes from the run, not from the page.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import defaultdict
from collections.abc import Iterator

import pytest
from browsing import Opened, Watched, violations
from gallery import RUNS, Gallery
from playwright.sync_api import Locator, Page, expect

from interplay.explanation import Explanation
from interplay.interactions import Interaction
from interplay.report.reading import Reading

runs = pytest.mark.parametrize("name", RUNS)
LISTED = 6
"""Combinations of a feature that the panel lists, and arcs are drawn of."""


def shown(run: Explanation) -> list[Interaction]:
    """Combinations that do not round to nothing, strongest first."""
    scale = Reading(run.to_dict()).scale
    top = run.top(500, min_order=2)
    return [term for term in top if re.search("[1-9]", scale.signed(term.value))]


def name_of(run: Explanation, i: int) -> str:
    """As the page has it: a word without the punctuation around it."""
    return Reading(run.to_dict()).name(i)


def by_feature(run: Explanation) -> dict[int, list[Interaction]]:
    found = defaultdict(list)
    for term in shown(run):
        for i in term.features:
            found[i].append(term)
    return found


def busiest(run: Explanation) -> int:
    found = by_feature(run)
    return max(found, key=lambda i: (len(found[i]), -i))


def feature(page: Page, i: int) -> Locator:
    return page.locator(f"main:visible [role=option][data-i='{i}']").first


def rows(page: Page) -> Locator:
    return page.locator("main:visible table.terms:not(.partners) tbody tr")


def cells(page: Page, place: int) -> list[str]:
    return rows(page).locator("th, td").nth(place).all_text_contents()


def numbers(texts: list[str]) -> list[float]:
    return [float(re.sub("[^0-9.eE+-]", "", text.replace("−", "-"))) for text in texts]


@pytest.fixture
def text(gallery: Gallery, opened: Opened) -> Iterator[Watched]:
    """The report of a text, and at the end nobody has complained."""
    watched = opened(gallery.report("text"))
    yield watched
    watched.check()


# ---- features and their partners


@runs
def test_pointing_at_one_lights_its_partners(name: str, gallery: Gallery, opened: Opened) -> None:
    run = gallery.run(name)
    watched = opened(gallery.report(name))
    page = watched.page
    i = busiest(run)
    mine = by_feature(run)[i]
    feature(page, i).hover()
    partners = {j for term in mine for j in term.features} - {i}
    lit = page.locator("main:visible [role=option][data-v]")
    assert {int(j) for j in lit.evaluate_all("all => all.map(e => e.dataset.i)")} == partners
    for j in list(partners)[:5]:  # the sign says what the strongest one does that both are in
        strongest = next(term for term in mine if j in term.features)
        sign = feature(page, j).get_attribute("data-v")
        assert sign is not None
        assert sign.startswith("+" if strongest.value > 0 else "−")
    arcs = page.locator("main:visible svg.arcs path:not(.halo)")
    drawn: dict[int, str] = {}
    for term in mine[:LISTED]:
        for j in term.features:
            drawn.setdefault(j, "up" if term.value > 0 else "down")
    del drawn[i]
    if run.subject["kind"] in ("text", "components", "image"):
        classes = arcs.evaluate_all("all => all.map(e => e.getAttribute('class'))")
        assert sorted(classes) == sorted(drawn.values())
    panel = page.get_by_role("complementary").and_(page.locator(":visible"))
    expect(panel).to_contain_text("and together:")
    assert panel.get_by_role("listitem").count() == min(LISTED, len(mine))
    page.get_by_role("heading", level=1).first.hover()
    assert lit.count() == arcs.count() == 0
    watched.check()


def test_what_is_pinned_stays(text: Watched, gallery: Gallery) -> None:
    run, page = gallery.run("text"), text.page
    i = busiest(run)
    other = next(j for j in range(len(run.features)) if j != i)
    feature(page, i).click()
    feature(page, other).hover()
    expect(feature(page, i)).to_have_attribute("aria-selected", "true")
    panel = page.get_by_role("complementary")
    expect(panel.get_by_role("heading")).to_have_text(name_of(run, i))
    page.get_by_role("heading", level=1).hover()
    expect(panel.get_by_role("heading")).to_have_text(name_of(run, i))
    feature(page, other).click()  # one is pinned at a time
    expect(feature(page, i)).to_have_attribute("aria-selected", "false")
    expect(panel.get_by_role("heading")).to_have_text(name_of(run, other))
    page.keyboard.press("Escape")
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement.shadowRoot.activeElement.blur()")
    expect(panel).to_contain_text("Point at a word")


# ---- the table


def test_the_table_lists_what_the_run_found(text: Watched, gallery: Gallery) -> None:
    run, page = gallery.run("text"), text.page
    terms = shown(run)
    assert rows(page).count() == 20
    page.get_by_role("button", name=f"Show all {len(terms)}").click()
    scale = Reading(run.to_dict()).scale
    signs = page.locator("main table.terms tbody td.value").all_text_contents()
    assert signs == [scale.signed(term.value) for term in terms]


@pytest.mark.parametrize("head", ["words", "effect", "order", "share"])
def test_it_is_sorted(head: str, text: Watched) -> None:
    page = text.page
    page.get_by_role("button", name=re.compile("^Show all")).click()
    before = rows(page).all_text_contents()
    # once sorted, an arrow stands behind the word
    column = page.get_by_role("region", name="Combinations").get_by_role(
        "columnheader", name=re.compile(f"^{head}")
    )
    place = column.evaluate("head => head.cellIndex")

    def told() -> list[str] | list[float]:
        found = [row[place] for row in page.evaluate(CELLS)]
        return found if head == "words" else numbers(found)

    for _ in range(2):
        column.get_by_role("button").click()
        up = column.get_attribute("aria-sort") == "ascending"
        found = told()
        if head == "words":
            order = page.evaluate("w => [...w].sort((a, b) => a.localeCompare(b))", found)
            assert found == (order if up else order[::-1])
        else:
            assert found == sorted(found, reverse=not up)
    column.get_by_role("button").click()
    assert column.get_attribute("aria-sort") is None
    assert rows(page).all_text_contents() == before


CELLS = """[...document.querySelector('.interplay-report').shadowRoot.querySelectorAll(
'table.terms tbody tr')].map(row => [...row.cells].map(cell => cell.textContent))"""


def test_it_is_searched(text: Watched, gallery: Gallery) -> None:
    run, page = gallery.run("text"), text.page
    word = name_of(run, busiest(run))
    wanted = [t for t in shown(run) if any(word.lower() in name.lower() for name in t.names)]
    page.get_by_role("searchbox").fill(word.upper())
    expect(page.get_by_role("status").filter(has_text="found")).to_have_text(f"{len(wanted)} found")
    assert rows(page).count() == min(20, len(wanted))
    for words in rows(page).get_by_role("rowheader").all_text_contents():
        assert word.lower() in words.lower()
    page.get_by_role("searchbox").fill("no such word")
    assert rows(page).count() == 0
    page.get_by_role("searchbox").fill("")
    assert rows(page).count() == 20
    page.get_by_role("checkbox").check()
    orders = {int(row[4]) for row in page.evaluate(CELLS)}
    assert 1 in orders


def _table(copied: str) -> list[dict[str, str]]:
    assert copied.endswith("\r\n")
    return list(csv.DictReader(io.StringIO(copied, newline="")))


@pytest.mark.parametrize("old", [False, True], ids=["clipboard", "the old way"])
@pytest.mark.parametrize("name", ["text", "callable", "image"])
def test_it_is_copied_as_csv(name: str, old: bool, gallery: Gallery, opened: Opened) -> None:
    run = gallery.run(name)
    watched = opened(gallery.report(name))
    page = watched.page
    watched.context.grant_permissions(["clipboard-read", "clipboard-write"])
    if old:
        page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
        page.evaluate(
            "document.addEventListener('copy', (event) => {"
            " window.copied = event.composedPath()[0].value; })"
        )
    page.get_by_role("button", name="Copy as CSV").click()
    terms = shown(run)
    expect(page.get_by_role("status").filter(has_text="copied")).to_have_text(
        f"{len(terms)} rows copied"
    )
    copied = page.evaluate("copied" if old else "navigator.clipboard.readText()")
    lines = _table(copied if "\r" in copied else copied.replace("\n", "\r\n"))
    assert len(lines) == len(terms)
    for line, term in zip(lines, terms, strict=True):
        assert [int(i) for i in line["features"].split()] == list(term.features)
        assert len(json.loads(line["names"])) == len(term.features) == int(line["order"])
        assert float(line["value"]) == term.value
        assert float(line["share"]) == pytest.approx(term.share, rel=1e-3)
        if term.low is None:
            assert line["low"] == line["high"] == ""
        else:
            # the half-width reaches the page with four digits
            half = (term.high - term.low) / 2
            assert float(line["low"]) == pytest.approx(term.low, abs=1e-3 * half)
            assert float(line["high"]) == pytest.approx(term.high, abs=1e-3 * half)
    watched.check()


def test_a_row_lights_its_words(text: Watched, gallery: Gallery) -> None:
    page, term = text.page, shown(gallery.run("text"))[0]
    rows(page).first.hover()
    lit = page.locator("main [role=option][data-v]")
    found = lit.evaluate_all("all => all.map(e => Number(e.dataset.i))")
    assert sorted(found) == sorted(term.features)


# ---- sliders, pictures


def test_sliders_choose_what_is_shown(text: Watched, gallery: Gallery) -> None:
    page, terms = text.page, shown(gallery.run("text"))
    order = page.get_by_role("slider", name="orders up to")
    count = page.get_by_role("slider", name="combinations")
    told = page.locator("label", has=count).locator("output")
    assert {len(term.features) for term in terms} > {2}
    order.fill("2")
    pairs = [term for term in terms if len(term.features) == 2]
    expect(told).to_have_text(f"{len(pairs)} of {len(terms)}")
    assert {row[4] for row in page.evaluate(CELLS)} == {"2"}
    i = busiest(gallery.run("text"))
    feature(page, i).hover()
    lit = page.locator("main [role=option][data-v]")
    partners = {j for term in pairs for j in term.features if i in term.features} - {i}
    found = lit.evaluate_all("all => all.map(e => Number(e.dataset.i))")
    assert set(found) == partners
    count.fill("0")
    expect(told).to_have_text(f"1 of {len(terms)}")
    assert rows(page).count() == 1
    count.fill("100")
    order.fill(str(max(len(term.features) for term in terms)))
    expect(told).to_have_text(f"{len(terms)} of {len(terms)}")


@runs
def test_network_and_upset_are_drawn(name: str, gallery: Gallery, opened: Opened) -> None:
    terms = shown(gallery.run(name))
    watched = opened(gallery.report(name))
    page = watched.page
    page.get_by_role("tab", name="Table").first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Network").first).to_be_focused()
    network = page.get_by_role("img", name=re.compile("^Network of"))
    assert 1 <= network.locator("g.link").count() <= min(40, len(terms))
    titles = network.locator("g.link title").all_text_contents()
    assert all("+" in title or "−" in title for title in titles)
    page.keyboard.press("ArrowRight")
    upset = page.get_by_role("img", name=re.compile("^UpSet plot of"))
    assert upset.locator("g.column").count() == min(24, len(terms))
    for k, column in enumerate(upset.locator("g.column").all()[:3]):
        assert column.locator("circle").count() == len(terms[k].features)
        column.locator("circle").first.hover()
        lit = page.locator("main:visible [role=option][data-v]")
        found = lit.evaluate_all("all => all.map(e => Number(e.dataset.i))")
        assert set(found) == set(terms[k].features)
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Table").first).to_have_attribute("aria-selected", "true")
    watched.check()


# ---- several targets, many inputs


def test_targets_are_switched(gallery: Gallery, opened: Opened) -> None:
    run = gallery.run("targets")
    watched = opened(gallery.report("targets"))
    page = watched.page
    for target in [*run.targets, run.targets[0]]:
        page.get_by_role("navigation").get_by_role("link", name=target).click()
        assert page.locator("main:visible").count() == 1
        expect(page.locator("main:visible .sentence")).to_contain_text(
            run.target(target).faithfulness.sentence[:60]
        )
        view = run.target(target)
        i = busiest(view)
        feature(page, i).hover()
        panel = page.get_by_role("complementary").and_(page.locator(":visible"))
        partners = {j for term in by_feature(view)[i] for j in term.features} - {i}
        found = page.locator("main:visible [role=option][data-v]").evaluate_all(
            "all => all.map(e => Number(e.dataset.i))"
        )
        assert set(found) == partners
        expect(panel.get_by_role("heading")).to_have_text(name_of(run, i))
    watched.check()


def test_an_index_leads_to_each_input(gallery: Gallery, opened: Opened) -> None:
    found = gallery.run("many inputs")
    watched = opened(gallery.report("many inputs"))
    page = watched.page
    index = page.locator("#index")
    for identity in found.ids[:2]:
        index.get_by_role("link", name=identity).first.click()
        expect(index).to_be_hidden()
        run = found[identity]
        expect(page.locator("main:visible .sentence")).to_contain_text(
            run.faithfulness.sentence[:60]
        )
        i = busiest(run)
        page.locator(f"main:visible [role=option][data-i='{i}']").hover()
        assert page.locator("main:visible [role=option][data-v]").count() > 0
        page.get_by_role("link", name="All inputs").click()
        expect(index).to_be_visible()
    page.get_by_role("searchbox").fill("plot")
    expect(page.get_by_role("status").filter(has_text="of 6")).to_have_text("1 of 6")
    page.get_by_role("searchbox").fill("")
    page.get_by_role("button", name="R²").click()
    page.get_by_role("button", name="input", exact=True).click()
    page.goto(f"{page.url.partition('#')[0]}#input-2")
    expect(page.locator("main:visible")).to_have_count(1)
    page.go_back()
    watched.check()


@pytest.mark.parametrize("width", [380, 1280])
@pytest.mark.parametrize("name", ["text", "image", "components", "training data", "targets"])
def test_axe_finds_nothing_serious_in_what_opens(
    name: str, width: int, gallery: Gallery, opened: Opened, axe_source: str
) -> None:
    page = opened(gallery.report(name), width=width, dark=width == 380).page
    for kind in ("UpSet", "Network"):
        page.get_by_role("tab", name=kind).first.click()
    for summary in page.locator("summary:visible").all():
        summary.click()
    feature(page, busiest(gallery.run(name))).click()
    assert violations(page, axe_source) == []
    page.get_by_role("button", name="What if").first.click()
    feature(page, 0).click()
    assert violations(page, axe_source) == []
