"""The simulation of large runs: time is accounted for, and is what can be computed by hand."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from benchmarks.scale.simulated_ray import Machines, simulated
from benchmarks.scale.simulation import Case, _line, _row, _server, masks, paced, report
from hypothesis import given, settings
from hypothesis import strategies as st

PARTS = ("busy", "wasted", "loading", "dead", "waiting", "tail")


def test_equal_chunks_take_what_they_take() -> None:
    """Eight workers, forty chunks of 4 s each, a model of 60 s, no way to go: 60 + 5 x 4 s."""
    past = simulated(Machines(8, 0.5, load=60, way=0.0), masks(320), batch=8)
    assert past.whole == pytest.approx(60 + 20)
    assert past.busy == pytest.approx(320 * 0.5)
    assert past.loading == pytest.approx(8 * 60)
    assert past.waiting == past.tail == past.wasted == 0
    assert past.queue == {0: 8, 1: 32}  # the second chunk is there before the first is done


def test_one_in_flight_waits_for_the_way_and_two_do_not() -> None:
    machines = Machines(1, 0.5, way=0.25)
    one, two = (simulated(machines, masks(80), batch=8, ahead=ahead) for ahead in (1, 2))
    assert one.whole == pytest.approx(10 * (4 + 2 * 0.25) + 2 * 0.25)  # the first way: to load
    assert two.whole == pytest.approx(10 * 4 + 4 * 0.25)
    assert one.waiting > two.waiting


def test_a_driver_that_is_too_slow_is_what_a_run_takes() -> None:
    machines = Machines(32, 0.001, driver_chunk=0.02, way=0.0)
    past = simulated(machines, masks(3200), batch=8)
    assert past.whole == pytest.approx(400 * 0.02, rel=0.02)
    assert past.driver / past.whole > 0.98
    assert past.share("busy") < 0.02


def test_lost_workers_cost_their_chunk_and_the_loading() -> None:
    machines = Machines(8, 0.5, load=10, lives=100, notice=2, way=0.0)
    past = simulated(machines, masks(4000), batch=8, seed=3)
    assert past.deaths > 5
    assert past.busy == pytest.approx(4000 * 0.5)  # all of it, and nothing twice
    assert 0 < past.wasted <= past.deaths * 10
    assert past.loading >= 8 * 10


@settings(max_examples=15)
@given(
    workers=st.integers(1, 12),
    chunk=st.integers(1, 40),
    ahead=st.integers(1, 5),
    spread=st.sampled_from([0.0, 0.5]),
    lives=st.sampled_from([np.inf, 300.0]),
    seed=st.integers(0, 99),
)
def test_all_time_of_all_workers_is_accounted_for(
    workers: int, chunk: int, ahead: int, spread: float, lives: float, seed: int
) -> None:
    machines = Machines(
        workers, 0.1, spread=spread, slow=0.1, slower=4, load=3, lives=lives, way=0.01,
        driver_chunk=0.002,
    )  # fmt: skip
    past = simulated(machines, masks(120), batch=chunk, ahead=ahead, seed=seed)
    assert sum(past.share(part) for part in PARTS) == pytest.approx(1)
    assert all(past.share(part) >= 0 for part in PARTS)
    assert past.whole >= past.busy / workers
    assert sum(past.queue.values()) >= -(-120 // chunk)
    assert max(past.queue) < ahead
    again = simulated(machines, masks(120), batch=chunk, ahead=ahead, seed=seed)
    assert again == past


def test_the_real_ray_is_back_afterwards() -> None:
    before = sys.modules.get("ray")
    simulated(Machines(2, 0.1), masks(16), batch=8)
    assert sys.modules.get("ray") is before


def test_requests_at_their_pace() -> None:
    assert paced(640, 32, 0.5) == pytest.approx(10.0)  # twenty rounds, in one batch
    limited = paced(20_000, 400, 0.5, per_minute=6000)
    assert limited == pytest.approx((20_000 - 600) / (0.9 * 6000) * 60, rel=0.02)
    # a batch ends with its slowest request: answers that vary cost some of the time
    assert paced(10_240, 32, 0.5, spread=0.5) > 1.01 * paced(10_240, 32, 0.5)


def test_the_tables_of_the_page() -> None:
    case = Case("small", 400, Machines(4, 1.0, load=5), (8, 20), (1, 2), (("x", Machines(2, 1.0)),))
    lines = [_line(case, *variant, masks(400)) for variant in case.variants()]
    row = _row(case, lines)
    assert row.what == "simulated: small"
    assert row.measured.startswith("1.8 min in chunks of 8: workers 91.7% busy, 4.6% loading")
    assert row.measured.endswith("lost with 0 workers; driver 0.0% busy")
    page = report([row, _server(2_000)])
    assert [line.split(" | ")[:3] for line in page.splitlines() if line.startswith("| small")] == [
        ["| small", str(chunk), str(ahead)] for chunk in (8, 20) for ahead in (1, 2)
    ]
    assert "| x | 8 | 2 | 3.3 min | " in page
    assert "| 2 s | 512 | 16,384 | " in page
