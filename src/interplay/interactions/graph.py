"""Tables of interactions as networkx graphs."""

from __future__ import annotations

from typing import Any

from interplay.errors import required
from interplay.interactions.rows import records
from interplay.interactions.table import Interactions


def to_networkx(table: Interactions) -> Any:
    """Return a ``networkx.Graph``: see :meth:`Interactions.to_networkx`."""
    networkx = required("networkx", "interop")
    graph = networkx.Graph(index=table.index, order=table.order)
    for one in records(table):
        told: dict[str, Any] = {"value": one.value}
        if one.low is not None and one.high is not None:
            told |= {"low": one.low, "high": one.high}
        match len(one.term):
            case 0:
                graph.graph["constant"] = one.value
            case 1:
                graph.add_node(one.term[0], kind="feature", name=one.names[0], **told)
            case 2:
                graph.add_edge(*one.term, kind="pair", weight=abs(one.value), **told)
            case _:
                graph.add_node(one.term, kind="set", name=" × ".join(one.names), **told)
                for feature in one.term:
                    graph.add_edge(one.term, feature, kind="member", weight=abs(one.value))
    return graph
