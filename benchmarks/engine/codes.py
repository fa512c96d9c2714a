"""Coded masks: recovery of planted spectra, time of decoding, and peaks that nothing else finds."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np

import interplay as ip
from benchmarks.engine.data import realistic_spectrum
from benchmarks.engine.llamas import PUBLISHED, SPEX, decoded, peer_python
from benchmarks.engine.results import Measured
from benchmarks.engine.run import Part, Run
from benchmarks.ground.row import Row
from benchmarks.table import markdown
from interplay.codes import MaskCode
from interplay.masks import uniform
from interplay.metrics import r_squared
from interplay.packing import Term
from interplay.spectrum import Spectrum
from interplay.surrogates.spex.bins import Layout
from interplay.surrogates.spex.peeling import peel
from interplay.value_function import BoolArray, FloatArray

SECTION = "codes"
MINUTES = 0.5
PLANTED, ORDER, NOISE = 100, 5, 0.1
"""Terms, their largest order, and the noise's standard deviation over the values'."""
ABOVE = 4.0
"""Standard errors of a coefficient, sd of the noise / sqrt(masks), beyond which a term that is not
there counts as false above the noise."""
DESIGNS = ((64, 5), (128, 5), (1000, 7), (1000, 8))
"""n and b."""
DECODED_BY_PEER = ((64, 5), (128, 5))
"""What the peer decodes, too: at n = 1,000 it took from three minutes to more than twenty."""
FASTER = 20.0
FEATURES, CALLS, PEAKS = 64, 3000, 10
FUNCTIONS = ("peak", "peak on realistic")
HYBRID = "auto, mixed design"
ALONE = ("auto", "proxyspex", "parity-gp")
TESTS = 2000


def planted(n: int, seed: int) -> Spectrum:
    """Return 100 terms: orders uniform on 1 .. 5, sets and signs too, sizes uniform on (0, 1)."""
    rng = np.random.default_rng([seed, n, 10])
    terms: dict[Term, float] = {}
    while len(terms) < PLANTED:
        chosen = rng.choice(n, rng.integers(1, ORDER + 1), replace=False)
        size = rng.uniform(0, 1) * rng.choice([-1, 1])
        terms.setdefault(tuple(sorted(chosen.tolist())), float(size))
    return Spectrum(terms, n)


def sample(n: int, bits: int, seed: int) -> tuple[MaskCode, BoolArray, FloatArray, Spectrum, float]:
    """Return code, different masks, noisy values, spectrum, and the noise's standard deviation."""
    spectrum, rng = planted(n, seed), np.random.default_rng([seed, n, 11])
    code, numbers = MaskCode.drawn(n, rng), np.arange(2**bits)
    masks = [code.masks(group, numbers).reshape(-1, n) for group in range(code.groups)]
    masks = np.unique(np.concatenate(masks), axis=0)
    values = spectrum.predict(masks)
    sd = NOISE * float(values.std())
    return code, masks, values + sd * rng.normal(size=len(masks)), spectrum, sd


def recovered(found: Mapping[Term, float], truth: Spectrum, error: float) -> Measured:
    """Count what was found of the planted terms, and what was not planted."""
    false = [abs(size) for term, size in found.items() if term and term not in truth.terms]
    return {
        "found": sum(term in found for term in truth.terms),
        "false": len(false),
        "above": sum(bool(size > ABOVE * error) for size in false),
    }


def measure(run: Run) -> None:
    for n, bits in DESIGNS[:1] if run.quick else DESIGNS:
        for seed in run.in_time(run.seeds):
            cell = f"planted n={n} b={bits}"
            run.results.row(SECTION, cell, SPEX, seed, lambda: ours(n, bits, seed))  # noqa: B023
            run.results.row(SECTION, cell, "fit", seed, lambda: fitted(n, bits, seed))  # noqa: B023
            if peer_python(run) and (n, bits) in DECODED_BY_PEER:
                run.results.row(
                    SECTION, cell, PUBLISHED, seed, lambda: theirs(run, n, bits, seed)  # noqa: B023
                )  # fmt: skip
    for function in FUNCTIONS[:1] if run.quick else FUNCTIONS:
        for method in (HYBRID, SPEX, *ALONE):
            for seed in run.in_time(run.seeds):
                run.results.row(
                    SECTION, function, method, seed, lambda: peaks(function, method, seed)  # noqa: B023
                )  # fmt: skip


def ours(n: int, bits: int, seed: int) -> Measured:
    code, masks, values, truth, sd = sample(n, bits, seed)
    started = time.perf_counter()
    peeled = peel(code, Layout.of(code, masks).bins(values))
    seconds = time.perf_counter() - started
    found = {
        tuple(i for i in members if i >= 0): size
        for members, size in zip(peeled.sets.tolist(), peeled.coefficients.tolist(), strict=True)
    }
    error = sd / np.sqrt(len(masks))
    return {"masks": len(masks), "seconds": seconds, **recovered(found, truth, error)}


def fitted(n: int, bits: int, seed: int) -> Measured:
    """The whole fit: of its 100 largest terms, how many were planted."""
    code, masks, values, truth, sd = sample(n, bits, seed)
    started = time.perf_counter()
    design = ip.Recording(masks, values, design="coded", code=code)
    surrogate = ip.fit(masks, values, method="spex", design=design, seed=seed)
    seconds = time.perf_counter() - started
    spectrum = surrogate.spectrum(None)
    test = uniform(n, TESTS, np.random.default_rng([seed, n, 12]), exclude=masks)
    found = {
        term: size for term, size in spectrum.terms.items()
        if abs(size) > ABOVE * sd / np.sqrt(len(masks))
    }  # fmt: skip
    r2 = r_squared(truth.predict(test), surrogate.predict(test))
    figures = recovered(found, truth, sd / np.sqrt(len(masks)))
    return {"masks": len(masks), "seconds": seconds, "r2": r2, **figures}


def theirs(run: Run, n: int, bits: int, seed: int) -> Measured:
    code, masks, values, truth, sd = sample(n, bits, seed)
    result = decoded(peer_python(run), code, bits, masks, values)
    found = {
        tuple(term): size
        for term, size in zip(result["terms"], result["coefficients"], strict=True)
    }
    figures = recovered(found, truth, sd / np.sqrt(len(masks)))
    return {"masks": len(masks), "seconds": result["seconds"], **figures}


def peaked(function: str, seed: int) -> tuple[Spectrum, list[Term]]:
    """Return ten parities of five features, alone or with a realistic function of more variance."""
    rng = np.random.default_rng([seed, FEATURES, 0])
    sets = [tuple(sorted(rng.choice(FEATURES, 5, replace=False).tolist())) for _ in range(PEAKS)]
    sizes = rng.uniform(-1, 1, PEAKS)
    if function == "peak":
        return Spectrum(dict(zip(sets, sizes.tolist(), strict=True)), FEATURES), sets
    base = realistic_spectrum(FEATURES, seed)
    # the peaks make up a fifth of the variance
    scale = 0.5 * np.sqrt(base.variance / np.square(sizes).sum())
    peaks_ = dict(zip(sets, (scale * sizes).tolist(), strict=True))
    terms = {term: base.terms.get(term, 0.0) + peaks_.get(term, 0.0) for term in base.terms}
    return Spectrum({**peaks_, **terms}, FEATURES), sets


def peaks(function: str, method: str, seed: int) -> Measured:
    """Count peaks whose coefficient is told within half of its size."""
    truth, sets = peaked(function, seed)
    kind = {HYBRID: "mixed", SPEX: "coded"}.get(method, "uniform")
    plan = ip.design(FEATURES, CALLS, kind, seed)
    test = uniform(FEATURES, TESTS, np.random.default_rng([seed, 13]), exclude=plan.masks)
    started = time.perf_counter()
    surrogate = ip.fit(
        plan.masks,
        truth.predict(plan.masks),
        method="auto" if method == HYBRID else method,
        design=plan,
        seed=seed,
    )
    seconds = time.perf_counter() - started
    told = surrogate.spectrum(200).terms
    found = sum(abs(told.get(t, 0.0) - truth.terms[t]) < abs(truth.terms[t]) / 2 for t in sets)
    return {
        "found": found,
        "calls": len(plan.masks),
        "r2": r_squared(truth.predict(test), surrogate.predict(test)),
        "own": surrogate.faithfulness.value,
        "seconds": seconds,
    }


def report(run: Run) -> Part:
    rows = [row for row in run.results.of(SECTION) if "error" not in row]
    if not rows:
        return Part([], "")
    cells: dict[tuple[str, str], list[Measured]] = {}
    for row in rows:
        cells.setdefault((row["cell"], row["method"]), []).append(row)
    bars: list[Row] = []
    largest = f"planted n={DESIGNS[-1][0]} b={DESIGNS[-1][1]}"
    if at := cells.get((largest, "fit")):
        found, above = [row["found"] for row in at], sum(row["above"] for row in at)
        bars.append(
            Row(
                'terms recovered of 100 by "spex", order <= 5, n = 1,000, noise 10 %, b = 8',
                ">= 95, none false above the noise",
                f"{min(found)} to {max(found)} ({len(at)} seeds), {above} false above the noise",
                min(found) >= 95 and above == 0,
                {"found": found, "above": above},
            )
        )
    ratios, fewer = [], 0
    for n, bits in DECODED_BY_PEER:
        own = {row["seed"]: row for row in cells.get((f"planted n={n} b={bits}", SPEX), [])}
        for row in cells.get((f"planted n={n} b={bits}", PUBLISHED), []):
            if row["seed"] in own:
                ratios.append(row["seconds"] / own[row["seed"]]["seconds"])
                fewer += own[row["seed"]]["found"] < row["found"]
    if ratios:
        bars.append(
            Row(
                "time of spectralexplain's soft decoder over ours, same samples",
                f">= {FASTER:g}, no less recovered",
                f"{min(ratios):.0f} to {max(ratios):.0f} ({len(ratios)} samples), less recovered "
                f"in {fewer}",
                min(ratios) >= FASTER and not fewer,
                {"ratios": ratios},
            )
        )
    if at := cells.get(("peak", HYBRID)):
        found = [row["found"] for row in at]
        bars.append(
            Row(
                f"peaks found of 10, n = 64, {CALLS:,} calls, hybrid",
                "10",
                f"{', '.join(map(str, found))} (seeds); alone on uniform masks: "
                + ", ".join(
                    f"{method} {max(row['found'] for row in other)}"
                    for method in ALONE
                    if (other := cells.get(("peak", method)))
                ),
                min(found) == PEAKS,
                {"found": found},
            )
        )
    return Part(bars, text_of(cells))


def text_of(cells: Mapping[tuple[str, str], list[Measured]]) -> str:
    labels = {SPEX: "decoding", "fit": "whole fit", PUBLISHED: PUBLISHED}
    recovery = [
        [
            cell.removeprefix("planted "),
            f"{at[0]['masks']:,}",
            labels[method],
            _range(at, "found", ".0f"),
            _range(at, "false", ".0f"),
            _range(at, "above", ".0f"),
            _range(at, "seconds", ".2f"),
        ]
        for cell in (f"planted n={n} b={bits}" for n, bits in DESIGNS)
        for method in labels
        if (at := cells.get((cell, method)))
    ]
    found = [
        [
            cell,
            method,
            _range(at, "found", ".0f"),
            _range(at, "r2", ".3f"),
            _range(at, "own", ".2f"),
            _range(at, "seconds", ".1f"),
        ]
        for (cell, method), at in cells.items()
        if not cell.startswith("planted")
    ]
    return f"""## Coded masks

{PLANTED} planted terms, orders uniform on 1 to {ORDER}, any sets, coefficients uniform on (-1, 1),
noise of {100 * NOISE:.0f} % of the values' standard deviation; C = 3, t = 5. "Above the noise" is a
term that was not planted with a coefficient of more than {ABOVE:g} standard errors (the noise's
standard deviation over the root of the number of masks). Planted terms that are missed are smaller
than what the noise hides. Decoding alone keeps terms of four standard errors of its own, and among
10^13 sets noise has some; the refit of "spex" lets those go. Seconds of decoding are from masks and
values to terms; of "whole fit", whose terms are those above the noise, all of `ip.fit`. One thread
each, the same samples.

{markdown(["design", "masks", "", "found of 100", "false", "above the noise", "s"], recovery)}

Peaks: 10 random parities of 5 of {FEATURES} features, coefficients uniform on (-1, 1), alone, or
beside a realistic function of four times their variance; {CALLS:,} calls in all. A peak is found
where the spectrum of 200 terms tells its coefficient within half of its size. R² on {TESTS:,} other
masks; "own estimate" is what the fit says of itself.

{markdown(["function", "method", "peaks", "R²", "own estimate", "s"], found)}
"""


def _range(rows: list[Measured], key: str, form: str) -> str:
    values = [row[key] for row in rows]
    if min(values) == max(values):
        return f"{values[0]:{form}}"
    return f"{min(values):{form}} to {max(values):{form}}"
