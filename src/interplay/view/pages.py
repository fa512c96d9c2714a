"""The pages of the view: templates, in the colours and letters of the report."""

from __future__ import annotations

import secrets
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from interplay.numbers import count
from interplay.report import html, pages
from interplay.view.protect import REPORT, policy
from interplay.view.told import shown

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup
    from starlette.responses import Response

TEMPLATES: Final = Path(__file__).parent / "templates"


def page(name: str, *, status: int = 200, **shown: Any) -> Response:
    """Return the answer that a template makes, with a policy that allows its own script alone."""
    from starlette.responses import Response

    nonce = secrets.token_urlsafe(18)
    css = pages.source("view.css", TEMPLATES)
    template = _environment().get_template(name)
    text = template.render(nonce=nonce, report_css=html.style(), css=css, **shown)
    return Response(
        encoded(text),
        status_code=status,
        media_type="text/html",
        headers={"content-security-policy": policy(nonce)},
    )


def report(document: str, origin: str) -> Response:
    """Return a report, with a way back and what it is made of above it, in a sandbox."""
    from starlette.responses import Response

    bar = _environment().get_template("bar.html").render(origin=origin)
    # the first one is the template's own: what comes before it is escaped
    whole = document.replace("<body>", f"<body>\n{bar}", 1)
    return Response(
        encoded(whole), media_type="text/html", headers={"content-security-policy": REPORT}
    )


def error(status: int, message: str, as_json: bool = False) -> Response:
    """Return the answer of what went wrong."""
    if as_json:
        from starlette.responses import JSONResponse

        return JSONResponse({"error": shown(message, 2000)}, status_code=status)
    return page("error.html", status=status, code=status, message=shown(message, 2000))


def script(name: str) -> Markup:
    """Return a script of the templates."""
    return pages.source(name, TEMPLATES)


def encoded(text: str) -> bytes:
    """Return text as UTF-8; what cannot be, as half a surrogate from a file, is replaced."""
    return text.encode("utf-8", "replace")


@cache
def _environment() -> Environment:
    made = pages.environment(TEMPLATES)
    made.globals.update(script=script, count=count)
    made.filters["shown"] = shown
    return made
