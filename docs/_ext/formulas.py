"""Formulas as vector graphics, set by matplotlib: pages need no script, no font, no network.

What matplotlib's mathtext knows of LaTeX is what GitHub shows, too; anything else fails the build.
"""

from __future__ import annotations

import html
import re
from functools import cache
from typing import Any

from docutils import nodes
from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import MathTextParser
from matplotlib.path import Path
from matplotlib.textpath import TextToPath
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.writers.html5 import HTML5Translator

EM = 100.0
"""Size of the letters that paths are drawn with; pages scale it to that of their text."""

FONT = FontProperties(size=EM, math_fontfamily="cm")
LETTERS = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C"}
POINTS = {Path.CURVE3: 2, Path.CURVE4: 3}


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_html_math_renderer("formulas", (inline, None), (block, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def inline(self: HTML5Translator, node: nodes.math) -> None:
    # limits beside their sign, not below it: lines of text keep their distance
    formula = drawn(re.sub(r"\\(sum|prod|min)(?=_)", r"{\\\1}", node.astext()))
    # with a word joiner: a comma after it stays in its line
    self.body.append(f'<span class="formula">{formula}&#8288;</span>')
    raise nodes.SkipNode


def block(self: HTML5Translator, node: nodes.math_block) -> None:
    # what is wider than a telephone scrolls by itself, and so must take the keyboard
    start = self.starttag(node, "div", CLASS="math", role="group", tabindex="0")
    self.body.append(f"{start}{drawn(node.astext())}</div>\n")
    raise nodes.SkipNode


@cache
def drawn(latex: str) -> str:
    """Return a formula as SVG, in the colour and the size of the text around it."""
    line = " ".join(latex.split())
    try:
        width, height, depth, *_ = MathTextParser("path").parse(f"${line}$", dpi=72, prop=FONT)
        vertices, codes = TextToPath().get_text_path(FONT, f"${line}$", ismath=True)
    except ValueError as error:
        raise ExtensionError(f"not a formula that can be drawn: {line}\n{error}") from error
    path = outline(Path(vertices, codes), height)
    full = height + depth
    return (
        f'<svg class="formula" role="img" aria-label="{html.escape(line)}" '
        f'viewBox="0 0 {width:.0f} {full:.0f}" style="width:{width / EM:.3f}em;'
        f'height:{full / EM:.3f}em;vertical-align:{-depth / EM:.3f}em">'
        f'<path d="{path}"/></svg>'
    )


def outline(path: Path, top: float) -> str:
    """Return a path in SVG's words; its y axis points down, from ``top``."""
    parts = []
    for points, code in path.iter_segments(curves=True, simplify=False):
        if code == Path.CLOSEPOLY:
            parts.append("Z")
            continue
        points = points.reshape(-1, 2)
        xy = " ".join(f"{x:.0f} {top - y:.0f}" for x, y in points)
        parts.append(LETTERS[code] + xy)
    return "".join(parts)
