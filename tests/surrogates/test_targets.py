"""Several targets at once: the same as each alone, in less time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import interplay as ip
from interplay.surrogates import Surrogates

RNG = np.random.default_rng(0)
MASKS = RNG.random((200, 12)) < 0.5
VALUES = np.stack(
    [
        MASKS[:, 0] + 2.0 * (MASKS[:, 1] & MASKS[:, 2]),
        np.full(200, 3.0),
        MASKS[:, 5] * 1e6 - 1e6 * (MASKS[:, 3] & MASKS[:, 4] & MASKS[:, 6]),
        RNG.normal(size=200),
    ],
    axis=1,
)
NAMES = ("pair", "constant", "triple", "noise")


def assert_same(one: ip.Surrogate, other: ip.Surrogate) -> None:
    """Equal to the last bit."""
    assert one.spectrum(None) == other.spectrum(None)
    assert one.faithfulness == other.faithfulness
    assert one.diagnostics() == other.diagnostics()


@pytest.mark.parametrize("method", ["auto", "proxyspex", "lasso"])
def test_each_target_is_what_it_is_alone(method: str) -> None:
    together = ip.fit(MASKS, VALUES, method=method, targets=NAMES, seed=3)
    assert isinstance(together, Surrogates)
    assert (together.targets, list(together), len(together)) == (NAMES, list(NAMES), 4)
    assert together.features == together["pair"].features
    predicted = together.predict(MASKS)
    assert predicted.shape == (200, 4)
    for j, name in enumerate(NAMES):
        alone = ip.fit(MASKS, VALUES[:, j], method=method, seed=3)
        assert_same(together[name], alone)
        assert (predicted[:, j] == alone.predict(MASKS)).all()


def test_the_order_of_targets_does_not_matter() -> None:
    masks, values = MASKS[:100], VALUES[:100]
    ahead, back = ip.fit(masks, values, seed=1), ip.fit(masks, values[:, ::-1], seed=1)
    for j in range(4):
        assert_same(ahead[str(j)], back[str(3 - j)])


def test_replicates_of_one_target_do_not_sort_another() -> None:
    masks = np.repeat(MASKS[:70], 2, axis=0)
    values = RNG.normal(size=(140, 2)) + masks[:, :2]
    together = ip.fit(masks, values)
    shuffled = RNG.permutation(140)
    for j in range(2):
        assert_same(together[str(j)], ip.fit(masks[shuffled], values[shuffled, j]))


def test_noise_of_one_target_leaves_the_other_alone() -> None:
    noise = np.stack([RNG.uniform(0.01, 1.0, 80), np.full(80, 0.1)], axis=1)
    masks, values = MASKS[:80], VALUES[:80, [0, 3]]
    together = ip.fit(masks, values, noise_var=noise)
    for j in range(2):
        assert_same(together[str(j)], ip.fit(masks, values[:, j], noise_var=noise[:, j]))


def test_more_targets_than_grow_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = ip.fit(MASKS, VALUES, method="proxyspex")
    monkeypatch.setattr("interplay.surrogates.proxyspex.CELLS_AT_A_TIME", 1)
    for name, fitted in ip.fit(MASKS, VALUES, method="proxyspex").items():
        assert_same(fitted, at_once[name])


def test_an_unknown_target_lists_the_known() -> None:
    both = ip.fit(MASKS, VALUES[:, :2], targets=["a", "b"])
    assert "a" in both
    assert "c" not in both
    with pytest.raises(ip.BadInput, match="unknown target 'c'; valid: a, b"):
        both["c"]


def test_one_column_is_one_target() -> None:
    alone = ip.fit(MASKS, VALUES[:, :1], method="lasso")
    assert alone.spectrum(None) == ip.fit(MASKS, VALUES[:, 0], method="lasso").spectrum(None)


def test_all_masks_are_exact_for_every_target() -> None:
    from interplay.masks import all_masks

    masks = all_masks(5)
    both = ip.fit(masks, np.stack([masks.sum(1), masks[:, 0] & masks[:, 1]], axis=1))
    assert [one.faithfulness.distribution for one in both.values()] == ["exact", "exact"]
    assert both["1"].spectrum().terms[(0, 1)] == pytest.approx(0.25)


def test_a_recording_with_two_readings(assets: Path) -> None:
    recording = ip.read_recording(assets / "recordings" / "stories_heads_1.npz")
    masks, values = recording.masks[:200], recording.values[:200].ravel()
    both = ip.fit(masks, np.stack([values, np.exp(values)], axis=1), seed=1)
    assert_same(both["0"], ip.fit(masks, values, seed=1))
