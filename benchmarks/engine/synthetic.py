"""The ProxySPEX paper's synthetic functions: isolated parities, and the same with all subsets."""

from __future__ import annotations

import numpy as np

from benchmarks.engine.baselines import score
from benchmarks.engine.data import SYNTHETIC, calls, synthetic
from benchmarks.engine.games import PEER
from benchmarks.engine.recordings import COMPARED
from benchmarks.engine.run import Part, Run
from benchmarks.table import markdown

SECTION = "synthetic"
MINUTES = 0.6
FEATURES = (20, 50, 100)
ALPHAS = (1, 2, 4)


def measure(run: Run) -> None:
    for seed in run.seeds:
        for alpha in ALPHAS[:2] if run.quick else ALPHAS:
            for n in FEATURES[:1] if run.quick else FEATURES:
                for kind in run.in_time(SYNTHETIC):
                    data = synthetic(kind, n, calls(n, alpha), seed)
                    for method in run.methods:
                        if seed == 0 or method in (run.subject, *COMPARED):
                            run.fit(SECTION, data, method, seed)
                    if seed == 0 and PEER in run.peers:
                        run.peers[PEER].result(data)


def report(run: Run) -> Part:
    scores: dict[tuple[str, str], list[float]] = {}
    for row in run.results.of(SECTION):
        r2 = float("nan") if "error" in row else row["r2"]
        scores.setdefault((row["cell"], row["method"]), []).append(r2)
    if not scores:
        return Part([], "")
    methods = [m for m in run.methods if any(method == m for _, method in scores)]
    peer = run.peers.get(PEER)
    table = []
    for kind in SYNTHETIC:
        for n in FEATURES:
            for alpha in ALPHAS:
                cell = f"{kind}_n{n} m={calls(n, alpha)}"
                if any(name == cell for name, _ in scores):
                    told = [said(scores.get((cell, method))) for method in methods]
                    if peer:
                        kept = peer.kept_for(synthetic(kind, n, calls(n, alpha), 0))
                        told.append(score(kept))
                    table.append([kind, n, calls(n, alpha), *told])
    text = f"""## Synthetic functions

"peak": 10 random sets of 5 features, coefficients uniform on (-1, 1); "hierarchy": the same 10 sets
and all their subsets. m = α n log2 n, α = {", ".join(map(str, ALPHAS))}. R² on 2,000 other masks,
mean over seeds (of the function and of the fit; range in brackets, otherwise it is seed 0 alone).
Peaks show what no hierarchical method can find.

{markdown(["function", "n", "m", *methods, *([peer.label] if peer else [])], table)}
"""
    return Part([], text)


def said(scores: list[float] | None) -> str:
    """Return a mean and its range; "failed" where any fit failed."""
    if not scores:
        return ""
    if np.isnan(scores).any():
        return "failed"
    mean = f"{np.mean(scores):.3f}"
    return mean if len(scores) == 1 else f"{mean} ({min(scores):.2f} to {max(scores):.2f})"
