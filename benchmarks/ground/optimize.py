"""Best subsets measured: how long until the optimum is proved, and which gap is left."""

from __future__ import annotations

import numpy as np

import interplay as ip
from benchmarks.ground.row import Row
from benchmarks.table import assets
from interplay import Spectrum
from interplay.optimize import Subset, best_subset

FAMILIES = {
    "hierarchical": "combinations of important features, halved with each order (as fits find)",
    "scattered": "combinations of any features, halved with each order",
    "unordered": "all orders alike, any features: the hardest",
}


def spectrum_of(family: str, n: int, k: int, seed: int) -> Spectrum:
    """Return a random spectrum of k terms of order 1 to 5."""
    rng = np.random.default_rng(seed)
    terms: dict[tuple[int, ...], float] = {}
    weight = rng.exponential(size=n)
    law = weight / weight.sum() if family == "hierarchical" else None
    if family == "hierarchical":
        terms = {(i,): float(rng.normal() * weight[i]) for i in range(min(n, k // 3))}
    while len(terms) < k:
        if family == "hierarchical":
            order = int(rng.choice([2, 3, 4, 5], p=[0.55, 0.25, 0.12, 0.08]))
        elif family == "scattered":
            order = int(rng.choice([1, 2, 3, 4, 5], p=[0.3, 0.35, 0.2, 0.1, 0.05]))
        else:
            order = int(rng.integers(1, 6))
        members = tuple(sorted(rng.choice(n, order, replace=False, p=law).tolist()))
        scale = 1.0 if family == "unordered" else 0.5 ** (order - 1)
        terms[members] = float(rng.normal() * scale)
    return Spectrum(terms, n)


def fitted(name: str) -> Spectrum:
    """Return the 500 largest terms that a fit finds in a recording."""
    recording = ip.read_recording(assets() / "recordings" / f"{name}.npz")
    values = recording.values.reshape(len(recording.masks), -1)[:1500, 0]
    return ip.fit(recording.masks[:1500], values, method="proxyspex").spectrum(500)


def rows(quick: bool = False) -> list[Row]:
    """Every family at five cardinalities and three seeds; one of each with ``quick``."""
    seeds = range(1 if quick else 3)
    shares = (0.5,) if quick else (0.1, 0.25, 0.5, 0.75, 0.9)
    limit = 5.0 if quick else 30.0
    found = []
    for family, words in FAMILIES.items():
        solved = [
            best_subset(spectrum_of(family, 200, 500, seed), round(share * 200), time_limit=limit)
            for seed in seeds
            for share in (shares if family != "unordered" else shares[:3])
        ]
        found.append(_row(f"500 terms, order <= 5, n = 200, {family} ({words})", solved))
    for name in () if quick else ("baby_tokens_n128_1", "stories_tokens_n64_1", "stories_heads_1"):
        spectrum = fitted(name)
        solved = [
            best_subset(spectrum, round(share * spectrum.n), time_limit=limit) for share in shares
        ]
        what = f"{len(spectrum)} terms fitted to {name}, n = {spectrum.n}"
        found.append(_row(what, solved))
    for family in ("hierarchical", "scattered"):
        for k in (500, 2000):
            solved = [
                best_subset(spectrum_of(family, 1000, k, seed), 500, time_limit=limit)
                for seed in seeds
            ]
            gaps = [one.gap for one in solved]
            found.append(
                Row(
                    f"{k:,} terms, n = 1,000, half kept, {family}",
                    "gap <= 1 % in 30 s",
                    f"gap {100 * np.median(gaps):.2f} % (worst {100 * max(gaps):.2f} %), "
                    f"{np.median([one.seconds for one in solved]):.1f} s",
                    max(gaps) <= 0.01,
                )
            )
    return found


def _row(what: str, solved: list[Subset]) -> Row:
    seconds = [one.seconds for one in solved]
    proved = sum(one.optimal for one in solved)
    gap = max(one.gap for one in solved)
    left = "" if proved == len(solved) else f"; largest gap left {100 * gap:.1f} %"
    return Row(
        what,
        "optimal, median <= 2 s",
        f"{proved} of {len(solved)} proved optimal, median {np.median(seconds):.2f} s "
        f"(to {max(seconds):.1f} s){left}",
        proved == len(solved) and float(np.median(seconds)) <= 2,
    )
