"""Formulas as MathML, which browsers draw themselves: pages need no script, font or network."""

from __future__ import annotations

import html
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator


def inline(self: HTML5Translator, node: nodes.math) -> None:
    self.body.append(mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def block(self: HTML5Translator, node: nodes.math_block) -> None:
    number = get_node_equation_number(self, node) if node["number"] else ""
    label = f'<span class="eqno">({html.escape(number)})</span>' if number else ""
    # a formula wider than a telephone scrolls by itself; one that scrolls must take the keyboard
    self.body.append(
        self.starttag(node, "div", CLASS="math", role="group", tabindex="0")
        + label
        + mathml(node.astext(), "block")
        + "</div>\n"
    )
    raise nodes.SkipNode


def mathml(latex: str, display: str) -> str:
    return str(convert(latex, display=display))


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
