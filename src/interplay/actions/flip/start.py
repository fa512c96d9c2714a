"""What a flip begins with: the function that ablates as is wanted, predictions, known values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any

import numpy as np

from interplay.actions.explained import Explained, same_function
from interplay.actions.flip.nearby import Nearby
from interplay.actions.flip.probe import Removed
from interplay.errors import BadInput
from interplay.fingerprint import fingerprint as fingerprint_of
from interplay.lenses.remake import value_function_of
from interplay.value_function import FloatArray, bare


def value_function_for(
    explanation: Explained,
    given: Callable[..., Any] | None,
    replacements: Mapping[str, str] | None,
) -> tuple[Callable[..., Any], tuple[int, ...]]:
    """The value function that ablates as is wanted, and the features that may be ablated."""
    features, n = explanation.features, len(explanation.features)
    made, function = same_function(explanation, given, "a flip is verified", "interplay.flip")
    if replacements is None:
        return function, tuple(range(n))
    if not isinstance(replacements, Mapping) or not replacements:
        raise BadInput("replacements must map names of features to texts; got nothing of the kind")
    stripped = [bare(name) for name in features]
    for name, text in replacements.items():
        if not isinstance(name, str) or not isinstance(text, str):
            raise BadInput(f"replacements must map names to texts; got {name!r}: {text!r}")
        if name not in features and name not in stripped:
            known = ", ".join(stripped[:8]) + (", ..." if len(stripped) > 8 else "")
            raise BadInput(
                f"replacements has a text for {name!r}, which is not a feature; they are {known}"
            )
    free = tuple(i for i in range(n) if features[i] in replacements or stripped[i] in replacements)
    return _replacing(made, explanation, replacements), free


def _replacing(
    made: Callable[..., Any], explanation: Explained, replacements: Mapping[str, str]
) -> Callable[..., Any]:
    replaced = getattr(made, "replaced", None)
    if replaced is not None:
        other: Callable[..., Any] = replaced(dict(replacements))
        return other
    subject = explanation.subject
    if subject.get("kind") != "text" or "groups" in subject:
        raise BadInput(
            "replacements are for runs on the units of a text, or value functions with a method "
            "replaced(texts)"
        )
    changes: dict[str, Any] = {"mask": dict(replacements)}
    model = getattr(made, "model", None)
    if model is not None:  # loaded already
        changes["model"] = model
    return value_function_of(subject, explanation.targets, **changes)


def predictions(explanation: Explained, columns: Sequence[int]) -> Nearby:
    """The predictions that the search begins with."""
    spectra, spread, noise = [], [], []
    for column in columns:
        shown = explanation.target(explanation.targets[column])
        r2 = shown.faithfulness.value
        unexplained = 1.0 - min(max(r2, 0.0), 1.0) if isfinite(r2) else 1.0
        variance = max(shown.spectrum.variance, 1e-12 * (1.0 + shown.spectrum.constant**2))
        spectra.append(shown.spectrum)
        spread.append(float(np.sqrt(max(unexplained, 1e-6) * variance)))
        noise.append(float(shown.finding.noise_var or 0.0))
    return Nearby(spectra, spread, noise)


def known_values(
    explanation: Explained,
    function: Callable[..., Any],
    columns: Sequence[int],
    fingerprint: str | None,
    replacements: Mapping[str, str] | None,
) -> dict[Removed, FloatArray]:
    """The values that the run holds, if they are of this value function."""
    held = explanation.evaluations
    own = fingerprint if fingerprint is not None else fingerprint_of(function).digest
    if held is None or replacements is not None or explanation.config.get("fingerprint") != own:
        return {}
    values = held.values.reshape(len(held.masks), -1)[:, list(columns)]
    return {
        tuple(np.flatnonzero(~mask).tolist()): value
        for mask, value in zip(held.masks, values, strict=True)
    }


def noun_of(subject: Mapping[str, Any]) -> str:
    """Return what a feature is called."""
    units = subject.get("units")
    if subject.get("kind") == "image":
        return "region"
    if not isinstance(units, str):
        return "feature"
    return "part" if "+" in units else units
