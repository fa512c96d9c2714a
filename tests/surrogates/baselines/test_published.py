"""The published ProxySPEX: its recipe step by step, its faults, honest evidence, other learners."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import RidgeCV

import interplay as ip
from interplay.metrics import r_squared
from interplay.packing import pack_terms
from interplay.surrogates.baselines import (
    LightGbm,
    OwnTrees,
    ProxySpexPublished,
    SklearnTrees,
    proxyspex_published,
)
from interplay.surrogates.baselines.published import PUBLISHED_GRID, passes

FEW = [LightGbm(depth, rate, (50, 200)) for depth in (3, 5) for rate in (0.03, 0.1)]
"""A grid like the published one, with fewer trees."""


def uniform(m: int, n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((m, n)) < 0.5


def cut_as_published(coefficients: dict[tuple[int, ...], float]) -> set[tuple[int, ...]]:
    """The cut in its own words: walk down the ranking until 95 %, keep what is above."""
    ranked = sorted((value**2 for term, value in coefficients.items() if term), reverse=True)
    reached, threshold = 0.0, 0.0
    for energy in ranked:
        reached += energy
        threshold = energy**0.5
        if reached / sum(ranked) >= 0.95:
            break
    return {term for term, value in coefficients.items() if abs(value) > threshold}


def test_the_grid() -> None:
    assert [(one.depth, one.rate, one.trees) for one in PUBLISHED_GRID] == [
        (depth, rate, (500, 1000, 5000)) for depth in (3, 5) for rate in (0.01, 0.1)
    ]
    assert proxyspex_published().learners == ProxySpexPublished.learners == PUBLISHED_GRID


@pytest.mark.parametrize("seed", range(5))
def test_the_cut(seed: int) -> None:
    rng = np.random.default_rng(seed)
    terms = [(), *((i,) for i in range(10)), *((i, i + 1) for i in range(9))]
    coefficients = rng.normal(size=len(terms)) ** 3
    coefficients[0] *= 10.0 ** rng.integers(-3, 3)
    kept = passes(pack_terms(terms, 11), coefficients)
    expected = cut_as_published(dict(zip(terms, coefficients.tolist(), strict=True)))
    assert {term for term, passed in zip(terms, kept, strict=True) if passed} == expected


def test_every_step() -> None:
    """The same numbers as the recipe done by hand with the learner that was chosen."""
    pytest.importorskip("lightgbm")
    masks = uniform(250, 12)
    values = 2.0 + 3.0 * (masks[:, 0] & masks[:, 1]) + masks[:, 2] - 0.7 * masks[:, 3]
    values += 0.1 * np.random.default_rng(1).normal(size=250)
    fitted = ip.fit(masks, values, method=proxyspex_published(FEW))
    chosen = next(one for one in fitted.diagnostics() if "as published, by LightGbm" in one)
    learner = eval(chosen.split("by ", 1)[1].split(": ", 1)[0])  # its repr
    order = np.lexsort(masks.T)
    [proxy] = learner.fit(masks[order], values[order], np.ones(250), np.random.default_rng(0))
    packed, coefficients = proxy.spectrum()
    kept = packed[passes(packed, coefficients)]
    signs = np.array(
        [
            [
                (-1.0) ** sum(m[i] for i in t)
                for t in ip.Spectrum.from_packed(kept, np.ones(len(kept)), 12).terms
            ]
            for m in masks
        ]
    )
    ridge = RidgeCV(alphas=np.logspace(-6, 6, 100), fit_intercept=False).fit(signs, values)
    assert fitted.predict(masks) == pytest.approx(ridge.predict(signs), abs=1e-4)


def test_five_equal_effects_lose_one() -> None:
    masks = uniform(300, 16)
    values = masks[:, :5].sum(axis=1) * 1.0
    fitted = ip.fit(masks, values, method=proxyspex_published(OwnTrees()))
    assert len([term for term in fitted.spectrum(None).terms if term]) == 4
    assert fitted.faithfulness.value == pytest.approx(0.8, abs=0.05)
    assert ip.fit(masks, values, method="proxyspex").faithfulness.value > 0.99


def test_a_constant_below_the_cut_is_dropped() -> None:
    masks = uniform(300, 8)
    values = 4.0 * (masks[:, 0] - 0.5) + 3.0 * (masks[:, 1] - 0.5) + (masks[:, 2] - 0.5) + 0.2
    fitted = ip.fit(masks, values, method=proxyspex_published(OwnTrees()))
    assert fitted.spectrum(None).terms[()] == 0.0
    assert "the constant is dropped" in fitted.diagnostics()[-1]
    assert ip.fit(masks, 5.0 + values, method=proxyspex_published(OwnTrees())).spectrum(None).terms[
        ()
    ] == pytest.approx(5.2, abs=0.2)


def test_a_single_effect_is_cut_too() -> None:
    masks = uniform(200, 6)
    fitted = ip.fit(
        masks, masks[:, 0] - 0.5, method=proxyspex_published(SklearnTrees(RandomForestRegressor(5)))
    )
    assert fitted.faithfulness.value < 0.1
    assert fitted.spectrum(None).max_order == 0
    assert "of 1 terms it keeps 0" in " ".join(fitted.diagnostics()) or len(fitted.series) == 1
    kept = ip.fit(
        masks,
        masks[:, 0] - 0.5,
        method=proxyspex_published(SklearnTrees(RandomForestRegressor(5)), inclusive=True),
    )
    assert kept.faithfulness.value > 0.99
    assert "and that one" in kept.diagnostics()[-1]


def test_evidence_agrees_with_masks_that_nobody_saw() -> None:
    pytest.importorskip("lightgbm")

    def game(masks: np.ndarray) -> np.ndarray:
        return (
            masks[:, 0]
            + 2.0 * (masks[:, 1] & masks[:, 2])
            + np.sin(9.0 * (masks @ np.arange(14.0)))
        )

    masks, unseen = uniform(400, 14), uniform(3000, 14, seed=1)
    fitted = ip.fit(masks, game(masks), method=proxyspex_published(FEW))
    truth = r_squared(game(unseen), fitted.predict(unseen))
    assert fitted.faithfulness.low - 0.03 <= truth <= fitted.faithfulness.high + 0.03


def test_pure_noise_is_not_to_be_trusted() -> None:
    values = np.random.default_rng(0).normal(size=200)
    fitted = ip.fit(uniform(200, 15), values, method=proxyspex_published(OwnTrees()))
    assert fitted.faithfulness.verdict == "do not trust"


def test_what_predicts_a_fold_has_not_seen_it() -> None:
    """Every call to the learner is followed: which rows it was given, which it predicted."""
    seen: list[set[bytes]] = []

    class Spy:
        def fit(self, masks, targets, weights, rng):  # type: ignore[no-untyped-def]
            seen.append({row.tobytes() for row in masks})
            return OwnTrees().fit(masks, targets, weights, rng)

    masks = np.unique(uniform(120, 10), axis=0)
    values = masks[:, 0] * 1.0 + masks[:, 1]
    fitted = ip.fit(masks, values, method=proxyspex_published([Spy(), Spy()]))
    # five folds, two learners: then one per fold is grown again (by OwnTrees, its proxy's learner)
    assert len(seen) == 10
    assert all(len(rows) < len(masks) for rows in seen)
    assert np.isfinite(fitted.out_of_fold[masks.any(axis=1) & ~masks.all(axis=1)]).all()


def test_learners_are_checked() -> None:
    with pytest.raises(ip.BadInput, match=r"learner must have fit\(masks, targets, weights, rng\)"):
        proxyspex_published("lightgbm")
    with pytest.raises(ip.BadInput, match="learner must have fit"):
        proxyspex_published([])


def test_without_lightgbm_it_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['lightgbm'] = None\n"
        "import numpy as np, interplay as ip\n"
        "masks = np.random.default_rng(0).random((50, 8)) < 0.5\n"
        "try:\n    ip.fit(masks, masks[:, 0] * 1.0, method='proxyspex-published')\n"
        "except ip.MissingExtra as error:\n    print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert 'pip install "interplay[lightgbm]"' in run.stdout, run.stderr
