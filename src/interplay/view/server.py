"""The server: on 127.0.0.1 alone, until Ctrl-C."""

from __future__ import annotations

import contextlib
import errno
import socket
import sys
import webbrowser
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interplay.errors import BadInput, required
from interplay.evaluate import interruptible
from interplay.view.protect import ADDRESS

if TYPE_CHECKING:
    import uvicorn

    from interplay.view.app import View

CONNECTIONS = 64
"""At the same time; more are turned away."""


def serve(
    store: str | Path = "runs.db",
    folder: str | Path | None = None,
    *,
    port: int = 8321,
    write: bool = False,
    open_browser: bool = False,
    tell: Callable[[str], None] = print,
) -> None:
    """Serve a page that lists runs, opens and compares them, until Ctrl-C or SIGTERM.

    A run that was started from the page then finishes its batch; a second Ctrl-C ends at once.

    Parameters
    ----------
    store
        SQLite file of evaluations; it need not exist.
    folder
        where saved runs (.json) are looked for; by default where the store lies.
    port
        of 127.0.0.1; 0 takes one that is free.
    write
        whether the page may delete, and start runs of the embedded models.
    open_browser
        show the page in the browser.
    tell
        called with sentences for the terminal.

    Raises
    ------
    BadInput
        the port is in use or not to be had, or there is no such folder.
    MissingExtra
        starlette or uvicorn is not installed.

    Examples
    --------
    >>> serve("runs.db", write=True)  # doctest: +SKIP
    interplay view of runs.db: http://127.0.0.1:8321/
    """
    with listening(port) as listener:
        view, server = make(store, folder, listener, write=write)
        at = f"http://{ADDRESS}:{listener.getsockname()[1]}/"
        tell(f"interplay view of {view.library.store}: {at}")
        told = "it can delete and start runs" if write else "read-only; --write lets it do more"
        tell(f"For this machine alone; {told}. Ctrl-C ends it.")
        if not view.library.store.exists():
            tell(f"There is no such store yet: only the run files in {view.library.folder} show.")

        def end(_: str) -> None:
            view.close()
            server.should_exit = True

        if open_browser:
            _once_started(server, lambda: webbrowser.open(at))
        with interruptible(end):
            server.run(sockets=[listener])
            _finish(view)


def make(
    store: str | Path, folder: str | Path | None, listener: socket.socket, *, write: bool
) -> tuple[View, uvicorn.Server]:
    """Return the application and the server of it, which is yet to be run on ``listener``.

    Raises
    ------
    BadInput
        there is no such folder.
    MissingExtra
        starlette or uvicorn is not installed.
    """
    required("starlette", "view")
    uvicorn = required("uvicorn", "view")
    from interplay.view.app import View

    path = Path(store)
    runs = path.parent if folder is None else Path(folder)
    if not runs.is_dir():
        raise BadInput(f"no such folder: {runs}; name the one that holds your run files")
    view = View(path, runs.resolve(), write=write)
    config = uvicorn.Config(
        view.application(listener.getsockname()[1]),
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
    )
    return view, _server_class()(config)


def listening(port: int) -> socket.socket:
    """Return a socket that listens on a port of 127.0.0.1.

    Raises
    ------
    BadInput
        the port is in use, or not to be had.
    """
    if not 0 <= port < 2**16:
        raise BadInput(f"--port must be from 0 to 65535; got {port}")
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":  # there, REUSEADDR would share the port with another server
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((ADDRESS, port))
        listener.listen(CONNECTIONS)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise BadInput(
                f"port {port} is in use, maybe by another `interplay view`: open "
                f"http://{ADDRESS}:{port}/, or pass --port {port + 1 if port < 65535 else 0}"
            ) from error
        raise BadInput(
            f"port {port} cannot be had ({error.strerror}); pass another --port, such as 8321"
        ) from error
    return listener


def _server_class() -> Any:
    import uvicorn

    class Server(uvicorn.Server):
        """One whose signals are ours: uvicorn's own would end the process before a batch ends."""

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    return Server


def _once_started(server: uvicorn.Server, act: Callable[[], object]) -> None:
    import threading
    import time

    def wait() -> None:
        while not server.started and not server.should_exit:
            time.sleep(0.05)
        if server.started:
            act()

    threading.Thread(target=wait, daemon=True).start()


def _finish(view: View) -> None:
    view.close()
    run = view.runs.busy()
    if run is not None:
        print("finishing the batch of the run (Ctrl-C once more ends it at once)", file=sys.stderr)
    view.runs.join()
