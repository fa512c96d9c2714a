"""Whether the sentences that an answer needs are among the strongest interactions, from few calls.

The questions of ``benchmarks.inputs pairs``, over the most facts that the embedded language model
reads: two of them are needed, and known. The budgets are below those at which every mask is tried.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
from scripts.demo_facts.items import Item, held_out_items
from scripts.demo_facts.world import CONNECTIVES

import interplay as ip
from benchmarks.engine.data import calls
from benchmarks.engine.results import Results
from benchmarks.ground.row import Row
from benchmarks.inputs.octaves import folder
from benchmarks.papers.intervals import Interval
from benchmarks.table import markdown
from interplay.demo import FOLDER
from interplay.evaluate import evaluate
from interplay.models.text_model import open_text_model

KINDS = (*CONNECTIVES, "two-hop")
FACTS = 8
ITEMS, QUICK_ITEMS = 8, 1
ITEM_SEED = 900
METHODS = ("auto", "parity-gp", "proxyspex", "faith-banzhaf-2", "faith-shap-2", "lasso")
SINGLE = "lasso"
"""It has no interactions: its single sentences count, the two strongest and so on."""
ALPHAS = (0.5, 1.0, 2.0, 4.0)
TOP = (1, 2, 3)
"""How many of the strongest interactions of two sentences and more are looked at."""
PAPER = (
    "HotpotQA with Llama-3.2-3B, figure read off: SPEX about 22, 26 and 25 % of the human-labelled "
    "sentences with 1,344, 5,376 and 21,504 calls, Faith-Banzhaf-3 about 13, 17 and 18.5 %"
)


def rows(quick: bool = False) -> list[Row]:
    """Return a row for each budget."""
    import torch

    torch.set_num_threads(1)
    model = open_text_model(FOLDER / "facts")
    kept = Results(folder() / "papers" / "supporting.json", ip.__version__)
    measured = [
        {
            "kind": kind,
            **kept.row("supporting", f"{kind} {place}", "all", 0, partial(measure, item, model)),
        }
        for kind in KINDS
        for place, item in enumerate(
            held_out_items(kind, QUICK_ITEMS if quick else ITEMS, ITEM_SEED, (FACTS, FACTS))
        )
    ]
    return [row(alpha, measured) for alpha in ALPHAS]


def measure(item: Item, model: Any) -> dict[str, Any]:
    """Return for each method and budget the recall of the two facts, by TOP."""
    function = ip.text(
        item.context,
        question=item.question,
        model=model,
        units="sentence",
        target="prob",
        response=item.answer,
    )
    n = len(function.features)
    if n != len(item.sentences):
        raise ValueError(f"{n} sentences were found in {item.sentences}")
    sizes = [calls(n, alpha) for alpha in ALPHAS]
    masks = ip.design(n, sizes[-1], "uniform", 0).masks
    values = evaluate(function, masks).values[:, 0]
    recalls: dict[str, list[list[float]]] = {}
    for method in METHODS:
        recalls[method] = []
        for m in sizes:
            try:
                fitted = ip.fit(masks[:m], values[:m], method=method, seed=0)
            except ip.BadInput:  # more terms than masks: nothing is found
                recalls[method].append([0.0] * len(TOP))
                continue
            single = method == SINGLE
            found = fitted.spectrum().top(2 * max(TOP), min_order=1 if single else 2)
            sets = [one.features for one in found]
            if single:  # two single sentences stand for one interaction of two
                sets = [(*a, *b) for a, b in zip(sets[::2], sets[1::2], strict=False)]
            recalls[method].append([recall(sets[:k], item.supporting) for k in TOP])
    return {"n": n, "sizes": sizes, "recalls": recalls}


def recall(found: Iterable[Sequence[int]], supporting: Sequence[int]) -> float:
    """Return the share of the supporting features that are in the found sets.

    >>> recall([(0, 3), (1, 2)], (3, 4))
    0.5
    """
    inside = {feature for features in found for feature in features}
    return len(inside & set(supporting)) / len(supporting)


def row(alpha: float, measured: Sequence[dict[str, Any]]) -> Row:
    """Return the row of one budget: the recall of the strongest interaction."""
    place = ALPHAS.index(alpha)
    recalls = {m: Interval.of([one["recalls"][m][place][0] for one in measured]) for m in METHODS}
    calls_taken = sorted({one["sizes"][place] for one in measured})
    others = [recalls[m].value for m in METHODS if m not in ("auto", "parity-gp")]
    return Row(
        f"recall of the two needed facts of {FACTS} in the strongest interaction, "
        f"{', '.join(map(str, calls_taken))} calls (alpha = {alpha:g}), {len(measured)} questions",
        "auto not below proxyspex, Faith-Banzhaf, Faith-Shap and lasso",
        ", ".join(f"{m} {found.said()}" for m, found in recalls.items()),
        recalls["auto"].value >= max(others),
        {"alpha": alpha, "items": list(measured) if place == 0 else []},
    )


def report(rows: Sequence[Row]) -> str:
    """Return the recall by budget and number of interactions, and by kind of question."""
    measured = rows[0].detail["items"]
    table = [
        [
            f"{alpha:g}",
            k,
            *(Interval.of([one["recalls"][m][i][j] for one in measured]).said() for m in METHODS),
        ]
        for i, alpha in enumerate(ALPHAS)
        for j, k in enumerate(TOP)
    ]
    kinds = []
    for kind in KINDS:
        mine = [one for one in measured if one["kind"] == kind]
        for i, alpha in enumerate(ALPHAS):
            means = [np.mean([one["recalls"][m][i][0] for one in mine]) for m in METHODS]
            kinds.append([kind, f"{alpha:g}", *(f"{mean:.2f}" for mean in means)])
    return f"""## Supporting sentences

Held-out questions over {FACTS} facts to the embedded language model, whose answer needs exactly two
of them; {ITEMS} of each of {len(KINDS)} kinds. Sentences are the units, the value is the
probability of the right answer. Recall: the share of the two needed facts that are among the
sentences of the k strongest interactions of two sentences and more, by the Fourier coefficient; of
`{SINGLE}`, which has none, among the 2 k strongest sentences. By chance two sentences hold .25 of
them. There are {2**FACTS} masks in all. `spex` is not here: its smallest design of {FACTS} features
is larger than most of these budgets. Its paper: {PAPER}.

![Recall against calls](papers_supporting.svg)

{markdown(["alpha", "k", *METHODS], table)}

k = 1, by kind of question:

{markdown(["kind", "alpha", *METHODS], kinds)}"""
