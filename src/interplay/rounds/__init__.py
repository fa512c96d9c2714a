"""How many masks are evaluated, in how many rounds, and why no more."""

from interplay.rounds.plan import Plan, check_design, default_cap
from interplay.rounds.sampling import Sampling
from interplay.rounds.stability import Stability

__all__ = ["Plan", "Sampling", "Stability", "check_design", "default_cap"]
