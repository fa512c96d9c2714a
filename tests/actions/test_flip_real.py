"""The altered trolley problem with a real language model, and variants of its prompt."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import interplay as ip

pytest.importorskip("torch")

from interplay.models.text_model import open_text_model


def test_the_altered_trolley_problem_and_its_variants(assets: Path, tmp_path: Path) -> None:
    with (assets / "qa" / "puzzles.csv").open(encoding="utf-8") as file:
        puzzle = next(row for row in csv.DictReader(file) if "trolley" in row["context"])
    model = open_text_model(assets / "models" / "stories260k")

    def prompt(context: str) -> ip.ValueFunction:
        return ip.text(
            context, question=puzzle["question"], model=model, target="margin:True|False"
        )

    value = prompt(puzzle["context"])
    n = len(value.features)
    explanation = ip.explain(value, budget=150, method="proxyspex", store=tmp_path / "runs.db")
    # a story model has no opinion: what counts as failing is half of the way to the empty prompt
    full, empty = value(np.stack([np.ones(n, bool), np.zeros(n, bool)]))
    middle = float(full + empty) / 2
    variants = {
        word: prompt(puzzle["context"].replace("trolley", word)) for word in ("tram", "train")
    }
    variants["other"] = prompt("Nobody is tied to anything. The lever is far away from here.")
    found = ip.flip(explanation, value, threshold=middle, inputs=variants, budget=300)
    assert found.found
    without = ~np.isin(np.arange(n), found.features)[None]
    assert float(value(without)[0]) == pytest.approx(found.after, abs=1e-4)
    assert (found.after > middle) != (full > middle)
    singles = value(~np.eye(n, dtype=bool))
    sizes = {len(found.features), *(len(one.features) for one in found.alternatives)}
    assert (1 in sizes) == bool(((singles > middle) != (full > middle)).any())
    for one in found.inputs:
        function = variants[one.id]
        if not one.names:
            continue
        edited = np.ones((2, len(function.features)), dtype=bool)
        edited[1, [function.features.index(name) for name in one.names]] = False
        assert function(edited) == pytest.approx([one.before, one.after], abs=1e-4)
    assert found.calls <= 300
