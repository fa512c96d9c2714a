"""Rows: their order means nothing, replicates are averaged where their noise is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import interplay as ip
from interplay.metrics import r_squared
from interplay.surrogates.rows import Rows


@dataclass
class Design:
    """A stand-in for a mask design."""

    kind: str
    masks: np.ndarray
    test: np.ndarray


@settings(max_examples=60)
@given(
    n=st.integers(1, 4),
    m=st.integers(1, 30),
    noisy=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_order_given_means_nothing(n: int, m: int, noisy: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    masks = rng.random((m, n)) < 0.5
    values, weights = rng.integers(0, 3, (m, 2)) / 3, rng.integers(1, 3, m) / 3
    noise = rng.integers(0, 3, (m, 2)) / 3 if noisy else None
    shuffled = rng.permutation(m)
    first = Rows.checked(masks, values, noise, weights).canonical()
    second = Rows.checked(
        masks[shuffled], values[shuffled], noise if noise is None else noise[shuffled],
        weights[shuffled],
    ).canonical()  # fmt: skip
    assert (first.masks == second.masks).all()
    assert (first.values == second.values).all()
    assert (first.weights == second.weights).all()
    if noise is None:
        assert len(first.masks) == m
        assert sorted(first.values[:, 1]) == sorted(values[:, 1])
    else:
        assert (first.noise == second.noise).all()
        assert len(first.masks) == len(np.unique(masks, axis=0))


def test_replicates_are_averaged_by_hand() -> None:
    masks = np.array([[True, False], [False, False], [True, False], [True, False]])
    rows = Rows.checked(masks, [1.0, 5.0, 2.0, 6.0], [0.1, 0.2, 0.3, 0.4]).canonical()
    assert rows.masks.tolist() == [[False, False], [True, False]]
    assert rows.values[:, 0] == pytest.approx([5.0, 3.0])
    assert rows.noise[:, 0] == pytest.approx([0.2, 0.8 / 9])
    assert rows.weights.tolist() == [1.0, 1.0]
    weighted = Rows.checked(masks, [1.0, 5.0, 2.0, 6.0], 1.0, [1.0, 1.0, 1.0, 2.0]).canonical()
    assert weighted.values[1, 0] == pytest.approx(15 / 4)
    assert weighted.noise[1, 0] == pytest.approx(6 / 16)
    assert weighted.weights == pytest.approx([1.0, 4 / 3])


def test_averaged_replicates_are_the_fit_of_the_averages() -> None:
    rng = np.random.default_rng(0)
    masks = rng.random((80, 6)) < 0.5
    masks = np.unique(masks, axis=0)
    draws = masks[:, :1] + rng.normal(size=(len(masks), 4))
    rows = ip.fit(np.repeat(masks, 4, axis=0), draws.ravel(), noise_var=1.0)
    means = ip.fit(masks, np.sort(draws, axis=1).sum(axis=1) / 4, noise_var=0.25)
    assert list(rows.spectrum(None).terms) == list(means.spectrum(None).terms)
    assert rows.predict(masks) == pytest.approx(means.predict(masks))
    assert rows.faithfulness.value == pytest.approx(means.faithfulness.value)


# --- designs ------------------------------------------------------------------------------------


def near_full(seed: int = 0) -> tuple[Design, np.ndarray]:
    rng = np.random.default_rng(seed)
    masks = np.concatenate([rng.random((200, 10)) < 0.85, rng.random((60, 10)) < 0.5])
    masks = np.unique(masks, axis=0)[rng.permutation(len(np.unique(masks, axis=0)))]
    test = np.zeros(len(masks), bool)
    test[:50] = True
    return Design("near_full", masks, test), masks[:, 0] + 2.0 * (masks[:, 1] & masks[:, 2])


def test_masks_that_a_design_set_aside_are_not_trained_on() -> None:
    design, values = near_full()
    fitted = ip.fit(design.masks, values, design=design)
    spoiled = np.where(design.test, values + 5.0, values)
    assert ip.fit(design.masks, spoiled, design=design).spectrum(None) == fitted.spectrum(None)
    unaware = ip.fit(design.masks[~design.test], values[~design.test])
    assert unaware.spectrum(None) == fitted.spectrum(None)
    held = fitted.predict(design.masks[design.test])
    assert fitted.faithfulness.distribution == "uniform"
    assert fitted.faithfulness.value == pytest.approx(r_squared(values[design.test], held))


def test_a_design_is_matched_by_mask_not_by_place() -> None:
    design, values = near_full()
    shuffled = np.random.default_rng(1).permutation(len(values))
    first = ip.fit(design.masks, values, design=design)
    second = ip.fit(design.masks[shuffled], values[shuffled], design=design)
    assert first.faithfulness == second.faithfulness
    assert first.spectrum(None) == second.spectrum(None)


def test_a_design_without_test_masks_gives_its_name() -> None:
    design, values = near_full()
    design.test[:] = False
    assert ip.fit(design.masks, values, design=design).faithfulness.distribution == "near_full"
    assert ip.fit(design.masks, values, design="coded").faithfulness.distribution == "coded"
    assert ip.fit(design.masks, values).faithfulness.distribution == "uniform"
    design.kind = "complete"  # all masks: their law is uniform
    assert ip.fit(design.masks, values, design=design).faithfulness.distribution == "uniform"


def test_test_masks_that_were_not_evaluated_leave_the_folds() -> None:
    design, values = near_full()
    told = ~design.test
    fitted = ip.fit(design.masks[told], values[told], design=design)
    assert fitted.faithfulness.distribution == "near_full"
    assert np.isfinite(fitted.faithfulness.value)


def test_too_few_test_masks_are_said() -> None:
    design, values = near_full()
    told = ~design.test
    told[:3] = True
    fitted = ip.fit(design.masks[told], values[told], design=design)
    assert "too few masks to test it on" in fitted.faithfulness.sentence


def test_a_design_of_other_features_is_refused() -> None:
    design, values = near_full()
    with pytest.raises(ip.BadInput, match="the masks of the design must have 9 columns"):
        ip.fit(design.masks[:, :9], values, design=design)


def test_noise_and_weights_of_test_masks_count() -> None:
    design, values = near_full()
    rng = np.random.default_rng(2)
    noisy = values + rng.normal(scale=0.5, size=len(values))
    weights = rng.uniform(0.5, 2.0, len(values))
    fitted = ip.fit(design.masks, noisy, design=design, noise_var=0.25, weights=weights)
    test = design.test
    assert fitted.faithfulness.value == pytest.approx(
        r_squared(
            noisy[test],
            fitted.predict(design.masks[test]),
            noise_var=np.full(50, 0.25),
            weights=weights[test],
        )
    )
