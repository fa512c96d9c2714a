"""Graphs of tables, for networkx."""

from __future__ import annotations

import io

import networkx as nx
from interop_games import NAMES, Game

from interplay.interactions import Interactions
from interplay.spectrum import Spectrum

TABLE = Interactions(
    {(): 9.0, (0,): 1.0, (0, 1): -0.5, (0, 2, 3): 2.0},
    "BII",
    3,
    ("not", "so", "bad", "bad"),
    {(): 0.0, (0,): 0.1, (0, 1): 0.2, (0, 2, 3): 0.3},
)


def test_the_graph_of_a_table() -> None:
    graph = TABLE.to_networkx()
    assert type(graph) is nx.Graph
    assert graph.graph == {"index": "BII", "order": 3, "constant": 9.0}
    assert list(graph.nodes) == [0, 1, 2, 3, (0, 2, 3)]
    assert [graph.nodes[i]["name"] for i in range(4)] == ["not", "so", "bad", "bad"]
    assert [graph.nodes[i]["value"] for i in range(4)] == [1.0, 0.0, 0.0, 0.0]
    assert graph.nodes[0]["kind"] == "feature"
    low, high = TABLE.interval((0, 1)) or (0.0, 0.0)
    pair = {"kind": "pair", "value": -0.5, "weight": 0.5, "low": low, "high": high}
    assert graph.edges[0, 1] == pair
    triple = graph.nodes[0, 2, 3]
    assert (triple["kind"], triple["name"], triple["value"]) == ("set", "not × bad × bad", 2.0)
    for feature in (0, 2, 3):
        assert graph.edges[(0, 2, 3), feature] == {"kind": "member", "weight": 2.0}
    assert graph.number_of_edges() == 4


def test_nothing_is_said_of_errors_that_are_unknown() -> None:
    graph = Spectrum({(): 1.0, (0, 1): 1.0}, 2).interactions("BII").to_networkx()
    assert "low" not in graph.nodes[0]
    assert "low" not in graph.edges[0, 1]
    influence = Spectrum({(0,): 1.0}, 1).interactions("influence").to_networkx()
    assert "constant" not in influence.graph


def test_all_of_a_table_is_in_its_graph() -> None:
    table = Game(5, 0).spectrum.interactions("Moebius")
    graph = table.to_networkx()
    found = {(): graph.graph["constant"]}
    for node, told in graph.nodes(data=True):
        found[(node,) if told["kind"] == "feature" else node] = told["value"]
    for one, other, told in graph.edges(data=True):
        if told["kind"] == "pair":
            found[tuple(sorted((one, other)))] = told["value"]
    assert found == dict(table)
    names = nx.get_node_attributes(graph, "name")
    assert tuple(names[i] for i in range(5)) == NAMES[:5]


def test_networkx_works_on_it() -> None:
    graph = TABLE.to_networkx()
    assert nx.node_connected_component(graph, 1) == {0, 1, 2, 3, (0, 2, 3)}
    assert nx.shortest_path(graph, 1, 3) == [1, 0, (0, 2, 3), 3]
    assert len(nx.community.louvain_communities(graph, weight="weight", seed=0)) >= 1
    file = io.BytesIO()
    nx.write_graphml(graph, file)
    file.seek(0)
    again = nx.read_graphml(file)
    assert again.number_of_nodes() == 5
    assert again.edges["0", "1"]["weight"] == 0.5
