"""Pictures for papers and notebooks, drawn by matplotlib."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from interplay.errors import BadInput, MissingExtra, check_whole
from interplay.report.examples import Example, Sheet
from interplay.report.numbers import elide
from interplay.report.reading import Reading

if TYPE_CHECKING:
    from numpy.typing import NDArray

RAISES, LOWERS = "#f08a2c", "#4b93d9"
"""Orange and blue, as in the HTML report."""
SIDE = 22
"""Points that a picture is wide."""


def partners(explanation: Any, *, top: int = 8, ax: Any = None) -> Any:
    """Draw the strongest pairs of training examples: which repeat, which reinforce each other.

    Parameters
    ----------
    explanation : Explanation or mapping
        Of a training set, or the content of its ``run.json``; the target that it shows is drawn.
    top : int
        So many pairs of each kind at most.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a figure of its own.

    Returns
    -------
    matplotlib.axes.Axes
        A bar for each pair, its Banzhaf interaction, with the 90 % interval; a dot where retraining
        has measured it. What lowers the target is hatched. With pictures where the run has them.

    Raises
    ------
    BadInput
        If the run is not of a training set, or no pair was found.
    MissingExtra
        If matplotlib is not installed.

    Examples
    --------
    >>> partners(ip.load("run.json")).figure.savefig("pairs.png")  # doctest: +SKIP
    """
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise MissingExtra("matplotlib", "plots") from error
    check_whole("top", top, 1)
    run = Reading(explanation if isinstance(explanation, Mapping) else explanation.to_dict())
    examples = run.examples
    if examples is None:
        raise BadInput("partners draws pairs of training examples, and this run is not of any")
    rows = [(kind, one) for kind in examples.kinds for one in kind.pairs[:top]]
    if not rows:
        raise BadInput("no pair of training examples was found to repeat or to reinforce another")
    if ax is None:
        _, ax = pyplot.subplots(figsize=(7.5, 0.42 * len(rows) + 1.2), layout="constrained")
    for place, (_, one) in enumerate(rows):
        value, low, high = one.pair.value, one.pair.low, one.pair.high
        raises = value > 0
        ax.barh(
            place,
            value,
            color=RAISES if raises else LOWERS,
            hatch=None if raises else "//",
            edgecolor="white",
        )
        if low is not None and high is not None:
            ax.plot([low, high], [place, place], color="black", linewidth=1.2)
        if one.measured is not None:
            ax.plot(one.measured.value, place, "o", color="black", markerfacecolor="white")
        if examples.sheet is not None:
            for side, feature in enumerate(reversed(one.pair.features)):
                _picture(ax, examples.sheet, examples.features[feature], place, side)
    ax.set_yticks(range(len(rows)), [_name(one.pair.names) for _, one in rows])
    ax.tick_params(axis="y", length=0, pad=6 if examples.sheet is None else 2.4 * SIDE + 6)
    first = [[kind.name for kind, _ in rows].index(name) for name in {k.name for k, _ in rows}]
    for place in sorted(first):
        ax.annotate(
            rows[place][0].heading,
            (1, place - 0.5),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="bottom",
            fontsize="small",
            fontweight="bold",
        )
    ax.axvline(0, color="black", linewidth=0.8)
    ax.set_ylim(len(rows) - 0.4, -1.1)
    ax.set_xlabel(f"Banzhaf interaction, in units of {run.quantity}")
    for edge in ("top", "right", "left"):
        ax.spines[edge].set_visible(False)
    return ax


def _name(names: tuple[str, str]) -> str:
    """Two names as matplotlib writes them: a dollar sign would begin a formula."""
    return " × ".join(elide(name, 30).replace("$", r"\$") for name in names)


def _picture(ax: Any, sheet: Sheet, example: Example, place: int, side: int) -> None:
    """Put the picture of an example to the left of a row; ``side`` 0 is next to the axis."""
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    pixels = _tile(sheet, example)
    drawn = OffsetImage(
        pixels, zoom=SIDE / max(pixels.shape[:2]), cmap="gray", interpolation="none"
    )
    box = AnnotationBbox(
        drawn,
        (0, place),
        xybox=(-(0.6 + 1.15 * side) * SIDE, 0),
        xycoords=("axes fraction", "data"),
        boxcoords="offset points",
        frameon=False,
        pad=0,
    )
    ax.add_artist(box)


def _tile(sheet: Sheet, example: Example) -> NDArray[np.uint8]:
    from PIL import Image

    content = base64.b64decode(sheet.address.partition(",")[2])
    whole = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    x, y = example.place or (0, 0)
    return whole[y * sheet.height : (y + 1) * sheet.height, x * sheet.width : (x + 1) * sheet.width]
