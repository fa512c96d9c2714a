"""What docs/_ext adds to Sphinx; skipped where ``make docs`` has not installed it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import interplay as ip

errors = pytest.importorskip("sphinx.errors", reason="make docs installs Sphinx")
sys.path.append(str(Path(__file__).parents[2] / "docs" / "_ext"))

formulas = pytest.importorskip("formulas")
public_names = pytest.importorskip("public_names")


def test_a_formula_is_drawn_with_its_text():
    drawn = formulas.drawn(r"\sum_{T} F(T)^2 < 1")
    assert drawn.startswith("<svg")
    assert 'aria-label="\\sum_{T} F(T)^2 &lt; 1"' in drawn
    assert "NaN" not in drawn
    assert 'd="M' in drawn


def test_a_formula_that_cannot_be_drawn_is_told():
    with pytest.raises(errors.ExtensionError, match=r"not a formula that can be drawn: \\nonsense"):
        formulas.drawn(r"\nonsense{x}")


def test_names_are_found_where_they_are_defined_and_where_they_are_public():
    assert public_names.found("interplay.evaluate.RayExecutor") is ip.RayExecutor
    assert public_names.found("interplay.surrogates.base.Surrogate") is ip.Surrogate
    assert public_names.found("interplay.nothing.at.all") is None
    assert public_names.found("numpy.ndarray") is None


def test_types_are_words_and_code_stays_code():
    lines = [":type x: sequence of str", ":type y: ``(m,)``", ":param x: kept"]
    public_names.types_are_words(None, "function", "f", None, None, lines)
    assert lines == [":type x: *sequence of str*", ":type y: ``(m,)``", ":param x: kept"]


def test_the_first_sentence_of_a_property_is_whole():
    napoleon = pytest.importorskip("sphinx.ext.napoleon")
    lines = ["Variance over uniform masks: the sum of squares."]
    public_names.sentences_are_whole(None, "property", "f", None, None, lines)
    made = napoleon.NumpyDocstring(lines, what="property", name="f", obj=ip).lines()
    public_names.types_are_words(None, "property", "f", None, None, made)
    assert made[0] == "Variance over uniform masks: the sum of squares."
    assert not any(":type:" in line for line in made)
