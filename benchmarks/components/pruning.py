"""Pruning on unseen prompts: ``ip.prune`` beside its rivals, over many train/test splits.

In every split each method sees the train prompts alone and is judged on the test prompts. Fits get
the same uniform masks in all splits, best-of-N the same random sets: with values of single prompts,
kept for every mask, all splits come from the same forward passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import interplay as ip
from benchmarks.components.splits import Half, Read, halves
from benchmarks.components.subjects import facts_task, function_of, written
from benchmarks.components.vit import recognise
from benchmarks.ground.row import Row
from benchmarks.table import markdown
from interplay.actions.prune import across
from interplay.actions.subset.search import TRIALS
from interplay.intervals import of_mean

SHARES = (0.5, 0.66, 0.83)
SPLITS, QUICK_SPLITS = 10, 2
UNTRIED = "auto, no trials"
"""The choice of the spectrum alone, without the search on the train prompts."""
NAMES = {
    "auto": "auto",
    UNTRIED: UNTRIED,
    "lasso": "LASSO",
    "random": "best-of-N",
    "leave-one-out": "leave one out",
    "keep-one": "keep one",
    "attribution-patching": "attribution patching",
}


@dataclass(frozen=True)
class Subject:
    """A network, how many masks it is fitted to (and N of best-of-N), and the targets."""

    name: str
    calls: int
    targets: tuple[str, ...]
    prompts: int
    tokens: int = 0
    opening: int = 0

    @property
    def function(self) -> Any:
        """The value function over all prompts."""
        if self.name == "facts":
            return function_of(self.name, facts_task())
        if self.name == "vit":
            return function_of(self.name, recognise(self.prompts))
        return function_of(self.name, written(self.name, self.prompts, self.tokens, self.opening))


STORIES = Subject("stories260k", 400, ("logprob:mean",), 40, 32, 12)
VIT = Subject("vit", 400, ("accuracy", "margin"), 80)
SUBJECTS = (Subject("facts", 200, ("accuracy", "margin"), 60), STORIES, VIT)
QUICK = (Subject("stories260k", 60, ("logprob:mean",), 6, 20, 12),)


def rows(quick: bool = False) -> list[Row]:
    """Return a row for each network, target and share."""
    import torch

    torch.set_num_threads(1)
    found = []
    for subject in QUICK if quick else SUBJECTS:
        read = Read(subject.function, subject.targets)
        n = len(read.function.features)
        splits = halves(read, QUICK_SPLITS if quick else SPLITS)
        explained = [_explained(half, subject) for half in splits]
        print(f"pruning: {subject.name}: {len(splits)} splits fitted", flush=True)
        for target in subject.targets:
            for one in compared(explained, splits, target, subject.calls):
                found.append(judged(subject, target, one, len(splits), n))
                print(f"pruning: {found[-1].what}: {found[-1].measured}", flush=True)
        print(f"pruning: {subject.name}: {read.masks} masks, {read.passes} passes", flush=True)
    return found


def _explained(half: Half, subject: Subject) -> Any:
    return ip.explain(half, budget=subject.calls, design="uniform", seed=0, store=None)


def compared(
    explained: Sequence[Any], splits: Sequence[Half], target: str, count: int
) -> list[list[dict[str, Any]]]:
    """Return for each share what :func:`across` says of every method, ``auto`` first."""
    whole, bare = [], []
    for one, half in zip(explained, splits, strict=True):
        options: dict[str, Any] = {"keep": SHARES, "target": target, "random": count}
        whole.append(ip.prune(one, half, **options))
        bare.append(ip.prune(one, half, **options, compare=False, verify=0))
    rows = across(whole)
    for row in across(bare):
        place = whole[0].contests[[c.size for c in whole[0].contests].index(row["size"])].share
        own = np.array([_test(found, place) for found in whole])
        apart = own - np.array([_test(found, place) for found in bare])
        low, high = of_mean(apart, np.random.default_rng(5), draws=1000)
        rows.append(
            {**row, "method": UNTRIED, "difference": float(apart.mean())}
            | {"low": low, "high": high}
        )
    return [[row for row in rows if row["size"] == contest.size] for contest in whole[0].contests]


def _test(found: Any, share: float) -> float:
    (contest,) = (one for one in found.contests if one.share == share)
    return float(contest.best.test)


def judged(
    subject: Subject, target: str, methods: list[dict[str, Any]], splits: int, n: int
) -> Row:
    """Return the row of a network, target and share."""
    auto = next(one for one in methods if one["method"] == "auto")
    rivals = [one for one in methods if one["method"] not in ("auto", UNTRIED)]
    below = [NAMES[one["method"]] for one in rivals if one["difference"] < -1e-9]
    chance = next(one for one in rivals if one["method"] == "random")
    told = ", ".join(
        f"{NAMES[one['method']]} {one['difference']:+.3f} ({one['low']:+.3f} to {one['high']:+.3f})"
        for one in rivals
    )
    return Row(
        f"{subject.name}, {target}, {auto['size']} of {n} heads kept "
        f"({100 * auto['share']:.0f} %), {splits} splits",
        "auto's mean test score not below any; above best-of-N significantly",
        f"auto {auto['test']:.3f} (all heads {auto['before']:.3f}); auto less {told}"
        + (f"; below {', '.join(below)}" if below else "")
        + ("" if chance["low"] > 0 else "; not significantly above best-of-N"),
        not below and chance["low"] > 0,
        {
            "network": subject.name,
            "target": target,
            "N": subject.calls,
            "share": auto["share"],
            "methods": methods,
        },
    )


def report(rows: Sequence[Row]) -> str:
    """Return the table of mean test scores."""
    table = []
    for row in rows:
        detail = row.detail
        by = {one["method"]: one for one in detail["methods"]}
        cells = []
        for name in NAMES:
            one = by.get(name)
            if one is None:
                cells.append("")
                continue
            clear = name != "auto" and (one["low"] > 0 or one["high"] < 0)
            cells.append(f"{one['test']:.3f}{' *' if clear else ''}")
        share = f"{100 * detail['share']:.0f} %"
        cells += [f"{by['auto']['before']:.3f}", str(detail["N"])]
        table.append([detail["network"], detail["target"], share, *cells])
    header = ["network", "score", "kept", *NAMES.values(), "all heads", "N"]
    return f"""## Pruning, mean scores on test prompts

Half of the prompts are train, half are test, {SPLITS} random splits. `facts`: the 60 questions that
`interplay components` asks without a task, accuracy and margin (the right answer's logit less the
best other one's). `stories260k`: {STORIES.prompts} texts of {STORIES.tokens} tokens that it wrote
itself, the first {STORIES.opening} are the prompt; mean log-probability of a token of the rest.
`vit`: {VIT.prompts} test pictures of CIFAR-10.
Methods: `auto` is `ip.prune` as it is by default: a search that measures {TRIALS} sets for each
head on the train prompts, from the set of the highest prediction of a fit to N uniform masks (by
integer programming), from what backward elimination leaves, and on by swaps; `{UNTRIED}` is the
program's set as it is; LASSO keeps the largest effects of a fit to the same N masks; best-of-N
tries N random sets of that size on the train prompts; *leave one out* and *keep one* rank heads by
one evaluation each; attribution patching by the gradient of a gate on each head. Where accuracies
on the train prompts are equal, the margin decides, for every method that measures sets. A star: the
90 % interval of its difference to auto, a bootstrap over splits, leaves zero out. Splits share
their prompts, so that the intervals say how sure the order is on these prompts, not on all that
could be asked.

{markdown(header, table)}"""
