"""Tables of interactions as mappings with names, intervals and ranks."""

from __future__ import annotations

import json

import numpy as np
import pytest

from interplay.errors import BadInput
from interplay.interactions import Interaction, Interactions
from interplay.intervals import Z_90
from interplay.spectrum import Spectrum


@pytest.fixture
def table() -> Interactions:
    values = {(): 9.0, (0,): 1.0, (2,): -2.0, (0, 1): 0.5, (1, 2): -2.0}
    errors = {(): 0.0, (0,): 0.1, (2,): 0.2, (0, 1): 0.3, (1, 2): 0.0}
    return Interactions(values, "SII", 2, ("not", "so", "bad"), errors)


def test_ninety_percent():
    assert pytest.approx(1.6448536269514722, abs=1e-12) == Z_90


def test_mapping(table: Interactions):
    assert list(table) == [(), (0,), (2,), (0, 1), (1, 2)]
    assert len(table) == 5
    assert dict(table)[(2,)] == -2.0
    assert table[0, 1] == table[1, 0] == table[(np.int64(0), 1)] == 0.5
    assert table[0] == table[(0,)] == 1.0
    assert table[()] == 9.0
    assert table.n == 3
    assert repr(table) == "<Interactions SII, order <= 2, 5 of n = 3>"


def test_absent_sets_of_legal_order_are_zero(table: Interactions):
    assert table[1] == table[0, 2] == 0.0
    assert 1 not in table
    assert (0, 2) not in table
    assert (1, 0) in table
    assert "bad" not in table


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ((0, 1, 2), "has order 3; this SII has 2"),
        ((3,), "not a set of features in 0 .. 2"),
        ((-1,), "not a set of features in 0 .. 2"),
        ((1, 1), "not a set of features"),
        ("not", "not a set of feature indices"),
        (1.0, "not a set of feature indices"),
        (None, "not a set of feature indices"),
    ],
)
def test_illegal_sets(table: Interactions, key: object, message: str):
    with pytest.raises(KeyError, match=message):
        table[key]  # type: ignore[index]


def test_influence_has_no_constant():
    table = Spectrum({(): 1.0, (0,): 2.0}, 2, errors={(): 1.0, (0,): 2.0}).interactions("influence")
    assert dict(table) == {(0,): 4.0}
    assert table[1] == 0.0
    with pytest.raises(KeyError, match="influence has no value for the empty set"):
        table[()]
    low, high = table.interval(0) or (None, None)
    assert low == 0.0
    assert high is not None
    assert high > 4


def test_names_and_intervals(table: Interactions):
    assert table.names((2, 0)) == ("not", "bad")
    assert table.names(1) == ("so",)
    assert table.interval((0, 1)) == pytest.approx((0.5 - 0.3 * Z_90, 0.5 + 0.3 * Z_90))
    assert table.interval(()) == (9.0, 9.0)
    assert table.interval((0, 2)) == (0.0, 0.0)
    assert Spectrum({(0,): 1.0}, 1).interactions("SV").interval(0) is None


def test_top(table: Interactions):
    assert table.top(2) == [((2,), -2.0), ((1, 2), -2.0)]
    assert table.top(min_order=2) == [((1, 2), -2.0), ((0, 1), 0.5)]
    assert table.top(1, min_order=0) == [((), 9.0)]
    assert table.top(0) == []
    with pytest.raises(BadInput, match="k must be a whole number of at least 0; got -1"):
        table.top(-1)


def test_to_dict(table: Interactions):
    data = json.loads(json.dumps(table.to_dict()))
    assert data["index"] == "SII"
    assert data["order"] == 2
    assert data["features"] == ["not", "so", "bad"]
    assert data["terms"][3] == [0, 1]
    assert data["values"] == [9.0, 1.0, -2.0, 0.5, -2.0]
    assert data["errors"] == [0.0, 0.1, 0.2, 0.3, 0.0]
    assert Spectrum({(0,): 1.0}, 1).interactions("SV").to_dict()["errors"] is None


def test_interaction_to_dict():
    [first] = Spectrum({(0,): -0.5}, 1, features=["bad"]).top()
    assert first == Interaction((0,), ("bad",), 1.0, None, None, 1.0)
    assert first.to_dict() == {
        "features": [0],
        "names": ["bad"],
        "value": 1.0,
        "low": None,
        "high": None,
        "share": 1.0,
    }
