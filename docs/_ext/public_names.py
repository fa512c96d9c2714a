"""Names in docstrings lead to where they are documented, and only they do.

A docstring may name a public thing by the module that defines it, or by the last parts of its name.
What stands in the place of a type ("sequence of str", "values per target") are words, which Sphinx
would otherwise look up one by one.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.inspect import TypeAliasForwardRef

TYPE = re.compile(r"^(\s*:(?:type|vartype|rtype)[^:]*: |\s+:type: )([^`*\n]+)$")

COLON = "\ue000"
"""Stands for a colon that Napoleon must not see."""


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("missing-reference", resolve)
    app.connect("autodoc-process-docstring", sentences_are_whole, priority=100)  # before napoleon
    app.connect("autodoc-process-docstring", types_are_words, priority=900)  # after napoleon
    app.connect("autodoc-process-signature", results_are_not_made)
    # ``Stop | None``: within other types Sphinx prints the object that stands for an alias
    TypeAliasForwardRef.__repr__ = lambda alias: alias.name  # type: ignore[method-assign]
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, contents: nodes.TextElement
) -> nodes.Element | None:
    """``interplay.evaluate.RayExecutor``, say, is documented as ``interplay.RayExecutor``."""
    if node.get("refdomain") != "py":
        return None
    target, domain = node["reftarget"], env.domains.python_domain
    last = "." + target.rpartition(".")[2]
    alike = [name for name in domain.objects if name.endswith(last)]
    thing = found(target)
    if thing is not None:
        documented = [name for name in alike if found(name) is thing]
    elif node["reftype"] == "class":  # of annotations and types, mostly: words, other packages
        return None
    else:
        documented = [name for name in alike if name.endswith("." + target)]
    own = sorted(documented, key=lambda name: (name.count("."), name))[:1]
    if not own:
        return None
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", own[0], node, contents)


def found(dotted: str) -> Any:
    """What a dotted name of interplay stands for, or None."""
    parts = dotted.split(".")
    if parts[0] != "interplay":
        return None
    thing: Any = import_module("interplay")
    for place, part in enumerate(parts[1:], start=2):
        if not hasattr(thing, part):
            try:
                import_module(".".join(parts[:place]))
            except ImportError:
                return None
        thing = getattr(thing, part, None)
    return thing


def sentences_are_whole(
    app: Sphinx, what: str, name: str, obj: object, options: Any, lines: list[str]
) -> None:
    """Of a property Napoleon takes what stands before a colon in the first line for its type."""
    if what in ("property", "attribute", "data") and lines:
        lines[0] = lines[0].replace(": ", f"{COLON} ")


def types_are_words(
    app: Sphinx, what: str, name: str, obj: object, options: Any, lines: list[str]
) -> None:
    lines[:] = [TYPE.sub(r"\1*\2*", line).replace(COLON, ":") for line in lines]


def results_are_not_made(
    app: Sphinx, what: str, name: str, obj: object, options: Any, signature: str | None, result: Any
) -> tuple[str, None] | None:
    """Classes that are written with ``()`` are made by functions: how, is nobody's business."""
    return ("", None) if what == "class" and signature == "()" else None
