"""Which parts of a network can go, tested on prompts that the fit has not seen."""

from interplay.actions.prune.checkpoint import Checkpoint, save_pruned
from interplay.actions.prune.prune import prune
from interplay.actions.prune.pruning import Contest, Pruning, across
from interplay.actions.subset.choice import Choice, Difference

__all__ = [
    "Checkpoint",
    "Choice",
    "Contest",
    "Difference",
    "Pruning",
    "across",
    "prune",
    "save_pruned",
]
