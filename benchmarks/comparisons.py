"""Measure what intervals of differences between runs are worth, on functions that are known.

Run ``python -m benchmarks.comparisons [--quick]``: it prints a markdown page and writes it to
docs/benchmarks/comparisons.md. Takes some ten minutes; set OMP_NUM_THREADS=1 for one thread.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

import interplay as ip
from benchmarks.table import machine, markdown, write
from interplay.comparison import Difference, compare
from interplay.explanation import Explanation
from interplay.report import comparison as page_of

PAIRS = 12
SETTINGS = [
    ("lasso", 20, 300),
    ("proxyspex", 20, 300),
    ("parity-gp", 20, 300),
    ("auto", 20, 300),
    ("auto", 40, 300),
    ("proxyspex", 40, 300),
]


def game(rng: np.random.Generator, n: int) -> ip.Spectrum:
    """n main effects (standard normal) and n combinations of 2 or 3 (half as large)."""
    terms = {(i,): float(rng.normal()) for i in range(n)}
    for _ in range(n):
        term = tuple(sorted(rng.choice(n, int(rng.integers(2, 4)), replace=False).tolist()))
        terms[term] = 0.5 * float(rng.normal())
    return ip.Spectrum(terms, n)


def changed(rng: np.random.Generator, first: ip.Spectrum) -> ip.Spectrum:
    """The same with a quarter of the terms drawn anew."""
    drawn = {
        term: f if rng.random() > 0.25 else float(rng.normal()) / len(term)
        for term, f in first.terms.items()
    }
    return ip.Spectrum(drawn, first.n)


def pairs(
    method: str, n: int, masks: int, count: int
) -> Iterator[tuple[ip.Spectrum, list[Explanation]]]:
    """True differences, and two runs with seeds of their own; every other pair is alike."""
    for k in range(count):
        rng = np.random.default_rng(k)
        first = game(rng, n)
        second = changed(rng, first) if k % 2 else first
        runs = [
            ip.explain(one.predict, n, budget=masks, method=method, seed=2 * k + side, store=None)
            for side, one in enumerate((first, second))
        ]
        yield second - first, runs


def kind(row: Difference) -> str:
    known = "assumed" if row.assumed else "listed by both" if row.listed == "both" else "by one"
    return f"{'alone' if row.order == 1 else 'together'}, {known}"


def coverage(settings: Sequence[tuple[str, int, int]], count: int) -> str:
    rows = []
    for method, n, masks in settings:
        inside, clear, false = (defaultdict[str, list[float]](list) for _ in range(3))
        shares = []
        for truth, runs in pairs(method, n, masks, count):
            shares += [run.faithfulness.value for run in runs]
            alone = [replace(run, findings=(replace(run.finding, surrogate=None),)) for run in runs]
            terms = truth.terms
            # without surrogates, only what has to be assumed is another
            assumed = [row for row in compare(*alone).differences if row.assumed]
            told = [row for row in compare(*runs).differences if not row.assumed]
            for row in (*told, *assumed):
                if row.low is None or row.high is None:
                    continue
                real = (-2.0) ** row.order * terms.get(row.features, 0.0)
                name = kind(row)
                inside[name].append(row.low <= real <= row.high)
                clear[name].append(row.clear)
                if row.clear:
                    false[name].append(abs(real) < 1e-12)
        for name in sorted(inside):
            wrong = f"{sum(false[name]):.0f}" if false[name] else "–"
            rows.append(
                [
                    *(method, n, masks, f"{min(shares):.2f} to {max(shares):.2f}", name),
                    *(f"{len(inside[name]):,}", f"{100 * np.mean(inside[name]):.0f} %"),
                    *(f"{sum(clear[name]):,}", wrong),
                ]
            )
    header = ["method", "n", "masks", "R²", "differences", "of", "cover the truth", "clear"]
    return markdown([*header, "false of these"], rows)


def times() -> str:
    rng = np.random.default_rng(0)
    small = ip.explain(lambda m: 1.0 * m[:, 0], 4, store=None)
    found = []
    for _ in range(2):
        terms: dict[tuple[int, ...], float] = {(): 0.0}
        while len(terms) <= 500:
            size = int(rng.integers(1, 4))
            terms[tuple(sorted(rng.choice(1000, size, replace=False).tolist()))] = rng.normal()
        spectrum = ip.Spectrum(terms, 1000, errors=dict.fromkeys(terms, 0.1))
        finding = replace(small.finding, spectrum=spectrum, surrogate=None)
        sample = replace(small.sample, digest=str(len(found)))
        found.append(replace(small, findings=(finding,), sample=sample, evaluations=None))
    took: dict[str, list[float]] = {"compare": [], "to_dict": [], "page": []}
    for _ in range(5):
        start = time.perf_counter()
        both = compare(*found)
        compared = time.perf_counter()
        content = both.to_dict()
        told = time.perf_counter()
        page_of.render(content)
        done = time.perf_counter()
        for name, seconds in zip(
            took, (compared - start, told - compared, done - told), strict=True
        ):
            took[name].append(seconds)
    return markdown(
        ["step", "median s", "fastest", "slowest"],
        [
            [name, *(f"{seconds:.2f}" for seconds in (np.median(s), min(s), max(s)))]
            for name, s in took.items()
        ],
    )


def page(settings: Sequence[tuple[str, int, int]], count: int) -> str:
    threads = os.environ.get("OMP_NUM_THREADS", "unset")
    return "\n".join(
        [
            "# Runs side by side: what intervals of differences are worth",
            "",
            f"Written by `python -m benchmarks.comparisons`. {machine(threads=threads)}",
            "",
            "## Coverage",
            "",
            f"Functions of n features with n main effects (standard normal) and n combinations of "
            f"two or three (half as large), without noise; {count} pairs of runs with seeds of "
            "their own (0 and 1, 2 and 3, ...), half of them of one function, half of two that "
            "differ in a quarter of their terms. Of every difference that `compare` lists, whether "
            "the 90 % interval holds the true one. *By one*: only one spectrum lists the term, and "
            "the other's surrogate says value and error; *assumed*: it has no error for it, or is "
            "not at hand (the same runs, without their arrays). "
            "*Clear* is what `compare` calls so; *false* are those whose true difference is 0.",
            "",
            coverage(settings, count),
            "",
            "## Time",
            "",
            "Two spectra of 500 terms of orders 1 to 3 over 1,000 features, 5 times.",
            "",
            times(),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two methods, two pairs, no page")
    if parser.parse_args().quick:
        print(page(SETTINGS[:2], 2))
        return
    text = page(SETTINGS, PAIRS)
    print(text)
    print(write("comparisons", text))


if __name__ == "__main__":
    main()
