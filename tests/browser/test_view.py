"""``interplay view`` in a browser: found, opened, compared, explained, deleted."""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from browsing import Opened, Watched, overflow, violations
from playwright.sync_api import Page, expect

import interplay as ip
from interplay.demo import PHRASES
from interplay.view.running import Order

sys.path.append(str(Path(__file__).parents[1]))
from run_summaries import text_summary
from view_server import WORDS, Served, fill, not_bad, served

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Served]:
    """A server that may write: a function of the store, three run files, one of hostile text."""
    fill(tmp_path / "runs.db")
    for k in range(2):
        found = ip.explain(lambda masks, k=k: not_bad(masks) + k * masks[:, 0], WORDS, store=None)
        found.save(tmp_path / f"plain-{k}.json")
    summary = text_summary(f"{HOSTILE} a wonderful film")
    (tmp_path / "hostile.json").write_text(json.dumps(summary))
    with served(tmp_path, write=True) as started:
        yield started


@pytest.fixture
def visit(one: Served, opened: Opened) -> Iterator[Watched]:
    """The list in the browser, which may load what the server has and nothing else."""
    watched = opened(one.url, server=one.url)
    yield watched
    assert watched.complaints == []
    assert all(url.startswith((one.url, "data:")) for url in watched.requests)


def shown(page: Page) -> list[str]:
    return [
        row.get_attribute("data-name") or ""
        for row in page.locator("#listing tbody tr").all()
        if row.is_visible()
    ]


def test_searching_and_sorting(visit: Watched) -> None:
    page = visit.page
    assert len(shown(page)) == 4
    page.get_by_role("searchbox").fill("WONDERFUL film")
    assert shown(page) == ["hostile.json"]
    expect(page.locator("#found")).to_have_text("1 of 4 runs")
    page.get_by_role("searchbox").fill("nowhere")
    assert shown(page) == []
    page.get_by_role("button", name="Show all").click()
    assert len(shown(page)) == 4
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.get_by_label("Show", exact=True).select_option("in the store")
    assert shown(page) == ["0123456789abcdef"]
    page.get_by_label("Show", exact=True).select_option("all")
    page.get_by_role("button", name="Evaluations").click()
    assert shown(page)[0] == "hostile.json", "500 evaluations, the most"
    assert page.locator("th[aria-sort=descending]").inner_text().startswith("Evaluations")
    page.get_by_role("button", name="Evaluations").click()
    assert shown(page)[-1] == "hostile.json"


def test_opening_what_the_store_holds(visit: Watched, one: Served) -> None:
    page = visit.page
    page.get_by_role("link", name=" ".join(WORDS)).click()
    expect(page.get_by_text("fitted to all 32 masks that runs.db holds of it")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_contain_text("it is exact")
    assert page.evaluate("self.origin") == "null", "it could not use what the list may"
    page.get_by_role("button", name="Copy as CSV").click()
    expect(page.get_by_text(re.compile(r"\d+ rows copied"))).to_be_visible()
    page.get_by_role("link", name="All runs").click()
    expect(page).to_have_url(one.url)
    expect(page.get_by_role("heading", level=1)).to_have_text("Runs")


def test_a_script_in_a_report_could_do_nothing(one: Served, opened: Opened) -> None:
    """Were one to get into a report: it has no access to the list, and no way out."""
    watched = opened(one.url, server=one.url)
    page = watched.page
    page.get_by_role("link", name=re.compile("script")).click()
    expect(page.get_by_text("saved in hostile.json")).to_be_visible()
    assert watched.complaints == [], "what is in the text has not run"
    tried = page.evaluate(
        """async () => {
          const failed = async (what) => {
            try { await what(); return 'done'; } catch { return 'failed'; }
          };
          return [
            await failed(() => fetch('/')),
            await failed(() => fetch('/api/delete', { method: 'POST', body: '{}' })),
            await failed(() => new Promise((yes, no) => {
              const source = new EventSource('/events'); source.onopen = yes; source.onerror = no;
            })),
            await failed(() => document.cookie),
            await failed(() => localStorage.length),
            window.open('/') === null ? 'failed' : 'done',
          ];
        }"""
    )
    assert tried == ["failed"] * 6


def test_a_page_of_another_site_can_do_nothing(one: Served, opened: Opened) -> None:
    (row,) = [row for row in one.rows() if row["name"] == "plain-0.json"]
    watched = opened("data:text/html,<p>another site</p>", server=one.url)
    page = watched.page
    tried = page.evaluate(
        """async ([url, body]) => {
          const failed = async (what) => {
            try { return await what(); } catch { return 'failed'; }
          };
          const plain = { 'content-type': 'text/plain' };
          const post = (more) => fetch(url + 'api/delete', { method: 'POST', body, ...more });
          const framed = document.createElement('iframe');
          framed.src = url;
          document.body.append(framed);
          await new Promise((done) => { framed.onload = done; });
          return [
            await failed(() => fetch(url).then((answer) => answer.text())),
            await failed(() => post({ headers: { 'content-type': 'application/json' } })),
            await failed(() => post({ headers: { 'x-interplay-token': 'x' } })),
            await failed(() => post({ mode: 'no-cors', headers: plain })),
            await failed(() => framed.contentWindow.document.title),
          ];
        }""",
        [one.url, json.dumps({"id": row["id"], "version": row["version"]})],
    )
    assert tried == ["failed"] * 5
    page.set_content(
        f"<form method=post enctype=text/plain action='{one.url}api/delete'><button>go</button>"
    )
    page.get_by_role("button").click()
    page.wait_for_url(f"{one.url}api/delete")
    assert "another site" in page.content()
    assert (one.folder / "plain-0.json").exists()


def test_comparing(visit: Watched) -> None:
    page = visit.page
    bar = page.get_by_role("form", name="Compare runs")
    expect(bar).to_be_hidden()
    page.locator("tr", has_text="plain-1.json").get_by_role("checkbox").check()
    expect(bar.get_by_role("button", name="Compare")).to_be_disabled()
    page.locator("tr", has_text="plain-0.json").get_by_role("checkbox").check()
    expect(bar.get_by_role("status")).to_have_text("2 runs chosen: compared with the first")
    bar.get_by_role("button", name="Compare").click()
    expect(page.get_by_text("2 runs compared with the first")).to_be_visible()
    first = page.get_by_role("row", name=re.compile("plain-[01]")).first
    expect(first).to_contain_text("plain-1")


def test_a_run_is_started_followed_stopped_and_opened(
    visit: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Semaphore(0)

    class Slow:
        features, targets = tuple(f"w{i}" for i in range(12)), ("value",)
        batch_size, fingerprint = 20, "5low"
        subject: ClassVar = {"kind": "text", "text": "A slow text"}

        def __call__(self, masks: Any) -> Any:
            assert go.acquire(timeout=20)
            return 1.0 * masks[:, 0]

    monkeypatch.setattr(Order, "value_function", lambda order: Slow())
    page = visit.page
    page.get_by_text("Explain a text").click()
    expect(page.get_by_label("Text", exact=True)).to_have_value(PHRASES[0])
    page.get_by_label("language model").check()
    expect(page.get_by_label("Question", exact=True)).to_be_visible()
    expect(page.get_by_label("Text", exact=True)).to_have_value(re.compile("Mia is in the garden"))
    page.get_by_label("classifier").check()
    page.get_by_label("Text", exact=True).fill(HOSTILE)
    page.get_by_label("Budget").fill("much")
    page.get_by_role("button", name="Explain", exact=True).click()
    expect(page.locator("#explain").get_by_role("alert")).to_contain_text("budget")
    assert ["400" in told for told in visit.complaints] == [True]
    visit.complaints.clear()
    page.get_by_label("Budget").fill("100")
    page.get_by_role("button", name="Explain", exact=True).click()
    runs = page.get_by_role("region", name="Runs from this page")
    expect(runs.get_by_text("0 of 100 evaluations")).to_be_visible()
    expect(runs).to_contain_text(HOSTILE)
    go.release(2)
    expect(runs.get_by_text("40 of 100 evaluations")).to_be_visible()
    assert runs.get_by_role("progressbar").evaluate("bar => bar.value / bar.max") == 0.4
    runs.get_by_role("button", name="Stop").click()
    expect(runs.get_by_text("finishing the batch")).to_be_visible()
    go.release()
    expect(runs.get_by_text("60 masks were fitted.")).to_be_visible()
    expect(page.locator("#found")).to_have_text("5 runs")
    runs.get_by_role("link", name="Open").click()
    expect(page.get_by_text("explained here; its 60 masks are in runs.db")).to_be_visible()


def test_deleting_asks_first_and_says_what_goes(visit: Watched, one: Served) -> None:
    page = visit.page
    button = page.locator("tr", has_text="hostile.json").get_by_role("button", name="Delete")
    button.click()
    dialog = page.get_by_role("dialog", name="Delete this?")
    expect(dialog).to_contain_text("It takes away hostile.json. That cannot be undone.")
    expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(button).to_be_focused()
    assert (one.folder / "hostile.json").exists()
    button.click()
    page.keyboard.press("Escape")
    assert (one.folder / "hostile.json").exists()
    page.locator("tr", has_text="plain-0.json").get_by_role("button", name="Delete").click()
    expect(dialog).to_contain_text("It takes away plain-0.json and plain-0.npz.")
    dialog.get_by_role("button", name="Delete").click()
    expect(dialog).to_be_hidden()
    expect(page.locator("#found")).to_have_text("3 runs")
    assert not (one.folder / "plain-0.json").exists()
    assert not (one.folder / "plain-0.npz").exists()
    assert (one.folder / "plain-1.npz").exists()


def test_what_was_deleted_meanwhile_is_told(one: Served, opened: Opened) -> None:
    page = opened(one.url, server=one.url).page
    (one.folder / "plain-0.json").unlink()
    page.locator("tr", has_text="plain-0.json").get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog", name="Delete this?")
    dialog.get_by_role("button", name="Delete").click()
    expect(dialog.get_by_role("alert")).to_contain_text("There is no such run any more")


@pytest.mark.parametrize("width", [320, 380, 1280])
def test_it_does_not_scroll_sideways(one: Served, opened: Opened, width: int) -> None:
    page = opened(one.url, server=one.url, width=width).page
    page.get_by_text("Explain a text").click()
    for box in page.get_by_role("checkbox").all()[:2]:
        box.check()
    assert overflow(page) <= 0
    page.get_by_role("button", name=re.compile("Delete")).first.click()
    assert overflow(page) <= 0
    page.keyboard.press("Escape")
    page.get_by_role("link", name=" ".join(WORDS)).click()
    expect(page.get_by_text("fitted to all 32 masks")).to_be_visible()
    assert overflow(page) <= 0


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_serious(
    one: Served, opened: Opened, dark: bool, axe_source: str
) -> None:
    page = opened(one.url, server=one.url, dark=dark).page
    page.get_by_text("Explain a text").click()
    page.get_by_role("checkbox").first.check()
    assert violations(page, axe_source) == []
    page.get_by_role("button", name=re.compile("Delete")).first.click()
    assert violations(page, axe_source) == []


def test_a_keyboard_is_enough(visit: Watched) -> None:
    page = visit.page
    page.get_by_role("searchbox").focus()
    page.keyboard.type("film is not bad")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('#listing tbody a')"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_text("fitted to all 32 masks")).to_be_visible()


def test_a_server_that_was_closed_is_told(tmp_path: Path, opened: Opened) -> None:
    fill(tmp_path / "runs.db")
    with served(tmp_path) as one:
        page = opened(one.url, server=one.url).page
        expect(page.locator("#lost")).to_be_hidden()
        page.wait_for_timeout(300)
    expect(page.locator("#lost")).to_contain_text("was it closed? Start interplay view again")
