"""Planted duplicates, found from values alone: recall and precision of pairs.

40 of 400 examples are there twice. The finder gets masks and values of ridge regressions on test
examples, and never an input, a feature or a label. Its threshold (the logarithm of n) and
what counts as alike were fixed on other data: digits and horses against deer, seeds 50 and 51.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

import interplay as ip
from benchmarks.ground.row import Row
from benchmarks.table import markdown
from benchmarks.training_data import subjects
from interplay.lenses.training_data import Dataset
from interplay.lenses.training_data.together import Together, together
from interplay.value_function import FloatArray

COUNT, COPIES, TARGETS = 400, 40, 200
MASKS = (1000, 2000, 5000, 20000)
PAIRS = (("cat", "dog"), ("automobile", "truck"), ("ship", "airplane"))
SEEDS, NEAR_SEEDS = 5, 3
KINDS = {
    "exact": "copies",
    "jpeg": "copies, JPEG at quality 70",
    "bright": "copies, 10 % brighter",
    "noise": "copies, noise of sd 6 of 255",
    "flip": "copies, mirrored",
}


def rows(quick: bool = False) -> list[Row]:
    """Return a row for each subject and kind of copies."""
    import torch

    torch.set_num_threads(1)
    seeds, near_seeds = (1, 1) if quick else (SEEDS, NEAR_SEEDS)
    masks = MASKS[:2] if quick else MASKS
    found = []
    for names in PAIRS[:1] if quick else PAIRS:
        runs = [_measured(*_pictures(*names, seed, "exact"), masks, seed) for seed in range(seeds)]
        found.append(_judged(f"CIFAR-10 {' and '.join(names)}", "exact", runs))
        print(f"duplicates: {names}: {found[-1].measured}", flush=True)
    runs = [_measured(*_digits(seed), masks, seed) for seed in range(seeds)]
    found.append(_judged("digits", "exact", runs))
    for kind in list(KINDS)[1:]:
        near = [
            _measured(*_pictures(*PAIRS[0], seed, kind), masks, seed) for seed in range(near_seeds)
        ]
        found.append(_judged(f"CIFAR-10 {' and '.join(PAIRS[0])}", kind, near, reported=True))
        print(f"duplicates: {kind}: {found[-1].measured}", flush=True)
    return found


def _pictures(
    name_a: str, name_b: str, seed: int, kind: str
) -> tuple[Dataset, Dataset, set[tuple[int, int]]]:
    train, tests, _ = subjects.pair_of_classes(name_a, name_b, COUNT - COPIES, TARGETS, seed)
    places, pairs = subjects.planted(COUNT, COPIES, seed)
    data = train.take(places)
    if kind != "exact":
        second = [j for _, j in sorted(pairs)]
        shown = subjects.pictures("train")[[int(data.names[j].split()[-1]) for j in second]]
        inputs = np.array(data.inputs)
        inputs[second] = subjects.features(_changed(shown, kind, np.random.default_rng(seed)))
        data = Dataset.of((inputs, data.labels), classes=data.classes)
    return data, tests, pairs


def _digits(seed: int) -> tuple[Dataset, Dataset, set[tuple[int, int]]]:
    train, tests, _ = subjects.digits(COUNT - COPIES, TARGETS, seed)
    places, pairs = subjects.planted(COUNT, COPIES, seed)
    return train.take(places), tests, pairs


def _changed(shown: subjects.Pictures, kind: str, rng: np.random.Generator) -> subjects.Pictures:
    if kind == "flip":
        return shown[:, :, ::-1]
    if kind == "jpeg":
        from PIL import Image

        found = []
        for one in shown:
            file = io.BytesIO()
            Image.fromarray(one).save(file, "JPEG", quality=70)
            found.append(np.asarray(Image.open(file)))
        return np.stack(found)
    numbers = shown * 1.1 if kind == "bright" else shown + rng.normal(0, 6, shown.shape)
    return np.clip(np.round(numbers), 0, 255).astype(np.uint8)


def _measured(
    data: Dataset,
    tests: Dataset,
    pairs: set[tuple[int, int]],
    masks: Sequence[int],
    seed: int,
) -> list[dict[str, Any]]:
    """Recall and precision for each number of masks."""
    drawn = subjects.uniform(len(data), max(masks), seed)
    function = ip.training_data("ridge", data, tests)
    values = np.concatenate([function(part) for part in np.array_split(drawn, max(masks) // 500)])
    found = []
    for m in masks:
        seen = together(drawn[:m], values[:m, 1:])  # without the mean
        named = {pair.features for pair in seen.duplicates()}
        correct = len(named & pairs)
        ranked = _ranked(seen.evidence, pairs)
        found.append(
            {
                "masks": m,
                "recall": correct / len(pairs),
                "precision": correct / len(named) if named else 1.0,
                "curve": ranked,
                "recall at 80": max(
                    (recall for recall, precision in ranked if precision >= 0.8), default=0.0
                ),
                "share": _median(seen, pairs),
            }
        )
    return found


def _ranked(evidence: FloatArray, pairs: set[tuple[int, int]]) -> list[tuple[float, float]]:
    """Recall and precision as pairs are named one after the other, surest first, at each hit."""
    places = np.stack(np.triu_indices(len(evidence), 1), axis=1)
    order = np.argsort(-evidence[places[:, 0], places[:, 1]], kind="stable")
    hits = np.array([tuple(places[k].tolist()) in pairs for k in order])
    at = np.flatnonzero(hits)
    return [((k + 1) / len(pairs), (k + 1) / (place + 1)) for k, place in enumerate(at.tolist())]


def _median(seen: Together, pairs: set[tuple[int, int]]) -> float:
    shares = [seen.share[i, j] for i, j in pairs]
    return float(np.nanmedian(shares))


def _judged(
    subject: str, kind: str, runs: list[list[dict[str, Any]]], reported: bool = False
) -> Row:
    """Return the row of a subject: means over seeds, and the range at the most masks."""
    by_masks = []
    for place, first in enumerate(runs[0]):
        numbers = {
            name: [run[place][name] for run in runs]
            for name in ("recall", "precision", "recall at 80", "share")
        }
        by_masks.append({"masks": first["masks"], **numbers})
    last = by_masks[-1]
    curve = [run[-1]["curve"] for run in runs]
    recall, precision = np.mean(last["recall"]), np.mean(last["precision"])
    met = bool(min(last["recall"]) >= 0.8 and min(last["precision"]) >= 0.8)
    bar = ">= 80 % of the pairs at a precision of >= 80 %"
    return Row(
        f"{COPIES} {KINDS[kind]} in {COUNT} examples, {subject}, {len(runs)} seeds, "
        f"{last['masks']:,} masks",
        f"({bar})" if reported else bar,
        f"recall {100 * recall:.0f} % ({100 * min(last['recall']):.0f} to "
        f"{100 * max(last['recall']):.0f}), precision {100 * precision:.0f} % "
        f"({100 * min(last['precision']):.0f} to {100 * max(last['precision']):.0f})",
        met,
        {"subject": subject, "kind": kind, "masks": by_masks, "curve": _thinned(curve)},
    )


def _thinned(curves: list[list[tuple[float, float]]]) -> list[dict[str, float]]:
    """Mean precision over seeds at recalls of a tenth, two tenths, ..."""
    recalls = [k / 10 for k in range(1, 11)]
    return [
        {
            "recall": recall,
            "precision": float(
                np.mean([next(p for r, p in curve if r >= recall - 1e-9) for curve in curves])
            ),
        }
        for recall in recalls
    ]


def report(rows: Sequence[Row]) -> str:
    """Return recall and precision by the number of masks, and the curve."""
    table, curves = [], []
    for row in rows:
        detail = row.detail
        name = f"{detail['subject']}: {KINDS[detail['kind']]}"
        for one in detail["masks"]:
            table.append(
                [
                    name,
                    f"{one['masks']:,}",
                    *(f"{100 * np.mean(one[key]):.0f}" for key in ("recall", "precision")),
                    f"{100 * np.mean(one['recall at 80']):.0f}",
                    f"{np.mean(one['share']):.2f}",
                ]
            )
        curves.append([name, *(f"{100 * point['precision']:.0f}" for point in detail["curve"])])
    header = ["copies", "masks", "recall, %", "precision, %", "recall at precision 80 %", "share"]
    return f"""## Duplicates from values alone

{COUNT - COPIES} examples and {COPIES} copies, in random order; ridge regression on the 64 numbers
that the ResNet-20 has before its last layer (of digits on the pixels), margins of {TARGETS} test
examples, masks of one half. Means over {SEEDS} seeds ({NEAR_SEEDS} of changed copies), which vary
the examples, the copies, the test examples and the masks. *Recall* and *precision* are those of
`together(...).duplicates()` with its threshold, the logarithm of n; *recall at precision 80 %* is
that of the best threshold; *share* is the median share of an example's effect that its copy
repeats. Copies whose picture was changed have other features: noise and mirroring move them by a
third of their length, JPEG and brightness by a tenth, and what ridge regression makes of them
differs accordingly. What counts as alike, and the threshold, were fixed on digits and on horses
against deer (seeds 50 and 51); the form of the evidence on the first two pairs, seeds 0 and 1.

{markdown(header, table)}

Precision in % as pairs are named one by one, surest first, at the most masks:

{markdown(["recall", *(f"{k}0 %" for k in range(1, 11))], curves)}"""
