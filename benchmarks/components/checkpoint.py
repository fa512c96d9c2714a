"""Saved checkpoints against the masked network, and how much faster heads that are gone make it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.components.subjects import facts_task, function_of, written
from benchmarks.components.vit import pictures, recognise
from benchmarks.ground.row import Row
from benchmarks.table import markdown
from interplay.actions.prune import Checkpoint, save_pruned
from interplay.lenses.components import Task
from interplay.value_function import BoolArray

NETWORKS = ("facts", "stories260k", "babyllama", "vit")
BAR = 1e-5
ROWS, LENGTH = 16, 128
TURNS, QUICK_TURNS = 15, 2
PROMPTS = 4
ZEROED, REMOVED, MEAN = WAYS = ("zeroed", "removed", "at their mean")
"""Heads give zero, are out of the weights, or give their mean over the train prompts."""


def rows(quick: bool = False) -> list[Row]:
    """Return the rows of all networks, in all ways."""
    import torch

    torch.set_num_threads(1)
    found = []
    for name in NETWORKS[1:2] if quick else NETWORKS:
        for way in WAYS:
            ablation = "mean" if way == MEAN else "zero"
            function = function_of(name, task_of(name), ablation=ablation)
            found += measured(name, function, way, QUICK_TURNS if quick else TURNS)
            print(f"checkpoint: {found[-1].what}: {found[-1].measured}", flush=True)
    return found


def task_of(name: str) -> Task:
    """Return a task for a network."""
    if name == "facts":
        return facts_task()
    return recognise(2 * PROMPTS) if name == "vit" else written(name, 2 * PROMPTS, 48)


def half(function: Any, *, even: bool) -> BoolArray:
    """Return a random half of the heads: of each pair of neighbours one, or of all of them.

    Neighbours are those that share keys and values, where any do.
    """
    n = len(function.features)
    rng = np.random.default_rng(0)
    mask = np.zeros(n, dtype=bool)
    if even:
        mask[2 * np.arange(n // 2) + rng.integers(0, 2, n // 2)] = True
    else:
        mask[rng.permutation(n)[: n // 2]] = True
    return mask


def measured(name: str, function: Any, way: str, turns: int) -> list[Row]:
    """Return the row of the difference, and of the removed also that of the time."""
    remove = way == REMOVED
    mask = half(function, even=remove)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "pruned"
        saved = save_pruned(function, mask, folder, remove=remove)
        loaded = type(function.model).from_pretrained(folder).eval()
        worst = apart(function, mask, loaded)
        matters = apart(function, mask, function.model)
        detail = _detail(name, saved, way) | {"worst": worst, "matters": matters}
        found = [
            Row(
                f"{name}, half of the heads {way}: largest logit difference, saved checkpoint to "
                "masked network",
                f"<= {BAR:g}",
                f"{worst:.2g} (of the whole network {matters:.2g}); {saved.removed} of "
                f"{int((~mask).sum())} dropped heads are out of the weights",
                worst <= BAR,
                detail,
            )
        ]
        if remove:
            found.append(speed(name, function, loaded, turns, detail))
    return found


def apart(function: Any, mask: BoolArray, loaded: Any) -> float:
    """Return the largest difference of a network's logits to the masked ones, over some prompts."""
    import torch

    worst = 0.0
    with torch.inference_mode():
        for i in function.questions.of(list(range(2 * PROMPTS))):
            reading = function.questions.readings[i]
            expected = function.engine.outputs(mask[None], i, plain=True)[0]
            inputs = {name: torch.from_numpy(one)[None] for name, one in reading.inputs.items()}
            logits = loaded(**inputs).logits[0].double().numpy()
            own = logits if reading.positions is None else logits[reading.positions]
            worst = max(worst, float(np.abs(own - expected.reshape(own.shape)).max()))
    return worst


def speed(name: str, function: Any, loaded: Any, turns: int, detail: dict[str, Any]) -> Row:
    """Return the row of the time of a pass, original and pruned in turn."""
    import torch

    original = function.model
    if name == "vit":
        read, what = torch.from_numpy(pictures("test")[0][:ROWS]), "pictures"
    else:
        vocabulary = int(original.config.vocab_size)
        read = torch.randint(3, vocabulary, (ROWS, LENGTH), generator=torch.manual_seed(0))
        what = f"rows of {LENGTH} tokens"
    spent: list[list[float]] = [[], []]
    with torch.inference_mode():
        for turn in range(turns + 1):
            for place, model in enumerate((original, loaded)):
                started = time.perf_counter()
                model(read)
                if turn:
                    spent[place].append(time.perf_counter() - started)
    ratios = np.array(spent[0]) / np.array(spent[1])
    low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75])
    before, after = (1000 * float(np.median(one)) for one in spent)
    return Row(
        f"{name}, half of the heads removed: time of a pass of {ROWS} {what}, original over pruned",
        "> 1",
        f"{middle:.2f} times faster (middle half of {len(ratios)} turns {low:.2f} to {high:.2f}), "
        f"{before:.0f} to {after:.0f} ms; parameters {detail['parameters'][0]:,} to "
        f"{detail['parameters'][1]:,}",
        bool(middle > 1),
        detail | {"seconds": spent},
    )


def _detail(name: str, saved: Checkpoint, way: str) -> dict[str, Any]:
    return {
        "network": name,
        "way": way,
        "removed": saved.removed,
        "how": saved.how,
        "difference": saved.difference,
        "parameters": list(saved.parameters),
        "bytes": list(saved.bytes),
    }


def report(rows: Sequence[Row]) -> str:
    """Return the table of checkpoints."""
    table = []
    for row in rows:
        if "seconds" in row.detail:
            continue
        detail = row.detail
        (before, after), (large, small) = detail["parameters"], detail["bytes"]
        table.append(
            [
                detail["network"],
                detail["way"],
                f"{detail['worst']:.2g}",
                f"{before:,} to {after:,}",
                f"{large / 1000:.0f} to {small / 1000:.0f}",
                detail["how"],
            ]
        )
    header = ["network", "heads", "largest difference", "parameters", "kB", "what was done"]
    return f"""## Checkpoints

A random half of the heads goes: for *removed* one of each two neighbours, which is what a
configuration can say, for *zeroed* any; *at their mean* the same as zeroed, and their mean over the
train prompts is in the bias of the output projection. The checkpoint is loaded by transformers
alone and compared with the masked network on {2 * PROMPTS} prompts of its task, in plain passes of
both. Times are of one thread, original and pruned network in turn.

{markdown(header, table)}"""
