"""Time the conversions of a spectrum to every index, and of masks to parities.

Run ``python -m benchmarks.indices [--quick]``: it prints a markdown page and writes it to
docs/benchmarks/indices.md. Takes about half a minute; set OMP_NUM_THREADS=1 for one thread.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.table import machine, markdown, write
from interplay.indices import INDICES
from interplay.packing import PackedArray, pack, pack_terms, term_tuples
from interplay.spectrum import Spectrum
from interplay.value_function import BoolArray
from interplay.walsh import parities

SEEDS = (0, 1, 2, 3, 4)
SIZES = (
    (14, 100, 200),
    (64, 500, 500),
    (256, 1000, 1000),
    (1000, 1000, 500),
    (1000, 5000, 2000),
    (1000, 20_000, 1000),
)
"""Features, masks and terms."""

REPEATS = 7
TARGET_MS = 200.0


def random_terms(rng: np.random.Generator, n: int, k: int, highest: int) -> PackedArray:
    """k distinct terms of uniformly drawn orders 1 .. highest."""
    terms: set[tuple[int, ...]] = set()
    while len(terms) < k:
        size = int(rng.integers(1, highest + 1))
        terms.add(tuple(sorted(rng.choice(n, size, replace=False).tolist())))
    return pack_terms(sorted(terms), n)


def milliseconds(run: Callable[[], object], repeats: int = REPEATS) -> list[float]:
    """Wall-clock times of repeated calls, after one that is not counted."""
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(1000 * (time.perf_counter() - start))
    return times


def conversions(seeds: Sequence[int]) -> str:
    rows = []
    spectra = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        packed = random_terms(rng, 1000, 500, 6)
        errors = np.full(500, 0.1)
        spectra.append(
            Spectrum.from_packed(packed, rng.normal(size=500), 1000, standard_errors=errors)
        )
    wanted: list[tuple[str, int | None]] = [(index, None) for index in INDICES]
    wanted += [("k-SII", 6), ("STII", 6), ("FSII", 6), ("FBII", 6)]
    for index, order in wanted:
        times: list[float] = []
        for spectrum in spectra:
            times += milliseconds(lambda s=spectrum, i=index, o=order: s.interactions(i, o))
        table = spectra[0].interactions(index, order)
        shown = (f"{time:.1f}" for time in (np.median(times), min(times), max(times)))
        rows.append([index, table.order, len(table), *shown])
    return markdown(["index", "order", "sets", "median ms", "fastest", "slowest"], rows)


def by_popcount(masks: BoolArray, packed: PackedArray) -> np.ndarray:
    """The obvious way: count the bits of ``mask & term``."""
    rows = pack(masks)
    parity = np.zeros((len(masks), len(packed)), dtype=np.uint64)
    for word in range(packed.shape[1]):
        parity ^= rows[:, word : word + 1] & packed[None, :, word]
    return 1.0 - 2.0 * (np.bitwise_count(parity) & 1)


def by_products(masks: BoolArray, packed: PackedArray) -> np.ndarray:
    """The other obvious way: multiply columns of signs."""
    signs = np.where(masks.T, np.int8(-1), np.int8(1))
    result = np.ones((len(packed), len(masks)), dtype=np.int8)
    for row, term in enumerate(term_tuples(packed)):
        for i in term:
            result[row] *= signs[i]
    return result.T.astype(np.float64)


def ways(masks: BoolArray, packed: PackedArray, spectrum: Spectrum) -> list[Callable[[], object]]:
    expected = parities(masks, packed)
    assert np.array_equal(by_popcount(masks, packed), expected)
    assert np.array_equal(by_products(masks, packed), expected)
    return [
        lambda: parities(masks, packed),
        lambda: parities(masks, packed, np.int8),
        lambda: by_popcount(masks, packed),
        lambda: by_products(masks, packed),
        lambda: spectrum.predict(masks),
    ]


def walsh_functions(sizes: Sequence[tuple[int, int, int]]) -> str:
    rows = []
    for n, m, k in sizes:
        rng = np.random.default_rng(0)
        packed, masks = random_terms(rng, n, k, 5), rng.random((m, n)) < 0.5
        cells = []
        for run in ways(masks, packed, Spectrum.from_packed(packed, rng.normal(size=k), n)):
            times = milliseconds(run, 3)
            cells.append(f"{np.median(times):.1f} ({min(times):.1f}-{max(times):.1f})")
        rows.append([n, m, k, *cells])
    header = ["n", "masks", "terms", "`parities`, float64", "int8", "bit counts", "sign products"]
    return markdown([*header, "`predict`"], rows)


def page(seeds: Sequence[int], sizes: Sequence[tuple[int, int, int]]) -> str:
    converted = conversions(seeds)
    walsh = walsh_functions(sizes)
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    return "\n".join(
        [
            "# Indices and Walsh functions: time",
            "",
            f"Written by `python -m benchmarks.indices`. {machine(threads=threads)} "
            "Other programs ran on the machine at the same time: the fastest time says most.",
            "",
            "## From a spectrum to an index",
            "",
            "500 terms of orders 1 to 6 (uniformly drawn) over n = 1,000 features, with standard "
            f"errors; milliseconds of `spectrum.interactions(index, order)`, {REPEATS} runs on "
            f"each of {len(seeds)} spectra (seeds {seeds[0]}-{seeds[-1]}). "
            f"Limit: {TARGET_MS:.0f} ms.",
            "",
            converted,
            "",
            "## From masks to parities",
            "",
            "Terms of orders 1 to 5, seed 0; milliseconds, median (fastest-slowest) of 3 runs. "
            "*Bit counts* takes the parity of the bits of `mask & term`; *sign products* "
            "multiplies columns of signs; `parities` exclusive-ors bits packed along the masks. "
            "`predict` sums the series without ever holding all parities.",
            "",
            walsh,
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one spectrum, small sizes, no page")
    if parser.parse_args().quick:
        print(page(SEEDS[:1], SIZES[:4]))
        return
    text = page(SEEDS, SIZES)
    print(text)
    print(write("indices", text))


if __name__ == "__main__":
    main()
