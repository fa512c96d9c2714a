"""How the benchmarks' figures look: one style, on no background, for light and dark pages alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

INK = "#808890"
"""Of all text and axes: as far from white as from black."""
SUBJECT = "#e4572e"
OTHERS = ("#2f7fd6", "#2a9d8f", "#9a7fd1", "#b0863a", "#c2568f", "#5f9e3f", "#5b6fb5", "#a0522d")
PEER = "#8a8f98"
STYLE: dict[str, Any] = {
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": INK,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.5,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "font.size": 8,
    "lines.linewidth": 1.3,
    "lines.markersize": 3,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "engine",
}
R2_TICKS = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998)


def ticks(axes: Iterable[Any], positions: Iterable[float], labels: Iterable[str]) -> None:
    """Put these ticks on axes, and no others; those out of view change no limits."""
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullFormatter, NullLocator

    for axis in axes:
        axis.set_major_locator(FixedLocator(list(positions)))
        axis.set_major_formatter(FixedFormatter(list(labels)))
        axis.set_minor_locator(NullLocator())
        axis.set_minor_formatter(NullFormatter())


def legend(figure: Any, axes: Iterable[Any]) -> None:
    """Put one legend below all panels."""
    handles: dict[str, Any] = {}
    for axis in axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    if handles:
        figure.legend(
            handles.values(), handles.keys(), loc="outside lower center", ncols=min(8, len(handles))
        )
