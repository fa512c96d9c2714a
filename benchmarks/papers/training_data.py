"""Data attribution as in ProxySPEX: subset trainings, margins, and partners that are retrained.

Where the paper takes 300,000 recorded ResNet-9 trainings of 50,000 pictures, a model is trained
here on the features of a small ResNet, so that every prediction can be checked by retraining.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

import interplay as ip
from benchmarks.engine.data import calls as retrains
from benchmarks.engine.data import game_values, masks_of
from benchmarks.ground.row import Row
from benchmarks.papers.partners import ORDERS, asked, drawn, measured, rule
from benchmarks.table import assets, markdown
from benchmarks.training_data.subjects import of_classes
from interplay.intervals import LEVEL, bootstrap
from interplay.lenses.training_data.engines import trainer_of
from interplay.lenses.training_data.together import moebius_reading
from interplay.masks import uniform
from interplay.metrics import r_squared, rank_correlation
from interplay.spectrum import Spectrum
from interplay.value_function import FloatArray

CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
COUNT, HELD_OUT = 200, 500
SEEDS = (0, 1)
EACH = 4
"""Targets of a seed: test pictures of the first classes, then of the next."""
ALPHAS = (0.1, 0.38, 0.8)
"""Retrains over n log2 n; the paper's data are .38."""
METHODS = ("lasso", "proxyspex", "parity-gp", "auto")
READERS = ("proxyspex", "auto")
"""Whose series partners are read off."""
BACKGROUNDS = 30
RANDOM = 4
"""Random sets of each order and target, for comparison."""
GAME_CALLS = (64, 256)
GAME_TOP = 5
TRAINER = "logistic"


def rows(quick: bool = False) -> list[Row]:
    """Return rows of faithfulness by alpha, of partners by order and kind, and of exact games."""
    import torch

    torch.set_num_threads(1)
    scores: dict[float, dict[str, list[list[float]]]] = {}
    sets: list[dict[str, Any]] = []
    for seed in SEEDS[:1] if quick else SEEDS:
        found, partners = attributed(seed, quick)
        sets += partners
        for alpha, methods in found.items():
            for method, pairs in methods.items():
                scores.setdefault(alpha, {}).setdefault(method, []).extend(pairs)
    made = [faithful(alpha, methods) for alpha, methods in scores.items()]
    for order in ORDERS:
        made += partnered(order, [one for one in sets if len(one["set"]) == order])
    made += games(quick)
    for row in made:
        print(f"training_data: {row.what}: {row.measured}", flush=True)
    return made


def attributed(
    seed: int, quick: bool
) -> tuple[dict[float, dict[str, list[list[float]]]], list[dict[str, Any]]]:
    """Return R² and LDS of each target by alpha and method; and partners with their retrains."""
    train, tests, _ = of_classes(CLASSES, COUNT, len(CLASSES), seed)
    function = ip.training_data(trainer_of(TRAINER), train, tests)
    first = EACH * (seed % 2)
    columns = list(range(1 + first, 1 + first + (2 if quick else EACH)))  # column 0 is the mean
    alphas = ALPHAS[:1] if quick else ALPHAS
    most = retrains(COUNT, alphas[-1])
    masks = uniform(COUNT, most + HELD_OUT, np.random.default_rng(seed))
    values = np.concatenate([function(masks[i : i + 250]) for i in range(0, len(masks), 250)])
    test, truth = masks[most:], values[most:]
    backgrounds = np.random.default_rng([seed, 1]).random((BACKGROUNDS + 1, COUNT)) < 0.5
    backgrounds[-1] = True
    classes = [train.classes[int(label)] for label in train.labels]
    scores: dict[float, dict[str, list[list[float]]]] = {}
    partners: list[dict[str, Any]] = []
    for alpha in alphas:
        m = retrains(COUNT, alpha)
        for method in METHODS:
            for column in columns:
                fitted = ip.fit(masks[:m], values[:m, column], method=method, seed=seed)
                predicted = fitted.predict(test)
                pair = [
                    r_squared(truth[:, column], predicted),
                    rank_correlation(truth[:, column], predicted),
                ]
                scores.setdefault(alpha, {}).setdefault(method, []).append(pair)
                if method in READERS and (quick or alpha >= ALPHAS[1]):
                    own = [one == CLASSES[column - 1] for one in classes]
                    told = {"alpha": alpha, "method": method, "seed": seed}
                    partners += retrained(function, fitted.spectrum(None), own, column,
                                          backgrounds, told)  # fmt: skip
            print(f"training_data: seed {seed}, {m} retrains, {method}", flush=True)
    rng = np.random.default_rng([seed, 2])
    for column in columns:
        own = [one == CLASSES[column - 1] for one in classes]
        chosen = [one for order in ORDERS for one in drawn(own, order, RANDOM, rng)]
        for term, seen in zip(chosen, measured(function, chosen, column, backgrounds), strict=True):
            flip = 1 if all(own[i] for i in term) else -1
            partners.append({"method": "random", "set": list(term), "flip": flip} | seen)
    return scores, partners


def retrained(
    function: Any,
    spectrum: Spectrum,
    own: Sequence[bool],
    column: int,
    backgrounds: Any,
    told: dict[str, Any],
) -> list[dict[str, Any]]:
    """Return the most synergistic and redundant set of each order, with what retraining says."""
    labels = ["own" if one else "other" for one in own]
    found = []
    for order in ORDERS:
        found += asked(moebius_reading(spectrum, labels, "own", order=order, count=1), own)
    seen = measured(function, [one.features for one in found], column, backgrounds)
    return [
        told
        | {
            "set": list(one.features),
            "kind": one.kind,
            "sign": one.sign,
            "flip": 1 if all(own[i] for i in one.features) else -1,
            "rule": rule(spectrum, one.features) if len(one.features) == 2 else None,
        }
        | told_by
        for one, told_by in zip(found, seen, strict=True)
    ]


def faithful(alpha: float, methods: dict[str, list[list[float]]]) -> Row:
    """Return the row of an alpha: R² and LDS on retrains that no fit has seen."""
    held = {method: np.array(pairs) for method, pairs in methods.items()}
    told, apart = [], {}
    for place, name in enumerate(("R²", "LDS")):
        told.append(f"{name} " + ", ".join(f"{m} {held[m][:, place].mean():.3f}" for m in METHODS))
        for method in METHODS[1:]:
            paired = held[method][:, place] - held["lasso"][:, place]
            counts = bootstrap(len(paired), np.random.default_rng(1)) / len(paired)
            low, high = np.quantile(counts @ paired, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
            apart[f"{name} {method}"] = [float(paired.mean()), float(low), float(high)]
    return Row(
        f"alpha {alpha:g}: {retrains(COUNT, alpha):,} retrains on halves of {COUNT} pictures, "
        f"{len(held['lasso'])} targets",
        "(held out)",
        "; ".join(told),
        False,
        {"alpha": alpha, "scores": methods, "apart": apart},
    )


def partnered(order: int, sets: Sequence[dict[str, Any]]) -> list[Row]:
    """Return a row for each reader and alpha: how often retraining has the sign of the term."""
    found = []
    chance = [one for one in sets if one["method"] == "random"]
    keys = sorted({(one["method"], one["alpha"]) for one in sets if one["method"] != "random"})
    for method, alpha in keys:
        for kind in ("synergistic", "redundant"):
            of = [
                one
                for one in sets
                if one["method"] == method and one["alpha"] == alpha and one["kind"] == kind
            ]
            if not of:
                continue
            right = agreement(of)
            base = agreement([one | {"sign": _said(kind, one["flip"])} for one in chance])
            found.append(
                Row(
                    f"{kind} sets of {order}, {method} at alpha {alpha:g}, {len(of)} targets",
                    "(sign right by retraining)",
                    f"on random halves {right['interaction']:.0f} % (random sets "
                    f"{base['interaction']:.0f}), clear of 0 {right['clear']:.0f} %; at the full "
                    f"set {right['interaction at full']:.0f} %; joint removal against the sum of "
                    f"single ones {right['excess']:.0f} % (random sets {base['excess']:.0f})",
                    False,
                    {
                        "order": order,
                        "kind": kind,
                        "method": method,
                        "partner alpha": alpha,
                        "sets": len(of),
                        "right": right,
                        "random": base,
                        "rule": dict(Counter(one["rule"] for one in of)) if order == 2 else {},
                    },
                )
            )
    return found


def agreement(sets: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Return in how many per cent of sets what was measured has the sign that the term says.

    A positive interaction means that removing all at once takes less than the sum of removing each
    alone: the excess has the other sign.
    """
    said = np.array([one["sign"] for one in sets])
    told = {}
    for name, turn in (("interaction", 1), ("excess", -1)):
        told[name] = np.array([one[name][0] for one in sets]) * said * turn > 0
        full = np.array([one[f"{name} at full"] for one in sets])
        told[f"{name} at full"] = full * said * turn > 0
    bounds = np.array([one["interaction"][1:] for one in sets])
    told["clear"] = told["interaction"] & ((bounds[:, 0] > 0) | (bounds[:, 1] < 0))
    return {name: float(100 * of.mean()) for name, of in told.items()}


def _said(kind: str, flip: int) -> int:
    return flip if kind == "synergistic" else -flip


def games(quick: bool = False) -> list[Row]:
    """Return rows of the games of 15 training points whose every subset is known."""
    names = sorted(path.stem for path in (assets() / "games").glob("datavaluation_*.npz"))
    scores: dict[int, dict[str, list[float]]] = {}
    exact: dict[tuple[str, int], list[bool]] = {}
    for name in names[:2] if quick else names:
        values = game_values(name)
        n = len(values).bit_length() - 1
        for key, right in definition(values, n).items():
            exact.setdefault(key, []).extend(right)
        every = masks_of(range(1 << n), n)
        rng = np.random.default_rng(0)
        order = rng.permutation(len(values))
        for calls in GAME_CALLS[:1] if quick else GAME_CALLS:
            seen = order[:calls]
            for method in METHODS:
                fitted = ip.fit(every[seen], values[seen], method=method)
                score = r_squared(values, fitted.predict(every))
                scores.setdefault(calls, {}).setdefault(method, []).append(score)
    found = [
        Row(
            f"{len(methods['lasso'])} exact games of 15 training points, {calls:,} retrains",
            "(R² on all subsets, median)",
            ", ".join(f"{m} {np.median(of):.3f}" for m, of in methods.items()),
            False,
            {"calls": calls, "games": methods},
        )
        for calls, methods in scores.items()
    ]
    told = ", ".join(
        f"{where}, order {order}: {100 * np.mean(right):.0f} %"
        for (where, order), right in exact.items()
    )
    share = {f"{where} {order}": float(np.mean(right)) for (where, order), right in exact.items()}
    found.append(
        Row(
            f"exact games: the {GAME_TOP} largest and smallest Moebius terms of an order",
            "(interaction of the same sign beside other examples)",
            told,
            False,
            {"definition": share},
        )
    )
    return found


def definition(values: FloatArray, n: int) -> dict[tuple[str, int], list[bool]]:
    """Return whether extremal Moebius terms keep their sign where other examples are kept.

    With exact values: averaged over all backgrounds (the Banzhaf interaction), and with all others.
    """
    spectrum = Spectrum.from_values(values, n)
    mean = spectrum.interactions("BII", max(ORDERS))
    found: dict[tuple[str, int], list[bool]] = {}
    for order in ORDERS:
        reading = moebius_reading(spectrum, [""] * n, "", order=order, count=GAME_TOP)
        for term, value in [one for sets in reading.values() for one in sets]:
            rest = (1 << n) - 1 - sum(1 << i for i in term)
            full = sum(
                (-1) ** (order - bin(sub).count("1"))
                * values[rest + sum(1 << i for k, i in enumerate(term) if sub >> k & 1)]
                for sub in range(1 << order)
            )
            found.setdefault(("on average", order), []).append(mean.get(term, 0.0) * value > 0)
            found.setdefault(("with all others", order), []).append(bool(full * value > 0))
    return found


def report(rows: Sequence[Row]) -> str:
    """Return the tables of faithfulness, of partners and of exact games."""
    faith, sets, exact = [], [], []
    for row in rows:
        detail = row.detail
        if "alpha" in detail:
            for place, name in enumerate(("R²", "LDS")):
                cells = [f"{detail['alpha']:g}", f"{retrains(COUNT, detail['alpha']):,}", name]
                for method in METHODS:
                    mean = np.mean([pair[place] for pair in detail["scores"][method]])
                    if method == "lasso":
                        cells.append(f"{mean:.3f}")
                        continue
                    _, low, high = detail["apart"][f"{name} {method}"]
                    cells.append(f"{mean:.3f} ({low:+.3f} to {high:+.3f})")
                faith.append(cells)
        elif "order" in detail:
            right, base = detail["right"], detail["random"]
            by_rule = ", ".join(f"{kind} {count}" for kind, count in detail["rule"].items())
            sets.append(
                [
                    detail["order"],
                    detail["kind"],
                    f"{detail['method']}, {detail['partner alpha']:g}",
                    detail["sets"],
                    f"{right['interaction']:.0f} ({base['interaction']:.0f})",
                    f"{right['clear']:.0f}",
                    f"{right['interaction at full']:.0f} ({base['interaction at full']:.0f})",
                    f"{right['excess']:.0f} ({base['excess']:.0f})",
                    f"{right['excess at full']:.0f} ({base['excess at full']:.0f})",
                    by_rule,
                ]
            )
        elif "games" in detail:
            cells = [f"{detail['calls']:,}"]
            cells += [f"{np.median(detail['games'][m]):.3f}" for m in METHODS]
            exact.append(cells)
    header = [
        "order", "called", "read off", "sets", "interaction, halves", "of these clear",
        "interaction, full set", "removal, halves", "removal, full set", "by our rule",
    ]  # fmt: skip
    return f"""## Data attribution

{COUNT} training pictures of CIFAR-10, {COUNT // len(CLASSES)} of each class, as the 64 numbers that
a small ResNet (trained on CIFAR-10 by others) has before its last layer; multinomial logistic
regression, trained anew on random halves; the target is the margin of a test picture, of one
class each, {EACH} for each of {len(SEEDS)} seeds, which vary pictures, targets and masks.
{HELD_OUT} retrains that no fit has seen judge. *LDS*: Spearman's correlation of predicted and
measured margins. Alpha is retrains over n log2 n. In brackets: the 90 % interval of the difference
to LASSO, paired by target.

{markdown(["alpha", "retrains", "score", *METHODS], faith)}

### Partners, by the paper's definition

The most synergistic and the most redundant set of each order and target: the extremal Moebius term,
with the sign flipped for sets with a picture of another class. Each is retrained with all subsets
of it, on {BACKGROUNDS} random halves of the others and with all others; no fit has seen these.
*Interaction*: in how many per cent the measured one has the sign of the term. *Removal*: in how
many per cent removing all at once takes more than the sum of removing each alone where the term is
negative, and less where it is positive; for pairs both are the same. In brackets: the same for
random sets with and without a picture of another class. *By our rule*: what the pairs called so
are by the signs of Banzhaf values and interaction at random halves.

{markdown(header, sets)}

{_agreed(rows)}

### Exact games of retraining

Trees and forests retrained on every subset of 15 training points; R² on all subsets, medians over
games; with 1,000 retrains see [training_data.md](training_data.md).

{markdown(["retrains", *METHODS], exact)}

{_defined(rows)}"""


def _agreed(rows: Sequence[Row]) -> str:
    """Return how often pairs and triples are what they are called, means over the table's lines."""

    def mean(order: int, measure: str, kind: str = "") -> str:
        held = [
            row.detail["right"][measure]
            for row in rows
            if row.detail.get("order") == order and kind in row.detail["kind"]
        ]
        return f"{np.mean(held):.0f} %" if held else "none"

    return (
        f"On random halves pairs have the sign of their term in {mean(2, 'interaction')}, triples "
        f"in {mean(3, 'interaction')}. Removing a triple that is called synergistic does what the "
        f"word says in {mean(3, 'excess', 'synergistic')}. Removing a triple at once, less the sum "
        "of single removals, is minus its pairs' interactions minus twice its own: where it "
        "contradicts the term, the pairs within outweigh it."
    )


def _defined(rows: Sequence[Row]) -> str:
    shares = next((row.detail["definition"] for row in rows if "definition" in row.detail), {})
    told = "; ".join(
        f"order {order}: "
        + ", ".join(
            f"{100 * share:.0f} % {where}"
            for (where, _, of), share in zip(
                (key.rpartition(" ") for key in shares), shares.values(), strict=True
            )
            if of == str(order)
        )
        for order in ORDERS
    )
    return (
        f"Of the {GAME_TOP} largest and smallest *exact* Moebius terms of an order, so many have "
        f"an interaction of the same sign beside other examples: {told}. What a set adds to nothing"
        " says little of what its removal takes from everything, however well it is estimated."
    )
