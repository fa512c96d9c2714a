"""Results of flip, prune, select and counterfactuals as a person reads them, from their JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from interplay.actions import counterfactuals
from interplay.actions.flip import flipped
from interplay.actions.prune import pruning
from interplay.actions.select import selection
from interplay.errors import BadInput
from interplay.numbers import Scale, elide
from interplay.report.action import Action, Unread
from interplay.report.action_choices import PruneAction, SelectAction
from interplay.report.action_flip import FlipAction
from interplay.report.action_forms import checked_action
from interplay.report.dots import Dot, Dots, Mark

if TYPE_CHECKING:
    from interplay.report.reading import Reading


@dataclass(frozen=True)
class CounterfactualsAction(Action):
    """The result of :func:`interplay.actions.counterfactuals.counterfactuals`."""

    title: ClassVar[str] = "Interactions, measured"
    template: ClassVar[str] = "action_counterfactuals.html"
    listed: ClassVar[int] = 30

    @property
    def plot(self) -> Dots:
        """Measured interactions with their intervals, beside predicted ones."""
        pairs = self.content["pairs"][: self.listed]
        scale = Scale.of([one[key] for one in pairs for key in ("measured", "predicted")])
        rows = tuple(
            Dot(
                " × ".join(elide(name, 30) for name in one["names"]),
                one["measured"],
                scale.signed(one["measured"]),
                one["low"],
                one["high"],
                predicted=one["predicted"],
                aside=f"predicted {scale.signed(one['predicted'])}"
                + ("" if one["agrees"] else " ✕ other sign"),
                kind="chosen" if _leaves_zero_out(one) else "faint",
            )
            for one in pairs
        )
        return Dots("Interactions of pairs, measured", rows, (Mark(0.0, "0"),))

    @property
    def left_out(self) -> int:
        """How many pairs are not listed."""
        return max(len(self.content["pairs"]) - self.listed, 0)


ACTIONS: Mapping[str, type[Action]] = {
    flipped.FORMAT: FlipAction,
    pruning.FORMAT: PruneAction,
    selection.FORMAT: SelectAction,
    counterfactuals.FORMAT: CounterfactualsAction,
}


def action_of(content: Any, features: Sequence[str], source: str = "this result") -> Action:
    """Return the JSON of a result as a person reads it.

    Raises
    ------
    BadInput
        see :func:`~interplay.report.action_forms.checked_action`.
    """
    checked = checked_action(content, features, source)
    return ACTIONS[checked["format"]](checked)


def actions_of(run: Reading) -> list[Action | Unread]:
    """Return the results that a run holds about the target that is read.

    Those about none of its targets, or about several, are told with the first.
    """
    held = run.summary.get("actions")
    targets = [str(found["target"]) for found in run.summary["targets"]]
    found: list[Action | Unread] = []
    for content in held if isinstance(held, Sequence) and not isinstance(held, str) else ():
        own = content.get("target") if isinstance(content, Mapping) else None
        if (targets.index(own) if own in targets else 0) == run.place:
            try:
                found.append(action_of(content, run.features))
            except BadInput as error:
                found.append(Unread(str(error)))
    return found


def _leaves_zero_out(one: Mapping[str, Any]) -> bool:
    return (
        one["low"] is not None and one["high"] is not None and (one["low"] > 0 or one["high"] < 0)
    )
