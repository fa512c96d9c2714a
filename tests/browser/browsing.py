"""One browser for the session, and pages that remember all that went wrong in them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from benchmarks.browser import MISSING, chromium, launched
from playwright.sync_api import Browser, BrowserContext, Page, Route

REPOSITORY = Path(__file__).parent.parent.parent
AXE = REPOSITORY / ".browser" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium; tests skip without it, or fail if INTERPLAY_REQUIRE_BROWSER=1."""
    if chromium() is None:
        if os.environ.get("INTERPLAY_REQUIRE_BROWSER") == "1":
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    with launched() as started:
        yield started


class Watched:
    """A page in a context of its own, which may load nothing but what is allowed.

    Attributes
    ----------
    page
        Playwright's.
    complaints
        errors and warnings of the console, exceptions, dialogs.
    requests
        every address that was asked for.
    """

    def __init__(self, context: BrowserContext, allowed: Callable[[str], bool]) -> None:
        self.context, self.page = context, context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []

        def route(route: Route) -> None:
            if allowed(route.request.url):
                route.continue_()
            else:
                route.abort()

        context.route("**/*", route)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"exception: {error}"))
        self.page.on("dialog", self._dialog)

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def _dialog(self, dialog: Any) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def check(self, besides: str = "\0") -> None:
        """Nothing was complained about, and nothing but the page itself was loaded.

        Complaints with the words ``besides`` do not count.
        """
        assert [words for words in self.complaints if besides not in words] == []
        assert self.requests[1:] == [], "a report is one file"


Opened = Callable[..., Watched]


@pytest.fixture
def opened(browser: Browser) -> Iterator[Opened]:
    """Return a function that opens a file or an address in a fresh context.

    ``opened(path, width=1280, dark=False, server=None, **options)``: a file alone can be loaded,
    or with ``server`` all that is below that address. Options are those of Playwright's contexts.
    """
    contexts: list[BrowserContext] = []

    def open_(
        address: Path | str,
        *,
        width: int = 1280,
        dark: bool = False,
        server: str | None = None,
        **options: Any,
    ) -> Watched:
        url = address.as_uri() if isinstance(address, Path) else address
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            **options,
        )
        context.set_default_timeout(10_000)
        contexts.append(context)

        def allowed(asked: str) -> bool:
            return asked.startswith(server) if server else asked.partition("#")[0] == url

        watched = Watched(context, allowed)
        watched.page.goto(url)
        return watched

    yield open_
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def axe_source() -> str:
    """The script of axe-core, which ``make test-browser`` takes from npm."""
    if not AXE.is_file():
        pytest.skip("no axe-core: npm could not install it (see the Makefile, test-browser)")
    return AXE.read_text(encoding="utf-8")


def violations(page: Page, source: str) -> list[str]:
    """What axe-core finds that is serious or critical, in open shadow roots too."""
    page.evaluate(source)  # not by a tag: the page's policy lets no other script in
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{one['impact']} {one['id']}: {node['target']} {node['failureSummary']}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than the window."""
    found: int = page.evaluate(
        "Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)"
        " - document.documentElement.clientWidth"
    )
    return found
