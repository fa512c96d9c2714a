"""Masks: which subsets of the features to evaluate.

To add a law, write a stream of masks in :mod:`interplay.masks.laws` and name it in ``LAWS``.
"""

from __future__ import annotations

from interplay.masks.complete import all_masks
from interplay.masks.design import Design, design
from interplay.masks.kinds import (
    CODED,
    KINDS,
    SET_ASIDE,
    adaptive_sizes,
    coded_parts,
    coded_sizes,
    least,
)
from interplay.masks.uniform import uniform

__all__ = [
    "CODED",
    "KINDS",
    "SET_ASIDE",
    "Design",
    "adaptive_sizes",
    "all_masks",
    "coded_parts",
    "coded_sizes",
    "design",
    "least",
    "uniform",
]
