"""Ways to train on many subsets: one file for each."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from interplay.errors import BadInput, unknown
from interplay.lenses.training_data.engines.engine import Retrainer, Trainer

TRAINERS: Final[Mapping[str, tuple[str, str, Mapping[str, Any]]]] = {
    "ridge": ("ridge", "Ridge", {}),
    "kernel-ridge": ("kernel_ridge", "KernelRidge", {}),
    "logistic": ("logistic", "Logistic", {}),
    "knn": ("knn", "KNN", {}),
    "mlp": ("torch_many", "TorchMany", {"network": "mlp"}),
    "resnet9": ("torch_many", "TorchMany", {"network": "resnet9"}),
    "resnet20": ("torch_many", "TorchMany", {"network": "resnet20"}),
}
"""Trainers by name: the module of each, its class, and what it is made with."""

__all__ = ["TRAINERS", "Retrainer", "Trainer", "trainer_of"]


def trainer_of(given: Any, **options: Any) -> Trainer:
    """Return the trainer that is meant: by name, as it is, or made of an estimator or a callable.

    ``options`` are for a trainer that is named.
    """
    if isinstance(given, str):
        if given not in TRAINERS:
            raise unknown("trainer", given, TRAINERS)
        module, name, own = TRAINERS[given]
        made: Trainer = getattr(_engine(module), name)(**{**own, **options})
        return made
    if options:
        raise BadInput(f"options ({', '.join(options)}) are for a trainer that is named")
    if isinstance(given, Trainer):
        return given
    if hasattr(given, "fit") and hasattr(given, "get_params"):
        return _engine("sklearn_estimator").SklearnEstimator(given)  # type: ignore[no-any-return]
    if callable(given):
        return _engine("looped").Looped(given)  # type: ignore[no-any-return]
    raise BadInput(
        f"trainer must be one of {', '.join(TRAINERS)}, a Trainer, an estimator of scikit-learn, "
        f"or a callable (inputs, labels, seed) -> predict; got {type(given).__name__}"
    )


def _engine(module: str) -> Any:
    return import_module(f"interplay.lenses.training_data.engines.{module}")
