"""The figures of the page: one style, on no background, for light and dark pages alike."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engine import games, recordings, speed
from benchmarks.engine.ratios import Cell, Ratios, errors, mean_error
from benchmarks.engine.run import Run
from benchmarks.shapiq_1_8 import ORDER_1, PROXYSPEX

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


def draw(run: Run, folder: Path) -> None:
    """Write every figure that there are rows for."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    with mpl.rc_context(STYLE):
        for name, figure in (
            ("engine_r2", r2_against_calls(run, plt)),
            ("engine_games", ratio_by_game(run, plt)),
            ("engine_time", time_of_fits(run, plt)),
        ):
            if figure is not None:
                figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
                plt.close(figure)


def colour(run: Run, method: str) -> dict[str, Any]:
    """Return the line style of a method, the same in every figure."""
    if method == run.subject:
        return {"color": SUBJECT, "linewidth": 2.2, "zorder": 5}
    others = [name for name in run.methods if name != run.subject]
    return {"color": OTHERS[others.index(method) % len(OTHERS)]}


def r2_against_calls(run: Run, plt: Any) -> Any:
    """R² against calls, on a scale of 1 - R²: every halving of what is missed is one step."""
    rows = run.results.of(recordings.SECTION)
    lines: dict[str, dict[Cell, float]] = {
        "order 1": recordings.figures(ORDER_1),
        "shapiq 1.8 ProxySPEX": recordings.figures(PROXYSPEX),
    }
    for method in run.methods:
        found = errors(rows, method)
        lines[method] = {c: mean_error(e) for c, e in found.items() if np.isfinite(mean_error(e))}
    if not lines[run.subject]:
        return None
    figure, axes = plt.subplots(2, 5, figsize=(11, 5), layout="constrained", sharex=True)
    for axis, name in zip(axes.flat, ORDER_1, strict=True):
        for label, cells in lines.items():
            points = sorted((m, error) for (at, m), error in cells.items() if at == name)
            if points:
                look = (
                    colour(run, label)
                    if label in run.methods
                    else {"color": PEER, "linestyle": ":" if label == "order 1" else "--"}
                )
                axis.plot(*zip(*points, strict=True), marker="o", label=label, **look)
        axis.set_title(name.removeprefix("game_"))
        axis.set_xscale("log", base=2)
        axis.set_yscale("log")
        axis.invert_yaxis()
        ticks([axis.yaxis], [1 - r2 for r2 in R2_TICKS], [f"{r2:g}" for r2 in R2_TICKS])
        ticks(
            [axis.xaxis], [50, 100, 200, 400, 800, 1600], ["50", "100", "200", "400", "800", "1600"]
        )
    for axis in axes[1]:
        axis.set_xlabel("calls m")
    figure.supylabel("R² on other masks (log scale of 1 - R²)", fontsize=9)
    legend(figure, axes.flat)
    return figure


def ratio_by_game(run: Run, plt: Any) -> Any:
    """1 - R² over the peer's, one dot per game, by family."""
    peer = run.peers.get(games.PEER)
    if peer is None:
        return None
    rows = run.results.of(games.SECTION)
    found, _ = games.theirs(peer, run.quick)
    ratios = Ratios.of(errors(rows, run.subject), found).by_cell
    families: dict[str, list[float]] = {}
    for row in rows:
        ratio = ratios.get(row["cell"])
        if row["method"] == run.subject and row["seed"] == run.seeds[0] and ratio is not None:
            families.setdefault(row.get("family", "failed"), []).append(ratio)
    families = {name: [r for r in of if np.isfinite(r)] for name, of in families.items()}
    if not any(families.values()):
        return None
    figure, axis = plt.subplots(figsize=(7, 0.8 + 0.25 * len(families)), layout="constrained")
    for height, of in enumerate(reversed(families.values())):
        axis.plot(of, [height] * len(of), "o", color=SUBJECT, alpha=0.6, markersize=4, mew=0)
    axis.axvline(1.0, color=INK, linewidth=1)
    axis.axvline(0.75, color=INK, linewidth=1, linestyle="--")
    axis.set_yticks(range(len(families)), list(reversed(families)))
    axis.set_xscale("log")
    shown = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 5.0)
    low, high = axis.get_xlim()
    ticks([axis.xaxis], shown, [f"{tick:g}" for tick in shown])
    axis.set_xlim(low, high)
    axis.set_xlabel(f"1 - R² of {run.subject} over that of {peer.package} {peer.version}")
    return figure


def time_of_fits(run: Run, plt: Any) -> Any:
    """Seconds of a fit against m and against n, one thread."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained", sharey=True)
    empty = True
    for axis, sizes, varied, fixed in (
        (axes[0], speed.CURVE_M, 1, "n = 64"),
        (axes[1], speed.CURVE_N, 0, "m = 1,000"),
    ):
        for method in run.methods:
            seconds = speed.curve(run, method, sizes)
            points = [
                (size[varied], s) for size, s in zip(sizes, seconds, strict=True) if s is not None
            ]
            if points:
                empty = False
                style = colour(run, method)
                axis.plot(*zip(*points, strict=True), marker="o", label=method, **style)
        axis.set_xscale("log", base=2)
        axis.set_yscale("log")
        at = [size[varied] for size in sizes]
        ticks([axis.xaxis], at, [f"{x:,}" for x in at])
        axis.set_xlabel("nm"[varied])
        axis.set_title(fixed)
    axes[0].set_ylabel("fit, s")
    axes[0].yaxis.set_major_formatter("{x:g}")
    legend(figure, axes)
    if empty:
        plt.close(figure)
        return None
    return figure


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
