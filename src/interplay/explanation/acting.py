"""Results of flip, prune and select, kept with the run that they are about."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from interplay.errors import BadInput
from interplay.report.action_forms import checked_action, named_features


def action_about(
    result: Any,
    features: Sequence[str],
    targets: Sequence[str],
    fingerprint: str | None,
    source: str = "the result",
) -> dict[str, Any]:
    """Return a result as JSON, if it is about a run with these features, targets and fingerprint.

    ``result`` is an object with ``to_dict()``, or what that returned; errors name the ``source``.
    """
    given = result if isinstance(result, Mapping) else getattr(result, "to_dict", dict)()
    try:
        told: dict[str, Any] = json.loads(json.dumps(given, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise BadInput(f"{source} cannot be kept, it is no plain JSON: {error}") from error
    checked_action(told, features, source)
    for i, name in named_features(told):
        if name != features[i]:
            raise BadInput(
                f"{source} is about another run: its feature {i} is {name!r:.60}, and that of the "
                f"run {features[i]!r:.60}"
            )
    if told["target"] not in (*targets, ", ".join(targets)):
        raise BadInput(
            f"{source} is about another run: its target is {told['target']!r:.60}, and the run has "
            f"{', '.join(targets):.200}"
        )
    explained = told.get("explained")
    if explained is not None and fingerprint is not None and explained != fingerprint:
        raise BadInput(
            f"{source} is about another run: it began with one of the model or ablation "
            f"{explained:.40}, and this one is of {fingerprint:.40} (fingerprints)"
        )
    return told
