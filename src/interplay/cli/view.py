"""``interplay view``: a page of this machine that lists runs, opens, compares and makes them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def view(
    *,
    store: Path = Path("runs.db"),
    runs: Path | None = None,
    port: int = 8321,
    write: Annotated[bool, Parameter(negative="")] = False,
    no_open: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Show runs in the browser: a page on this machine, read-only unless --write.

    It lists, opens and compares what the store holds, and the runs that --save wrote. Ctrl-C ends
    it.

    Parameters
    ----------
    store
        SQLite file of evaluations.
    runs
        Folder of the .json files that --save wrote; by default where the store lies.
    port
        Of 127.0.0.1; no other machine reaches it. 0 takes one that is free.
    write
        Let the page delete runs, and start runs of the embedded models.
    no_open
        Only print the address; do not open it in the browser.
    """
    from interplay.view import serve

    serve(store, runs, port=port, write=write, open_browser=not no_open)
