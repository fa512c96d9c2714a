"""Value functions that say why rows are missing, and what is left of a budget."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from interplay.errors import BackendError, BudgetExceeded
from interplay.evaluate import SPENT, Meter, Store, evaluate, parse_budget
from interplay.value_function import BoolArray, Measured


class Paid:
    """Sums of the kept features at 1 USD each; stops being able to at some call."""

    batch_size = 4
    fingerprint = "paid"
    keeps = False

    def __init__(self, failure: Exception | None = None, fails_at: int = 10**9) -> None:
        self.failure, self.fails_at = failure, fails_at
        self.asked: list[bytes] = []
        self.left: list[tuple[float | None, float | None]] = []

    def allow(self, *, usd: float | None, tokens: float | None) -> bool:
        self.left.append((usd, tokens))
        return self.keeps

    def __call__(self, masks: BoolArray) -> Any:
        raise AssertionError("measure is called")

    def measure(self, masks: BoolArray) -> Measured:
        values = masks.sum(1).astype(float)
        failure = None
        for row, mask in enumerate(masks):
            if len(self.asked) >= self.fails_at and row % 2 == 0:
                values[row] = np.nan
                failure = self.failure
            else:
                self.asked.append(mask.tobytes())
        return Measured(values, usd=np.ones(len(masks)), failure=failure)


MASKS = (np.arange(16)[:, None] >> np.arange(4)) % 2 == 1


def test_rows_that_came_are_stored_before_a_failure_is_raised(tmp_path: Path) -> None:
    broken = Paid(BackendError("the server died"), fails_at=5)
    with Store(tmp_path / "runs.db") as store:
        with pytest.raises(BackendError, match="the server died") as caught:
            evaluate(broken, MASKS, store=store)
        assert "7 evaluations of this run are stored" in caught.value.__notes__[0]
        mended = Paid()
        result = evaluate(mended, MASKS, store=store)
    assert not set(mended.asked) & set(broken.asked)
    assert len(mended.asked) + len(broken.asked) == 16
    np.testing.assert_array_equal(result.values[:, 0], MASKS.sum(1))


def test_any_other_exception_becomes_a_backend_error() -> None:
    with pytest.raises(BackendError, match=r"raised OSError on a batch of 4 masks.*wire cut"):
        evaluate(Paid(OSError("wire cut"), fails_at=5), MASKS)


def test_a_spent_budget_ends_the_run_with_what_is_complete(tmp_path: Path) -> None:
    with Store(tmp_path / "runs.db") as store:
        spent = Paid(BudgetExceeded("the budget is spent"), fails_at=5)
        result = evaluate(spent, MASKS, store=store)
        assert result.stopped == SPENT
        assert len(result.values) == 6  # of the second batch row 6 is missing, and 7 is there
        # the rows after a gap are kept, and what the lost ones cost is not forgotten
        assert store.function("paid").evaluations == 7  # type: ignore[union-attr]
        assert store.function("paid").usd == pytest.approx(8)  # type: ignore[union-attr]


def test_it_is_told_before_each_batch_what_is_left() -> None:
    paid = Paid()
    result = evaluate(paid, MASKS, meter=Meter(parse_budget("10usd")))
    assert list(dict.fromkeys(paid.left)) == [(10.0, None), (6.0, None), (2.0, None)]
    assert result.stopped == SPENT
    assert len(result.values) == 10  # what a batch costs is foreseen, and the last is cut
    free = Paid()
    evaluate(free, MASKS)
    assert free.left[0] == (None, None)


def test_one_that_keeps_to_the_budget_is_asked_for_whole_batches() -> None:
    paid = Paid(BudgetExceeded("the budget is spent"), fails_at=9)
    paid.keeps = True
    result = evaluate(paid, MASKS, meter=Meter(parse_budget("10usd")))
    assert result.stopped == SPENT
    assert len(result.values) == 10
