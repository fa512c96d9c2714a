"""Budgets: what a text means, what it allows, what is foretold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interplay.errors import BadInput, BudgetExceeded
from interplay.evaluate import Budget, Meter, parse_budget
from interplay.evaluate.budget import KINDS, forecast


@pytest.mark.parametrize(
    "budget", [500, "500", " 500 ", "500 calls", "5e2", 500.0, np.int64(500), np.float64(500)]
)
def test_a_number_of_calls(budget: object) -> None:
    parsed = parse_budget(budget)  # type: ignore[arg-type]
    assert parsed == Budget(calls=500)
    assert type(parsed.calls) is int


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("5usd", Budget(usd=5.0)),
        ("$5", Budget(usd=5.0)),
        (".5 USD", Budget(usd=0.5)),
        ("90s", Budget(seconds=90.0)),
        ("1.5min", Budget(seconds=90.0)),
        ("2h", Budget(seconds=7200.0)),
        ("2e6tok", Budget(tokens=2e6)),
        ("500,5usd,90s,2e6tok", Budget(500, 2e6, 5.0, 90.0)),
        ("auto", Budget(auto=True)),
        ("AUTO, 2000", Budget(2000, auto=True)),
        ("5usd,auto", Budget(usd=5.0, auto=True)),
    ],
)
def test_units_alone_and_together(text: str, budget: Budget) -> None:
    assert parse_budget(text) == budget
    assert parse_budget(str(budget)) == budget
    assert parse_budget(budget) is budget


@pytest.mark.parametrize(
    "budget",
    ["", "many", "500 apples", "-5", "1.5", 1.5, float("nan"), float("inf"), "1e999", True, None,
     [500], "500,", "auto,auto", "1e999usd", "usd"],
)  # fmt: skip
def test_not_a_budget(budget: object) -> None:
    with pytest.raises(BadInput, match=r"number of calls such as 500"):
        parse_budget(budget)  # type: ignore[arg-type]


def test_a_budget_of_texts() -> None:
    with pytest.raises(BadInput, match=r"calls of a Budget must be a number; got '5usd'"):
        parse_budget(Budget("5usd"))  # type: ignore[arg-type]


def test_two_limits_of_one_kind() -> None:
    with pytest.raises(BadInput, match="'90s,2min' limits seconds twice: keep one"):
        parse_budget("90s,2min")


@pytest.mark.parametrize("budget", [0, -3, "0", "0usd", "0s", "0tok"])
def test_nothing_is_allowed(budget: object) -> None:
    with pytest.raises(BudgetExceeded, match=r"too small: (at least 1 call is needed|it allows)"):
        parse_budget(budget)  # type: ignore[arg-type]


def test_require_names_the_minimum_and_its_reason() -> None:
    Budget(12).require(12, "for the fit")
    Budget(usd=1.0).require(12, "for the fit")
    with pytest.raises(
        BudgetExceeded, match="budget=11 is too small: at least 12 calls are needed, for the fit"
    ):
        Budget(11).require(12, "for the fit")


# --- the meter ----------------------------------------------------------------------------------


def test_what_is_left_is_affordable() -> None:
    meter = Meter(Budget(calls=100, usd=1.0))
    assert meter.affords(64, {}) == 64  # nobody knows the price of the first batch
    meter.add(64, 0, 0.8, 3.0)
    assert meter.affords(64, {}) == 16  # at 0.0125 each, 0.20 are left
    assert meter.affords(64, {"usd": (0.64, 6.4)}) == 2  # at the high end of what is foretold
    meter.add(16, 0, 0.2, 1.0)
    assert meter.affords(64, {}) == 0
    assert meter.affords(0, {}) == 0


@given(
    st.sampled_from(KINDS),
    st.floats(1, 1e6),
    st.lists(st.tuples(st.integers(1, 64), st.floats(0.01, 10)), max_size=40),
)
def test_a_budget_is_overrun_by_one_batch_at_most(
    kind: str, limit: float, batches: list[tuple[int, float]]
) -> None:
    meter = Meter(Budget(**{kind: int(limit) if kind == "calls" else limit}))
    largest = 0.0
    for wanted, price in batches:
        count = meter.affords(wanted, {})
        assert 0 <= count <= wanted
        cost = count * (1 if kind == "calls" else price)
        meter.add(count, *(cost if kind == one else 0.0 for one in KINDS[1:]))
        largest = max(largest, cost)
        assert getattr(meter, kind) <= limit * (1 + 1e-6) + (0 if kind == "calls" else largest)


@given(st.integers(1, 1000), st.integers(1, 64), st.floats(1e-6, 10))
def test_a_foretold_price_is_never_overrun(limit: int, size: int, price: float) -> None:
    meter = Meter(Budget(tokens=float(limit)))
    for _ in range(50):
        count = meter.affords(size, {"tokens": (size * price / 2, size * price)})
        meter.add(count, count * price, 0, 0)
    assert meter.tokens <= limit * (1 + 1e-6)


# --- the forecast -------------------------------------------------------------------------------


def test_a_forecast_for_calls() -> None:
    told = forecast(
        Budget(calls=500), Meter(), (400, 400), 100, {"seconds": (0.01, 0.02)}, "what is stored"
    )
    assert told.calls == (400, 400)
    assert told.seconds == (4.0, 8.0)
    assert told.sentence == (
        "Forecast from what is stored: 400 calls beside 100 stored evaluations, 4 to 8 s."
    )


def test_a_forecast_for_money() -> None:
    budget = Budget(usd=1.0)
    spent = Meter(budget, calls=10, usd=0.5)
    told = forecast(budget, spent, (math.inf, math.inf), 0, {"usd": (0.01, 0.02)}, "")
    assert told.calls == (25, 50)
    assert told.usd == (0.25, 0.5)
    assert told.sentence == "Forecast: 25 to 50 calls, 0.25 to 0.5 USD."


def test_a_forecast_that_knows_nothing() -> None:
    told = forecast(Budget(seconds=9), Meter(), (math.inf, math.inf), 0, {}, "")
    assert told.sentence == "Forecast: as many calls as the budget allows."
    assert told.usd is None


def test_little_money_is_not_nothing() -> None:
    told = forecast(Budget(calls=3), Meter(), (3, 3), 0, {"usd": (0.0002, 0.0004)}, "")
    assert told.sentence == "Forecast: 3 calls, 0.0006 to 0.001 USD."
