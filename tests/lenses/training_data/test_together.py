"""Synergy and redundancy: oracles over all masks, duplicates from values alone, bad input."""

from __future__ import annotations

import json
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import interplay as ip
from interplay.lenses.pairs import kind_of, pairs_of
from interplay.lenses.training_data.alike import alike
from interplay.lenses.training_data.moments import Moments
from interplay.lenses.training_data.together import Together, moebius_reading, together

ALL_6 = (np.arange(64)[:, None] >> np.arange(6) & 1).astype(bool)


def plane(seed: int, m: int = 600, n: int = 12, q: int = 8) -> Any:
    rng = np.random.default_rng(seed)
    return rng.random((m, n)) < 0.5, rng.normal(size=(n, q)), rng


def effects_by_force(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Banzhaf values (n, q) and interactions (n, n, q) of a game given on all masks of 6."""
    index = {tuple(mask): k for k, mask in enumerate(ALL_6.tolist())}

    def value(mask: np.ndarray, **changes: bool) -> np.ndarray:
        changed = mask.copy()
        for name, kept in changes.items():
            changed[int(name[1:])] = kept
        return values[index[tuple(changed.tolist())]]

    single = np.array(
        [
            np.mean([value(m, **{f"x{i}": True}) - value(m, **{f"x{i}": False}) for m in ALL_6], 0)
            for i in range(6)
        ]
    )
    pair = np.zeros((6, 6, values.shape[1]))
    for i, j in combinations(range(6), 2):
        differences = [
            value(m, **{f"x{i}": True, f"x{j}": True})
            - value(m, **{f"x{i}": True, f"x{j}": False})
            - value(m, **{f"x{i}": False, f"x{j}": True})
            + value(m, **{f"x{i}": False, f"x{j}": False})
            for m in ALL_6
        ]
        pair[i, j] = pair[j, i] = np.mean(differences, 0)
    return single, pair


def test_sums_are_those_of_brute_force() -> None:
    values = np.random.default_rng(0).normal(size=(64, 3))
    single, pair = effects_by_force(values)
    moments = Moments.of(ALL_6, values)
    np.testing.assert_allclose(moments.effects, single, atol=1e-12)
    along = np.einsum("ijt,it->ij", pair, single)
    np.testing.assert_allclose(
        moments.along[~np.eye(6, dtype=bool)], along[~np.eye(6, dtype=bool)], atol=1e-12
    )
    np.testing.assert_allclose(moments.interactions([(1, 4)])[0], pair[1, 4], atol=1e-12)
    assert moments.spread.max() == 0.0  # nothing is left to chance


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    masks, weights, rng = plane(1)
    values = masks @ weights + np.outer(masks[:, 0] & masks[:, 1], rng.normal(size=8))
    whole = together(masks, values)
    monkeypatch.setattr("interplay.lenses.training_data.moments.ROWS", 37)
    parts = together(masks, values)
    np.testing.assert_allclose(parts.share, whole.share, atol=1e-9)
    np.testing.assert_allclose(parts.evidence, whole.evidence, rtol=1e-6, atol=1e-6)


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), rate=st.sampled_from([0.3, 0.5, 0.7]))
def test_shares_of_additive_or_and_and_games(seed: int, rate: float) -> None:
    rng = np.random.default_rng(seed)
    masks = rng.random((3000, 6)) < rate
    weights = rng.normal(size=(6, 20))
    one_is_enough = np.outer(masks[:, 0] | masks[:, 1], weights[0])
    both_are_needed = np.outer(masks[:, 2] & masks[:, 3], weights[2])
    seen = together(masks, one_is_enough + both_are_needed + masks[:, 4:] @ weights[4:])
    assert abs(seen.share[0, 1] - 1) < 5 * seen.error[0, 1] + 0.02
    assert abs(seen.share[2, 3] + 1) < 5 * seen.error[2, 3] + 0.02
    assert abs(seen.share[4, 5]) < 5 * seen.error[4, 5] + 0.02
    assert seen.pair(1, 0).kind == "redundant"
    assert seen.pair(2, 3).kind == "synergistic"
    assert [pair.features for pair in seen.duplicates()] == [(0, 1)]


def test_errors_cover_the_truth() -> None:
    """Of an additive game with noise, shares beyond 1.645 errors are about one in ten."""
    masks, weights, rng = plane(3, m=2000, n=30, q=10)
    seen = together(masks, masks @ weights + rng.normal(size=(2000, 10)) * 3)
    places = np.triu_indices(30, 1)
    beyond = np.abs(seen.share[places]) > 1.645 * seen.error[places]
    assert 0.05 < beyond.mean() < 0.16
    assert seen.duplicates() == []


@settings(max_examples=10)
@given(seed=st.integers(0, 1000))
def test_relabelling_relabels(seed: int) -> None:
    masks, weights, rng = plane(seed, m=300)
    values = masks @ weights + np.outer(masks[:, 0] & masks[:, 1], rng.normal(size=8))
    order = rng.permutation(12)
    seen, turned = together(masks, values), together(masks[:, order], values)
    np.testing.assert_allclose(turned.share, seen.share[np.ix_(order, order)], atol=1e-8)
    np.testing.assert_allclose(
        turned.evidence, seen.evidence[np.ix_(order, order)], rtol=1e-5, atol=1e-5
    )


def trained(seed: int, n: int = 60, copies: int = 8, m: int = 1500) -> tuple[Together, set[Any]]:
    """Ridge on examples of which the last ones are copies: what is seen, and the true pairs."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(n - copies, 8))
    sources = rng.choice(n - copies, copies, replace=False)
    labels = (inputs[:, 0] + 0.5 * rng.normal(size=n - copies) > 0).astype(int)
    order = rng.permutation(n)
    rows = np.concatenate([np.arange(n - copies), sources])[order]
    place = np.argsort(order)
    pairs = {
        tuple(sorted((int(place[s]), int(place[n - copies + k])))) for k, s in enumerate(sources)
    }
    tests = rng.normal(size=(30, 8))
    value = ip.training_data(
        "ridge", (inputs[rows], labels[rows]), (tests, (tests[:, 0] > 0).astype(int))
    )
    masks = rng.random((m, n)) < 0.5
    return together(masks, value(masks), targets=value.targets, features=value.features), pairs


def test_duplicates_are_found_from_values_alone() -> None:
    seen, pairs = trained(0)
    found = {pair.features for pair in seen.duplicates()}
    assert len(seen.targets) == 30  # the mean is left out
    assert len(found & pairs) >= 6
    assert len(found - pairs) <= 1
    sets = seen.repeated()
    assert {one.features for one in sets} == found  # pairs, no larger set
    assert all(one.share > 0 for one in sets)
    assert f"{2 * len(sets)} of 60 repeat each other, in {len(sets)} sets" in seen.sentence
    told = json.loads(json.dumps(seen.to_dict(), allow_nan=False))
    assert {tuple(pair["features"]) for pair in told["duplicates"]} == found
    assert told["redundant"]


def test_copies_are_symmetric_players() -> None:
    seen, pairs = trained(1, m=6000)
    effects, noise = seen.moments.effects, seen.moments.noise
    for i, j in pairs:
        off = np.square(effects[i] - effects[j]).sum()
        assert off < 3 * 2 * np.trace(noise)


def test_sets_of_more_than_two_and_groups_that_act_together() -> None:
    masks, weights, rng = plane(5, m=3000, n=30, q=15)
    several = masks[:, :3].any(axis=1)
    both = sum((masks[:, i] & masks[:, j]).astype(float) for i, j in combinations((4, 5, 6), 2))
    values = np.outer(several, weights[0]) + np.outer(both, weights[4])
    values += masks[:, 3:4] @ weights[3:4] + masks[:, 7:] @ weights[7:]
    seen = together(masks, values + 0.05 * rng.normal(size=values.shape))
    assert seen.repeated()[0].features == (0, 1, 2)
    (group,) = [one for one in seen.groups() if 4 in one.features]
    assert group.features == (4, 5, 6)
    strongest = int(np.abs(weights[4]).argmax())
    assert group.targets[0] == str(strongest)
    assert group.values[0] == pytest.approx(3 * weights[4, strongest], rel=0.05)
    assert {pair.features for pair in seen.strongest("synergistic", 3)} == {(4, 5), (4, 6), (5, 6)}


def test_nothing_happens() -> None:
    masks, _, _ = plane(6, m=100)
    seen = together(masks, np.zeros((100, 2)))
    assert seen.duplicates() == seen.repeated() == seen.groups() == []
    assert np.isnan(seen.share).all()
    assert seen.to_dict()["redundant"] == []
    assert seen.pair(0, 1).kind == "mixed"


def test_explanations_and_recordings() -> None:
    def game(masks: np.ndarray) -> np.ndarray:
        return np.stack([masks[:, 0] | masks[:, 1], masks[:, 2].astype(float)], axis=1)

    found = ip.explain(game, 9, budget=200, store=None)
    seen = together(found)
    assert seen.features == found.features
    assert seen.share[0, 1] == pytest.approx(1, abs=0.1)
    assert found.evaluations is not None
    np.testing.assert_array_equal(together(found.evaluations).share, seen.share)


def test_bad_input() -> None:
    masks, weights, rng = plane(7)
    with pytest.raises(ip.BadInput, match="12 features are read off 23 masks at least; there are"):
        together(masks[:20], masks[:20] @ weights)
    sparse, uneven = rng.random((600, 300)) < 0.995, rng.random((600, 12)) < rng.random((600, 1))
    with pytest.raises(ip.BadInput, match=r"the masks keep 99\.\d % of the features"):
        together(sparse, sparse.sum(axis=1))
    with pytest.raises(ip.BadInput, match="read off masks of one rate"):
        together(uneven, uneven.sum(axis=1))
    with pytest.raises(ip.BadInput, match="give an explanation, a recording, or masks and values"):
        together(masks)
    with pytest.raises(ip.BadInput, match="targets must name all 8 columns; got 1 names"):
        together(masks, masks @ weights, targets=["a"])

    class Loaded:
        evaluations = None

    with pytest.raises(ip.BadInput, match="loaded without its evaluations"):
        together(Loaded())


def test_evidence_grows_with_likeness_and_not_with_silence() -> None:
    rng = np.random.default_rng(8)
    effects = rng.normal(size=(40, 25))
    effects[1] = effects[0]
    effects[3] = 0.9 * effects[2] + np.sqrt(1 - 0.81) * rng.normal(size=25)
    effects[4:6] = 0.0
    evidence, correlation = alike(effects + 0.1 * rng.normal(size=(40, 25)), 0.01 * np.eye(25))
    assert evidence[0, 1] > evidence[2, 3] > 1 > abs(evidence[4, 5])
    assert correlation[0, 1] >= 0.98
    assert 0.7 <= correlation[2, 3] <= 0.98
    np.testing.assert_array_equal(evidence, evidence.T)


def test_one_rule_for_all_lenses() -> None:
    assert [kind_of(*signs) for signs in ((1, 1, 1), (-1, -1, -1), (1, 1, -1), (-1, -1, 1))] == [
        "synergistic",
        "synergistic",
        "redundant",
        "redundant",
    ]
    assert {kind_of(1, -1, 1), kind_of(1, 1, 0), kind_of(0, 1, 1)} == {"mixed"}
    spectrum = ip.Spectrum({(0,): -1.0, (1,): -1.0, (2,): 1.0, (0, 1): -0.3, (0, 2): 0.5}, n=3)
    assert [(pair.features, pair.kind) for pair in pairs_of(spectrum)] == [
        ((0, 2), "mixed"),
        ((0, 1), "redundant"),
    ]


def test_the_papers_reading() -> None:
    # Moebius terms of this game are its own: two cats that help, a cat and a dog that mislead
    def game(masks: np.ndarray) -> np.ndarray:
        cats, mixed = masks[:, 0] & masks[:, 1], masks[:, 1] & masks[:, 2]
        others = masks[:, 0] & masks[:, 3]
        return 3.0 * cats - 2.0 * mixed - 1.0 * others + masks[:, 2]

    spectrum = ip.explain(game, 4, store=None).spectrum
    labels = ["cat", "cat", "dog", "cat"]
    told = moebius_reading(spectrum, labels, "cat", count=2)
    assert [(term, round(value, 6)) for term, value in told["synergistic"]] == [
        ((0, 1), 3.0),
        ((1, 2), 2.0),  # with an example of another class: the sign is flipped
    ]
    assert [(term, round(value, 6)) for term, value in told["redundant"]] == [((0, 3), -1.0)]
    worse = moebius_reading(spectrum, labels, "cat", count=1, helps=-1.0)
    assert worse["redundant"][0][0] == (0, 1)
    with pytest.raises(ip.BadInput, match="labels must tell the class of 4 features; got 1"):
        moebius_reading(spectrum, ["cat"], "cat")
