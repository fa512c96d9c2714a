"""Masks per second: a row for each mask, beside the unhooked network and one ablation a pass.

Everything is timed in short turns, one after the other, and compared turn by turn: what else runs
on the machine slows all of them alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.components.subjects import folder_of, function_of, random_masks, written
from benchmarks.ground.row import Row
from benchmarks.table import markdown
from interplay.lenses.components.engine import TOKENS
from interplay.value_function import BoolArray

NETWORK, LENGTH, OPENING = "babyllama", 128, 64
PLAIN, ABLATED, LAST, SINGLE = "unhooked", "a mask in each row", "last layer", "one a pass"
TURNS, QUICK_TURNS = 25, 2
THREADS = (1, 2)
BARS = {PLAIN: 0.9, SINGLE: 1.7, LAST: 0.3}


def rows(quick: bool = False) -> list[Row]:
    """Return the rows for one thread and for two."""
    import torch

    before = torch.get_num_threads()
    found = []
    try:
        for threads in THREADS[:1] if quick else THREADS:
            torch.set_num_threads(threads)
            spent = turns(quick)
            found += [judged(kind, threads, spent) for kind in BARS]
    finally:
        torch.set_num_threads(before)
    return found


def turns(quick: bool) -> dict[str, list[tuple[float, float]]]:
    """Return for each way the seconds (by the clock, of the processor) of a mask, by turn."""
    import torch
    from transformers import AutoModelForCausalLM

    task = written(NETWORK, 2, LENGTH + 1, OPENING)
    every, last = function_of(NETWORK, task), function_of(NETWORK, task, "heads:4")
    batch = 2 if quick else TOKENS["cpu"] // LENGTH
    model = AutoModelForCausalLM.from_pretrained(folder_of(NETWORK)).eval()
    ids = torch.from_numpy(every.questions.readings[0].inputs["input_ids"])
    wanted = torch.from_numpy(every.questions.readings[0].wanted)
    assert len(ids) == LENGTH
    masks, few = random_masks(40, batch), random_masks(8, batch)
    assert not masks.all(axis=1).any()
    assert not few.all(axis=1).any()  # masks that keep everything are not evaluated again
    only = np.zeros((batch, 2), dtype=bool)
    only[:, 0] = True

    def plain() -> Any:
        logits = model(ids.expand(batch, -1)).logits[:, OPENING - 1 :]
        return torch.log_softmax(logits, -1).gather(-1, wanted.expand(batch, -1)[..., None]).sum(1)

    ways: dict[str, Callable[[], Any]] = {
        PLAIN: plain,
        ABLATED: lambda: every.engine.numbers(masks, only)[0],
        LAST: lambda: last.engine.numbers(few, only)[0],
        SINGLE: lambda: [one_at_a_time(model, ids, wanted, mask) for mask in masks],
    }
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    with torch.inference_mode():
        for turn in range((QUICK_TURNS if quick else TURNS) + 1):
            given = {}
            for name, way in ways.items():
                started = time.perf_counter(), time.process_time()
                given[name] = way()
                took = time.perf_counter() - started[0], time.process_time() - started[1]
                if turn:  # the first one warms up
                    spent[name].append((took[0] / batch, took[1] / batch))
            if not turn:  # both ways of ablation say the same
                apart = np.abs(given[ABLATED][:, 0] - np.array(given[SINGLE])).max()
                assert apart < 1e-3, apart
    return spent


def one_at_a_time(model: Any, ids: Any, wanted: Any, mask: BoolArray) -> float:
    """Return the log-probability of the response under one mask, by one pass with plain hooks."""
    import torch

    def hook(kept: Any) -> Callable[..., Any]:
        return lambda _, args: (args[0] * kept,)

    layers = model.model.layers
    handles = []
    for layer, kept in zip(layers, mask.reshape(len(layers), -1), strict=True):
        width = layer.self_attn.o_proj.in_features // len(kept)
        each = torch.from_numpy(np.repeat(kept, width).astype(np.float32))
        handles.append(layer.self_attn.o_proj.register_forward_pre_hook(hook(each)))
    try:
        logits = model(ids[None]).logits[0, OPENING - 1 :]
    finally:
        for handle in handles:
            handle.remove()
    return float(torch.log_softmax(logits, -1).gather(-1, wanted[:, None]).sum())


def judged(kind: str, threads: int, spent: dict[str, list[tuple[float, float]]]) -> Row:
    """Return the row of a ratio: the median over turns, its middle half, all of them."""
    ours, other = np.array(spent[ABLATED]), np.array(spent[kind])
    ratios = other / ours  # of masks per second, ours over the other's
    clock = ratios[:, 0]
    low, middle, high = np.quantile(clock, [0.25, 0.5, 0.75])
    words = {
        PLAIN: "masks per second, a mask in each row over the unhooked network's rows per second",
        SINGLE: "masks per second, a mask in each row over one ablation a pass",
        LAST: "seconds a mask, heads of the last of 5 layers over heads of all",
    }
    own = f"{1 / np.median(ours[:, 0]):.0f} masks per second"
    bar = BARS[kind]
    met = middle <= bar if kind == LAST else middle >= bar
    held = threads == 2 or kind != SINGLE
    sign = "<=" if kind == LAST else ">="
    return Row(
        f"{words[kind]}: {NETWORK}, {LENGTH} tokens, {threads} thread{'s' * (threads > 1)}",
        f"{sign} {bar}" if held else f"({sign} {bar} is for 2 threads)",
        f"{middle:.2f} (middle half of {len(clock)} turns {low:.2f} to {high:.2f}, all "
        f"{clock.min():.2f} to {clock.max():.2f}); by processor time "
        f"{np.median(ratios[:, 1]):.2f}; {own}",
        bool(met),
        {
            "kind": kind,
            "threads": threads,
            "seconds": {name: [one[0] for one in spent[name]] for name in spent},
            "processor": {name: [one[1] for one in spent[name]] for name in spent},
        },
    )


def report(rows: Sequence[Row]) -> str:
    """Return the table of masks per second."""
    table = []
    for threads in dict.fromkeys(row.detail["threads"] for row in rows):
        row = next(row for row in rows if row.detail["threads"] == threads)
        clock = row.detail["seconds"]
        for name in clock:
            rate = 1 / np.array(clock[name])
            table.append(
                [
                    threads,
                    name,
                    f"{np.median(rate):.0f}",
                    f"{rate.min():.0f} to {rate.max():.0f}",
                    f"{1000 * np.median(row.detail['processor'][name]):.2f}",
                ]
            )
    header = ["threads", "way", "rows per second", "range", "ms of processor a row"]
    return f"""## Throughput

`{NETWORK}`, a text of {LENGTH} tokens of its own, {LENGTH - OPENING} of them scored,
{TOKENS["cpu"] // LENGTH} rows in a pass, half of the heads kept at random. *{PLAIN}*: the same rows
through the network without hooks, and the same log-probabilities; *{LAST}*: heads of the last layer
only, so that the four layers below are read once; *{SINGLE}*: a loop over masks, with plain hooks.
The four take turns, {TURNS} each, so that other work on the machine meets all of them alike; ratios
are of a turn.

{markdown(header, table)}"""
