"""Faithfulness against calls: from parts of the evaluations, and from the rounds of a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import interplay as ip
from interplay.explanation import Cost, describe
from interplay.explanation.convergence import Point, curve
from interplay.metrics import Estimate
from interplay.surrogates import fit_recording


class Game:
    """Two targets of 12 words: a simple one and a rough one."""

    features = tuple(f"w{i}" for i in range(12))
    targets = ("simple", "rough")

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        pair = masks[:, 1] & masks[:, 2]
        rough = np.sin(3.0 * (masks @ np.arange(1, 13)))
        return np.stack([masks[:, 0] + 2.0 * pair, rough], axis=1)


@pytest.fixture(scope="module")
def run() -> ip.Explanation:
    return ip.explain(Game(), budget=240, method="proxyspex", seed=3, store=None)


def test_a_run_has_points_of_parts_and_its_own(run: ip.Explanation, tmp_path: Path) -> None:
    assert all(finding.convergence == () for finding in run.findings)
    measured = run.with_convergence()
    for before, finding in zip(run.findings, measured.findings, strict=True):
        points = finding.convergence
        assert [point.calls for point in points] == [30, 60, 120, 240]
        assert points[-1] == Point.of(240, before.faithfulness)
        assert all(point.low <= point.value <= point.high for point in points)
        assert replace(finding, convergence=()) == before
    simple = measured.target("simple").finding.convergence
    assert simple[0].value < simple[-1].value
    assert measured.run_notes == run.run_notes
    assert measured == run.with_convergence()  # the same parts each time
    loaded = ip.load(measured.save(tmp_path / "run.json"))
    assert loaded.to_dict() == measured.to_dict()
    assert loaded.finding.convergence == measured.finding.convergence


def test_a_part_is_a_fit_to_some_of_the_rows_with_the_ends(run: ip.Explanation) -> None:
    """The point at a half is that of ``ip.fit`` to the same rows."""
    from interplay.explanation import convergence

    rows: list[np.ndarray] = []
    original = convergence._part

    def spied(evaluations: ip.Recording, chosen: np.ndarray) -> ip.Recording:
        rows.append(chosen)
        return original(evaluations, chosen)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convergence, "_part", spied)
        measured = run.with_convergence([0.5, 0.25])
    assert run.evaluations is not None
    assert [len(chosen) for chosen in rows] == [60, 120]
    assert set(rows[0]) < set(rows[1])
    masks, values = run.evaluations.masks[rows[1]], run.evaluations.values[rows[1]]
    assert masks.all(axis=1).sum() == (~masks).all(axis=1).sum() == 1
    alone = ip.fit(masks, values[:, 0], method="proxyspex", seed=3)
    point = measured.target("simple").finding.convergence[1]
    assert point == Point.of(120, alone.faithfulness)


def test_masks_set_aside_stay_in_every_part() -> None:
    found = ip.explain(lambda masks: 1.0 * masks[:, 0], 14, budget=200, design="paired", store=None)
    assert found.evaluations is not None
    assert found.evaluations.test is not None
    measured = found.with_convergence([0.5])
    assert [point.calls for point in measured.finding.convergence] == [100, 200]


def test_replicates_count_as_calls() -> None:
    rng = np.random.default_rng(0)

    def noisy(masks: np.ndarray) -> np.ndarray:
        return masks[:, 0] + 0.1 * rng.normal(size=len(masks))

    found = ip.explain(
        noisy, 12, budget=360, replicates=3, method="lasso", store=None, fingerprint="noisy"
    )
    points = found.with_convergence([0.25, 0.5]).finding.convergence
    assert [point.calls for point in points] == [90, 180, 360]


def test_rounds_of_a_run_are_recorded_for_nothing() -> None:
    found = ip.explain(Game(), budget="auto,300", method="lasso", store=None)
    for finding in found.findings:
        calls = [point.calls for point in finding.convergence]
        assert len(calls) > 1
        assert calls == sorted(calls)
        assert finding.convergence[-1] == Point.of(found.sample.masks, finding.faithfulness)


def test_adaptive_rounds_are_kept_and_not_cut() -> None:
    found = ip.explain(
        lambda masks: 1.0 * masks[:, 0], 14, budget=120, design="adaptive", store=None
    )
    points = found.finding.convergence
    assert len(points) > 1
    measured = found.with_convergence()
    assert measured.finding.convergence == points
    assert measured.run_notes[-1] == (
        "Faithfulness against calls was not measured: its masks were chosen by what was found on "
        "the way."
    )
    assert measured.with_convergence() == measured  # said once


def test_coded_masks_cannot_be_cut() -> None:
    found = ip.explain(lambda masks: 1.0 * masks[:, 0], 16, budget=1500, method="spex", store=None)
    measured = found.with_convergence()
    assert measured.finding.convergence == ()
    assert "coded masks can only be decoded together" in measured.diagnostics()[-1]


def test_exact_and_small_runs_say_why_they_have_none() -> None:
    exact = ip.explain(lambda masks: 1.0 * masks[:, 0], 5, method="exact", store=None)
    assert 'method "exact" needs every mask' in exact.with_convergence().diagnostics()[-1]
    small = ip.explain(lambda masks: 1.0 * masks[:, 0], 12, budget=20, store=None)
    told = "parts of its masks are too few for a fit"
    assert told in small.with_convergence([0.5]).diagnostics()[-1]


def test_a_method_that_needs_certain_masks_loses_no_run() -> None:
    masks = np.concatenate([np.ones((1, 20), np.bool_), ~np.eye(20, dtype=np.bool_)])
    recording = ip.Recording(masks, masks.sum(axis=1) * 1.0, targets=("value",))
    found = describe(
        fit_recording(recording, method="leave-one-out", seed=0),
        recording,
        cost=Cost(0, 21, 0.0, 0.0),
        config={"method": "leave-one-out", "seed": 0},
        subject={"kind": "recording"},
    )
    assert "too few for a fit" in found.with_convergence([0.75]).diagnostics()[-1]


@pytest.mark.parametrize("fractions", [(), (0.0,), (1.0,), (0.5, 2.0), (float("nan"),)])
def test_fractions_lie_between_0_and_1(run: ip.Explanation, fractions: tuple[float, ...]) -> None:
    with pytest.raises(ip.BadInput, match=r"fractions must lie between 0 and 1; got \("):
        run.with_convergence(fractions)


def test_without_evaluations_there_is_nothing_to_cut(run: ip.Explanation, tmp_path: Path) -> None:
    path = run.save(tmp_path / "run.json")
    path.with_suffix(".npz").unlink()
    with pytest.raises(ip.BadInput, match=r"without its evaluations.*put the \.npz file"):
        ip.load(path).with_convergence()


def test_points_without_a_test_are_left_out() -> None:
    unknown = Estimate(float("nan"), float("-inf"), 1.0, "uniform")
    known = Estimate(0.5, 0.4, 0.6, "uniform")
    assert curve({5: {"a": unknown}, 9: {"a": known}}, "a") == (Point(9, 0.5, 0.4, 0.6),)
