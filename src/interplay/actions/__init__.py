"""What to do about a finding: functions over an explanation and its value function."""

from interplay.actions.flip import flip
from interplay.actions.flipped import Alternative, Flip

__all__ = ["Alternative", "Flip", "flip"]
