"""Masks: which subsets of the features to evaluate.

To add a law, write a stream of masks in :mod:`interplay.masks.laws` and name it in ``LAWS``.
"""

from __future__ import annotations

from interplay.masks.complete import all_masks
from interplay.masks.design import KINDS, Design, design
from interplay.masks.uniform import uniform

__all__ = ["KINDS", "Design", "all_masks", "design", "uniform"]
