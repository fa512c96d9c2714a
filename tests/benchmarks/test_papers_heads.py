"""The papers' head pruning: one small group of heads, and what the page says of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.ground.row import Row
from benchmarks.papers import heads


def test_small(assets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group = heads.Group("gpt_nano_sort", "all", 30, ("value",), False)
    monkeypatch.setattr(heads, "QUICK", (group,))
    found = heads.rows(quick=True)
    pruned = [row for row in found if "values" in row.detail]
    assert [row.detail["size"] for row in pruned] == [4, 6, 7]
    for row in pruned:
        assert set(row.detail["values"]) == set(heads.METHODS)
        assert all(len(of) == 2 for of in row.detail["values"].values())
    (energy,) = (row for row in found if "energy" in row.detail)
    kinds = ("linear", "within", "across")
    np.testing.assert_allclose(sum(np.array(energy.detail[kind]) for kind in kinds), 1.0)
    page = heads.report(found)
    assert "gpt_nano_sort, all layers, zeros" in page
    assert "of 3, than LASSO" in page


def test_tally_counts_what_is_clear() -> None:
    clear, open_, below = [0.2, 0.1, 0.3], [0.1, -0.1, 0.3], [-0.2, -0.3, -0.1]
    apart = {
        f"{method} less {rival}": one
        for rival, one in (("lasso", clear), ("random", below))
        for method in heads.FITTED
    }
    rows = [
        Row("", "", "", False, {"apart": apart}),
        Row("", "", "", False, {"apart": dict.fromkeys(apart, open_)}),
    ]
    told = heads.tally(rows)
    assert "than LASSO: `proxyspex` 1 and 0" in told
    assert "than best-of-N: `proxyspex` 0 and 1" in told


def test_names_of_groups() -> None:
    some = heads.Group("babyllama", "heads:3-4", 10, ("logprob:mean",), True)
    assert some.name == "babyllama, L3-4, rescaled"
    assert heads.Group("facts", "heads", 10, ("margin",), False).name == "facts, all layers, zeros"
