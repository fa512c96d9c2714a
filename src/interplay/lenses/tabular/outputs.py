"""What a model of tables says about rows, and which numbers of it are targets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from interplay.errors import BackendError, BadInput
from interplay.lenses.targets import class_target
from interplay.value_function import FloatArray

Ask = Callable[[Any], FloatArray]
"""From b rows to float64 ``(b, q)``."""


@dataclass(frozen=True)
class Outputs:
    """The targets of a model: made by :func:`outputs`.

    Attributes
    ----------
    ask : callable
        From b rows to the targets' values, float64 ``(b, q)``.
    targets : tuple of str
        The names of the q targets.
    """

    ask: Ask
    targets: tuple[str, ...]


def outputs(predict: Any, wanted: Sequence[str], row: Any) -> Outputs:
    """Return what ``predict`` is asked for.

    Parameters
    ----------
    predict
        a classifier or regressor with scikit-learn's methods, or a callable that takes rows and
        returns one number or q numbers for each.
    wanted
        names of targets; none: what suits the model, for ``row``.
    row
        the row that is explained, as ``predict`` takes rows.

    Raises
    ------
    BadInput
        If ``predict`` is neither, or has no such target.
    """
    if isinstance(predict, type):
        raise BadInput(f"predict is the class {predict.__name__}; give a fitted object of it")
    labels = _labels(predict)
    if labels is not None:
        return _classes(predict, labels, wanted, row)
    if callable(getattr(predict, "predict", None)):
        return _numbers(predict.predict, wanted, row, "predict")
    if callable(predict):
        name = getattr(predict, "__name__", type(predict).__name__)
        return _numbers(predict, wanted, row, name)
    raise BadInput(
        "predict must be a callable, or a fitted model with predict_proba, decision_function or "
        f"predict; got {type(predict).__name__}"
    )


def _labels(predict: Any) -> list[str] | None:
    """The classes of a classifier; None for everything else."""
    try:
        classes = getattr(predict, "classes_", None)
    except Exception as error:  # scikit-learn's NotFittedError is an AttributeError, others' not
        raise BadInput(f"predict is not fitted: {error}") from error
    methods = ("predict_proba", "decision_function")
    if not any(callable(getattr(predict, one, None)) for one in methods):
        return None
    if classes is None:
        if hasattr(predict, "fit") and not callable(predict):
            raise BadInput(
                f"predict, a {type(predict).__name__}, has no classes_: fit it before it is "
                "explained"
            )
        return None
    if isinstance(classes, list):
        raise BadInput("predict has several outputs of classes; explain one at a time")
    return [str(one) for one in classes]


def _classes(predict: Any, labels: list[str], wanted: Sequence[str], row: Any) -> Outputs:
    probable = callable(getattr(predict, "predict_proba", None))
    decides = callable(getattr(predict, "decision_function", None))

    def probabilities(rows: Any) -> FloatArray:
        found = _asked(predict.predict_proba, rows, "predict_proba")
        return _wide(found, len(labels), "predict_proba")

    def decisions(rows: Any) -> FloatArray:
        found = _asked(predict.decision_function, rows, "decision_function")
        if len(labels) == 2 and found.shape[1] == 1:  # of two classes one number
            return np.concatenate([-found, found], axis=1)
        return _wide(found, len(labels), "decision_function")

    if not wanted:
        scores = (probabilities if probable else decisions)(row)[0]
        wanted = [f"{'prob' if probable else 'logit'}:{labels[int(scores.argmax())]}"]
    targets = [class_target(one, labels) for one in wanted]
    for target in targets:
        if target.kind == "prob" and not probable:
            raise BadInput(
                f"target {target.name!r}: {type(predict).__name__} gives no probabilities; use "
                f"'logit:{target.labels[0]}'"
            )
        if target.kind != "prob" and not decides:
            raise BadInput(
                f"target {target.name!r}: {type(predict).__name__} has no decision_function; use "
                f"'prob:{target.labels[0]}'"
            )

    def ask(rows: Any) -> FloatArray:
        proba = probabilities(rows) if any(one.kind == "prob" for one in targets) else None
        decision = decisions(rows) if any(one.kind != "prob" for one in targets) else None
        columns = []
        for target in targets:
            if target.kind == "prob":
                assert proba is not None
                columns.append(proba[:, target.indices[0]])
            else:
                assert decision is not None
                columns.append(target(decision))
        return np.stack(columns, axis=1)

    return Outputs(ask, tuple(target.name for target in targets))


def _numbers(function: Any, wanted: Sequence[str], row: Any, name: str) -> Outputs:
    q = _asked(function, row, name).shape[1]
    names = ["value"] if q == 1 else [f"output:{k}" for k in range(q)]
    for one in wanted:
        if one not in names:
            raise BadInput(
                f"unknown target {one!r}; {name} gives {q} number{'s' if q > 1 else ''} a row: "
                f"{', '.join(names[:12])}"
            )
    chosen = [names.index(one) for one in wanted] or list(range(q))

    def ask(rows: Any) -> FloatArray:
        return _wide(_asked(function, rows, name), q, name)[:, chosen]

    return Outputs(ask, tuple(names[k] for k in chosen))


def _asked(function: Any, rows: Any, name: str) -> FloatArray:
    """Ask for the numbers of rows, float64 ``(b, q)``."""
    try:
        told = function(rows)
    except BadInput:
        raise
    except Exception as error:  # the model is the caller's code
        raise BackendError(
            f"{name} failed on {len(rows)} rows: {type(error).__name__}: {error}. It is given "
            f"{type(rows).__name__}s of the background's columns"
        ) from error
    try:
        found = np.asarray(told, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BadInput(
            f"{name} must return numbers, one row for each of {len(rows)} rows: {error}"
        ) from error
    if found.ndim == 1:
        found = found[:, None]
    if found.ndim != 2 or len(found) != len(rows) or found.shape[1] == 0:
        raise BadInput(
            f"{name} must return one number, or a row of numbers, for each of {len(rows)} rows; "
            f"got shape {np.shape(told)}"
        )
    return found


def _wide(found: FloatArray, q: int, name: str) -> FloatArray:
    if found.shape[1] != q:
        raise BadInput(f"{name} returned {found.shape[1]} columns where {q} were expected")
    return found
