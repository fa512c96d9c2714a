"""How well the spread of a run's coefficient draws tells the error of "what if" predictions.

    python -m benchmarks.what_if [--quick]

Exact games, so that any mask can be looked up: fits to uniform masks (with the full and the empty
one), predictions by the spectrum at masks that were not evaluated, of three laws. The interval is
the prediction +- 1.645 sqrt(variance of the draws + residual variance), the latter
variance * (1 - R²) / R². Beside the draws: independent ones of the same standard errors, and what
the surrogate itself says that it does not know, where it does. The way of drawing was chosen on
the games of CHOSEN_ON, before those of GAMES were looked at.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

import interplay as ip
from benchmarks.engine.data import game_values, masks_of, recording
from benchmarks.table import machine, markdown, write
from interplay.intervals import Z_90
from interplay.masks import uniform
from interplay.metrics import rank_correlation
from interplay.recording import Recording
from interplay.spectrum import Spectrum
from interplay.surrogates import Surrogate
from interplay.surrogates.draws import COUNT, Draws
from interplay.value_function import BoolArray, FloatArray
from interplay.walsh import parities

CHOSEN_ON = (
    *("sentiment_02", "vit16_02", "resnet18_00", "datavaluation_bike_dt_02"),
    *("datasetvaluation14_adult_dt_00", "local_bike_rf_00"),
)
GAMES = (
    *("sentiment_16", "vit16_20", "resnet18_14", "datavaluation_california_rf_00"),
    *("datasetvaluation14_bike_dt_00", "tabpfn_forestfires_00", "local_adult_gb_00"),
)
RECORDINGS = ("baby_heads_1", "stories_heads_1", "stories_tokens_n64_1", "baby_tokens_n128_1")
CALLS = (200, 500, 1000)
METHODS = ("auto", "proxyspex", "lasso")
LAWS = ("uniform", "1 to 3 off", "1 to 3 on")
SEEDS = 2
TESTS = 600
MORE = 50
"""Times as many draws, for the limit."""

LEAST_R2 = 0.3
"""Fits that explain less are counted, and left out: the residual variance is then of no use."""


@dataclass(frozen=True)
class Case:
    """A fit, and masks that it has not seen: of each law masks ``(k, n)`` and values ``(k,)``."""

    evaluations: Recording
    tests: dict[str, tuple[BoolArray, FloatArray]]
    seed: int


def game_case(name: str, m: int, seed: int) -> Case:
    values = game_values(name)
    n = len(values).bit_length() - 1
    rng = np.random.default_rng([seed, n])
    drawn = rng.permutation(np.arange(1, len(values) - 1))
    rows = np.concatenate([[0, len(values) - 1], drawn[: m - 2]])
    laws = {
        LAWS[0]: masks_of(drawn[m - 2 :][:TESTS], n),
        LAWS[1]: near(n, rng, full=True),
        LAWS[2]: near(n, rng, full=False),
    }
    tests = {}
    for law, masks in laws.items():
        numbers = masks @ (1 << np.arange(n))
        unseen = ~np.isin(numbers, rows)
        tests[law] = (masks[unseen], values[numbers[unseen]])
    return Case(Recording(masks_of(rows, n), values[rows]), tests, seed)


def near(n: int, rng: np.random.Generator, *, full: bool) -> BoolArray:
    """Return masks that differ from the full, or the empty one, in 1 to 3 features."""
    masks = []
    for k in (1, 2, 3):
        every = np.array(list(combinations(range(n), k)))
        for changed in every[rng.permutation(len(every))[: TESTS // 3]]:
            mask = np.full(n, full)
            mask[changed] = not full
            masks.append(mask)
    return np.array(masks)


def recording_case(name: str, m: int, seed: int) -> Case:
    """The recordings of language models have uniform test masks only."""
    data = recording(name).drawn(m, seed).with_ends()
    tests = {LAWS[0]: (data.test[:TESTS], data.truth[:TESTS])}
    return Case(Recording(data.masks, data.values), tests, seed)


@dataclass(frozen=True)
class Figures:
    """Share of the truth within the intervals, and rank correlation of spread and error."""

    held: float
    tells: float


Spread = Callable[[BoolArray], FloatArray]


def spreads(surrogate: Surrogate, spectrum: Spectrum, case: Case) -> dict[str, Spread]:
    """Return ways to tell the variance of predictions ``(k,)`` at masks ``(k, n)``."""
    drawn = Draws.of(spectrum, surrogate.faithfulness, case.evaluations, case.seed)
    errors = spectrum.standard_errors
    assert drawn is not None
    assert errors is not None
    rng = np.random.default_rng([case.seed, 1])
    joint = drawn.coefficients(spectrum) - spectrum.coefficients
    more = [
        Draws.of(spectrum, surrogate.faithfulness, case.evaluations, case.seed + 1000 * i)
        for i in range(1, MORE + 1)
    ]
    limit = np.concatenate(
        [one.coefficients(spectrum) - spectrum.coefficients for one in more if one is not None]
    )
    alone = rng.normal(size=(COUNT, len(spectrum))) * errors

    def of(deviations: FloatArray) -> Spread:
        def told(masks: BoolArray) -> FloatArray:
            variance: FloatArray = np.square(deviations @ parities(masks, spectrum.packed).T)
            return variance.mean(axis=0)

        return told

    ways: dict[str, Spread] = {
        "joint draws": of(joint),
        "their limit": of(limit),
        "independent draws": of(alone),
    }
    if surrogate.doubt(case.evaluations.masks[:2]) is not None:

        def doubted(masks: BoolArray) -> FloatArray:
            told = surrogate.doubt(masks)
            assert told is not None
            return np.diag(told[0]).copy()

        ways["the surrogate's own doubt"] = doubted
    return ways


def figures(case: Case, method: str) -> Iterator[tuple[str, str, Figures]]:
    """Yield way, law and figures of a fit; nothing where it explains too little."""
    given = case.evaluations
    surrogate = ip.fit(given.masks, given.values, method=method, seed=case.seed)
    r2, spectrum = surrogate.faithfulness.value, surrogate.spectrum()
    if not r2 >= LEAST_R2:
        return
    residual = spectrum.variance * (1 - r2) / r2
    for way, spread in spreads(surrogate, spectrum, case).items():
        for law, (masks, truth) in case.tests.items():
            variance = spread(masks)
            error = np.abs(spectrum.predict(masks) - truth)
            held = error <= Z_90 * np.sqrt(variance + residual) + 1e-9 * np.abs(truth).max()
            tells = rank_correlation(error, variance)
            yield way, law, Figures(float(held.mean()), tells)


def measure(cases: list[Callable[[int, int], Case]], quick: bool) -> tuple[str, int, int]:
    """Return the table of cases, how many fits are in it, and how many explain too little."""
    found: dict[tuple[str, str, str], list[Figures]] = {}
    fits = skipped = 0
    for make in cases:
        for m in CALLS[1:2] if quick else CALLS:
            for seed in range(1 if quick else SEEDS):
                case = make(m, seed)
                for method in METHODS:
                    told = list(figures(case, method))
                    fits += bool(told)
                    skipped += not told
                    for way, law, one in told:
                        found.setdefault((method, way, law), []).append(one)
    laws = [law for law in LAWS if any(key[2] == law for key in found)]
    header = ["method", "spread of", "fits"]
    for law in laws:
        header += [f"{law}: held, % (lowest)", "tells the error"]
    rows = []
    for method, way in dict.fromkeys(key[:2] for key in found):
        row: list[object] = [method, way, len(found[method, way, laws[0]])]
        for law in laws:
            some = found[method, way, law]
            held = [100 * one.held for one in some]
            row += [
                f"{np.mean(held):.1f} ({min(held):.0f})",
                f"{np.nanmean([one.tells for one in some]):+.2f}",
            ]
        rows.append(row)
    return markdown(header, rows), fits, skipped


def seconds() -> tuple[float, float, float]:
    """Return the seconds of a fit of 100 targets, of the draws of one, and of a stack's fit."""
    rng = np.random.default_rng(0)
    masks = uniform(40, 500, rng)
    values = (masks @ rng.normal(size=(40, 100))) + np.square(masks @ rng.normal(size=(40, 100)))
    started = time.perf_counter()
    fitted = ip.fit(masks, values, method="proxyspex")
    many = time.perf_counter() - started
    started = time.perf_counter()
    one = ip.fit(masks, values[:, 0])
    stack = time.perf_counter() - started
    spectra = [(fit.spectrum(), fit.faithfulness) for fit in [*fitted.values(), one]]
    given = Recording(masks, values[:, 0])
    started = time.perf_counter()
    for spectrum, trust in spectra:
        Draws.of(spectrum, trust, given, 0)
    return many, (time.perf_counter() - started) / len(spectra), stack


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two games, one size, nothing written")
    options = parser.parse_args()
    names = GAMES[:2] if options.quick else GAMES

    def of(source: Callable[[str, int, int], Case], name: str) -> Callable[[int, int], Case]:
        return lambda m, seed: source(name, m, seed)

    games = measure([of(game_case, name) for name in names], options.quick)
    texts = measure([of(recording_case, name) for name in RECORDINGS[: len(names)]], options.quick)
    text = report(games, texts, seconds())
    print(text if options.quick else write("what_if", text))


def report(
    games: tuple[str, int, int], texts: tuple[str, int, int], took: tuple[float, float, float]
) -> str:
    many, draws, stack = took
    sizes = ", ".join(map(str, CALLS))
    return f"""# What if: how well the spread tells the error

A run keeps {COUNT} joint draws of its spectrum's coefficients ([concepts](../concepts.md)). Here
the truth is known. "Held": how often the true value lies in the prediction ± 1.645 √(variance of
the draws + residual variance), which should be 90 %; the lowest of the fits in brackets. "Tells the
error": rank correlation of the spread of the draws with the absolute error over the masks of a fit,
mean over fits: 0 for a spread that says nothing about which mask is known better. Independent draws
have the same standard errors, and no correlations; the limit of joint draws is that of very many.
The surrogate's own doubt is the posterior variance of its Gaussian processes, which a run file does
not hold. Masks that were evaluated are left out.

## Exact games

{games[0]}

{games[1]} fits to {sizes} masks of {", ".join(GAMES)}; {SEEDS} seeds.
{games[2]} more fits have an R² below {LEAST_R2} and are left out. The way of drawing was chosen on
other games: {", ".join(CHOSEN_ON)}.

## Recordings of language models

Their masks, the full and the empty one apart, are uniform.

{texts[0]}

{texts[1]} fits to {sizes} masks of {", ".join(RECORDINGS)}; {SEEDS} seeds.
{texts[2]} more are left out.

## What this says

Intervals of uniform masks hold the truth somewhat more often than they should: the error that R²
is measured by has the coefficients' own in it. Near the full and the empty mask the residual
variance is wrong, too large or too small by the game: R² speaks of uniform masks.

Which of two predictions is better, draws hardly say. Even very many joint draws rank masks only a
little better than none at all, and {COUNT}, which tell a standard deviation to some 16 %, hide most
of that. Joint draws are kept for what was evaluated: there predictions are known better, and
independent draws do not show it. The surrogate's own doubt says more, for it holds the terms that
the spectrum does not list, and where the members of the stack disagree; the joint posterior of the
listed terms alone, tried on the games of the choice, ranked no better than the parities do.

## What draws cost

{1e3 * draws:.1f} ms for a target of 500 masks and 200 terms. The fit of the stack to it takes
{stack:.2f} s; the fit of "proxyspex" to 100 targets at once {1e3 * many / 100:.0f} ms each.

{machine(threads=1)} Seeds 0 to {SEEDS - 1}. Written by `python -m benchmarks.what_if`.
"""


if __name__ == "__main__":
    main()
