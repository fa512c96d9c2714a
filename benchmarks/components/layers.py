"""Whether early layers act linearly and later ones together, for every network at hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

import interplay as ip
from benchmarks.components.subjects import facts_task, function_of, sentences, written
from benchmarks.components.vit import recognise
from benchmarks.ground.row import Row
from benchmarks.table import markdown
from interplay.lenses.components.energy import picture

CALLS = {"facts": 200, "stories260k": 400, "babyllama": 400, "sentiment": 200, "vit": 400}
QUICK_CALLS = 60


def rows(quick: bool = False) -> list[Row]:
    """Return a row for each network and target."""
    torch.set_num_threads(1)
    found = []
    for name in ("stories260k",) if quick else CALLS:
        function = _Last(function_of(name, task_of(name, quick)))
        found.append(judged(name, function, QUICK_CALLS if quick else CALLS[name]))
        print(f"layers: {found[-1].what}: {found[-1].measured}", flush=True)
    return found


def task_of(name: str, quick: bool) -> Any:
    """Return a task for a network."""
    if name == "facts":
        return facts_task()
    if name == "sentiment":
        return sentences(48)
    if name == "vit":
        return recognise(80)
    return written(name, 4 if quick else 24, 20 if quick else 40, 12)


class _Last:
    """A value function of one target, the smooth one."""

    def __init__(self, function: Any) -> None:
        self.function, self.target = function, function.targets[-1]
        self.features, self.batch_size = function.features, function.batch_size

    def __call__(self, masks: Any) -> Any:
        return self.function(masks)[:, -1]


def judged(name: str, function: _Last, calls: int) -> Row:
    """Return the row of a network."""
    run = ip.explain(
        function, budget=calls, design="uniform", seed=0, store=None, fingerprint=f"bench {name}"
    )
    seen = picture(run.spectrum, [part.layer for part in function.function.parts])
    groups = ", ".join(
        f"{group.name} {100 * group.linear:.0f}/{100 * group.within:.0f}/{100 * group.across:.0f}"
        for group in seen.groups
    )
    faith = run.faithfulness
    return Row(
        f"{name}, {function.target}: energy linear/within/across layers, % by layer group",
        "(do early layers act more linearly than late ones?)",
        f"{groups}. {seen.trend}",
        bool(seen.difference and (seen.difference[1] or 0) > 0),
        {
            "network": name,
            "target": function.target,
            "calls": calls,
            "heads": len(function.features),
            "faithfulness": [faith.value, faith.low, faith.high],
            "groups": seen.to_dict()["groups"],
            "whole": seen.to_dict()["whole"],
            "orders": seen.to_dict()["orders"],
            "trend": seen.trend,
        },
    )


def report(rows: Sequence[Row]) -> str:
    """Return the table of layer groups."""
    table = []
    for row in rows:
        detail = row.detail
        if "groups" not in detail:
            continue
        value, low, high = detail["faithfulness"]
        for group in [*detail["groups"], detail["whole"]]:
            whole = group is detail["whole"]
            table.append(
                [
                    f"{detail['network']}, {detail['target']}",
                    "all" if whole else group["name"],
                    f"{100 * group['share']:.0f} %",
                    *(f"{100 * group[kind]:.0f} %" for kind in ("linear", "within", "across")),
                    f"{value:.2f} ({low:.2f} to {high:.2f})" if whole else "",
                ]
            )
    header = ["network", "layers", "share of energy", "linear", "within a layer", "across layers"]
    return f"""## Layers

Energy of the spectrum that `auto` fits over all heads of a network at once, with
{", ".join(f"{calls} calls ({name})" for name, calls in CALLS.items())}; a term's energy is its
heads' in equal shares. The papers ablate the heads of one group of three layers at a time, with
rescaling, and found 80/8/12, 67/23/10 and 51/39/10 % for layers 1-3, 14-16 and 30-32 of a network
of 32; these networks have 4 to 6 layers, so that groups are of one or two.

{markdown([*header, "R² of the fit, own estimate"], table)}"""
