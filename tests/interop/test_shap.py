"""What we hand to the shap that is installed."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import permutations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import shap
from interop_games import NAMES, Game

import interplay as ip
from interplay.errors import BadInput
from interplay.interactions import Interactions
from interplay.spectrum import Spectrum

WORDS = ["This ", "is ", "not ", "a bad ", "film."]


@pytest.mark.parametrize("seed", [0, 1])
def test_shapley_values_add_up(seed: int) -> None:
    game = Game(6, seed)
    table = game.spectrum.interactions("SV")
    found = table.to_shap()
    assert isinstance(found, shap.Explanation)
    assert found.values.shape == (6,)
    assert found.values.tolist() == [table[i] for i in range(6)]
    assert found.base_values == pytest.approx(game.values[0], abs=1e-9)
    assert found.base_values + found.values.sum() == pytest.approx(game.values[-1], abs=1e-9)
    assert found.feature_names == list(NAMES[:6])
    assert found.data is None
    np.testing.assert_array_equal(found.error_std, np.zeros(6))


def test_a_cut_series_adds_up_to_its_own_value() -> None:
    spectrum = Game(6, 2).spectrum.truncate(9)
    found = spectrum.interactions("SV").to_shap()
    every, none = np.ones((1, 6), dtype=bool), np.zeros((1, 6), dtype=bool)
    assert found.base_values == pytest.approx(spectrum.predict(none)[0])
    assert found.base_values + found.values.sum() == pytest.approx(spectrum.predict(every)[0])


def test_features_without_a_value_and_errors() -> None:
    table = Interactions({(): 1.0, (1,): 2.0}, "SV", 1, ("a", "b"), {(): 0.0, (1,): 0.5})
    found = table.to_shap(data=["x", 3])
    assert found.values.tolist() == [0.0, 2.0]
    assert found.error_std.tolist() == [0.0, 0.5]
    assert list(found.data) == ["x", 3]
    assert Interactions({(): 1.0}, "SV", 1, ("a",)).to_shap().error_std is None


@pytest.mark.parametrize("seed", [0, 1])
def test_interaction_values_are_those_of_shap(seed: int) -> None:
    """Halved pairs off the diagonal, and rows that sum to Shapley values (Lundberg et al. 2020)."""
    game = Game(5, seed)
    found = game.spectrum.interactions("k-SII", 2).to_shap()
    shapley = game.spectrum.interactions("SV").to_shap()
    assert found.values.shape == (5, 5)
    np.testing.assert_array_equal(found.values, found.values.T)
    np.testing.assert_allclose(found.values.sum(axis=1), shapley.values, atol=1e-9)
    for i in range(5):
        for j in range(i):
            assert 2 * found.values[i, j] == pytest.approx(pair_by_permutations(game, i, j))
    assert found.base_values + found.values.sum() == pytest.approx(game.values[-1])


def pair_by_permutations(game: Game, i: int, j: int) -> float:
    """Shapley interaction index: i and j as one player who joins in random order."""
    others = [k for k in range(game.n) if k not in (i, j)]
    total, count = 0.0, 0
    for order in permutations([*others, "both"]):
        before = sum(1 << k for k in order[: order.index("both")])
        f = game.values
        total += f[before | 1 << i | 1 << j] - f[before | 1 << i] - f[before | 1 << j] + f[before]
        count += 1
    return total / count


@pytest.mark.filterwarnings("ignore")
def test_its_exact_explainer_agrees() -> None:
    """A linear model with a product."""
    background, x = np.zeros((1, 4)), np.ones((1, 4))

    def model(rows: np.ndarray) -> np.ndarray:
        return 1 + 2 * rows[:, 0] - rows[:, 1] * rows[:, 2] + 0.5 * rows[:, 3]

    theirs = shap.explainers.Exact(model, background)(x)
    run = ip.explain(lambda masks: model(masks.astype(float)), 4, store=None)
    ours = run.to_shap()
    np.testing.assert_allclose(ours.values, theirs.values[0], atol=1e-9)
    assert ours.base_values == pytest.approx(float(np.ravel(theirs.base_values)[0]))
    pairs = shap.explainers.Exact(model, background)(x, interactions=True)
    np.testing.assert_allclose(run.to_shap("k-SII").values, pairs.values[0], atol=1e-9)


@pytest.mark.parametrize(
    ("index", "order"), [("BII", 2), ("SII", 2), ("k-SII", 3), ("k-SII", 1), ("Moebius", 1)]
)
def test_other_indices(index: str, order: int) -> None:
    table = Game(4, 3).spectrum.interactions(index, order)
    with pytest.raises(BadInput, match=re.escape(f"got {index} of order {order}")):
        table.to_shap()


def test_what_it_cannot_hold() -> None:
    table = Game(3, 3).spectrum.interactions("SV")
    with pytest.raises(BadInput, match="data must hold one entry for each of 3 features; got 1"):
        table.to_shap(data=["a"])
    wide = Spectrum({(): 1.0}, 5001).interactions("k-SII", 2)
    with pytest.raises(BadInput, match="a matrix of all pairs, and 5001 features are above 5000"):
        wide.to_shap()
    assert Spectrum({(): 1.0}, 5001).interactions("SV").to_shap().values.shape == (5001,)


PLOTS: dict[str, Callable[[shap.Explanation], object]] = {
    "bar": lambda e: shap.plots.bar(e, show=False),
    "waterfall": lambda e: shap.plots.waterfall(e, show=False),
    "force": lambda e: shap.plots.force(e, matplotlib=True, show=False),
    "text": lambda e: shap.plots.text(e, display=False),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("plot", PLOTS)
def test_its_plots_take_ours(plot: str) -> None:
    table = Game(5, 4).spectrum.named(["This", "is", "not", "a bad", "film"]).interactions("SV")
    drawn = PLOTS[plot](table.to_shap(data=WORDS))
    if plot == "text":
        assert isinstance(drawn, str)
        assert "a bad" in drawn
    if plot not in ("text", "force"):
        PLOTS[plot](table.to_shap())
    plt.close("all")
