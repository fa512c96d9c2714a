"""Head pruning as in ProxySPEX: fit on train prompts, maximise the series, test on other prompts.

Heads of a group of layers are ablated by zeros, with and without the paper's rescaling of what is
left of a layer. The value is a mean over the train prompts. Each method is given the same uniform
masks; what it fits is maximised under a number of heads by integer programming. Nothing but the
masks is measured before the choice; best-of-N alone measures, as many sets of that size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from pathlib import Path
from typing import Any

import numpy as np

import interplay as ip
from benchmarks.components.faithfulness import sorting
from benchmarks.components.splits import Read, halves
from benchmarks.components.subjects import facts_task, function_of, written
from benchmarks.ground.row import Row
from benchmarks.table import markdown
from interplay.actions.prune.pruning import interval
from interplay.lenses.components.energy import picture

SHARES = (0.5, 0.66, 0.83)
KINDS = ("linear", "within", "across")
"""Of a share of the energy."""
FITTED = ("proxyspex", "auto", "parity-gp")
METHODS = {
    "random": "best-of-N",
    "lasso": "LASSO",
    "proxyspex": "proxyspex",
    "auto": "auto",
    "parity-gp": "parity-gp",
}
"""Names in ``ip.prune``, and on the page."""
SPLITS, SEEDS = 4, 2
"""Random splits of the prompts, and seeds of the masks, which the splits take in turn."""
TEXTS = 32
"""Of a language model's own, 32 tokens each; the first 12 are the prompt."""
PAPER = {
    "L1-3": ((0.738, 0.708, 0.783), (0.763, 0.825, 0.842), (0.763, 0.833, 0.867)),
    "L14-16": ((0.775, 0.825, 0.875), (0.800, 0.850, 0.858), (0.812, 0.850, 0.892)),
    "L30-32": ((0.812, 0.858, 0.867), (0.788, 0.842, 0.867), (0.788, 0.842, 0.867)),
}
"""Test accuracies read off the paper's figure, by share: best-of-N, LASSO, ProxySPEX."""
PAPER_ENERGY = {"L1-3": (80, 8, 12), "L14-16": (67, 23, 10), "L30-32": (51, 39, 10)}


@dataclass(frozen=True)
class Group:
    """Heads of a network that are pruned together.

    Attributes
    ----------
    network, parts
        As the components benchmark calls them.
    calls
        Masks that are fitted to, and N of best-of-N.
    targets
        Pruned for one after the other; those with a finer one behind break ties by it.
    rescale
        The paper's: what is left of a layer grows by its number of heads over that of the kept.
    """

    network: str
    parts: str
    calls: int
    targets: tuple[str, ...]
    rescale: bool

    @property
    def name(self) -> str:
        layers = self.parts.partition(":")[2]
        where = f"L{layers}" if layers else "all layers"
        return f"{self.network}, {where}, {'rescaled' if self.rescale else 'zeros'}"

    def function(self, quick: bool = False) -> Any:
        """The value function over all prompts."""
        if self.network == "gpt_nano_sort":
            return sorting(12 if quick else 60)
        if self.network == "facts":
            task = facts_task()
        else:
            task = written(self.network, 6 if quick else TEXTS, 20 if quick else 32, 12)
        return function_of(self.network, task, self.parts, rescale=self.rescale)


GROUPS = (
    *(
        Group("stories260k", parts, 192, ("logprob:mean",), rescale)
        for rescale in (True, False)
        for parts in ("heads:0-1", "heads:2-3", "heads:3-4")
    ),
    *(Group("facts", "heads", 120, ("accuracy", "margin"), rescale) for rescale in (True, False)),
    # its heads are sites, which cannot be rescaled
    Group("gpt_nano_sort", "all", 60, ("value",), False),
)
QUICK = (Group("stories260k", "heads:3-4", 60, ("logprob:mean",), True),)


def rows(quick: bool = False) -> list[Row]:
    """Return rows of pruning, and one on the energy, of each group of heads."""
    import torch

    torch.set_num_threads(1)
    found = []
    for group in QUICK if quick else GROUPS:
        read = Read(group.function(quick), group.targets)
        splits = halves(read, 2 if quick else SPLITS)
        runs = {method: explained(group, splits, method) for method in FITTED}
        for target in group.targets:
            found += [judged(group, *one) for one in compared(group, splits, runs, target)]
        found.append(energy(group, [run.target(group.targets[-1]) for run in runs["auto"]], read))
        for row in found[-1 - len(SHARES) * len(group.targets) :]:
            print(f"heads: {row.what}: {row.measured}", flush=True)
        print(f"heads: {read.masks} masks, {read.passes} passes", flush=True)
    return found


def explained(
    group: Group, splits: Sequence[Any], method: str, store: Path | None = None
) -> list[Any]:
    """Return an explanation of each split, from the same masks for all methods."""
    options: dict[str, Any] = {"budget": group.calls, "method": method, "design": "uniform"}
    return [
        ip.explain(half, **options, seed=place % SEEDS, store=store)
        for place, half in enumerate(splits)
    ]


def compared(
    group: Group, splits: Sequence[Any], runs: dict[str, list[Any]], target: str
) -> list[tuple[str, int, float, dict[str, list[float]], list[float]]]:
    """Return for each share the test value of each method on each split.

    That is: target, number of heads, share, values by method, and those of all heads.
    """
    values: dict[tuple[int, float], dict[str, list[float]]] = {}
    whole = []
    for place, half in enumerate(splits):
        for method in runs:
            first = method == next(iter(runs))
            pruned = ip.prune(
                runs[method][place],
                half,
                keep=SHARES,
                compare=("random", "lasso") if first else False,
                random=group.calls,
                target=target,
                verify=0,
            )
            for contest in pruned.contests:
                held = values.setdefault((contest.size, contest.share), {})
                for name, choice in contest.choices.items():
                    held.setdefault(method if name == "auto" else name, []).append(choice.test)
            if first:
                whole.append(float(pruned.before.test))
    return [(target, size, share, of, whole) for (size, share), of in values.items()]


def judged(
    group: Group,
    target: str,
    size: int,
    share: float,
    values: dict[str, list[float]],
    whole: list[float],
) -> Row:
    """Return the row of a group, target and share: the fits of interactions against the others."""
    n = len(whole)
    apart = {}
    for rival in ("random", "lasso"):
        for method in FITTED:
            paired = np.array(values[method]) - np.array(values[rival])
            apart[f"{method} less {rival}"] = [float(paired.mean()), *interval(paired, 0)]
    told = ", ".join(f"{METHODS[m]} {np.mean(values[m]):.3f}" for m in METHODS)
    mean, low, high = apart["auto less lasso"]
    return Row(
        f"{group.name}: {target}, {size} heads kept ({100 * share:.0f} %), {n} splits",
        "(mean on test prompts)",
        f"{told}; all heads {np.mean(whole):.3f}; auto less LASSO {mean:+.3f} "
        f"({low:+.3f} to {high:+.3f})",
        bool((low or 0) > 0),
        {
            "group": group.name,
            "target": target,
            "N": group.calls,
            "share": share,
            "size": size,
            "values": values,
            "whole": whole,
            "apart": apart,
        },
    )


def energy(group: Group, runs: Sequence[Any], read: Read) -> Row:
    """Return the row of how the heads act: alone, within their layer, across layers."""
    sites = read.function.parts
    layers = [part.layer for part in sites]
    if group.network == "gpt_nano_sort":  # sites that are named by hand know no layer
        layers = [int(part.name[1]) for part in sites]
    seen = [shares(run, layers) for run in runs]
    by_kind = {kind: [one[kind] for one in seen] for kind in KINDS}
    r2 = [run.faithfulness.value for run in runs]
    told = " / ".join(f"{100 * np.mean(by_kind[kind]):.0f}" for kind in KINDS)
    return Row(
        f"{group.name}: energy linear / within a layer / across layers, {group.targets[-1]}",
        "(%, mean over splits)",
        f"{told}; R² of the fits {np.mean(r2):.3f} ({min(r2):.3f} to {max(r2):.3f})",
        False,
        {"energy": group.name, "target": group.targets[-1], "r2": r2} | by_kind,
    )


def shares(run: Any, layers: Sequence[int]) -> dict[str, float]:
    """Return which share of the energy is of single heads, within a layer, and across layers."""
    whole = picture(run.spectrum, layers).whole
    return {kind: getattr(whole, kind) for kind in KINDS}


def report(rows: Sequence[Row]) -> str:
    """Return the tables of pruning and of energies."""
    table = []
    for row in rows:
        detail = row.detail
        if "values" not in detail:
            continue
        cells = [detail["group"], detail["target"], f"{100 * detail['share']:.0f} %"]
        cells += [f"{np.mean(detail['values'][m]):.3f}" for m in METHODS]
        cells.append(f"{np.mean(detail['whole']):.3f}")
        for method in FITTED:
            mean, low, high = detail["apart"][f"{method} less lasso"]
            cells.append(f"{mean:+.3f} ({low:+.3f} to {high:+.3f})")
        table.append(cells)
    header = ["heads", "score", "kept", *METHODS.values(), "all heads"]
    header += [f"{METHODS[m]} less LASSO" for m in FITTED]
    energies = [
        [
            row.detail["energy"],
            row.detail["target"],
            *(_share(row.detail[kind]) for kind in KINDS),
            f"{np.mean(row.detail['r2']):.2f}",
        ]
        for row in rows
        if "energy" in row.detail
    ]
    return f"""## Head pruning

Half of the prompts train, half test, {SPLITS} random splits, which take masks of {SEEDS} seeds in
turn; intervals (90 %) are bootstraps over splits, which share their prompts: they say how sure the
order is on these prompts. `facts` is the embedded language model on its 60 questions; `stories260k`
goes on with {TEXTS} texts of its own (mean log-probability of a token); `gpt_nano_sort` sorts 60
inputs (mean log-probability of a symbol). LASSO keeps its largest main effects; the others maximise
their series by integer programming; best-of-N measures N sets of that size on the train prompts, N
as many as the fits have masks ({", ".join(sorted(_calls()))}). Where accuracies on train prompts
are equal, best-of-N goes by the margin. There are few sets to try here ({comb(16, 13)} that keep 13
of 16 heads), of which best-of-N sees many; of the paper's 96 heads it sees next to none. `ip.prune`
as it is by default goes on from here with a search by real calls ([components.md](components.md)).

![Test scores of each method less LASSO's](papers_heads.svg)

{markdown(header, table)}

{tally(rows)}

Energy of the series that `auto` fits on the train prompts, means over splits (smallest to largest).
The paper has {_papers_energy()} for layers 1-3, 14-16 and 30-32 of Llama-3.1-8B.

![Shares of the energy by group of heads](papers_energy.svg)

{markdown(["heads", "score", "linear", "within a layer", "across layers", "R²"], energies)}

{rescaling(rows)}

The paper's test accuracies, read off its figure (unpruned .858). Its best-of-N bars look as if
another set of questions had been used, and one standard error of its 120 questions is .03. Its
network is not at hand here; `python -m benchmarks.papers.originals proxyspex/heads-L1-3` and the
two beside it run it, given its weights.

{_papers()}"""


def tally(rows: Sequence[Row]) -> str:
    """Return in how many comparisons each fit of interactions is surely better or worse.

    Over all groups, targets and shares; sure is where the 90 % interval leaves zero out.
    """
    held = [row.detail["apart"] for row in rows if "apart" in row.detail]
    told = []
    for rival in ("lasso", "random"):
        parts = []
        for method in FITTED:
            of = [apart[f"{method} less {rival}"] for apart in held]
            better = sum(low > 0 for _, low, _ in of)
            worse = sum(high < 0 for _, _, high in of)
            parts.append(f"`{METHODS[method]}` {better} and {worse}")
        told.append(f"{METHODS[rival]}: {', '.join(parts)}")
    return f"Surely better and surely worse, of {len(held)}, than {'; than '.join(told)}."


def rescaling(rows: Sequence[Row]) -> str:
    """Return what rescaling does to the scores of pruned networks, and to the fits."""
    told = []
    for network in dict.fromkeys(group.network for group in GROUPS if group.rescale):
        score: dict[bool, list[float]] = {True: [], False: []}
        r2: dict[bool, list[float]] = {True: [], False: []}
        for row in rows:
            detail = row.detail
            name = detail.get("group", detail.get("energy", ""))
            scaled = name.endswith("rescaled")
            if not name.startswith(network):
                continue
            if "r2" in detail:
                r2[scaled] += detail["r2"]
            elif detail["target"] != "accuracy":
                score[scaled] += [float(np.mean(of)) for of in detail["values"].values()]
        if all(r2.values()) and all(score.values()):
            told.append(
                f"`{network}` R² {np.mean(r2[True]):.2f} and {np.mean(r2[False]):.2f}, score "
                f"{np.mean(score[True]):.3f} and {np.mean(score[False]):.3f}"
            )
    if not told:
        return ""
    return (
        "Fits and pruned networks with rescaling and without (means over methods, shares and "
        f"groups of layers): {'; '.join(told)}. Where a single head of a layer is kept, rescaling "
        "multiplies it by the number of heads there were."
    )


def _share(values: Sequence[float]) -> str:
    low, mean, high = (100 * one for one in (min(values), float(np.mean(values)), max(values)))
    return f"{mean:.0f} % ({low:.0f} to {high:.0f})"


def _calls() -> set[str]:
    return {f"{group.network} {group.calls}" for group in GROUPS}


def _papers_energy() -> str:
    return ", ".join(f"{one}/{within}/{across} %" for one, within, across in PAPER_ENERGY.values())


def _papers() -> str:
    table = [
        [group, f"{100 * share:.0f} %", *(f"{one:.3f}" for one in of)]
        for group, shares in PAPER.items()
        for share, of in zip(SHARES, shares, strict=True)
    ]
    return markdown(["layers", "kept", "best-of-N", "LASSO", "ProxySPEX"], table)
