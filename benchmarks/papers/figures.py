"""The pictures of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figure_style import INK, OTHERS, PEER, STYLE, SUBJECT, legend, ticks
from benchmarks.papers import faithfulness, hierarchy, removal, shapley, sparsity, supporting
from benchmarks.papers.faithfulness import LEVELS
from benchmarks.papers.figures_heads import energy_by_group, scores_against_lasso
from benchmarks.papers.intervals import Interval
from benchmarks.sections import Results

LOOKS: dict[str, dict[str, Any]] = {
    "auto": {"color": SUBJECT, "linewidth": 2.2, "zorder": 5},
    "proxyspex": {"color": OTHERS[0]},
    "spex": {"color": OTHERS[1]},
    "parity-gp": {"color": OTHERS[2]},
    "lasso": {"color": OTHERS[3]},
    "faith-banzhaf-2": {"color": OTHERS[4]},
    "faith-shap-2": {"color": OTHERS[5]},
    "shapiq KernelSHAP": {"color": PEER},
    "shapiq PermutationSamplingSV": {"color": PEER, "linestyle": ":"},
    "shapiq ProxySPEX": {"color": OTHERS[0], "linestyle": "--"},
    "random": {"color": PEER, "linestyle": ":"},
}
"""The line of a method, the same in every picture."""
R2_TICKS = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998)


def draw(results: Results, folder: Path) -> None:
    """Write every picture that there are rows for."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    drawn = {
        "faithfulness": {"faithfulness": r2_against_calls, "calls": calls_for_r2},
        "removal": {"removal": change_by_removed},
        "supporting": {"supporting": recall_against_calls},
        "shapley": {"shapley": shapley_against_calls},
        "sparsity": {"sparsity": r2_against_terms},
        "hierarchy": {"hierarchy": rates_against_terms},
        "heads": {"heads": scores_against_lasso, "energy": energy_by_group},
    }
    with mpl.rc_context({**STYLE, "svg.hashsalt": "papers"}):
        for section, pictures in drawn.items():
            details = [row["detail"] for row in results.get(section, {}).get("rows", ())]
            for name, picture in pictures.items() if details else ():
                figure = picture(details, plt)
                figure.savefig(folder / f"papers_{name}.svg", metadata={"Date": None})
                plt.close(figure)


def r2_against_calls(details: Sequence[Mapping[str, Any]], plt: Any) -> Any:
    """R² against calls, a panel for each octave of lengths; thin lines are single reviews."""
    octaves = [detail for detail in details if "reviews" in detail]
    figure, axes = plt.subplots(2, 4, figsize=(11, 5.2), layout="constrained", sharey=True)
    names = (*faithfulness.METHODS, faithfulness.GP, "spex")
    for axis, octave in zip(axes.flat, octaves, strict=False):
        for method in names:
            for place, one in enumerate(octave["reviews"]):
                if method in one["curves"]:
                    calls, r2 = zip(*one["curves"][method], strict=True)
                    missed = 1 - np.array(r2)
                    label = None if place else method
                    look = LOOKS[method] | {"linewidth": 1.6 if method == "auto" else 1.0}
                    axis.plot(calls, missed, marker="o", alpha=0.8, label=label, **look)
        axis.set_title(f"{octave['low']} to {octave['high']} words")
        _logarithmic_calls(axis)
        axis.set_yscale("log")
        axis.set_ylim(1.3, 0.001)
        ticks([axis.yaxis], [1 - r2 for r2 in R2_TICKS], [f"{r2:g}" for r2 in R2_TICKS])
    for axis in axes.flat[len(octaves) :]:
        axis.set_visible(False)
    for axis in axes.flat:
        axis.set_xlabel("calls")
    figure.supylabel("R² on other masks (log scale of 1 - R²)", fontsize=9)
    legend(figure, axes.flat)
    return figure


def calls_for_r2(details: Sequence[Mapping[str, Any]], plt: Any) -> Any:
    """Ratios of calls at equal R², by level."""
    pairs = [detail for detail in details if "pair" in detail]
    figure, axis = plt.subplots(figsize=(7, 3.2), layout="constrained")
    for place, detail in enumerate(pairs):
        by_level = detail["by_level"]
        levels = [level for level in LEVELS if by_level[f"{level:g}"]]
        if not levels:
            continue
        found = [Interval.of_ratios(by_level[f"{level:g}"]) for level in levels]
        at = np.array([LEVELS.index(level) for level in levels]) + 0.12 * (place - 1.5)
        axis.errorbar(
            at,
            [one.value for one in found],
            yerr=_bars(found),
            marker="o",
            capsize=2,
            color=(SUBJECT, *OTHERS)[place],
            label=f"calls({detail['pair'][0]}) / calls({detail['pair'][1]})",
        )
    axis.axhline(1.0, color=INK, linewidth=1)
    axis.set_yscale("log")
    shown = (0.5, 1, 2, 4, 8, 16, 32)
    low, high = axis.get_ylim()
    ticks([axis.yaxis], shown, [f"{ratio:g}" for ratio in shown])
    axis.set_ylim(low, high)
    ticks([axis.xaxis], range(len(LEVELS)), [f"{level:g}" for level in LEVELS])
    axis.set_xlabel("R² that both reach")
    axis.set_ylabel("ratio of calls")
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def change_by_removed(details: Sequence[Mapping[str, Any]], plt: Any) -> Any:
    """Rem(r), medians over the reviews, a panel for each group of lengths."""
    figure, axes = plt.subplots(
        1,
        len(details),
        figsize=(max(6, 4.2 * len(details)), 3.2),
        layout="constrained",
        squeeze=False,
    )
    for axis, detail in zip(axes.flat, details, strict=True):
        for method in (*removal.METHODS, "random"):
            points = []
            for r in removal.REMOVED:
                here = [one for one in detail["reviews"] if r in one["sizes"]]
                rem = [removal.relative(one, method)[one["sizes"].index(r)] for one in here]
                if rem:
                    points.append((r, float(np.median(rem))))
            axis.plot(*zip(*points, strict=True), marker="o", label=method, **LOOKS[method])
        axis.set_title(detail["group"])
        ticks([axis.xaxis], removal.REMOVED, map(str, removal.REMOVED))
        axis.set_xlabel("words removed, r")
        axis.set_ylim(bottom=0)
    axes[0, 0].set_ylabel("Rem(r), median")
    legend(figure, axes.flat)
    return figure


def recall_against_calls(details: Sequence[Mapping[str, Any]], plt: Any) -> Any:
    """Recall of the supporting sentences in the strongest interaction, against calls."""
    items = details[0]["items"]
    figure, axis = plt.subplots(figsize=(6, 3.2), layout="constrained")
    sizes = np.array(items[0]["sizes"])
    for place, method in enumerate(supporting.METHODS):
        found = [
            Interval.of([one["recalls"][method][i][0] for one in items]) for i in range(len(sizes))
        ]
        axis.errorbar(
            sizes * 1.02 ** (place - 2.5),
            [one.value for one in found],
            yerr=_bars(found),
            marker="o",
            capsize=2,
            label=method,
            **LOOKS[method],
        )
    axis.set_xscale("log", base=2)
    ticks([axis.xaxis], sizes, map(str, sizes))
    axis.set_ylim(0, 1.05)
    axis.set_xlabel("calls")
    axis.set_ylabel("recall of the two needed facts")
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def shapley_against_calls(details: Sequence[Mapping[str, Any]], plt: Any) -> Any:
    """Recall and squared error of Shapley values, against the budget."""
    figure, axes = plt.subplots(
        2, len(details), figsize=(4.2 * len(details), 5.2), layout="constrained", squeeze=False
    )
    for column, detail in zip(axes.T, details, strict=True):
        inputs = detail["inputs"]
        alphas = list(inputs[0]["found"]["auto"])
        for axis, figure_of, mean in (
            (column[0], "recall", Interval.of),
            (column[1], "squared_error", Interval.of_ratios),
        ):
            for method in shapley.methods(inputs):
                told = [
                    alpha
                    for alpha in alphas
                    if all(alpha in one["found"].get(method, {}) for one in inputs)
                ]
                values = [
                    mean(shapley.each(inputs, method, alpha, figure_of)).value for alpha in told
                ]
                at = [float(alpha) for alpha in told]
                axis.plot(at, values, marker="o", label=method, **LOOKS[method])
            axis.set_xscale("log", base=2)
            ticks([axis.xaxis], map(float, alphas), alphas)
        column[0].set_title(f"{len(inputs)} {detail['kind']}")
        column[0].set_ylabel(f"recall@{shapley.TOP[detail['kind']]}")
        column[1].set_ylabel("relative squared error")
        column[1].set_yscale("log")
        column[1].yaxis.set_major_formatter("{x:g}")
        column[1].set_xlabel("calls over n log2 n")
    legend(figure, axes.flat)
    return figure


def r2_against_terms(details: Sequence[Mapping[str, Any]], plt: Any) -> Any:
    """Relative R² against the number of terms: means over reviews, short and long ones apart."""
    groups = {"8 to 63 words": (8, 63), "64 words and more": (64, 10_000)}
    figure, axes = plt.subplots(1, 2, figsize=(8.4, 3.2), layout="constrained", sharey=True)
    for axis, (title, (low, high)) in zip(axes, groups.items(), strict=True):
        for detail in details:
            here = [one["relative"] for one in detail["reviews"] if low <= one["n"] <= high]
            if here:
                mean = np.mean(here, axis=0)
                look = LOOKS[detail["method"]]
                axis.plot(sparsity.SIZES, mean, marker="o", label=detail["method"], **look)
        axis.set_title(title)
        axis.set_xscale("log")
        ticks([axis.xaxis], sparsity.SIZES, [f"{size:,}" for size in sparsity.SIZES])
        axis.set_xlabel("terms kept")
    axes[0].set_ylabel("R² over that of all terms")
    legend(figure, axes.flat)
    return figure


def rates_against_terms(details: Sequence[Mapping[str, Any]], plt: Any) -> Any:
    """DSR, SCR and SHR against k, of exact and fitted spectra, and by chance."""
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained", sharey=True)
    looks: tuple[dict[str, Any], ...] = (
        {"color": INK, "linewidth": 2.2, "zorder": 5},
        {"color": PEER, "linestyle": ":"},
        *({"color": colour} for colour in (SUBJECT, *OTHERS)),
    )
    whole = [detail for detail in details if not detail["what"].startswith("...")]
    for axis, name in zip(axes, ("dsr", "scr", "shr"), strict=True):
        for detail, look in zip(whole, looks, strict=False):
            points = []
            for k, place in zip(hierarchy.SIZES, range(len(hierarchy.SIZES)), strict=True):
                told = [v for one in detail["spectra"] if (v := one[name][place]) is not None]
                if told:
                    points.append((k, float(np.mean(told))))
            if points:
                axis.plot(*zip(*points, strict=True), marker="o", label=detail["what"], **look)
        axis.set_title(name.upper())
        axis.set_xscale("log", base=2)
        ticks([axis.xaxis], hierarchy.SIZES, map(str, hierarchy.SIZES))
        axis.set_ylim(0, 1.03)
        axis.set_xlabel("k, largest terms")
    axes[0].set_ylabel("rate, mean over spectra")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def _bars(found: Sequence[Interval]) -> Any:
    """Return the lengths of error bars, below and above."""
    return np.array(
        [
            [one.value - one.low for one in found],
            [one.high - one.value for one in found],
        ]
    ).clip(min=0.0)


def _logarithmic_calls(axis: Any) -> None:
    axis.set_xscale("log")
    low, high = axis.get_xlim()
    shown = (10, 30, 100, 300, 1000, 3000)
    ticks([axis.xaxis], shown, [f"{calls:,}" for calls in shown])
    axis.set_xlim(low, high)
