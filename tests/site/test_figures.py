"""Figures of the decision page stand in the benchmark pages that it links beside them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
FIGURE = re.compile(r"\b\d+\.\d+\b")


def claims():
    """Yield (text, pages) of every row and paragraph; a table without links has those before it."""
    text = (DOCS / "which_method.md").read_text("utf-8")
    before: set[str] = set()
    for block in re.split(r"\n(?=\||- |\d\. )|\n\n", text):
        pages = set(re.findall(r"\]\((benchmarks/\w+\.md)", block))
        linked = pages or (before if block.startswith("|") else set())
        before = linked
        yield re.sub(r"`[^`]*`|\]\([^)]*\)", "", block), linked


@pytest.mark.parametrize(("text", "pages"), [c for c in claims() if FIGURE.search(c[0])])
def test_figures_are_those_of_the_benchmarks(text, pages):
    measured = {
        float(figure)
        for page in pages
        for figure in FIGURE.findall((DOCS / page).read_text("utf-8"))
    }
    told = re.sub(r"shapiq 1\.8", "", text)
    if "The first line translates" in text:  # the two thresholds of the verdict
        measured |= {0.5, 0.8}
    if text.startswith("- **Language models") or "noisy test can show" in text:
        measured.add(0.9)  # the R² that was asked for; one less a tenth
    missing = {figure for figure in map(float, FIGURE.findall(told)) if figure not in measured}
    assert not missing, text
