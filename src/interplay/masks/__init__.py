"""Mask designs: which subsets of the features to evaluate.

A design takes ``(n, m, rng, exclude)`` and returns bool ``(at most m, n)``, True = feature kept.
To add one, write a module with such a function and name it in :data:`DESIGNS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from interplay.masks.complete import all_masks
from interplay.masks.uniform import Design, uniform

DESIGNS: Final[Mapping[str, Design]] = {"uniform": uniform}
"""Every mask design by the name that people choose it by."""

__all__ = ["DESIGNS", "Design", "all_masks", "uniform"]
