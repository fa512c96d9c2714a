"""How well fits tell what heads do: recorded games of 40 heads, and games that are known whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import interplay as ip
from benchmarks.components.sorting import sorter
from benchmarks.components.subjects import folder_of, function_of, written
from benchmarks.engine.data import masks_of, recording
from benchmarks.ground.row import Row
from benchmarks.shapiq_1_8 import PROXYSPEX
from benchmarks.table import markdown
from interplay.lenses.components import Site, Task
from interplay.metrics import r_squared
from interplay.value_function import BoolArray, FloatArray
from interplay.walsh import transform

RECORDINGS = ("stories_heads_1", "baby_heads_1")
SEEDS = (0, 1)
CALLS, RIVAL_CALLS = 400, 1600
EXACT_CALLS = 128
EXACT_BAR = 0.9
STRONGEST = 10
LAYERS = (0, 1, 2, 3, 4)


def rows(quick: bool = False) -> list[Row]:
    """Return the rows of recorded games and of those that are known whole."""
    import torch

    torch.set_num_threads(1)
    found = [recorded(name, quick) for name in RECORDINGS[: 1 if quick else 2]]
    for name, masks, values in known(quick):
        found.append(exact(name, masks, values))
        print(f"faithfulness: {found[-1].what}: {found[-1].measured}", flush=True)
    return found


def recorded(name: str, quick: bool) -> Row:
    """Return the row of a recorded game of 40 heads."""
    whole = recording(name)
    scores: dict[str, list[float]] = {}
    for method, calls in (("auto", CALLS), ("proxyspex", CALLS), ("proxyspex", RIVAL_CALLS)):
        if quick:
            calls //= 8
        data = whole.first(calls)
        for seed in SEEDS[: 1 if quick else 2]:
            surrogate = ip.fit(data.masks, data.values, method=method, seed=seed)
            score = r_squared(data.truth, surrogate.predict(data.test))
            scores.setdefault(f"{method} {calls}", []).append(score)
    auto, *others = scores.values()
    ours = float(np.mean(auto))
    rival = float(np.mean(others[-1]))
    published = PROXYSPEX[name][RIVAL_CALLS]
    told = ", ".join(f"{who} {np.mean(held):.3f}" for who, held in scores.items())
    print(f"faithfulness: {name}: {told}", flush=True)
    return Row(
        f"{name}: R² on test masks, auto at {CALLS} calls against ProxySPEX at {RIVAL_CALLS}",
        "auto >= ProxySPEX (shapiq 1.8's, as published), and >= `proxyspex` of this package",
        f"auto {ours:.3f}; shapiq's {published:.3f} "
        f"({'reached' if ours >= published else 'missed'}); this package's {rival:.3f} "
        f"({'reached' if ours >= rival else 'missed'}), at {CALLS} calls "
        f"{np.mean(others[0]):.3f}",
        ours >= rival and ours >= published,
        {"scores": scores, "published": published},
    )


def known(quick: bool) -> list[tuple[str, BoolArray, FloatArray]]:
    """Return the games that are known whole: names, all masks, and their values."""
    games = []
    every = masks_of(range(1 << 9), 9)
    games.append(("gpt_nano_sort, 9 heads", every, sorting(12 if quick else 60)(every)))
    few = masks_of(range(1 << 8), 8)
    task = written("babyllama", 4 if quick else 8, 24 if quick else 48)
    for layer in LAYERS[-1:] if quick else LAYERS:
        function = function_of("babyllama", task, f"heads:{layer}")
        games.append((f"babyllama, 8 heads of L{layer}", few, function(few)[:, 1]))
    return games


def sorting(count: int) -> Any:
    """Return how sure the sorting network is of the right symbols, by heads named by hand."""
    import torch

    rng = np.random.default_rng(0)
    unsorted = rng.integers(0, 3, (count, 6))
    right = np.sort(unsorted, axis=1)
    # the sorted symbols are read as they are predicted, one by one
    inputs = np.concatenate([unsorted, right[:, :-1]], axis=1)

    def score(outputs: Any, prompts: Any) -> FloatArray:
        logits = torch.log_softmax(torch.as_tensor(outputs)[:, -6:], -1).numpy()
        wanted = right[np.asarray(prompts)]
        mean: FloatArray = np.take_along_axis(logits, wanted[..., None], 2)[..., 0].mean(axis=1)
        return mean

    sites = [
        Site(f"h.{layer}.attn.c_proj", columns=(16 * j, 16 * j + 16), name=f"L{layer}.H{j}")
        for layer in range(3)
        for j in range(3)
    ]
    task = Task.callable([row.tolist() for row in inputs], score)
    return ip.components(sorter(folder_of("gpt_nano_sort")), task=task, parts=sites).on("all")


def exact(name: str, masks: BoolArray, values: FloatArray) -> Row:
    """Return the row of a game that is known whole."""
    n = masks.shape[1]
    truth = transform(values)  # terms in the order of the masks
    rng = np.random.default_rng([0, n])
    shares, hits, errors, fits = [], [], [], []
    for seed in SEEDS:
        rows = rng.permutation(len(masks))[:EXACT_CALLS]
        surrogate = ip.fit(masks[rows], values[rows], method="auto", seed=seed)
        rest = np.setdiff1d(np.arange(len(masks)), rows)
        fits.append(r_squared(values[rest], surrogate.predict(masks[rest])))
        # of the function that the surrogate is, whole: what its spectrum leaves out counts too
        own = transform(surrogate.predict(masks))
        energy = float(np.square(truth[1:]).sum())
        shares.append(1 - float(np.square(own[1:] - truth[1:]).sum()) / energy)
        best = [set(np.argsort(-np.abs(c[1:]))[:STRONGEST].tolist()) for c in (own, truth)]
        hits.append(len(best[0] & best[1]))
        errors.append(float(np.abs(own[1:] - truth[1:]).max() / np.sqrt(energy)))
    linear = float(np.square(truth[1:][masks[1:].sum(axis=1) == 1]).sum() / energy)
    return Row(
        f"{name}: coefficients of auto at {EXACT_CALLS} of {len(masks)} calls against the exact",
        f"(energy recovered >= {EXACT_BAR})",
        f"energy of the error {1 - np.mean(shares):.4f} of the whole, largest error "
        f"{np.mean(errors):.3f} sd, {np.mean(hits):.1f} of the {STRONGEST} strongest; R² on masks "
        f"not seen {np.mean(fits):.3f}",
        bool(np.mean(shares) >= EXACT_BAR),
        {"name": name, "n": n, "recovered": shares, "hits": hits, "errors": errors}
        | {"unseen": fits, "linear": linear, "all": float(values[-1]), "none": float(values[0])},
    )


def report(rows: Sequence[Row]) -> str:
    """Return the table of games that are known whole."""
    table = [
        [
            row.detail["name"],
            f"{row.detail['linear']:.3f}",
            f"{np.mean(row.detail['recovered']):.4f}",
            f"{np.mean(row.detail['errors']):.3f}",
            f"{np.mean(row.detail['hits']):.1f}",
            f"{np.mean(row.detail['unseen']):.3f}",
            f"{row.detail['all']:.2f}, {row.detail['none']:.2f}",
        ]
        for row in rows
        if "name" in row.detail
    ]
    header = [
        "game",
        "linear share",
        "energy recovered",
        "largest error, sd",
        f"of {STRONGEST} strongest",
        "R² on unseen masks",
        "value of all, none",
    ]
    return f"""## Faithfulness

Recorded games: the first masks of each recording, seeds {SEEDS[0]} and {SEEDS[1]}; the figures of
shapiq 1.8's ProxySPEX are those of its own run on the same rows
([engine.md](engine.md)). Games that are known whole: `gpt_nano_sort` sorts six symbols, the value
is the mean log-probability of the right ones, its heads are sites named by hand; `babyllama` goes
on with texts of its own, the heads of one layer. *Energy recovered*: one less the squared errors of
all coefficients over the squares of the exact ones, without the constant.

{markdown(header, table)}"""
