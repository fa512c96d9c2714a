"""Exact games that nothing was tuned on: beside spectralexplain's ProxySPEX on the same masks."""

from __future__ import annotations

from collections import defaultdict
from functools import cache

import numpy as np

from benchmarks.engine.data import Data, calls, game, game_values, other_games
from benchmarks.engine.peers import Peer
from benchmarks.engine.ratios import Cell, Ratios, errors, geometric_mean, mean_error
from benchmarks.engine.run import Part, Run
from benchmarks.ground.row import Row
from benchmarks.table import markdown

SECTION = "games"
MINUTES = 1.2
PEER = "spectralexplain"
FEWEST = 20
"""Games that a comparison needs to count."""


def names(quick: bool) -> list[str]:
    """Return all other games; every seventh for a quick run."""
    return other_games()[:: 7 if quick else 1]


@cache
def cell(name: str) -> Data:
    """Return 4 n log2 n masks of a game, the papers' rule; the masks depend on n alone."""
    return game(name, calls(len(game_values(name)).bit_length() - 1))


def measure(run: Run) -> None:
    for name in run.in_time(names(run.quick)):
        data = cell(name)
        if PEER in run.peers:
            run.peers[PEER].result(data)
        for seed in run.seeds:
            run.fit(SECTION, data, run.subject, seed)


def theirs(peer: Peer, quick: bool) -> tuple[dict[Cell, float], list[str]]:
    """Return a peer's 1 - R² by cell, and the games where it crashed."""
    found, crashed = {}, []
    for name in names(quick):
        data = cell(name)
        result = peer.kept_for(data)
        if result is None:
            continue
        if result["r2"] is None:
            crashed.append(name)
        else:
            found[name, data.m] = 1 - result["r2"]
    return found, crashed


def bar(run: Run, peer: Peer, at_most: float) -> tuple[list[Row], str]:
    """Return the comparison with a peer as a row, and which games are not in it."""
    found, crashed = theirs(peer, run.quick)
    ours = errors(run.results.of(SECTION), run.subject)
    ratios = Ratios.of(ours, found)
    rows = ratios.row(
        f"1 - R² over {peer.package} {peer.version} ProxySPEX's, other games, m = 4 n log2 n",
        at_most,
        planned=len(names(run.quick)),
    )
    if rows and len(ratios.by_cell) < FEWEST:
        few = f"{rows[0].measured}; fewer than {FEWEST} games"
        rows = [Row(rows[0].what, rows[0].bar, few, False, rows[0].detail)]
    said = f"It crashed on {', '.join(crashed)}, left out." if crashed else "It crashed on none."
    return rows, said


def report(run: Run) -> Part:
    ours = errors(run.results.of(SECTION), run.subject)
    peer = run.peers.get(PEER)
    found, _ = theirs(peer, run.quick) if peer else ({}, [])
    rows, said = bar(run, peer, 0.75) if peer else ([], "")
    family_of = {row["cell"]: row.get("family", "failed") for row in run.results.of(SECTION)}
    families: dict[str, list[Cell]] = defaultdict(list)
    for name, m in ours:
        families[family_of[f"{name} m={m}"]].append((name, m))
    table = []
    for family, members in families.items():
        both = [member for member in members if member in found]
        ratios = [mean_error(ours[c]) / max(found[c], 1e-6) for c in both]
        table.append(
            [
                family,
                len(members)
                if len(both) in (0, len(members))
                else f"{len(both)} of {len(members)}",
                f"{np.mean([1 - mean_error(ours[c]) for c in both or members]):.3f}",
                f"{np.mean([1 - found[c] for c in both]):.3f}" if both else "",
                f"{geometric_mean(ratios):.2f}" if both else "",
                f"{min(ratios):.2f} to {max(ratios):.2f}" if both else "",
            ]
        )
    header = ["games", "count", f"{run.subject}, mean R²", f"{PEER} ProxySPEX, mean R²"]
    header += ["ratio of 1 - R²", "smallest to largest"]
    text = f"""## Other games

All games of 9 or more features that are not among the recordings, m = round(4 n log2 n) uniform
masks without replacement (drawn with seed 0), R² on 4,000 other masks or all the others;
{PEER}'s ProxySPEX with its defaults on the same masks. One thread each; its results are kept by
version and data hash in `peers/`. {said} A 1 - R² below 1e-6 counts as that.

![1 - R² over the peer's, by game](engine_games.svg)

{markdown(header, table)}
"""
    return Part(rows, text)
