"""Targets of a classifier: one number out of its logits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from interplay.errors import BadInput, unknown
from interplay.value_function import FloatArray

FORMS = ("logit:LABEL", "prob:LABEL", "margin:A|B")


@dataclass(frozen=True)
class ClassTarget:
    """One number per row of logits; made by :func:`class_target`.

    Attributes
    ----------
    kind : str
        ``"logit"``, ``"prob"`` or ``"margin"``.
    labels : tuple of str
        The label, spelled as the model spells it; for a margin the two, first minus second.
    indices : tuple of int
        Their columns in the logits.
    multi_label : bool
        Whether a probability is a sigmoid of its own logit, not a softmax over all.
    """

    kind: str
    labels: tuple[str, ...]
    indices: tuple[int, ...]
    multi_label: bool = False

    @property
    def name(self) -> str:
        """The target as a user would write it."""
        return f"{self.kind}:{'|'.join(self.labels)}"

    def __call__(self, logits: FloatArray) -> FloatArray:
        """Return the target's values ``(m,)`` of logits ``(m, labels)``."""
        first = self.indices[0]
        if self.kind == "margin":
            return logits[:, first] - logits[:, self.indices[1]]
        if self.kind == "logit":
            return logits[:, first].copy()
        if self.multi_label:
            sigmoid: FloatArray = expit(logits[:, first])
            return sigmoid
        shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
        probability: FloatArray = shifted[:, first] / shifted.sum(axis=1)
        return probability


def class_target(target: str, labels: Sequence[str], *, multi_label: bool = False) -> ClassTarget:
    """Return the target that ``target`` names among a classifier's ``labels``.

    Labels are matched exactly first, then without regard to case.

    Raises
    ------
    BadInput
        If the form or a label is unknown (the message lists the valid ones), or if the target
        would be constant.

    Examples
    --------
    >>> class_target("margin:POSITIVE|negative", ["negative", "positive"]).name
    'margin:positive|negative'
    >>> class_target("logit:happy", ["negative", "positive"])
    Traceback (most recent call last):
    interplay.errors.BadInput: unknown label 'happy'; valid: negative, positive
    """
    kind, colon, rest = target.partition(":")
    kind = kind.strip().lower()
    if not colon or kind not in ("logit", "prob", "margin"):
        raise BadInput(
            f"unknown target {target!r}; valid: {', '.join(FORMS)}, "
            f"with labels of {', '.join(labels)}"
        )
    if kind != "margin":
        index = _index(rest, labels)
        if kind == "prob" and len(labels) == 1 and not multi_label:
            raise BadInput(
                f"target {target!r} is always 1: the model has the one label {labels[0]!r}; "
                f"use 'logit:{labels[0]}'"
            )
        return ClassTarget(kind, (labels[index],), (index,), multi_label)
    pairs = [(rest[:i], rest[i + 1 :]) for i, c in enumerate(rest) if c == "|"]
    if not pairs:
        raise BadInput(
            f"target {target!r} must name two labels, margin:A|B; valid: {', '.join(labels)}"
        )
    # A label may itself hold a bar, so the bar that separates two known labels is the one.
    known = [pair for pair in pairs if all(_find(part, labels) is not None for part in pair)]
    a, b = (_index(part, labels) for part in (known or pairs)[0])
    if a == b:
        raise BadInput(f"target {target!r} is always 0: it names the label {labels[a]!r} twice")
    return ClassTarget(kind, (labels[a], labels[b]), (a, b))


def _find(label: str, labels: Sequence[str]) -> int | None:
    label = label.strip()
    if label in labels:
        return list(labels).index(label)
    folded = [one.casefold() for one in labels]
    return folded.index(label.casefold()) if folded.count(label.casefold()) == 1 else None


def _index(label: str, labels: Sequence[str]) -> int:
    index = _find(label, labels)
    if index is None:
        raise unknown("label", label.strip(), labels)
    return index


def wanted_targets(target: object) -> list[str]:
    """Return the targets that were asked for, none, one or several.

    >>> wanted_targets(None), wanted_targets("prob:cat")
    ([], ['prob:cat'])
    """
    if target is None:
        return []
    targets = [target] if isinstance(target, str) else target
    if not isinstance(targets, Sequence) or not all(isinstance(one, str) for one in targets):
        raise BadInput(f"target must be a string, or several; got {target!r}")
    return list(targets)
