"""The recipes of CONTRIBUTING.md: read from the page, and applied to a copy of the tree."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "CONTRIBUTING.md"
BLOCK = re.compile(r"^```(?P<fence>python|diff)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
PATH = re.compile(r"`((?:src|tests|docs)/[\w/]+\.(?:py|md))`")


@dataclass(frozen=True)
class Step:
    """A block of a recipe: a new file, or lines to insert into one that is there."""

    recipe: str
    path: str
    new: bool
    body: str

    def apply(self, tree: Path) -> None:
        target = tree / self.path
        if self.new:
            assert not target.exists(), f"{self.path} is there already"
            target.write_text(self.body, "utf-8")
        else:
            target.write_text(inserted(target.read_text("utf-8"), self.body), "utf-8")


def steps() -> Iterator[Step]:
    """Yield the blocks of all recipes, in order; each belongs to the path that was named last."""
    section = PAGE.read_text("utf-8").partition("\n## Recipes\n")[2].partition("\n## ")[0]
    for part in section.split("\n### ")[1:]:
        recipe, _, text = part.partition("\n")
        for block in BLOCK.finditer(text):
            path = PATH.findall(text[: block.start()])[-1]
            yield Step(recipe, path, block["fence"] == "python", block["body"])


def inserted(text: str, lines: str) -> str:
    """Return the text with the ``+`` lines where the lines of context say.

    >>> inserted("a\\nb\\nc\\n", " b\\n+new\\n")
    'a\\nb\\nnew\\nc\\n'
    """
    given = lines.splitlines()
    before = "".join(f"{line[1:]}\n" for line in given if line[0] == " ")
    after = "".join(f"{line[1:]}\n" for line in given)
    found = f"\n{text}".count(f"\n{before}")
    assert found == 1, f"these lines occur {found} times:\n{before}"
    return f"\n{text}".replace(f"\n{before}", f"\n{after}")[1:]


def applied(tree: Path) -> None:
    """Copy the tree, and apply every recipe to it."""
    for folder in ("src", "tests", "docs", "benchmarks"):
        shutil.copytree(REPOSITORY / folder, tree / folder, ignore=shutil.ignore_patterns("_build"))
    for name in ("pyproject.toml", "CONTRIBUTING.md"):
        shutil.copy2(REPOSITORY / name, tree / name)
    for step in steps():
        step.apply(tree)
