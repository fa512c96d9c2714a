"""docs/cli.md says what ``--help`` says, about every command."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from interplay.cli import app

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
COMMANDS = sorted(name for name in app if not name.startswith("-"))


def test_there_are_the_commands_of_this_version() -> None:
    assert COMMANDS == [
        "compare",
        "components",
        "demo",
        "explain",
        "fit",
        "flip",
        "prune",
        "replay",
        "report",
        "runs",
        "select",
        "training-data",
        "view",
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_documented_help_is_the_help(command: str, interplay) -> None:
    """``INTERPLAY_UPDATE_DOCS=1 pytest tests/cli/test_documentation.py`` writes it anew."""
    done = interplay(command, "--help")
    assert done.returncode == 0
    told = "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())
    for flag in re.findall(r"^│ [* ]{0,3}(--.*)", told, re.MULTILINE):
        assert re.match(r"--[a-z-]+( [A-Z]+)?(\.\.\.)?  +\S+ \S+", flag), (
            f"{command} {flag} is not explained"
        )
    block = re.compile(rf"(?<=\n## interplay {command}\n\n```\n).*?(?=```)", re.DOTALL)
    page = PAGE.read_text("utf-8")
    assert block.search(page), f"docs/cli.md has no section '## interplay {command}'"
    if os.environ.get("INTERPLAY_UPDATE_DOCS") == "1":
        PAGE.write_text(block.sub(lambda _: told + "\n", page, count=1), "utf-8")
    else:
        assert block.search(page)[0] == told + "\n"


def test_help_flows_to_the_width_of_the_terminal(interplay) -> None:
    """Line breaks of a docstring are those of the source, not of the reader."""
    told = interplay("explain", "--help").stdout
    assert '"id": ...} each, and show what they have in' in told
    wide = interplay("view", "--help", COLUMNS="200").stdout
    assert "and the runs that --save wrote. Ctrl-C ends it." in wide


def test_help_and_version_are_light(interplay) -> None:
    done = interplay("--version", PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0
    for heavy in ("torch", "transformers", "jinja2", "rich.progress", "pandas", "sklearn"):
        assert not re.search(rf"\| +{re.escape(heavy)}\n", done.stderr), f"{heavy} is imported"


def test_the_name_alone_prints_the_help(interplay) -> None:
    done = interplay()
    assert done.returncode == 0
    assert all(name in done.stdout for name in COMMANDS)
    assert interplay("--version").stdout.strip() == __import__("interplay").__version__
