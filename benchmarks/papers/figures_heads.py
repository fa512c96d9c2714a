"""The pictures of head pruning: test scores against LASSO's, and where the energy lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.figure_style import INK, OTHERS, PEER, SUBJECT, legend, ticks
from benchmarks.papers.heads import KINDS, METHODS, PAPER_ENERGY, SHARES
from benchmarks.papers.intervals import Interval

LOOKS: dict[str, dict[str, Any]] = {
    "random": {"color": PEER},
    "proxyspex": {"color": OTHERS[0]},
    "auto": {"color": SUBJECT},
    "parity-gp": {"color": OTHERS[2]},
}
COLUMNS = 4


def scores_against_lasso(details: Sequence[Mapping[str, Any]], plt: Any) -> Any:
    """Differences of test scores to LASSO's by share of heads kept, a panel for each group."""
    pruned = [detail for detail in details if "values" in detail]
    panels = list(dict.fromkeys((detail["group"], detail["target"]) for detail in pruned))
    rows = -(-len(panels) // COLUMNS)
    figure, axes = plt.subplots(
        rows, COLUMNS, figsize=(11, 2.2 * rows), layout="constrained", squeeze=False
    )
    for axis, (group, target) in zip(axes.flat, panels, strict=False):
        here = [one for one in pruned if (one["group"], one["target"]) == (group, target)]
        for step, (method, look) in enumerate(LOOKS.items()):
            apart = [
                Interval.of(np.subtract(one["values"][method], one["values"]["lasso"]).tolist())
                for one in here
            ]
            value = np.array([one.value for one in apart])
            bars = [value - [one.low for one in apart], [one.high for one in apart] - value]
            at = np.arange(len(here)) + 0.13 * (step - 1.5)
            axis.errorbar(at, value, yerr=bars, fmt="o", capsize=2, label=METHODS[method], **look)
        axis.axhline(0.0, color=INK, linewidth=1)
        axis.set_title(f"{group}\n{target}")
        ticks([axis.xaxis], range(len(here)), [f"{100 * share:.0f} %" for share in SHARES])
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    figure.supylabel("score on test prompts, less LASSO's", fontsize=9)
    for axis in axes[-1]:
        axis.set_xlabel("heads kept")
    legend(figure, axes.flat)
    return figure


def energy_by_group(details: Sequence[Mapping[str, Any]], plt: Any) -> Any:
    """Shares of the energy: single heads, within a layer, across layers; the paper's below."""
    groups = [
        (detail["energy"], [float(np.mean(detail[kind])) for kind in KINDS])
        for detail in details
        if "energy" in detail
    ]
    papers = [
        (f"ProxySPEX, Llama-3.1-8B, {name}", [share / 100 for share in shares])
        for name, shares in PAPER_ENERGY.items()
    ]
    bars = [*groups, *papers][::-1]
    figure, axis = plt.subplots(figsize=(7, 0.8 + 0.25 * len(bars)), layout="constrained")
    left = np.zeros(len(bars))
    colours = (SUBJECT, OTHERS[0], OTHERS[1])
    for place, (kind, colour) in enumerate(zip(KINDS, colours, strict=True)):
        width = np.array([shares[place] for _, shares in bars])
        label = {"linear": "single heads", "within": "within a layer", "across": "across layers"}
        axis.barh(range(len(bars)), width, left=left, color=colour, label=label[kind], height=0.7)
        left += width
    axis.set_yticks(range(len(bars)), [name for name, _ in bars])
    axis.set_xlim(0, 1)
    axis.set_xlabel("share of the energy")
    axis.grid(visible=False)
    legend(figure, [axis])
    return figure
