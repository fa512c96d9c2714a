"""What every action takes from an explanation: its value function, its store, a budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Final, Protocol

from interplay.errors import BadInput
from interplay.evaluate import Budget, Store, parse_budget
from interplay.fingerprint import fingerprint as fingerprint_of
from interplay.groups import regrouped
from interplay.lenses.remake import value_function_of
from interplay.metrics import Estimate
from interplay.recording import Recording
from interplay.spectrum import Spectrum

TOLD: Final = {
    "callable": "a plain callable",
    "components": "the parts of a network",
    "image": "an image",
    "training_data": "training data",
}
"""What runs are of, where that is not the kind with its article."""


class Explained(Protocol):
    """What an explanation must know of itself; :class:`interplay.Explanation` does."""

    @property
    def targets(self) -> tuple[str, ...]: ...
    @property
    def features(self) -> tuple[str, ...]: ...
    @property
    def target_name(self) -> str: ...
    @property
    def spectrum(self) -> Spectrum: ...
    @property
    def faithfulness(self) -> Estimate: ...
    @property
    def empty(self) -> float | None: ...
    @property
    def finding(self) -> Any: ...
    @property
    def config(self) -> Mapping[str, Any]: ...
    @property
    def subject(self) -> Mapping[str, Any]: ...
    @property
    def sample(self) -> Any: ...
    @property
    def evaluations(self) -> Recording | None: ...
    def target(self, name: str, /) -> Any: ...


def shown_of(explanation: Explained, target: str | None) -> Explained:
    """Return the explanation, or the view of one of its targets; refuse what is none."""
    if not hasattr(explanation, "target"):
        raise BadInput(
            "explanation must be an Explanation, as interplay.explain and interplay.load return; "
            f"got {type(explanation).__name__}"
        )
    return explanation if target is None else explanation.target(target)


def same_function(
    explanation: Explained, given: Callable[..., Any] | None, why: str, call: str
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return the value function of a run, and the same over the features of the run.

    It is the ``given`` one, or made again from what the run says; ``why`` and ``call`` are for the
    error where that cannot be done: what is done by new calls, and how to pass it.
    """
    n = len(explanation.features)
    if given is not None and not callable(given):
        raise BadInput(f"value_function must be callable; got {type(given).__name__}")
    made = given
    if made is None:
        try:
            made = value_function_of(explanation.subject, explanation.targets)
        except BadInput as error:
            raise BadInput(
                f"{why} by new calls, and the value function cannot be made again from what the "
                f"run says of it: pass it, {call}(explanation, value_function)"
            ) from error
    function = regrouped(made, explanation.subject, explanation.features)
    own = getattr(function, "features", None)
    if own is not None and len(own) != n:
        raise BadInput(
            f"the value function has {len(own)} features, and the explanation {n}: is it the one "
            "that was explained?"
        )
    if given is None:
        check_same(function, explanation)
    return made, function


def check_same(function: Callable[..., Any], explanation: Explained) -> None:
    """Raise :class:`BadInput` where a value function is not that of the run."""
    now, then = fingerprint_of(function).digest, explanation.config.get("fingerprint")
    if now != then:
        raise BadInput(
            "the model or the lens is not that of the run (its fingerprint was "
            f"{then} and is {now}): explain it anew, or name another model if that is meant"
        )


def function_of_kind(
    explanation: Explained,
    given: Callable[..., Any] | None,
    kind: str,
    *,
    parts: str,
    does: str,
    needs: str,
    needed: Sequence[str],
) -> Any:
    """Return the value function of a run for an action on subjects of one kind alone.

    Parameters
    ----------
    explanation, given
        the run, and the value function where it is passed; else it is made again.
    kind
        of the subject, and the lens that makes such value functions.
    parts, does, needs
        words of the messages: what its features are, what the action does, and why it needs more
        than values.
    needed
        names of the attributes that it uses.

    Raises
    ------
    BadInput
        the run or what is passed is of another kind, or of other features.
    """
    lens = f"interplay.{kind}(...)"
    if given is None:
        if explanation.subject.get("kind") != kind:
            raise BadInput(
                f"this run is of {kind_told(explanation)}, and {does}: explain a value function "
                f"of {lens}"
            )
        made: Any = value_function_of(explanation.subject, explanation.targets)
        check_same(made, explanation)
    else:
        made = given
        if not callable(made):
            raise BadInput(f"value_function must be callable; got {type(made).__name__}")
        lacking = [name for name in needed if not hasattr(made, name)]
        if lacking:
            raise BadInput(
                f"{needs}: the value function must be one of {lens}; this one lacks "
                f"{', '.join(lacking)}"
            )
    if tuple(made.features) != tuple(explanation.features):
        raise BadInput(
            f"the value function has the {parts} {', '.join(made.features[:4])} ..., and the run "
            f"{', '.join(explanation.features[:4])} ...: is it the one that was explained?"
        )
    return made


def kind_told(explanation: Explained) -> str:
    """Return what the subject of a run is, with its article."""
    kind = str(explanation.subject.get("kind") or "callable")
    return TOLD.get(kind, f"a {kind}")


def limits(budget: int | str | Budget, action: str) -> Budget:
    """Return the budget of an action, which has no automatic one."""
    found = parse_budget(budget)
    if found.auto:
        raise BadInput(f"{action} has no automatic budget; give calls, such as 500. Got {budget!r}")
    return found


def store_of(
    explanation: Explained, store: str | Path | None
) -> AbstractContextManager[Store | None]:
    """Return the store that is named, or that of the run; None where there is none."""
    where = store if store is not None else explanation.config.get("store")
    return nullcontext(None) if where is None else Store(Path(where))
