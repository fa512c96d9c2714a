"""Shapley values from few calls: beside a long KernelSHAP run, and beside exact values of games.

Ours are fitted to uniform masks with the full and the empty one; shapiq's approximators, where this
interpreter has them, draw their own. At most n log2 n calls, five or ten runs each.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

import interplay as ip
from benchmarks.engine.data import calls, game_values
from benchmarks.engine.results import Measured, Results
from benchmarks.ground.row import Row
from benchmarks.inputs.octaves import folder
from benchmarks.papers.intervals import Interval
from benchmarks.papers.reviews import Review, drawn
from benchmarks.shapley_peers import GAMES, shapley_values
from benchmarks.table import markdown
from interplay.masks import uniform
from interplay.value_function import BoolArray, FloatArray

METHODS = ("auto", "proxyspex", "lasso")
KERNEL_SHAP = "KernelSHAP"
PEERS: dict[str, dict[str, Any]] = {
    KERNEL_SHAP: {},
    "PermutationSamplingSV": {},
    "ProxySPEX": {"index": "SII", "max_order": 1},
}
"""shapiq's approximators, with what they are asked for."""
SLOW, SLOW_RUNS = "ProxySPEX", 1
"""It fits for seconds: one run."""
ALPHAS = (0.25, 0.5, 1.0)
RUNS = {"games": 10, "reviews": 5}
REFERENCE_CALLS = 10_000
WORDS, REVIEWS = (32, 63), 2
TOP = {"reviews": 10, "games": 5}
"""The k of recall@k: ten of a game's 14 to 16 features would hardly be a choice."""

WORST = 100.0
"""Largest error that counts: a regression on fewer masks than features may give anything."""

Game = Callable[[BoolArray], FloatArray]


def rows(quick: bool = False) -> list[Row]:
    """Return the rows of the reviews and of the games."""
    alphas = ALPHAS[-1:] if quick else ALPHAS
    names = GAMES[:: 5 if quick else 2]
    runs = dict.fromkeys(RUNS, 2) if quick else RUNS
    measured = {"games": [of_game(name, alphas, runs["games"]) for name in names]}
    if not quick and find_spec("shapiq") is not None:
        reviews = drawn(octaves=[WORDS])[::2][:REVIEWS]
        measured["reviews"] = [
            of_review(one, alphas, runs["reviews"], again=place == 0)
            for place, one in enumerate(reviews)
        ]
    return [row(kind, found) for kind, found in measured.items()]


def of_game(name: str, alphas: Sequence[float], runs: int) -> dict[str, Any]:
    """Return the errors on an exact game, against its exact values."""
    values = game_values(name)
    n = len(values).bit_length() - 1
    bits = 1 << np.arange(n)
    truth = shapley_values(ip.Spectrum.from_values(values, n))
    return {
        "name": name,
        "n": n,
        "found": compared(
            name, n, lambda masks: values[masks @ bits], truth, alphas, runs, "games"
        ),
    }


def of_review(review: Review, alphas: Sequence[float], runs: int, *, again: bool) -> dict[str, Any]:
    """Return the errors on a review, against a long KernelSHAP run; with ``again``, of another."""
    kept = Results(folder() / "papers" / "shapley.json", ip.__version__)
    name = f"review_{review.index}"

    def reference(seed: int) -> FloatArray:
        """The values of one long run."""

        def measure() -> Measured:
            print(f"shapley: {name}, {REFERENCE_CALLS:,} calls", flush=True)
            found = peer(KERNEL_SHAP, review.n, review.evaluated, REFERENCE_CALLS, 1000 + seed)
            return {"values": found.tolist()}

        return np.array(kept.row("reference", name, KERNEL_SHAP, seed, measure)["values"])

    truth = reference(0)
    return {
        "name": name,
        "n": review.n,
        "reference": figures(reference(1), truth, TOP["reviews"]) if again else None,
        "found": compared(name, review.n, review.evaluated, truth, alphas, runs, "reviews"),
    }


def compared(
    name: str,
    n: int,
    game: Game,
    truth: FloatArray,
    alphas: Sequence[float],
    runs: int,
    kind: str,
) -> dict[str, dict[str, dict[str, float]]]:
    """Return by method and alpha the mean recall and relative squared error over the runs."""
    kept = Results(folder() / "papers" / f"shapley-{kind}.json", ip.__version__)
    found: dict[str, dict[str, dict[str, float]]] = defaultdict(dict)
    peers = PEERS if find_spec("shapiq") is not None else {}
    for method in (*METHODS, *peers):
        ours = method in METHODS
        label = method if ours else f"shapiq {method}"
        for alpha in alphas:
            m = calls(n, alpha)

            def measure(method: str = method, ours: bool = ours, m: int = m) -> Measured:
                began = time.process_time()
                told = [
                    figures(
                        fitted(method, n, game, m, seed)
                        if ours
                        else peer(method, n, game, m, seed),
                        truth,
                        TOP[kind],
                    )
                    for seed in range(SLOW_RUNS if not ours and method == SLOW else runs)
                ]
                spent = {"seconds": (time.process_time() - began) / len(told)}
                return {key: float(np.mean([one[key] for one in told])) for key in told[0]} | spent

            row = kept.row(kind, f"{name}, m={m}, {runs} runs", label, 0, measure)
            if "error" not in row:
                found[label][f"{alpha:g}"] = {key: row[key] for key in ("recall", "squared_error")}
    return dict(found)


def fitted(method: str, n: int, game: Game, m: int, seed: int) -> FloatArray:
    """Return the Shapley values of a fit to the full, the empty and m - 2 uniform masks."""
    ends = np.array([np.ones(n), np.zeros(n)], dtype=np.bool_)
    masks = np.concatenate([ends, uniform(n, m - 2, np.random.default_rng([seed, n]))])
    table = ip.fit(masks, game(masks), method=method, seed=seed).interactions("SV")
    return np.array([table.get((i,), 0.0) for i in range(n)])


def peer(name: str, n: int, game: Game, m: int, seed: int) -> FloatArray:
    """Return the Shapley values that an approximator of shapiq finds with m evaluations."""
    approximator = getattr(_shapiq(), name)(n=n, random_state=seed, **PEERS[name])

    def ask(coalitions: Any) -> FloatArray:
        return game(np.atleast_2d(np.asarray(coalitions, dtype=np.bool_)))

    found = approximator.approximate(m, ask)
    return np.array([float(found[(i,)]) for i in range(n)])


@cache
def _shapiq() -> Any:
    import warnings

    warnings.filterwarnings("ignore", module="shapiq")
    import shapiq.approximator

    return shapiq.approximator


def figures(values: FloatArray, truth: FloatArray, k: int) -> dict[str, float]:
    """Return recall@k, and the squared error over the squared length of the truth."""
    return {
        "recall": recall(values, truth, k),
        "squared_error": float(np.square(values - truth).sum() / np.square(truth).sum()),
    }


def recall(values: FloatArray, truth: FloatArray, k: int) -> float:
    """Return the share of the k largest values, by size, that are among the k largest found.

    >>> recall(np.array([3.0, -2.0, 0.1]), np.array([1.0, 0.2, -2.0]), 2)
    0.5
    """
    largest = [
        set(np.argsort(-np.abs(some), kind="stable")[:k].tolist()) for some in (values, truth)
    ]
    return len(largest[0] & largest[1]) / k


def row(kind: str, measured: Sequence[dict[str, Any]]) -> Row:
    """Return the row of reviews or games: recall and error by budget, ours and KernelSHAP."""
    shown = [m for m in ("auto", f"shapiq {KERNEL_SHAP}") if m in measured[0]["found"]]
    alphas = list(measured[0]["found"]["auto"])
    parts, held = [], True
    for alpha in alphas:
        recalls = {m: float(np.mean(each(measured, m, alpha, "recall"))) for m in shown}
        errors = {
            m: Interval.of_ratios(each(measured, m, alpha, "squared_error")).value for m in shown
        }
        held &= len(shown) == 1 or errors[shown[0]] < errors[shown[1]]
        parts.append(
            f"alpha {alpha}: "
            + " against ".join(f"{recalls[m]:.2f} and {errors[m]:.3f}" for m in shown)
        )
    return Row(
        f"Shapley values: recall@{TOP[kind]} and relative squared error, {len(measured)} {kind}, "
        f"{' against '.join(shown)}",
        "auto's error below KernelSHAP's at every budget",
        "; ".join(parts),
        bool(held),
        {"kind": kind, "inputs": list(measured)},
    )


def each(measured: Sequence[dict[str, Any]], method: str, alpha: str, figure: str) -> list[float]:
    """Return a figure of each input; errors of more than WORST count as that."""
    return [min(one["found"][method][alpha][figure], WORST) for one in measured]


def methods(measured: Sequence[dict[str, Any]]) -> list[str]:
    """Return the methods that have found anything, in the order in which they were run."""
    return list(dict.fromkeys(method for one in measured for method in one["found"]))


def report(rows: Sequence[Row]) -> str:
    """Return the table by method and budget."""
    table, noise = [], ""
    for row in rows:
        measured = row.detail["inputs"]
        for method in methods(measured):
            cells = []
            for alpha in measured[0]["found"]["auto"]:
                told = [one for one in measured if alpha in one["found"].get(method, {})]
                if len(told) < len(measured):
                    cells += ["", ""]
                    continue
                cells.append(Interval.of(each(told, method, alpha, "recall")).said())
                cells.append(Interval.of_ratios(each(told, method, alpha, "squared_error")).said(3))
            table.append([row.detail["kind"], method, *cells])
        if row.detail["kind"] == "reviews":
            again = next(one["reference"] for one in measured if one["reference"])
            noise = f"""Two long KernelSHAP runs on the first review: recall
{again["recall"]:.2f}, relative squared error {again["squared_error"]:.4f}; what is below that is
noise of the reference."""
    header = ["inputs", "method"]
    for alpha in ALPHAS:
        header += [f"recall, alpha {alpha:g}", f"error, alpha {alpha:g}"]
    return f"""## Shapley values

alpha n log2 n calls, {RUNS["games"]} runs of a game and {RUNS["reviews"]} of a review (shapiq's
{SLOW}: {SLOW_RUNS}). On reviews of {WORDS[0]}
to {WORDS[1]} words the truth is a KernelSHAP run (shapiq's) of {REFERENCE_CALLS:,} calls, recall@k
with k = {TOP["reviews"]}; on exact games it is exact, k = {TOP["games"]}. The error is the squared
error over the squared length of the true values: means over runs, geometric means over inputs, with
90 % intervals by bootstrap over the inputs. A cell is empty where a method raised on some input
(shapiq's ProxySPEX on few masks); an error above {WORST:g} counts as that (KernelSHAP's regression
on fewer masks than features). Ours are Shapley values of a fit to uniform masks, of
which none is near the ends; KernelSHAP draws masks for this very purpose. {noise}

![Recall and error against calls](papers_shapley.svg)

{markdown(header, table)}"""
