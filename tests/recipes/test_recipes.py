"""The recipes of CONTRIBUTING.md work as they stand there, and the project's own suites say so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from recipes import applied, steps

SUITES = {
    "tests/surrogates/test_fit.py": "least-squares",
    "tests/test_indices.py": "CHII or oracle",
    "tests/test_package.py": "public_names",
    "tests/report/test_plots.py": "plots_itself",
    "src/interplay/lenses/settings.py": "settings.settings",
    "tests/recipes/applied": "test_applied",
}
"""What the recipes say checks what they add, and what shows it at work: tests of these names."""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("recipes")
    applied(tree)
    return tree


def _run(tree: Path, *command: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(tree / "src"), "INTERPLAY_RECIPES": "1"}
    done = subprocess.run(
        [sys.executable, *command], cwd=tree, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_there_is_a_recipe_for_each() -> None:
    found = dict.fromkeys(step.recipe for step in steps())
    assert list(found) == ["A surrogate", "A lens", "A model provider", "An index", "A plot"]


def test_what_they_write_is_in_our_style(tree: Path) -> None:
    touched = sorted({step.path for step in steps() if step.path.endswith(".py")})
    _run(tree, "-m", "ruff", "check", *touched)
    _run(tree, "-m", "ruff", "format", "--check", *touched)


def test_what_they_add_passes_the_suites(tree: Path) -> None:
    _run(
        tree, "-m", "pytest", "-p", "no:cacheprovider", *SUITES, "-k", " or ".join(SUITES.values())
    )
