"""The refit: its Cholesky path equals ridge regression, and it keeps what is there."""

from __future__ import annotations

import numpy as np
import pytest

from interplay.surrogates.crossval import assign_folds
from interplay.surrogates.refit import (
    Choice,
    Ranking,
    choose,
    pack_padded,
    parity_columns,
    refit,
)
from interplay.surrogates.sample import Sample


def ranking(masks: np.ndarray, count: int, seed: int = 0) -> Ranking:
    rng = np.random.default_rng(seed)
    n = masks.shape[1]
    pairs = {tuple(sorted(rng.choice(n, 2, replace=False))) for _ in range(4 * count)}
    members = np.array(sorted(pairs)[:count], np.int32)
    return Ranking.of(members, rng.uniform(0.5, 2.0, len(members)), count)


@pytest.mark.parametrize("gamma", [0.5, 1.0])
@pytest.mark.parametrize("size", [1, 5, 12])
@pytest.mark.parametrize("weighted", [False, True])
def test_refit_is_adaptive_ridge(gamma: float, size: int, weighted: bool) -> None:
    rng = np.random.default_rng(1)
    masks = rng.random((40, 10)) < 0.5
    values = rng.normal(size=40) + 7
    weights = rng.uniform(0.1, 4.0, 40) if weighted else np.ones(40)
    weights /= weights.mean()
    candidates = ranking(masks, 12)
    sample = Sample(masks, np.zeros(40, int), np.ones(40), weights)
    result = refit(candidates, sample, values, Choice(size, gamma, 0.3, 1.0))
    columns = parity_columns(masks, candidates.members[:size]).astype(float)
    scale = (candidates.weights[:size] / candidates.weights[0]) ** gamma
    # the same minimum by augmented least squares
    design = np.concatenate([np.ones((40, 1)), columns], axis=1)
    penalty = np.concatenate([np.zeros((size, 1)), np.diag(np.sqrt(0.3) / scale)], axis=1)
    root = np.sqrt(weights)
    expected = np.linalg.lstsq(
        np.concatenate([design * root[:, None], penalty]),
        np.concatenate([values * root, np.zeros(size)]),
        rcond=None,
    )[0]
    assert result.constant == pytest.approx(expected[0])
    assert result.coefficients == pytest.approx(expected[1:])
    centred = (columns - np.average(columns, axis=0, weights=weights)) * root[:, None]
    covariance = np.linalg.inv(centred.T @ centred + np.diag(0.3 / scale**2))
    assert result.errors == pytest.approx(np.sqrt(np.diag(covariance)))


def test_choose_finds_how_many_terms_there_are() -> None:
    rng = np.random.default_rng(2)
    masks = rng.random((400, 10)) < 0.5
    candidates = ranking(masks, 30)
    values = parity_columns(masks, candidates.members[:6]) @ np.linspace(2, 1, 6)
    folds = assign_folds(masks, rng, 5)
    sample = Sample.of(masks, folds)
    choice, out_of_fold = choose([candidates] * 5, sample, values)
    assert out_of_fold[folds >= 0] == pytest.approx(values[folds >= 0], abs=0.2)
    assert choice.size in (5, 7)  # the lengths tried around 6
    noisy = values + rng.normal(size=400)
    assert choose([candidates] * 5, sample, noisy)[0].size < 15


def test_ranking_breaks_ties_by_features_and_drops_zeros() -> None:
    members = np.array([[-1, 3], [-1, 1], [-1, 2], [0, 1]], np.int32)
    found = Ranking.of(members, np.array([0.5, -0.5, 0.0, 0.7]), 10)
    assert found.members.tolist() == [[0, 1], [-1, 1], [-1, 3]]


def test_parity_columns_of_padded_rows() -> None:
    rng = np.random.default_rng(3)
    masks = rng.random((20, 70)) < 0.5
    members = np.array([[-1, -1, 69], [-1, 0, 64], [3, 4, 5]], np.int32)
    assert pack_padded(members, 70).shape == (3, 2)
    expected = [(-1.0) ** masks[:, row[row >= 0]].sum(axis=1) for row in members]
    assert (parity_columns(masks, members) == np.transpose(expected)).all()
