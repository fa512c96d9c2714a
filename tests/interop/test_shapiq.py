"""What we hand to the shapiq that is installed, and what it says of the same games."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import shapiq
from hypothesis import given
from interop_games import NAMES, SHARED, Game, tables

from interplay.errors import BadInput
from interplay.interactions import Interactions
from interplay.spectrum import Spectrum

KNOWS_FOURIER = "Fourier" in shapiq.game_theory.indices.AllIndices


@given(tables())
def test_round_trip(table: Interactions) -> None:
    values = table.to_shapiq(budget=100)
    assert isinstance(values, shapiq.InteractionValues)
    assert (values.index, values.max_order, values.min_order) == (table.index, table.order, 0)
    assert (values.n_players, values.estimation_budget) == (table.n, 100)
    assert values.estimated is (table.errors is None)
    assert values.baseline_value == values.interactions[()] == table[()]
    assert {(i,) for i in range(table.n)} <= set(values.interactions)
    sets = list(values.interactions)
    assert sets == sorted(sets, key=lambda t: (len(t), t))  # the order that shapiq itself has
    assert values.interaction_lookup == {t: i for i, t in enumerate(sets)}
    assert all(values[t] == table[t] for t in sets)

    back = Interactions.from_shapiq(values, features=table.features)
    assert list(back.items()) == list(table.items())
    assert (back.index, back.order, back.features) == (table.index, table.order, table.features)
    assert back.errors == table.errors


def test_through_a_file_of_shapiq(tmp_path: Any) -> None:
    table = Game(4, 0).spectrum.interactions("k-SII", 2)
    table.to_shapiq().save(tmp_path / "values.json")
    back = Interactions.from_shapiq(shapiq.InteractionValues.load(tmp_path / "values.json"))
    assert back == table
    assert back.features == ("x0", "x1", "x2", "x3")


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("index", "highest"), SHARED.items())
def test_numbers_of_its_exact_computer(index: str, highest: int, seed: int) -> None:
    game = Game(5, seed)
    exact = shapiq.ExactComputer(game, n_players=5)
    # it holds FSII to the two ends by a large weight, 10**7, which costs that many digits
    tolerance = 1e-6 if index == "FSII" else 1e-9
    for order in range(1, highest + 1):
        theirs = Interactions.from_shapiq(exact(index, order), features=NAMES[:5])
        ours = game.spectrum.interactions(index, order)
        # of order 1, shapiq calls what generalises the Shapley value SV, the others BV
        assert theirs.index == (exact(index, order).index if order == 1 else index)
        assert theirs.is_exact
        for term in {*ours, *theirs}:
            assert theirs[term] == pytest.approx(ours[term], abs=tolerance), (order, term)


def test_its_moebius_values_are_the_series() -> None:
    game = Game(5, 2)
    table = Interactions.from_shapiq(shapiq.ExactComputer(game, n_players=5)("Moebius", 5))
    assert table.order == 5
    spectrum = Spectrum.from_interactions(table).named(NAMES[:5])
    masks = np.array([[k >> i & 1 for i in range(5)] for k in range(32)], dtype=bool)
    np.testing.assert_allclose(spectrum.predict(masks), game.values, atol=1e-9)
    assert (spectrum.standard_errors == 0).all()  # what shapiq calls exact


def test_its_sii_of_the_empty_set_is_another_quantity() -> None:
    """The formula's mean of f over all masks; ours is f(empty), its baseline."""
    game = Game(4, 3)
    values = shapiq.ExactComputer(game, n_players=4)("SII", 2)
    assert values.interactions[()] != pytest.approx(game.values[0])
    assert values.baseline_value == pytest.approx(game.values[0])
    assert Interactions.from_shapiq(values)[()] == pytest.approx(game.values[0])


def test_its_moebius_converter_takes_ours() -> None:
    """Wide and sparse, as it comes: no list of all subsets is made on the way."""
    spectrum = Spectrum({(): 1.0, (3,): 2.0, (3, 41): -1.5}, 60)
    values = spectrum.interactions("Moebius").to_shapiq()
    assert len(values.interactions) < 70
    converter = shapiq.game_theory.moebius_converter.MoebiusConverter
    found = Interactions.from_shapiq(converter(values)("FSII", 2))
    ours = spectrum.interactions("FSII", 2)
    assert {t: pytest.approx(v) for t, v in found.items()} == dict(ours)


@pytest.mark.parametrize("approximator", ["SHAPIQ", "SVARMIQ"])
def test_estimates_come_without_errors(approximator: str) -> None:
    game = Game(5, 4)
    sampler = getattr(shapiq, approximator)(n=5, max_order=2, index="k-SII", random_state=0)
    table = Interactions.from_shapiq(sampler.approximate(20, game))
    assert table.errors is None
    assert table[()] == pytest.approx(game.values[0])


def test_tables_without_their_lower_orders() -> None:
    """Its Monte-Carlo FSII and FBII have the highest order only."""
    sampler = shapiq.SHAPIQ(n=4, max_order=2, index="FSII", random_state=0)
    values = sampler.approximate(16, Game(4, 5))
    with pytest.raises(BadInput, match=r"begin at order 2 \(min_order\), and what they lack would"):
        Interactions.from_shapiq(values)


@pytest.mark.filterwarnings("ignore:Index")
@pytest.mark.parametrize("index", ["CHII", "kADD-SHAP", "SGV", "JointSV", "ELC", "Co-Moebius", "X"])
def test_indices_that_interplay_lacks(index: str) -> None:
    values = shapiq.InteractionValues(
        {(): 0.0, (0, 1): 1.0}, index=index, max_order=2, min_order=0, n_players=3
    )
    with pytest.raises(BadInput, match=f"no index '{index}'; it shares with shapiq SV, BV, SII"):
        Interactions.from_shapiq(values)


@pytest.mark.parametrize("index", ["OR", "influence", "Fourier"])
def test_indices_that_shapiq_lacks(index: str) -> None:
    table = Game(3, 6).spectrum.interactions(index)
    if index == "Fourier" and KNOWS_FOURIER:
        assert Interactions.from_shapiq(table.to_shapiq(), table.features) == table
        theirs = shapiq.ExactComputer(Game(3, 6), n_players=3)("Fourier", 3)
        for term in table:
            assert theirs[term] == pytest.approx(table[term], abs=1e-9)
        return
    with pytest.raises(BadInput, match=f"has no index '{index}'; it shares with interplay SV, BV"):
        table.to_shapiq()


def test_tables_without_a_constant() -> None:
    """Of an index that does not stand on f(empty), shapiq may not know the constant."""
    values = shapiq.InteractionValues(
        {(0,): 1.0}, index="BV", max_order=1, min_order=1, n_players=2, baseline_value=7.0
    )
    table = Interactions.from_shapiq(values)
    with pytest.raises(KeyError, match="this BV has no value for the empty set"):
        table[()]
    again = table.to_shapiq()
    assert (again.min_order, () in again.interactions) == (1, False)


def test_a_sparse_table_that_lost_its_constant() -> None:
    """sparsify() takes small values away, the constant among them."""
    values = Game(3, 7).spectrum.interactions("SV").to_shapiq()
    values.sparsify(threshold=1e9)
    assert values.interactions == {}
    assert dict(Interactions.from_shapiq(values)) == {(): pytest.approx(values.baseline_value)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"interactions": {(0,): float("nan")}}, r"\(0,\) of shapiq's SV, the value must be fini"),
        ({"interactions": {(5,): 1.0}}, r"\(5,\) is not a set of features in 0 \.\. 2"),
        ({"interactions": {(0, 1): 1.0}}, r"\(0, 1\) has order 2; this SV has 1"),
        ({"baseline_value": float("inf")}, r"\(\) of shapiq's SV, the value must be finite"),
        ({"interactions": 5}, "must be one shapiq.InteractionValues"),
    ],
)
def test_damaged_values(change: dict[str, Any], message: str) -> None:
    values = Game(3, 8).spectrum.interactions("SV").to_shapiq()
    for name, given_instead in change.items():
        setattr(values, name, given_instead)
    with pytest.raises(BadInput, match=message):
        Interactions.from_shapiq(values)


def test_other_things_than_values() -> None:
    with pytest.raises(BadInput, match=r"\(of a batch take one, as batch\[0\]\); got dict"):
        Interactions.from_shapiq({(0,): 1.0})
    with pytest.raises(BadInput, match="got SimpleNamespace"):
        Interactions.from_shapiq(SimpleNamespace(index="SV"))
    values = Game(3, 9).spectrum.interactions("SV").to_shapiq()
    with pytest.raises(BadInput, match="must name all 3 columns of the masks; got 2 names"):
        Interactions.from_shapiq(values, features=["a", "b"])
    with pytest.raises(BadInput, match="budget must be a whole number of at least 1; got 0"):
        Game(3, 9).spectrum.interactions("SV").to_shapiq(budget=0)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("index", ["k-SII", "BII", "FSII", "SII"])
@pytest.mark.parametrize(
    "plot",
    [
        "network_plot",
        "si_graph_plot",
        "force_plot",
        "waterfall_plot",
        "stacked_bar_plot",
        "upset_plot",
    ],
)
def test_its_plots_take_ours(plot: str, index: str) -> None:
    sparse = Spectrum({(): 1.0, (0,): 2.0, (1, 2): -1.5}, 6)  # most features have no effect
    values = sparse.interactions(index).to_shapiq()
    # names without what matplotlib lays out itself
    assert getattr(shapiq, plot)(values, feature_names=list("abcdef"), show=False) is not None
    plt.close("all")


@pytest.mark.filterwarnings("ignore")
def test_its_plots_of_single_values_take_ours() -> None:
    table = Game(4, 1).spectrum.interactions("SV")
    assert table.to_shapiq().plot_sentence(["not", "so", "bad", "film"], show=False) is not None
    bars = [table.to_shapiq(), table.to_shapiq()]
    assert shapiq.bar_plot(bars, feature_names=list("abcd"), show=False) is not None
    plt.close("all")
