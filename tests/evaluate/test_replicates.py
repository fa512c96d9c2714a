"""A value function with seeds of its own is told which time it is asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from interplay.evaluate import Store, evaluate
from interplay.groups import Grouped
from interplay.value_function import BoolArray, FloatArray

MASKS = np.array([[True, True, False], [True, False, False], [False, False, True]])


class Seeded:
    fingerprint = "seeded"
    features = ("a", "b", "c")

    def __init__(self, r: int = 0) -> None:
        self.r = r
        self.asked: list[int] = []

    def __call__(self, masks: BoolArray) -> FloatArray:
        self.asked.append(self.r)
        return masks.sum(axis=1) + 10.0 * self.r

    def replicate(self, r: int) -> Seeded:
        other = Seeded(r)
        other.asked = self.asked
        return other


def test_each_replicate_is_asked_with_its_number_and_stored(tmp_path: Path) -> None:
    game = Seeded()
    with Store(tmp_path / "runs.db") as store:
        evaluate(game, MASKS, store=store, replicates=2)
        found = evaluate(game, MASKS, store=store, replicates=3)
    assert game.asked == [0, 1, 2]  # the first two are not asked again
    assert found.values[:, 0].tolist() == [12.0, 11.0, 11.0]
    assert found.noise_var is not None
    np.testing.assert_allclose(found.noise_var, 100 / 3)


def test_groups_pass_it_on() -> None:
    game = Grouped(Seeded(), [(0, 1), (2,)], ["ab", "c"])
    found = evaluate(game, np.array([[True, False], [False, True]]), replicates=2)
    assert found.values[:, 0].tolist() == [7.0, 6.0]
    assert not hasattr(Grouped(lambda masks: masks.sum(axis=1), [(0,), (1,)], "ab"), "replicate")
