"""Many inputs: their explanations side by side, and what they have in common."""

from interplay.collection.aggregated import Aggregated, Shared
from interplay.collection.explanations import Explanations, holds_many, read_runs

__all__ = ["Aggregated", "Explanations", "Shared", "holds_many", "read_runs"]
