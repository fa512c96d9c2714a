"""The figures of the page: one style, on no background, for light and dark pages alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engine import adaptive, games, llamas, recordings, speed
from benchmarks.engine.ratios import Cell, Ratios, errors, mean_error
from benchmarks.engine.run import Run
from benchmarks.figure_style import INK, OTHERS, PEER, R2_TICKS, STYLE, SUBJECT, legend, ticks
from benchmarks.shapiq_1_8 import ORDER_1, PROXYSPEX


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
            ("engine_calls", r2_of_language_models(run, plt)),
            ("engine_designs", designs_against_calls(run, plt)),
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


def r2_of_language_models(run: Run, plt: Any) -> Any:
    """R² against calls of fresh functions of language models: uniform masks, and coded designs."""
    found: dict[str, dict[str, dict[int, list[float]]]] = {}
    for row in run.results.of(llamas.SECTION):
        if "error" not in row:
            of_method = found.setdefault(row["cell"].split()[0], {}).setdefault(row["method"], {})
            of_method.setdefault(row["calls"], []).append(row["r2"])
    if not found:
        return None
    looks = {"auto": {"color": SUBJECT, "linewidth": 2.2, "zorder": 5}}
    looks |= {"proxyspex": {"color": OTHERS[0]}, llamas.SPEX: {"color": OTHERS[1]}}
    looks |= {llamas.PUBLISHED: {"color": PEER, "linestyle": "--"}}
    rows = -(-len(found) // 4)
    figure, axes = plt.subplots(
        rows, 4, figsize=(11, 2.5 * rows), layout="constrained", sharex=True, squeeze=False
    )
    for axis, (name, methods) in zip(axes.flat, found.items(), strict=False):
        for method, look in looks.items():
            calls = methods.get(method, {})
            points = [(m, 1 - float(np.mean(calls[m]))) for m in sorted(calls)]
            if points:
                axis.plot(*zip(*points, strict=True), marker="o", label=method, **look)
        for target in llamas.TARGETS:
            axis.axhline(1 - target, color=INK, linewidth=0.8, linestyle=":")
        axis.set_title(name)
        axis.set_xscale("log", base=10)
        axis.set_yscale("log")
        axis.set_ylim(1.1, 0.015)
        shown = (0.0, 0.5, 0.7, 0.85, 0.9, 0.95, 0.98)
        ticks([axis.yaxis], [1 - r2 for r2 in shown], [f"{r2:g}" for r2 in shown])
        ticks([axis.xaxis], (20, 100, 500, 2000), ("20", "100", "500", "2,000"))
    for axis in axes.flat[len(found) :]:
        axis.set_visible(False)
    for axis in axes[-1]:
        axis.set_xlabel("calls")
    figure.supylabel("R² on other masks (log scale of 1 - R²)", fontsize=9)
    legend(figure, axes.flat)
    return figure


def designs_against_calls(run: Run, plt: Any) -> Any:
    """1 - R² over that of uniform masks, by design, at equal calls; bars are 95 % intervals."""
    sets = ((adaptive.GAMES, "games"), (adaptive.MODELS, "language models"))
    figure, axes = plt.subplots(1, 4, figsize=(11, 3), layout="constrained", sharey=True)
    empty = True
    panels = [(names, what, law) for names, what in sets for law in adaptive.LAWS]
    for axis, (names, what, law) in zip(axes, panels, strict=True):
        for place, kind in enumerate(reversed(adaptive.KINDS[1:])):
            points = [(m, *adaptive.compared(run, kind, law, m, names)) for m in adaptive.CALLS]
            points = [point for point in points if point[-1]]
            if points:
                empty = False
                m, mean, low, high, _ = (np.array(column) for column in zip(*points, strict=True))
                look = {"color": SUBJECT if kind == "adaptive" else OTHERS[place - 1]}
                axis.errorbar(
                    m * 1.04 ** (place - 1),
                    mean,
                    yerr=[mean - low, high - mean],
                    marker="o",
                    capsize=2,
                    label=kind.replace("_", "-"),
                    **look,
                )
        axis.axhline(1.0, color=INK, linewidth=1)
        axis.set_title(f"{what}, {law.replace('_', '-')} masks")
        axis.set_xscale("log", base=2)
        axis.set_yscale("log")
        ticks([axis.xaxis], adaptive.CALLS, map(str, adaptive.CALLS))
        shown = (0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0)
        ticks([axis.yaxis], shown, [f"{ratio:g}" for ratio in shown])
        axis.set_xlabel("calls")
    axes[0].set_ylabel("1 - R² over that of uniform masks")
    legend(figure, axes)
    if empty:
        plt.close(figure)
        return None
    return figure
