"""The one style of all plots: colours, hatches, sizes, and the frame that each is drawn in."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Real
from typing import Any

from interplay.errors import BadInput, required
from interplay.numbers import Scale
from interplay.report.plots.letters import Pen
from interplay.report.reading import Reading
from interplay.spectrum import Spectrum

RAISES, LOWERS, REST = "#f08a2c", "#4b93d9", "#a9a9a9"
"""Orange and blue, as in the HTML report; grey for what is left over."""
INK, QUIET, FAINT = "#222222", "#666666", "#dddddd"
HATCH = "/////"
"""Of what lowers, so that colour is never the only sign."""
DASHES = (0, (3, 1.6))
"""Of lines that stand for what lowers."""
DARKER = "#1d4f86"
"""Blue of thin lines on blue."""

WIDTH = 6.5
"""Inches that a plot is wide by default: the text of a page."""
NARROW = 5.0
"""Below so many inches a figure has the smaller letters: a column of a paper is 3.3 inches wide."""
LARGE, SMALL = 9.0, 7.5

STYLE = {
    "axes.edgecolor": INK,
    "axes.facecolor": "white",
    "axes.grid": False,
    "axes.labelcolor": INK,
    "axes.labelsize": "medium",
    "axes.labelweight": "normal",
    "axes.linewidth": 0.7,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": "medium",
    "axes.titleweight": "normal",
    "axes.unicode_minus": True,
    "figure.facecolor": "white",
    "font.style": "normal",
    "font.weight": "normal",
    "hatch.linewidth": 0.7,
    "legend.fontsize": "medium",
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    "text.color": INK,
    "text.parse_math": True,
    "text.usetex": False,
    "xtick.color": INK,
    "xtick.labelsize": "medium",
    "xtick.major.width": 0.7,
    "ytick.color": INK,
    "ytick.labelsize": "medium",
    "ytick.major.width": 0.7,
}

WORDS = {
    "BII": "Banzhaf interaction",
    "BV": "Banzhaf value",
    "FBII": "faithful Banzhaf interaction",
    "FSII": "faithful Shapley interaction",
    "Fourier": "Fourier coefficient",
    "Moebius": "Moebius interaction",
    "OR": "OR interaction",
    "SII": "Shapley interaction",
    "STII": "Shapley-Taylor interaction",
    "SV": "Shapley value",
    "influence": "influence",
    "k-SII": "k-SII interaction",
}
"""Indices as axes name them."""


def read(explanation: Any) -> Reading:
    """Return the reading of an Explanation, or of the content of its ``run.json``."""
    if isinstance(explanation, Mapping):
        return Reading(explanation)
    if not hasattr(explanation, "to_dict"):
        raise BadInput(
            "a plot is made of an Explanation, or of the content of its run.json as a mapping; "
            f"got {type(explanation).__name__}: interplay.load reads a file"
        )
    return Reading(explanation.to_dict())


def spectrum_of(run: Reading) -> Spectrum:
    """Return the series of a run, or raise where the summary does not hold it."""
    if run.spectrum is None:
        raise BadInput("the summary of the run lacks its spectrum: run the explanation again")
    return run.spectrum


@dataclass(frozen=True)
class Frame:
    """Where a plot is drawn: Axes, the pen that writes in it, and how wide it may be in inches.

    ``own`` says whether the figure was made for it.
    """

    ax: Any
    pen: Pen
    room: float
    own: bool

    @property
    def row(self) -> float:
        """Height of a row, in inches."""
        return row_height(self.pen.size)


def row_height(size: float) -> float:
    return 2.1 * size / 72


def letters_of(width: float) -> float:
    """Return the size of the letters in a figure so many inches wide, in points."""
    return LARGE if width >= NARROW else SMALL


@contextmanager
def frame(
    run: Reading,
    ax: Any,
    width: float,
    *,
    rows: float = 0.0,
    height: float = 0.0,
    texts: Iterable[str] = (),
) -> Iterator[Frame]:
    """Give the Axes to draw in, with the style switched on until the end of the block.

    Parameters
    ----------
    run
        what is drawn
    ax : matplotlib.axes.Axes or None
        where; None makes a figure of its own
    width
        of that figure, in inches
    rows, height
        its height, in rows of text and in inches, added up
    texts
        what is written beside the names of the features and of the target

    Raises
    ------
    BadInput
        if ``width`` is no width, or ``ax`` no Axes
    MissingExtra
        if matplotlib is not installed
    """
    pyplot = required("matplotlib.pyplot", "plots")
    _check_width(width)
    if ax is not None and not (hasattr(ax, "barh") and hasattr(ax, "figure")):
        raise BadInput(f"ax must be matplotlib Axes, or None; got {type(ax).__name__}")
    if ax is not None:
        width = ax.figure.bbox.width / ax.figure.dpi
    size = letters_of(width)
    pen = Pen.of([*run.features, run.quantity, *texts], size)
    with pyplot.rc_context({**STYLE, "font.family": [*pen.families], "font.size": size}):
        if ax is None:
            tall = height + rows * row_height(size)
            _, ax = pyplot.subplots(figsize=(width, tall), layout="constrained")
            yield Frame(ax, pen, width, own=True)
        else:
            for edge in ("left", "right", "top"):
                ax.spines[edge].set_visible(False)
            # of the figure, with what is kept free around Axes that were not laid out yet
            yield Frame(ax, pen, 1.25 * ax.bbox.width / ax.figure.dpi, own=False)
        _restyle(ax, pen)


def _restyle(ax: Any, pen: Pen) -> None:
    """Bring what the Axes had before, and labels that are made when they are needed, into style."""
    from matplotlib.text import Text

    ax.tick_params(labelsize=pen.size)
    for label in (ax.xaxis.label, ax.yaxis.label):
        label.set_fontsize(pen.size)
    ax.get_xticklabels()
    ax.get_yticklabels()
    for words in ax.findobj(Text):
        words.set_fontfamily([*pen.families])
        words.set_usetex(False)
        words.set_parse_math(True)


def _check_width(width: object) -> None:
    number = isinstance(width, Real) and not isinstance(width, bool)
    if not number or not 1.0 <= float(width) <= 100.0:  # type: ignore[arg-type]
        raise BadInput(f"width must be a number of inches, from 1 to 100; got {width!r}")


def solid(value: float) -> dict[str, Any]:
    """Return how a bar is filled that stands for ``value``."""
    if value >= 0:
        return {"facecolor": RAISES, "edgecolor": "white", "linewidth": 0}
    return {"facecolor": LOWERS, "edgecolor": "white", "linewidth": 0, "hatch": HATCH}


def rest() -> dict[str, Any]:
    """Return how a bar is filled that stands for all that is not named."""
    return {"facecolor": REST, "edgecolor": "white", "linewidth": 0}


def stroke(value: float) -> dict[str, Any]:
    """Return the colour and dashes of a line that stands for ``value``."""
    if value >= 0:
        return {"color": RAISES, "linestyle": "-"}
    return {"color": LOWERS, "linestyle": DASHES}


def shade(value: float, largest: float) -> dict[str, Any]:
    """Return how an area is filled whose depth says how large ``value`` is.

    It grows with the power 2/3, as in the report: on a linear scale all but a few would look like
    nothing.
    """
    from matplotlib.colors import to_rgba

    depth = (min(abs(value) / largest, 1.0) if largest else 0.0) ** (2 / 3)
    if depth < 0.02:  # nobody could see it
        return {"facecolor": "none", "edgecolor": "none", "linewidth": 0}
    if value > 0:
        return {"facecolor": to_rgba(RAISES, depth), "edgecolor": "none", "linewidth": 0}
    lines = to_rgba(DARKER, 0.15 + 0.4 * depth)
    return {
        "facecolor": to_rgba(LOWERS, depth),
        "edgecolor": lines,
        "linewidth": 0,
        "hatch": HATCH,
    }


def axis_words(on: Frame, run: Reading, index: str, *, single: bool = False) -> str:
    """Return what stands at an axis: which index, in which units; on two lines where narrow.

    ``single`` says that only single features are shown, whose interactions are values.
    """
    units = "squared units" if index == "influence" else "units"
    name, of = WORDS[index], f"in {units} of "
    if single:
        name = name.replace("interaction", "value")
    # the middle of the Axes is not that of the figure
    target = on.pen.fit(run.quantity, 0.6 * on.room - on.pen.width(of))
    whole = f"{name}, {of}{target}"
    return whole if on.pen.width(whole) < 0.5 * on.room else f"{name},\n{of}{target}"


def named_rows(
    on: Frame, names: Sequence[str], share: float = 0.4, places: Sequence[float] | None = None
) -> float:
    """Write a name at the left of each row, from the top, in at most ``share`` of the width.

    Returns the inches that the names take up. Rows are 0, 1, ... unless ``places`` says otherwise.
    """
    places = range(len(names)) if places is None else places
    on.ax.set_yticks(list(places), on.pen.fit_all(names, share * on.room))
    on.ax.tick_params(axis="y", length=0)
    on.ax.set_ylim(max(places, default=0) + 0.6, min(places, default=0) - 0.6)
    return max((min(on.pen.width(name), share * on.room) for name in names), default=0.0)


def numbers_beside(on: Frame, numbers: Sequence[str]) -> None:
    """Write a number at the right of each row, in a column that lines up."""
    for place, number in enumerate(numbers):
        on.ax.annotate(
            number,
            (1, place),
            xytext=(2 + 72 * max(map(on.pen.width, numbers)), 0),
            xycoords=on.ax.get_yaxis_transform(),
            textcoords="offset points",
            ha="right",
            va="center",
            annotation_clip=False,
        )


def whisker(on: Frame, low: float | None, high: float | None, place: float) -> None:
    """Draw a 90 % interval along a row; nothing where it is not known, or exact."""
    if low is not None and high is not None and low < high:
        on.ax.plot([low, high], [place, place], color=INK, linewidth=1.1, solid_capstyle="butt")


def caution(run: Reading) -> str | None:
    """Return what must be said first, as a picture travels alone; None for a run to be trusted."""
    if run.verdict == "trust":
        return None
    told = f"{run.verdict.capitalize()}: "
    if run.faithfulness is None:
        return told + "R² could not be measured"
    value, low, high = run.faithfulness
    end = f"{low:.2f} to {high:.2f}" if math.isfinite(low) else f"at most {high:.2f}"
    return f"{told}R² {value:.2f} ({end})"


def key(
    on: Frame,
    run: Reading,
    handles: Sequence[tuple[Any, str]],
    *,
    title: str | None = None,
    below: bool = False,
    left: float = 0.0,
    ax: Any = None,
) -> float:
    """Put a legend above (or ``below``) the Axes, with what must be said first at its top.

    It begins ``left`` inches to the left of the Axes, over what is written beside them. Returns its
    height in inches.
    """
    from matplotlib.transforms import ScaledTranslation

    ax = on.ax if ax is None else ax
    told = [line for line in (caution(run), title) if line]
    size = on.pen.size / 72
    written = [on.pen.fit(label, on.room - 5 * size) for _, label in handles]
    wide = sum(on.pen.width(label) + 4 * size for label in written)
    columns = len(handles) if wide < on.room else 2 if len(handles) > 2 else 1
    if columns == 2 and wide > 2 * on.room:
        columns = 1
    shift = ScaledTranslation(-left, 0, ax.figure.dpi_scale_trans)
    ax.legend(
        [handle for handle, _ in handles],
        written,
        title="\n".join(told) or None,
        title_fontsize="medium",
        alignment="left",
        loc="upper left" if below else "lower left",
        bbox_to_anchor=(0, 0 if below else 1),
        bbox_transform=ax.transAxes + shift,
        ncols=max(columns, 1),
        borderaxespad=0.4,
        borderpad=0.1,
        handlelength=1.6,
        columnspacing=1.2,
        handletextpad=0.5,
    )
    lines = "\n".join(told).count("\n") + bool(told) + math.ceil(len(handles) / max(columns, 1))
    return (1.45 * lines + 0.8) * size


def signs(run: Reading, values: Iterable[float], *, lines: bool = False) -> list[tuple[Any, str]]:
    """Return the legend of orange and blue, of those that occur."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    found = []
    listed = list(values)
    for sign, word in ((1.0, "raises"), (-1.0, "lowers")):
        if any(value * sign > 0 for value in listed):
            handle = Line2D([], [], **stroke(sign)) if lines else Patch(**solid(sign))
            found.append((handle, f"{word} {run.quantity}"))
    return found


def shades(values: Iterable[float]) -> list[tuple[Any, str]]:
    """Return the legend of depths: the largest effect of either sign, and an eighth of it."""
    from matplotlib.patches import Patch

    listed = list(values)
    largest, scale = max(map(abs, listed), default=0.0), Scale.of(listed)
    low, high = min(listed, default=0.0), max(listed, default=0.0)
    return [
        (Patch(**shade(part, largest)), scale.signed(part))
        for part in (low, low / 8, high / 8, high)
        if part and (part < 0) == (part in (low, low / 8))
    ]
