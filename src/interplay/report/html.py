"""The HTML report: summary -> templates -> one file that needs no network."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interplay.numbers import percent
from interplay.report import pages
from interplay.report.axis import Axis
from interplay.report.page_data import answers, page_data
from interplay.report.phrases import Row
from interplay.report.reading import LEVELS, Reading

if TYPE_CHECKING:
    from markupsafe import Markup

SUBJECTS = {
    "text": "subject_text.html",
    "image": "subject_image.html",
    "components": "subject_components.html",
    "training_data": "subject_training_data.html",
    "callable": "subject_callable.html",
}
"""How the features themselves are drawn, by the kind of subject: one template for each."""

SCRIPTS = tuple(
    f"js/{name}.js"
    for name in ("numbers", "terms", "subject", "what_if", "table", "pictures", "open")
)

LISTED = 20
"""Interactions that are listed at once; the others are a click away."""

TARGETS = 12
"""Targets that one page holds."""


def render(summary: Mapping[str, Any]) -> str:
    """Return the report of a run as one HTML document.

    Parameters
    ----------
    summary
        what ``Explanation.to_dict()`` returns, or the content of ``run.json``

    Returns
    -------
    str
        a document without a single external reference; everything that came from the run is
        escaped

    Raises
    ------
    BadInput
        where ``summary`` is not the summary of a run
    """
    run = Reading(summary)
    verdict = summary["trust"]["verdict"]
    body = _report(summary, shared=True, what_if=True)
    return pages.template("page.html").render(run=run, verdict=verdict, body=body)


def fragment(summary: Mapping[str, Any], *, shared: bool = True, what_if: bool = True) -> str:
    """Return the same report as a piece of HTML that a notebook or another page can take in.

    It lives in a shadow root: no style passes in or out.

    Parameters
    ----------
    summary
        see :func:`render`
    shared
        with the style sheet and the script; a page of many reports has them once
    what_if
        with the series behind it, so that features can be switched off in the page
    """
    return str(_report(summary, shared=shared, what_if=what_if))


def write(summary: Mapping[str, Any], path: str | Path) -> Path:
    """Write the report of a run to ``path``, and return the path.

    Raises
    ------
    BadInput
        where ``summary`` is not the summary of a run, or ``path`` cannot be written
    """
    return pages.write(render(summary), path)


def _axis(rows: list[Row]) -> Axis:
    """The common axis of the interval bars."""
    ends = [end for row in rows for end in (row.low, row.value, row.high)]
    return Axis(end for end in ends if end is not None)


@dataclass(frozen=True)
class _Point:
    """R² after so many calls, and where it stands in the drawing."""

    calls: int
    words: str
    x: str
    y: str
    low: str
    high: str


def _curve(run: Reading) -> list[_Point]:
    """The points of faithfulness against calls; none where fewer than two are known."""
    points = run.convergence
    if len(points) < 2:
        return []
    first, last = points[0][0], points[-1][0]

    def y(share: float) -> str:
        return f"{96 - 88 * min(max(share, 0.0), 1.0):.1f}"

    return [
        _Point(
            calls,
            f"{calls:,} calls {value:.2f}" + (f" ({low:.2f} to {high:.2f})" if low > -1 else ""),
            f"{30 + 250 * math.log(calls / first) / math.log(last / first):.1f}",
            *map(y, (value, low, high)),
        )
        for calls, value, low, high in points
    ]


def _report(summary: Mapping[str, Any], *, shared: bool, what_if: bool) -> Markup:
    """The report of each target; of several, with a switch between them."""
    from markupsafe import Markup

    runs = Reading.each(summary)
    shown = runs[:TARGETS]
    asked = [(run, what_if and answers(run)) for run in shown]
    return Markup(
        pages.template("report.html").render(
            runs=shown,
            bodies=[_target(run, what_if=one) for run, one in asked],
            data=[page_data(run, what_if=one) for run, one in asked],
            left_out=len(runs) - len(shown),
            inherited=_inherited(runs[0]),
            shared=shared,
            # Markup, or the style sheet and the script would be escaped as if they were text.
            css=style(),
            js=script(),
        )
    )


def _inherited(run: Reading) -> str | None:
    """Style that all below inherits, through the shadow root too: the pictures, once for all."""
    if run.drawing is not None:
        return f"--picture:url({run.drawing.address})"
    examples = run.examples
    return None if examples is None or examples.sheet is None else examples.sheet.style


def _residual(run: Reading) -> str | None:
    """How far the model strays from the spectrum, in words; None where that rounds to nothing."""
    words = "" if run.residual is None else run.scale.plain(run.residual)
    return words if re.search("[1-9]", words) else None


def _target(run: Reading, *, what_if: bool) -> Markup:
    from markupsafe import Markup

    return Markup(
        pages.template("target.html").render(
            run=run,
            what_if=what_if,
            residual=_residual(run),
            subject_template=SUBJECTS[run.kind],
            axis=_axis(run.together),
            curve=_curve(run),
            listed=LISTED,
            levels=LEVELS,
            no_interval=run.no_interval,
            percent=percent,
        )
    )


@cache
def style(*more: str) -> Markup:
    """Return the style sheet of a report, with that of other templates behind it."""
    from markupsafe import Markup

    css = "\n".join(map(pages.source, ("report.css", "actions.css", *more)))
    # a rem is what the page around the report says it is: ours are of 16 pixels
    return Markup(re.sub(r"([\d.]+)rem\b", lambda size: f"{16 * float(size[1]):g}px", css))


@cache
def script() -> Markup:
    """Return the script of a report: a function that opens the first one that is not open yet."""
    from markupsafe import Markup

    return Markup("\n").join((Markup("(() => {"), *map(pages.source, SCRIPTS), Markup("})();")))
