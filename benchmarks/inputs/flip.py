"""The smallest flip against brute force: the embedded model, where it is wrong or half reads.

Held-out questions over 4 to 8 facts about two of them, which the model answers wrongly, or rightly
by one fact: its answer stays when one of the two is taken away. First all such among 1,600
questions that cannot be answered without both; the embedded model leaves few of those, so the rest
are from questions with as many yes as no, of which many are decided by one of the two. The decision
is the answer that the model gives: the likeliest of yes, no and unknown, or of the places that the
facts name and unknown. The explanation has 4 n calls and the flip 50 more; the true minimum is
found by evaluating all subsets of the sentences. A question whose answer no subset changes counts
as not flipped. The second row asks for more: that one other answer, the right one where the model's
is wrong, else its second, becomes likelier than the answer given. The bar was first held to that
rule; it is reported now because under it several of the questions have no flip at all, which no
search can mend.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scripts.demo_facts.items import Item, held_out_items
from scripts.demo_facts.world import CONNECTIVES, PLACES

import interplay as ip
from benchmarks.ground.row import Row
from benchmarks.table import markdown
from interplay.demo import FOLDER
from interplay.masks import all_masks
from interplay.models.text_model import open_text_model
from interplay.value_function import FloatArray

ITEMS, QUICK_ITEMS = 20, 4
DRAWN = 400
"""Items of each kind that are looked through at most."""

FOUND, SLACK = 0.8, 1
SEED, ITEM_SEED = 0, 700
CALLS_PER_SENTENCE, LEAST_CALLS, CALLS = 4, 12, 50
KINDS = (*CONNECTIVES, "two-hop")
ANSWERS = ("yes", "no", "unknown")
"""Of the connectives; of two hops, the places that the facts name, and unknown."""


def rows(quick: bool = False) -> list[Row]:
    """Return one row for each kind of decision, with the figures of all items in its detail."""
    import torch

    torch.set_num_threads(1)
    model = open_text_model(FOLDER / "facts")
    items = list(islice(faulty(model), QUICK_ITEMS if quick else ITEMS))
    return [
        judged([measure(*item, model, rival=rival) for item in items], rival=rival)
        for rival in (False, True)
    ]


def faulty(model: Any) -> Iterator[tuple[Item, str, str]]:
    """Yield items with the answer given and the other one, kinds by turns."""
    for needs_both in (True, False):
        drawn = [held_out_items(kind, DRAWN, ITEM_SEED, needs_both=needs_both) for kind in KINDS]
        for item in chain.from_iterable(zip(*drawn, strict=True)):
            answers = answers_of(item)
            ranked = likeliest(item, answers, model)
            given = ranked[0]
            if given != item.answer:
                yield item, given, item.answer
            elif any(
                likeliest(item.without(k), answers, model)[0] == given for k in item.supporting
            ):
                yield item, given, ranked[1]


def answers_of(item: Item) -> tuple[str, ...]:
    """Return the answers that are compared."""
    if item.kind in CONNECTIVES:
        return ANSWERS
    words = (sentence.rstrip(".").split()[-1] for sentence in item.sentences)
    return tuple(sorted({item.answer, "unknown", *(word for word in words if word in PLACES)}))


def likeliest(item: Item, answers: Sequence[str], model: Any) -> list[str]:
    """Return the answers by their log-probability after the whole prompt, the likeliest first."""
    function = ip.text(
        item.context,
        question=item.question,
        model=model,
        units="sentence",
        target=[f"logprob:{answer}" for answer in answers],
    )
    values = function(np.ones((1, len(function.features)), dtype=bool))[0]
    return [answers[k] for k in np.argsort(-values, kind="stable")]


def measure(item: Item, given: str, other: str, model: Any, *, rival: bool) -> dict[str, Any]:
    """Return the size of the flip that is found, and of the smallest there is.

    With ``rival`` the other answer must become likelier than the one given; else any other.
    """
    answers = (given, *(answer for answer in answers_of(item) if answer != given))
    logprobs = [f"logprob:{answer}" for answer in answers]
    function = ip.text(
        item.context,
        question=item.question,
        model=model,
        units="sentence",
        target=f"margin:{given}|{other}" if rival else logprobs,
    )
    n = len(function.features)
    explanation = ip.explain(
        function, budget=max(LEAST_CALLS, CALLS_PER_SENTENCE * n), store=None, seed=SEED
    )
    rule = {} if rival else {"decision": likeliest_of}
    found = ip.flip(explanation, function, budget=CALLS, store=None, **rule)
    masks = all_masks(n)
    values = function(masks).reshape(len(masks), -1)
    flips = values[:, 0] <= 0 if rival else likeliest_of(values) != 0
    sizes = (~masks[flips]).sum(axis=1)
    if found.found:  # by values of our own
        without = ~np.isin(np.arange(n), found.features)
        assert flips[(masks == without).all(axis=1)].all()
    return {
        "kind": item.kind,
        "needs_both": item.needs_both,
        "n": n,
        "wrong": given != item.answer,
        "before": found.before,
        "after": found.after if found.found else None,
        "given": given,
        "found": len(found.features) if found.found else None,
        "minimum": int(sizes.min()) if len(sizes) else None,
        "proved": found.minimal,
        "calls": found.calls,
        "explained": explanation.cost.calls,
        "faithfulness": explanation.faithfulness.value,
        "question": item.question,
        "removed": list(found.names) if found.found else [],
    }


def likeliest_of(values: FloatArray) -> NDArray[np.intp]:
    """Return which of the answers is likeliest, ``(k,)``; the one given is 0."""
    return values.argmax(axis=1)


def judged(measured: Sequence[dict[str, Any]], *, rival: bool) -> Row:
    """Return the row of all items."""
    found = [one for one in measured if one["found"] is not None]
    excess = [one["found"] - one["minimum"] for one in found]
    exist = sum(one["minimum"] is not None for one in measured)
    wrong = sum(one["wrong"] for one in measured)
    calls = [one["calls"] for one in measured]
    sizes = ", ".join(
        f"{sum(one['minimum'] == size for one in found)} of {size}"
        for size in sorted({one["minimum"] for one in found})
    )
    met = len(found) >= FOUND * len(measured) and max(excess, default=0) <= SLACK
    bar = f"verified in >= {100 * FOUND:.0f} %, at most the true minimum + {SLACK}"
    return Row(
        f"flip {'to one other answer' if rival else 'of the answer'} on {len(measured)} held-out "
        f"items that the model answers wrongly ({wrong}) or by one fact ({len(measured) - wrong})",
        "(reported)" if rival else bar,
        f"{len(found)} of {len(measured)} verified (a flip exists in {exist}); true minimum in "
        f"{sum(e == 0 for e in excess)} of {len(found)}, at most {max(excess, default=0)} more; "
        f"minima: {sizes or 'none'}; {np.median(calls):.0f} calls (to {max(calls)}) beside the "
        "explanation's",
        met,
        {"items": list(measured)},
    )


def report(rows: Sequence[Row]) -> str:
    """Return the table of the items."""
    table = []
    for one in rows[0].detail["items"]:
        size = "none" if one["found"] is None else str(one["found"])
        least = "none" if one["minimum"] is None else str(one["minimum"])
        table.append(
            [
                one["kind"],
                str(one["n"]),
                "both" if one["needs_both"] else "one",
                f"{one['given']}, {'wrong' if one['wrong'] else 'right, by one fact'}",
                size + (" (proved)" if one["proved"] else ""),
                least,
                f"{one['explained']} + {one['calls']}",
            ]
        )
    header = ["kind", "facts", "needs", "answer", "found", "true minimum", "calls"]
    return f"""## Flips

{(__doc__ or "").strip().split(chr(10), 2)[2].strip()}

{markdown(header, table)}"""
