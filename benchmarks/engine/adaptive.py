"""Mask designs at equal calls: uniform, paired, near-full, and adaptive rounds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from itertools import islice, product
from math import comb

import numpy as np

import interplay as ip
from benchmarks.engine.data import game_values, masks_of
from benchmarks.engine.llamas import TESTS, evaluated
from benchmarks.engine.results import Measured
from benchmarks.engine.run import Part, Run
from benchmarks.ground.row import Row
from benchmarks.table import markdown
from interplay.masks.laws import near_full
from interplay.metrics import r_squared
from interplay.value_function import BoolArray, FloatArray

SECTION = "adaptive"
MINUTES = 0.4
GAMES = (
    "sentiment_08",
    "sentiment_20",
    "vit16_06",
    "vit16_12",
    "vit16_24",
    "resnet18_02",
    "resnet18_12",
    "datavaluation_adult_rf_00",
    "datasetvaluation14_california_dt_00",
    "tabpfn_realestate_00",
)
"""Chosen before any design was tried on them; what was tuned was tuned on other games."""
MODELS = ("stories_heads_a", "baby_heads_a", "stories_tokens_a", "baby_tokens_a")
CALLS = (100, 200, 400)
KINDS = ("uniform", "paired", "near_full", "adaptive")
LAWS = ("uniform", "near_full")
DRAWS = 2000
AT_A_TIME = 8192


Test = tuple[BoolArray, FloatArray, FloatArray | None]
"""Masks, their values, and weights."""


@lru_cache(maxsize=2)
def game(name: str) -> tuple[int, Callable[[BoolArray], FloatArray], dict[str, Test]]:
    """Return n, the value function, and the tests by law: all masks but the full and the empty one.

    Of a language model they are 2,000 masks of each law.
    """
    if name in MODELS:
        function = evaluated(name)
        n = function.subject.n
        masks = islice(near_full(n, np.random.default_rng([n, 4])), TESTS)
        rows = np.frombuffer(b"".join(masks), np.uint8).reshape(TESTS, -1)
        few = np.unpackbits(rows, axis=1, count=n).astype(np.bool_)
        tests: dict[str, Test] = {
            "uniform": (*function.test, None),
            "near_full": (few, function(few), None),
        }
        return n, function, tests
    values = game_values(name)
    n = len(values).bit_length() - 1
    places = 1 << np.arange(n)
    everything = masks_of(range(1, len(values) - 1), n)
    deleted = n - everything.sum(axis=1)
    weights = np.array([1 / (d * comb(n, d)) for d in range(1, n)])[deleted - 1]
    return (
        n,
        lambda masks: values[masks @ places],
        {
            "uniform": (everything, values[1:-1], None),
            "near_full": (everything, values[1:-1], weights),
        },
    )


def measure(run: Run) -> None:
    for name in run.in_time(GAMES[:2] if run.quick else (*GAMES, *MODELS)):
        for m in CALLS[:1] if run.quick else CALLS:
            for kind in KINDS if name in GAMES else ("uniform", "adaptive"):
                for seed in run.in_time(run.seeds):
                    figures = partial(judged, name, m, kind, seed)
                    run.results.row(SECTION, f"{name} m={m}", kind, seed, figures)


def judged(name: str, m: int, kind: str, seed: int) -> Measured:
    n, function, tests = game(name)
    started = time.perf_counter()
    explanation = ip.explain(
        lambda masks: function(masks),
        features=n,
        budget=m,
        design=kind,
        seed=seed,
        store=None,
    )
    own = explanation.faithfulness
    found: Measured = {
        "calls": explanation.sample.masks,
        "own": own.value,
        "seconds": time.perf_counter() - started,
        "fit_seconds": explanation.cost.fit_seconds,
    }
    for law, (masks, truth, weights) in tests.items():
        parts = range(0, len(masks), AT_A_TIME)
        told = [explanation.surrogate.predict(masks[i : i + AT_A_TIME]) for i in parts]
        found[law] = r_squared(truth, np.concatenate(told), weights=weights)
    found["held"] = bool(own.low <= found["uniform"] <= own.high)
    return found


def compared(
    run: Run, kind: str, law: str, m: int | None = None, names: Sequence[str] = GAMES
) -> tuple[float, float, float, int]:
    """Return the geometric mean of 1 - R² over the uniform design's, its interval, and the cells.

    Games are drawn anew (bootstrap, 95 %): they are what the figure is to hold for.
    """
    rows = [row for row in run.results.of(SECTION) if "error" not in row]
    base = {(r["cell"], r["seed"]): r for r in rows if r["method"] == "uniform"}
    logs: dict[str, list[float]] = {}
    for row in rows:
        name, _, size = row["cell"].partition(" m=")
        if name not in names or m not in (None, int(size)):
            continue
        if row["method"] == kind and (row["cell"], row["seed"]) in base:
            ours, theirs = row[law], base[row["cell"], row["seed"]][law]
            ratio = np.log(max(1 - ours, 1e-6) / max(1 - theirs, 1e-6))
            logs.setdefault(name, []).append(float(ratio))
    if not logs:
        return float("nan"), float("nan"), float("nan"), 0
    means = np.array([np.mean(own) for own in logs.values()])
    draws = np.random.default_rng(0).integers(0, len(means), (DRAWS, len(means)))
    low, high = np.quantile(means[draws].mean(axis=1), [0.025, 0.975])
    count = sum(map(len, logs.values()))
    return float(np.exp(means.mean())), float(np.exp(low)), float(np.exp(high)), count


def report(run: Run) -> Part:
    rows = [row for row in run.results.of(SECTION) if "error" not in row]
    if not rows:
        return Part([], "")
    bars, table = [], []
    for names, what in ((GAMES, "games"), (MODELS, "language models")):
        for law in LAWS:
            for kind in KINDS[1:]:
                mean, low, high, count = compared(run, kind, law, names=names)
                if not count:
                    continue
                line = [_said(*compared(run, kind, law, m, names)) for m in CALLS]
                table.append([what, law, kind, _said(mean, low, high, count), *line])
                if kind == "adaptive":
                    bars.append(
                        Row(
                            f"1 - R² of adaptive over uniform designs at equal calls, {law} masks, "
                            f"{len(names)} {what}",
                            "(reported)",
                            f"{mean:.3f} (95 % interval {low:.3f} to {high:.3f}, {count} pairs)",
                            True,
                            {"mean": mean, "low": low, "high": high},
                        )
                    )
    header = ["on", "R² on", "design", "1 - R² over uniform's (95 %)"]
    header += [f"{m} calls" for m in CALLS]
    each = []
    measured = {row["cell"].partition(" m=")[0] for row in rows}
    for name, law in product((n for n in (*GAMES, *MODELS) if n in measured), LAWS):
        line = [name, law.replace("_", "-")]
        for kind, m in product(KINDS, CALLS):
            at = [r[law] for r in rows if (r["cell"], r["method"]) == (f"{name} m={m}", kind)]
            line.append(f"{np.mean(at):.3f}" if at else "")
        each.append(line)
    cells = [f"{kind}, {m}" for kind in KINDS for m in CALLS]
    held = [
        [kind, f"{np.mean([r['held'] for r in rows if r['method'] == kind]):.2f}",
         f"{np.mean([r['seconds'] for r in rows if r['method'] == kind]):.1f}"]
        for kind in KINDS if any(r["method"] == kind for r in rows)
    ]  # fmt: skip
    text = f"""## Mask designs

`ip.explain(game, budget=m, design=...)` with `auto` on {len(GAMES)} exact games that no design was
tuned on, {len(run.seeds)} seeds, equal calls: the 50 masks that paired and near-full designs set
aside are among them. Adaptive: half of the calls uniform, then three batches of the masks that the
Gaussian processes know least about, more where the members of the stack disagree, each batch
without those that its other masks already tell. R² over *all* masks of the game but the full and
the empty one: uniformly, and under the near-full law (d deletions with probability proportional to
1/d); of {len(MODELS)} functions of the section before, on {TESTS:,} masks of either law. Ratios are
geometric means, intervals a bootstrap over games.

![1 - R² over that of uniform masks, by design](engine_designs.svg)

{markdown(header, table)}

How often the 90 % interval that a fit tells holds the R² over all masks, and seconds of a run:

{markdown(["design", "held", "s"], held)}

R² by game, mean over seeds:

{markdown(["game", "R² on", *cells], each)}
"""
    return Part(bars, text)


def _said(mean: float, low: float, high: float, count: int) -> str:
    return f"{mean:.2f} ({low:.2f} to {high:.2f})" if count else ""
