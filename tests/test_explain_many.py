"""explain_many: one store, failures that stop nothing, interruptions, events."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import interplay as ip
from interplay.evaluate import NextInput, Started
from interplay.explain_many import explain_many


class Game:
    """Features act together; counts what it was asked."""

    def __init__(self, words: str, strength: float = 2.0, *, broken: bool = False) -> None:
        self.features = words.split()
        self.fingerprint = f"{words} {strength}"
        self.strength, self.broken, self.asked = strength, broken, 0

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        if self.broken:
            raise RuntimeError("the model is out of memory")
        self.asked += len(masks)
        return masks[:, 0] + self.strength * (masks[:, 0] & masks[:, 1])


def test_inputs_are_explained_in_order_into_one_store(tmp_path: Path) -> None:
    games = {"one": Game("not bad at all"), "two": Game("not bad", 3.0)}
    found = explain_many(games, store=tmp_path / "runs.db")
    assert found.ids == ("one", "two")
    assert found.failures == {}
    assert found.aggregate()["not", "bad"].value == pytest.approx(2.5)
    again = explain_many(games, store=tmp_path / "runs.db")
    assert [one.cost.calls for one in again] == [0, 0], "nothing is paid for twice"
    assert [game.asked for game in games.values()] == [16, 4]


def test_an_input_that_fails_does_not_stop_the_others() -> None:
    nameless = Game("a b")
    del nameless.features
    games = {"bad": Game("a b", broken=True), "good": Game("a b"), "nameless": nameless}
    found = explain_many(games, store=None)
    assert found.ids == ("good",)
    assert list(found.failures) == ["bad", "nameless"]
    assert "RuntimeError" in found.failures["bad"]
    assert "out of memory" in found.failures["bad"]
    assert "how many features" in found.failures["nameless"]


def test_where_all_fail_it_is_an_error() -> None:
    with pytest.raises(ip.BackendError, match=r"none of 2 inputs.*out of memory"):
        explain_many([Game("a b", broken=True), Game("a c", broken=True)], store=None)


def test_a_store_that_fails_stops_it_all(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    path.write_bytes(b"not a database" * 100)
    games = [Game("a b"), Game("a c")]
    with pytest.raises(ip.StoreError) as caught:
        explain_many(games, store=path)
    assert "at input '1'; 0 were done before" in "".join(caught.value.__notes__)
    assert [game.asked for game in games] == [0, 0]


@pytest.mark.parametrize(
    ("games", "options", "error", "message"),
    [
        ([], {}, ip.BadInput, r"value_functions is empty"),
        (Game("a b"), {}, ip.BadInput, r"must be several.*call explain"),
        ([Game("a b")], {"method": "magic"}, ip.BadInput, r"unknown method 'magic'"),
        ([Game("a b")], {"budget": "lots"}, ip.BadInput, r"budget"),
        ([Game("a b")], {"budget": 0}, ip.BudgetExceeded, r"budget=0"),
    ],
)
def test_what_cannot_be_used_is_refused_at_once(
    games: object, options: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        explain_many(games, store=None, **options)


def test_a_generator_is_explained_one_at_a_time() -> None:
    made: list[str] = []

    def games() -> Iterator[Game]:
        for words in ("a b", "a c"):
            made.append(words)
            yield Game(words)

    events: list[object] = []
    found = explain_many(
        games(), store=None, on_event=lambda event: events.append((event, len(made)))
    )
    assert found.ids == ("1", "2")
    begun = [(event, seen) for event, seen in events if isinstance(event, NextInput)]
    assert begun == [(NextInput("1", 1, None), 1), (NextInput("2", 2, None), 2)]
    assert sum(isinstance(event, Started) for event, _ in events) == 2


def test_stopped_it_keeps_what_is_done_and_names_the_rest() -> None:
    games = [Game(" ".join("abcdefghij")), Game("a b")]

    def stop() -> str | None:
        return "Ctrl-C" if games[0].asked >= 128 else None

    found = explain_many(games, store=None, stop=stop)
    assert found.ids == ("1",)
    assert found[0].sample.stopped == "Ctrl-C", "the input at hand is explained from what there is"
    assert found[0].cost.calls == 128
    assert found.failures == {"2": "not explained: Ctrl-C"}


def test_stopped_before_the_first_there_is_nothing() -> None:
    with pytest.raises(ip.BackendError, match=r"none of 1 inputs.*not explained: time is up"):
        explain_many([Game("a b")], store=None, stop=lambda: "time is up")


def test_the_number_of_inputs_is_told_where_it_is_known() -> None:
    events: list[object] = []
    explain_many([Game("a b"), Game("a c")], store=None, on_event=events.append)
    assert events[0] == NextInput("1", 1, 2)


def test_same_seed_same_result() -> None:
    def found() -> ip.Explanation:
        return explain_many([Game(" ".join("abcdefghijkl"))], budget=100, seed=3, store=None)[0]

    assert found().spectrum == found().spectrum
