"""Whether the subsets of large terms are large too: in exact spectra of games, and in fitted ones.

Of the k largest terms beside the constant, by |F| (which the constant and all its subsets always
belong to):

- DSR, direct subset rate: the mean over the terms S of the share of {S without i} among them;
- SCR, staircase rate: the share of terms that have an order of their features whose every
  beginning is among them;
- SHR, strong hierarchy rate: the share of terms all of whose subsets are among them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import combinations
from typing import Any

import numpy as np

import interplay as ip
from benchmarks.engine.data import calls, family_of, game_values, masks_of
from benchmarks.ground.row import Row
from benchmarks.papers.intervals import Interval
from benchmarks.papers.reviews import SPEX, drawn
from benchmarks.table import assets, markdown
from interplay import Spectrum
from interplay.metrics import r_squared

Term = tuple[int, ...]

SIZES = (8, 16, 32, 64, 128, 256)
SHOWN = 64
"""The k of the rows and of the table by family."""
METHODS = ("auto", "proxyspex")
ALPHA = 4.0
PAPER_R2 = 0.9
"""The ProxySPEX paper takes spectra from SPEX fits that are at least so faithful."""
PAPER_DSR = 0.8
ENERGY_RANKS = (0.9, 0.95)
CHANCES = 20


def rows(quick: bool = False) -> list[Row]:
    """Return a row for the exact spectra, one for each method's, and one for those of reviews."""
    games = [game(name, quick) for name in names(quick)]
    found = [row("exact spectra of games", [one["exact"] | _of(one) for one in games])]
    found.append(
        row("chance: sets of the same orders", [one["chance"] | _of(one) for one in games])
    )
    for method in METHODS:
        fits = [one[method] | _of(one) for one in games if method in one]
        faithful = [fit for fit in fits if fit["r2"] >= PAPER_R2]
        if not fits:  # a quick run has the first method only
            continue
        words = f"spectra of games fitted by {method}, alpha = {ALPHA:g}"
        found.append(row(words, fits))
        if faithful:
            found.append(row(f"... of R² {PAPER_R2:g} and more", faithful, method))
    reviews = [
        {"name": f"review_{one.index}", "family": "reviews", "r2": fit["r2"], **rates(spectrum)}
        for one in drawn(quick)
        for fit, spectrum in [one.largest(SPEX)]
        if fit["r2"] >= PAPER_R2
    ]
    if reviews:
        found.append(row(f"spectra of reviews fitted by spex, R² {PAPER_R2:g} and more", reviews))
    return found


def names(quick: bool) -> list[str]:
    """Return the names of all exact games; every twelfth for a quick run."""
    every = sorted(path.stem for path in (assets() / "games").glob("*.npz"))
    return every[:: 12 if quick else 1]


def _of(one: dict[str, Any]) -> dict[str, Any]:
    return {name: one[name] for name in ("name", "family", "n")}


def game(name: str, quick: bool = False) -> dict[str, Any]:
    """Return the rates of the exact spectrum, of chance, and of what is fitted to a sample."""
    values = game_values(name)
    n = len(values).bit_length() - 1
    exact = Spectrum.from_values(values, n)
    found: dict[str, Any] = {
        "name": name,
        "family": family_of(name),
        "n": n,
        "exact": rates(exact) | {"energy": ranks_of_energy(exact)},
        "chance": chance(exact, n),
    }
    m = calls(n, ALPHA)
    if m > 2**n // 2:  # hardly anything would be left to judge by
        return found
    order = np.random.default_rng([0, n]).permutation(2**n)
    masks = masks_of(order[:m], n)
    test = order[m:]
    for method in METHODS[:1] if quick else METHODS:
        surrogate = ip.fit(masks, values[order[:m]], method=method, seed=0)
        r2 = r_squared(values[test], surrogate.predict(masks_of(test, n)))
        found[method] = {"r2": r2, **rates(surrogate.spectrum(max(SIZES)))}
    print(f"hierarchy: {name}: DSR {found['exact']['dsr']}", flush=True)
    return found


def rates(spectrum: Spectrum) -> dict[str, list[float | None]]:
    """Return DSR, SCR and SHR for each of SIZES; None where there are fewer terms."""
    terms = [found.features for found in spectrum.top(max(SIZES))]
    return _rates(terms)


def _rates(terms: Sequence[Term]) -> dict[str, list[float | None]]:
    measures: dict[str, Callable[[Collection[Term]], float]] = {
        "dsr": direct_subset_rate,
        "scr": staircase_rate,
        "shr": strong_hierarchy_rate,
    }
    return {
        name: [measure(terms[:k]) if len(terms) >= k else None for k in SIZES]
        for name, measure in measures.items()
    }


def direct_subset_rate(terms: Collection[Term]) -> float:
    """Return the mean share of the sets with one feature less that are among the terms.

    >>> direct_subset_rate([(0,), (1,), (0, 1), (0, 2)])  # 1, 1, 1, 1/2
    0.875
    """
    known = {(), *terms}
    return float(np.mean([np.mean([_without(term, i) in known for i in term]) for term in terms]))


def staircase_rate(terms: Collection[Term]) -> float:
    """Return the share of terms that grow from nothing, feature by feature, within the terms.

    >>> staircase_rate([(0,), (0, 1), (0, 1, 2), (3, 4)])
    0.75
    """
    known = {(), *terms}
    grown: set[Term] = {()}
    for term in sorted(terms, key=len):
        if any(_without(term, i) in grown for i in term):
            grown.add(term)
    return float(np.mean([term in grown for term in terms if term in known]))


def strong_hierarchy_rate(terms: Collection[Term]) -> float:
    """Return the share of terms all of whose subsets are among the terms.

    >>> strong_hierarchy_rate([(0,), (1,), (0, 1), (0, 2)])
    0.75
    """
    known = {(), *terms}
    return float(np.mean([all(part in known for part in _subsets(term)) for term in terms]))


def _without(term: Term, feature: int) -> Term:
    return tuple(i for i in term if i != feature)


def _subsets(term: Term) -> Iterable[Term]:
    return (part for size in range(len(term)) for part in combinations(term, size))


def chance(spectrum: Spectrum, n: int) -> dict[str, list[float | None]]:
    """Return the mean rates of random sets of the same orders as the largest terms."""
    orders = [len(found.features) for found in spectrum.top(max(SIZES))]
    rng = np.random.default_rng(n)
    draws = [_rates(_scattered(orders, n, rng)) for _ in range(CHANCES)]
    return {
        name: [_mean([one[name][i] for one in draws]) for i in range(len(SIZES))]
        for name in draws[0]
    }


def _scattered(orders: Sequence[int], n: int, rng: np.random.Generator) -> list[Term]:
    """Return different random sets of these orders, in their order."""
    found: dict[Term, None] = {}
    for order in orders:
        term = None
        while term is None or term in found:
            term = tuple(sorted(rng.choice(n, order, replace=False).tolist()))
        found[term] = None
    return list(found)


def _mean(values: Iterable[float | None]) -> float | None:
    told = [value for value in values if value is not None]
    return float(np.mean(told)) if told else None


def ranks_of_energy(spectrum: Spectrum) -> list[int]:
    """Return how many of the largest terms hold ENERGY_RANKS of the variance."""
    energy = np.sort(np.square(spectrum.coefficients[spectrum.orders > 0]))[::-1]
    held = np.cumsum(energy) / energy.sum()
    return [int(np.searchsorted(held, share) + 1) for share in ENERGY_RANKS]


def row(what: str, spectra: Sequence[dict[str, Any]], method: str = "") -> Row:
    """Return the row of a set of spectra, at k = SHOWN."""
    place = SIZES.index(SHOWN)
    told = {
        name: [one[name][place] for one in spectra if one[name][place] is not None]
        for name in ("dsr", "scr", "shr")
    }
    found = {name: Interval.of(values) for name, values in told.items() if values}
    r2 = [one["r2"] for one in spectra if "r2" in one]
    said = f"; mean R² {np.mean(r2):.2f}" if r2 else ""
    return Row(
        f"hierarchy among the {SHOWN} largest terms: {what}",
        f"(reported; the paper: DSR > {PAPER_DSR:g})",
        ", ".join(f"{name.upper()} {value.said()}" for name, value in found.items())
        + f", {len(told['dsr'])} of {len(spectra)} with so many terms{said}",
        True,
        {"what": what, "method": method, "spectra": list(spectra)},
    )


def report(rows: Sequence[Row]) -> str:
    """Return the rates by k, and of exact spectra by family."""
    table, families = [], []
    for row in rows:
        for name in ("dsr", "scr", "shr"):
            cells = []
            for place in range(len(SIZES)):
                values = [one[name][place] for one in row.detail["spectra"]]
                told = [value for value in values if value is not None]
                cells.append(f"{Interval.of(told).said()} of {len(told)}" if told else "")
            table.append([row.detail["what"], name.upper(), *cells])
    exact = rows[0].detail["spectra"]
    place = SIZES.index(SHOWN)
    for family in dict.fromkeys(one["family"] for one in exact):
        mine = [one for one in exact if one["family"] == family and one["dsr"][place] is not None]
        if mine:
            families.append(
                [
                    family,
                    len(mine),
                    *(
                        Interval.of([one[name][place] for one in mine]).said()
                        for name in ("dsr", "scr", "shr")
                    ),
                    *(
                        f"{np.median([one['energy'][i] for one in mine]):,.0f}"
                        for i in range(len(ENERGY_RANKS))
                    ),
                ]
            )
    kept = [f"terms with {100 * share:.0f} % of the variance" for share in ENERGY_RANKS]
    return f"""## Hierarchy

Of the k largest terms beside the constant, by |F|; the constant counts as one of them. **DSR**
(direct subset rate): mean share of {{S without i}} that are among them; **SCR** (staircase
rate): share of S with an order of the features whose every beginning is; **SHR** (strong hierarchy
rate): share of S all of whose subsets are. The ProxySPEX paper measures them on spectra that SPEX
recovered with R² > {PAPER_R2:g}; here the exact spectra of all recorded games stand beside fitted
ones ({ALPHA:g} n log2 n uniform masks) and beside random sets of the same orders, which is what
chance gives. Brackets: 90 % intervals, bootstrap over the games; "of" is how many spectra have so
many terms.

![DSR, SCR and SHR against k](papers_hierarchy.svg)

{markdown(["spectra", "rate", *(f"k = {k}" for k in SIZES)], table)}

Exact spectra by family, k = {SHOWN}; medians of the number of terms:

{markdown(["games", "count", "DSR", "SCR", "SHR", *kept], families)}"""
