"""The tabular lens: a row of a table and a model become a value function."""

from interplay.lenses.tabular.lens import tabular
from interplay.lenses.tabular.value import TableValueFunction

__all__ = ["TableValueFunction", "tabular"]
