"""``flip``: the smallest change that turns an answer, found by the spectrum and then tried."""

from interplay.actions.flip.flip import flip
from interplay.actions.flip.flipped import Alternative, Flip

__all__ = ["Alternative", "Flip", "flip"]
