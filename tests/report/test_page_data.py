"""What the script of a page is given: enough to predict what the spectrum predicts."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest

import interplay as ip
from interplay.intervals import Z_90
from interplay.report.page_data import answers, page_data
from interplay.report.reading import Reading


@pytest.fixture(scope="module")
def explanation() -> ip.Explanation:
    def value(masks: np.ndarray) -> np.ndarray:
        kept = np.asarray(masks, dtype=float)
        noise = np.sin(kept @ np.arange(1.0, 13.0) * 7)
        found = 2 * kept[:, 0] - kept[:, 1] * kept[:, 2] + 1.5 * kept[:, 3] * kept[:, 5]
        return np.asarray(found + 0.05 * noise)

    return ip.explain(value, [f"w{i}" for i in range(12)], budget=300, store=None)


def test_the_page_can_predict_what_the_spectrum_predicts(explanation: ip.Explanation) -> None:
    run = Reading(explanation.to_dict())
    assert answers(run)
    data = json.loads(json.dumps(page_data(run, what_if=True)))
    masks = np.random.default_rng(0).random((50, 12)) < 0.5
    predicted = np.full(50, data["whatIf"]["constant"])
    for features, value, *_ in data["terms"]:
        sign = 1 - 2 * (masks[:, features].sum(axis=1) % 2)
        predicted += sign * value / (-2) ** len(features)
    assert predicted == pytest.approx(explanation.spectrum.predict(masks), abs=1e-12)


def test_draws_stand_in_the_order_of_the_terms(explanation: ip.Explanation) -> None:
    summary = explanation.to_dict()
    spectrum = explanation.spectrum
    steps = np.arange(2 * len(spectrum), dtype=np.int64).astype(np.int8).reshape(2, -1)
    summary["targets"][0]["draws"] = {
        "count": 2,
        "scale": 0.5,
        "data": base64.b64encode(steps.tobytes()).decode(),
    }
    told = page_data(Reading(summary), what_if=True)
    draws = told["whatIf"]["draws"]
    got = np.frombuffer(base64.b64decode(draws["data"]), np.int8).reshape(2, -1)
    place = {term: i for i, term in enumerate(spectrum.terms)}
    order = [place[()], *(place[tuple(features)] for features, *_ in told["terms"])]
    assert (got == steps[:, order]).all()
    assert (draws["count"], draws["scale"], told["whatIf"]["z"]) == (2, 0.5, Z_90)


def test_without_the_series_there_is_no_what_if(explanation: ip.Explanation) -> None:
    summary = explanation.to_dict()
    del summary["targets"][0]["spectrum"]
    assert not answers(Reading(summary))
    cut = explanation.to_dict()
    cut["targets"][0]["top"] = cut["targets"][0]["top"][:3]
    assert not answers(Reading(cut)), "three terms do not predict what all do"
    assert page_data(Reading(cut), what_if=False)["whatIf"] is None


def test_how_far_the_model_strays(explanation: ip.Explanation) -> None:
    run = Reading(explanation.to_dict())
    share = explanation.faithfulness.value
    assert run.residual == pytest.approx(
        np.sqrt(explanation.spectrum.variance * (1 - share) / share)
    )
    for value in (None, -0.3, 1.0):
        summary = explanation.to_dict()
        summary["targets"][0]["faithfulness"]["value"] = value
        assert Reading(summary).residual is None


def test_faithfulness_against_calls() -> None:
    from run_summaries import callable_summary

    summary = callable_summary(["a", "b", "c", "d"])
    summary["targets"][0]["convergence"] = [
        {"calls": 60, "value": 0.4, "low": 0.1, "high": 0.6},
        {"calls": 120, "value": None, "low": None, "high": None},
        {"calls": 500, "value": 0.93, "low": 0.91, "high": 0.95},
    ]
    from interplay.report import html

    document = html.render(summary)
    assert "R² against calls: 60 calls 0.40 (0.10 to 0.60); 500 calls 0.93" in document
    summary["targets"][0]["convergence"] = []
    assert "against calls" not in html.render(summary)
