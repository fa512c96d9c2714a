"""Who may ask this server for what: nobody but the page it serves itself.

A browser lets any page of the web send requests to 127.0.0.1. What is refused here, and why:

=============================  ====================================================================
another Host than ours         DNS rebinding: a name of theirs that was made to mean 127.0.0.1
another Origin, or cross-site  a page of theirs that reads, embeds or posts; links to us may be
                               followed, for they only show what there is
POST without the token         forged forms, and pages of an earlier server; the token stands in our
                               page, which others cannot read
POST of another type           forms can send only three types of content, and JSON is none of them
a long body                    nothing here is long
=============================  ====================================================================

GET and HEAD change nothing, in the store or in the folder. There are no cookies, for those of
127.0.0.1 are shared by all its ports, and no CORS headers.
"""

from __future__ import annotations

import hmac
import os
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from starlette.datastructures import Headers
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

ADDRESS: Final = "127.0.0.1"

LONGEST: Final = 2**20
"""Bytes of a body."""

TOKEN: Final = "x-interplay-token"

ALWAYS: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
}

NOTHING: Final = "default-src 'none'; frame-ancestors 'none'"

REPORT: Final = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src "
    "'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Of a report: in the sandbox it has an origin of its own, so that even a script in it could not
read this server's answers, nor ask with our origin; and it may connect to nothing."""


def policy(nonce: str) -> str:
    """Return the content security policy of a page of ours."""
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src "
        "'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


class Refused(Exception):
    """Why a request is not answered: a status of HTTP, and a sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


class Guard:
    """Around the application: refuses, sets the headers of every answer, hides tracebacks.

    Parameters
    ----------
    app
        what answers.
    port
        where the server listens.
    token
        the secret of this process.
    page
        makes the answer of an error: (status, message, whether as JSON) -> response.
    """

    def __init__(
        self, app: ASGIApp, port: int, token: str, page: Callable[[int, str, bool], Response]
    ) -> None:
        self.app, self.token, self.page = app, token, page
        names = (ADDRESS, "localhost")
        self.hosts = {f"{name}:{port}" for name in names}
        if port == 80:  # which browsers leave out
            self.hosts |= set(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        from starlette.datastructures import Headers, MutableHeaders

        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in ALWAYS.items():
                    headers[name] = value
                headers.setdefault("content-security-policy", NOTHING)
                # a document in a sandbox may not have this one
                if "sandbox" not in headers["content-security-policy"]:
                    headers["cross-origin-opener-policy"] = "same-origin"
            await send(message)

        try:
            self.check(scope["method"], Headers(scope=scope))
        except Refused as refused:
            posted = scope["method"] == "POST"
            await self.page(refused.status, refused.message, posted)(scope, receive, sent)
            return
        try:
            await self.app(scope, receive, sent)
        except Exception:  # the application has answered already: its caller need not know more
            if os.environ.get("INTERPLAY_DEBUG") == "1":
                traceback.print_exc()

    def check(self, method: str, headers: Headers) -> None:
        """Raise :class:`Refused` for a request that does not come from our page, or by a link."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self.hosts:
            raise Refused(421, "This server answers to 127.0.0.1 and localhost only.")
        ours = f"http://{hosts[0].lower()}"
        if method not in ("GET", "HEAD", "POST"):
            raise Refused(405, f"There is nothing to {method[:20]} here.")
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if origin is not None and origin != ours:
            raise Refused(403, "This request came from another site.")
        if method != "POST":
            link = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == (
                "navigate",
                "document",
            )
            if site not in (None, "same-origin", "none") and not link:
                raise Refused(403, "This request came from another site.")
            return
        if origin is None or site not in (None, "same-origin"):
            raise Refused(403, "This request did not come from a page of this server.")
        given = headers.get(TOKEN, "").encode("latin-1", "replace")
        if not hmac.compare_digest(given, self.token.encode()):
            raise Refused(403, "This page is of an earlier server: load it again.")
        if headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            raise Refused(415, "This server takes JSON.")
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length[:20]) > LONGEST:
            raise Refused(413, f"This is longer than {LONGEST:,} bytes.")
