"""The papers' data attribution: partners measured by retraining, and the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.papers import partners, training_data

from interplay.spectrum import Spectrum
from interplay.value_function import BoolArray, FloatArray


def game(masks: BoolArray) -> FloatArray:
    """Either of the first two is enough; the next two act only together; a triple that costs."""
    either = 2.0 * (masks[:, 0] | masks[:, 1])
    both = 3.0 * (masks[:, 2] & masks[:, 3])
    three = masks[:, 4] & masks[:, 5] & masks[:, 6]
    values: FloatArray = np.stack([np.zeros(len(masks)), either + both - three], axis=1)
    return values


def test_measured_finds_what_was_planted() -> None:
    backgrounds = np.random.default_rng(0).random((9, 8)) < 0.5
    backgrounds[-1] = True
    sets = [(0, 1), (2, 3), (4, 5, 6), (0, 7)]
    redundant, synergistic, three, nothing = partners.measured(game, sets, 1, backgrounds)
    assert redundant["interaction"] == [-2.0, -2.0, -2.0]
    # one is enough: removing both takes two, each alone nothing
    assert (redundant["excess"][0], redundant["excess at full"]) == (2.0, 2.0)
    assert (synergistic["interaction at full"], synergistic["excess at full"]) == (3.0, -3.0)
    assert three["interaction"][0] == -1.0
    assert three["excess at full"] == pytest.approx(2.0)  # -1 - 3 * -1
    assert nothing["interaction at full"] == 0.0
    assert partners.measured(game, [], 1, backgrounds) == []


def test_signs_of_other_classes_are_turned_back() -> None:
    reading = {"synergistic": [((0, 1), 2.0), ((0, 2), 1.0)], "redundant": [((1, 2), -3.0)]}
    found = partners.asked(reading, [True, True, False])
    assert [(one.features, one.sign, one.kind) for one in found] == [
        ((0, 1), 1, "synergistic"),
        ((0, 2), -1, "synergistic"),
        ((1, 2), 1, "redundant"),
    ]


def test_random_sets_are_half_of_the_class() -> None:
    own = [True] * 5 + [False] * 5
    sets = partners.drawn(own, 3, 10, np.random.default_rng(0))
    inside = [all(own[i] for i in one) for one in sets]
    assert inside == [True, False] * 5
    assert all(sum(own[i] for i in one) == 2 for one in sets[1::2])


def test_agreement_counts_signs() -> None:
    one: dict[str, Any] = {"sign": -1, "interaction": [-1.0, -2.0, -0.5], "excess": [1.0, 0.5, 2.0]}
    other: dict[str, Any] = {"sign": 1, "interaction": [1.0, -0.5, 2.0], "excess": [1.0, 0.5, 2.0]}
    sets = [one | {"interaction at full": 1.0, "excess at full": -1.0},
            other | {"interaction at full": 1.0, "excess at full": -1.0}]  # fmt: skip
    assert training_data.agreement(sets) == {
        "interaction": 100.0,
        "interaction at full": 50.0,
        "excess": 50.0,
        "excess at full": 50.0,
        "clear": 50.0,
    }


def test_rule_reads_banzhaf_values() -> None:
    spectrum = Spectrum({(0,): -1.0, (1,): -0.5, (0, 1): -0.2}, n=3)
    assert partners.rule(spectrum, (0, 1)) == "redundant"


def test_exact_definition() -> None:
    masks = (np.arange(1 << 8)[:, None] >> np.arange(8) & 1).astype(bool)
    found = training_data.definition(game(masks)[:, 1], 8)
    assert found["with all others", 2] == [True, True]
    assert found["on average", 3] == [True]


def test_small(assets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "CLASSES": ("cat", "dog"),
        "COUNT": 40,
        "HELD_OUT": 60,
        "ALPHAS": (1.0,),
        "METHODS": ("lasso", "proxyspex"),
        "READERS": ("proxyspex",),
        "BACKGROUNDS": 4,
        "TRAINER": "ridge",
        "GAME_CALLS": (32,),
        "GAME_TOP": 1,
    }.items():
        monkeypatch.setattr(training_data, name, value)
    rows = training_data.rows(quick=True)
    assert [row.detail["alpha"] for row in rows if "alpha" in row.detail] == [1.0]
    page = training_data.report(rows)
    assert "| 1 | 213 | LDS |" in page
    assert "order 2: " in page
