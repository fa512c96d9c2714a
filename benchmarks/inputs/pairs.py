"""Whether the two facts that an answer needs are the top interaction: the embedded language model.

Held-out questions over 4 to 8 facts, whose answer needs exactly two of them (so the facts that
matter are known). Sentences are the units, the value is the probability of the right answer. All
methods get the same 8 n log2 n calls, or all 2^n masks where those are no more. The top interaction
is the largest by absolute value among those of two facts and more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from math import log2
from typing import Any

import numpy as np
from scripts.demo_facts.items import Item, held_out_items
from scripts.demo_facts.world import CONNECTIVES

import interplay as ip
from benchmarks.engine.results import Results, source
from benchmarks.ground.row import Row
from benchmarks.inputs.octaves import coded_masks, folder
from benchmarks.table import markdown
from interplay.codes import LEAST_BITS, MOST_BITS, MaskCode
from interplay.demo import FOLDER
from interplay.evaluate import evaluate
from interplay.models.text_model import open_text_model
from interplay.value_function import BoolArray, FloatArray

ITEMS, QUICK_ITEMS = 100, 5
BAR = 0.95
SEED, ITEM_SEED = 0, 600
KINDS = (*CONNECTIVES, "two-hop")
AUTO = "auto"
METHODS = (AUTO, "proxyspex", "parity-gp", "lasso")
SPEX = "spex"
"""Where its coded masks fit: they do not where all masks are evaluated."""
PUBLISHED, PUBLISHED_ITEMS = "proxyspex-published", 20
"""It takes a quarter of a minute an item, so it gets the first ones only."""


def rows(quick: bool = False) -> list[Row]:
    """Return a row for each kind of question."""
    import torch

    torch.set_num_threads(1)
    model = open_text_model(FOLDER / "facts")
    found = []
    for kind in KINDS:
        drawn = held_out_items(kind, QUICK_ITEMS if quick else ITEMS, ITEM_SEED)
        measured = [
            measure(item, model, published=not quick and place < PUBLISHED_ITEMS)
            for place, item in enumerate(drawn)
        ]
        found.append(judged(kind, measured))
        print(f"pairs: {found[-1].what}: {found[-1].measured}", flush=True)
    return found


def calls_for(n: int) -> int:
    """Return 8 n log2 n, or 2^n where that is no more.

    >>> calls_for(7), calls_for(8)
    (128, 192)
    """
    return min(round(8 * n * log2(n)), 1 << n)


def measure(item: Item, model: Any, *, published: bool) -> dict[str, Any]:
    """Return for each method whether the supporting facts are on top, with what was there."""
    lens = partial(
        ip.text,
        item.context,
        question=item.question,
        model=model,
        units="sentence",
        target="prob",
    )
    answered = lens().subject["response"].strip()
    function = lens(response=item.answer)
    n = len(function.features)
    if n != len(item.sentences):
        raise ValueError(f"{n} sentences were found in {item.sentences}")
    calls = calls_for(n)
    masks = ip.design(n, calls, "uniform", SEED).masks
    values = evaluate(function, masks).values[:, 0]
    tops = {name: top(masks, values, name) for name in METHODS}
    if calls < 2**n:
        tops[SPEX] = top_of_spex(function, calls)
    if published:
        kept = Results(folder() / "pairs.json", source())
        fit = partial(_published, masks, values)
        tops[PUBLISHED] = kept.row("pairs", function.fingerprint, PUBLISHED, SEED, fit)["top"]
    return {
        "n": n,
        "calls": calls,
        "right": answered == item.answer,
        "full": float(values[masks.all(axis=1)][0]),
        "pair": said(item.supporting),
        **tops,
    }


def said(term: Iterable[int]) -> str:
    """Return a set of sentences in words.

    >>> said((4, 1))
    '1+4'
    """
    return "+".join(map(str, sorted(term)))


def _published(masks: BoolArray, values: FloatArray) -> dict[str, Any]:
    return {"top": top(masks, values, PUBLISHED)}


def top(masks: BoolArray, values: FloatArray, method: str, design: Any = None) -> str:
    """Return the largest interaction of two features and more; nothing where there is none."""
    fitted = ip.fit(masks, values, method=method, design=design, seed=SEED)
    found = fitted.spectrum().top(1, min_order=2)
    return said(found[0].features) if found else ""


def top_of_spex(function: Callable[..., Any], calls: int) -> str:
    """Return the same of the largest coded design within so many calls, all of it trained on."""
    n = len(function.features)  # type: ignore[attr-defined]
    code = MaskCode.drawn(n, np.random.default_rng(SEED))
    designs = (coded_masks(code, bits) for bits in range(LEAST_BITS, MOST_BITS + 1))
    masks = next(designs)
    for larger in designs:
        if len(larger) > calls:
            break
        masks = larger
    values = evaluate(function, masks).values[:, 0]
    return top(masks, values, SPEX, ip.Recording(masks, values, design="coded", code=code))


def found_by(name: str, measured: Sequence[dict[str, Any]]) -> float:
    """Return the share of items on which a method has the pair on top."""
    return float(np.mean([one[name] == one["pair"] for one in measured]))


def judged(kind: str, measured: Sequence[dict[str, Any]]) -> Row:
    """Return the row of a kind: shares of items, other methods compared on the items they have."""
    shares, held = {}, True
    for name in (*METHODS, SPEX, PUBLISHED):
        have = [one for one in measured if name in one]
        if have:
            shares[name] = (found_by(name, have), len(have))
            held &= found_by(AUTO, have) >= found_by(name, have)
    parts = [
        f"{name} {100 * share:.0f} %" + ("" if count == len(measured) else f" (of {count})")
        for name, (share, count) in shares.items()
    ]
    right = float(np.mean([one["right"] for one in measured]))
    return Row(
        f"supporting pair is the top interaction: {kind}, {len(measured)} held-out items",
        f"auto >= {100 * BAR:.0f} %, not below any other",
        f"{', '.join(parts)}; the model answers {100 * right:.0f} % right",
        shares[AUTO][0] >= BAR and held,
        {"kind": kind, "right": right, "shares": shares, "items": list(measured)},
    )


def report(rows: Sequence[Row]) -> str:
    """Return the table by kind and method."""
    names = (*METHODS, SPEX, PUBLISHED)
    table = []
    for row in rows:
        have = row.detail["shares"]
        right = [one for one in row.detail["items"] if one["right"]]
        table.append(
            [
                row.detail["kind"],
                f"{100 * row.detail['right']:.0f} %",
                *(f"{100 * have[n][0]:.0f} % of {have[n][1]}" if n in have else "" for n in names),
                f"{100 * found_by(AUTO, right):.0f} % of {len(right)}" if right else "",
            ]
        )
    header = ["kind", "model right", *names, "auto, items answered right"]
    return f"""## The two facts that an answer needs

The embedded language model (`interplay/demo/facts`) on held-out questions over 4 to 8 facts whose
answer needs exactly two of them. Units are sentences, deleted ones leave nothing; the value is the
probability of the right answer, also where the model answers otherwise. 8 n log2 n calls, or all
2^n masks where those are no more (up to 7 facts). An item counts where the largest interaction of
two facts and more, by absolute value, is that of the two needed ones. `{SPEX}` is run where its
design is smaller than all masks, `{PUBLISHED}` on the first {PUBLISHED_ITEMS} items of each kind;
both are compared with `auto` on their items. The published method keeps the largest terms as long
as they hold less than 95 % of the energy; where the answer is yes under both facts only, two single
facts and the pair have a third each, and the pair is what is dropped.

{markdown(header, table)}"""
