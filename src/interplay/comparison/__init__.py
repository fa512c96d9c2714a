"""Two or more runs side by side: what differs between their numbers, and how surely."""

from interplay.comparison.alignment import Alignment, align
from interplay.comparison.comparison import Comparison, compare
from interplay.comparison.differences import Difference
from interplay.comparison.likeness import Likeness
from interplay.comparison.pair import Pair
from interplay.comparison.spread import Spread

__all__ = [
    "Alignment",
    "Comparison",
    "Difference",
    "Likeness",
    "Pair",
    "Spread",
    "align",
    "compare",
]
