"""What to do about a finding: functions over an explanation and its value function."""

from interplay.actions.flip import Alternative, Flip, flip

__all__ = ["Alternative", "Flip", "flip"]
