"""Sparse recovery by codes."""

from __future__ import annotations

from itertools import islice

import numpy as np

from interplay.codes import MaskCode
from interplay.masks.coded import coded


def masks_of(code: MaskCode, bits: int) -> np.ndarray:
    """Return the different masks of a design, in its order."""
    rows = list(dict.fromkeys(islice(coded(code), code.calls(bits))))
    packed = np.frombuffer(b"".join(rows), dtype=np.uint8).reshape(len(rows), -1)
    return np.unpackbits(packed, axis=1, count=code.n).astype(np.bool_)
