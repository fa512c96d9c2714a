"""What the recipes of CONTRIBUTING.md add, used as anybody would use it."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

import interplay as ip
from interplay.cli import run

mpl.use("Agg")


def game(masks: np.ndarray) -> np.ndarray:
    return masks[:, 0] - 2.0 * masks[:, 1] + 0.1 * (masks[:, 2] & masks[:, 3])


def test_the_surrogate_explains_reports_and_loads(tmp_path: Path) -> None:
    found = ip.explain(game, 14, budget=200, method="least-squares", store=None)
    assert found.surrogate.method == "least-squares"
    assert found.faithfulness.verdict == "trust"
    assert [one.features for one in found.top(2)] == [(1,), (0,)]
    assert found.top(1)[0].low < -2.0 < found.top(1)[0].high
    found.report(tmp_path / "report.html")
    assert "least-squares" in (tmp_path / "report.html").read_text("utf-8")
    found.save(tmp_path / "run.json")
    masks = np.random.default_rng(0).random((20, 14)) < 0.5
    loaded = ip.load(tmp_path / "run.json")
    np.testing.assert_array_equal(loaded.surrogate.predict(masks), found.surrogate.predict(masks))


def test_the_lens_finds_settings_that_act_together(tmp_path: Path) -> None:
    def error(rate: float = 0.1, depth: int = 2, seed: int = 0) -> float:
        return rate * depth + 0.0 * seed

    value = ip.settings(error, rate=0.5, depth=8, seed=3)
    found = ip.explain(value, store=tmp_path / "runs.db")
    (strongest,) = found.top(1, min_order=2)
    assert strongest.names == ("rate=0.5", "depth=8")
    assert strongest.value == pytest.approx((0.5 - 0.1) * (8 - 2))
    again = ip.explain(ip.settings(error, rate=0.5, depth=8, seed=3), store=tmp_path / "runs.db")
    assert again.cost.calls == 0
    assert ip.settings(error, rate=0.4, depth=8, seed=3).fingerprint != value.fingerprint


def test_the_provider_answers(tmp_path: Path) -> None:
    value = ip.text("tea tea and coffee", model="cache:10", target="prob:tea", units="word")
    full, none = value(np.array([[True] * 4, [False] * 4]))
    assert full == pytest.approx((2 + 1) / (4 + 10))
    assert none == pytest.approx(1 / 10)
    told = tmp_path / "run.json"
    command = ["explain", "tea tea and coffee", "--model", "cache:10", "--target", "logprob"]
    assert run([*command, "--store", str(tmp_path / "runs.db"), "--save", str(told)]) == 0
    assert ip.load(told).subject["response"] == " tea"
    with pytest.raises(ip.BadInput, match="a number of words, at least 1; got 'many'"):
        ip.text("tea and coffee", model="cache:many")


def test_the_index_and_the_plot_are_known_by_name() -> None:
    found = ip.explain(game, 5, store=None)
    chaining = found.interactions("chii")
    assert chaining[2, 3] == pytest.approx(0.1)
    assert sum(chaining[i,] for i in range(5)) == pytest.approx(game(np.ones((1, 5), bool))[0])
    assert found.plot("bar", index="CHII").get_xlabel().startswith("chaining")
    drawn = found.plot("orders")
    assert [bar.get_width() for bar in drawn.patches] == pytest.approx(
        list(found.spectrum.energy().values())
    )
