"""Retrains per second without torch: ridge, logistic regression, neighbours, beside plain loops.

All ways take short turns, one after the other, and are compared turn by turn.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.ground.row import Row
from benchmarks.table import markdown
from benchmarks.training_data.simple_loops import One, difference, fitted, loop, ridge
from interplay.lenses.training_data import Dataset
from interplay.lenses.training_data.engines import Trainer, trainer_of
from interplay.value_function import BoolArray, FloatArray

EXAMPLES, FEATURES, TESTS, LEFT = 2000, 512, 100, 20
TURNS, QUICK_TURNS = 5, 2
THREADS = (1, 2)
REPORTED = "(reported)"


@dataclass
class Case:
    """Something that is timed: a trainer, a plain loop beside it, and subsets for both.

    ``bar`` is retrains per second with two threads; None: it is reported. ``exact`` gives scores
    that both are compared with, where the plain loop is not exact itself.
    """

    name: str
    trainer: Trainer
    data: Dataset
    tests: Dataset
    simple: str
    one: One
    kept: BoolArray
    loops: int
    bar: int | None = None
    exact: One | None = None


def rows(quick: bool = False) -> list[Row]:
    """Return the rows for one thread and for two."""
    told = os.environ.get("OMP_NUM_THREADS")
    found = []
    try:
        for case in cases(quick):
            for threads in THREADS:
                os.environ["OMP_NUM_THREADS"] = str(threads)  # what the trainers go by
                found.append(measured(case, threads, QUICK_TURNS if quick else TURNS))
                print(f"{found[-1].what}: {found[-1].measured}", flush=True)
    finally:
        os.environ.pop("OMP_NUM_THREADS")
        if told is not None:
            os.environ["OMP_NUM_THREADS"] = told
    return found


def cases(quick: bool) -> list[Case]:
    """Return what is timed."""
    few = 8 if quick else 1
    data, tests = drawn()
    rng = np.random.default_rng(1)
    halves, many = (rng.random((m // few, EXAMPLES)) < 0.5 for m in (48, 384))
    most = np.ones((2048 // few, EXAMPLES), dtype=np.bool_)
    for row in most:
        row[rng.choice(EXAMPLES, rng.integers(1, LEFT + 1), replace=False)] = False
    found = []
    for dtype, bar in (("float64", 180), ("float32", 350)):
        one = ridge(data, tests, 1.0, dtype)
        exact = ridge(data, tests, 1.0, "float64")
        for name, options, kept, loops, wanted in (
            ("ridge, 50 % kept", {}, halves, 6, bar),
            (f"ridge, 1 to {LEFT} left out", {}, most, 6, 10000),
            ("ridge by conjugate gradients to 1e-3, 50 % kept", _cg(1e-3), many, 6, None),
            ("ridge by conjugate gradients to 1e-6, 50 % kept", _cg(1e-6), many, 6, None),
        ):
            trainer = trainer_of("ridge", dtype=dtype, **options)
            simple = "Gram and Cholesky"
            found.append(
                Case(
                    f"{name}, {dtype}",
                    trainer,
                    data,
                    tests,
                    simple,
                    one,
                    kept,
                    loops,
                    wanted,
                    exact,
                )
            )
    return found + others(few)


def _cg(tolerance: float) -> dict[str, Any]:
    return {"solver": "cg", "tolerance": tolerance}


def others(few: int) -> list[Case]:
    """Return what no bar is set for: logistic regression, neighbours, kernel ridge."""
    from sklearn.kernel_ridge import KernelRidge
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier

    rng = np.random.default_rng(2)
    data, tests = digits()
    kept = rng.random((192 // few, len(data))) < 0.5
    fifties = data.labels < 2
    two, two_tests = (
        data.take(np.flatnonzero(fifties)),
        tests.take(np.flatnonzero(tests.labels < 2)),
    )
    two, two_tests = (
        Dataset(one.inputs, one.labels, ("0", "1"), one.names) for one in (two, two_tests)
    )
    large, large_tests = drawn()
    halves = rng.random((128 // few, EXAMPLES)) < 0.5
    usual = "lbfgs of scikit-learn", LogisticRegression(max_iter=5000)
    close = "lbfgs, tol=1e-8", LogisticRegression(max_iter=5000, tol=1e-8)
    tight = LogisticRegression(max_iter=5000, tol=1e-10, solver="newton-cholesky")
    found = []
    for name, (train, test), masks, loops, (simple, model) in (
        ("digits, 2 classes", (two, two_tests), kept[:, : len(two)], 16, close),
        ("digits, 10 classes", (data, tests), kept, 3, close),
        (f"{FEATURES} features, 2 classes", (large, large_tests), halves, 4, close),
        (f"{FEATURES} features, 2 classes", (large, large_tests), halves, 4, usual),
    ):
        found.append(
            Case(
                f"logistic regression, {name}, {len(train)} examples, 50 % kept",
                trainer_of("logistic"),
                train,
                test,
                simple,
                fitted(model, train, test, "decision_function"),
                masks,
                loops,
                exact=fitted(tight, train, test, "decision_function"),
            )
        )
    # pixels are whole numbers: without a little noise many are equally far, and which one is taken
    # is anybody's choice
    noisy, noisy_tests = (
        Dataset(
            one.features + rng.normal(size=one.features.shape) / 1e4,
            one.labels,
            one.classes,
            one.names,
        )
        for one in (data, tests)
    )
    neighbours = fitted(KNeighborsClassifier(5), noisy, noisy_tests, "predict_proba")
    found.append(
        Case(
            f"5 nearest neighbours, digits, {len(data)} examples, 50 % kept",
            trainer_of("knn"),
            noisy,
            noisy_tests,
            "KNeighborsClassifier",
            neighbours,
            kept,
            8,
        )
    )
    onto = Dataset(data.inputs, data.targets[:, 0], None, data.names)
    number = Dataset(tests.inputs, tests.targets[:, 0], None, tests.names)
    found.append(
        Case(
            f"kernel ridge (rbf), digits, {len(data)} examples, 50 % kept",
            trainer_of("kernel-ridge", bandwidth=1.0),
            onto,
            number,
            "KernelRidge",
            fitted(KernelRidge(kernel="rbf", gamma=0.5), onto, number, "predict"),
            kept,
            4,
        )
    )
    return found


def drawn() -> tuple[Dataset, Dataset]:
    """Return normal features, and two classes that they tell apart, not surely."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(EXAMPLES + TESTS, FEATURES))
    labels = inputs @ rng.normal(size=FEATURES) / np.sqrt(FEATURES) + rng.normal(size=len(inputs))
    every = Dataset.of((inputs, (labels > 0).astype(int)))
    return every.take(np.arange(EXAMPLES)), every.take(np.arange(EXAMPLES, len(inputs)))


def digits() -> tuple[Dataset, Dataset]:
    """Return the digits that come with scikit-learn: 1000 to train on, 100 to ask about."""
    from sklearn.datasets import load_digits

    inputs, labels = load_digits(return_X_y=True)
    every = Dataset.of((inputs / 16, labels))
    order = np.random.default_rng(0).permutation(len(every))
    return every.take(order[:1000]), every.take(order[1000:1100])


def measured(case: Case, threads: int, turns: int) -> Row:
    """Time a trainer and its loop by turns, with so many threads each."""
    retrain = case.trainer.bind(case.data, case.tests)
    seeds = np.zeros(len(case.kept), dtype=np.int64)
    some = case.kept[: case.loops]
    retrain(some, seeds[: case.loops])  # what is computed once
    loop(case.one, some[:1], 1)
    ours: list[tuple[float, float]] = []
    theirs: list[tuple[float, float]] = []
    scores: FloatArray = np.empty(0)
    simple: list[Any] = []
    for _ in range(turns):
        scores, spent = timed(lambda: retrain(case.kept, seeds))
        ours.append((len(case.kept) / spent[0], len(case.kept) / spent[1]))
        simple, spent = timed(lambda: loop(case.one, some, threads))
        theirs.append((len(some) / spent[0], len(some) / spent[1]))
    exact = simple if case.exact is None else loop(case.exact, some, 1)
    error = difference(scores, exact)
    loop_error = max(float(np.abs(a - b).max()) for a, b in zip(simple, exact, strict=True))
    return judged(case, threads, np.array(ours), np.array(theirs), error, loop_error)


def timed(function: Callable[[], Any]) -> tuple[Any, tuple[float, float]]:
    """Return what a function returns, and its seconds by the clock and of the processor."""
    started = time.perf_counter(), time.process_time()
    found = function()
    return found, (time.perf_counter() - started[0], time.process_time() - started[1])


def judged(
    case: Case, threads: int, ours: FloatArray, theirs: FloatArray, error: float, loop_error: float
) -> Row:
    """Return the row: rates by the clock, by the processor, and against the loop."""
    clock = np.median(ours[:, 0])
    ratio = ours / theirs
    processor = threads * np.median(ours[:, 1])
    held = case.bar is not None and threads == 2
    bar = REPORTED if case.bar is None else f">= {case.bar:,} retrains/s"
    return Row(
        f"{case.name}, {threads} thread{'s' * (threads > 1)}",
        bar if held or case.bar is None else f"({bar} is for 2 threads)",
        f"{clock:,.0f} retrains/s by the clock (turns {ours[:, 0].min():,.0f} to "
        f"{ours[:, 0].max():,.0f}), {processor:,.0f} in {threads} s of the processor; "
        f"{np.median(ratio[:, 0]):.1f} times a loop of {case.simple} ({ratio[:, 0].min():.1f} to "
        f"{ratio[:, 0].max():.1f}); error {error:.0e}",
        bool(case.bar is None or clock >= case.bar),
        {
            "case": case.name,
            "threads": threads,
            "simple": case.simple,
            "clock": ours[:, 0].tolist(),
            "processor": ours[:, 1].tolist(),
            "loop_clock": theirs[:, 0].tolist(),
            "loop_processor": theirs[:, 1].tolist(),
            "error": error,
            "loop_error": loop_error,
        },
    )


def report(rows: Sequence[Row]) -> str:
    """Return the table of retrains per second."""
    table = []
    for row in rows:
        told = row.detail
        ours, theirs = (np.array(told[name]) for name in ("clock", "loop_clock"))
        spent, loop_spent = (
            1000 / np.median(told[name]) for name in ("processor", "loop_processor")
        )
        ratio = ours / theirs
        table.append(
            [
                told["case"],
                told["threads"],
                f"{np.median(ours):,.0f} ({ours.min():,.0f} to {ours.max():,.0f})",
                f"{spent:.2g}",
                f"{told['error']:.0e}",
                told["simple"],
                f"{np.median(theirs):,.0f} ({theirs.min():,.0f} to {theirs.max():,.0f})",
                f"{loop_spent:.2g}",
                f"{told['loop_error']:.0e}",
                f"{np.median(ratio):.1f} ({ratio.min():.1f} to {ratio.max():.1f})",
            ]
        )
    header = ["what", "threads", "retrains/s", "ms of processor", "error", "loop of", "retrains/s"]
    header += ["ms of processor", "error", "times"]
    return f"""## Without torch

Ridge: {EXAMPLES} examples of {FEATURES} normal features, two classes, penalty 1, {TESTS} test
examples, whose scores are what a retrain gives. *Loops* are in
`benchmarks/training_data/simple_loops.py`: a subset after the other, as many side by side as there
are threads, BLAS with one thread in each. For ridge that is the smaller of the Gram matrices of
what is kept and what is left out, and Cholesky. Rates are medians over {TURNS} turns (the range of
them), *times* those of ratios of neighbouring turns. *Error*: the largest difference of scores from
the float64 loop; for logistic regression, from scikit-learn's Newton with `tol=1e-10`.

{markdown(header, table)}

Nothing else ran meanwhile, but the machine's own speed varies by a fifth from one minute to the
next; ratios are of neighbouring turns."""
