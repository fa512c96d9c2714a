"""Every page in a real browser: quiet, whole, for every window, light and dark, on paper."""

from __future__ import annotations

from pathlib import Path

import pytest
from browsing import Opened, overflow, violations
from gallery import MAKERS, RUNS, Gallery

pages = pytest.mark.parametrize("name", MAKERS)
runs = pytest.mark.parametrize("name", RUNS)
POLICY = "meta[http-equiv='Content-Security-Policy']"


@pages
def test_it_is_quiet_and_loads_nothing(name: str, gallery: Gallery, opened: Opened) -> None:
    watched = opened(gallery.report(name))
    policy = watched.page.locator(POLICY).get_attribute("content")
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert watched.page.get_by_role("heading", level=1).first.is_visible()
    assert watched.page.get_by_role("table").first.is_visible()
    watched.check()


@pages
@pytest.mark.parametrize("width", [320, 380, 1280])
def test_it_does_not_scroll_sideways(
    name: str, width: int, gallery: Gallery, opened: Opened
) -> None:
    watched = opened(gallery.report(name), width=width)
    assert overflow(watched.page) <= 0
    for tab in watched.page.get_by_role("tab").all():
        tab.click()
        assert overflow(watched.page) <= 0, tab.text_content()
    watched.check()


@pages
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_serious(
    name: str, dark: bool, gallery: Gallery, opened: Opened, axe_source: str
) -> None:
    watched = opened(gallery.report(name), dark=dark)
    assert violations(watched.page, axe_source) == []


@pages
def test_light_and_dark_differ(name: str, gallery: Gallery, opened: Opened) -> None:
    def brightness(dark: bool) -> float:
        page = opened(gallery.report(name), dark=dark).page
        colour = page.locator("main").first.evaluate("m => getComputedStyle(m).backgroundColor")
        numbers = [float(part) for part in colour.strip("rgba()").split(",")[:3]]
        return sum(numbers) / 3

    assert brightness(False) > 200
    assert brightness(True) < 60


@pages
def test_on_paper_the_tables_are_there(
    name: str, gallery: Gallery, opened: Opened, tmp_path: Path
) -> None:
    watched = opened(gallery.report(name), dark=True)
    watched.page.emulate_media(media="print")
    assert watched.page.get_by_role("table").first.is_visible()
    assert not watched.page.get_by_role("searchbox").first.is_visible()
    paper = watched.page.pdf(path=tmp_path / "report.pdf", format="A4")
    assert paper.startswith(b"%PDF")
    watched.check()


@runs
def test_a_keyboard_is_enough(name: str, gallery: Gallery, opened: Opened) -> None:
    watched = opened(gallery.report(name))
    page = watched.page
    features = page.get_by_role("listbox").first.get_by_role("option")
    active = "document.activeElement.shadowRoot.activeElement"
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate(f"{active}?.getAttribute('role')") == "option":
            break
    else:
        pytest.fail("the tab key does not come to the features")
    first = page.evaluate(f"{active}.dataset.i")
    page.keyboard.press("ArrowRight")
    second = page.evaluate(f"{active}.dataset.i")
    assert second != first
    page.keyboard.press("Enter")
    assert page.evaluate(f"{active}.getAttribute('aria-selected')") == "true"
    assert page.evaluate(f"{active}.classList.contains('here')")
    page.keyboard.press("End")
    assert page.evaluate(f"{active}.dataset.i") != second
    pinned = features.and_(page.locator(f"[data-i='{second}']"))
    assert pinned.get_attribute("aria-selected") == "true", "it stays while others are looked at"
    page.keyboard.press("Escape")
    assert pinned.get_attribute("aria-selected") == "false"
    watched.check()
