"""Shapley values of exact games: ours from uniform masks, beside shapiq's approximators.

    python -m benchmarks.shapley_peers --peer-python PYTHON [--quick]

``--peer-python`` names an interpreter that has shapiq, whatever its version: OddSHAP and ProxySHAP
are in newer ones only, and are left out where they are missing. Everyone has the same number of
evaluations; the peers choose their masks themselves.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

import interplay as ip
from benchmarks.table import assets, machine, markdown, write
from interplay.masks import uniform
from interplay.masks.complete import unpack_numbers

GAMES = (
    "sentiment_00", "sentiment_10", "sentiment_12", "vit16_00", "vit16_10", "resnet18_00",
    "resnet18_10", "datavaluation_adult_dt_00", "datasetvaluation14_bike_dt_00",
    "tabpfn_realestate_00",
)  # fmt: skip
OURS = ("auto", "proxyspex", "kernel-shap")
NEWER = ("OddSHAP", "ProxySHAP")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer-python", required=True, help="an interpreter that has shapiq")
    parser.add_argument("--quick", action="store_true", help="three games, one budget, one seed")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # inherited by the peer
    games, budgets, seeds = GAMES, (200, 400), (0,)
    if options.quick:
        games, budgets, seeds = GAMES[::4], (400,), (0,)
    errors: dict[tuple[str, int], list[float]] = defaultdict(list)
    seconds: dict[str, list[float]] = defaultdict(list)
    failed: dict[str, str] = {}
    for name in games:
        path = assets() / "games" / f"{name}.npz"
        with np.load(path) as archive:
            values = archive["values"].astype(np.float64)
        truth = shapley_values(ip.Spectrum.from_values(values, len(values).bit_length() - 1))
        for budget in budgets:
            for seed in seeds:
                theirs = peer(options.peer_python, path, budget, seed)
                version, found = theirs["shapiq"], ours(values, budget, seed) | theirs["found"]
                for method, one in found.items():
                    if "error" in one:
                        failed[method] = one["error"]
                        continue
                    error = np.square(np.array(one["values"]) - truth).sum()
                    errors[method, budget].append(float(error / np.square(truth).sum()))
                    seconds[method].append(one["seconds"])
            print(f"{name} {budget}", flush=True)
    text = report(errors, seconds, failed, budgets, (len(games), len(seeds)), version)
    print(text if options.quick else write("shapley_peers", text))


def shapley_values(spectrum: ip.Spectrum) -> np.ndarray:
    table = spectrum.interactions("SV")
    return np.array([table.get((i,), 0.0) for i in range(spectrum.n)])


def ours(values: np.ndarray, budget: int, seed: int) -> dict[str, Any]:
    """Fit the full, the empty and uniform masks; the same ones for every method."""
    n = len(values).bit_length() - 1
    ends = unpack_numbers(np.array([2**n - 1, 0]), n)
    masks = np.concatenate([ends, uniform(n, budget - 2, np.random.default_rng(seed))])
    answers = values[masks @ (1 << np.arange(n))]
    found: dict[str, Any] = {}
    for method in OURS:
        started = time.perf_counter()
        fitted = ip.fit(masks, answers, method=method, seed=seed)
        shapley = shapley_values(fitted.spectrum(None))
        found[f"interplay {method}"] = {
            "values": shapley,
            "seconds": time.perf_counter() - started,
        }
    return found


def peer(python: str, path: Path, budget: int, seed: int) -> dict[str, Any]:
    """Return the version of shapiq, and what its approximators say."""
    script = str(Path(__file__).parent / "peer_shapley.py")
    output = subprocess.run(
        [python, script, str(path), str(budget), str(seed)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    result: dict[str, Any] = json.loads(output.splitlines()[-1])
    return result


def report(
    errors: dict[tuple[str, int], list[float]],
    seconds: dict[str, list[float]],
    failed: dict[str, str],
    budgets: tuple[int, ...],
    counts: tuple[int, int],
    version: str,
) -> str:
    rows = []
    for method in seconds:
        cells = [
            f"{np.exp(np.mean(np.log(np.maximum(errors[method, budget], 1e-30)))):.4f}"
            for budget in budgets
        ]
        rows.append([method, *cells, f"{np.median(seconds[method]):.2f}"])
    absent = [name for name in NEWER if name not in seconds and name not in failed]
    notes = [f"{name} raised {error}." for name, error in failed.items()]
    if absent:
        notes.append(f"{' and '.join(absent)} are not in shapiq {version}.")
    return f"""# Shapley values at equal calls, on exact games

Squared error over squared length of the exact Shapley values, by number of evaluations: geometric
mean over {counts[0]} games, seeds of each: {counts[1]}. Lower is better. interplay fits uniform
masks with the full and the empty one; shapiq {version}'s approximators draw their own (Shapley's
kernel wants masks near the ends, which are rare among uniform ones: our `kernel-shap` on those
is no measure of KernelSHAP). {" ".join(notes)}

{markdown(["method", *map(str, budgets), "median s"], rows)}

{machine(threads=1)} Written by `python -m benchmarks.shapley_peers`.
"""


if __name__ == "__main__":
    main()
