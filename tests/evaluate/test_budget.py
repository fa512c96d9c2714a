"""Budgets in calls, and clear refusals of everything else."""

from __future__ import annotations

import numpy as np
import pytest

from interplay.errors import BadInput, BudgetExceeded
from interplay.evaluate import Budget, parse_budget


@pytest.mark.parametrize(
    "budget", [500, "500", " 500 ", "500 calls", "5e2", 500.0, np.int64(500), np.float64(500)]
)
def test_a_number_of_calls(budget: object) -> None:
    parsed = parse_budget(budget)  # type: ignore[arg-type]
    assert parsed == Budget(calls=500)
    assert type(parsed.calls) is int


@pytest.mark.parametrize("budget", ["5usd", "90s", "2e6tok", "500,5usd", "auto", "AUTO", "0.5 USD"])
def test_units_of_later_versions(budget: str) -> None:
    with pytest.raises(BadInput, match=f"budget '{budget}' .*this version takes calls only"):
        parse_budget(budget)


@pytest.mark.parametrize(
    "budget",
    ["", "many", "500 apples", "-5", "1.5", 1.5, float("nan"), float("inf"), "1e999", True, None,
     [500]],
)  # fmt: skip
def test_not_a_number_of_calls(budget: object) -> None:
    with pytest.raises(BadInput, match=r"number of calls such as 500"):
        parse_budget(budget)  # type: ignore[arg-type]


@pytest.mark.parametrize("budget", [0, -3, "0"])
def test_less_than_one_call(budget: object) -> None:
    with pytest.raises(BudgetExceeded, match="too small: at least 1 call is needed"):
        parse_budget(budget)  # type: ignore[arg-type]


def test_require_names_the_minimum_and_its_reason() -> None:
    Budget(12).require(12, "for the fit")
    with pytest.raises(
        BudgetExceeded, match="budget=11 is too small: at least 12 calls are needed, for the fit"
    ):
        Budget(11).require(12, "for the fit")
