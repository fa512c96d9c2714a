"""What is measured of a test example's scores: margin, loss, probability, prediction."""

from __future__ import annotations

from typing import Final

import numpy as np

from interplay.errors import BadInput, unknown
from interplay.lenses.training_data.dataset import Dataset
from interplay.lenses.training_data.engines.engine import Scale
from interplay.value_function import FloatArray

VALUES: Final = ("margin", "loss", "probability", "prediction")

LEAST: Final = 1e-6
"""Probabilities below count as this much in a loss, which is finite then."""


def check_value(value: str | None, scale: Scale, tests: Dataset) -> str:
    """Return which value is measured, or raise :class:`BadInput` where there is no such.

    By default the margin of classes, and the prediction of regression.
    """
    chosen = value or ("prediction" if tests.classes is None else "margin")
    if chosen not in VALUES:
        raise unknown("value", chosen, VALUES)
    if tests.classes is None and chosen in ("margin", "probability"):
        raise BadInput(
            f"value {chosen!r} is for classes; of regression there are prediction and loss"
        )
    if tests.classes is not None and chosen == "prediction":
        raise BadInput(
            "value 'prediction' is for regression; of classes there are margin, loss, probability"
        )
    if chosen == "probability" and scale == "predictions":
        raise BadInput(
            "this trainer predicts numbers, which are no probabilities: ask for value='margin' or "
            "'loss'"
        )
    return chosen


def measured(scores: FloatArray, tests: Dataset, value: str, scale: Scale) -> FloatArray:
    """Return the values of test examples, ``(m, t)``, of scores ``(m, t, c)``.

    Notes
    -----
    ``margin``: the score of the right class less the highest other one. ``loss``: cross-entropy,
    or of predictions the squared error summed over outputs. ``probability``: of the right class.
    """
    found: FloatArray
    if tests.classes is None:
        found = scores[..., 0]
        return found if value == "prediction" else (found - tests.labels) ** 2
    shape = (*scores.shape[:2], 1)
    right = np.broadcast_to(tests.labels.astype(np.int64)[None, :, None], shape)
    own: FloatArray = np.take_along_axis(scores, right, 2)[..., 0]
    if value == "margin":
        others = scores.copy()
        np.put_along_axis(others, right, -np.inf, 2)
        margin: FloatArray = own - others.max(axis=2)
        return margin
    if scale == "predictions":
        squared: FloatArray = ((scores - tests.targets[None]) ** 2).sum(axis=2)
        return squared
    if scale == "logits":
        highest = scores.max(axis=2, keepdims=True)
        sums: FloatArray = np.exp(scores - highest).sum(axis=2)
        log = own - highest[..., 0] - np.log(sums)
        found = np.exp(log) if value == "probability" else -log
        return found
    return own if value == "probability" else -np.log(np.clip(own, LEAST, None))


def ignorant(tests: Dataset, scale: Scale) -> FloatArray:
    """Return the scores of a model that has seen nothing, ``(t, c)``: all classes are alike.

    Of regression it predicts 0.
    """
    shares = scale == "probabilities" and tests.classes is not None
    alike = 1 / tests.outputs if shares else 0.0
    return np.full((len(tests), tests.outputs), alike)
