"""Leave-one-out: exact, loud about what is missing, judged on rows that it has not used."""

from __future__ import annotations

import numpy as np
import pytest
from baseline_games import with_ends

import interplay as ip
from interplay.metrics import r_squared


def fit(masks: np.ndarray, values: np.ndarray, **options: object) -> ip.Surrogate:
    return ip.fit(masks, values, method="leave-one-out", **options)


def test_effects_are_differences_to_the_full_mask() -> None:
    masks = with_ends(40, 12)
    values = 1e6 + np.random.default_rng(0).normal(size=len(masks))
    fitted = fit(masks, values)
    effects = fitted.spectrum(None).interactions("BV")
    for i in range(12):
        assert effects[(i,)] == pytest.approx(values[0] - values[2 + i], abs=1e-8)
    assert fitted.predict(masks[:1])[0] == pytest.approx(values[0])
    assert fitted.predict(masks[2:14]) == pytest.approx(values[2:14])


def test_evidence_is_on_the_other_rows() -> None:
    masks = with_ends(300, 15)
    values = masks[:, 0] * 2.0 + (masks[:, 1] & masks[:, 2])
    fitted = fit(masks, values)
    inner = masks[17:]
    truth = r_squared(values[17:], fitted.predict(inner))
    assert fitted.faithfulness.value == pytest.approx(truth)
    assert np.isfinite(fitted.out_of_fold).sum() == 300


def test_without_other_rows_there_is_no_evidence() -> None:
    masks = np.concatenate([np.ones((1, 12), bool), ~np.eye(12, dtype=bool)])
    fitted = fit(masks, masks.sum(axis=1) * 1.0)
    assert np.isnan(fitted.faithfulness.value)
    assert fitted.diagnostics()[0].endswith("there were too few masks to test it on.")
    assert fitted.spectrum(None).terms == pytest.approx({(): 6.0} | {(i,): -0.5 for i in range(12)})
    noisy = fit(masks, masks.sum(axis=1) * 1.0, noise_var=0.1)
    assert noisy.diagnostics()[0].endswith("there were too few masks to test it on.")


def test_errors_are_those_of_the_noise() -> None:
    masks = with_ends(40, 12)
    assert (fit(masks, masks[:, 0] * 1.0).spectrum(None).standard_errors == 0).all()
    replicated = np.concatenate([masks, masks[:1]])
    values, noise = replicated[:, 0] * 1.0, np.full(len(replicated), 0.08)
    errors = fit(replicated, values, noise_var=noise).spectrum(None).standard_errors
    # half a difference of one value, and the mean of two
    assert errors[1:] == pytest.approx(np.sqrt((0.08 + 0.04) / 4))
    assert errors[0] == pytest.approx(np.sqrt(0.04 * (1 - 6) ** 2 + 12 * 0.08 / 4))


def test_what_is_missing_is_named() -> None:
    masks = with_ends(40, 12)
    values = np.arange(len(masks)) * 1.0
    with pytest.raises(ip.BadInput, match=r"missing: the full mask\. Evaluate"):
        fit(masks[1:], values[1:])
    keep = np.setdiff1d(np.arange(len(masks)), [2, 7])
    with pytest.raises(
        ip.BadInput, match=r"2 of the 12 masks that lack one .*\(of features 0, 5\)"
    ):
        fit(masks[keep], values[keep])
    with pytest.raises(ip.BadInput, match=r"the full mask, and 30 of the 30 .*6, 7, \.\.\.\)"):
        fit(np.random.default_rng(0).random((20, 30)) < 0.5, np.arange(20.0))
