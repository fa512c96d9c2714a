"""Runs side by side in one HTML file: how far each is to be trusted, and where they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interplay.numbers import elide
from interplay.report import html, pages
from interplay.report.axis import Axis
from interplay.report.comparison_reading import Line, Overview
from interplay.report.reading import LEVELS

if TYPE_CHECKING:
    from markupsafe import Markup

LISTED = 12
"""Differences of a table that are listed at once; the others are a click away."""


def render(content: Mapping[str, Any]) -> str:
    """Return a comparison as one HTML document, without an external reference.

    Parameters
    ----------
    content
        what ``Comparison.to_dict()`` returns.

    Raises
    ------
    BadInput
        where ``content`` is not that.
    """
    overview = Overview(content)
    page = pages.template("comparison_page.html")
    return page.render(all=overview, body=_body(overview))


def fragment(content: Mapping[str, Any]) -> str:
    """Return the same as a piece of HTML that a notebook can take in, in a shadow root."""
    return str(_body(Overview(content)))


def write(content: Mapping[str, Any], path: str | Path) -> Path:
    """Write a comparison to ``path``, and return the path.

    Raises
    ------
    BadInput
        where ``content`` is not a comparison, or ``path`` cannot be written.
    """
    return pages.write(render(content), path)


def _axis(lines: Sequence[Line]) -> Axis:
    """The axis of a table; an interval far wider than those of the clear rows ends at its edge."""
    ends = [line.value for line in lines]
    for line in [line for line in lines if line.clear] or lines:
        ends += [end for end in (line.low, line.high) if end is not None]
    return Axis(ends)


def _body(overview: Overview) -> Markup:
    from markupsafe import Markup

    return Markup(
        pages.template("comparison.html").render(
            all=overview,
            axis_of=_axis,
            listed=LISTED,
            levels=LEVELS,
            elide=elide,
            css=html.style("comparison.css"),
            js=pages.source("comparison.js"),
        )
    )
