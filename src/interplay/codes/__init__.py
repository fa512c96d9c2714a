"""Error-correcting codes: the arithmetic of masks that tell small sets of many features."""

from __future__ import annotations

from interplay.codes.bch import BCH, bch

__all__ = ["BCH", "bch"]
