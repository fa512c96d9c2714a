"""Which training examples to keep, tested on examples on which nothing was chosen."""

from interplay.actions.select.select import select
from interplay.actions.select.selection import Reason, Selection

__all__ = ["Reason", "Selection", "select"]
