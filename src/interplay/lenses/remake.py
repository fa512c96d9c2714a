"""Value functions from what a run says of its subject: for replays, and actions on runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from interplay.errors import BadInput

KINDS = ("text", "image", "components")
"""Kinds of subjects whose value functions can be made from a run file alone."""


def value_function_of(
    subject: Mapping[str, Any], targets: Sequence[str], **changes: Any
) -> Callable[..., Any]:
    """Make the value function of a run again, over the lens's own features.

    A run of groups of them is made whole by :func:`interplay.groups.regrouped`.

    Parameters
    ----------
    subject
        what the run says of its subject.
    targets
        names of the run's targets.
    **changes
        arguments of the lens that shall be others than the run's, such as ``text`` or ``model``.

    Raises
    ------
    BadInput
        nothing can be made of it: a plain callable, a table (whose model is Python code, which a
        file may not name), or a judge that is a callable.
    """
    kind = subject.get("kind")
    if kind not in KINDS:
        raise BadInput(
            "the values of this run are neither beside it (.npz) nor in its store, and a "
            f"{'plain callable' if kind in (None, 'callable') else f'value function of a {kind}'} "
            "cannot be made from the file: pass the value function"
        )
    if kind == "components":
        from interplay.lenses.components.lens import remade as network_remade

        return network_remade(subject, targets, **changes)
    given = subject.get("arguments")
    if given is None and kind == "text" and "response" in subject:
        raise BadInput(
            "the texts of this run were judged by a Python function, which is not in the file: "
            "pass the value function"
        )
    if kind == "image":
        from interplay.lenses.image import remade

        return remade(subject, targets, **changes)
    if kind == "components":
        from interplay.lenses.components.lens import remade as remade_components

        return remade_components(subject, targets, **changes)
    arguments: dict[str, Any] = {
        "model": str(subject["model"]),
        "target": list(targets),
        **_decoded(given or {}),
    }
    from interplay.lenses.text import text

    if given is None:  # runs of before arguments were told
        arguments |= {"units": str(subject["units"]), "mask": subject["mask"]}
    arguments.setdefault("text", subject["text"])
    return text(**arguments | changes)


def _decoded(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as they were given: JSON knows no tuples."""
    decoded = dict(arguments)
    units = decoded.get("units")
    if isinstance(units, list):
        decoded["units"] = [tuple(span) for span in units]
    if "usd_per_million" in decoded:
        decoded["usd_per_million"] = tuple(decoded["usd_per_million"])
    return decoded
