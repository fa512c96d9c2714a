"""What all results of actions tell: what was found, whether it was measured, what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from interplay.numbers import count, duration


@dataclass(frozen=True)
class Action:
    """A result; ``content`` is its ``to_dict()``, of the right form."""

    content: Mapping[str, Any]

    title: ClassVar[str]
    template: ClassVar[str]

    @property
    def target(self) -> str:
        return str(self.content["target"])

    @property
    def sentences(self) -> list[str]:
        """What was found, the most important first."""
        return [str(self.content["sentence"])]

    @property
    def good(self) -> bool | None:
        """Whether it is what one hoped for; None where that is not said by one word."""
        return None

    @property
    def verified(self) -> str:
        """How it was measured, in a few words."""
        return f"measured by {self._evaluations}"

    @property
    def cost(self) -> str:
        """What it has cost, in a sentence."""
        calls, reused = int(self.content["calls"]), int(self.content["reused"])
        words = count(calls, "call")
        words += f", {count(reused, 'stored evaluation')} reused" if reused else ""
        tokens, usd = self.content.get("tokens"), self.content.get("usd")
        words += "" if tokens is None else f", {tokens:,.0f} tokens"
        words += "" if usd is None else f", {usd:.4f} USD"
        return f"{words}: {duration(float(self.content['seconds']))} in the model."

    @property
    def command(self) -> str | None:
        """The command that made it, where one did."""
        command = self.content.get("command")
        return None if command is None else str(command)

    @property
    def notes(self) -> list[str]:
        """What else a reader should know."""
        stopped = self.content.get("stopped")
        return [] if stopped is None else [f"It ended early: {stopped}."]

    @property
    def _evaluations(self) -> str:
        calls, reused = int(self.content["calls"]), int(self.content["reused"])
        if calls or not reused:
            return count(calls, "real call")
        return f"{count(reused, 'stored evaluation')} of the model"


@dataclass(frozen=True)
class Unread:
    """A result that cannot be shown: why."""

    reason: str
    good: ClassVar[bool] = False
    title: ClassVar[str] = "A result that cannot be shown"
    template: ClassVar[str] = "action_unread.html"
