"""The API reference: every public name on exactly one page, every page in the index."""

from __future__ import annotations

import re
from collections import Counter
from importlib import import_module
from pathlib import Path

import interplay as ip

API = Path(__file__).parents[2] / "docs" / "api"
DIRECTIVE = re.compile(r"^\.\. (\w+):: *(\S*)", re.MULTILINE)


def documented(page: Path) -> list[str]:
    """Return what a page documents by name, names of the current module made whole."""
    names, module = [], ""
    for directive, name in DIRECTIVE.findall(page.read_text("utf-8")):
        if directive == "currentmodule":
            module = name
        elif directive in ("autofunction", "autoclass", "autoexception", "autodata", "data"):
            name = name.removesuffix("()")
            names.append(name if "." in name else f"{module}.{name}")
    return names


def test_every_public_name_is_documented_on_exactly_one_page() -> None:
    times = Counter(name for page in API.glob("*.rst") for name in documented(page))
    assert not [name for name, count in times.items() if count > 1]
    assert {f"interplay.{name}" for name in ip.__all__} <= set(times)


def test_what_is_documented_is_there_and_has_a_docstring() -> None:
    for page in API.glob("*.rst"):
        for name in documented(page):
            module, _, last = name.rpartition(".")
            thing = getattr(import_module(module), last)
            assert not callable(thing) or thing.__doc__, name


def test_the_index_leads_to_every_page() -> None:
    index = (API / "index.md").read_text("utf-8")
    toctree = index.partition("```{toctree}")[2].partition("```")[0].split()
    pages = sorted(page.stem for page in API.glob("*.rst"))
    assert sorted(word for word in toctree if not word.startswith(":")) == pages
    assert all(f"({page}.rst)" in index for page in pages)
