"""Ctrl-C and SIGTERM end a run after its batch; twice ends it at once."""

from __future__ import annotations

import os
import signal
import threading

import numpy as np
import pytest

import interplay as ip
from interplay.evaluate import evaluate, interruptible
from interplay.masks import uniform

MASKS = uniform(12, 200, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")]
)
def test_the_batch_is_finished_and_the_handlers_come_back(number: int, name: str) -> None:
    before = signal.getsignal(number)
    told: list[str] = []
    asked: list[int] = []

    def value_function(masks: np.ndarray) -> np.ndarray:
        asked.append(len(masks))
        if len(asked) == 2:
            os.kill(os.getpid(), number)
        return masks.sum(1)

    with interruptible(told.append) as stop:
        result = evaluate(value_function, MASKS, stop=stop)
    assert asked == [64, 64]
    assert len(result.values) == 128
    assert result.stopped == f"interrupted by {name}"
    assert stop.exit_code == 128 + number
    assert told == [f"{name}: finishing the batch, then fitting what there is (once more stops at "
                    "once)"]  # fmt: skip
    assert signal.getsignal(number) is before


def test_a_second_signal_stops_at_once() -> None:
    before = signal.getsignal(signal.SIGINT)

    def value_function(masks: np.ndarray) -> np.ndarray:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        return masks.sum(1)

    with pytest.raises(KeyboardInterrupt), interruptible() as stop:
        evaluate(value_function, MASKS, stop=stop)
    assert signal.getsignal(signal.SIGINT) is before


def test_in_another_thread_nothing_changes() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen: list[object] = []

    def work() -> None:
        with interruptible() as stop:
            seen.append((stop(), signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(None, before)]


def test_an_interrupted_run_is_explained() -> None:
    def value_function(masks: np.ndarray) -> np.ndarray:
        if len(asked) == 1:
            os.kill(os.getpid(), signal.SIGINT)
        asked.append(len(masks))
        return masks[:, 0] + 2.0 * (masks[:, 1] & masks[:, 2])

    asked: list[int] = []
    with interruptible() as stop:
        explanation = ip.explain(value_function, 12, budget=500, store=None, stop=stop)
    assert explanation.sample.masks == 128
    assert explanation.sample.stopped == "interrupted by Ctrl-C"
    assert explanation.diagnostics()[-1].startswith("Interrupted by Ctrl-C after 128 masks: this ")
    assert explanation.faithfulness.verdict == "trust"
    assert explanation.full == 3.0  # the ends come first


def test_too_few_values_for_a_fit() -> None:
    asked: list[int] = []
    counting = _counting(asked)
    told = r"enough of it after 8 masks, too few for a fit \(it needs 12\); they are lost"
    with pytest.raises(ip.BudgetExceeded, match=told):
        ip.explain(counting, 12, store=None, stop=lambda: "enough of it" if asked else None)


def _counting(asked: list[int]):  # type: ignore[no-untyped-def]
    def value_function(masks: np.ndarray) -> np.ndarray:
        asked.append(len(masks))
        return masks.sum(1)

    value_function.batch_size = 8  # type: ignore[attr-defined]
    return value_function
