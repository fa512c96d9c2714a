"""Thousands of features: sums against brute force, folds that know nothing of their tests."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import interplay as ip
from interplay.packing import pack
from interplay.surrogates import METHODS, screening
from interplay.surrogates.screening import Columns, screen

N = 2_100
"""Just enough features for a screening."""


def drawn(m: int, n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((m, n)) < 0.5


def signs(masks: np.ndarray) -> np.ndarray:
    return 1.0 - 2.0 * masks


def game(masks: np.ndarray) -> np.ndarray:
    x = signs(masks)
    return 3.0 + 2.0 * x[:, 5] - 1.5 * x[:, 40] + x[:, 5] * x[:, 40] + x[:, 7] * x[:, 21]


@pytest.mark.parametrize("m", [1, 63, 64, 65, 5000])
def test_columns_are_the_masks_by_feature(m: int) -> None:
    masks = drawn(m, 70)
    columns = Columns.of(pack(masks), 70)
    chosen = np.array([69, 0, 64])
    assert np.array_equal(columns.signs(chosen), signs(masks[:, chosen]).T)
    pairs = np.array([[3, 4], [69, 64]])
    expected = (signs(masks[:, pairs[:, 0]]) * signs(masks[:, pairs[:, 1]])).T
    assert np.array_equal(columns.products(pairs), expected)


@pytest.mark.parametrize("affordable", [1.0, 0.3])
def test_candidates_are_those_of_brute_force(
    affordable: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every pair's sum over the rows without a fold, of what the sure effects leave, by itself."""
    m, n, k = 300, 60, 5
    monkeypatch.setattr(screening, "MOST_PRODUCTS", affordable * (m + screening.OWN) * n * n)
    monkeypatch.setattr(screening, "COLUMNS", 7)
    monkeypatch.setattr(screening, "SUMS", 100)
    monkeypatch.setattr(screening, "CANDIDATES", 40)
    masks, rng = drawn(m, n), np.random.default_rng(1)
    folds, weights = np.sort(np.arange(m) % (k + 1) - 1), rng.uniform(0.5, 2.0, m)
    values = game(masks) + rng.normal(size=m)
    bounds = np.searchsorted(folds, np.arange(-1, k + 1))
    rows = screening._Rows(Columns.of(pack(masks), n), values, weights, bounds)
    effects = rows.main_effects
    ranks = np.argsort(-np.abs(effects), axis=1)
    partners = screening._partners(ranks, m)
    assert (len(partners) == n) == (affordable == 1.0)
    singles = [np.sort(ranks[fold, :6]) for fold in range(k)]
    found = screening._candidates(rows, partners, singles)
    rest, x = rows.without_sure_effects, signs(masks)
    assert np.var(rest) < 0.6 * np.var(values)
    for fold in range(k):
        train = folds != fold
        y = np.concatenate([v - np.average(v, weights=w) for v, w in (
            (values[folds == part], weights[folds == part]) for part in range(-1, k))])  # fmt: skip
        error = np.sqrt(np.square(weights * y)[train].sum())
        assert effects[fold] == pytest.approx((weights * y)[train] @ x[train] / error, rel=1e-3)
        error = np.sqrt(np.square(weights * rest)[train].sum())
        inside, expected = set(partners.tolist()), []
        for pair in combinations(range(n), 2):
            if inside & set(pair):
                total = (weights * rest)[train] @ x[train][:, pair].prod(axis=1)
                both = set(pair) <= set(singles[fold].tolist())
                of = 15 if both else screening._searched(len(partners), n)
                if abs(total) > screening._limit(40, of) * error:
                    expected.append(pair)
        assert sorted(map(tuple, found[fold].tolist())) == expected
        assert 10 < len(expected) < 200


def test_what_a_fold_keeps_does_not_depend_on_its_own_values() -> None:
    m, k = 400, 4
    masks, rng = drawn(m, 300), np.random.default_rng(2)
    folds = rng.permutation(m) % k
    values = game(masks) + rng.normal(size=m)
    before = screen(pack(masks), 300, values, np.ones(m), folds)
    assert before.features[before.pairs[0]].tolist().count([7, 21]) == 1
    for fold in range(k):
        own = folds == fold
        changed = np.where(own, rng.permutation(values) * 3 + 10 * signs(masks)[:, 99], values)
        after = screen(pack(masks), 300, changed, np.ones(m), folds)
        first, second = before.features[before.usable[fold]], after.features[after.usable[fold]]
        assert np.array_equal(first, second)
        pairs = before.features[before.pairs[fold]], after.features[after.pairs[fold]]
        assert np.array_equal(*pairs)
        assert not np.array_equal(before.features, after.features)


@pytest.mark.parametrize("method", [name for name, cls in METHODS.items() if cls.wide])
def test_few_effects_among_many_features(method: str, tmp_path: Path) -> None:
    masks = drawn(500, N)
    values = game(masks) + 0.3 * np.random.default_rng(1).normal(size=500)
    fitted = ip.fit(masks, values, method=method, features=[f"f{i}" for i in range(N)])
    test = drawn(400, N, seed=9)
    own = fitted.faithfulness
    truth = 1 - np.var(game(test) - fitted.predict(test)) / np.var(game(test))
    assert own.low - 0.05 <= truth
    assert fitted.n == N
    assert {(5,), (40,)} <= set(fitted.spectrum(4).terms)
    if method in ("auto", "proxyspex"):
        top = {found.names for found in fitted.spectrum(10).top(4)}
        assert top == {("f5",), ("f40",), ("f5", "f40"), ("f7", "f21")}
        assert truth > 0.95
    values, errors = fitted.coefficients([(5,), (0, 1, 2_099), ()])
    assert values[0] == pytest.approx(2.0, abs=0.6)
    assert errors[0] >= 0
    assert f"Of {N:,} features" in fitted.diagnostics()[-1]
    assert "and of 2,203,950 pairs" in fitted.diagnostics()[-1]
    again = type(fitted).from_arrays(fitted.arrays(), N)
    assert np.array_equal(again.predict(test), fitted.predict(test))


def test_neither_the_order_of_rows_nor_where_they_are_kept_matters(tmp_path: Path) -> None:
    masks = drawn(300, N)
    values = game(masks) + np.random.default_rng(1).normal(size=300)
    first = ip.fit(masks, values, method="proxyspex")
    shuffled = np.random.default_rng(5).permutation(300)
    np.save(tmp_path / "masks.npy", masks[shuffled])
    mapped = np.load(tmp_path / "masks.npy", mmap_mode="r")
    second = ip.fit(mapped, values[shuffled], method="proxyspex")
    assert first.spectrum(None) == second.spectrum(None)
    assert first.faithfulness == second.faithfulness
    both = ip.fit(masks, np.stack([values, 2 * values], axis=1), method="proxyspex")
    assert both["0"].spectrum(None) == first.spectrum(None)


def test_noise_of_many_features_is_not_to_be_trusted() -> None:
    values = np.random.default_rng(0).normal(size=300)
    fitted = ip.fit(drawn(300, 5_000), values)
    assert fitted.faithfulness.verdict == "do not trust"
    assert fitted.faithfulness.value < 0.05


def test_replicates_weights_and_noise_of_many_features() -> None:
    masks = np.repeat(drawn(150, N), 2, axis=0)
    values = game(masks) + 0.5 * np.random.default_rng(1).normal(size=300)
    plain = ip.fit(masks, values, method="lasso")
    known = ip.fit(masks, values, method="lasso", noise_var=0.25, weights=np.full(300, 2.0))
    for fitted in (plain, known):
        assert {(5,), (40,)} <= set(fitted.spectrum(3).terms)
    constant = ip.fit(masks, np.full(300, 4.0), method="lasso")
    assert constant.spectrum().terms == {(): 4.0}
    assert "found no effect" in " ".join(constant.diagnostics())


def test_methods_that_cannot_say_so() -> None:
    with pytest.raises(ip.BadInput, match=r'"kernel-shap" is for at most 2,000 features; "auto"'):
        ip.fit(drawn(50, N), np.arange(50.0), method="kernel-shap")


def test_a_run_of_many_features_is_saved_and_loaded(tmp_path: Path) -> None:
    explanation = ip.explain(game, features=N, budget=300, method="lasso")
    loaded = ip.load(explanation.save(tmp_path / "run.json"))
    test = drawn(50, N, seed=3)
    assert np.array_equal(loaded.surrogate.predict(test), explanation.surrogate.predict(test))
    assert loaded.faithfulness == explanation.faithfulness


def test_stored_features_are_checked() -> None:
    fitted = ip.fit(drawn(60, N), game(drawn(60, N)), method="lasso")
    arrays = fitted.arrays()
    for kept in (arrays["kept"][::-1], arrays["kept"] + N, arrays["kept"] * 1.0):
        with pytest.raises(ValueError, match="features that were kept must"):
            type(fitted).from_arrays({**arrays, "kept": kept}, N)
