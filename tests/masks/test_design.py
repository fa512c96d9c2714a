"""Designs: prefixes, laws, what is set aside, and ask/tell in any order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import interplay as ip
from interplay.masks import KINDS, uniform


def keys(masks: np.ndarray) -> list[bytes]:
    return [row.tobytes() for row in masks]


def game(masks: np.ndarray) -> np.ndarray:
    return masks[:, 0] + 2.0 * (masks[:, 1] & masks[:, 2])


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(KINDS), st.integers(1, 40), st.integers(62, 900), st.integers(0, 9),
    st.integers(0, 300),
)  # fmt: skip
def test_masks_differ_and_a_larger_budget_begins_with_the_smaller(
    kind: str, n: int, budget: int, seed: int, more: int
) -> None:
    small, large = (ip.design(n, b, kind, seed) for b in (budget, budget + more))
    assert len(small.masks) == min(budget, 2**n)
    assert len(set(keys(large.masks))) == len(large.masks)
    assert small.masks[0].all()
    assert not small.masks[1].any() or n == 0
    if small.kind == large.kind:  # complete ones come in the order of uniform ones
        assert (large.masks[: len(small.masks)] == small.masks).all()
        assert (large.test[: len(small.masks)] == small.test).all()


def test_a_uniform_design_has_the_masks_of_explain() -> None:
    plan = ip.design(30, 100, seed=3)
    np.testing.assert_array_equal(plan.masks[2:], uniform(30, 98, np.random.default_rng(3)))
    assert not plan.test.any()


def test_pairs_are_complements() -> None:
    plan = ip.design(25, 1000, "paired")
    masks = plan.masks[~plan.test][2:]
    kept = set(keys(masks))
    assert np.mean([row.tobytes() in kept for row in ~masks]) > 0.99  # the last may stand alone


def test_near_full_masks_follow_their_law() -> None:
    n = 60
    masks = ip.design(n, 4000, "near_full").masks
    plan = ip.design(n, 4000, "near_full")
    deleted = n - masks[~plan.test][2:].sum(axis=1)
    law = (1 / np.arange(1, n)) / (1 / np.arange(1, n)).sum()
    # one deletion: all 60 are used up; the law of the others is that of drawing without repeats
    for low, high in ((3, 10), (10, 25), (25, 60)):
        expected = law[low - 1 : high - 1].sum() / law[2:].sum()
        told = np.mean((deleted[deleted >= 3] >= low) & (deleted[deleted >= 3] < high))
        assert told == pytest.approx(expected, abs=0.03)
    single = masks[masks.sum(axis=1) == n - 1]
    assert len(single) == n


@pytest.mark.parametrize("kind", ["paired", "near_full"])
def test_uniform_masks_are_set_aside(kind: str) -> None:
    plan = ip.design(40, 1200, kind)
    assert plan.test.sum() >= max(50, 0.1 * (1200 - 500))
    aside = plan.masks[plan.test]
    assert aside.mean() == pytest.approx(0.5, abs=0.03)
    assert abs(aside.sum(axis=1).std() - np.sqrt(10)) < 0.6
    plan.tell(plan.masks, game(plan.masks))
    told = plan.recording()
    fitted = ip.fit(told.masks, told.values, design=plan)
    assert fitted.faithfulness.distribution == "uniform"
    spoiled = ip.fit(told.masks, told.values + 9.0 * plan.test, design=plan)
    assert spoiled.spectrum(None) == fitted.spectrum(None), "never trained on"


def test_small_games_end() -> None:
    plan = ip.design(4, 100)
    assert (plan.kind, len(plan.masks)) == ("complete", 16)
    assert len(plan.next(None, 5)) == 0
    for kind in ("paired", "near_full"):
        plan = ip.design(7, 100, kind)
        assert len(plan.next(None, 100)) == 28
        assert len(set(keys(plan.masks))) == 128


def test_ask_and_tell_in_any_order_is_direct_evaluation(tmp_path: Path) -> None:
    plan = ip.design(10, 200, seed=1)
    direct = ip.fit(plan.masks, game(plan.masks), seed=2)
    order = np.random.default_rng(0).permutation(200)
    plan.tell(plan.masks[order[:70]], game(plan.masks[order[:70]]))
    assert plan.told == 70
    first = plan.ask(50)
    np.testing.assert_array_equal(plan.ask(50), first)
    plan.save(tmp_path / "plan.npz")
    again = ip.Design.load(tmp_path / "plan.npz")
    np.testing.assert_array_equal(again.ask(), plan.ask())
    again.tell(again.ask(), game(again.ask()))
    assert len(again.ask()) == 0
    told = again.recording()
    assert ip.fit(told.masks, told.values, seed=2).spectrum(None) == direct.spectrum(None)
    assert (again.features, again.kind, again.seed) == (plan.features, "uniform", 1)
    assert ip.read_recording(tmp_path / "plan.npz").design == "uniform"


def test_replicates_and_masks_of_ones_own_are_kept() -> None:
    plan = ip.design(["a", "b", "c", "d", "e"], 20)
    plan.tell(plan.ask(3), [1.0, 2.0, 3.0], noise_var=[0.1, 0.1, 0.1])
    plan.tell(plan.masks[:1], [1.5], [0.1])
    assert (plan.told, len(plan.ask())) == (4, 17)
    told = plan.recording()
    assert told.noise_var is not None
    assert told.features == ("a", "b", "c", "d", "e")
    new = plan.next(None, 4)
    assert len(new) == 4
    assert len(plan.ask()) == 21


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0,), "at least 1 feature; got 0"),
        (([],), r"at least 1 feature; got \[\]"),
        (("abc",), "features must be names, or their number; got 'abc'"),
        ((2.5,), "features must be names, or their number; got 2.5"),
        ((True,), "features must be names"),
        ((30, 11), "budget=11 is too small: a fit needs 12 masks, 12 in all"),
        ((30, 61, "paired"), "50 uniform ones set aside, 62 in all"),
        ((30, 10**9), "budget must be a number of masks, at most"),
        ((30, 50.5), "budget must be a number of masks"),
        ((30, 100, "coded"), "unknown kind of design 'coded'; valid: uniform, paired, near_full"),
    ],
)
def test_bad_designs(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(ip.BadInput, match=message):
        ip.design(*arguments)  # type: ignore[arg-type]


def test_bad_values_are_refused_and_change_nothing(tmp_path: Path) -> None:
    plan = ip.design(9, 60)
    with pytest.raises(ip.BadInput, match="nothing was told"):
        plan.recording()
    plan.tell(plan.ask(5), np.ones((5, 2)))
    for masks, values, noise, message in (
        (plan.ask(2), [1.0], None, r"values must have shape \(2,\)"),
        (plan.ask(2), [1.0, 2.0], None, "every row needs the same targets"),
        (plan.ask(2)[:, :5], np.ones((2, 2)), None, "masks must have 9 columns"),
        (plan.ask(2), np.full((2, 2), np.nan), None, "must be finite"),
        (plan.ask(2), np.ones((2, 2)), np.ones(2), "noise_var must be variances"),
        (plan.ask(2), np.ones((2, 2)), -np.ones((2, 2)), "noise_var must be variances"),
    ):
        with pytest.raises(ip.BadInput, match=message):
            plan.tell(masks, values, noise)
    assert plan.told == 5
    with pytest.raises(ip.BadInput, match="at least 0; got -1"):
        plan.ask(-1)
    with pytest.raises(ip.BadInput, match="at least 1; got 0"):
        plan.next(None, 0)
    with pytest.raises(ip.BadInput, match=r"saved as \.npz"):
        plan.save(tmp_path / "plan.json")
    ip.write_recording(tmp_path / "game.npz", plan.masks, np.ones(60))
    with pytest.raises(ip.BadInput, match=r"game\.npz is not a design: it has no design"):
        ip.Design.load(tmp_path / "game.npz")
    plan.tell(plan.ask(2), np.ones((2, 2)), np.ones((2, 2)))
    with pytest.raises(ip.BadInput, match="for some values only"):
        plan.recording()
