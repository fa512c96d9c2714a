"""Texts as value functions, over classifiers loaded from real folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from interplay.lenses.text import text

REVIEW = "The film is not bad at all, it is a joy from start to finish."


def test_masks_words_and_returns_a_logit(bert: Path) -> None:
    value = text(REVIEW, model=bert, target="logit:positive")
    assert value.features == tuple(REVIEW.split())
    assert value.targets == ("logit:Positive",)
    masks = np.random.default_rng(0).random((20, len(value.features))) < 0.5
    values = value(masks)
    assert values.shape == (20,)
    assert values.dtype == np.float64
    assert np.ptp(values) > 0.01


@pytest.mark.parametrize("folder", ["bert", "roberta", "gpt2"])
def test_loads_each_tokenizer(folder: str, request: pytest.FixtureRequest) -> None:
    value = text(REVIEW, model=request.getfixturevalue(folder))
    masks = np.random.default_rng(0).random((20, len(value.features))) < 0.5
    assert np.isfinite(value(masks)).all()
