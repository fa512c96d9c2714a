"""Trainings per second: networks many at once, beside the best loop over subsets.

All ways take short turns, one after the other, and are compared turn by turn: what else runs on the
machine slows all of them alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.ground.row import Row
from benchmarks.table import markdown
from benchmarks.training_data.subjects import digits, drawn, pictures
from interplay.lenses.training_data import Dataset
from interplay.lenses.training_data.engines.torch_many import BoundNetworks, TorchMany
from interplay.value_function import BoolArray, FloatArray

TURNS, QUICK_TURNS = 5, 1
PICTURE_TURNS = 3
THREADS = (1, 2)
LOOPED = 4
"""Networks that a loop trains in a turn; its rate does not depend on how many."""

TOGETHER, FUSED, ALONE = "at once", "loop", "loop, 1 thread"
PLAIN, BARE = "plain loop, 1 thread", "one at a time, 1 thread"
BAR = 3.0


@dataclass(frozen=True)
class Perceptrons:
    """Perceptrons on digits: their hidden layers, how many at once, whether the bar is for them."""

    hidden: tuple[int, ...]
    at_once: int
    held: bool


@dataclass(frozen=True)
class Convolutional:
    """Networks on pictures of cats and dogs."""

    network: str
    width: int
    norm: str


PERCEPTRONS = (
    Perceptrons((64, 64), 32, True),
    Perceptrons((64, 64), 64, True),
    Perceptrons((64, 64), 128, True),
    Perceptrons((256, 256), 64, False),
)
CONVOLUTIONAL = (
    Convolutional("resnet9", 8, "group"),
    Convolutional("resnet9", 16, "batch"),
    Convolutional("resnet20", 8, "group"),
    Convolutional("resnet20", 8, "batch"),
)


def rows(quick: bool = False) -> list[Row]:
    """Return the rows for one thread and for two."""
    import torch

    before, found = torch.get_num_threads(), []
    try:
        for threads in THREADS[:1] if quick else THREADS:
            torch.set_num_threads(threads)
            for one in PERCEPTRONS[:1] if quick else PERCEPTRONS:
                found.append(perceptrons(one, threads, quick))
                print(f"{found[-1].what}: {found[-1].measured}", flush=True)
            for other in CONVOLUTIONAL[:1] if quick else CONVOLUTIONAL:
                found.append(convolutional(other, threads, quick))
                print(f"{found[-1].what}: {found[-1].measured}", flush=True)
    finally:
        torch.set_num_threads(before)
    return found


def perceptrons(case: Perceptrons, threads: int, quick: bool) -> Row:
    """Return the row of perceptrons at once against loops."""
    data, tests, _ = digits(400, 200, 0)
    kept, seeds = halves(len(data), case.at_once)
    options: dict[str, Any] = {"hidden": case.hidden, "epochs": 2 if quick else 20}
    together, looped, bare = (
        bound(TorchMany("mlp", way=way, at_once=at_once, **options), data, tests)
        for way, at_once in (("grouped", case.at_once), ("loop", None), ("grouped", 1))
    )
    few = kept[:LOOPED], seeds[:LOOPED]
    ways: dict[str, tuple[int, Callable[[], Any]]] = {
        TOGETHER: (case.at_once, lambda: together._trained(kept, seeds)),
        FUSED: (LOOPED, lambda: looped._trained(*few)),
        # small products are faster without a second thread
        ALONE: (LOOPED, single(lambda: looped._trained(*few))),
        PLAIN: (LOOPED, single(lambda: plain(together, *few))),
        BARE: (LOOPED, single(lambda: bare._trained(*few))),
    }
    if threads == 1:
        del ways[ALONE]
    loops = [name for name in (FUSED, ALONE, PLAIN) if name in ways]
    rates, given = turns(ways, QUICK_TURNS if quick else TURNS)
    apart = difference(given, TOGETHER, FUSED)
    best = np.max([rates[name] for name in loops], axis=0)
    ratios = rates[TOGETHER] / best
    own = rates[TOGETHER] / rates[BARE]
    widths = "-".join(map(str, case.hidden))
    return Row(
        f"MLP {widths}, {case.at_once} at once, against the best loop; {told(threads)}",
        f">= {BAR:g}" if case.held and threads == 2 else f"(>= {BAR:g})",
        f"{spread(ratios)}; {np.median(rates[TOGETHER]):.0f} trainings per second against "
        f"{np.median(best):.1f}; {np.median(own):.1f} times the same products for one network at a "
        f"time; weights differ by {apart:.0e}",
        bool(np.median(ratios) >= BAR),
        detail(rates, apart) | {"at_once": case.at_once, "hidden": list(case.hidden)},
    )


def convolutional(case: Convolutional, threads: int, quick: bool) -> Row:
    """Return the row of what the engine chose for networks on pictures, against the loop."""
    data, tests = cats_and_dogs()
    options: dict[str, Any] = {"width": case.width, "norm": case.norm, "epochs": 1}
    auto = bound(TorchMany(case.network, **options), data, tests)  # type: ignore[arg-type]
    kept, seeds = halves(len(data), 2 if quick else min(8, auto.batch_size))
    started = time.perf_counter()
    auto._trained(kept, seeds)
    first = time.perf_counter() - started
    ((chosen, _),) = auto.chosen.values()
    ways: dict[str, tuple[int, Callable[[], Any]]] = {}
    for way in auto.ways:
        made = bound(TorchMany(case.network, way=way, **options), data, tests)  # type: ignore[arg-type]
        ways[way] = len(kept), lambda made=made: made._trained(kept, seeds)
    rates, given = turns(ways, QUICK_TURNS if quick else PICTURE_TURNS)
    ratios = rates[chosen] / rates["loop"]
    apart = max(difference(given, way, "loop") for way in ways)
    others = ", ".join(
        f"{way} {np.median(rates[way] / rates['loop']):.2f}" for way in ways if way != "loop"
    )
    again = len(kept) / float(np.median(rates[chosen]))
    return Row(
        f"{case.network}, width {case.width}, {case.norm} norm, {len(kept)} at once, what the "
        f"engine chose against the loop; {told(threads)}",
        ">= 1",
        f"{chosen}: {spread(ratios)}; of the loop's rate: {others}; weights differ by {apart:.0e}; "
        f"the choice took {max(first - again, 0):.1f} s",
        bool(chosen == "loop" or np.median(ratios) >= 1),
        detail(rates, apart) | {"chosen": chosen, "at_once": len(kept)},
    )


def single(way: Callable[[], Any]) -> Callable[[], Any]:
    """Return the same with one thread, after which there are as many as before."""
    import torch

    def run() -> Any:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return way()
        finally:
            torch.set_num_threads(threads)

    return run


def bound(trainer: TorchMany, data: Dataset, tests: Dataset) -> BoundNetworks:
    """Return a trainer bound to data, as what it is."""
    found = trainer.bind(data, tests)
    assert isinstance(found, BoundNetworks)
    return found


def plain(retrain: BoundNetworks, kept: BoolArray, seeds: Any) -> None:
    """Train and score in a loop, as one writes it: torch's optimiser with its own defaults."""
    import torch

    task, recipe = retrain.task, retrain.task.recipe
    for row, seed in zip(kept, seeds, strict=True):
        torch.manual_seed(int(seed))
        network, rows = task.make(int(seed)), torch.from_numpy(np.flatnonzero(row))
        inputs, labels = task.inputs[rows], task.labels[rows]
        count = -(-len(rows) // recipe.batch)
        optimizer = torch.optim.SGD(
            network.parameters(),
            lr=recipe.rate,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
        )
        wave = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, recipe.epochs * count)
        for _ in range(recipe.epochs):
            for batch in torch.randperm(len(rows)).tensor_split(count):
                loss = torch.nn.functional.cross_entropy(network(inputs[batch]), labels[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                wave.step()
        with torch.no_grad():
            network(task.tests)


def turns(
    ways: dict[str, tuple[int, Callable[[], Any]]], count: int
) -> tuple[dict[str, FloatArray], dict[str, Any]]:
    """Return trainings per second of each way by turn, and what each way gave in the end."""
    rates: dict[str, list[float]] = {name: [] for name in ways}
    given: dict[str, Any] = {}
    for turn in range(count + 1):
        for name, (networks, way) in ways.items():
            started = time.perf_counter()
            given[name] = way()
            if turn:  # the first one warms up
                rates[name].append(networks / (time.perf_counter() - started))
    return {name: np.array(one) for name, one in rates.items()}, given


def difference(given: dict[str, Any], way: str, other: str) -> float:
    """Return the largest difference of weights between two ways, over what both trained."""
    count = min(len(given[way][1]), len(given[other][1]))
    return float(np.abs(given[way][1][:count] - given[other][1][:count]).max())


def halves(examples: int, m: int) -> tuple[BoolArray, Any]:
    """Return m subsets of half of the examples, and their seeds."""
    rng = np.random.default_rng(0)
    kept = np.array([rng.permutation(examples) < examples // 2 for _ in range(m)])
    kept ^= rng.random(kept.shape) < 0.05  # of sizes that differ a little
    return kept, np.arange(m)


def cats_and_dogs() -> tuple[Dataset, Dataset]:
    """Return 200 pictures to train on, half of them cats, and 100 to ask about."""
    names = ("cat", "dog")
    found = []
    for split, count in (("train", 200), ("test", 100)):
        rows, _ = drawn(split, names, count, np.random.default_rng(0))
        found.append(Dataset.of((pictures(split)[rows], np.arange(count) % 2), classes=names))
    return found[0], found[1]


def told(threads: int) -> str:
    """Say how many threads."""
    return f"{threads} thread{'s' * (threads > 1)}"


def spread(ratios: FloatArray) -> str:
    """Return the median over turns, its middle half, and all of them."""
    low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75])
    return (
        f"{middle:.2f} (middle half of {len(ratios)} turns {low:.2f} to {high:.2f}, all "
        f"{ratios.min():.2f} to {ratios.max():.2f})"
    )


def detail(rates: dict[str, FloatArray], apart: float) -> dict[str, Any]:
    """Return the figures, JSON-able."""
    return {"rates": {name: one.tolist() for name, one in rates.items()}, "apart": apart}


def report(rows: Sequence[Row]) -> str:
    """Return the table of trainings per second."""
    table = []
    for row in rows:
        for name, rates in row.detail["rates"].items():
            table.append(
                [row.what, name, f"{np.median(rates):.2f}", f"{min(rates):.2f} to {max(rates):.2f}"]
            )
    header = ["what", "way", "trainings per second", "range"]
    return f"""## Networks, many at once

Perceptrons: 400 digits, subsets of about half, 20 epochs of batches of 32, SGD with momentum,
float32, 200 test examples scored. *{TOGETHER}*: stacked weights; *{FUSED}*: the engine's loop,
torch's fused SGD; *{PLAIN}*: the same training as one writes it, torch's SGD as it is by default;
*{BARE}*: the stacked products with a stack of one. The bar is against the fastest loop of each
turn. Networks on pictures: 200 of CIFAR-10, cats and dogs, about half
of them kept, one epoch, 100 test pictures scored. Weights are compared after training, over all
networks that both trained.

{markdown(header, table)}"""
