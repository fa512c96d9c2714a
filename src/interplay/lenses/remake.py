"""Value functions from what a run says of its subject: for replays, and actions on runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from interplay.errors import BadInput, InterplayError

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
    try:
        made: Callable[..., Any] = lens.remade(subject, targets, **changes)
    except InterplayError:
        raise
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise BadInput(
            f"what the run says of its subject cannot be used ({type(error).__name__}: {error}): "
            "pass the value function, or explain anew"
        ) from error
    return made


Recipe = tuple[Callable[..., Any], tuple[Any, ...]]
"""A function that can be imported, and its arguments: what is sent in place of a model."""


def recipe_of(value_function: Any) -> Recipe:
    """Return what makes the value function of a lens again in another process."""
    return made_here, (dict(value_function.subject), list(value_function.targets))


def made_here(subject: Mapping[str, Any], targets: Sequence[str]) -> Callable[..., Any]:
    """Make a value function as :func:`value_function_of` does, in a worker that makes several.

    Many texts are asked of one model, and the prompts of a test beside those of the fit: what the
    value function before has loaded is used again where it is the same.
    """
    kind = str(subject.get("kind"))
    made = _beside(_BEFORE.get(kind), subject, targets)
    made = made or value_function_of(subject, targets)
    _BEFORE.clear()  # one model at a time
    _BEFORE[kind] = made
    return made


_BEFORE: dict[str, Any] = {}
"""By kind: the value function that this process, a worker, has made last."""


def _beside(before: Any, subject: Mapping[str, Any], targets: Sequence[str]) -> Any:
    """The value function of a subject by what another has loaded; None where that differs."""
    if before is None or before.subject.get("model") != subject.get("model"):
        return None
    told, other = (dict(one.get("arguments") or {}) for one in (subject, before.subject))
    if subject["kind"] == "components":
        return before.on(str(subject["split"])) if told and told == other else None
    if subject["kind"] != "text" or told.get("dtype") != other.get("dtype"):
        return None
    return value_function_of(subject, targets, model=before.model, dtype=None)
