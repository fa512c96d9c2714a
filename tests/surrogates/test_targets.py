"""Several targets at once: the same as each alone, in less time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import interplay as ip
from interplay.surrogates import Surrogates
from interplay.surrogates.boosting import BoostingOptions, boost

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


@pytest.mark.parametrize("method", ["auto", "proxyspex", "lasso"])
def test_each_target_is_what_it_is_alone(method: str) -> None:
    together = ip.fit(MASKS, VALUES, method=method, targets=NAMES, seed=3)
    assert isinstance(together, Surrogates)
    assert (together.targets, list(together), len(together)) == (NAMES, list(NAMES), 4)
    predicted = together.predict(MASKS)
    assert predicted.shape == (200, 4)
    for j, name in enumerate(NAMES):
        alone = ip.fit(MASKS, VALUES[:, j], method=method, seed=3)
        scale = max(float(np.abs(VALUES[:, j]).max()), 1.0)
        # to the last bits of a matrix product of another shape
        np.testing.assert_allclose(predicted[:, j], alone.predict(MASKS), atol=1e-5 * scale)
        assert together[name].faithfulness.value == pytest.approx(
            alone.faithfulness.value, abs=1e-4
        )
        assert together[name].fitted_method == alone.fitted_method


def test_the_order_of_targets_does_not_matter() -> None:
    ahead = ip.fit(MASKS, VALUES, seed=1)
    back = ip.fit(MASKS, VALUES[:, ::-1], seed=1)
    for j in range(4):
        np.testing.assert_allclose(
            ahead[str(j)].predict(MASKS), back[str(3 - j)].predict(MASKS), rtol=1e-5, atol=1e-4
        )


def test_an_unknown_target_lists_the_known() -> None:
    both = ip.fit(MASKS, VALUES[:, :2], targets=["a", "b"])
    assert "a" in both
    assert "c" not in both
    with pytest.raises(ip.BadInput, match="unknown target 'c'; valid: a, b"):
        both["c"]


def test_one_column_is_one_target() -> None:
    alone = ip.fit(MASKS, VALUES[:, :1])
    assert alone.spectrum(None) == ip.fit(MASKS, VALUES[:, 0]).spectrum(None)


def test_all_masks_are_exact_for_every_target() -> None:
    from interplay.masks import all_masks

    masks = all_masks(5)
    both = ip.fit(masks, np.stack([masks.sum(1), masks[:, 0] & masks[:, 1]], axis=1))
    assert [one.faithfulness.distribution for one in both.values()] == ["exact", "exact"]
    assert both["1"].spectrum().terms[(0, 1)] == pytest.approx(0.25)


def test_a_family_grows_as_if_alone() -> None:
    """Integers are exact in float32, so that sums cannot depend on the shape of the product."""
    masks = MASKS[:, :8]
    targets = np.stack([masks[:, 0] * 4.0, RNG.integers(-8, 8, 200) * 1.0], axis=1)
    train = np.ones((200, 4))
    train[::5, 0] = train[1::5, 1] = train[::5, 2] = train[1::5, 3] = 0
    options = BoostingOptions(depth=2, rounds=60, patience=5, rate=0.5)

    def grow(columns: list[int], families: list[int]):  # type: ignore[no-untyped-def]
        return boost(
            masks,
            targets[:, [c // 2 for c in columns]],
            train=train[:, columns],
            judge=1 - train[:, columns],
            groups=np.array(families),
            families=np.array(families),
            rng=np.random.default_rng(0),
            options=options,
        )

    both = grow([0, 1, 2, 3], [0, 0, 1, 1])
    for family, columns in enumerate(([0, 1], [2, 3])):
        alone = grow(columns, [0, 0])
        for k in range(2):
            mine, own = both.ensemble == 2 * family + k, alone.ensemble == k
            assert mine.sum() == own.sum()
            np.testing.assert_array_equal(both.features[mine], alone.features[own])


def test_a_recording_with_two_readings(assets: Path) -> None:
    recording = ip.read_recording(assets / "recordings" / "baby_heads_1.npz")
    values = recording.values.reshape(len(recording.masks), -1)[:, 0]
    masks, values = recording.masks[:200], values[:200]
    both = ip.fit(masks, np.stack([values, np.exp(values)], axis=1), seed=1)
    assert both["0"].faithfulness.value == pytest.approx(
        ip.fit(masks, values, seed=1).faithfulness.value, abs=1e-3
    )
