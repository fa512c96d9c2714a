"""The shapiq that this Python can have: its ProxySPEX on the same games and masks."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.engine import games
from benchmarks.engine.run import Part, Run

SECTION = "shapiq"
MINUTES = 0.1


def measure(run: Run) -> None:
    for name in run.in_time(games.names(run.quick)):
        if SECTION in run.peers:
            run.peers[SECTION].result(games.cell(name))


def report(run: Run) -> Part:
    if SECTION not in run.peers:
        return Part([], "")
    peer = run.peers[SECTION]
    rows, said = games.bar(run, peer, 1.0)
    if not rows:
        return Part([], "")
    text = f"""## shapiq {peer.version} on the other games

The version that Python 3.11 can install. Its ProxySPEX draws its own masks; here it was handed the
ones above. {said} No bar was set: the table says whether it is beaten at all.
"""
    return Part([replace(row, bar=f"{row.bar} (no bar set)") for row in rows], text)
