"""The architecture page names the modules there are, and the layers that are enforced."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "architecture.md").read_text("utf-8")


def section(title: str) -> str:
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_layers_are_those_of_the_contract() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
    (contract,) = project["tool"]["importlinter"]["contracts"]
    (block,) = re.findall(r"```\n(.*?)\n```", section("Who imports whom"), re.DOTALL)
    assert block.splitlines() == contract["layers"]


def test_every_module_is_named_once() -> None:
    package = REPOSITORY / "src" / "interplay"
    modules = {
        path.stem
        for path in package.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    rows = re.findall(r"^\| (`.*?) \|", section("The folders"), re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(named) == sorted(modules - {"__init__", "__main__", "version"})


def test_registries_are_where_the_page_says() -> None:
    rows = re.findall(r"`(\w+)` in `([\w/.]+)`", section("Where to add what"))
    assert len(rows) == 9
    for name, place in rows:
        path = REPOSITORY / "src" / "interplay" / place
        files = path.glob("*.py") if path.is_dir() else [path]
        found = rf"^(def )?{name}\b[^\n]*[=(]"
        assert any(re.search(found, file.read_text("utf-8"), re.MULTILINE) for file in files), name
