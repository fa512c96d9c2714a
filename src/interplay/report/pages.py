"""What all pages are made with: templates, their sources, and the file that a page becomes."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from interplay.errors import BadInput

if TYPE_CHECKING:
    from jinja2 import Environment, Template
    from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"

ICONS = {"trust": "✓", "trust in part": "◐", "do not trust": "✕"}
"""The sign of each verdict, beside its colour; templates know them as ``icons``."""


@cache
def environment(folder: Path) -> Environment:
    """Return the templates of a folder; what one lacks is an error, and all is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(folder, encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["icons"] = ICONS
    return made


def template(name: str) -> Template:
    """Return a template of the reports; it escapes all that it is given."""
    return environment(TEMPLATES).get_template(name)


@cache
def source(name: str, folder: Path = TEMPLATES) -> Markup:
    """Return a style sheet or a script, which no template escapes."""
    from markupsafe import Markup

    return Markup((folder / name).read_text(encoding="utf-8"))


def write(document: str, path: str | Path) -> Path:
    """Write a page to ``path``, and return the path.

    Raises
    ------
    BadInput
        where ``path`` cannot be written
    """
    path = Path(path)
    try:
        # half of a surrogate pair has no bytes in UTF-8, and is written as an escape
        path.write_text(document, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise BadInput(
            f"the report cannot be written to {path}: {error.strerror or error}; "
            "name a file in a folder that exists"
        ) from error
    return path
