"""How far a run is, over rounds and inputs."""

from __future__ import annotations

from interplay.evaluate import NextInput, Progress, Started, Tally


def test_rounds_add_up_and_what_was_stored_counts() -> None:
    tally = Tally()
    assert (tally.done, tally.total) == (0, None)
    tally.take(Started(100, 20, 32))
    assert (tally.done, tally.total) == (20, 100)
    tally.take(Progress(100, 100, 20, 1.0))
    tally.take(Started(50, 50, 32))  # the second round is in the store already: no progress
    assert (tally.done, tally.total) == (150, 150)
    tally.take(Started(10, 0, 32))
    tally.take(Progress(4, 10, 0, 1.0))
    assert (tally.done, tally.total) == (154, 160)


def test_the_next_input_begins_anew() -> None:
    tally = Tally()
    for event in (Started(9, 0, 4), Progress(9, 9, 0, 1.0), NextInput("b", 2, 3)):
        tally.take(event)
    assert (tally.done, tally.total) == (0, None)
    tally.take(Started(5, 1, 4))
    assert (tally.done, tally.total) == (1, 5)
