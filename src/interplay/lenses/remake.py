"""Value functions from what a run says of its subject: for replays, and actions on runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from interplay.errors import BadInput

KINDS = ("text", "image", "components", "training_data")
"""Kinds of subjects whose value functions can be made from a run file alone: the lens of each, in
the folder of that name, has a function ``remade``."""


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
    lens: Any = import_module(f"interplay.lenses.{kind}")
    made: Callable[..., Any] = lens.remade(subject, targets, **changes)
    return made
