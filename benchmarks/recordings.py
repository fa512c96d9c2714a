"""Faithfulness at equal calls on recordings of real models, and the fit's time beside a peer's.

    python -m benchmarks.recordings [--quick] [--peer-python PYTHON]

Every method is fitted to the same first m masks and judged on the recording's own test masks, which
nothing else looks at. ``--peer-python`` names an interpreter that has spectralexplain 0.0.4 (``make
peers`` makes one). Its fit takes minutes, so it is run for one m of every recording, right before
ours, each in one thread, and only such neighbours are compared in time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np

import interplay as ip
from benchmarks.engine.data import recording
from benchmarks.engine.peers import ONE_THREAD
from benchmarks.shapiq_1_8 import ORDER_1, PROXYSPEX
from benchmarks.table import assets, machine, markdown, write
from interplay.metrics import r_squared

PEER_CALLS = {"baby_tokens_n128_1": 225}
SEEDS = (0, 1, 2)
TOLERANCE = 0.01
BAR_FROM = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one seed, at most 400 masks")
    parser.add_argument("--peer-python", help="an interpreter with spectralexplain 0.0.4")
    options = parser.parse_args()
    os.environ.update(ONE_THREAD)  # inherited by the peer
    rows = [
        measure(name, m, options.quick, options.peer_python)
        for name in PROXYSPEX
        for m in ORDER_1[name]
        if not options.quick or m <= 400
    ]
    text = report(rows, options.peer_python is not None)
    print(text if options.quick else write("recordings", text))


def measure(name: str, m: int, quick: bool, peer_python: str | None) -> dict[str, Any]:
    path = assets() / "recordings" / f"{name}.npz"
    data = recording(name).first(m)
    row: dict[str, Any] = {"name": name, "n": data.n, "m": m}
    timed = peer_python is not None and m == PEER_CALLS.get(name, 200)
    row["peer"] = peer(str(peer_python), path, m) if timed else None
    scores: dict[str, list[float]] = {}
    for method in ("lasso", "proxyspex"):
        seconds = []
        for seed in SEEDS[:1] if quick or method == "lasso" else SEEDS:
            started = time.perf_counter()
            surrogate = ip.fit(data.masks, data.values, method=method, seed=seed)
            seconds.append(time.perf_counter() - started)
            scores.setdefault(method, []).append(
                r_squared(data.truth, surrogate.predict(data.test))
            )
            if method == "proxyspex" and seed == 0:
                row["evidence"] = surrogate.faithfulness
                row["terms"] = len(surrogate.spectrum(None)) - 1
                shown = surrogate.spectrum(200).predict(data.test)
                row["shown"] = r_squared(data.truth, shown)
        row[f"{method}_time"] = float(np.median(seconds))
    row["scores"] = scores
    print(f"{name} m={m}: proxyspex {np.mean(scores['proxyspex']):.3f}", flush=True)
    return row


def peer(python: str, path: Path, m: int) -> dict[str, float]:
    """Return R², terms and seconds of spectralexplain's fit, run just now."""
    output = subprocess.run(
        [python, str(Path(__file__).parent / "peer_spectralexplain.py"), str(path), str(m)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    result: dict[str, float] = json.loads(output.splitlines()[-1])
    return result


def report(rows: list[dict[str, Any]], with_peer: bool) -> str:
    header = [
        "recording",
        "n",
        "m",
        "lasso",
        "**proxyspex**",
        "spread",
        "shapiq 1.8",
        "bar",
    ]
    header += ["own estimate (90 %)", "terms", "200 largest", "fit, s"]
    if with_peer:
        header += ["spectralexplain R²", "its fit, s", "times faster"]
    table, met, judged, ratios = [], 0, 0, []
    for row in rows:
        ours = np.array(row["scores"]["proxyspex"])
        reference = PROXYSPEX[row["name"]].get(row["m"])
        verdict = ""
        if reference is not None and row["m"] >= BAR_FROM:
            judged += 1
            passed = ours.mean() >= reference - TOLERANCE
            met += passed
            verdict = "met" if passed else "**missed**"
        evidence = row["evidence"]
        cells: list[object] = [
            row["name"],
            row["n"],
            row["m"],
            f"{np.mean(row['scores']['lasso']):.3f}",
            f"**{ours.mean():.3f}**",
            f"{np.ptp(ours):.3f}",
            "-" if reference is None else f"{reference:.3f}",
            verdict,
            f"{evidence.value:.2f} ({evidence.low:.2f} to {evidence.high:.2f})",
            row["terms"],
            f"{row['shown']:.3f}",
            f"{row['proxyspex_time']:.2f}",
        ]
        if with_peer:
            theirs = row["peer"]
            cells += (
                ["", "", ""] if theirs is None else beside(theirs, row["proxyspex_time"], ratios)
            )
        table.append(cells)
    speed = (
        f" Its fit, evidence included, was {min(ratios):.0f} to "
        f"{max(ratios):.0f} times faster than spectralexplain 0.0.4's single fit, "
        f"median {np.median(ratios):.0f}."
        if ratios
        else ""
    )
    return f"""# Faithfulness at equal calls, on recordings of real models

Held-out R² on the recordings' own test masks; every method saw the same first m masks. Mean of
fit seeds {", ".join(map(str, SEEDS))}; "spread" is the largest minus the smallest of them. "own
estimate" is what the fit itself reports from its m masks (seed 0); "200 largest" is the R² of the
truncated spectrum that reports show. shapiq 1.8 is its ProxySPEX (LightGBM grid, 95 % energy cut,
ridge), measured on the same masks.

**{met} of {judged}** rows with m >= {BAR_FROM} reach shapiq's column, tolerance {TOLERANCE}.{speed}

{markdown(header, table)}

{machine(threads=1)} Written by `python -m benchmarks.recordings`.
"""


def beside(theirs: dict[str, Any], seconds: float, ratios: list[float]) -> list[str]:
    ratios.append(theirs["seconds"] / seconds)
    score = "crash" if theirs["r2"] is None else f"{theirs['r2']:.3f}"
    return [score, f"{theirs['seconds']:.1f}", f"{ratios[-1]:.0f}"]


if __name__ == "__main__":
    main()
