"""What the server answers: pages for people, and a few requests of their script."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from interplay import demo
from interplay.errors import BadInput, InterplayError
from interplay.evaluate import Store
from interplay.evaluate.pruning import delete
from interplay.explanation import Explanation
from interplay.view import library, pages
from interplay.view.library import Entry, Library, function_id, plain_file
from interplay.view.opening import COMPARED, Reports
from interplay.view.protect import LONGEST, Guard, Refused
from interplay.view.running import Order, Runs

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

LISTENERS: Final = 16
"""Pages that may follow the runs at the same time."""

POLL: Final = 1.0
"""Seconds that a request waits for a page that is being made."""

TICK: Final = 0.1


class View:
    """The application: what there is, what is being made of it, and who may ask for what.

    Parameters
    ----------
    store, folder
        see :class:`Library`.
    write
        whether the page may delete, and start runs.
    """

    def __init__(self, store: Path, folder: Path, *, write: bool) -> None:
        self.write, self.token = write, secrets.token_urlsafe(32)
        self.library = Library(store, folder)
        self.reports = Reports(self.library)
        self.runs = Runs(store, self._ran)
        self._listeners = 0

    def application(self, port: int) -> ASGIApp:
        """Return the ASGI application for a server that listens on this port."""
        from starlette.applications import Starlette
        from starlette.exceptions import HTTPException
        from starlette.routing import Route

        app = Starlette(
            routes=[
                Route("/", self.index),
                Route("/listing", self.listing),
                Route("/open", self.open),
                Route("/events", self.events),
                Route("/api/open", _json(self.prepare), methods=["POST"]),
                Route("/api/delete", _json(self.delete), methods=["POST"]),
                Route("/api/explain", _json(self.explain), methods=["POST"]),
                Route("/api/stop", _json(self.stop), methods=["POST"]),
            ],
            exception_handlers={HTTPException: _not_found, Refused: _refused, Exception: _failed},
        )
        return Guard(app, port, self.token, pages.error)

    def close(self) -> None:
        """Begin nothing more; the run in hand finishes its batch. Safe in a signal handler."""
        self.reports.worker.close()
        self.runs.close()

    # --- pages: they change nothing -------------------------------------------------------------

    def index(self, request: Request) -> Response:
        """The list of all there is, and what can be done with it."""
        return pages.page(
            "list.html",
            **self._listed(),
            token=self.token,
            most=COMPARED,
            example=demo.PHRASES[0],
            facts=demo.context(),
            question=demo.question(),
        )

    def listing(self, request: Request) -> Response:
        """The list alone."""
        return pages.page("listing.html", **self._listed())

    def _listed(self) -> dict[str, Any]:
        return {
            "listing": self.library.listing(),
            "store": self.library.store,
            "missing": not self.library.store.exists(),
            "folder": self.library.folder,
            "write": self.write,
        }

    def open(self, request: Request) -> Response:
        """A report, or runs side by side; or a page that waits until that is made."""
        entries = self._entries(request.query_params.getlist("id"))
        page = self.reports.page(entries)
        if page is not None:
            return pages.report(page.document, page.origin)
        return pages.page("opening.html", entries=entries, token=self.token)

    async def events(self, request: Request) -> Response:
        """How far the runs are, as server-sent events."""
        from starlette.responses import Response, StreamingResponse

        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        if self._listeners >= LISTENERS:
            raise Refused(503, "Too many pages follow the runs: close some.")
        return StreamingResponse(self._events(), media_type="text/event-stream")

    async def _events(self) -> AsyncIterator[str]:
        import anyio

        self._listeners += 1
        try:
            told, quiet = -1, 0.0
            while not self.runs.closing:
                changes = self.runs.changes
                if changes != told:
                    yield f"data: {json.dumps(self.runs.told())}\n\n"
                    told, quiet = changes, 0.0
                elif quiet > 15:  # finds out who has left
                    yield ": still here\n\n"
                    quiet = 0.0
                await anyio.sleep(TICK)
                quiet += TICK
        finally:
            self._listeners -= 1

    # --- what the script of a page asks for -----------------------------------------------------

    async def prepare(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Have a page made."""
        import anyio
        from anyio.to_thread import run_sync

        entries = await run_sync(self._entries, asked.get("ids"))
        waited = 0.0
        while (told := self.reports.prepare(entries)).state == "working" and waited < POLL:
            if self.runs.closing:
                break
            await anyio.sleep(TICK)
            waited += TICK
        return {"state": told.state, "message": told.message}

    async def delete(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Delete what was confirmed, if it is still what was shown."""
        from anyio.to_thread import run_sync

        self._writing()
        (entry,) = await run_sync(self._entries, [asked.get("id")])
        if entry.version != asked.get("version"):
            raise Refused(409, "This has changed since it was shown; look at the list again.")
        await run_sync(self._delete, entry)
        return {}

    def _delete(self, entry: Entry) -> None:
        if entry.kind == "function":
            with Store(self.library.store, create=False, timeout=library.PATIENCE) as store:
                delete(store, entry.name, entry.evaluations or 0)
            return
        path = self.library.path_of(entry)
        if not plain_file(path):
            raise BadInput(f"{entry.name} is gone")
        try:
            path.unlink()
            arrays = path.with_suffix(".npz")
            if entry.kind == "run" and entry.problem is None and plain_file(arrays):
                arrays.unlink()
        except OSError as error:
            raise BadInput(f"{entry.name} cannot be deleted: {error.strerror}") from error

    async def explain(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Queue a run."""
        self._writing()
        words = {name: asked.get(name, "") for name in ("model", "text", "question", "budget")}
        if not all(isinstance(word, str) for word in words.values()):
            raise BadInput("model, text, question and budget must be texts")
        return {"number": self.runs.start(Order(**words))}

    async def stop(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Have a run end after its batch."""
        self._writing()
        number = asked.get("number")
        if not isinstance(number, int):
            raise BadInput("number must be that of a run")
        self.runs.stop(number)
        return {}

    # --------------------------------------------------------------------------------------------

    def _writing(self) -> None:
        if not self.write:
            raise Refused(403, "This page is read-only: start `interplay view --write`.")

    def _entries(self, ids: object) -> list[Entry]:
        """Return what ids name; they are never paths."""
        if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
            raise Refused(400, "This asks for nothing that could be opened.")
        wanted = list(dict.fromkeys(ids))
        if not 1 <= len(wanted) <= COMPARED:
            raise Refused(400, f"From 1 to {COMPARED} runs can be opened together.")
        known = {entry.id: entry for entry in self.library.listing().entries}
        if any(one not in known for one in wanted):
            raise Refused(404, "There is no such run any more; look at the list again.")
        return [known[one] for one in wanted]

    def _ran(self, found: Explanation) -> str | None:
        """Keep what a run has found, if it is all that the store holds of its function."""
        entry = self.library.find(function_id(str(found.config["fingerprint"])))
        if entry is None:
            return None
        if entry.evaluations == found.sample.masks:
            self.reports.keep(entry, found)
        return entry.id


def _json(
    endpoint: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]],
) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint that takes a JSON object and gives one; errors are sentences."""

    async def answer(request: Request) -> Response:
        from starlette.responses import JSONResponse

        body = b""
        async for part in request.stream():
            body += part
            if len(body) > LONGEST:
                raise Refused(413, f"This is longer than {LONGEST:,} bytes.")
        try:
            asked = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Refused(400, "This is not JSON.") from error
        if not isinstance(asked, dict):
            raise Refused(400, "This is not a JSON object.")
        try:
            return JSONResponse(await endpoint(asked))
        except InterplayError as error:
            raise Refused(400, str(error)) from error

    return answer


def _not_found(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    told = "There is no such page." if status == 404 else "This cannot be asked for in this way."
    return pages.error(status, told, request.method == "POST")


def _refused(request: Request, error: Exception) -> Response:
    return pages.error(getattr(error, "status", 400), str(error), request.method == "POST")


def _failed(request: Request, error: Exception) -> Response:
    told = (
        f"Something unexpected happened ({type(error).__name__}). Nothing that was stored is lost. "
        "Started with INTERPLAY_DEBUG=1 in its environment, the server says more in its terminal."
    )
    return pages.error(500, told, request.method == "POST")
