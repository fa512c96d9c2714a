"""Error-correcting codes, and masks that are made of them."""

from __future__ import annotations

from interplay.codes.bch import BCH, bch
from interplay.codes.mask_code import ERRORS, GROUPS, LEAST_BITS, MOST_BITS, MaskCode

__all__ = ["BCH", "ERRORS", "GROUPS", "LEAST_BITS", "MOST_BITS", "MaskCode", "bch"]
