"""The result of a run: what was found for each target, at what cost, how far to trust it."""

from __future__ import annotations

from interplay.explanation.explanation import Explanation, describe
from interplay.explanation.finding import Finding
from interplay.explanation.loading import load, restored
from interplay.explanation.provenance import Cost, Sample, digest_of, versions
from interplay.explanation.run_file import read_run

__all__ = [
    "Cost",
    "Explanation",
    "Finding",
    "Sample",
    "describe",
    "digest_of",
    "load",
    "read_run",
    "restored",
    "versions",
]
