"""Adaptive designs: the masks that tell most, each once, and evidence that stays honest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import interplay as ip
from interplay.masks.adaptive import pick

N = 14


def game(masks: np.ndarray) -> np.ndarray:
    kept = masks.sum(axis=1)
    return masks[:, 0] + 2.0 * (masks[:, 1] & masks[:, 2]) + np.sqrt(kept) * masks[:, 3]


def grown(budget: int, seed: int = 0, method: str = "auto") -> ip.Design:
    """The design that a run of so many calls would have."""
    plan = ip.design(N, budget, "adaptive", seed)
    while len(plan.masks) < budget:
        plan.tell(plan.ask(), game(plan.ask()))
        told = plan.recording()
        plan.next(ip.fit(told.masks, told.values, method=method, design=plan), budget // 4)
    plan.tell(plan.ask(), game(plan.ask()))
    return plan


def test_pick_takes_the_largest_conditional_variance() -> None:
    rng = np.random.default_rng(0)
    root = rng.normal(size=(30, 12))
    covariance, noise = root @ root.T, 0.3
    chosen: list[int] = []
    for i in range(10):
        known = covariance[np.ix_(chosen, chosen)] + noise * np.eye(i)
        cross = covariance[:, chosen]
        left = covariance.diagonal() - np.einsum("ij,ji->i", cross, np.linalg.solve(known, cross.T))
        left[chosen] = -np.inf
        chosen.append(int(left.argmax()))
    assert pick(covariance, noise, 10).tolist() == chosen
    assert sorted(pick(covariance, noise, 99).tolist()) == list(range(30))


def test_half_is_uniform_and_no_mask_comes_twice() -> None:
    plan = grown(80)
    assert len(plan.masks) == 80
    assert len(np.unique(plan.masks, axis=0)) == 80
    np.testing.assert_array_equal(plan.masks[:40], ip.design(N, 40).masks)
    assert not plan.test[:2].any()
    assert plan.test[2:40].all()
    assert not plan.test[40:].any()
    assert np.array_equal(grown(80).masks, plan.masks)
    assert not np.array_equal(grown(80, seed=1).masks, plan.masks)


def test_a_method_that_does_not_know_what_it_does_not_know_gets_uniform_masks() -> None:
    plan = grown(80, method="lasso")
    assert plan.test[2:].all()
    assert len(np.unique(plan.masks, axis=0)) == 80


def test_faithfulness_is_measured_on_the_uniform_masks_only() -> None:
    """Values of adaptive masks that are all wrong cannot make the evidence worse than they are."""
    plan = grown(120)
    told = plan.recording()
    assert np.array_equal(told.test, plan.test)
    fitted = ip.fit(told.masks, told.values, method="lasso", design=plan)
    tested = np.isfinite(fitted.out_of_fold)
    assert tested.sum() == 58
    assert fitted.faithfulness.distribution == "uniform"
    plain = ip.fit(told.masks, told.values, method="lasso")
    assert np.isfinite(plain.out_of_fold).sum() == 118
    # the file of what was told is fitted alike
    assert ip.fit(told.masks, told.values, method="lasso", design=told).faithfulness == (
        fitted.faithfulness
    )


def test_a_saved_adaptive_design_goes_on_alike(tmp_path: Path) -> None:
    plan = ip.design(N, 60, "adaptive")
    plan.tell(plan.ask(), game(plan.ask()))
    told = plan.recording()
    fitted = ip.fit(told.masks, told.values, design=plan)
    again = ip.Design.load(plan.save(tmp_path / "plan.npz"))
    np.testing.assert_array_equal(plan.next(fitted, 20), again.next(fitted, 20))
    np.testing.assert_array_equal(plan.test, again.test)


def test_a_run_has_the_masks_of_its_fits_and_goes_on_from_its_store(tmp_path: Path) -> None:
    calls: list[int] = []

    def counted(masks: np.ndarray) -> np.ndarray:
        calls.append(len(masks))
        return game(masks)

    options = {"features": N, "budget": 90, "design": "adaptive", "fingerprint": "counted"}
    first = ip.explain(counted, store=tmp_path / "runs.db", **options)
    assert sum(calls) == 90
    assert first.sample.masks == 90
    assert first.sample.design == "adaptive"
    calls.clear()
    second = ip.explain(counted, store=tmp_path / "runs.db", **options)
    assert not calls
    assert second.spectrum == first.spectrum
    assert second.faithfulness == first.faithfulness
    uniform = ip.explain(counted, store=tmp_path / "runs.db", **{**options, "design": "uniform"})
    assert 40 <= sum(calls) <= 46  # the first half is that of an adaptive design
    assert uniform.sample.masks == 90


def test_a_run_that_is_interrupted_goes_on(tmp_path: Path) -> None:
    mended = tmp_path / "mended"

    def failing(masks: np.ndarray) -> np.ndarray:
        # the third batch is that of the second round of choices
        if len(masks) == 15 and not mended.exists():
            if (tmp_path / "once").exists():
                raise ConnectionError("gone")
            (tmp_path / "once").touch()
        return game(masks)

    options = {"features": N, "budget": 90, "design": "adaptive", "fingerprint": "f"}
    with pytest.raises(ip.BackendError):
        ip.explain(failing, store=tmp_path / "runs.db", **options)
    mended.touch()
    done = ip.explain(failing, store=tmp_path / "runs.db", **options)
    assert (done.cost.reused, done.cost.calls) == (60, 30)
    whole = ip.explain(game, store=None, **options)
    assert done.spectrum == whole.spectrum
    assert done.faithfulness == whole.faithfulness


def test_several_targets_choose_together() -> None:
    def both(masks: np.ndarray) -> np.ndarray:
        return np.stack([game(masks), 1e6 * masks[:, 5] * masks[:, 6]], axis=1)

    explanation = ip.explain(both, features=N, budget=80, design="adaptive", store=None)
    assert explanation.sample.masks == 80
    assert len(explanation.targets) == 2


def test_a_small_game_is_evaluated_whole() -> None:
    explanation = ip.explain(
        lambda masks: 1.0 * masks[:, 0], features=5, budget=100, design="adaptive", store=None
    )
    assert explanation.sample.masks == 32
    assert explanation.sample.design == "complete"
    most = ip.explain(
        lambda masks: masks[:, 0] + 0.1 * masks.sum(axis=1) ** 2,
        features=6, budget=63, design="adaptive", store=None,
    )  # fmt: skip
    assert most.sample.masks == 63
    auto = ip.explain(
        lambda masks: 1.0 * masks[:, 0],
        features=7,
        budget="auto,100",
        design="adaptive",
        store=None,
    )
    assert auto.sample.masks <= 100


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"budget": "60s"}, 'add one to the budget, such as "60s,500"'),
        ({"budget": 11}, "10 for a fit beside the full and the empty mask; some"),
        ({"budget": 90, "method": "exact"}, 'has no part in it'),
        ({"budget": 90, "method": "spex"}, "needs a design of coded masks"),
    ],
)  # fmt: skip
def test_what_is_no_adaptive_run_is_refused_in_words(
    options: dict[str, object], message: str
) -> None:
    with pytest.raises(ip.InterplayError, match=message):
        ip.explain(game, features=N, design="adaptive", store=None, **options)


def test_a_run_is_replayed_from_its_masks(tmp_path: Path) -> None:
    run = ip.explain(game, features=N, budget=80, design="adaptive", store=None)
    path = run.save(tmp_path / "run.json")
    again = ip.replay(path, game)
    assert again.same_results
    path.with_suffix(".npz").unlink()
    with pytest.raises(ip.BadInput, match="explain anew"):
        ip.replay(path, game)
