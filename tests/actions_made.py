"""Results of flip, prune, select and counterfactuals made by hand: no model, no search."""

from __future__ import annotations

from typing import Any

import numpy as np

from interplay.actions.counterfactuals import Counterfactual, Counterfactuals
from interplay.actions.flip.flipped import Alternative, Flip
from interplay.actions.flip.inputs import Transfer
from interplay.actions.flip.rates import Rate
from interplay.actions.prune.pruning import Contest, Pruning
from interplay.actions.select.selection import Reason, Selection
from interplay.actions.subset.choice import Choice, differences


def flip_of(features: list[str], removed: tuple[int, ...], **changes: Any) -> Flip:
    """A flip of a run with these features."""
    names = tuple(features[i] for i in removed)
    told: dict[str, Any] = {
        "found": True,
        "features": removed,
        "names": names,
        "n": len(features),
        "noun": "word",
        "verb": "removed",
        "target": "value",
        "threshold": 0.0,
        "before": 3.7,
        "after": -2.2,
        "predicted": -1.9,
        "rate_before": Rate(1, 1),
        "rate_after": Rate(0, 1),
        "minimal": True,
        "tried": 5,
        "smaller": 5,
        "at_most": 20,
        "irreducible": True,
        "alternatives": (),
        "inputs": (),
        "text": None,
        "calls": 34,
        "reused": 12,
        "seconds": 1.5,
        "tokens": None,
        "usd": None,
        "budget": "200 calls",
        "stopped": None,
        "fingerprint": "f00",
        "explained": "f00",
    }
    return Flip(**(told | changes))


def transfers() -> tuple[Transfer, ...]:
    """Two inputs that were edited, and one that could not be."""
    return (
        Transfer("first", ("not",), 3.0, -1.0, Rate(1, 1), Rate(0, 1)),
        Transfer("second", ("not",), 2.0, 1.0, Rate(1, 1), Rate(1, 1)),
        Transfer("third", (), None, None, Rate(0, 0), Rate(0, 0)),
    )


def alternatives(features: list[str], *sets: tuple[int, ...]) -> tuple[Alternative, ...]:
    return tuple(Alternative(one, tuple(features[i] for i in one), -0.5) for one in sets)


def choices_of(n: int, size: int, methods: list[str], tests: int = 20) -> dict[str, Choice]:
    """What these methods keep of n, with values on so many test examples."""
    rng = np.random.default_rng(3)
    found = {}
    for place, method in enumerate(methods):
        mask = np.zeros(n, dtype=np.bool_)
        mask[rng.permutation(n)[:size]] = True
        each = rng.random(tests) + 0.8 - 0.4 * place
        found[method] = Choice.of(method, mask, 0.9 - 0.1 * place, each, 0, tried=place)
    return found


def pruning_of(features: list[str], *sizes: int, **changes: Any) -> Pruning:
    """A pruning to these sizes, of a run with these features."""
    n, contests = len(features), []
    for size in sizes:
        held = choices_of(n, size, ["auto", "lasso", "random"])
        left_out = {"attribution-patching": "the budget does not reach"}
        contests.append(Contest(size / n, size, held, differences(held, 0), left_out))
    whole = choices_of(n, n, ["all"])["all"]
    told: dict[str, Any] = {
        "target": "value",
        "finer": None,
        "features": tuple(features),
        "contests": tuple(contests),
        "before": whole,
        "prompts": (30, 20),
        "random": 50,
        "even": False,
        "seed": 0,
        "calls": 100,
        "reused": 0,
        "seconds": 2.0,
        "stopped": None,
        "value_function": None,
        "explained": "f00",
    }
    return Pruning(**(told | changes))


def selection_of(features: list[str], size: int, **changes: Any) -> Selection:
    """A selection of a run with these features: what goes repeats the first, lowers, adds least."""
    n = len(features)
    held = choices_of(n, size, ["auto", "order-1", "random"])
    kept = held["auto"].kept
    reasons = []
    for i in range(n):
        gone = i not in kept
        repeats = kept[0] if gone and i % 3 == 0 else None
        why = ["", f"repeats #{kept[0]}", "lowers the margin", "adds least"][
            0 if not gone else 1 if repeats is not None else 2 + i % 2
        ]
        reasons.append(Reason(not gone, why, repeats, 0.01 * i - 0.05))
    told: dict[str, Any] = {
        "target": "value",
        "value": "margin",
        "features": tuple(features),
        "share": size / n,
        "reasons": tuple(reasons),
        "choices": held,
        "differences": differences(held, 0),
        "left_out": {"k-nn": "the inputs are texts, of which no distance is known"},
        "before": choices_of(n, n, ["all"])["all"],
        "verified": True,
        "lower_is_better": False,
        "sets": 20,
        "spread": 0.03,
        "tests": (10, 20),
        "seed": 0,
        "calls": 129,
        "reused": 1,
        "seconds": 0.07,
        "stopped": None,
        "explained": "f00",
    }
    return Selection(**(told | changes))


def counterfactuals_of(features: list[str], *pairs: tuple[int, int]) -> Counterfactuals:
    """Pairs that were measured: the first as predicted, the others not."""
    found = []
    for k, (i, j) in enumerate(pairs):
        names, measured = (features[i], features[j]), 0.6 - k
        low, high = measured - 0.2, measured + 0.2
        found.append(Counterfactual((i, j), names, 0.5, measured, low, high, None, k == 0))
    return Counterfactuals(
        "value", 0.5, 50, tuple(found), 0.5, None, None, None, 100, 0, 0.5, None, explained="f00"
    )
