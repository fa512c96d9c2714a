"""The picture of a network: energies by brute force, a grid that a keyboard can use, 80 columns."""

from __future__ import annotations

import copy
import io
import json
import re
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

import interplay as ip
from interplay.lenses.components.energy import picture
from interplay.report import html, terminal
from interplay.report.reading import Reading

LAYERS, HEADS = 5, 8
PARTS = [["head", layer, head] for layer in range(LAYERS) for head in range(HEADS)]
NAMES = [f"L{layer}.H{head}" for _, layer, head in PARTS]


class Network:
    """A value function that says of itself what one of the component lens says."""

    targets = ("accuracy",)
    batch_size = 64

    def __init__(self, parts: list[Any], names: list[str]) -> None:
        rng = np.random.default_rng(0)
        n = len(parts)
        self.features, self.fingerprint = tuple(names), f"network of {n}"
        terms: dict[tuple[int, ...], float] = {(i,): float(rng.normal(0, 0.02)) for i in range(n)}
        for _ in range(n // 2):
            i, j = sorted(rng.choice(n, 2, replace=False).tolist())
            terms[i, j] = float(rng.normal(0, 0.02))
        self.spectrum = ip.Spectrum(terms, n=n)
        self.subject = {
            "kind": "components",
            "parts": parts,
            "model": "babyllama",
            "task": "multiple_choice",
            "ablation": "mean",
            "rescale": False,
            "prompts": 60,
            "test_prompts": 50,
            "prompts_per_mask": 20,
            "units": "head",
        }

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        return self.spectrum.predict(masks)


@pytest.fixture(scope="module")
def summary() -> dict[str, Any]:
    found = ip.explain(Network(PARTS, NAMES), budget=400, store=None, method="proxyspex")
    return found.to_dict()


def shown(summary: dict[str, Any], width: int = 80) -> str:
    out = io.StringIO()
    terminal.show(summary, Console(file=out, width=width, highlight=False))
    return out.getvalue()


# ---- the pure part


@given(st.integers(0, 10**6))
def test_energies_are_those_of_the_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    layers = np.sort(rng.integers(0, 4, 6)).tolist()
    every = [term for k in range(4) for term in combinations(range(6), k)]
    chosen = rng.choice(len(every), 12, replace=False)
    terms = {every[i]: float(rng.normal()) for i in chosen}
    seen = picture(ip.Spectrum(terms, n=6), layers)
    energy = {term: c**2 for term, c in terms.items() if term}
    total = sum(energy.values())
    kinds = {"linear": 0.0, "within": 0.0, "across": 0.0}
    for term, e in energy.items():
        own = {layers[i] for i in term}
        kinds["linear" if len(term) == 1 else "within" if len(own) == 1 else "across"] += e
    if total:
        for name, e in kinds.items():
            assert getattr(seen.whole, name) == pytest.approx(e / total)
        assert sum(group.share for group in seen.groups) == pytest.approx(1)
        assert sum(layer.share for layer in seen.layers.values()) == pytest.approx(1)
        together = sum(e for term, e in energy.items() if len(term) > 1) / total
        assert np.triu(seen.between).sum() == pytest.approx(together)
        assert np.allclose(seen.between, seen.between.T)
    for pair in seen.pairs:
        assert pair.value == pytest.approx(4 * terms[pair.features])
        signs = [np.sign(-terms.get((i,), 0.0)) for i in pair.features]
        if signs[0] == signs[1] != 0:
            same = np.sign(pair.value) == signs[0]
            assert pair.kind == ("synergistic" if same else "redundant")
        else:
            assert pair.kind == "mixed"


def test_intervals_say_whether_early_layers_act_alone() -> None:
    terms = {(0,): 3.0, (1,): 3.0, (2,): 1.0, (3,): 1.0, (2, 3): 2.0}
    small = dict.fromkeys(terms, 0.01)
    clear = picture(ip.Spectrum(terms, n=4, errors=small), [0, 0, 1, 1])
    assert clear.difference is not None
    assert clear.difference[1] > 0.5
    assert "So the early layers act more linearly" in clear.trend
    reverse = picture(ip.Spectrum(terms, n=4, errors=small), [1, 1, 0, 0])
    assert "the reverse" in reverse.trend
    both = terms | {(0, 1): 1.5}
    vague = picture(ip.Spectrum(both, n=4, errors=dict.fromkeys(both, 1.5)), [0, 0, 1, 1])
    assert "no difference between early and late layers shows" in vague.trend
    bare = picture(ip.Spectrum(terms, n=4), [0, 0, 1, 1])
    assert "without error bars" in bare.trend
    assert bare.groups[0].low is None
    one = picture(ip.Spectrum(terms, n=4), [0, 0, 0, 0])
    assert "cannot be seen" in one.trend
    nothing = picture(ip.Spectrum({(): 1.0}, n=4), [0, 0, 1, 1])
    assert nothing.whole.share == 0
    with pytest.raises(ip.BadInput, match="the layer of each of the 4 parts"):
        picture(ip.Spectrum(terms, n=4), [0, 1])


def test_runs_of_layers_are_groups() -> None:
    spectrum = ip.Spectrum({(i,): 1.0 for i in range(6)}, n=6)
    names = [group.name for group in picture(spectrum, [1, 2, 3, 14, 15, 16]).groups]
    assert names == ["L1-3", "L14-16"]
    assert [group.name for group in picture(spectrum, [0, 1, 2, 3, 4, 5]).groups] == [
        "L0-1", "L2-3", "L4-5",
    ]  # fmt: skip


# ---- what people look at


def test_json_holds_the_picture(summary: dict[str, Any]) -> None:
    network = summary["targets"][0]["network"]
    json.dumps(network, allow_nan=False)
    assert len(network["layers"]) == LAYERS
    whole = network["whole"]
    assert whole["linear"] + whole["within"] + whole["across"] == pytest.approx(1)
    assert len(network["between"]) == LAYERS
    assert network["pairs"][0]["kind"] in ("redundant", "synergistic", "mixed")


def test_the_page(summary: dict[str, Any]) -> None:
    page = html.render(summary)
    assert len(page.encode()) < 400_000
    assert "https://" not in page
    cells = re.findall(r'<span class="cell[^>]*>', page)
    assert len(cells) == len(PARTS)
    assert all('role="option"' in cell and "data-i=" in cell for cell in cells)
    assert sum('tabindex="0"' in cell for cell in cells) == 1
    assert 'aria-label="L4.H7: ' in page
    assert "Redundant" in page
    assert "Synergistic" in page
    assert "their mean" in page
    assert "60 to fit on, 20 drawn for each mask, 50 to test on" in page
    assert Reading(summary).kind == "components"


def test_a_thousand_heads_fit_in_a_page() -> None:
    parts = [["head", layer, head] for layer in range(32) for head in range(32)]
    names = [f"L{layer}.H{head}" for _, layer, head in parts]
    found = ip.explain(Network(parts, names), budget=300, store=None, method="lasso").to_dict()
    assert len(html.render(found).encode()) < 400_000
    assert max(map(len, shown(found).splitlines())) <= 80


def test_the_terminal(summary: dict[str, Any]) -> None:
    out = shown(summary)
    assert max(map(len, out.splitlines())) <= 80
    assert "L0   " in out
    assert "Alone, within a layer, across layers" in out
    assert "redundant pairs:" in out
    assert "synergistic pairs:" in out
    assert re.search(r"L0-1 acts \d+ % linearly", out)
    assert max(map(len, shown(summary, 60).splitlines())) <= 60


def test_other_parts_are_drawn_too() -> None:
    parts = [["head", 0, 0], ["head", 0, 1], ["mlp", 0, 0], ["layer", 1, 0], ["unit", -1, 3]]
    names = ["L0.H0", "L0.H1", "L0.MLP", "L1", "<b>neuron</b>"]
    found = ip.explain(Network(parts, names), budget=32, store=None).to_dict()
    page = html.render(found)
    assert "<b>neuron" not in page
    assert ">MLP</span>" in page
    assert "MLP" not in shown(found, 20) or shown(found)


@pytest.mark.parametrize(
    "parts",
    [None, "heads", PARTS[:-1], [["head", 0]] * 40, [["wing", 0, 0]] * 40, [["head", "0", 0]] * 40],
)
def test_what_does_not_fit_is_a_plain_run(summary: dict[str, Any], parts: Any) -> None:
    broken = copy.deepcopy(summary)
    broken["subject"]["parts"] = parts
    assert Reading(broken).kind == "callable"
    html.render(broken)
    shown(broken)
