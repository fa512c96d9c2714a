"""The HTML report: summary -> templates -> one file that needs no network."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interplay.errors import BadInput
from interplay.report.numbers import Scale, percent
from interplay.report.reading import LEVELS, Reading, Row

if TYPE_CHECKING:
    from jinja2 import Environment, Template
    from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"

SUBJECTS = {
    "text": "subject_text.html",
    "image": "subject_image.html",
    "components": "subject_components.html",
    "training_data": "subject_training_data.html",
    "callable": "subject_callable.html",
}
"""How the features themselves are drawn, by the kind of subject: one template for each."""

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
    return _template("page.html").render(run=run, verdict=verdict, body=_body(summary))


def fragment(summary: Mapping[str, Any]) -> str:
    """Return the same report as a piece of HTML that a notebook or another page can take in.

    It lives in a shadow root: no style passes in or out.
    """
    return str(_body(summary))


def write(summary: Mapping[str, Any], path: str | Path) -> Path:
    """Write the report of a run to ``path``, and return the path.

    Raises
    ------
    BadInput
        where ``summary`` is not the summary of a run, or ``path`` cannot be written
    """
    path = Path(path)
    document = render(summary)
    try:
        path.write_text(document, encoding="utf-8")
    except OSError as error:
        raise BadInput(
            f"the report cannot be written to {path}: {error.strerror or error}; "
            "name a file in a folder that exists"
        ) from error
    return path


class _Axis:
    """The common axis of the interval bars, 0 to ``WIDTH`` units wide, with zero always on it."""

    WIDTH = 180.0

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    @classmethod
    def around(cls, rows: list[Row]) -> _Axis:
        ends = [0.0]
        for row in rows:
            ends += [end for end in (row.low, row.value, row.high) if end is not None]
        low, high = min(ends), max(ends)
        room = 0.04 * (high - low) or 1.0
        return cls(low - room, high + room)

    def at(self, value: float) -> str:
        place = self.WIDTH * (value - self.low) / (self.high - self.low)
        return f"{min(max(place, 0.0), self.WIDTH):.1f}"


def _links(reading: Reading) -> dict[str, Any]:
    """What the script needs to light a word's partners: only what the page does not already say."""
    rows = reading.together
    scale = Scale.of(row.value for row in rows)
    return {
        "terms": [
            {
                "f": row.features,
                "words": row.words,
                "value": row.signed,
                "interval": row.interval,
                "weight": round(abs(row.value) / scale.largest, 3) if scale.largest else 0,
                "raises": row.value > 0,
            }
            for row in rows
        ],
        "effects": [reading.scale.signed(effect) for effect in reading.main_effects],
        "noun": reading.noun,
    }


def _body(summary: Mapping[str, Any]) -> Markup:
    """The report of each target; of several, with a switch between them."""
    from markupsafe import Markup

    readings = Reading.each(summary)
    if len(readings) == 1:
        return Markup(_report(readings[0], _inherited(readings[0])))
    bodies = [(reading, Markup(_report(reading, None))) for reading in readings[:TARGETS]]
    left_out = len(readings) - len(bodies)
    # the pictures of a training set are there once, for all targets
    return Markup(
        _template("targets.html").render(
            targets=bodies, left_out=left_out, inherited=_inherited(readings[0])
        )
    )


def _inherited(reading: Reading) -> str | None:
    """Style that all below inherits, through shadow roots too."""
    examples = reading.examples
    return None if examples is None or examples.sheet is None else examples.sheet.style


def _report(reading: Reading, inherited: str | None) -> str:
    return _template("report.html").render(
        run=reading,
        inherited=inherited,
        subject_template=SUBJECTS[reading.kind],
        axis=_Axis.around(reading.together),
        listed=LISTED,
        levels=LEVELS,
        percent=percent,
        links=_links(reading),
        # Markup, or the style sheet and the script would be escaped as if they were text.
        css=_source("report.css"),
        js=_source("report.js"),
    )


def _template(name: str) -> Template:
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(TEMPLATES, encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _source(name: str) -> Markup:
    from markupsafe import Markup

    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))
