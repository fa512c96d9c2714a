"""The report as a part of other pages: hostile styles around it, several of them, notebooks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from browsing import Opened, Watched, overflow
from gallery import Gallery
from playwright.sync_api import expect

HOSTILE_STYLE = """
* { color: red !important; background: yellow !important; font-size: 40px !important;
    position: fixed !important; display: none; letter-spacing: 1em; direction: rtl;
    text-transform: uppercase; visibility: hidden; line-height: 4; white-space: pre; }
main, section, table, .subject, .panel, .w { display: none !important; }
html, body, div { display: block !important; visibility: visible !important;
    position: static !important; background: none !important; }
"""
"""What a page may do to all its elements; those that hold the report must show at all."""

STATIC = "<!doctype html><html><head><title>page</title></head><body>{}</body></html>"

NOTEBOOK = """(fragments) => {
  for (const fragment of fragments) {
    const cell = document.createElement('div');
    cell.className = 'output';
    document.body.append(cell);
    cell.innerHTML = fragment;
    for (const script of cell.querySelectorAll('script:not([type])')) {
      const run = document.createElement('script');
      run.textContent = script.textContent;
      script.replaceWith(run);
    }
  }
}"""
"""What Jupyter does with a cell's HTML: as a fragment, and then each script again."""


FRAGMENT = "declarative shadowrootmode attribute on a template"
"""Chromium warns that fragments do not open shadow roots; the script does it then."""


def works(watched: Watched, gallery: Gallery, count: int = 1) -> None:
    """Each report lights partners, switches to the network, and predicts."""
    page = watched.page
    hosts = page.locator(".interplay-report")
    assert hosts.count() == count
    for host in hosts.all():
        assert host.evaluate("host => host.shadowRoot !== null")
        host.get_by_role("option").nth(5).hover()
        expect(host.get_by_role("complementary").get_by_role("heading")).to_be_visible()
        host.get_by_role("tab", name="Network").click()
        expect(host.get_by_role("img", name=re.compile("^Network of"))).to_be_visible()
        host.get_by_role("button", name="What if").click()
        host.get_by_role("option").nth(5).click()
        expect(host.get_by_role("status").filter(has_text="predicted")).to_contain_text("1 off")
    watched.check(besides=FRAGMENT)


@pytest.fixture
def page_of(tmp_path: Path) -> Path:
    return tmp_path / "page.html"


def fragment(gallery: Gallery, name: str = "flip") -> str:
    found = gallery.run(name)._repr_html_()
    assert isinstance(found, str)
    return found


def test_a_fragment_in_a_page_and_twice(gallery: Gallery, opened: Opened, page_of: Path) -> None:
    page_of.write_text(STATIC.format(fragment(gallery) * 2), encoding="utf-8")
    works(opened(page_of), gallery, 2)


def test_as_a_notebook_inserts_it(gallery: Gallery, opened: Opened, page_of: Path) -> None:
    page_of.write_text(STATIC.format(""), encoding="utf-8")
    watched = opened(page_of)
    watched.page.evaluate(NOTEBOOK, [fragment(gallery), fragment(gallery, "facts")])
    works(watched, gallery, 2)


def test_where_no_script_runs_a_sentence_is_left(
    gallery: Gallery, opened: Opened, page_of: Path
) -> None:
    """A notebook that is not trusted: its fragment is inert."""
    page_of.write_text(STATIC.format(""), encoding="utf-8")
    watched = opened(page_of)
    watched.page.evaluate("(html) => { document.body.innerHTML = html; }", fragment(gallery))
    sentence = gallery.run("flip").faithfulness.sentence
    expect(watched.page.get_by_text(sentence)).to_be_visible()
    expect(watched.page.get_by_text("trust this notebook")).to_be_visible()
    watched.check(besides=FRAGMENT)


def test_without_scripts_the_page_still_tells(gallery: Gallery, opened: Opened) -> None:
    watched = opened(gallery.report("flip"), java_script_enabled=False)
    page = watched.page
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_role("table").first).to_be_visible()
    expect(page.get_by_role("option").first).to_be_visible()
    expect(page.get_by_role("button", name="What if")).to_have_count(0)
    expect(page.get_by_role("slider")).to_have_count(0)


def test_the_style_around_it_does_not_reach_in(
    gallery: Gallery, opened: Opened, page_of: Path
) -> None:
    """The same picture, to the pixel, with and without it."""
    pictures = []
    for style in ("", HOSTILE_STYLE):
        style = f"<style>{style}</style>"
        page_of.write_text(STATIC.format(style + fragment(gallery)), encoding="utf-8")
        watched = opened(page_of)
        works(watched, gallery)
        assert overflow(watched.page) <= 0
        watched.page.mouse.move(0, 0)
        main = watched.page.locator("main")
        told = main.evaluate(
            "main => [...main.querySelectorAll('*')].map(one => { const s = getComputedStyle(one);"
            " return [one.localName, s.color, s.backgroundColor, s.fontSize, s.display, s.position,"
            " s.letterSpacing, s.direction, s.textTransform, s.visibility, s.lineHeight]; })"
        )
        pictures.append(told)
    assert pictures[0] == pictures[1]


def test_its_style_does_not_reach_out(gallery: Gallery, opened: Opened, page_of: Path) -> None:
    own = "<main><h2 id='own'>A heading of the page</h2><p class='lead'>words</p></main>"
    styles = []
    for content in ("", fragment(gallery)):
        page_of.write_text(STATIC.format(own + content), encoding="utf-8")
        page = opened(page_of).page
        styles.append(
            page.evaluate(
                "[...document.querySelectorAll('body > main *')].map(one =>"
                " Object.fromEntries([...getComputedStyle(one)].filter(name => !/^--/.test(name))"
                ".map(name => [name, getComputedStyle(one)[name]])))"
            )
        )
    assert styles[0] == styles[1]
